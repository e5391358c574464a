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
}

/// Folds every record of `key` in order.
///
/// # Errors
/// When the index or a record cannot be read; money must not be taken then.
pub fn of_key(journal: &Journal, key: Token) -> Result<History, HistoryError> {
    let mut history = History::default();
    for place in journal.lookup(EntryKind::Key, key)? {
        let record = journal.read(place)?;
        history.apply(key, place, &record);
    }
    if history.reopened_by_stage(journal)? {
        history.free();
    }
    Ok(history)
}

impl History {
    fn apply(&mut self, key: Token, place: Place, record: &Record) {
        match record.header.known_kind() {
            Some(Kind::Intent) if record.header.key_token == key => self.begin(record),
            Some(Kind::Outcome) => self.settle(key, place, record),
            _ => {}
        }
    }

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
        });
    }

    fn settle(&mut self, key: Token, place: Place, record: &Record) {
        let outcome = Outcome::from_code(record.header.outcome).unwrap_or(Outcome::Unknown);
        let freed = record.facts.number_of(Fact::FreesSeq);
        let Some(holder) = &mut self.holder else { return };
        if record.header.ref_seq == holder.intent_seq {
            if outcome == Outcome::Refused {
                self.holder = None;
                return;
            }
            holder.outcome = outcome;
            holder.outcome_place = Some(place);
            holder.at_unix_ns = record.header.at_unix_ns;
            holder.setl_ids =
                record.facts.all(Fact::SetlId).map(|id| String::from_utf8_lossy(id).into_owned()).collect();
        } else if freed == Some(holder.intent_seq.0) && record.facts.token_of(Fact::FreesKey) == Some(key) {
            self.free();
        }
    }

    fn free(&mut self) {
        self.holder = None;
        self.generation += 1;
    }

    /// Confirmed fee lines that follow a settlement which was Confirmed and delivered begin a new generation
    /// (several mid-stay 2304; a `chrg_bchno` reused for a visit).
    fn reopened_by_stage(&self, journal: &Journal) -> Result<bool, HistoryError> {
        let Some(holder) = self.holder.as_ref().filter(|holder| holder.outcome == Outcome::Confirmed) else {
            return Ok(false);
        };
        let Some(settled) = holder.outcome_place.filter(|_| !holder.visit_token.is_none()) else { return Ok(false) };
        let stages = journal.lookup(EntryKind::Stage, holder.visit_token)?;
        for place in stages.into_iter().rev().take_while(|place| settled.seq < place.seq) {
            let lines_followed = settled.seq < journal.read(place)?.header.ref_seq;
            if lines_followed {
                return was_delivered(journal, holder);
            }
        }
        Ok(false)
    }
}

fn fingerprint_of(record: &Record) -> Vec<(String, Token)> {
    let token = |bytes: &[u8]| bytes.try_into().map_or(Token::NONE, Token);
    record.facts.all_named(Fact::Fingerprint).map(|(name, bytes)| (name.to_owned(), token(bytes))).collect()
}

fn was_delivered(journal: &Journal, holder: &Held) -> Result<bool, HistoryError> {
    for place in journal.lookup(EntryKind::Exchange, Token(holder.exchange_id.0))? {
        let record = journal.read(place)?;
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
}

/// The confirmed original that bears `handle` (a settlement, visit or filing number) and is one of `infnos`.
///
/// # Errors
/// When the index or a record cannot be read.
pub fn original_of(
    journal: &Journal,
    kind: EntryKind,
    handle: Token,
    infnos: &[&str],
) -> Result<Option<Undone>, HistoryError> {
    if handle.is_none() {
        return Ok(None);
    }
    for place in journal.lookup(kind, handle)?.into_iter().rev() {
        let record = journal.read(place)?;
        let confirmed = record.header.known_kind() == Some(Kind::Outcome)
            && record.header.outcome == Outcome::Confirmed as u8
            && !record.header.key_token.is_none();
        let infno = record.facts.text_of(Fact::Infno).unwrap_or_default();
        if confirmed && infnos.contains(&infno) {
            return Ok(Some(Undone { intent_seq: record.header.ref_seq, key_token: record.header.key_token }));
        }
    }
    Ok(None)
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

/// What our journal knows of a msgid sent for one of `infnos`.
///
/// # Errors
/// When the index or a record cannot be read.
pub fn sent_as(journal: &Journal, msgid: Token, infno: &str) -> Result<Option<Sent>, HistoryError> {
    for place in journal.lookup(EntryKind::Msgid, msgid)?.into_iter().rev() {
        let record = journal.read(place)?;
        if record.facts.text_of(Fact::Infno) != Some(infno) {
            continue;
        }
        return Ok(Some(match record.header.known_kind() {
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
