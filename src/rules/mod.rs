//! Judgement: what a call must look like before it is sent, as data in `rules/`; this folder reads that data, makes one fast
//! form per transaction of it, and holds a body to the form. No I/O; the texts and the day are passed in.
//!
//! Texts → [`texts`] → [`pack`] (every complaint with file and line) → [`compile`] (one [`form`] per transaction) →
//! [`check`] → [`finding`]. rules/README.md is the language on one page.

pub mod mode; // What a broken rule does to the call.
pub mod texts; // Built-in and site's own packs.

pub mod pack; // A pack: whose rules, since when, by which policy.
pub mod rule; // One hand-written rule.
mod source; // The files of a pack, read: complaints with their lines.
pub mod table; // A field table, as a pack carries it.

pub mod express; // Conditions: read, typed, decided on exact decimals.

pub mod compile; // Packs and a day to forms.
pub mod form; // The fast form of a transaction.
mod places; // Names in a rule to places in a form.
mod shape; // A field table to a form.

pub mod check; // A body held to its form.
mod cross; // Rules over several fields or rows.
pub mod dates; // Days and times.
mod envelope; // What stands around `input`.
pub mod finding; // What was found broken.
mod judge; // One value against its row of the table.
mod sentences; // What people read of a broken table rule.
mod walk; // Once through the bytes.

pub mod difference; // What two packs say differently.
pub mod examples; // Runs the examples that rules carry.
pub mod explain; // What a rule asks, why, and who says so.
pub mod schema; // A form as JSON Schema.

#[cfg(test)]
mod tests;
