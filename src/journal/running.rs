//! The journal with its threads, at the level of finished frames: what `Journal` builds on.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::domain::clock::Clock;
use crate::domain::exchange::Seq;

use super::disk::{Disk, RealDisk};
use super::frame::Frame;
use super::gauges::Gauges;
use super::here::Here;
use super::lock::Lock;
use super::open::{Core, EntriesOf, Fresh, OpenError, Opening, open};
use super::queue::{Haste, Health, NotWritten, OutcomeRoom, Queue, Written};
use super::reader::Reader;
use super::settings::Settings;
use super::shelf::Store;
use super::worker::{Waits, spawn_chores, spawn_writer};

/// An open journal. The threads end when it is closed or dropped.
pub struct Running {
    queue: Arc<Queue>,
    store: Arc<dyn Store>,
    gauges: Arc<Gauges>,
    room_wait: Duration,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    writer: JoinHandle<bool>,
    helper: JoinHandle<()>,
    lock: Lock,
}

impl Running {
    /// Recovers the journal of a locked data folder and starts its threads.
    ///
    /// # Errors
    /// When it is damaged, incomplete or foreign, or when the disk refuses.
    pub fn open(
        lock: Lock,
        settings: &Settings,
        data: &Path,
        fresh: Fresh,
        clock: Arc<dyn Clock>,
        entries_of: &EntriesOf,
    ) -> Result<(Running, Opening), OpenError> {
        let disk = Arc::new(RealDisk::at(data));
        let bounds = settings.bounds();
        let waits = Waits::of(settings);
        let (core, opening) = open(disk.clone(), bounds, fresh, clock, entries_of)?;
        let machine = |source| OpenError::Machine { what: "thread", source };
        let (queue, shelf) = (core.queue, core.shelf);
        let helper = spawn_chores(disk, shelf.clone(), queue.clone(), bounds.segment_bytes, waits).map_err(machine)?;
        let writer = spawn_writer(core.writer, queue.clone(), waits).map_err(machine)?;
        let running = Running {
            queue,
            store: shelf,
            gauges: core.gauges,
            room_wait: Duration::from_millis(settings.room_wait_ms),
            threads: Mutex::new(Some(Threads { writer, helper, lock })),
        };
        Ok((running, opening))
    }

    /// A recovered journal without threads: a task writes what is handed over ([`Here`]).
    pub(super) fn here<D: Disk>(core: Core<D>, settings: &Settings) -> (Running, Here<D>) {
        let room_wait = Duration::from_millis(settings.room_wait_ms);
        let (queue, store, gauges) = (core.queue.clone(), core.shelf.clone(), core.gauges.clone());
        let running = Running { queue, store, gauges, room_wait, threads: Mutex::new(None) };
        (running, Here::of(core, Waits::of(settings)))
    }

    /// Makes an intent durable; room for its outcome comes with it.
    ///
    /// # Errors
    /// `Full`, `Closed` or `TooLarge`; nothing may be sent then.
    pub async fn intend(&self, frame: Frame) -> Result<(Seq, OutcomeRoom), NotWritten> {
        self.queue.intend(frame, self.room_wait).await
    }

    /// Makes an outcome durable in the room that its intent reserved.
    ///
    /// # Errors
    /// `Waiting` when the journal failed and the record waits in memory; `NotKept` or `Closed` when it does not.
    pub async fn settle(&self, frame: Frame, room: OutcomeRoom) -> Written {
        self.queue.redeem(frame, room).await.unwrap_or(Err(NotWritten::Closed))
    }

    /// Makes any other record durable.
    ///
    /// # Errors
    /// `Full`, `Closed` or `TooLarge`.
    pub async fn append(&self, frame: Frame) -> Written {
        self.queue.append(frame, self.room_wait, Haste::Now).await
    }

    /// Makes a record durable together with the next one, or after the idle time.
    ///
    /// # Errors
    /// `Full`, `Closed` or `TooLarge`.
    pub async fn append_with_next(&self, frame: Frame) -> Written {
        self.queue.append(frame, self.room_wait, Haste::WithNext).await
    }

    /// Hands a record over without waiting; counted when it is dropped for lack of room.
    pub fn append_unawaited(&self, frame: Frame) {
        if self.queue.offer(&mut Some(frame), Haste::Now).is_err() {
            self.gauges.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What is durable.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Follows the records from a number on.
    pub fn records(&self, from: Seq) -> Reader {
        Reader::new(self.store.clone(), from)
    }

    /// Whether intents are taken.
    pub fn health(&self) -> Health {
        self.queue.health()
    }

    /// What it counts.
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// Bytes that may still be promised.
    pub fn room_free(&self) -> u64 {
        self.queue.free()
    }

    /// Seals the last segment, ends the threads and unlocks.
    ///
    /// # Errors
    /// When something that was handed over is not durable.
    pub async fn close(&self) -> Result<(), CloseError> {
        self.queue.stop();
        let Some(threads) = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        let joined = tokio::task::spawn_blocking(move || {
            let sealed = threads.writer.join();
            let helped = threads.helper.join();
            drop(threads.lock);
            sealed.is_ok_and(|sealed| sealed) && helped.is_ok()
        });
        if joined.await.unwrap_or(false) { Ok(()) } else { Err(CloseError) }
    }
}

impl Drop for Running {
    /// The writer seals on its own; the lock is held until it has.
    fn drop(&mut self) {
        self.queue.stop();
        if let Some(threads) = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = threads.writer.join();
            let _ = threads.helper.join();
        }
    }
}

/// The journal could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the journal could not be sealed: records that waited for a failed disk were lost; the next start settles them as unknown"
)]
pub struct CloseError;

/// Random numbers for one opening.
///
/// # Errors
/// When the machine gives none.
pub fn fresh() -> Result<Fresh, OpenError> {
    let mut random = [0; 20];
    getrandom::fill(&mut random)
        .map_err(|error| OpenError::Machine { what: "random number", source: io::Error::other(error) })?;
    let (id, salt) = random.split_at(16);
    let (mut journal_id, mut open_salt) = ([0; 16], [0; 4]);
    journal_id.copy_from_slice(id);
    open_salt.copy_from_slice(salt);
    Ok(Fresh { journal_id, open_salt: u32::from_le_bytes(open_salt) })
}
