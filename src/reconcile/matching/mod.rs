//! Three ledgers laid beside each other: the gateway's own, the platform's, the HIS's. Pure: sorted rows in, differences out.
//!
//! Rows stand under one settlement: a refund under the settlement that it takes back. No amount is tolerated to differ.

pub mod class; // The named classes of differences.
pub mod judge; // One settlement: the table.
pub mod merge; // All settlements: a merge of sorted rows.

pub use class::Class;
pub use judge::{Difference, Group, Leg, Taking, judge};
pub use merge::{Line, Lines, Settlement, Side, merge};
