//! What stands on disk when the journal is opened: headers checked, the last segment scanned, torn told from damaged.

use std::io;

use crate::domain::exchange::Seq;

use super::disk::{Disk, DiskFile};
use super::entry::Entry;
use super::facts::Facts;
use super::index::{Postings, Sealed};
use super::pen::Cut;
use super::record::Header;
use super::run::{self, Run};
use super::scan::{TailState, index_again, scan_last};
use super::segment::{self, SEGMENT_HEADER_LEN, SegmentHeader};
use super::shelf::Extent;
use super::table::Table;
use super::tree::Frontier;
use super::walk::{Link, Step, Walk, written_end};
use super::writer::Tail;

/// Folder of bytes that were cut off at an opening.
pub const QUARANTINE: &str = "quarantine";

/// How index entries are made of a record.
pub type EntriesOf<'a> = &'a (dyn Fn(&Header, &Facts) -> Vec<Entry> + Sync);

/// The journal as it was found.
#[derive(Debug)]
pub struct Found {
    /// Its id.
    pub journal_id: [u8; 16],
    /// Its segments; the last one is scanned.
    pub extents: Vec<Extent>,
    /// Open exchanges and snapshots.
    pub table: Table,
    /// Index of the last segment.
    pub live: Postings,
    /// Index of the segments before.
    pub sealed: Vec<Sealed>,
    /// The last record.
    pub durable: Link,
    /// Where it ends.
    pub tail: Tail,
    /// True when the last segment was sealed, or cut after a failure: the next record begins a new one.
    pub ended: bool,
    /// What was cut off.
    pub cuts: Vec<Cut>,
    /// Segments whose index run was made again.
    pub runs_rebuilt: Vec<u32>,
}

/// Reads the journal on a disk; `None` when there is none. Cuts a torn tail off and zeroes it; refuses damage.
///
/// # Errors
/// When something is damaged, missing or foreign; nothing was changed then.
pub fn recover<D: Disk>(disk: &D, entries_of: EntriesOf<'_>) -> Result<Option<Found>, RecoverError> {
    let segments = read_headers(disk)?;
    let Some(last) = segments.last() else { return Ok(None) };
    check_order(&segments)?;
    let mut scan = scan_last(disk, last, entries_of)?;
    check_front(&segments[0], scan.table.trimmed_to())?;
    if scan.table.tree().size() != scan.link.seq.0 {
        scan.table.replant(plant(disk, &segments, scan.end)?);
    }
    let mut found = Found {
        journal_id: last.header.journal_id,
        extents: Vec::new(),
        table: scan.table,
        live: scan.postings,
        sealed: Vec::new(),
        durable: scan.link,
        tail: Tail { segment_no: last.header.segment_no, end: scan.end, before_first: last.header.first_seq.0 - 1 },
        ended: scan.closed || last.len < last.header.segment_bytes,
        cuts: Vec::new(),
        runs_rebuilt: Vec::new(),
    };
    for pair in segments.windows(2) {
        found.load_run(disk, pair[0].header.segment_no, &pair[1].header, entries_of)?;
        let end = pair[1].header.prev_valid_len;
        found.extents.push(pair[0].extent(end));
        found.cut_beyond(disk, &pair[0], end)?;
    }
    found.extents.push(last.extent(scan.end));
    found.clean_tail(disk, last, &scan.tail, scan.unproven_from)?;
    Ok(Some(found))
}

/// One segment file.
pub(super) struct OnDisk {
    pub(super) header: SegmentHeader,
    pub(super) name: String,
    pub(super) len: u64,
}

impl OnDisk {
    fn extent(&self, end: u64) -> Extent {
        Extent { segment_no: self.header.segment_no, first_seq: self.header.first_seq, end }
    }
}

fn read_headers<D: Disk>(disk: &D) -> Result<Vec<OnDisk>, RecoverError> {
    let names = disk.list(segment::FOLDER).map_err(|source| RecoverError::io(segment::FOLDER, source))?;
    let mut segments = Vec::new();
    for number in names.iter().filter_map(|name| segment::number_in(name)) {
        let name = segment::path(number);
        let io = |source| RecoverError::io(&name, source);
        let file = disk.open(&name).map_err(io)?;
        let len = file.len().map_err(io)?;
        let header = segment::read_header(&file).map_err(io)?;
        let header = header.map_err(|why| RecoverError::damaged(&name, 0, Seq::NONE, why.to_string()))?;
        if header.segment_no != number {
            let why = format!("the header says that it is segment {}", header.segment_no);
            return Err(RecoverError::Misplaced { file: name, why });
        }
        segments.push(OnDisk { header, name, len });
    }
    Ok(segments)
}

/// Numbers without a gap, one journal, no file shorter than the next segment says.
fn check_order(segments: &[OnDisk]) -> Result<(), RecoverError> {
    for pair in segments.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        if let Some(why) = misplaced(&before.header, &after.header) {
            return Err(RecoverError::Misplaced { file: after.name.clone(), why });
        }
        if before.len < after.header.prev_valid_len {
            let why = format!("the file ends here, but its records reach to {}", after.header.prev_valid_len);
            let last = Seq(after.header.first_seq.0 - 1);
            return Err(RecoverError::damaged(&before.name, before.len, last, why));
        }
    }
    Ok(())
}

/// The front is whole, or a durable record says that it was trimmed.
fn check_front(first: &OnDisk, trimmed_to: Seq) -> Result<(), RecoverError> {
    let begins = first.header.first_seq;
    if begins.0 <= trimmed_to.0.max(1) {
        return Ok(());
    }
    let why = format!("records 1 to {} are missing before it, and no record says that they were trimmed", begins.0 - 1);
    Err(RecoverError::Misplaced { file: first.name.clone(), why })
}

/// Why a segment cannot follow another; `None` when it can.
pub fn misplaced(before: &SegmentHeader, after: &SegmentHeader) -> Option<String> {
    if before.journal_id != after.journal_id {
        return Some("it belongs to another journal".into());
    }
    if after.segment_no != before.segment_no + 1 || after.prev_segment_no != before.segment_no {
        return Some(format!("segment {} is missing before it", after.segment_no - 1));
    }
    (after.first_seq <= before.first_seq).then(|| "its first record is not after the segment before".into())
}

/// The tree of a journal whose last Carry was written before a Carry held the edge: every record is read once more.
fn plant<D: Disk>(disk: &D, segments: &[OnDisk], last_end: u64) -> Result<Frontier, RecoverError> {
    let mut tree = Frontier::default();
    for (at, segment) in segments.iter().enumerate() {
        let io = |source| RecoverError::io(&segment.name, source);
        if tree.size() + 1 != segment.header.first_seq.0 {
            let why = "no Carry holds the edge of the tree over the records before".to_owned();
            return Err(RecoverError::damaged(&segment.name, 0, segment.header.first_seq, why));
        }
        let end = segments.get(at + 1).map_or(last_end, |next| next.header.prev_valid_len);
        let file = disk.open(&segment.name).map_err(io)?;
        let mut walk = Walk::new(&file, SEGMENT_HEADER_LEN as u64, end);
        while let Step::Frame { header, .. } = walk.step().map_err(io)? {
            tree.push(&header.chain);
        }
    }
    Ok(tree)
}

impl Found {
    /// Loads the run of a sealed segment, or makes it again by scanning.
    fn load_run<D: Disk>(
        &mut self,
        disk: &D,
        segment_no: u32,
        next: &SegmentHeader,
        entries_of: EntriesOf<'_>,
    ) -> Result<(), RecoverError> {
        let run = Run::load(disk, segment_no).map_err(|source| RecoverError::io(run::FOLDER, source))?;
        if let Some(run) = run.filter(|run| run.chain == next.prev_chain) {
            self.sealed.push(Sealed::OnDisk(run.into()));
            return Ok(());
        }
        self.sealed.push(index_again(disk, segment_no, next.prev_valid_len, next.prev_chain, entries_of)?);
        self.runs_rebuilt.push(segment_no);
        Ok(())
    }

    /// What stands in a file behind the records that the next segment vouches for was never acknowledged.
    fn cut_beyond<D: Disk>(&mut self, disk: &D, segment: &OnDisk, end: u64) -> Result<(), RecoverError> {
        if segment.len <= end {
            return Ok(());
        }
        let io = |source| RecoverError::io(&segment.name, source);
        let file = disk.open(&segment.name).map_err(io)?;
        let written_end = written_end(&file, end, segment.len).map_err(io)?;
        if written_end > end {
            self.quarantine(disk, &file, segment, end, written_end).map_err(io)?;
        }
        file.cut(end).and_then(|()| file.sync()).map_err(io)
    }

    /// Leaves the last segment with nothing but zeros behind its records, and those durable.
    fn clean_tail<D: Disk>(
        &mut self,
        disk: &D,
        last: &OnDisk,
        tail: &TailState,
        unproven_from: u64,
    ) -> Result<(), RecoverError> {
        let io = |source| RecoverError::io(&last.name, source);
        let file = disk.open(&last.name).map_err(io)?;
        let end = self.tail.end;
        if let TailState::Torn { written_end } = *tail {
            self.quarantine(disk, &file, last, end, written_end).map_err(io)?;
            let zeros = vec![0; (written_end - end) as usize];
            file.write_all_at(&zeros, end).map_err(io)?;
        }
        if self.ended && last.len > end {
            file.cut(end).map_err(io)?;
        }
        // After a kill the last batch may stand in the page cache only, and after a failed sync the kernel may call those
        // pages clean: written again they are dirty, and this sync is about them.
        let mut unproven = vec![0; (end - unproven_from) as usize];
        file.read_exact_at(&mut unproven, unproven_from).map_err(io)?;
        file.write_all_at(&unproven, unproven_from).and_then(|()| file.sync()).map_err(io)
    }

    fn quarantine<D: Disk>(
        &mut self,
        disk: &D,
        file: &D::File,
        segment: &OnDisk,
        from: u64,
        to: u64,
    ) -> io::Result<()> {
        let mut bytes = vec![0; (to - from) as usize];
        file.read_exact_at(&mut bytes, from)?;
        let taken = disk.list(QUARANTINE)?;
        let segment_no = segment.header.segment_no;
        let name = (0..=taken.len())
            .map(|copy| format!("{segment_no:010}-{from:010}.{copy}.cut"))
            .find(|name| !taken.contains(name))
            .expect("one more name than files is free");
        let path = format!("{QUARANTINE}/{name}");
        let set_aside = disk.create(&path)?;
        set_aside.write_all_at(&bytes, 0)?;
        set_aside.sync()?;
        disk.sync_folder(QUARANTINE)?;
        self.cuts.push(Cut { segment_no, offset: from, bytes: to - from, file: name });
        Ok(())
    }
}

/// Why a journal is not opened. Each names the file, what follows from it and what to do.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// Stored records are not as they were written.
    #[error(
        "{file} is damaged at offset {offset} (record {seq}): {why}; records from there on, which were acknowledged, \
         cannot be trusted, so nothing is sent; restore this file from a backup or the standby, \
         then run `medgate journal verify`"
    )]
    Damaged {
        /// The segment.
        file: String,
        /// Where.
        offset: u64,
        /// The first record that is lost.
        seq: Seq,
        /// What is wrong.
        why: String,
    },
    /// A segment is missing, renamed or foreign.
    #[error(
        "{file} does not continue the segment before: {why}; opening it would break the chain of records; \
         put the missing segment back from a backup, or take the foreign file out of the folder"
    )]
    Misplaced {
        /// The segment.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// The disk did not let us read or clean up.
    #[error("{file} cannot be read or written, so the journal is not opened; check disk, mount and rights")]
    Io {
        /// File or folder.
        file: String,
        /// What the machine said.
        source: io::Error,
    },
}

impl RecoverError {
    pub(super) fn io(file: &str, source: io::Error) -> RecoverError {
        RecoverError::Io { file: file.to_owned(), source }
    }

    pub(super) fn damaged(file: &str, offset: u64, seq: Seq, why: String) -> RecoverError {
        RecoverError::Damaged { file: file.to_owned(), offset, seq, why }
    }
}
