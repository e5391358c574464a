//! The line: one exchange from arrival to answer.

pub mod judge; // What became of an exchange: status × shape × class.
