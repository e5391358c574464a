//! The HIS's own ledger of a day out of a view in the HIS's database, which is only read.
//!
//! What the query gives becomes a CSV text (every value as the database writes it, so that money is never a float), and that text
//! goes the way of every file: stored sealed as it comes, checked as a whole, journaled or not taken.

pub mod settings; // Where the view is, and what is asked of it.
pub mod trouble; // Why it was not read, for hospital people.

mod query; // One connection, one statement, row by row.
mod reading; // What arrives, as a file that is read.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::journal::Journal;
use crate::keys::Sources;

use super::import::{Asked, ImportTrouble, Imported, import};
use super::mapping;

pub use settings::{Kind, Settings};
pub use trouble::NotRead;

use reading::Reading;

/// Imports the ledger that the view gives for `asked.day`; its name is the view's. Reads block; call it off the runtime.
///
/// Ends when `stop` does, within `read_seconds` at the latest; nothing is taken then.
///
/// # Errors
/// Why the view was not read to its end, what is wrong with its rows, or what failed.
pub async fn import_view(
    journal: &Journal,
    data: &Path,
    (his, view): (&mapping::Settings, &Settings),
    asked: &Asked,
    stop: &CancellationToken,
    at_unix_ns: i64,
) -> Result<Imported, ImportTrouble> {
    if view.kind == Kind::Off {
        return Err(NotRead::Unset.into());
    }
    let password = Sources::of_process().secret(&view.password_file).map_err(NotRead::Password)?;
    let mut reading = Reading::begin(view.clone(), password, asked.day, stop)?;
    // Whatever the HIS's files are written in: this text is our own.
    let his = mapping::Settings { encoding: "utf-8".to_owned(), ..his.clone() };
    let asked = Asked { name: view.name(), ..asked.clone() };
    match import(journal, data, &his, &asked, &mut reading, at_unix_ns).await {
        // What the reading says comes back through the reader of files.
        Err(ImportTrouble::Io(error)) => Err(match error.downcast::<NotRead>() {
            Ok(not_read) => not_read.into(),
            Err(error) => error.into(),
        }),
        done => done,
    }
}
