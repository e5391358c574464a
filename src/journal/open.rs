//! Opening the journal: recover, go on behind the last record, settle what the last run left open.

use std::io;
use std::sync::Arc;

use crate::domain::clock::Clock;
use crate::domain::exchange::Seq;

use super::disk::Disk;
use super::entry::Entry;
use super::facts::Facts;
use super::frame::Frame;
use super::gauges::Gauges;
use super::index::Postings;
use super::lock::LockError;
use super::pen::{Cut, Opened, Pen};
use super::place::Record;
use super::queue::{Health, Queue};
use super::record::Header;
use super::recovery::{Found, QUARANTINE, RecoverError, recover};
use super::room::Spare;
use super::settings::Bounds;
use super::shelf::{ReadError, Shelf, Store};
use super::spare::{self, Pace};
use super::table::{OpenExchange, Table};
use super::walk::Link;
use super::writer::{Desk, Tail, Writer};
use super::{run, segment};

/// How index entries are made of a record; shared with the threads.
pub type EntriesOf = Arc<dyn Fn(&Header, &Facts) -> Vec<Entry> + Send + Sync>;

/// What the opening is given from outside, so that a simulated one can be repeated.
#[derive(Debug, Clone, Copy)]
pub struct Fresh {
    /// Random; used when this is the first start.
    pub journal_id: [u8; 16],
    /// Random; prefix of every nonce of this opening.
    pub open_salt: u32,
}

/// What was found and done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opening {
    /// True when there was no journal.
    pub first_start: bool,
    /// Bytes that were never acknowledged and stand in `quarantine/` now; an alarm.
    pub cuts: Vec<Cut>,
    /// Exchanges that ran when the last run ended; settled Unknown(Restart).
    pub orphans: Vec<OpenExchange>,
    /// Segments whose index run was made again.
    pub runs_rebuilt: Vec<u32>,
    /// The last record that was found.
    pub last_seq: Seq,
}

/// An open journal without its threads.
pub struct Core<D: Disk> {
    /// Where it stands.
    pub disk: Arc<D>,
    /// What callers hand over.
    pub queue: Arc<Queue>,
    /// What readers see.
    pub shelf: Arc<Shelf<D>>,
    /// Who writes.
    pub writer: Writer<D>,
    /// What it counts.
    pub gauges: Arc<Gauges>,
    /// Its bounds.
    pub bounds: Bounds,
}

/// Opens the journal on a disk whose lock is held.
///
/// # Errors
/// When it is damaged, incomplete or foreign, or when the disk refuses.
pub fn open<D: Disk>(
    disk: Arc<D>,
    bounds: Bounds,
    fresh: Fresh,
    clock: Arc<dyn Clock>,
    entries_of: &EntriesOf,
) -> Result<(Core<D>, Opening), OpenError> {
    for folder in [segment::FOLDER, spare::FOLDER, run::FOLDER, QUARANTINE] {
        disk.make_folder(folder).map_err(|source| OpenError::Folder { folder, source })?;
    }
    let found = recover(&*disk, &**entries_of)?;
    let first_start = found.is_none();
    let found = found.unwrap_or_else(|| nothing(fresh.journal_id));
    let mut opening = Opening {
        first_start,
        cuts: found.cuts.clone(),
        orphans: found.table.open().filter(|exchange| !exchange.unknown).copied().collect(),
        runs_rebuilt: found.runs_rebuilt.clone(),
        last_seq: found.durable.seq,
    };
    let pen = Pen::new(clock, fresh.open_salt);
    let reason = reason(&found, &opening);
    let ended = found.ended;
    let mut core = assemble(disk, bounds, pen.clone(), entries_of, found);
    core.go_on(ended, reason, &pen, &opening.cuts)?;
    core.settle_orphans(&pen, &mut opening.orphans, entries_of)?;
    core.queue.door(Health::Open);
    Ok((core, opening))
}

fn nothing(journal_id: [u8; 16]) -> Found {
    Found {
        journal_id,
        extents: Vec::new(),
        table: Table::default(),
        live: Postings::default(),
        sealed: Vec::new(),
        durable: Link { seq: Seq::NONE, chain: [0; 32] },
        tail: Tail { segment_no: 0, end: 0, before_first: 0 },
        ended: true,
        cuts: Vec::new(),
        runs_rebuilt: Vec::new(),
    }
}

fn reason(found: &Found, opening: &Opening) -> &'static str {
    match (opening.first_start, found.ended, opening.cuts.is_empty()) {
        (true, ..) => "first start",
        (false, true, true) => "restart",
        (false, false, true) => "restart after a kill",
        (false, _, false) => "restart after a kill that tore the last batch",
    }
}

fn assemble<D: Disk>(disk: Arc<D>, bounds: Bounds, pen: Pen, entries_of: &EntriesOf, found: Found) -> Core<D> {
    let queue = Queue::new(bounds);
    let Found { journal_id, extents, table, live, sealed, .. } = found;
    let shelf = Shelf::new(disk.clone(), journal_id, entries_of.clone(), extents, table, live, sealed);
    shelf.starts_at(found.durable.seq);
    let (shelf, gauges) = (Arc::new(shelf), Arc::new(Gauges::default()));
    let desk =
        Desk { disk: disk.clone(), shelf: shelf.clone(), queue: queue.clone(), pen, bounds, gauges: gauges.clone() };
    let writer = Writer::new(desk, journal_id, found.durable, found.tail);
    Core { disk, queue, shelf, writer, gauges, bounds }
}

impl<D: Disk> Core<D> {
    /// Goes on in the last segment, or begins the next one; the first record says why the journal was opened.
    fn go_on(&mut self, ended: bool, reason: &str, pen: &Pen, cuts: &[Cut]) -> Result<(), OpenError> {
        let opened = Opened { reason: reason.to_owned(), cuts: cuts.to_vec() };
        if ended {
            self.need_spare()?;
            return if self.writer.open_segment(&opened) { Ok(()) } else { Err(self.write_error()) };
        }
        self.writer.resume_last().map_err(OpenError::Write)?;
        if self.queue.free() < self.bounds.frame_bytes {
            self.need_spare()?;
        }
        self.write(vec![pen.opened(&opened)])
    }

    fn settle_orphans(
        &mut self,
        pen: &Pen,
        orphans: &mut [OpenExchange],
        entries_of: &EntriesOf,
    ) -> Result<(), OpenError> {
        let frames: Vec<Frame> = orphans
            .iter()
            .map(|orphan| {
                let intent: Record = self.shelf.read(orphan.place)?;
                let mut frame = pen.orphan(&intent);
                frame.entries = entries_of(&frame.header, &frame.facts());
                Ok(frame)
            })
            .collect::<Result<_, ReadError>>()?;
        let len: u64 = frames.iter().map(|frame| frame.bytes.len() as u64).sum();
        if self.queue.free() < len && self.queue.wants_spare() {
            self.need_spare()?;
        }
        self.write(frames)
    }

    fn write(&mut self, frames: Vec<Frame>) -> Result<(), OpenError> {
        if self.writer.write_own(frames) { Ok(()) } else { Err(self.write_error()) }
    }

    fn need_spare(&self) -> Result<(), OpenError> {
        let bytes = self.bounds.segment_bytes;
        spare::make(&*self.disk, bytes, Pace::Urgent, || true).map_err(|source| OpenError::NoRoom { bytes, source })?;
        self.queue.spare_is(Spare::Ready);
        Ok(())
    }

    fn write_error(&self) -> OpenError {
        let text = match self.queue.health() {
            Health::Failed(text) => text,
            Health::Open | Health::NoRoom | Health::Closed => "no segment could be opened".into(),
        };
        OpenError::Write(io::Error::other(text))
    }
}

/// Why the journal was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it, or the lock cannot be made.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What stands on disk is not to be trusted.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// A folder cannot be made.
    #[error(
        "the folder {folder}/ cannot be made, so the journal is not opened; give this user the right to write there"
    )]
    Folder {
        /// Below the data folder.
        folder: &'static str,
        /// What the machine said.
        source: io::Error,
    },
    /// No room for a segment.
    #[error(
        "there is no room for a segment of {bytes} bytes, so no exchange could be recorded; free space and start again"
    )]
    NoRoom {
        /// `journal.segment_bytes`.
        bytes: u64,
        /// What the machine said.
        source: io::Error,
    },
    /// An exchange that was under way cannot be read back.
    #[error("an exchange that was under way cannot be settled; run `medgate journal verify`: {0}")]
    Orphan(#[from] ReadError),
    /// The first records cannot be written.
    #[error("the journal cannot be written, so nothing could be sent; check the disk")]
    Write(#[source] io::Error),
    /// The machine gives no thread or no random number.
    #[error("the machine gives no {what}, so the journal is not opened")]
    Machine {
        /// What was asked for.
        what: &'static str,
        /// What the machine said.
        source: io::Error,
    },
}
