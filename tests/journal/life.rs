//! One journal living on a simulated disk, and the audit of what is left.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use medgate::domain::class::Class;
use medgate::domain::clock::HandClock;
use medgate::domain::exchange::{ExchangeId, Seq};
use medgate::domain::outcome::{Cause, Outcome};
use medgate::domain::token::Token;
use medgate::journal::entry::{Entry, EntryKind};
use medgate::journal::facts::{Fact, Facts};
use medgate::journal::frame::Frame;
use medgate::journal::open::{Core, EntriesOf, Fresh, OpenError, Opening, open};
use medgate::journal::pen::clear_frame;
use medgate::journal::place::{Place, Record};
use medgate::journal::queue::{Haste, Health, NotAdmitted, NotWritten, OutcomeRoom, Written};
use medgate::journal::reader::Reader;
use medgate::journal::record::{Header, Kind, flag};
use medgate::journal::settings::Bounds;
use medgate::journal::shelf::Store;
use medgate::journal::verify::verify_disk;
use medgate::journal::worker::do_chores;
use medgate::sandbox::disk::SimDisk;
use medgate::sandbox::draw::Draw;
use tokio::sync::oneshot;

pub const BOUNDS: Bounds = Bounds {
    segment_bytes: 32 * 1024,
    outcome_room_bytes: 2048,
    frame_bytes: 3072,
    batch_bytes: 8 * 1024,
    batch_records: 16,
    memory_bytes: 64 * 1024,
};

/// What stands in the clear header is enough to find a test record.
pub fn entries_of() -> EntriesOf {
    Arc::new(|header: &Header, _: &Facts| {
        let entry = |kind, token| Entry { token, kind };
        match header.known_kind() {
            Some(Kind::Intent | Kind::Outcome) => {
                vec![entry(EntryKind::Key, header.key_token), entry(EntryKind::Exchange, Token(header.exchange_id.0))]
            }
            _ => Vec::new(),
        }
    })
}

/// A frame of `kind` with about `size` bytes of facts.
pub fn frame(kind: Kind, exchange: u64, size: usize) -> Frame {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&exchange.to_be_bytes());
    let mut header = Header::new(kind);
    header.exchange_id = ExchangeId(id);
    header.class = Class::Money as u8;
    header.key_token = Token([(exchange % 7) as u8 + 1; 16]);
    let mut facts = Facts::default();
    facts.bytes(Fact::Reason, vec![exchange as u8 | 1; size]);
    let mut frame = clear_frame(header, &facts);
    frame.entries = entries_of()(&frame.header, &facts);
    frame
}

/// The outcome of an exchange whose intent is `intent`.
pub fn outcome(exchange: u64, intent: Seq, size: usize) -> Frame {
    let made = frame(Kind::Outcome, exchange, size);
    let (facts, mut header) = (made.facts(), made.header);
    header.ref_seq = intent;
    header.outcome = Outcome::Confirmed as u8;
    header.cause = Cause::Answered as u8;
    Frame { entries: made.entries, ..clear_frame(header, &facts) }
}

/// Something handed over and not yet answered.
struct Flying {
    receiver: oneshot::Receiver<Written>,
    payload: Vec<u8>,
    exchange: u64,
    intent: Option<OutcomeRoom>,
    outcome: bool,
}

/// One opening of the journal, with what it promised.
pub struct Life {
    pub core: Core<SimDisk>,
    pub opening: Opening,
    flying: Vec<Flying>,
    /// Durable intents whose outcome is still to come.
    open: Vec<(u64, Seq, OutcomeRoom)>,
    next_exchange: u64,
    pub tally: Tally,
}

/// What callers heard.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Payloads of acknowledged records by number.
    pub acknowledged: BTreeMap<Seq, Vec<u8>>,
    /// Exchanges whose outcome waits in memory, in the order they were told so.
    pub waiting: Vec<u64>,
    pub intents_taken: u64,
    pub intents_full: u64,
    pub intents_refused: u64,
    /// Outcomes that were neither written nor kept: never allowed.
    pub outcomes_lost: u64,
}

impl Life {
    /// Opens the journal on a disk.
    pub fn open(disk: &SimDisk, opening_no: u32, tally: Tally) -> Result<Life, OpenError> {
        let clock = Arc::new(HandClock::at(1_700_000_000_000_000_000 + i64::from(opening_no)));
        let fresh = Fresh { journal_id: [9; 16], open_salt: opening_no };
        let (core, opening) = open(Arc::new(disk.clone()), BOUNDS, fresh, clock, &entries_of())?;
        let next_exchange = u64::from(opening_no) << 32;
        Ok(Life { core, opening, flying: Vec::new(), open: Vec::new(), next_exchange, tally })
    }

    /// One turn: a few callers, one look of the writer, sometimes a Mark, a chore or an attempt to reopen.
    pub fn turn(&mut self, dice: &mut Draw) {
        for _ in 0..dice.below(6) {
            match dice.below(10) {
                0..4 => self.intend(dice.below(900) as usize),
                4..9 => self.settle(dice),
                _ => self.note(dice.below(1500) as usize),
            }
        }
        self.write();
        if dice.chance(20) {
            self.core.writer.idle();
        }
        if dice.chance(40) {
            self.chores();
        }
        if dice.chance(50) && self.core.writer.is_failed() {
            self.core.writer.reopen();
        }
    }

    pub fn intend(&mut self, size: usize) {
        self.next_exchange += 1;
        let exchange = self.next_exchange;
        let frame = frame(Kind::Intent, exchange, size);
        let payload = frame.bytes[320..].to_vec();
        match self.core.queue.admit(&mut Some(frame)) {
            Ok((receiver, room)) => {
                self.flying.push(Flying { receiver, payload, exchange, intent: Some(room), outcome: false });
            }
            Err(NotAdmitted::Never(NotWritten::Full) | NotAdmitted::Later) => self.tally.intents_full += 1,
            Err(_) => self.tally.intents_refused += 1,
        }
    }

    fn settle(&mut self, dice: &mut Draw) {
        if self.open.is_empty() {
            return;
        }
        let (exchange, intent, room) = self.open.swap_remove(dice.below(self.open.len() as u64) as usize);
        let frame = outcome(exchange, intent, dice.below(1600) as usize);
        let payload = frame.bytes[320..].to_vec();
        let receiver = self.core.queue.redeem(frame, room);
        self.flying.push(Flying { receiver, payload, exchange, intent: None, outcome: true });
    }

    /// Settles all that is open.
    pub fn settle_all(&mut self, dice: &mut Draw) {
        while !self.open.is_empty() {
            self.settle(dice);
        }
        self.write();
    }

    fn note(&mut self, size: usize) {
        let frame = frame(Kind::Note, 0, size);
        let payload = frame.bytes[320..].to_vec();
        if let Ok(receiver) = self.core.queue.offer(&mut Some(frame), Haste::Now) {
            self.flying.push(Flying { receiver, payload, exchange: 0, intent: None, outcome: false });
        }
    }

    /// Lets the writer look once, and hears what it says.
    pub fn write(&mut self) {
        let mut queued = VecDeque::new();
        self.core.queue.take(&mut queued, Some(Duration::ZERO));
        self.core.writer.step(&mut queued);
        self.hear();
    }

    pub fn chores(&mut self) -> bool {
        do_chores(&*self.core.disk, &self.core.shelf, &self.core.queue, BOUNDS.segment_bytes).is_ok()
    }

    fn hear(&mut self) {
        for mut flying in std::mem::take(&mut self.flying) {
            match flying.receiver.try_recv() {
                Err(_) => self.flying.push(flying),
                Ok(Ok(seq)) => {
                    self.tally.acknowledged.insert(seq, flying.payload);
                    if let Some(room) = flying.intent {
                        self.tally.intents_taken += 1;
                        self.open.push((flying.exchange, seq, room));
                    }
                }
                Ok(Err(NotWritten::Waiting)) => self.tally.waiting.push(flying.exchange),
                Ok(Err(_)) if flying.outcome => self.tally.outcomes_lost += 1,
                Ok(Err(_)) => self.tally.intents_refused += u64::from(flying.intent.is_some()),
            }
        }
    }

    pub fn is_open(&self) -> bool {
        self.core.queue.health() == Health::Open
    }

    /// All durable records, read back in order.
    pub fn records(&self) -> Vec<Record> {
        let store: Arc<dyn Store> = self.core.shelf.clone();
        let mut reader = Reader::new(store, Seq(1));
        let mut records = Vec::new();
        while let Some(record) = reader.next_record().expect("durable records read back") {
            records.push(record);
        }
        records
    }

    /// Compares what was promised with what stands on the disk. The error says what does not agree.
    pub fn audit(&self) -> Result<Vec<Record>, String> {
        let records = self.records();
        for (index, record) in records.iter().enumerate() {
            if record.place.seq != Seq(index as u64 + 1) {
                return Err(format!("record {} stands where {} belongs", record.place.seq, index + 1));
            }
        }
        for (seq, payload) in &self.tally.acknowledged {
            let stored = records.get(seq.0 as usize - 1).ok_or_else(|| format!("record {seq} is lost"))?;
            let padded_end = stored.payload.len().next_multiple_of(8);
            if payload.get(..stored.payload.len()) != Some(&stored.payload) || payload.len() != padded_end {
                return Err(format!("record {seq} is another one now"));
            }
        }
        audit_open(self, &records)?;
        audit_index(&*self.core.shelf, &records)?;
        let report = verify_disk(&*self.core.disk).map_err(|error| error.to_string())?;
        match report.bad {
            Some(bad) => Err(format!("verify: {bad:?}")),
            None if report.records != records.len() as u64 => Err("verify counts otherwise".into()),
            None => Ok(records),
        }
    }
}

/// Every intent has an outcome, or is open; none that ran when the last life ended is left without one.
fn audit_open(life: &Life, records: &[Record]) -> Result<(), String> {
    let mut open: BTreeMap<Seq, bool> = BTreeMap::new();
    for record in records {
        match record.header.known_kind() {
            Some(Kind::Intent) => _ = open.insert(record.place.seq, false),
            Some(Kind::Outcome) if record.header.has(flag::BY_RECOVERY) => _ = open.insert(record.header.ref_seq, true),
            Some(Kind::Outcome) => _ = open.remove(&record.header.ref_seq),
            _ => {}
        }
    }
    let listed: BTreeMap<Seq, bool> =
        life.core.shelf.open_exchanges().into_iter().map(|exchange| (exchange.seq, exchange.unknown)).collect();
    if listed != open {
        return Err(format!("open exchanges are {open:?}, but {listed:?} are listed"));
    }
    let orphan = open.iter().find(|(seq, unknown)| **seq <= life.opening.last_seq && !**unknown);
    orphan.map_or(Ok(()), |(seq, _)| Err(format!("intent {seq} of an earlier life was left without an outcome")))
}

/// The index finds what a replay finds, in order.
fn audit_index(store: &dyn Store, records: &[Record]) -> Result<(), String> {
    let entries_of = entries_of();
    let mut replay: BTreeMap<(EntryKind, Token), Vec<Place>> = BTreeMap::new();
    for record in records {
        for entry in entries_of(&record.header, &record.facts) {
            replay.entry((entry.kind, entry.token)).or_default().push(record.place);
        }
    }
    for ((kind, token), places) in replay {
        let found = store.lookup(kind, token).map_err(|error| error.to_string())?;
        if found != places {
            return Err(format!("index: {kind:?} {token} is at {places:?}, found {found:?}"));
        }
        let last = places.last().expect("an entry has a place");
        store.read(*last).map_err(|error| error.to_string())?;
    }
    let absent = store.lookup(EntryKind::Settlement, Token([1; 16])).map_err(|error| error.to_string())?;
    if absent.is_empty() { Ok(()) } else { Err("index: finds what is not there".into()) }
}

/// Numbers of seeds in a normal run, more by `MEDGATE_SEEDS`.
pub fn seeds() -> std::ops::Range<u64> {
    let many = std::env::var("MEDGATE_SEEDS").ok().and_then(|text| text.parse().ok());
    0..many.unwrap_or(400)
}
