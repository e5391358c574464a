//! The truth on disk: what was intended, and what came of it.

pub mod draft; // What a caller hands in.
pub mod facts; // The clear part of a payload.
pub mod frame; // A finished record, before the writer numbers it.
pub mod record; // One record: header, stamp, checks.
pub mod tlv; // The inner form of both parts.

pub mod entry; // What the index knows of a record.
pub mod place; // Where a record stands, and a record read back.
pub mod table; // Open exchanges and snapshots in force.

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
pub mod pen; // The records it writes of itself.
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
pub mod verify; // The whole journal checked without a key.
