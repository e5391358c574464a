//! The writer as a task beside its callers, in place of the two threads: with a paused clock a thread would let the time jump.
//!
//! Steps and waits are those of `worker.rs`; only who waits differs.

use std::collections::VecDeque;
use std::sync::Arc;

use super::disk::Disk;
use super::open::Core;
use super::queue::{Queue, Turn};
use super::shelf::Shelf;
use super::worker::{Waits, do_chores};
use super::writer::Writer;

/// Writes what is handed over while it is run; the journal that came with it waits otherwise.
pub struct Here<D: Disk> {
    writer: Writer<D>,
    disk: Arc<D>,
    shelf: Arc<Shelf<D>>,
    queue: Arc<Queue>,
    segment_bytes: u64,
    waits: Waits,
}

impl<D: Disk> Here<D> {
    pub(super) fn of(core: Core<D>, waits: Waits) -> Here<D> {
        let Core { disk, queue, shelf, writer, bounds, .. } = core;
        Here { writer, disk, shelf, queue, segment_bytes: bounds.segment_bytes, waits }
    }

    /// Writes until the journal is closed (true when all is durable and the segment sealed), or until `is_over` says after
    /// a step that nobody is there any more: then nothing is sealed, as after a kill.
    pub async fn run(mut self, is_over: impl Fn() -> bool) -> bool {
        let (mut queued, mut tried_ns) = (VecDeque::new(), None);
        // What it lacks is tried again after each turn.
        let _ = self.chores();
        loop {
            let longest = self.waits.longest(&self.writer);
            let turn = self.queue.take_here(&mut queued, longest).await;
            match turn {
                Turn::Work => self.writer.step(&mut queued),
                Turn::Silence => self.writer.idle(),
                Turn::Stop => return self.writer.close(),
            }
            if is_over() {
                return false;
            }
            self.waits.reopen_if_due(&mut self.writer, &mut tried_ns);
            let _ = self.chores();
            if is_over() {
                return false;
            }
        }
    }

    fn chores(&self) -> std::io::Result<()> {
        do_chores(&*self.disk, &self.shelf, &self.queue, self.segment_bytes)
    }
}
