//! Simulated HIS clients: each with its dialect, its patience, its own books, and the habits of real ones.

pub mod books; // What a hospital believes.
pub mod dialect; // URLs, headers, bodies as two families of clients write them.
mod journey; // One visit, from the card to the receipt.
pub mod post; // HTTP/1.1 by hand, as patient as told.

pub use journey::Caller;
