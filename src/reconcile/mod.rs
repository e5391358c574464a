//! The finisher: what became of the exchanges whose two sides may disagree, and what ends that.
//!
//! A case is an exchange of which the journal does not prove that platform and HIS hold it for the same. The book of cases
//! is built from the journal, as the views are, and can be deleted; nothing on the line reads it.

pub mod book; // Records in, cases out: SQLite.
pub mod cases; // The book as readers open it.

pub mod his; // The HIS's ledger as a file: read, checked, imported.
pub mod ledger; // Settlements and refunds by day: the own rows and the HIS's.

pub mod matching; // Three ledgers laid beside each other: differences. Pure.

mod advice; // What is to be done about a case: the table.

#[cfg(test)]
mod tests; // Real files: what opens a case and what closes it.

pub use book::Book;
pub use cases::Cases;

/// Folder inside the data folder.
pub const FOLDER: &str = "cases";
