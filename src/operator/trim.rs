//! Old segments leave the journal: what may go and what stands against it, the record of it, and then the removal.
//!
//! Order: profile texts that records still name are journaled again, the act is journaled, then files go. A crash between
//! leaves an act without its doing; the next call ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::Path;

use crate::domain::exchange::Seq;
use crate::domain::moment::{china_time, days_ns};
use crate::evidence::archive::{NotArchived, archive};
use crate::journal::disk::{Disk, RealDisk};
use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::journal::reader::FollowError;
use crate::journal::record::Kind;
use crate::journal::segment::{self, read_header};
use crate::journal::{AppendError, Journal, Record};
use crate::signing::sm2::Verifier;

use super::act::Act;

/// What is asked.
pub struct Asked<'a> {
    /// The data folder.
    pub data: &'a Path,
    /// Folder of archives; `None` when segments may go without one.
    pub archives: Option<&'a Path>,
    /// The key that seals the journal.
    pub key: &'a Verifier,
    /// Days that records stay at least.
    pub keep_days: u64,
    /// Now.
    pub now_unix_ns: i64,
    /// Who reads the journal, and how far he has come.
    pub readers: &'a [(&'static str, Seq)],
}

/// What may go, and why no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Segments that may go, oldest first.
    pub segments: Vec<u32>,
    /// The first record that goes.
    pub from: Seq,
    /// The first record that stays.
    pub to: Seq,
    /// Why the next segment stays.
    pub stays: Stays,
}

/// Why a segment stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stays {
    /// It is the one that is written.
    Live,
    /// It is not old enough.
    Young {
        /// Which.
        segment_no: u32,
        /// From when on it may go, unix ns.
        until_unix_ns: i64,
    },
    /// An exchange in it is not ended, or its outcome is unknown.
    Open {
        /// Which.
        segment_no: u32,
        /// Its INTENT.
        seq: Seq,
    },
    /// Somebody has not read it to its end.
    Read {
        /// Which.
        segment_no: u32,
        /// Who.
        reader: &'static str,
        /// How far he has come.
        position: Seq,
    },
    /// It has no archive that verifies.
    NotArchived {
        /// Which.
        segment_no: u32,
        /// Why.
        why: String,
    },
}

impl fmt::Display for Stays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stays::Live => write!(f, "every sealed segment may go; the one that is written stays. 仅保留正在写入的段"),
            Stays::Young { segment_no, until_unix_ns } => write!(
                f,
                "segment {segment_no} is not old enough; it may go after {} (retention.keep_days). 第{segment_no}段未满保留期",
                china_time(*until_unix_ns)
            ),
            Stays::Open { segment_no, seq } => write!(
                f,
                "segment {segment_no} holds exchange {seq}, which is under way or whose outcome is unknown: it is evidence; find out what \
                 became of it (/api/v1/unknowns). 第{segment_no}段有结果未知的交易，须先核实"
            ),
            Stays::Read { segment_no, reader, position } => write!(
                f,
                "{reader} has come to record {position} only and still needs segment {segment_no}; wait for it. 仍有读者未读完第{segment_no}段"
            ),
            Stays::NotArchived { segment_no, why } => {
                write!(f, "segment {segment_no} has no archive that verifies: {why}. 第{segment_no}段没有可用的归档")
            }
        }
    }
}

/// Finds out which segments may go. Reads the archive of each. Blocks.
///
/// # Errors
/// When a segment header cannot be read.
pub fn plan(journal: &Journal, asked: &Asked<'_>) -> Result<Plan, TrimError> {
    let segments = journal.segments();
    let from = segments.first().map_or(Seq::NONE, |first| first.first_seq).max(journal.trimmed_to());
    let mut plan = Plan { segments: Vec::new(), from, to: from, stays: Stays::Live };
    let open = journal.open_exchanges().into_iter().map(|open| (open.place.segment_no, open.seq)).min();
    for pair in segments.windows(2) {
        let (number, next) = (pair[0].segment_no, pair[1]);
        if next.first_seq <= from {
            continue; // Trimmed before; only its file is still there.
        }
        match stays(asked, number, next.segment_no, Seq(next.first_seq.0 - 1), open)? {
            Some(stays) => {
                plan.stays = stays;
                break;
            }
            None => {
                plan.segments.push(number);
                plan.to = next.first_seq;
            }
        }
    }
    Ok(plan)
}

fn stays(
    asked: &Asked<'_>,
    segment_no: u32,
    next: u32,
    last: Seq,
    open: Option<(u32, Seq)>,
) -> Result<Option<Stays>, TrimError> {
    let until_unix_ns = began(asked.data, next)?.saturating_add(days_ns(asked.keep_days));
    if asked.now_unix_ns < until_unix_ns {
        return Ok(Some(Stays::Young { segment_no, until_unix_ns }));
    }
    if let Some((_, seq)) = open.filter(|(number, _)| *number <= segment_no) {
        return Ok(Some(Stays::Open { segment_no, seq }));
    }
    if let Some((reader, position)) = asked.readers.iter().find(|(_, position)| *position < last) {
        return Ok(Some(Stays::Read { segment_no, reader, position: *position }));
    }
    let Some(dir) = asked.archives else { return Ok(None) };
    match archive(asked.data, segment_no, asked.key, dir) {
        Ok(_) => Ok(None),
        Err(why) => Ok(Some(Stays::NotArchived { segment_no, why: why.to_string() })),
    }
}

/// When a segment was begun: every record before it is older.
fn began(data: &Path, segment_no: u32) -> Result<i64, TrimError> {
    let name = segment::path(segment_no);
    let header = RealDisk::reading(data).open(&name).and_then(|file| read_header(&file));
    let header = header.map_err(TrimError::Io)?;
    header.map(|header| header.created_at_unix_ns).map_err(|why| TrimError::Header { name, why: why.to_string() })
}

/// Trims what the plan says, journaled first; gives the number of the act. A plan without segments only ends what an earlier
/// call left. Called from a thread that may block, inside the runtime.
///
/// # Errors
/// When the journal or the disk refuses; the same call ends it.
pub fn trim(journal: &Journal, plan: &Plan, who: &str, why: &str) -> Result<Option<Seq>, TrimError> {
    let runtime = tokio::runtime::Handle::current();
    let mut act = None;
    if let (Some(first), Some(last)) = (plan.segments.first(), plan.segments.last()) {
        for copy in snapshots(journal, plan)? {
            runtime.block_on(journal.append(copy))?;
        }
        let before = format!("segments {first} to {last}, records {} to {}", plan.from, plan.to.0 - 1);
        let after = format!("the journal begins with record {}", plan.to);
        let mut draft = Act { who, what: "trim the journal", why, before: &before, after: &after }.draft();
        draft.facts.number(Fact::TrimmedTo, plan.to.0);
        act = Some(runtime.block_on(journal.append(draft))?);
    }
    journal.finish_trim()?;
    Ok(act)
}

/// Copies of the snapshots that go and that records name which stay, or that are in force.
fn snapshots(journal: &Journal, plan: &Plan) -> Result<Vec<Draft>, TrimError> {
    let mut going: BTreeMap<Seq, Record> = BTreeMap::new();
    let mut reader = journal.records(plan.from);
    while let Some(record) = reader.next_record()?.filter(|record| record.header.seq < plan.to) {
        if record.header.known_kind() == Some(Kind::Snapshot) {
            going.insert(number_of(&record), record);
        }
    }
    if going.is_empty() {
        return Ok(Vec::new());
    }
    let mut needed: BTreeSet<Seq> = going
        .values()
        .filter_map(|record| journal.snapshot(record.facts.text_of(Fact::Name).unwrap_or_default()))
        .collect();
    let mut reader = journal.records(plan.to);
    while let Some(record) = reader.next_record()? {
        needed.extend([record.header.profile_seq, record.header.rules_seq]);
        if record.header.known_kind() == Some(Kind::Snapshot) {
            // It was copied before, by a call that came to no end.
            going.remove(&number_of(&record));
        }
    }
    Ok(going.into_iter().filter(|(was, _)| needed.contains(was)).map(|(was, record)| copy(was, record)).collect())
}

/// The number by which records name a snapshot.
fn number_of(snapshot: &Record) -> Seq {
    snapshot.facts.number_of(Fact::SnapshotWas).map_or(snapshot.header.seq, Seq)
}

fn copy(was: Seq, snapshot: Record) -> Draft {
    let mut draft = Draft::new(Kind::Snapshot);
    let known = snapshot.facts.number_of(Fact::SnapshotWas).is_some();
    draft.facts = snapshot.facts;
    if !known {
        draft.facts.number(Fact::SnapshotWas, was.0);
    }
    draft
}

/// Why nothing was trimmed, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum TrimError {
    /// The journal cannot be written.
    #[error("it cannot be journaled, so nothing was trimmed: {0}")]
    Append(#[from] AppendError),
    /// The journal cannot be read.
    #[error("the journal cannot be read, so nothing was trimmed: {0}")]
    Read(#[from] FollowError),
    /// The disk.
    #[error("files could not be read or removed, so run it again: {0}")]
    Io(#[from] io::Error),
    /// A segment header.
    #[error("{name} is damaged at offset 0 ({why}), so nothing was trimmed; run `medgate-verify journal`")]
    Header {
        /// The file.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// An archive.
    #[error(transparent)]
    Archive(#[from] NotArchived),
}
