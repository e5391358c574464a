//! What a ledger of the HIS proves of an exchange becomes a Decision of its case, once.

use crate::domain::token::Token;
use crate::exchange::decision::{Evidence, GATEWAY, Step, draft};
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
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
        let mut intent = None;
        let mut known = false;
        for place in journal.lookup(EntryKind::Exchange, Token(proof.id.0))? {
            let record = journal.read(place)?;
            if record.header.known_kind() == Some(Kind::Intent) {
                intent = Some(record.header);
            } else if let Some(evidence) = Evidence::of(&record) {
                // A corrected file that says the same proves nothing new.
                known |= evidence.his == Some(proof.shown);
            }
        }
        let Some(intent) = intent.filter(|intent| intent.seq == proof.intent && !known) else { continue };
        let mut draft = draft(&intent, Step::Evidence, GATEWAY, at_unix_ns);
        let evidence = Evidence { his: Some(proof.shown), ..Evidence::default() };
        evidence.add_to(&mut draft, proof.intent);
        draft.facts.text(Fact::Text, &format!("院内账（记录{}）第{}行", proof.record, proof.line));
        draft.facts.number(Fact::EvidenceSeq, proof.record.0);
        journal.append(draft).await?;
        journaled += 1;
    }
    Ok(journaled)
}
