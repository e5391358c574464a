//! One segment read record by record: its chain held together, its index, open exchanges and tree made again.

use std::panic;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use crate::domain::exchange::Seq;

use super::disk::{Disk, DiskFile};
use super::index::{Postings, Sealed};
use super::place::Record;
use super::record::{Chain, Header, Kind, Malformed};
use super::recovery::{EntriesOf, OnDisk, RecoverError};
use super::run::Run;
use super::segment::{self, SEGMENT_HEADER_LEN};
use super::table::Table;
use super::walk::{Link, Step, Walk, find_witness, written_end};

/// Bytes of records that one thread of a scan hands to the other at once, and how many such batches may wait.
const SCAN_BATCH_BYTES: u64 = 256 * 1024;
const SCAN_BATCHES: usize = 4;

/// What a scan of one segment gives.
pub(super) struct Scan {
    pub(super) link: Link,
    pub(super) end: u64,
    witnessed: Seq,
    pub(super) unproven_from: u64,
    pub(super) table: Table,
    pub(super) postings: Postings,
    pub(super) closed: bool,
    pub(super) tail: TailState,
}

/// What stands behind the last whole record.
pub(super) enum TailState {
    /// Zeros, or nothing.
    Clean,
    /// Something that was never acknowledged, up to here.
    Torn { written_end: u64 },
}

/// Scans the segment that was written last, and judges what stands behind its last whole record.
///
/// # Errors
/// When what stands there was acknowledged once, and is damaged now.
pub(super) fn scan_last<D: Disk>(disk: &D, segment: &OnDisk, entries_of: EntriesOf<'_>) -> Result<Scan, RecoverError> {
    let io = |source| RecoverError::io(&segment.name, source);
    let file = disk.open(&segment.name).map_err(io)?;
    let (mut scan, bad) = scan_range(&file, segment, segment.len, entries_of)?;
    let Some(why) = bad else { return Ok(scan) };
    let written = written_end(&file, scan.end, segment.len).map_err(io)?;
    if written == scan.end {
        return Ok(scan);
    }
    let missing = Seq(scan.link.seq.0 + 1);
    // A whole frame that breaks the chain, or one of a later version, was not torn: torn sectors hold zeros.
    if matches!(why, Malformed::Chain | Malformed::Version(_)) {
        return Err(RecoverError::damaged(&segment.name, scan.end, missing, why.to_string()));
    }
    let number = segment.header.segment_no;
    if let Some(witness) = find_witness(&file, scan.end, segment.len, number, missing).map_err(io)? {
        let why = format!("{why}, and record {} proves that it was whole once", witness.seq);
        return Err(RecoverError::damaged(&segment.name, scan.end, missing, why));
    }
    scan.tail = TailState::Torn { written_end: written };
    Ok(scan)
}

/// Scans records up to `end`; says why it stopped before. One thread holds them to their chain, one makes index and tree of
/// them: each takes about as long, and the gateway waits for both.
fn scan_range<F: DiskFile>(
    file: &F,
    segment: &OnDisk,
    end: u64,
    entries_of: EntriesOf<'_>,
) -> Result<(Scan, Option<Malformed>), RecoverError> {
    let header = &segment.header;
    let link = Link { seq: Seq(header.first_seq.0 - 1), chain: header.prev_chain };
    let mut scan = Scan {
        link,
        end: SEGMENT_HEADER_LEN as u64,
        witnessed: Seq::NONE,
        unproven_from: SEGMENT_HEADER_LEN as u64,
        table: Table::default(),
        postings: Postings::default(),
        closed: false,
        tail: TailState::Clean,
    };
    thread::scope(|scope| {
        let (give, given) = mpsc::sync_channel(SCAN_BATCHES);
        let gathering = thread::Builder::new().spawn_scoped(scope, move || gather(&given, entries_of));
        let gathering = gathering.map_err(|source| RecoverError::io(&segment.name, source))?;
        let bad = scan.follow(file, segment, end, give)?;
        (scan.table, scan.postings) = gathering.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
        Ok((scan, bad))
    })
}

/// What the records of a segment come to.
fn gather(given: &Receiver<Vec<Record>>, entries_of: EntriesOf<'_>) -> (Table, Postings) {
    let (mut table, mut postings) = (Table::default(), Postings::default());
    for record in given.iter().flatten() {
        postings.add(&entries_of(&record.header, &record.facts), record.place);
        table.apply(&record.header, record.place, || record.facts);
        table.grow(&record.header.chain);
    }
    (table, postings)
}

impl Scan {
    /// Goes from record to record and gives them on; says why it stopped before `end`.
    fn follow<F: DiskFile>(
        &mut self,
        file: &F,
        segment: &OnDisk,
        end: u64,
        give: SyncSender<Vec<Record>>,
    ) -> Result<Option<Malformed>, RecoverError> {
        let (mut batch, mut batch_from) = (Vec::new(), self.end);
        let mut walk = Walk::new(file, self.end, end);
        let bad = loop {
            match walk.step().map_err(|source| RecoverError::io(&segment.name, source))? {
                Step::End => break None,
                Step::Bad { why, .. } => break Some(why),
                Step::Frame { at, header: of, frame } => {
                    if let Err(why) = self.link.follow(&of, frame, segment.header.segment_no) {
                        break Some(why);
                    }
                    let record = Record::decode(frame, at)
                        .map_err(|why| RecoverError::damaged(&segment.name, at, of.seq, why.to_string()))?;
                    self.take(at, frame.len(), &record.header);
                    batch.push(Record { payload: Vec::new(), ..record });
                    if SCAN_BATCH_BYTES <= self.end - batch_from {
                        // Who does not take it has panicked, and whoever joins it panics too.
                        let _ = give.send(std::mem::take(&mut batch));
                        batch_from = self.end;
                    }
                }
            }
        };
        let _ = give.send(batch);
        Ok(bad)
    }

    fn take(&mut self, at: u64, len: usize, header: &Header) {
        self.end = at + len as u64;
        if header.durable_seq > self.witnessed {
            (self.witnessed, self.unproven_from) = (header.durable_seq, at);
        }
        self.closed = header.known_kind() == Some(Kind::SegmentClose);
    }
}

/// Makes the index of a sealed segment again from its records, which reach to `end` and the chain value `chain`. A run that
/// cannot be written now stays in memory; the helper writes it later.
///
/// # Errors
/// When the segment cannot be read, or its records are not as they were written.
pub fn index_again<D: Disk>(
    disk: &D,
    segment_no: u32,
    end: u64,
    chain: Chain,
    entries_of: EntriesOf<'_>,
) -> Result<Sealed, RecoverError> {
    let name = segment::path(segment_no);
    let io = |source| RecoverError::io(&name, source);
    let file = disk.open(&name).map_err(io)?;
    let header = segment::read_header(&file).map_err(io)?;
    let header = header.map_err(|why| RecoverError::damaged(&name, 0, Seq::NONE, why.to_string()))?;
    let (scan, bad) = scan_range(&file, &OnDisk { header, name: name.clone(), len: end }, end, entries_of)?;
    if bad.is_some() || scan.link.chain != chain {
        let why = bad.unwrap_or(Malformed::Chain).to_string();
        return Err(RecoverError::damaged(&name, scan.end, Seq(scan.link.seq.0 + 1), why));
    }
    Ok(match Run::write(disk, segment_no, chain, scan.postings.list().to_vec()) {
        Ok(run) => Sealed::OnDisk(run.into()),
        Err(_) => Sealed::InMemory { segment_no, chain, postings: scan.postings.into() },
    })
}
