//! The `[journal]` section of the settings (`config/medgate.toml` holds defaults, units and reasons).

use serde::Deserialize;

use crate::domain::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, FRAME_BYTES_MAX, OUTCOME_ROOM_BYTES};

use super::cipher::Cipher;

/// Settings of the journal.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Bytes of one segment file, [`SEGMENT_BYTES_MIN`] to [`SEGMENT_BYTES_MAX`].
    pub segment_bytes: u64,
    /// Cipher of sealed parts.
    pub cipher: Cipher,
    /// zstd level.
    pub compression_level: i32,
    /// Bytes of records waiting for the writer.
    pub memory_bytes_max: u64,
    /// Silence after which a Mark is written.
    pub mark_idle_ms: u64,
    /// How often a spare segment is tried again when there was no room.
    pub spare_retry_ms: u64,
    /// How often a new segment is tried after a failed write or sync.
    pub reopen_retry_ms: u64,
    /// How long an intent may wait for room.
    pub room_wait_ms: u64,
    /// Where the master key is: an absolute path or `credential:NAME`; empty for `keys/master.key`. Read by `keys/master.rs`.
    pub master_key: String,
}

/// A segment must hold several of the largest frames.
pub const SEGMENT_BYTES_MIN: u64 = 8 * FRAME_BYTES_MAX as u64;
/// Offsets in a segment have 32 bits.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 31;

impl Settings {
    /// The bounds that the writer works with.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            segment_bytes: self.segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX),
            memory_bytes: self.memory_bytes_max.max(2 * FRAME_BYTES_MAX as u64),
            ..Bounds::default()
        }
    }
}

/// Bounds of the writer, in bytes and records; small ones make small simulated disks.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// One segment file.
    pub segment_bytes: u64,
    /// Room that an intent reserves for its outcome: the largest outcome frame.
    pub outcome_room_bytes: u64,
    /// The largest frame of any kind.
    pub frame_bytes: u64,
    /// One batch.
    pub batch_bytes: usize,
    /// Records of one batch.
    pub batch_records: usize,
    /// Records waiting for the writer; and, apart from them, outcomes waiting for a journal that failed.
    pub memory_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            segment_bytes: 256 << 20,
            outcome_room_bytes: OUTCOME_ROOM_BYTES as u64,
            frame_bytes: FRAME_BYTES_MAX as u64,
            batch_bytes: BATCH_BYTES_MAX,
            batch_records: BATCH_RECORDS_MAX,
            memory_bytes: 64 << 20,
        }
    }
}
