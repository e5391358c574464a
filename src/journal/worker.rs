//! The two threads of the journal: one steps the writer, one keeps a spare ready and writes index runs.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::disk::Disk;
use super::queue::{Queue, Turn};
use super::room::Spare;
use super::settings::Settings;
use super::shelf::Shelf;
use super::spare::{self, Pace};
use super::writer::Writer;

/// How long the threads wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// Silence after which a Mark is written.
    pub mark_idle: Duration,
    /// Between attempts to open a new segment.
    pub reopen: Duration,
    /// Between attempts to make a spare.
    pub spare: Duration,
}

impl Waits {
    /// As the settings say.
    pub fn of(settings: &Settings) -> Waits {
        Waits {
            mark_idle: Duration::from_millis(settings.mark_idle_ms),
            reopen: Duration::from_millis(settings.reopen_retry_ms),
            spare: Duration::from_millis(settings.spare_retry_ms),
        }
    }

    /// How long the writer may wait for the next record.
    pub(super) fn longest<D: Disk>(&self, writer: &Writer<D>) -> Option<Duration> {
        match (writer.is_failed(), writer.wants_mark()) {
            (true, _) => Some(self.reopen),
            (false, true) => Some(self.mark_idle),
            (false, false) => None,
        }
    }

    /// After a failure, tries a new segment. The first attempt follows the failure at once; outcomes that keep coming do not
    /// put off the next one.
    pub(super) fn reopen_if_due<D: Disk>(&self, writer: &mut Writer<D>, tried_ns: &mut Option<u64>) {
        let now_ns = writer.now_ns();
        let due = tried_ns.is_none_or(|tried| now_ns.saturating_sub(tried) >= self.reopen.as_nanos() as u64);
        if !writer.is_failed() {
            *tried_ns = None;
        } else if due {
            *tried_ns = (!writer.reopen()).then_some(now_ns);
        }
    }
}

/// Starts the writer's thread; it ends after [`Queue::stop`], with true when all is durable and the segment sealed.
///
/// # Errors
/// When the machine gives no thread.
pub fn spawn_writer<D: Disk>(mut writer: Writer<D>, queue: Arc<Queue>, waits: Waits) -> io::Result<JoinHandle<bool>> {
    thread::Builder::new().name("journal-writer".into()).spawn(move || {
        let mut queued = VecDeque::new();
        let mut tried_ns = None;
        loop {
            match queue.take(&mut queued, waits.longest(&writer)) {
                Turn::Work => writer.step(&mut queued),
                Turn::Silence => writer.idle(),
                Turn::Stop => return writer.close(),
            }
            waits.reopen_if_due(&mut writer, &mut tried_ns);
        }
    })
}

/// Starts the helper's thread; it ends after [`Queue::stop`].
///
/// # Errors
/// When the machine gives no thread.
pub fn spawn_chores<D: Disk>(
    disk: Arc<D>,
    shelf: Arc<Shelf<D>>,
    queue: Arc<Queue>,
    segment_bytes: u64,
    waits: Waits,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("journal-helper".into()).spawn(move || {
        while !queue.stopping() {
            let done = do_chores(&*disk, &shelf, &queue, segment_bytes);
            queue.await_chore(done.err().map(|_| waits.spare));
        }
    })
}

/// Makes a spare if one is wanted, and the runs of sealed segments that have none.
///
/// # Errors
/// What the disk says; intents feel a missing spare through the room account.
pub fn do_chores<D: Disk>(disk: &D, shelf: &Shelf<D>, queue: &Queue, segment_bytes: u64) -> io::Result<()> {
    let mut made = Ok(());
    if queue.wants_spare() {
        made = spare::make(disk, segment_bytes, Pace::Gentle, || !queue.stopping());
        match &made {
            Ok(()) => queue.spare_is(Spare::Ready),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => queue.spare_is(Spare::NoRoom),
        }
    }
    while shelf.write_run()? {}
    made
}
