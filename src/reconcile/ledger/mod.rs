//! The ledgers that are laid beside each other: the gateway's own and the HIS's, a row per settlement and per refund.
//!
//! One SQLite file, derived from the journal and deletable: the own rows from INTENT and OUTCOME, the HIS's from the files
//! that were imported (`Kind::Ledger`). A day is the platform's: the date of `setl_time` (`money.md` §7).

pub mod amounts; // What a row sums up, and its sign.
pub mod day; // A day of the books.
pub mod imported; // The rows of an imported file.
pub mod own; // A row of the own ledger, folded from records.
pub mod read; // The ledgers as readers open them: rows and sums.
pub mod stated; // The platform's own lists.
pub mod store; // Records in, rows out.

pub use read::Ledgers;
pub use store::{Folder, Store};

/// Folder inside the data folder.
pub const FOLDER: &str = "ledgers";

#[cfg(test)]
mod tests; // Real files: what makes a row, and that the ledger comes out the same however it is built.
