//! What people search and count: SQLite, built from the journal up to its durable position, deletable at any time.
//!
//! One file per month of arrival (Asia/Shanghai) in `DATA/views/`. Only what stands in clear in headers and facts comes
//! here: of persons keyed tokens, never a number or a name. The cursor moves in the transaction that holds the rows.

pub mod columns; // The table of columns: schema, filters, API and commands come from it.
pub mod month; // Months and days, and what file an exchange stands in.
pub mod row; // One exchange, folded from its records.

mod file; // One month's file.
mod schema; // Tables and indexes.
mod tally; // What rows add to the totals.

pub mod store; // Records in, committed batches out.

pub mod follower; // The thread that follows the journal.
pub mod settings; // The `[views]` section.

pub mod digest; // Equal rows, equal digest.
pub mod query; // Filters and pages.
pub mod read; // The files as readers open them.
pub mod sayings; // Refusals by kind.
pub mod totals; // Sums by day, transaction, outcome.

pub mod look; // A look, as it is journaled.
pub mod shown; // One exchange in full, raw and decoded.

pub use follower::Follower;
pub use settings::Settings;
pub use store::{Store, Trouble};

/// Folder inside the data folder.
pub const FOLDER: &str = "views";

#[cfg(test)]
mod tests;
