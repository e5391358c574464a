//! Judgement: profile text to typed profile; which transaction, class, business key, answer shape.
//!
//! How provinces differ is data in `profiles/`; this folder only reads and applies it, and does no I/O.

pub mod texts; // Built-in and site's own profile files.
pub mod transaction; // What one transaction is to the gateway.

mod load; // Texts to profile, or all complaints.

mod rules; // What the files say.

mod apply; // One file laid over what was said before.
mod apply_wire; // Its sections of paths, hosts, answers and tables.

mod build; // Sections to transactions.
mod check_wire; // What they say of paths, routes and results.

pub mod cure; // The dictionary of refusals.
pub mod envelope; // What a request and a reply say of themselves.
mod grant; // The token that calls bear.
pub mod identity; // Which transaction a request is.
pub mod inquiry; // Whether what a recorded call did still stands.
pub mod key; // The business key of a request.
pub mod labels; // What fields are called, and which are personal.
pub mod law; // Which amounts must add up to which, and what a refund says of its settlement.
pub mod own; // A call of the gateway's own.
pub mod refusal; // The gateway's own words, in the platform's shape.
pub mod sign_in; // How an operator is signed in.
mod signing; // What a platform asks of a signature.
pub mod sources; // Every value with the file and line that says it.
pub mod submission; // What a hospital submits for reconciliation.
pub mod undo; // How the gateway takes back what an earlier call did.
pub mod wire; // Paths, routes, the platform's answers, results of reconciliation.

mod canonical; // One spelling for compared values.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::scan::Wanted;

pub use crate::domain::spec::complaint::Complaint;
pub use cure::Cure;
pub use envelope::{Envelope, ReplyView};
pub use identity::Identity;
pub use inquiry::{Inquiry, Stands};
pub use key::{KeyParts, Similar};
pub use law::{BrokenLaw, Money};
pub use own::OwnCall;
pub use refusal::{NativeBody, Refused, UnknownText};
pub use sign_in::SignIn;
pub use sources::Sources;
pub use submission::Submission;
pub use texts::Texts;
pub use transaction::{ErrClass, FreedBy, KeyRule, OnRepeat, Transaction};
pub use undo::{Undo, UndoneBy};

use rules::Rules;

/// One province's interface, or the national baseline.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name: the file without `.toml`.
    pub name: String,
    resolved: String,
    wanted: Arc<Wanted>,
    reply_wanted: Arc<Wanted>,
    transactions: BTreeMap<String, Transaction>,
    unclassified: Transaction,
    /// Transaction → (key family, field of its request that names the key's owner) that it frees when confirmed.
    frees: BTreeMap<String, Vec<(String, String)>>,
    /// Key on the wire → what it is to us.
    roles: HashMap<String, Vec<envelope::Role>>,
    rules: Rules,
}

impl Profile {
    /// Reads a profile with its ancestors.
    ///
    /// # Errors
    /// Every complaint about every file that takes part.
    pub fn load(name: &str, texts: &Texts) -> Result<Profile, Vec<Complaint>> {
        load::load(name, texts)
    }

    /// Reads a profile back from the resolved text of a Snapshot.
    ///
    /// # Errors
    /// When it is none, or of a version whose words this one does not know.
    pub fn of_resolved(text: &str) -> Result<Profile, Vec<Complaint>> {
        load::of_resolved(text)
    }

    /// Name for people.
    pub fn title(&self) -> &str {
        &self.rules.title
    }

    /// Leading digits of its administrative divisions (`61`); empty for no one province. Packs of rules are chosen by it.
    pub fn region(&self) -> &str {
        &self.rules.region
    }

    /// The texts in force, ancestors first, for the journal's Snapshot.
    pub fn resolved_text(&self) -> &str {
        &self.resolved
    }

    /// Keys to scan a request for.
    pub fn wanted(&self) -> Arc<Wanted> {
        Arc::clone(&self.wanted)
    }

    /// Keys to scan a reply for.
    pub fn reply_wanted(&self) -> Arc<Wanted> {
        Arc::clone(&self.reply_wanted)
    }

    /// The transaction of a number; an unknown number gives the one that is unclassified and has no number.
    pub fn transaction(&self, infno: &str) -> &Transaction {
        self.transactions.get(infno).unwrap_or(&self.unclassified)
    }

    /// All transactions the profile knows, in the order of their numbers.
    pub fn transactions(&self) -> impl Iterator<Item = &Transaction> {
        self.transactions.values()
    }

    /// The key families that a confirmed call of this transaction frees, and the field of its request that names the key's owner.
    pub fn frees(&self, infno: &str) -> &[(String, String)] {
        self.frees.get(infno).map_or(&[], Vec::as_slice)
    }

    /// What an `err_msg` beside -1 means: texts that name the transaction are tried before texts for all.
    pub fn err_class(&self, infno: &str, err_msg: &str) -> ErrClass {
        let text = err_msg.to_lowercase();
        let fits = |err: &&rules::Err| err.contains.iter().any(|part| text.contains(&part.to_lowercase()));
        let best = |named: bool| {
            let spoken_to =
                |err: &&rules::Err| if named { err.infno.iter().any(|one| one == infno) } else { err.infno.is_empty() };
            let fitting = self.rules.errs.values().filter(spoken_to).filter(fits);
            fitting.map(|err| err.class).min_by_key(|class| rank(*class))
        };
        best(true).or_else(|| best(false)).unwrap_or(ErrClass::Unrecognised)
    }

    /// True for a `code` with which a gateway in front of the platform says that it passed nothing on.
    pub fn refuses_by_code(&self, code: &str) -> bool {
        self.rules.refusing_codes.iter().any(|one| one == code)
    }

    /// True for a status with which a box in front of the platform says that it passed nothing on.
    pub fn refuses_by_status(&self, status: u16) -> bool {
        self.rules.refusing_statuses.contains(&status)
    }

    /// The names on the wire of one of our names.
    fn names(&self, ours: &str) -> &[String] {
        self.rules.names.get(ours).map_or(&[], Vec::as_slice)
    }
}

/// Doubt comes first: a text that fits several classes counts as the one that does least.
fn rank(class: ErrClass) -> u8 {
    match class {
        ErrClass::MeansUnknown => 0,
        ErrClass::AlreadyDone => 1,
        ErrClass::NotSignedIn => 2,
        ErrClass::Refused | ErrClass::Unrecognised => 3,
    }
}

#[cfg(test)]
mod bad_profiles; // Wrong texts, and what is said of them.
#[cfg(test)]
mod provinces; // What the built-in profiles come to.
#[cfg(test)]
mod tests;
