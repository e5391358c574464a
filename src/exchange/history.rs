//! What the journal says of a business key: a fold over the records that bear its token.

use std::io;

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::outcome::{Outcome, Told};
use crate::domain::token::Token;
use crate::journal::composite::Delivery;
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::journal::{Journal, Place, ReadError, Record};
use crate::profile::Profile;

use super::decision::Step;

/// The records by their tokens: the journal itself, or as much of it as there was at a moment that is looked at again.
pub trait Ledger {
    /// Places of the records found by a token, ascending by number.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn lookup(&self, kind: EntryKind, token: Token) -> io::Result<Vec<Place>>;

    /// The record at a place.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    fn read(&self, place: Place) -> Result<Record, ReadError>;
}

impl Ledger for Journal {
    fn lookup(&self, kind: EntryKind, token: Token) -> io::Result<Vec<Place>> {
        Journal::lookup(self, kind, token)
    }

    fn read(&self, place: Place) -> Result<Record, ReadError> {
        Journal::read(self, place)
    }
}

/// The INTENT of an exchange; `None` when there is none. Whoever asks says in words of its own what failed.
///
/// # Errors
/// When the index or a record cannot be read.
pub fn intent_of<E: From<io::Error> + From<ReadError>>(
    ledger: &dyn Ledger,
    id: ExchangeId,
) -> Result<Option<Record>, E> {
    record_of(ledger, id, Kind::Intent)
}

/// The first record of a kind under an id.
///
/// # Errors
/// When the index or a record cannot be read.
pub fn record_of<E: From<io::Error> + From<ReadError>>(
    ledger: &dyn Ledger,
    id: ExchangeId,
    kind: Kind,
) -> Result<Option<Record>, E> {
    for place in ledger.lookup(EntryKind::Exchange, Token(id.0))? {
        let record = ledger.read(place)?;
        if record.header.known_kind() == Some(kind) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// Where a key stands after all records so far.
#[derive(Debug, Default, Clone)]
pub struct History {
    /// Generation that a new call gets.
    pub generation: u32,
    /// The exchange that holds the key, if any.
    pub holder: Option<Held>,
}

/// The exchange that holds a key.
#[derive(Debug, Clone)]
pub struct Held {
    /// Its id.
    pub exchange_id: ExchangeId,
    /// Its INTENT.
    pub intent_seq: Seq,
    /// msgid as sent.
    pub msgid: String,
    /// Compared fields, as tokens.
    pub fingerprint: Vec<(String, Token)>,
    /// Confirmed or Unknown.
    pub outcome: Outcome,
    /// The latest OUTCOME; `None` while there is only an intent.
    pub outcome_place: Option<Place>,
    /// When that was.
    pub at_unix_ns: i64,
    /// Settlements it made.
    pub setl_ids: Vec<String>,
    /// Its visit.
    pub visit_token: Token,
    /// Its visit, as the platform calls it.
    pub mdtrt_id: Option<String>,
    /// Its batch, where it has one.
    pub chrg_bchno: Option<String>,
    /// INTENTs of undos that may have been done; while there is one, nobody knows whether it stands.
    pub doubts: Vec<Seq>,
    /// The gateway is taking it back: its recorded answer is given no more (`money.md` §5).
    pub reversing: bool,
}

impl Held {
    /// What may be said of it now: an undo that may have been done, or is about to leave, makes a success unknown.
    pub fn standing(&self) -> Outcome {
        if self.doubts.is_empty() && !self.reversing { self.outcome } else { Outcome::Unknown }
    }
}

/// Folds every record of `key` in order.
///
/// # Errors
/// When the index or a record cannot be read; money must not be taken then.
pub fn of_key(ledger: &dyn Ledger, profile: &Profile, key: Token) -> Result<History, HistoryError> {
    let mut history = History::default();
    for place in ledger.lookup(EntryKind::Key, key)? {
        let record = ledger.read(place)?;
        match record.header.known_kind() {
            Some(Kind::Intent) if record.header.key_token == key => history.begin(&record),
            Some(Kind::Intent) => history.doubt(&record),
            Some(Kind::Outcome) if record.header.key_token == key => history.settle(place, &record),
            Some(Kind::Outcome) => history.undo(ledger, &record)?,
            Some(Kind::Decision) => history.decide(&record),
            _ => {}
        }
    }
    if history.reopened_by_stage(ledger, profile)? {
        history.free();
    }
    Ok(history)
}

impl History {
    fn begin(&mut self, record: &Record) {
        self.generation = record.header.generation;
        self.holder = Some(Held {
            exchange_id: record.header.exchange_id,
            intent_seq: record.header.seq,
            msgid: record.facts.text_of(Fact::Msgid).unwrap_or_default().to_owned(),
            fingerprint: fingerprint_of(record),
            outcome: Outcome::Unknown,
            outcome_place: None,
            at_unix_ns: record.header.at_unix_ns,
            setl_ids: Vec::new(),
            visit_token: record.header.visit_token,
            mdtrt_id: record.facts.text_of(Fact::MdtrtId).map(str::to_owned),
            chrg_bchno: record.facts.text_of(Fact::ChrgBchno).map(str::to_owned),
            doubts: Vec::new(),
            reversing: false,
        });
    }

    fn settle(&mut self, place: Place, record: &Record) {
        let Some(holder) = self.holder.as_mut().filter(|holder| holder.intent_seq == record.header.ref_seq) else {
            return;
        };
        let outcome = outcome_of(record);
        if outcome == Outcome::Refused {
            self.holder = None;
            return;
        }
        holder.outcome = outcome;
        holder.outcome_place = Some(place);
        holder.at_unix_ns = record.header.at_unix_ns;
        holder.setl_ids = record.facts.all(Fact::SetlId).map(|id| String::from_utf8_lossy(id).into_owned()).collect();
        if let Some(mdtrt_id) = record.facts.text_of(Fact::MdtrtId) {
            holder.mdtrt_id = Some(mdtrt_id.to_owned());
        }
    }

    /// An undo is about to leave: from here on it may be done.
    fn doubt(&mut self, record: &Record) {
        let undoes = record.facts.number_of(Fact::UndoesSeq);
        if let Some(holder) = self.holder.as_mut().filter(|holder| undoes == Some(holder.intent_seq.0)) {
            holder.doubts.push(record.header.seq);
        }
    }

    /// What came of an undo: proven, it frees; refused, it is as if it had never been tried.
    fn undo(&mut self, ledger: &dyn Ledger, record: &Record) -> Result<(), HistoryError> {
        let Some(holder) = &mut self.holder else { return Ok(()) };
        let proven = record.facts.number_of(Fact::FreesSeq) == Some(holder.intent_seq.0);
        if proven && !was_undone(ledger, record)? {
            self.free();
        } else if !proven && outcome_of(record) == Outcome::Refused {
            holder.doubts.retain(|undo| *undo != record.header.ref_seq);
        }
        Ok(())
    }

    /// A reversal by the gateway begins or came to nothing, or proof from outside says that the platform does not have it.
    fn decide(&mut self, record: &Record) {
        let Some(holder) = self.holder.as_mut().filter(|holder| holder.intent_seq == record.header.ref_seq) else {
            return;
        };
        match Step::of(record) {
            Some(Step::Reversing) => holder.reversing = true,
            Some(Step::NotReversed) => holder.reversing = false,
            Some(Step::Evidence) if record.facts.number_of(Fact::FreesSeq) == Some(holder.intent_seq.0) => self.free(),
            _ => {}
        }
    }

    fn free(&mut self) {
        self.holder = None;
        self.generation += 1;
    }

    /// Confirmed fee lines of its visit and batch that follow a settlement which was Confirmed and delivered begin a new
    /// generation (several mid-stay 2304; a `chrg_bchno` reused for a visit).
    fn reopened_by_stage(&self, ledger: &dyn Ledger, profile: &Profile) -> Result<bool, HistoryError> {
        let Some(holder) = self.holder.as_ref().filter(|holder| holder.standing() == Outcome::Confirmed) else {
            return Ok(false);
        };
        let Some(settled) = holder.outcome_place.filter(|_| !holder.visit_token.is_none()) else { return Ok(false) };
        let stages = ledger.lookup(EntryKind::Stage, holder.visit_token)?;
        for place in stages.into_iter().rev().take_while(|place| settled.seq < place.seq) {
            let stage = ledger.read(place)?;
            let adds = profile.transaction(stage.facts.text_of(Fact::Infno).unwrap_or_default()).stage_reopens;
            let other_batch =
                holder.chrg_bchno.as_deref().zip(stage.facts.text_of(Fact::ChrgBchno)).is_some_and(|(a, b)| a != b);
            if adds && !other_batch && settled.seq < stage.header.ref_seq {
                return was_delivered(ledger, holder);
            }
        }
        Ok(false)
    }
}

fn outcome_of(record: &Record) -> Outcome {
    Outcome::from_code(record.header.outcome).unwrap_or(Outcome::Unknown)
}

/// Whether somebody tried to take the undo back (2601 of a 2208): then the settlement may stand again (`money.md` §5).
fn was_undone(ledger: &dyn Ledger, undo: &Record) -> Result<bool, HistoryError> {
    if undo.header.key_token.is_none() {
        return Ok(false);
    }
    for place in ledger.lookup(EntryKind::Key, undo.header.key_token)? {
        let record = ledger.read(place)?;
        let names_it = record.facts.number_of(Fact::UndoesSeq) == Some(undo.header.ref_seq.0);
        if names_it && record.header.known_kind() == Some(Kind::Intent) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn fingerprint_of(record: &Record) -> Vec<(String, Token)> {
    let token = |bytes: &[u8]| bytes.try_into().map_or(Token::NONE, Token);
    record.facts.all_named(Fact::Fingerprint).map(|(name, bytes)| (name.to_owned(), token(bytes))).collect()
}

fn was_delivered(ledger: &dyn Ledger, holder: &Held) -> Result<bool, HistoryError> {
    for place in ledger.lookup(EntryKind::Exchange, Token(holder.exchange_id.0))? {
        let record = ledger.read(place)?;
        if record.header.known_kind() != Some(Kind::Deliveries) {
            continue;
        }
        let mut deliveries = Delivery::all(&record.facts);
        if deliveries.any(|d| d.exchange_id == holder.exchange_id && d.told == Told::Success) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What an undo undoes, found through the handle it names.
#[derive(Debug, Clone)]
pub struct Undone {
    /// INTENT of the original.
    pub intent_seq: Seq,
    /// Key of the original.
    pub key_token: Token,
    /// It was Confirmed before the undo left, so that a success of the undo proves it undone; an unknown original may commit
    /// after an undo that found nothing.
    pub is_provable: bool,
}

/// The confirmed original that bears `handle` (a settlement, visit or filing number) and whose transaction `is_meant`.
///
/// # Errors
/// When the index or a record cannot be read.
pub fn original_of(
    ledger: &dyn Ledger,
    kind: EntryKind,
    handle: Token,
    is_meant: impl Fn(&str) -> bool,
) -> Result<Option<Undone>, HistoryError> {
    if handle.is_none() {
        return Ok(None);
    }
    for place in ledger.lookup(kind, handle)?.into_iter().rev() {
        let record = ledger.read(place)?;
        let confirmed = record.header.known_kind() == Some(Kind::Outcome)
            && record.header.outcome == Outcome::Confirmed as u8
            && !record.header.key_token.is_none();
        let infno = record.facts.text_of(Fact::Infno).unwrap_or_default();
        if confirmed && is_meant(infno) {
            let (intent_seq, key_token) = (record.header.ref_seq, record.header.key_token);
            return Ok(Some(Undone { intent_seq, key_token, is_provable: true }));
        }
    }
    Ok(None)
}

/// What the platform said of the amounts of what an undo undoes: (field, raw text); empty when that was never confirmed.
///
/// # Errors
/// When the index or a record cannot be read.
pub fn amounts_of(ledger: &dyn Ledger, undone: &Undone) -> Result<Vec<(String, String)>, HistoryError> {
    let places = ledger.lookup(EntryKind::Key, undone.key_token)?;
    for place in places.into_iter().filter(|place| undone.intent_seq < place.seq) {
        let record = ledger.read(place)?;
        let is_its_end = record.header.known_kind() == Some(Kind::Outcome)
            && record.header.ref_seq == undone.intent_seq
            && outcome_of(&record) == Outcome::Confirmed;
        if is_its_end {
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            return Ok(record
                .facts
                .all_named(Fact::Amount)
                .map(|(name, value)| (name.to_owned(), text(value)))
                .collect());
        }
    }
    Ok(Vec::new())
}

/// The msgids under which a call was sent or repeated.
#[derive(Debug, Clone)]
pub enum Sent {
    /// Our journal sent it.
    AsItself {
        /// Its INTENT.
        intent_seq: Seq,
        /// Its key.
        key_token: Token,
        /// Its class.
        class: Option<Class>,
    },
    /// It was a repeat, answered from the record; the platform knows only the first msgid.
    AsAlias {
        /// The first msgid.
        first: String,
    },
}

/// What our journal knows of a msgid sent for a transaction that `is_meant`.
///
/// # Errors
/// When the index or a record cannot be read.
pub fn sent_as(
    ledger: &dyn Ledger,
    msgid: Token,
    is_meant: impl Fn(&str) -> bool,
) -> Result<Option<Sent>, HistoryError> {
    for place in ledger.lookup(EntryKind::Msgid, msgid)?.into_iter().rev() {
        let record = ledger.read(place)?;
        if !is_meant(record.facts.text_of(Fact::Infno).unwrap_or_default()) {
            continue;
        }
        return Ok(Some(match record.header.known_kind() {
            // Repeated under the msgid of the call itself: no other name, and the call stands further back.
            Some(Kind::Note) if record.facts.text_of(Fact::Msgid) == record.facts.text_of(Fact::Alias) => continue,
            Some(Kind::Note) => {
                Sent::AsAlias { first: record.facts.text_of(Fact::Msgid).unwrap_or_default().to_owned() }
            }
            _ => Sent::AsItself {
                intent_seq: record.header.seq,
                key_token: record.header.key_token,
                class: Class::from_code(record.header.class),
            },
        }));
    }
    Ok(None)
}

/// The journal could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The index failed.
    #[error("could not look up the key")]
    Index(#[from] io::Error),
    /// A record failed.
    #[error("could not read a record of the key")]
    Read(#[from] ReadError),
}
