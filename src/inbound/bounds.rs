//! How much may be under way, and in memory. What is over a bound is refused, never queued without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::domain::limits::BUFFERED_BYTES_MAX;
use crate::exchange::door::Bound;

use super::Settings;

/// How often what happened at the door since the start, and what is so now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Open connections now.
    pub connections: usize,
    /// Exchanges under way now, until the line lets go of them.
    pub exchanges: usize,
    /// Requests that wait for their turn now.
    pub waiting: usize,
    /// Bytes of bodies charged to the memory budget now.
    pub memory_bytes: usize,
    /// Connections ended because head or body came too slowly or the client stopped reading.
    pub slow: u64,
    /// Connections ended because the bytes were no HTTP request (hyper answers 400, or nothing).
    pub unreadable: u64,
    /// Connections ended because the head was too large (hyper answers 431 or 414).
    pub head_too_large: u64,
    /// Connections ended because the TLS handshake failed.
    pub no_tls: u64,
}

/// Permits and counters of one door.
pub(super) struct Bounds {
    exchanges: Arc<Semaphore>,
    exchanges_max: usize,
    waiting: AtomicUsize,
    waiting_max: usize,
    memory: Arc<Semaphore>,
    memory_max: usize,
    pub(super) connections: AtomicUsize,
    pub(super) slow: AtomicU64,
    pub(super) unreadable: AtomicU64,
    pub(super) head_too_large: AtomicU64,
    pub(super) no_tls: AtomicU64,
}

impl Bounds {
    pub(super) fn new(settings: &Settings) -> Bounds {
        let exchanges_max = settings.exchanges_max.clamp(1, Semaphore::MAX_PERMITS);
        // At least one body must fit, or no exchange could ever begin.
        let memory_max = settings.memory_bytes_max.clamp(BUFFERED_BYTES_MAX, Semaphore::MAX_PERMITS);
        Bounds {
            exchanges: Arc::new(Semaphore::new(exchanges_max)),
            exchanges_max,
            waiting: AtomicUsize::new(0),
            waiting_max: settings.exchanges_waiting_max,
            memory: Arc::new(Semaphore::new(memory_max)),
            memory_max,
            connections: AtomicUsize::new(0),
            slow: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            head_too_large: AtomicU64::new(0),
            no_tls: AtomicU64::new(0),
        }
    }

    /// The right to be under way; waits in line for it, within bounds. A HIS that leaves leaves the line.
    pub(super) async fn admit(&self, stop: &CancellationToken) -> Result<OwnedSemaphorePermit, Bound> {
        if stop.is_cancelled() {
            return Err(Bound::Draining);
        }
        if let Ok(permit) = Arc::clone(&self.exchanges).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = Place::join(&self.waiting, self.waiting_max).ok_or(Bound::TooManyWaiting)?;
        tokio::select! {
            permit = Arc::clone(&self.exchanges).acquire_owned() => permit.map_err(|_| Bound::Draining),
            () = stop.cancelled() => Err(Bound::Draining),
        }
    }

    /// Charges a body before it is read: what the line may keep of it in memory.
    pub(super) fn charge(&self, announced: Option<u64>) -> Result<OwnedSemaphorePermit, Bound> {
        let kept = announced.map_or(BUFFERED_BYTES_MAX, |len| {
            usize::try_from(len).unwrap_or(BUFFERED_BYTES_MAX).min(BUFFERED_BYTES_MAX)
        });
        let bytes = u32::try_from(kept).unwrap_or(u32::MAX);
        Arc::clone(&self.memory).try_acquire_many_owned(bytes).map_err(|_| Bound::MemoryFull)
    }

    pub(super) fn gauges(&self) -> Gauges {
        Gauges {
            connections: self.connections.load(Ordering::Relaxed),
            exchanges: self.exchanges_max - self.exchanges.available_permits(),
            waiting: self.waiting.load(Ordering::Relaxed),
            memory_bytes: self.memory_max - self.memory.available_permits(),
            slow: self.slow.load(Ordering::Relaxed),
            unreadable: self.unreadable.load(Ordering::Relaxed),
            head_too_large: self.head_too_large.load(Ordering::Relaxed),
            no_tls: self.no_tls.load(Ordering::Relaxed),
        }
    }
}

/// Counts one for as long as it lives.
pub(super) struct Place<'a>(&'a AtomicUsize);

impl Place<'_> {
    /// Counts one, unless `max` are counted already.
    pub(super) fn join(count: &AtomicUsize, max: usize) -> Option<Place<'_>> {
        let place = Place(count);
        (count.fetch_add(1, Ordering::Relaxed) < max).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
