//! What proves the journal to people who trust neither the hospital nor us: signed checkpoints over the tree of all records,
//! their copies outside this machine, and the check of it all with nothing but a public key.
//!
//! Nothing here stands in an exchange's way: the writer only keeps the edge of the tree, everything else follows.

pub mod checkpoint; // A signed statement about the tree, as text.
pub mod log; // The file of all checkpoints, beside the segments.
pub mod seal_key; // The journal's own key, made at the first start.
pub mod settings; // The `[seal]` section.

pub mod anchor; // Copies that a rolled-back disk does not take along.
pub mod nightly; // The gateway verifies itself once a day.
pub mod notary; // Seals again and again while the gateway runs.

pub mod archive; // A sealed segment as one file that proves itself.
mod archive_text; // What stands in an archive, as text.
pub mod bodies; // A body file held to its record.
pub mod pack; // Evidence to be carried away.
mod part; // A stretch of a file, read as a file.
pub mod prove; // The way from a record up to a root.
mod stored_zip; // The bytes of a zip whose entries are stored.
pub mod verdict; // What the verifier found.
pub mod verify; // The verifier of a journal.
pub mod verify_archive; // The verifier of an archive.
pub mod verify_pack; // The verifier of a pack.

pub use nightly::Nightly;
pub use notary::Notary;
pub use settings::Settings;
