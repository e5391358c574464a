//! Conditions of rules: read once, held to their types, decided on exact decimals.
//!
//! Written by hand because no expression crate with exact decimals has a licence that `deny.toml` lets in (rhai brings an MPL
//! string type) and the others count in floating point. The language is small: no loop, no assignment, no call but six.

pub mod decide; // What a condition comes to; what is not known stays undecided.
pub mod kinds; // Names become places, and every part has one type.
pub mod parse; // Text to tree.
pub mod words; // Text to words.

#[cfg(test)]
mod golden; // Cases that pin what numbers mean.
