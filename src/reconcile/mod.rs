//! The finisher: what became of the exchanges whose two sides may disagree, and what ends that.
//!
//! A case is an exchange of which the journal does not prove that platform and HIS hold it for the same. The book of cases
//! is built from the journal, as the views are, and can be deleted; nothing on the line reads it.

pub mod derived; // One SQLite file that is made from the journal: version, origin, cursor.

pub mod book; // Records in, cases out: SQLite.
pub mod cases; // The book as readers open it.

pub mod his; // The HIS's ledger as a file: read, checked, imported.
pub mod ledger; // Settlements and refunds by day: the own rows and the HIS's.

pub mod finisher; // Ends what was left half done.
pub mod matching; // Three ledgers laid beside each other: differences. Pure.
pub mod statement; // What the platform itself lists of a day.

pub mod runs; // Day by day: what differs, what it proves, the sheet of a month.

pub mod ourselves; // Who the gateway is in calls of its own.
pub mod plan; // What is next: tables.
pub mod progress; // How far a case has come.
pub mod settings; // What a site may set.

pub mod deciding; // What a person decides about a case.

mod asking; // Asks the platform about a case.

mod advice; // What is to be done about a case: the table.
mod proposing; // The exact bytes of a proposal, and its effect.
mod reversal; // Takes a settlement back once persons agreed.

#[cfg(test)]
mod tests; // Real files: what opens a case and what closes it.

pub use book::Book;
pub use cases::Cases;
pub use finisher::Finisher;
pub use settings::Settings;
pub use statement::Submitter;

/// Folder inside the data folder.
pub const FOLDER: &str = "cases";
