//! Ledgers laid beside each other day by day: what differs is kept, what is proven by it is journaled, and a month is a sheet.
//!
//! A run of a day is one transaction and can be repeated at any time; what it keeps (`runs.sqlite`) can be deleted.

pub mod prove; // What a ledger of the HIS proves, journaled once.
pub mod read; // What runs have kept, as readers open it.
pub mod run; // One day: what differs.
pub mod run_day; // One day as a whole, with what it proves.
pub mod settings; // The `[reconcile]` section.
pub mod sheet; // The month-close sheet.

mod absent; // What the platform's lists lack.
mod found; // Differences as cases.
mod kept; // The file of the runs.
mod sorted; // Rows of the ledgers in the order of settlements.

pub use read::Runs;
pub use settings::Settings;
