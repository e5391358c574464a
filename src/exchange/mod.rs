//! The line: one exchange from arrival to answer.

pub mod door; // What the line and a door say to each other.
