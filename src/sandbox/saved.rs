//! The books in a file: written whole beside it and renamed, so that a broken write leaves the old state.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ledger::{Habits, Ledger};
use super::platform::StateError;

/// What a state file holds.
#[derive(Deserialize)]
struct Saved<'a> {
    seed: u64,
    #[serde(borrow)]
    books: &'a RawValue,
}

/// Writes the books; the file's length.
pub(super) fn save(path: &Path, seed: u64, ledger: &Ledger) -> Result<u64, StateError> {
    let books = ledger.written().map_err(|cause| StateError::Unreadable(path.to_path_buf(), cause))?;
    let text = [format!("{{\"seed\":{seed},\"books\":").as_bytes(), &books, b"}"].concat();
    let beside = path.with_extension("tmp");
    let written = fs::write(&beside, &text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|cause| StateError::File(path.to_path_buf(), cause))?;
    Ok(text.len() as u64)
}

/// Reads books that were saved over the people of this seed.
pub(super) fn taken_up(path: &Path, seed: u64, habits: Habits) -> Result<Ledger, StateError> {
    let bytes = fs::read(path).map_err(|cause| StateError::File(path.to_path_buf(), cause))?;
    let unreadable = |cause| StateError::Unreadable(path.to_path_buf(), cause);
    let saved: Saved<'_> = serde_json::from_slice(&bytes).map_err(unreadable)?;
    if saved.seed != seed {
        return Err(StateError::OtherSeed { path: path.to_path_buf(), saved: saved.seed });
    }
    Ledger::taken_up(saved.books.get().as_bytes(), seed, habits).map_err(unreadable)
}
