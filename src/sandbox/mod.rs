//! The stand-in platform; knows nothing of the line or its judgement.

pub mod dice; // Repeatable chance.
pub mod disk; // A disk in memory that breaks as real ones do.
