//! What a ledger of the HIS proves of an exchange becomes a Decision of its case, once.

use crate::domain::outcome::Outcome;
use crate::domain::token::Token;
use crate::exchange::decision::{Evidence, GATEWAY, Step, draft};
use crate::exchange::history::intent_of;
use crate::exchange::stand::Platform;
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::record::{Header, Kind};
use crate::journal::{AppendError, Journal, ReadError};

use super::super::ledger::day::Day;
use super::run::Proof;

/// How far clocks may be apart.
const MIDNIGHT_NS: i64 = 3_600_000_000_000;

/// Why a proof was not journaled.
#[derive(Debug, thiserror::Error)]
pub enum NotProven {
    /// The index.
    #[error("the index cannot be read: {0}")]
    Index(#[from] std::io::Error),
    /// A record.
    #[error("a record cannot be read: {0}")]
    Read(#[from] ReadError),
    /// The journal.
    #[error("the proof cannot be journaled: {0}")]
    Append(#[from] AppendError),
}

/// Journals what is not journaled yet; gives how many that were.
///
/// # Errors
/// When the journal cannot be read or written; what was journaled before stays.
pub async fn prove(journal: &Journal, proofs: &[Proof], at_unix_ns: i64) -> Result<usize, NotProven> {
    let mut journaled = 0;
    for proof in proofs {
        let Some(intent) = intent_of::<NotProven>(journal, proof.id)? else { continue };
        if intent.header.seq != proof.intent || is_without_effect(journal, proof, &intent.header)? {
            continue;
        }
        let mut draft = draft(&intent.header, Step::Evidence, GATEWAY, at_unix_ns);
        proof.evidence.add_to(&mut draft, proof.intent);
        draft.facts.text(Fact::Text, &says(proof));
        draft.facts.number(Fact::EvidenceSeq, proof.record.0);
        journal.append(draft).await?;
        journaled += 1;
    }
    Ok(journaled)
}

/// Whether it adds nothing, or must not: a corrected ledger that says the same proves nothing new. What would free a key is held to
/// everything else that is known of the exchange: a list against other proof is for a person.
fn is_without_effect(journal: &Journal, proof: &Proof, intent: &Header) -> Result<bool, NotProven> {
    let places = journal.lookup(EntryKind::Exchange, Token(proof.id.0))?;
    let frees = proof.evidence.platform == Some(Platform::DidNot);
    // A call just after midnight may stand on the list of the day before, where the platform's clock is behind ours.
    if frees && intent.at_unix_ns - Day::at(intent.at_unix_ns).begins_at() < MIDNIGHT_NS {
        return Ok(true);
    }
    for place in places.into_iter().filter(|place| proof.intent < place.seq) {
        let record = journal.read(place)?;
        let evidence = Evidence::of(&record);
        if evidence == Some(proof.evidence) {
            return Ok(true);
        }
        let confirmed =
            record.header.known_kind() == Some(Kind::Outcome) && record.header.outcome == Outcome::Confirmed as u8;
        let was_done = confirmed || evidence.is_some_and(|evidence| evidence.platform == Some(Platform::Did));
        if frees && was_done {
            tracing::warn!(exchange = %proof.id, list = proof.record.0, "the platform's lists lack a call that was proven to be done: a person must look");
            return Ok(true);
        }
    }
    Ok(false)
}

fn says(proof: &Proof) -> String {
    let Proof { record, line, evidence, .. } = proof;
    match (evidence.platform, line) {
        (None, line) => format!("院内账（记录{record}）第{line}行"),
        (Some(_), 0) => format!("当日与次日的平台明细（至记录{record}）都没有"),
        (Some(Platform::Undone), line) => format!("平台明细（记录{record}）第{line}行：平台没有这笔"),
        (Some(_), line) => format!("平台明细（记录{record}）第{line}行"),
    }
}
