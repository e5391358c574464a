//! The HIS's own ledger of a day, as a file: CSV or XLSX, in UTF-8 or GBK, its columns mapped once in `[his_ledger]`; or out of
//! the HIS's database (`view`), which comes to the same.
//!
//! A file is stored sealed as it comes, checked as a whole while it streams by, and only then journaled (`Kind::Ledger`): of a
//! file with a single wrong row nothing is taken. What the record holds is read the same way ever after.

pub mod check; // The whole file checked: a report, or what it comes to.
pub mod complaint; // What is wrong with a file, for hospital people.
pub mod import; // Stored, checked, journaled.
pub mod mapping; // Which column is what: settings, and as a record keeps it.
pub mod row; // A row of cells becomes a row of a ledger.
pub mod table; // A file as rows of cells.
pub mod view; // The same out of a view in the HIS's database.

mod decode; // Bytes as they come become UTF-8, within a bound per row.
mod sheet; // Rows of an XLSX file.

pub use mapping::Settings;

#[cfg(test)]
mod tests; // Files as hospitals send them, good and bad.
