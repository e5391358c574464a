//! The writer: forms batches, makes each durable by one write and one sync, and only then tells anybody.
//!
//! A state machine without threads or timers of its own; `worker.rs` steps it, simulation steps it inline.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::domain::exchange::Seq;

use super::batch::Batch;
use super::disk::{Disk, DiskFile};
use super::frame::Frame;
use super::gauges::Gauges;
use super::pen::{Opened, Pen};
use super::queue::{Health, NotWritten, Pending, Queue, Role};
use super::segment::{self, CLOSE_LEN, SEGMENT_HEADER_LEN, SegmentHeader};
use super::settings::Bounds;
use super::shelf::Shelf;
use super::spare;
use super::walk::Link;

/// The only one that writes segments.
pub struct Writer<D: Disk> {
    desk: Desk<D>,
    journal_id: [u8; 16],
    durable: Link,
    tail: Tail,
    live: Option<Live<D::File>>,
    batch: Batch,
    kept: VecDeque<Pending>,
    kept_bytes: u64,
    failed: String,
    unwitnessed: bool,
}

/// What the writer works with and shares.
pub struct Desk<D: Disk> {
    /// Where it writes.
    pub disk: Arc<D>,
    /// Where it publishes.
    pub shelf: Arc<Shelf<D>>,
    /// Where records come from.
    pub queue: Arc<Queue>,
    /// How it writes its own records.
    pub pen: Pen,
    /// Its bounds.
    pub bounds: Bounds,
    /// What it counts.
    pub gauges: Arc<Gauges>,
}

/// Where the journal ends.
#[derive(Debug, Clone, Copy)]
pub struct Tail {
    /// The last segment, 0 before the first.
    pub segment_no: u32,
    /// Offset behind its last durable record.
    pub end: u64,
    /// Number of its first record minus one.
    pub before_first: u64,
}

/// The segment being written.
#[derive(Debug)]
struct Live<F> {
    file: F,
    size: u64,
}

impl<D: Disk> Writer<D> {
    /// A writer behind the last durable record, with no segment to write into yet.
    pub fn new(desk: Desk<D>, journal_id: [u8; 16], durable: Link, tail: Tail) -> Writer<D> {
        Writer {
            desk,
            journal_id,
            durable,
            tail,
            live: None,
            batch: Batch::default(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            failed: String::new(),
            unwitnessed: false,
        }
    }

    /// Goes on in the last segment, whose file is zero behind its records.
    ///
    /// # Errors
    /// When its file cannot be opened.
    pub fn resume_last(&mut self) -> io::Result<()> {
        let file = self.desk.disk.open(&segment::path(self.tail.segment_no))?;
        let size = file.len()?;
        self.live = Some(Live { file, size });
        self.measure(0);
        Ok(())
    }

    /// Writes what was queued, batch by batch. Never fails: who waits hears what became of his record.
    pub fn step(&mut self, queued: &mut VecDeque<Pending>) {
        while !queued.is_empty() {
            if self.live.is_none() {
                return self.set_aside(queued.drain(..));
            }
            if let Err(error) = self.form(queued).and_then(|()| self.commit()) {
                self.fail(&error);
            }
        }
    }

    /// Witnesses the last batch, when there is one without a witness and nobody is promised the room.
    pub fn idle(&mut self) {
        let mut mark = Pending::own(self.desk.pen.mark(), Role::Other);
        mark.charged = mark.len();
        if self.wants_mark() && self.desk.queue.own_room(mark.charged) {
            self.step(&mut VecDeque::from([mark]));
        }
        self.unwitnessed = false;
    }

    /// True while the last batch has no witness.
    pub fn wants_mark(&self) -> bool {
        self.unwitnessed && self.live.is_some()
    }

    /// Its clock.
    pub fn now_ns(&self) -> u64 {
        self.desk.pen.clock().mono_ns()
    }

    /// True after a failure, until a new segment is open.
    pub fn is_failed(&self) -> bool {
        self.live.is_none()
    }

    /// Opens the next segment: at first start, after a closed segment, or after a failure. What waits is written first,
    /// then the door opens. False when the disk still refuses.
    pub fn open_segment(&mut self, why: &Opened) -> bool {
        if !self.failed.is_empty() {
            self.cut_failed();
        }
        let opened = self.desk.pen.opened(why);
        if let Err(error) = self.begin_segment(vec![opened]) {
            self.fail(&error);
            return false;
        }
        self.kept_bytes = 0;
        let mut kept = std::mem::take(&mut self.kept);
        self.step(&mut kept);
        self.desk.gauges.waiting.store(self.kept.len() as u64, Ordering::Relaxed);
        if self.live.is_some() {
            self.failed.clear();
            self.desk.queue.door(Health::Open);
        }
        self.live.is_some()
    }

    /// Tries again after a failure.
    pub fn reopen(&mut self) -> bool {
        let why = Opened { reason: format!("after a failure: {}", self.failed), cuts: Vec::new() };
        self.open_segment(&why)
    }

    /// Writes records of recovery, before the door opens.
    pub fn write_own(&mut self, frames: Vec<Frame>) -> bool {
        let pendings = frames.into_iter().map(|frame| Pending::own(frame, Role::Outcome));
        self.step(&mut pendings.collect());
        self.live.is_some()
    }

    /// Seals the last segment and ends. True when all that was handed over is durable.
    pub fn close(mut self) -> bool {
        if self.live.is_none() && !self.kept.is_empty() {
            self.reopen();
        }
        let sealed = self.live.is_some() && self.seal().is_ok();
        let lost = self.kept.len() as u64;
        self.desk.gauges.not_kept.fetch_add(lost, Ordering::Relaxed);
        for mut late in self.desk.queue.shut() {
            late.answer(Err(NotWritten::Closed));
        }
        sealed && lost == 0
    }

    /// Fills the batch from the queue as far as records, bytes and the live segment allow.
    fn form(&mut self, queued: &mut VecDeque<Pending>) -> io::Result<()> {
        let bounds = self.desk.bounds;
        if let (Some(live), Some(first)) = (&self.live, queued.front())
            && self.tail.end + first.len() + CLOSE_LEN > live.size
        {
            self.roll()?;
        }
        let Some(live) = &self.live else { return Err(io::Error::other("no segment is open")) };
        self.batch.begin(self.tail.segment_no, self.tail.end, self.durable);
        while let Some(first) = queued.front() {
            let len = first.len();
            let full = self.batch.len() == bounds.batch_records
                || (!self.batch.is_empty() && self.batch.bytes().len() as u64 + len > bounds.batch_bytes as u64)
                || self.batch.end() + len + CLOSE_LEN > live.size;
            if full {
                break;
            }
            self.batch.add(queued.pop_front().expect("front is there"));
        }
        if self.batch.is_empty() { Err(io::Error::other("a frame does not fit a segment")) } else { Ok(()) }
    }

    /// Makes the batch durable, then true for everybody.
    fn commit(&mut self) -> io::Result<()> {
        let live = self.live.as_ref().ok_or_else(|| io::Error::other("no segment is open"))?;
        let began_ns = self.now_ns();
        live.file.write_all_at(self.batch.bytes(), self.tail.end)?;
        live.file.sync()?;
        let took_ns = self.now_ns().saturating_sub(began_ns);
        self.publish(took_ns);
        Ok(())
    }

    fn publish(&mut self, took_ns: u64) {
        self.durable = self.batch.link();
        self.tail.end = self.batch.end();
        self.unwitnessed = true;
        self.desk.gauges.batch(self.batch.len() as u64, self.batch.bytes().len() as u64, took_ns);
        self.desk.shelf.publish(self.batch.placed(), self.tail.end);
        self.measure(self.batch.charged());
        for (mut pending, place) in self.batch.members() {
            pending.answer(Ok(place.seq));
        }
    }

    /// Tells the queue what room there is.
    fn measure(&self, left_queue: u64) {
        let left = self.live.as_ref().map_or(0, |live| live.size.saturating_sub(self.tail.end));
        let next_first_batch = self.desk.shelf.with_table(Pen::first_batch_len);
        self.desk.queue.left(left_queue, left, next_first_batch);
    }

    /// Seals the live segment and begins the next one.
    fn roll(&mut self) -> io::Result<()> {
        self.seal()?;
        self.begin_segment(Vec::new())
    }

    /// Writes SegmentClose and cuts the zero tail off.
    fn seal(&mut self) -> io::Result<()> {
        let records = self.durable.seq.0 - self.tail.before_first;
        let close = self.desk.pen.segment_close(records + 1);
        self.batch.begin(self.tail.segment_no, self.tail.end, self.durable);
        self.batch.add(Pending::own(close, Role::Other));
        self.commit()?;
        let Some(live) = &self.live else { return Ok(()) };
        live.file.cut(self.tail.end)?;
        live.file.sync()
    }

    /// Writes header, SegmentOpen, Carry and `more` into a spare, makes it durable under its name and goes on there.
    fn begin_segment(&mut self, more: Vec<Frame>) -> io::Result<()> {
        self.live = None;
        let file = self.spare_file().inspect_err(|_| self.desk.queue.want_chores())?;
        let size = file.len()?;
        let segment_no = self.tail.segment_no + 1;
        let header = SegmentHeader {
            journal_id: self.journal_id,
            segment_no,
            prev_segment_no: self.tail.segment_no,
            first_seq: Seq(self.durable.seq.0 + 1),
            prev_valid_len: self.tail.end,
            prev_chain: self.durable.chain,
            created_at_unix_ns: self.desk.pen.clock().unix_ns(),
            segment_bytes: size,
            compat: 0,
            incompat: 0,
        };
        let encoded = header.encode();
        self.batch.begin(segment_no, 0, self.durable);
        self.batch.lead(&encoded);
        self.batch.add(Pending::own(self.desk.pen.segment_open(&encoded), Role::Other));
        let first = self.batch.link().chain;
        let carry = self.desk.shelf.with_table(|table| self.desk.pen.carry(table, &first));
        for frame in carry.into_iter().chain(more) {
            self.batch.add(Pending::own(frame, Role::Other));
        }
        self.install(&file, segment_no)?;
        self.desk.shelf.begin_segment(segment_no, header.first_seq, header.prev_chain);
        self.tail = Tail { segment_no, end: SEGMENT_HEADER_LEN as u64, before_first: self.durable.seq.0 };
        self.live = Some(Live { file, size });
        self.desk.queue.want_chores();
        self.publish(0);
        Ok(())
    }

    /// A segment gets its name only when its first batch is durable: a name always stands for a whole beginning.
    fn install(&self, file: &D::File, segment_no: u32) -> io::Result<()> {
        let disk = &*self.desk.disk;
        let installed = file
            .write_all_at(self.batch.bytes(), 0)
            .and_then(|()| file.sync())
            .and_then(|()| disk.rename(spare::READY, &segment::path(segment_no)))
            .and_then(|()| disk.sync_folder(segment::FOLDER))
            .and_then(|()| disk.sync_folder(spare::FOLDER));
        if installed.is_err() {
            // The file is not trusted again; the helper makes another one, or finds and removes this one.
            let _ = spare::remove(disk, spare::READY);
            self.desk.queue.want_chores();
        }
        installed
    }

    /// The ready spare; the helper makes it, so the writer never waits for one to be filled.
    fn spare_file(&self) -> io::Result<D::File> {
        if !self.desk.queue.take_spare() {
            return Err(io::Error::other("no spare segment stands ready"));
        }
        self.desk.disk.open(spare::READY)
    }

    /// After a failed write or sync: this file is not touched again, intents are refused, outcomes kept.
    fn fail(&mut self, error: &io::Error) {
        self.live = None;
        self.failed = error.to_string();
        self.desk.gauges.failures.fetch_add(1, Ordering::Relaxed);
        self.desk.queue.door(Health::Failed(self.failed.clone()));
        let batch: Vec<Pending> = self.batch.members().map(|(pending, _)| pending).collect();
        self.set_aside(batch.into_iter());
    }

    fn set_aside(&mut self, pendings: impl Iterator<Item = Pending>) {
        let mut left = 0;
        for mut pending in pendings {
            left += std::mem::take(&mut pending.charged);
            self.keep_or_refuse(pending);
        }
        self.desk.gauges.waiting.store(self.kept.len() as u64, Ordering::Relaxed);
        self.measure(left);
    }

    fn keep_or_refuse(&mut self, mut pending: Pending) {
        let len = pending.len();
        match pending.role {
            Role::Intent | Role::Other => pending.answer(Err(NotWritten::Closed)),
            Role::Outcome if self.kept_bytes + len > self.desk.bounds.memory_bytes => {
                self.desk.gauges.not_kept.fetch_add(1, Ordering::Relaxed);
                pending.answer(Err(NotWritten::NotKept));
            }
            Role::Outcome => {
                pending.answer(Err(NotWritten::Waiting));
                self.kept_bytes += len;
                self.kept.push_back(pending);
            }
        }
    }

    /// Cuts what the failed segment holds behind its last durable record. The next segment's header names that place,
    /// so that a disk which refuses or lies here changes nothing.
    fn cut_failed(&self) {
        if self.tail.segment_no > 0 {
            let failed = self.desk.disk.open(&segment::path(self.tail.segment_no));
            let _ = failed.and_then(|file| file.cut(self.tail.end).and_then(|()| file.sync()));
        }
    }
}
