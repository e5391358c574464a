//! The truth on disk: what was intended, and what came of it.
//!
//! Guarantees
//! - An exchange's INTENT is durable before its first byte leaves; its OUTCOME before the HIS can have a complete answer.
//! - Records are read back in the order they were written, or not at all.
//! - Nothing acknowledged is lost silently: a torn tail is cut and named, damage refuses to open.
//! - Evidence covers stored bytes, so anyone can verify without a key, and erasing a key leaves every proof whole.

pub mod composite; // Facts made of several fields.
pub mod draft; // What a caller hands in.
pub mod entry; // What a record leaves in the index.
pub mod facts; // The clear part of a payload.
pub mod frame; // A finished record, before the writer numbers it.
pub mod kind; // What a record is.
pub mod record; // One record: header, stamp, checks.
pub mod sealed_form; // The plain form of the sealed part.
pub mod tlv; // The inner form of both parts.

pub mod cipher; // Encryption under a key of the pool.
pub mod entropy; // Where secrets come from.
mod key_block; // The form of a file of keys.
pub mod key_folder; // Keys found again by a tool.
pub mod keys; // The key pool.
pub mod master; // The one secret that opens a keys folder.
pub mod pack; // Compression.
pub mod pool_key; // What wraps the keys, itself wrapped by the master key.
pub mod private_file; // Small secret files, whole or not at all.
pub mod sealing; // A draft becomes a frame, and a sealed part is opened again.
pub mod secret_file; // A small secret, wrapped by the pool key.
pub mod tokens; // Keyed tokens under the index secret.
pub mod wrapping; // One key wraps another.

pub mod bodies; // Large bodies in files of their own.
pub mod body_file; // The form of such a file.
pub mod body_front; // Its front, for people's tools.

pub mod place; // Where a record stands, and a record read back.
pub mod table; // What Carry hands on: open exchanges, snapshots in force, the edge of the tree.
pub mod tree; // The Merkle tree over the records.

pub mod disk; // The narrow face to the disk.
pub mod lock; // One process per data folder.
pub mod segment; // One segment file: name and header.
pub mod spare; // The zero-filled segment that stands ready.
pub mod walk; // Frame by frame through a file; the chain.

pub mod filter; // "Perhaps" or "no" for one run.
pub mod index; // Finding records by token.
pub mod run; // The index of a sealed segment on disk.

pub mod batch; // Which records go to disk together.
pub mod gauges; // What the journal counts of itself.
pub mod here; // In their place: a task of the caller's own thread.
pub mod pen; // The records it writes of itself.
pub mod pending; // A record on its way to the writer.
pub mod queue; // Admission, and what callers hear back.
pub mod room; // Room on disk that is promised to outcomes.
pub mod settings; // The `[journal]` section, and bounds.
pub mod shelf; // What is durable and so may be seen.
pub mod worker; // The two threads.
pub mod writer; // One write, one sync, then tell.

pub mod open; // From a folder to an open journal.
pub mod reader; // Following the records.
pub mod recovery; // Torn told from damaged.
pub mod running; // With its threads, at the level of frames.
pub mod scan; // One segment, record by record.
pub mod trim; // Segments taken away from the front.
pub mod verify; // The whole journal checked without a key.

mod handle; // The journal as everyone else holds it.
mod unopened; // Why people are not shown a sealed part.

#[cfg(test)]
mod tests; // Golden files: every kind of record as it is stored.

pub use handle::{AppendError, BODIES, IntendError, Journal, KEYS, Kept, OpenError, SettleError};
pub use open::Opening;
pub use place::{Place, Record};
pub use queue::{Health, OutcomeRoom};
pub use running::CloseError;
pub use settings::Settings;
pub use shelf::ReadError;
pub use table::OpenExchange;
pub use unopened::Unopened;
