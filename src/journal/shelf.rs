//! What is durable and so may be seen: segments, index, open table, the position up to which readers may go.
//!
//! The writer publishes here after each sync; everybody else reads.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use crate::domain::exchange::Seq;
use crate::domain::token::Token;

use super::disk::{Disk, DiskFile};
use super::entry::EntryKind;
use super::frame::Frame;
use super::index::{Postings, Sealed};
use super::open::EntriesOf;
use super::place::{Place, Record, Unreadable};
use super::record::{Chain, HEADER_LEN, Header, Malformed};
use super::run::{Run, RunError};
use super::scan::index_again;
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
pub struct Shelf<D> {
    disk: Arc<D>,
    journal_id: [u8; 16],
    entries_of: EntriesOf,
    seen: RwLock<Seen>,
    durable: watch::Sender<Seq>,
    /// Held while a run is made again; the segments whose run could not be.
    hopeless: Mutex<BTreeSet<u32>>,
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
        entries_of: EntriesOf,
        extents: Vec<Extent>,
        table: Table,
        live: Postings,
        sealed: Vec<Sealed>,
    ) -> Shelf<D> {
        let seen = Seen { extents, table, live, sealed: Arc::new(sealed) };
        let durable = watch::Sender::new(Seq::NONE);
        Shelf { disk, journal_id, entries_of, seen: RwLock::new(seen), durable, hopeless: Mutex::default() }
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
        self.replace(Sealed::OnDisk(Arc::new(run)));
        Ok(true)
    }

    /// Shows nothing of the segments before this one any more.
    pub fn forget_before(&self, segment_no: u32) {
        let mut seen = self.write();
        seen.extents.retain(|extent| extent.segment_no >= segment_no);
        Arc::make_mut(&mut seen.sealed).retain(|sealed| sealed.segment_no() >= segment_no);
    }

    fn replace(&self, sealed: Sealed) {
        let mut seen = self.write();
        let slots = Arc::make_mut(&mut seen.sealed);
        if let Some(slot) = slots.iter_mut().find(|slot| slot.segment_no() == sealed.segment_no()) {
            *slot = sealed;
        }
    }

    /// Adds the places of a token in a sealed segment, from a run made again when the one that stands there is spoiled.
    fn lookup_sealed(&self, sealed: &Sealed, kind: EntryKind, token: Token, places: &mut Vec<Place>) -> io::Result<()> {
        let from = places.len();
        match (sealed, sealed.lookup(&*self.disk, kind, token, places)) {
            (Sealed::OnDisk(run), Err(RunError::Spoiled { file, why })) => {
                places.truncate(from);
                let again = self.made_again(run, &file, &why)?;
                Ok(again.lookup(&*self.disk, kind, token, places)?)
            }
            (_, looked) => Ok(looked?),
        }
    }

    /// Makes a spoiled run again from its segment, once for all who wait for it. Who asks waits for as long as one segment
    /// takes to read; where the segment is no better, nobody waits a second time.
    fn made_again(&self, spoiled: &Arc<Run>, file: &str, why: &str) -> io::Result<Sealed> {
        let mut hopeless = self.hopeless.lock().unwrap_or_else(PoisonError::into_inner);
        let segment_no = spoiled.segment_no;
        let stands = self.read_seen().sealed.iter().find(|sealed| sealed.segment_no() == segment_no).cloned();
        match stands {
            Some(Sealed::OnDisk(run)) if Arc::ptr_eq(&run, spoiled) => {}
            Some(other) => return Ok(other),
            None => return Err(io::Error::other(format!("segment {segment_no} was taken away"))),
        }
        let end = self.extent(segment_no).map_or(0, |extent| extent.end);
        let lost =
            || io::Error::other(format!("{file}: {why}, and it cannot be made again; nothing is known of its records"));
        if hopeless.contains(&segment_no) {
            return Err(lost());
        }
        tracing::warn!(file, why, "an index run is spoiled and made again from its segment");
        match index_again(&*self.disk, segment_no, end, spoiled.chain, &*self.entries_of) {
            Ok(sealed) => {
                self.replace(sealed.clone());
                Ok(sealed)
            }
            Err(error) => {
                tracing::error!(%error, file, "an index run cannot be made again: calls that need it are refused");
                hopeless.insert(segment_no);
                Err(lost())
            }
        }
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
            match self.lookup_sealed(segment, kind, token, &mut places) {
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
