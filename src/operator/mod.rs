//! What a person may do to a running gateway or its folder; each act is in the journal with who and why before it is done.

pub mod act; // The record of an act.
pub mod archiving; // Sealed segments become archives.
pub mod backup; // A copy while the gateway writes.
pub mod erase; // Destroys the keys of a visit.
pub mod lift; // Takes the fence of one settlement away.
pub mod restore; // A copy becomes a data folder.
pub mod trim; // Old segments leave the journal.
pub mod visit; // What belongs to a visit.
