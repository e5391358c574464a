//! Why there is no list of the platform.

use crate::domain::outcome::Outcome;
use crate::exchange::own::NotCalled;
use crate::journal::bodies::BodyError;
use crate::journal::keys::KeyError;
use crate::journal::{AppendError, ReadError};

use super::super::derived::ReadTrouble;
use super::submit::ENTRIES_MAX;

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum NotStated {
    /// The profile does not say how.
    #[error("the profile names no reconciliation ([submission]). 本省配置未说明对账交易")]
    NoSubmission,
    /// The profile asks for a field that nobody can fill.
    #[error("field {0} of [submission] is not known here; take it out or say it under `fixed`")]
    Field(String),
    /// No settlement of the institution in whose envelope the gateway could speak.
    #[error("institution {0} has no settlement of late in whose envelope the gateway could ask")]
    NoTemplate(String),
    /// Too many rows.
    #[error("{0} rows are more than one file may hold ({ENTRIES_MAX} rows, 1 MiB packed)")]
    TooMany(usize),
    /// The platform did not answer as it must.
    #[error("{infno} was not answered: {outcome:?} ({cause})")]
    Unanswered {
        /// 交易编号.
        infno: String,
        /// What became of it.
        outcome: Outcome,
        /// Why.
        cause: &'static str,
    },
    /// The answer lacks something.
    #[error("the answer of {0} does not say {1}")]
    Lacks(String, &'static str),
    /// The result cannot be read.
    #[error("对账结果文件无法读取：{0}")]
    Result(String),
    /// The ledgers.
    #[error(transparent)]
    Ledgers(#[from] ReadTrouble),
    /// A call.
    #[error(transparent)]
    Call(#[from] NotCalled),
    /// A record.
    #[error("a record cannot be read: {0}")]
    Read(#[from] ReadError),
    /// The index or the disk.
    #[error("the index or the disk: {0}")]
    Io(#[from] std::io::Error),
    /// No key to seal the list with.
    #[error("the list cannot be sealed: {0}")]
    Key(#[from] KeyError),
    /// A stored answer.
    #[error("a stored answer cannot be read: {0}")]
    Body(#[from] BodyError),
    /// The journal.
    #[error("the list cannot be journaled: {0}")]
    Append(#[from] AppendError),
}
