//! The sealed segments of a journal become archives, oldest first.

use std::path::Path;

use crate::evidence::archive::{Kept, NotArchived, archive, file_name};
use crate::journal::Journal;
use crate::signing::sm2::Verifier;

/// What became of the sealed segments.
#[derive(Debug, Default)]
pub struct Archived {
    /// Archived now.
    pub now: Vec<u32>,
    /// Their archive stood there already.
    pub before: usize,
    /// The newest ones wait for this: no checkpoint counts them yet.
    pub waiting: Option<String>,
}

/// Archives every sealed segment of an open journal into `dir`. With `thorough` an archive that stands there is read and
/// verified, else it is believed. Blocks.
///
/// # Errors
/// When a segment is damaged, or something cannot be read or written; what was archived before it stays.
pub fn archive_all(
    journal: &Journal,
    data: &Path,
    key: &Verifier,
    dir: &Path,
    thorough: bool,
) -> Result<Archived, NotArchived> {
    let mut archived = Archived::default();
    let segments = journal.segments();
    for pair in segments.windows(2) {
        let number = pair[0].segment_no;
        if !thorough && dir.join(file_name(journal.id(), number)).is_file() {
            archived.before += 1;
            continue;
        }
        match archive(data, number, key, dir) {
            Ok(Kept::Before) => archived.before += 1,
            Ok(Kept::Now) => archived.now.push(number),
            Ok(Kept::Again) => {
                tracing::warn!(segment = number, "an archive did not verify and was made anew");
                archived.now.push(number);
            }
            Err(waits @ NotArchived::NotSigned { .. }) => {
                archived.waiting = Some(waits.to_string());
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(archived)
}
