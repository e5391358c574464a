//! Key files and secrets on disk: read for the identities of the settings, written by `medgate keys`.
//!
//! What is secret is wiped when dropped, and stands in no error and no log.

pub mod load; // From an identity's settings to what it signs with.
pub mod master; // The master key of the journal's keys: read, made, put in the place of another.
pub mod settings; // `[identity.*]`.
pub mod source; // Where one secret comes from: a file or a systemd credential.
pub mod store; // Key files written: new, imported, rotated.

pub use load::{Identities, load};
pub use settings::Settings;
pub use source::{Sources, Trouble};
