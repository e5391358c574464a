//! Both sides of one exchange, folded from the records that the index finds for it: what the book of cases says, read from
//! the journal itself and so never late.

use std::collections::BTreeMap;

use crate::domain::exchange::{Origin, Seq};
use crate::domain::outcome::Outcome;
use crate::domain::token::Token;
use crate::journal::composite::Delivery;
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::journal::{Journal, Record};
use crate::profile::Profile;

use super::decision::Evidence;
use super::history::HistoryError;
use super::side::Side;

/// An exchange, and the records after its INTENT that say something of it, in the order of their numbers.
pub struct Weighed {
    /// Both sides.
    pub side: Side,
    /// Its records.
    pub records: Vec<Record>,
}

/// Folds what the journal holds of the exchange of `intent`.
///
/// # Errors
/// When the index or a record cannot be read.
pub fn weighed(journal: &Journal, profile: &Profile, intent: &Record) -> Result<Weighed, HistoryError> {
    let records = records_of(journal, intent)?;
    let mut side = Side::begin(intent);
    let mut undos = Vec::new();
    for record in &records {
        weigh(&mut side, record, &mut undos);
    }
    for place in journal.lookup(EntryKind::Settlement, made(&side))? {
        let later = journal.read(place)?;
        let names_it = later.header.known_kind() == Some(Kind::Intent) && intent.header.seq < later.header.seq;
        let infno = later.facts.text_of(Fact::Infno).unwrap_or_default();
        if names_it && by_his(&later) && profile.transaction(infno).acknowledges {
            side.booked();
        }
    }
    if side.evidence <= journal.opened_after() {
        side.reopened();
    }
    Ok(Weighed { side, records })
}

/// Whether the recorded answer was given again, and nobody has reported yet what came of it. Of what was given before the last
/// record of an earlier opening (`opened_after`) nobody ever will: what the HIS heard is not known, and that is that.
pub fn is_repeated(records: &[Record], opened_after: Seq) -> bool {
    let last =
        records.iter().rev().find(|record| repeats(record) || record.header.known_kind() == Some(Kind::Deliveries));
    last.is_some_and(|last| repeats(last) && opened_after < last.header.seq)
}

/// A Note of a repeat that is answered from the record.
pub fn repeats(record: &Record) -> bool {
    record.header.known_kind() == Some(Kind::Note) && record.facts.text_of(Fact::Alias).is_some()
}

/// The records that say something of an exchange, in the order of their numbers.
fn records_of(journal: &Journal, intent: &Record) -> Result<Vec<Record>, HistoryError> {
    let mut places = journal.lookup(EntryKind::Exchange, Token(intent.header.exchange_id.0))?;
    if !intent.header.key_token.is_none() {
        places.extend(journal.lookup(EntryKind::Key, intent.header.key_token)?);
    }
    let mut records = BTreeMap::new();
    for place in places.into_iter().filter(|place| intent.header.seq < place.seq) {
        records.insert(place.seq, journal.read(place)?);
    }
    Ok(records.into_values().collect())
}

/// The settlement that an exchange made; none as long as nothing says that it is done.
fn made(side: &Side) -> Token {
    if side.setl_id.is_empty() { Token::NONE } else { side.settlement }
}

fn by_his(record: &Record) -> bool {
    record.header.origin == Origin::His as u8
}

/// Lets one later record say what it says of the exchange.
fn weigh(side: &mut Side, record: &Record, undos: &mut Vec<Seq>) {
    let (header, facts) = (&record.header, &record.facts);
    match header.known_kind() {
        Some(Kind::Intent) if facts.number_of(Fact::UndoesSeq) == Some(side.intent.0) => {
            undos.push(header.seq);
            side.undo_begins();
        }
        Some(Kind::Outcome) if header.ref_seq == side.intent => {
            side.end(record);
            side.evidence = header.seq;
        }
        Some(Kind::Outcome) if facts.number_of(Fact::FreesSeq) == Some(side.intent.0) => side.undone(by_his(record)),
        Some(Kind::Outcome) if undos.contains(&header.ref_seq) && header.outcome == Outcome::Refused as u8 => {
            side.undo_refused();
        }
        Some(Kind::Note) if header.ref_seq == side.intent && repeats(record) => {
            side.given_again();
            side.evidence = header.seq;
        }
        Some(Kind::Difference) => side.differ(record),
        Some(Kind::Decision) if header.ref_seq == side.intent => {
            if let Some(evidence) = Evidence::of(record) {
                side.proven(evidence, facts.text_of(Fact::SetlId));
            }
        }
        Some(Kind::Deliveries) => {
            let id = side.id;
            Delivery::all(facts).filter(|of| of.exchange_id == id).for_each(|of| side.hand_over(of.told));
        }
        _ => {}
    }
}
