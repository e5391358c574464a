//! What the platform itself lists of a day: asked for by sums (3201), and where they do not match by rows (9101, 3202, 9102).
//!
//! A submission may be registered by the bureau, so that one declared submitter makes it, for closed days only (`money.md` §7). What
//! comes of it is a `Kind::Statement` record: the list as the platform has it, row by row, in a form of our own.

pub mod listed; // A row as the platform has it, and how a record keeps it.
pub mod submit; // The calls, one scope after the other.
pub mod trouble; // Why there is no list.

mod asking; // What the calls share, and their members.
mod entry; // A row as the hospital submits it.
mod result; // The platform's result, and what it makes of each row.

pub use submit::Submitter;
