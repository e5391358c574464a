//! The line: one exchange from arrival to answer.
