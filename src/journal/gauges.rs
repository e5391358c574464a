//! What the journal counts of itself; metrics read it, nothing decides by it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the sync-time buckets, in microseconds; the last bucket has none.
pub const SYNC_BUCKETS_US: [u64; 11] = [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000];

/// Counters since opening.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Records made durable.
    pub records: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Batches, that is syncs that succeeded.
    pub batches: AtomicU64,
    /// Nanoseconds spent in write and sync.
    pub sync_ns: AtomicU64,
    /// Batches by write and sync time, bucket by bucket, not cumulated.
    pub sync_buckets: [AtomicU64; SYNC_BUCKETS_US.len() + 1],
    /// Failed writes and syncs.
    pub failures: AtomicU64,
    /// Outcomes that wait for the journal to open again.
    pub waiting: AtomicU64,
    /// Unawaited records that were dropped for lack of room or because the journal was closed.
    pub dropped: AtomicU64,
    /// Outcomes that could not even be kept waiting.
    pub not_kept: AtomicU64,
}

impl Gauges {
    pub(super) fn batch(&self, records: u64, bytes: u64, took_ns: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.sync_ns.fetch_add(took_ns, Ordering::Relaxed);
        let bucket = SYNC_BUCKETS_US.partition_point(|bound| bound * 1_000 < took_ns);
        self.sync_buckets[bucket].fetch_add(1, Ordering::Relaxed);
    }
}
