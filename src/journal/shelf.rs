//! What is durable and so may be seen: segments, index, open table, the position up to which readers may go.
//!
//! The writer publishes here after each sync; everybody else reads.

use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use crate::domain::exchange::Seq;
use crate::domain::token::Token;

use super::disk::{Disk, DiskFile};
use super::entry::EntryKind;
use super::frame::Frame;
use super::index::{Postings, Sealed};
use super::place::{Place, Record, Unreadable};
use super::record::{Chain, HEADER_LEN, Header, Malformed};
use super::run::Run;
use super::segment;
use super::table::{OpenExchange, Table};
use super::tree::Frontier;
use super::trim;

/// One segment as readers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Its number.
    pub segment_no: u32,
    /// Number of its first record.
    pub first_seq: Seq,
    /// Where its durable records end.
    pub end: u64,
}

/// What readers ask of the journal, whatever disk it stands on.
pub trait Store: Send + Sync {
    /// Which journal it is.
    fn journal_id(&self) -> [u8; 16];
    /// The segment that is written now.
    fn segment_no(&self) -> u32;
    /// Places of the records found by a token, ascending by number.
    fn lookup(&self, kind: EntryKind, token: Token) -> io::Result<Vec<Place>>;
    /// The record at a place.
    fn read(&self, place: Place) -> Result<Record, ReadError>;
    /// The segment that holds a record, or the first one after it.
    fn extent_of(&self, seq: Seq) -> Option<Extent>;
    /// A segment by its number.
    fn extent(&self, segment_no: u32) -> Option<Extent>;
    /// Bytes of a segment from `offset`, at most `len`.
    fn bytes(&self, segment_no: u32, offset: u64, len: usize) -> io::Result<Vec<u8>>;
    /// Exchanges whose end is not known, oldest first.
    fn open_exchanges(&self) -> Vec<OpenExchange>;
    /// The snapshot last journaled under a name.
    fn snapshot(&self, name: &str) -> Option<Seq>;
    /// The tree over what is durable.
    fn tree(&self) -> Frontier;
    /// The segments that stand here, ascending.
    fn extents(&self) -> Vec<Extent>;
    /// Number of the first record that a trim left; none when there was no trim.
    fn trimmed_to(&self) -> Seq;
    /// Takes away what a durable record says was trimmed, as far as it still stands; gives the numbers of the segments.
    fn finish_trim(&self) -> io::Result<Vec<u32>>;
    /// The highest durable record, as it moves.
    fn durable(&self) -> watch::Receiver<Seq>;
}

/// The durable state of a journal on one disk.
#[derive(Debug)]
pub struct Shelf<D> {
    disk: Arc<D>,
    journal_id: [u8; 16],
    seen: RwLock<Seen>,
    durable: watch::Sender<Seq>,
}

#[derive(Debug, Default)]
struct Seen {
    extents: Vec<Extent>,
    table: Table,
    live: Postings,
    sealed: Arc<Vec<Sealed>>,
}

impl<D: Disk> Shelf<D> {
    /// Everything that recovery found.
    pub fn new(
        disk: Arc<D>,
        journal_id: [u8; 16],
        extents: Vec<Extent>,
        table: Table,
        live: Postings,
        sealed: Vec<Sealed>,
    ) -> Shelf<D> {
        let seen = Seen { extents, table, live, sealed: Arc::new(sealed) };
        Shelf { disk, journal_id, seen: RwLock::new(seen), durable: watch::Sender::new(Seq::NONE) }
    }

    /// Begins a segment: the live index becomes the sealed one of the segment before, whose last chain is `chain`.
    pub fn begin_segment(&self, segment_no: u32, first_seq: Seq, chain: Chain) {
        let mut seen = self.write();
        if let Some(before) = seen.extents.last().map(|extent| extent.segment_no) {
            let postings = Arc::new(std::mem::take(&mut seen.live));
            Arc::make_mut(&mut seen.sealed).push(Sealed::InMemory { segment_no: before, chain, postings });
        }
        seen.extents.push(Extent { segment_no, first_seq, end: segment::SEGMENT_HEADER_LEN as u64 });
    }

    /// Makes durable records of the live segment visible, which now ends at `end`.
    pub fn publish<'a>(&self, written: impl Iterator<Item = (&'a Frame, Place, &'a Chain)>, end: u64) {
        let mut seen = self.write();
        let mut durable = None;
        for (frame, place, chain) in written {
            seen.table.apply(&frame.header, place, || frame.facts());
            seen.table.grow(chain);
            seen.live.add(&frame.entries, place);
            durable = Some(place.seq);
        }
        if let Some(extent) = seen.extents.last_mut() {
            extent.end = end;
        }
        drop(seen);
        if let Some(durable) = durable {
            self.durable.send_replace(durable);
        }
    }

    /// Says what was durable before anything is published.
    pub fn starts_at(&self, durable: Seq) {
        self.durable.send_replace(durable);
    }

    /// Writes the run of one sealed segment that has none; false when there is none to write.
    ///
    /// # Errors
    /// When the disk refuses; the postings stay in memory.
    pub fn write_run(&self) -> io::Result<bool> {
        let missing = self.read_seen().sealed.iter().find_map(|sealed| match sealed {
            Sealed::InMemory { segment_no, chain, postings } => Some((*segment_no, *chain, postings.clone())),
            Sealed::OnDisk(_) => None,
        });
        let Some((segment_no, chain, postings)) = missing else { return Ok(false) };
        let run = Run::write(&*self.disk, segment_no, chain, postings.list().to_vec())?;
        let mut seen = self.write();
        if let Some(slot) = Arc::make_mut(&mut seen.sealed).iter_mut().find(|s| s.segment_no() == segment_no) {
            *slot = Sealed::OnDisk(Arc::new(run));
        }
        Ok(true)
    }

    /// Shows nothing of the segments before this one any more.
    pub fn forget_before(&self, segment_no: u32) {
        let mut seen = self.write();
        seen.extents.retain(|extent| extent.segment_no >= segment_no);
        Arc::make_mut(&mut seen.sealed).retain(|sealed| sealed.segment_no() >= segment_no);
    }

    /// Looks at the open table.
    pub fn with_table<T>(&self, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.read_seen().table)
    }

    fn read_seen(&self) -> RwLockReadGuard<'_, Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Seen> {
        self.seen.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Disk> Store for Shelf<D> {
    fn journal_id(&self) -> [u8; 16] {
        self.journal_id
    }

    fn segment_no(&self) -> u32 {
        self.read_seen().extents.last().map_or(0, |extent| extent.segment_no)
    }

    fn lookup(&self, kind: EntryKind, token: Token) -> io::Result<Vec<Place>> {
        let mut live = Vec::new();
        let sealed = {
            let seen = self.read_seen();
            let segment_no = seen.extents.last().map_or(0, |extent| extent.segment_no);
            seen.live.lookup(segment_no, kind, token, &mut live);
            seen.sealed.clone()
        };
        let mut places = Vec::new();
        for segment in sealed.iter() {
            match segment.lookup(&*self.disk, kind, token, &mut places) {
                // Trimmed while we looked: what it held is not to be found any more.
                Err(_) if self.extent(segment.segment_no()).is_none() => {}
                looked => looked?,
            }
        }
        places.append(&mut live);
        Ok(places)
    }

    fn read(&self, place: Place) -> Result<Record, ReadError> {
        let io = |source| ReadError::Io { place, source };
        let file = self.disk.open(&segment::path(place.segment_no)).map_err(io)?;
        let mut bytes = vec![0; HEADER_LEN];
        file.read_exact_at(&mut bytes, place.offset.into()).map_err(io)?;
        let bad = |why| ReadError::Unreadable { place, why };
        let header = Header::decode(&bytes).map_err(|why| bad(why.into()))?;
        bytes.resize(header.frame_len as usize, 0);
        let rest = u64::from(place.offset) + HEADER_LEN as u64;
        file.read_exact_at(&mut bytes[HEADER_LEN..], rest).map_err(io)?;
        let record = Record::decode(&bytes, place.offset.into()).map_err(bad)?;
        if record.place == place { Ok(record) } else { Err(bad(Malformed::Chain.into())) }
    }

    fn extent_of(&self, seq: Seq) -> Option<Extent> {
        let seen = self.read_seen();
        let after = seen.extents.partition_point(|extent| extent.first_seq <= seq);
        seen.extents.get(after.saturating_sub(1)).copied()
    }

    fn extent(&self, segment_no: u32) -> Option<Extent> {
        let seen = self.read_seen();
        let at = seen.extents.binary_search_by_key(&segment_no, |extent| extent.segment_no).ok()?;
        Some(seen.extents[at])
    }

    fn bytes(&self, segment_no: u32, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let file = self.disk.open(&segment::path(segment_no))?;
        let mut bytes = vec![0; len];
        let read = file.read_full_at(&mut bytes, offset)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn open_exchanges(&self) -> Vec<OpenExchange> {
        self.with_table(|table| table.open().copied().collect())
    }

    fn snapshot(&self, name: &str) -> Option<Seq> {
        self.with_table(|table| table.snapshot(name))
    }

    fn tree(&self) -> Frontier {
        self.with_table(|table| table.tree().clone())
    }

    fn extents(&self) -> Vec<Extent> {
        self.read_seen().extents.clone()
    }

    fn trimmed_to(&self) -> Seq {
        self.with_table(Table::trimmed_to)
    }

    fn finish_trim(&self) -> io::Result<Vec<u32>> {
        trim::finish(&*self.disk, self)
    }

    fn durable(&self) -> watch::Receiver<Seq> {
        self.durable.subscribe()
    }
}

/// Why a record could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file.
    #[error("record {} at {}+{} cannot be read", .place.seq, segment::path(.place.segment_no), .place.offset)]
    Io {
        /// Where it should stand.
        place: Place,
        /// What the machine said.
        source: io::Error,
    },
    /// The bytes.
    #[error("record {} at {}+{} is damaged: {why}", .place.seq, segment::path(.place.segment_no), .place.offset)]
    Unreadable {
        /// Where it should stand.
        place: Place,
        /// What is wrong.
        why: Unreadable,
    },
}
