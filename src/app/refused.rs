//! What rules refused a call for, out of the journal.

use crate::console::refused::RefusedCall;
use crate::domain::exchange::Seq;
use crate::journal::Journal;
use crate::journal::reader::FollowError;

/// The call that a record says was refused; `None` where this record says something else, or is gone.
///
/// # Errors
/// When the journal cannot be read.
pub(super) fn refused(journal: &Journal, reference: u64) -> Result<Option<RefusedCall>, FollowError> {
    if Seq(reference) < journal.trimmed_to() {
        return Ok(None);
    }
    let record = journal.records(Seq(reference)).next_record()?;
    Ok(record.filter(|record| record.header.seq == Seq(reference)).as_ref().and_then(RefusedCall::of))
}
