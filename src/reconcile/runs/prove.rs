//! What a ledger of the HIS proves of an exchange becomes a Decision of its case, once.

use crate::domain::token::Token;
use crate::exchange::decision::{Evidence, GATEWAY, Step, draft};
use crate::exchange::history::intent_of;
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::{AppendError, Journal, ReadError};

use super::run::Proof;

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
        if intent.header.seq != proof.intent || is_known(journal, proof)? {
            continue;
        }
        let mut draft = draft(&intent.header, Step::Evidence, GATEWAY, at_unix_ns);
        let evidence = Evidence { his: Some(proof.shown), ..Evidence::default() };
        evidence.add_to(&mut draft, proof.intent);
        draft.facts.text(Fact::Text, &format!("院内账（记录{}）第{}行", proof.record, proof.line));
        draft.facts.number(Fact::EvidenceSeq, proof.record.0);
        journal.append(draft).await?;
        journaled += 1;
    }
    Ok(journaled)
}

/// Whether it is journaled that the HIS shows this: a corrected file that says the same proves nothing new.
fn is_known(journal: &Journal, proof: &Proof) -> Result<bool, NotProven> {
    let places = journal.lookup(EntryKind::Exchange, Token(proof.id.0))?;
    for place in places.into_iter().filter(|place| proof.intent < place.seq) {
        let evidence = Evidence::of(&journal.read(place)?);
        if evidence.is_some_and(|evidence| evidence.his == Some(proof.shown)) {
            return Ok(true);
        }
    }
    Ok(false)
}
