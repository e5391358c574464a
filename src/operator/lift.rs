//! Takes the fence of one settlement away: a person answers for it that a similar one may be charged (`money.md` §5).

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::exchange::decision::{self, Step};
use crate::exchange::history::intent_of;
use crate::journal::facts::Fact;
use crate::journal::{AppendError, Journal, ReadError};

use super::act::short;

/// Why no fence was taken away.
#[derive(Debug, thiserror::Error)]
pub enum LiftError {
    /// There is no such settlement.
    #[error("{0} is no settlement of this journal")]
    NoSettlement(ExchangeId),
    /// The index.
    #[error("the index cannot be read: {0}")]
    Index(#[from] std::io::Error),
    /// A record.
    #[error("a record cannot be read: {0}")]
    Read(#[from] ReadError),
    /// The journal.
    #[error("nothing was done, because it cannot be journaled: {0}")]
    Append(#[from] AppendError),
}

/// Journals a Decision after which the settlement `id` holds nothing back any more; returns its number once it is durable.
///
/// # Errors
/// When there is no such settlement, or the journal cannot be read or written.
pub async fn lift(journal: &Journal, id: ExchangeId, who: &str, why: &str, at_unix_ns: i64) -> Result<Seq, LiftError> {
    let intent = intent_of::<LiftError>(journal, id)?.filter(|intent| intent.header.class == Class::Money as u8);
    let intent = intent.ok_or(LiftError::NoSettlement(id))?.header;
    let mut draft = decision::draft(&intent, Step::LiftFence, who, at_unix_ns);
    draft.facts.text(Fact::Reason, short(why));
    Ok(journal.append(draft).await?)
}
