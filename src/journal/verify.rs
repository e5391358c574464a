//! The whole journal checked without a key: order of segments, headers, chain, checksums, digests, zero padding.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use crate::domain::exchange::{ExchangeId, Seq};

use super::composite::{erased, erased_slots};
use super::disk::{Disk, DiskFile, RealDisk};
use super::facts::{Fact, Facts};
use super::record::{HEADER_LEN, Header, Kind, Malformed, payload_digest};
use super::recovery::misplaced;
use super::segment::{self, SEGMENT_HEADER_LEN, SegmentHeader, digest_of, read_header};
use super::walk::{Link, Step, Walk, written_end};

/// What the check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Segments checked to their end.
    pub segments: u32,
    /// Records that are as they were written.
    pub records: u64,
    /// The last of them.
    pub last_seq: Seq,
    /// Key slots that Erasure records say were destroyed: what they sealed is gone by policy, and their records are whole.
    pub erased_slots: BTreeSet<u64>,
    /// Exchanges that they say were erased.
    pub erased_exchanges: BTreeSet<ExchangeId>,
    /// The first thing that is wrong; nothing behind it was checked.
    pub bad: Option<Bad>,
    /// How the last segment ends.
    pub end: End,
}

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// The file.
    pub file: String,
    /// Where in it.
    pub offset: u64,
    /// The record that should stand there.
    pub seq: Seq,
    /// What is wrong.
    pub why: String,
}

/// How the last segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// There is no segment.
    Empty,
    /// Sealed by a clean stop.
    Sealed,
    /// With zeros: the gateway runs, or was killed between two batches.
    Open,
    /// With bytes that are no record: a batch under way, or torn by a power cut. The next start sets them aside.
    Torn {
        /// Where they begin.
        offset: u64,
    },
}

/// Whoever looks at each record that is as it was written.
pub trait Watch {
    /// Looks at the next one.
    ///
    /// # Errors
    /// What is wrong with what it says; nothing behind it is checked then.
    fn record(&mut self, header: &Header, payload: &[u8]) -> Result<(), String>;
}

/// Nobody looks.
struct Nobody;

impl Watch for Nobody {
    fn record(&mut self, _: &Header, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

/// Checks the journal in a data folder. Takes no lock and writes nothing.
///
/// # Errors
/// When files cannot be read at all.
pub fn verify(data: &Path) -> io::Result<Report> {
    verify_disk(&RealDisk::reading(data))
}

/// Checks the journal on a disk.
///
/// # Errors
/// When files cannot be read at all.
pub fn verify_disk<D: Disk>(disk: &D) -> io::Result<Report> {
    verify_watched(disk, &mut Nobody)
}

/// Checks the journal on a disk while somebody looks on.
///
/// # Errors
/// When files cannot be read at all.
pub fn verify_watched<D: Disk>(disk: &D, watch: &mut dyn Watch) -> io::Result<Report> {
    let mut check = Check::new(watch);
    let names = disk.list(segment::FOLDER)?;
    let numbers: Vec<u32> = names.iter().filter_map(|name| segment::number_in(name)).collect();
    for (index, number) in numbers.iter().enumerate() {
        let file = disk.open(&segment::path(*number))?;
        let next = match numbers.get(index + 1) {
            Some(next) => read_header(&disk.open(&segment::path(*next))?)?.ok(),
            None => None,
        };
        let is_last = index + 1 == numbers.len();
        check.segment(&file, *number, next.as_ref(), is_last)?;
        if check.report.bad.is_some() {
            break;
        }
        check.report.segments += 1;
    }
    Ok(check.report)
}

/// Checks one segment alone, whose records reach to the end of the file; gives the chain value behind the last of them, too.
///
/// # Errors
/// When the file cannot be read at all.
pub fn verify_alone<F: DiskFile>(file: &F, number: u32, watch: &mut dyn Watch) -> io::Result<(Report, Option<Link>)> {
    let mut check = Check::new(watch);
    check.segment(file, number, None, false)?;
    check.report.segments = u32::from(check.report.bad.is_none());
    Ok((check.report, check.link))
}

struct Check<'w> {
    watch: &'w mut dyn Watch,
    report: Report,
    link: Option<Link>,
    before: Option<SegmentHeader>,
    end: u64,
}

impl Check<'_> {
    fn new(watch: &mut dyn Watch) -> Check<'_> {
        let report = Report {
            segments: 0,
            records: 0,
            last_seq: Seq::NONE,
            erased_slots: BTreeSet::new(),
            erased_exchanges: BTreeSet::new(),
            bad: None,
            end: End::Empty,
        };
        Check { watch, report, link: None, before: None, end: 0 }
    }

    fn segment<F: DiskFile>(
        &mut self,
        file: &F,
        number: u32,
        next: Option<&SegmentHeader>,
        is_last: bool,
    ) -> io::Result<()> {
        self.end = 0;
        let header = match self.header(file, number)? {
            Ok(header) => header,
            Err(why) => {
                self.bad(number, 0, why);
                return Ok(());
            }
        };
        let link = Link { seq: Seq(header.first_seq.0 - 1), chain: header.prev_chain };
        self.link = Some(link);
        self.end = SEGMENT_HEADER_LEN as u64;
        let len = file.len()?;
        // One that does not belong here says nothing of this one; it is told when its turn comes.
        let next = next.filter(|next| misplaced(&header, next).is_none());
        // A segment ends where the next one says; what a failed batch left behind that is cut at the next start.
        let until = next.map_or(len, |next| next.prev_valid_len);
        // The gateway may write while this reads: only what stood here before the records were read is judged as their end.
        let written = written_end(file, self.end, len)?;
        let stop = self.records(file, &header, until.min(len))?;
        if self.report.bad.is_none() {
            self.ending(file, number, Range { until, len, written, is_last }, stop)?;
        }
        self.before = Some(header);
        Ok(())
    }

    /// The header of a segment that continues what was checked before, or what is wrong with it.
    fn header<F: DiskFile>(&self, file: &F, number: u32) -> io::Result<Result<SegmentHeader, String>> {
        let header = match read_header(file)? {
            Ok(header) => header,
            Err(why) => return Ok(Err(why.to_string())),
        };
        let misplaced = self.before.as_ref().and_then(|before| misplaced(before, &header));
        let continues =
            self.link.is_none_or(|link| (link.seq.0 + 1, link.chain) == (header.first_seq.0, header.prev_chain));
        Ok(match misplaced {
            _ if header.segment_no != number => Err("the header names another segment".into()),
            _ if number == 1 && (header.first_seq, header.prev_chain) != (Seq(1), [0; 32]) => {
                Err("the first segment continues another one".into())
            }
            Some(why) => Err(why),
            None if !continues => Err("it does not continue the last record before".into()),
            None => Ok(header),
        })
    }

    /// Checks records until the range ends or something else than a record stands there.
    fn records<F: DiskFile>(&mut self, file: &F, of: &SegmentHeader, until: u64) -> io::Result<Stop> {
        let mut walk = Walk::new(file, self.end, until);
        let mut closed = false;
        loop {
            match walk.step()? {
                Step::End => return Ok(Stop { why: None, closed }),
                Step::Bad { why, .. } => return Ok(Stop { why: Some(why), closed }),
                Step::Frame { at, header, frame } => {
                    let number = of.segment_no;
                    let mut link = self.link.expect("set before");
                    let first = link.seq.0 + 1 == of.first_seq.0;
                    let checked = link.follow(&header, frame, number).map_err(|why| why.to_string());
                    let payload = &frame[HEADER_LEN..HEADER_LEN + header.payload_len as usize];
                    let whole = checked.and_then(|()| check_payload(&header, payload, first.then_some(of)));
                    if let Err(why) = whole.and_then(|()| self.watch.record(&header, payload)) {
                        self.bad(number, at, why);
                        return Ok(Stop { why: None, closed });
                    }
                    if header.known_kind() == Some(Kind::Erasure) {
                        self.erased(&header, frame);
                    }
                    closed = header.known_kind() == Some(Kind::SegmentClose);
                    self.link = Some(link);
                    self.end = at + frame.len() as u64;
                    self.report.records += 1;
                    self.report.last_seq = header.seq;
                }
            }
        }
    }

    /// Checks what stands behind the last record of a segment.
    fn ending<F: DiskFile>(
        &mut self,
        file: &F,
        number: u32,
        Range { until, len, written, is_last }: Range,
        stop: Stop,
    ) -> io::Result<()> {
        let zeros = written <= self.end;
        self.report.end = match (stop.closed, zeros) {
            (true, true) => End::Sealed,
            (false, true) => End::Open,
            (_, false) => End::Torn { offset: self.end },
        };
        let offset = self.end;
        if is_last && matches!(stop.why, Some(Malformed::Chain | Malformed::Version(_))) {
            let why = stop.why.unwrap_or(Malformed::Chain).to_string();
            self.bad(number, offset, why);
        } else if is_last && stop.closed && !zeros {
            self.bad(number, offset, "bytes stand behind the record that closes the segment");
        } else if is_last && !zeros {
            let missing = Seq(self.report.last_seq.0 + 1);
            if super::walk::find_witness(file, offset, written, number, missing)?.is_some() {
                self.bad(number, offset, "a later record proves that a whole one stood here");
            }
        } else if !is_last && (offset != until || stop.why.is_some()) {
            let why = stop.why.map_or("records end before the place the next segment names".into(), |w| w.to_string());
            self.bad(number, offset, why);
        } else if !is_last && stop.closed && len != until {
            self.bad(number, until, "a sealed file is longer than its records");
        }
        Ok(())
    }

    fn erased(&mut self, header: &Header, frame: &[u8]) {
        let Ok(facts) = Facts::decode(&frame[HEADER_LEN..HEADER_LEN + header.facts_len as usize]) else { return };
        self.report.erased_slots.extend(erased_slots(&facts));
        self.report.erased_exchanges.extend(erased(&facts));
    }

    fn bad(&mut self, number: u32, offset: u64, why: impl Into<String>) {
        let seq = Seq(self.report.last_seq.0 + 1);
        self.report.bad = Some(Bad { file: segment::path(number), offset, seq, why: why.into() });
    }
}

/// What a segment file holds.
struct Range {
    /// Where its records end, as far as that is known.
    until: u64,
    /// Length of the file in bytes.
    len: u64,
    /// The end of what was written when the reading began.
    written: u64,
    is_last: bool,
}

/// Why records of a segment came to an end.
struct Stop {
    why: Option<Malformed>,
    closed: bool,
}

/// The digests: payload, and in the first record of a segment the segment header.
fn check_payload(header: &Header, payload: &[u8], first_of: Option<&SegmentHeader>) -> Result<(), String> {
    if payload_digest(payload) != header.payload_digest {
        return Err(Malformed::PayloadDigest.to_string());
    }
    let Some(segment) = first_of else { return Ok(()) };
    let facts = Facts::decode(&payload[..header.facts_len as usize]).map_err(|why| why.to_string())?;
    let digest = digest_of(&segment.encode());
    let named = facts.all(Fact::SegmentDigest).next() == Some(&digest);
    let opens = header.known_kind() == Some(Kind::SegmentOpen);
    if named && opens { Ok(()) } else { Err("the first record does not name this segment's header".into()) }
}
