//! The records that the journal writes of itself. None is sealed, so none needs a key.

use std::sync::Arc;

use crate::domain::clock::Clock;
use crate::domain::exchange::Seq;
use crate::domain::outcome::{Cause, Outcome, Told};

use super::facts::{Fact, Facts};
use super::frame::Frame;
use super::place::Record;
use super::record::{Chain, Header, Kind, flag, frame_len_for, payload_digest};
use super::segment::{SEGMENT_HEADER_LEN, digest_of};
use super::table::{CARRY_ENTRY_LEN, OpenExchange, Table};
use super::tree::FRONTIER_LEN_MAX;

/// Open exchanges in one Carry; more take another one, so that no frame grows without bound.
const CARRY_ENTRIES_MAX: usize = 8192;
/// Bytes of text in Opened.
const REASON_BYTES_MAX: usize = 400;
/// Cuts that one Opened names; there is one per failure that a kill followed.
const CUTS_MAX: usize = 16;
/// More than SegmentOpen, Opened and the fixed parts of one Carry take.
const OWN_BYTES: u64 = 4096 + FRONTIER_LEN_MAX as u64;

/// Writes the journal's own records: knows the time and this opening's salt.
#[derive(Clone)]
pub struct Pen {
    clock: Arc<dyn Clock>,
    opened_mono_ns: u64,
    open_salt: u32,
}

/// Why and how a segment was opened, for an Opened record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// A word, or what failed before.
    pub reason: String,
    /// What was cut off.
    pub cuts: Vec<Cut>,
}

/// Bytes behind the last whole record, set aside at opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Segment that they stood in.
    pub segment_no: u32,
    /// Offset where they began.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
    /// The file below `quarantine/` that holds them now.
    pub file: String,
}

impl Pen {
    /// A pen for one opening of the journal.
    pub fn new(clock: Arc<dyn Clock>, open_salt: u32) -> Pen {
        Pen { opened_mono_ns: clock.mono_ns(), clock, open_salt }
    }

    /// The clock it writes by.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Nothing new: a witness that what came before is durable.
    pub fn mark(&self) -> Frame {
        self.frame(Header::new(Kind::Mark), &Facts::default())
    }

    /// First record of a segment.
    pub fn segment_open(&self, header: &[u8; SEGMENT_HEADER_LEN]) -> Frame {
        let mut facts = Facts::default();
        facts.bytes(Fact::SegmentDigest, digest_of(header));
        self.frame(Header::new(Kind::SegmentOpen), &facts)
    }

    /// Last record of a segment; `CLOSE_LEN` is its length.
    pub fn segment_close(&self, records: u64) -> Frame {
        let mut facts = Facts::default();
        facts.number(Fact::Count, records);
        self.frame(Header::new(Kind::SegmentClose), &facts)
    }

    /// What the next segment must know; `first` is the chain value of its first record, which stands before.
    pub fn carry(&self, table: &Table, first: &Chain) -> Vec<Frame> {
        let mut tree = table.tree().clone();
        tree.push(first);
        let mut open = table.open().map(OpenExchange::encode).peekable();
        let mut frames = Vec::new();
        loop {
            let mut facts = Facts::default();
            if frames.is_empty() {
                facts.bytes(Fact::Frontier, tree.encode());
                if table.trimmed_to() != Seq::NONE {
                    facts.number(Fact::TrimmedTo, table.trimmed_to().0);
                }
                for (name, seq) in table.snapshots() {
                    facts.named(Fact::SnapshotRef, name, &seq.0.to_le_bytes());
                }
            }
            for exchange in open.by_ref().take(CARRY_ENTRIES_MAX) {
                facts.bytes(Fact::OpenIntent, exchange);
            }
            frames.push(self.frame(Header::new(Kind::Carry), &facts));
            if open.peek().is_none() {
                return frames;
            }
        }
    }

    /// Room that the first batch of the next segment takes, its header included; never less than it will be.
    pub fn first_batch_len(table: &Table) -> u64 {
        let snapshots: u64 = table.snapshots().map(|(name, _)| 15 + name.len() as u64).sum();
        let carries = 1 + table.open_len() / CARRY_ENTRIES_MAX;
        let entries = table.open_len() as u64 * CARRY_ENTRY_LEN;
        SEGMENT_HEADER_LEN as u64 + OWN_BYTES + snapshots + entries + carries as u64 * frame_len_for(8) as u64
    }

    /// That the journal was opened, why, and with what loss.
    pub fn opened(&self, opened: &Opened) -> Frame {
        let mut facts = Facts::default();
        let end = opened.reason.floor_char_boundary(REASON_BYTES_MAX);
        facts.text(Fact::Reason, &opened.reason[..end]);
        for cut in opened.cuts.iter().take(CUTS_MAX) {
            facts.text(Fact::Name, &cut.file);
            facts.number(Fact::Count, cut.bytes);
            facts.number(Fact::SegmentAt, cut.segment_no.into());
            facts.number(Fact::OffsetAt, cut.offset);
        }
        self.frame(Header::new(Kind::Opened), &facts)
    }

    /// OUTCOME Unknown of an exchange that ran when the gateway ended.
    pub fn orphan(&self, intent: &Record) -> Frame {
        let was = &intent.header;
        let header = Header {
            exchange_id: was.exchange_id,
            ref_seq: intent.place.seq,
            parent_id: was.parent_id,
            class: was.class,
            outcome: Outcome::Unknown as u8,
            cause: Cause::Restart as u8,
            origin: was.origin,
            flags: flag::BY_RECOVERY,
            key_slot: was.key_slot,
            profile_seq: was.profile_seq,
            rules_seq: was.rules_seq,
            generation: was.generation,
            key_token: was.key_token,
            fence_token: was.fence_token,
            visit_token: was.visit_token,
            settlement_token: was.settlement_token,
            ..Header::new(Kind::Outcome)
        };
        let mut facts = Facts::default();
        for fact in [Fact::Infno, Fact::Msgid, Fact::FixmedinsCode, Fact::MdtrtareaAdmvs, Fact::MdtrtId] {
            facts.text(fact, intent.facts.text_of(fact).unwrap_or_default());
        }
        facts.bytes(Fact::Told, [Told::UnknownWhatTold as u8]);
        self.frame(header, &facts)
    }

    fn frame(&self, mut header: Header, facts: &Facts) -> Frame {
        header.at_unix_ns = self.clock.unix_ns();
        header.mono_ns = self.clock.mono_ns().saturating_sub(self.opened_mono_ns);
        header.open_salt = self.open_salt;
        clear_frame(header, facts)
    }
}

/// A frame with facts and nothing sealed.
pub fn clear_frame(mut header: Header, facts: &Facts) -> Frame {
    let payload = facts.0.stored();
    header.seq = Seq::NONE;
    header.payload_len = payload.len() as u32;
    header.facts_len = payload.len() as u32;
    header.frame_len = frame_len_for(payload.len()) as u32;
    header.payload_digest = payload_digest(payload);
    let mut bytes = Vec::with_capacity(header.frame_len as usize);
    bytes.extend_from_slice(&header.encode());
    bytes.extend_from_slice(payload);
    bytes.resize(header.frame_len as usize, 0);
    Frame { bytes, entries: Vec::new(), header }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::HandClock;
    use crate::journal::place::Place;
    use crate::journal::segment::CLOSE_LEN;

    fn pen() -> Pen {
        Pen::new(Arc::new(HandClock::at(1)), 9)
    }

    #[test]
    fn a_segment_close_always_fits_the_room_kept_for_it() {
        assert_eq!(pen().segment_close(u64::MAX).bytes.len() as u64, CLOSE_LEN);
    }

    #[test]
    fn carry_hands_over_the_whole_table_within_the_room_kept_for_it() {
        let pen = pen();
        for open in [0, 1, CARRY_ENTRIES_MAX, CARRY_ENTRIES_MAX + 1] {
            let mut table = Table::default();
            for seq in 1..=open as u64 {
                let place = Place { segment_no: 1, offset: 8, seq: Seq(seq) };
                table.apply(&Header::new(Kind::Intent), place, Facts::default);
            }
            let mut named = Facts::default();
            named.text(Fact::Name, "profile");
            let place = Place { segment_no: 1, offset: 0, seq: Seq(99_999) };
            table.apply(&Header::new(Kind::Snapshot), place, || named.clone());
            named.number(Fact::SnapshotWas, 7);
            table.apply(&Header::new(Kind::Snapshot), Place { seq: Seq(100_000), ..place }, || named.clone());
            assert_eq!(table.snapshot("profile"), Some(place.seq), "a copy is not in force");
            let mut trim = Facts::default();
            trim.number(Fact::TrimmedTo, 5);
            table.apply(&Header::new(Kind::OperatorAct), place, || trim.clone());

            let mut frames = pen.carry(&table, &[1; 32]);
            let mut after = Table::default();
            let place = Place { segment_no: 2, offset: 0, seq: Seq(2) };
            for frame in &frames {
                let facts = || Record::decode(&stamped(frame), 0).unwrap().facts;
                after.apply(&frame.header, place, facts);
            }
            table.grow(&[1; 32]);
            assert_eq!(after, table);
            frames.push(pen.segment_open(&[0; SEGMENT_HEADER_LEN]));
            frames.push(pen.opened(&Opened { reason: "断".repeat(1000), cuts: Vec::new() }));
            let len: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
            assert!((SEGMENT_HEADER_LEN + len) as u64 <= Pen::first_batch_len(&table));
        }
    }

    fn stamped(frame: &Frame) -> Vec<u8> {
        let mut bytes = frame.bytes.clone();
        let stamp =
            crate::journal::record::Stamp { seq: Seq(1), durable_seq: Seq::NONE, segment_no: 1, prev_chain: [0; 32] };
        crate::journal::record::stamp(&mut bytes, &stamp);
        bytes
    }
}
