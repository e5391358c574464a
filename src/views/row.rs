//! One exchange, folded from its records in their order. The result does not depend on how records were batched.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rusqlite::types::Value;

use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::outcome::{Outcome, Told};
use crate::journal::Record;
use crate::journal::composite::Delivery;
use crate::journal::facts::{Fact, Facts};

use super::columns::{COLUMNS, Search, Taken, place_of};

/// Places of the columns that are folded here.
pub(super) struct Places {
    pub(super) at: usize,
    pub(super) infno: usize,
    pub(super) class: usize,
    pub(super) outcome: usize,
    pub(super) institution: usize,
    pub(super) amounts: usize,
    delivered: usize,
    delivered_at: usize,
    msgid: usize,
    repeats: usize,
    dimensions: usize,
    erased_at: usize,
    outcome_seq: usize,
    last_seq: usize,
}

pub(super) static PLACES: LazyLock<Places> = LazyLock::new(|| {
    let place = |name| place_of(name).expect("a test reads every folded column");
    Places {
        at: place("at"),
        infno: place("infno"),
        class: place("class"),
        outcome: place("outcome"),
        institution: place("institution"),
        amounts: place("amounts"),
        delivered: place("delivered"),
        delivered_at: place("delivered_at"),
        msgid: place("msgid"),
        repeats: place("repeats"),
        dimensions: place("dimensions"),
        erased_at: place("erased_at"),
        outcome_seq: place("outcome_seq"),
        last_seq: place("last_seq"),
    }
});

/// One exchange as the views hold it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Number of its INTENT.
    pub seq: Seq,
    /// Its id.
    pub id: ExchangeId,
    /// Values in the order of [`COLUMNS`].
    pub cells: Vec<Value>,
    /// Search lines that came with the records folded since it was read: place of the column, value.
    pub(super) marks: Vec<(usize, Value)>,
}

impl Row {
    /// The row of an INTENT.
    pub(super) fn of_intent(intent: &Record) -> Row {
        let (seq, id) = (intent.header.seq, intent.header.exchange_id);
        let mut row = Row { seq, id, cells: vec![Value::Null; COLUMNS.len()], marks: Vec::new() };
        for (place, column) in COLUMNS.iter().enumerate() {
            if let Taken::Intent(take) | Taken::Both(take) = column.taken {
                row.cells[place] = take(intent).unwrap_or(Value::Null);
            }
        }
        row.cells[PLACES.outcome] = Value::Integer(0);
        row.cells[PLACES.repeats] = Value::Integer(0);
        row.lay_over(PLACES.amounts, &intent.facts, Fact::Amount);
        row.lay_over(PLACES.dimensions, &intent.facts, Fact::Dimension);
        row.mark(intent);
        row.touched(intent);
        row
    }

    /// A row that was read back.
    pub(super) fn stored(seq: Seq, id: ExchangeId, cells: Vec<Value>) -> Row {
        Row { seq, id, cells, marks: Vec::new() }
    }

    /// An OUTCOME. The last one counts, but evidence is not undone by silence.
    pub(super) fn end(&mut self, outcome: &Record) {
        self.mark(outcome);
        self.touched(outcome);
        let proven = [Outcome::Confirmed, Outcome::Refused].map(|outcome| Value::Integer(outcome as i64));
        if outcome.header.outcome == Outcome::Unknown as u8 && proven.contains(&self.cells[PLACES.outcome]) {
            return;
        }
        for (place, column) in COLUMNS.iter().enumerate() {
            match column.taken {
                Taken::Outcome(take) => self.cells[place] = take(outcome).unwrap_or(Value::Null),
                Taken::Both(take) => {
                    if let Some(value) = take(outcome) {
                        self.cells[place] = value;
                    }
                }
                Taken::Intent(_) | Taken::Folded => {}
            }
        }
        self.cells[PLACES.outcome] = Value::Integer(i64::from(outcome.header.outcome));
        self.cells[PLACES.outcome_seq] = seq_value(outcome.header.seq);
        self.lay_over(PLACES.amounts, &outcome.facts, Fact::Amount);
        self.lay_over(PLACES.dimensions, &outcome.facts, Fact::Dimension);
    }

    /// An answer was handed over, or not.
    pub(super) fn hand_over(&mut self, delivery: &Delivery, record: &Record) {
        self.touched(record);
        if self.cells[PLACES.delivered] != Value::Integer(Told::Success as i64) {
            self.cells[PLACES.delivered] = Value::Integer(delivery.told as i64);
        }
        self.cells[PLACES.delivered_at] = Value::Integer(delivery.at_unix_ns);
    }

    /// A repeat was answered from the record; its msgid finds this exchange.
    pub(super) fn repeat(&mut self, note: &Record) {
        self.touched(note);
        if let Value::Integer(repeats) = &mut self.cells[PLACES.repeats] {
            *repeats += 1;
        }
        if let Some(alias) = note.facts.text_of(Fact::Alias) {
            self.marks.push((PLACES.msgid, Value::Text(alias.to_owned())));
        }
    }

    /// Its key slot was destroyed by policy.
    pub(super) fn erased(&mut self, erasure: &Record) {
        self.touched(erasure);
        self.cells[PLACES.erased_at] = Value::Integer(erasure.header.at_unix_ns);
    }

    /// The record is about this exchange.
    pub(super) fn touched(&mut self, record: &Record) {
        self.cells[PLACES.last_seq] = seq_value(record.header.seq);
    }

    /// What its amounts are.
    pub(super) fn amounts(&self) -> BTreeMap<String, String> {
        pairs_in(&self.cells[PLACES.amounts])
    }

    fn mark(&mut self, record: &Record) {
        for (place, column) in COLUMNS.iter().enumerate() {
            if let Search::Mark(take) = column.search {
                self.marks.extend(take(record).into_iter().map(|value| (place, value)));
            }
        }
    }

    /// Named facts as one JSON object; of a name that stands twice in a record the first counts.
    fn lay_over(&mut self, place: usize, facts: &Facts, fact: Fact) {
        let mut fresh = BTreeMap::new();
        for (name, value) in facts.all_named(fact) {
            fresh.entry(name.to_owned()).or_insert_with(|| String::from_utf8_lossy(value).into_owned());
        }
        if !fresh.is_empty() {
            let mut pairs = pairs_in(&self.cells[place]);
            pairs.append(&mut fresh);
            self.cells[place] = Value::Text(serde_json::json!(pairs).to_string());
        }
    }
}

fn seq_value(seq: Seq) -> Value {
    Value::Integer(seq.0.cast_signed())
}

fn pairs_in(cell: &Value) -> BTreeMap<String, String> {
    let Value::Text(text) = cell else { return BTreeMap::new() };
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Place;
    use crate::journal::record::{Header, Kind};

    fn record(kind: Kind, seq: u64, change: impl FnOnce(&mut Record)) -> Record {
        let header = Header { seq: Seq(seq), exchange_id: ExchangeId([1; 16]), ..Header::new(kind) };
        let place = Place { segment_no: 1, offset: 0, seq: Seq(seq) };
        let mut record = Record { place, header, facts: Facts::default(), payload: Vec::new() };
        change(&mut record);
        record
    }

    fn ended(seq: u64, outcome: Outcome, amount: &str) -> Record {
        record(Kind::Outcome, seq, |record| {
            record.header.outcome = outcome as u8;
            record.facts.named(Fact::Amount, "fund_pay_sumamt", amount.as_bytes());
            record.facts.text(Fact::SetlId, "S1");
        })
    }

    fn shown(row: &Row, name: &str) -> serde_json::Value {
        let place = place_of(name).unwrap();
        COLUMNS[place].form.shown(&row.cells[place])
    }

    #[test]
    fn the_last_outcome_counts_and_silence_never_undoes_evidence() {
        let intent = record(Kind::Intent, 5, |record| {
            record.facts.named(Fact::Amount, "medfee_sumamt", b"12.50");
            record.facts.named(Fact::Amount, "medfee_sumamt", b"99");
            record.facts.named(Fact::Amount, "fund_pay_sumamt", b"0");
            record.facts.text(Fact::Msgid, "H1");
        });
        let mut row = Row::of_intent(&intent);
        assert_eq!((shown(&row, "outcome"), shown(&row, "last_seq")), ("open".into(), 5.into()));
        row.end(&ended(6, Outcome::Unknown, "1"));
        row.end(&ended(7, Outcome::Confirmed, "10.00"));
        row.end(&ended(8, Outcome::Unknown, "3"));
        assert_eq!((shown(&row, "outcome"), shown(&row, "outcome_seq")), ("confirmed".into(), 7.into()));
        assert_eq!(shown(&row, "last_seq"), 8);
        let expected = serde_json::json!({ "fund_pay_sumamt": "10.00", "medfee_sumamt": "12.50" });
        assert_eq!(shown(&row, "amounts"), expected);
        assert_eq!(shown(&row, "setl_id"), "S1");

        let delivery = |told| Delivery { intent: Seq(5), exchange_id: row.id, told, bytes: 1, at_unix_ns: 3 };
        let (success, nothing) = (delivery(Told::Success), delivery(Told::NotTold));
        let deliveries = record(Kind::Deliveries, 9, |_| {});
        row.hand_over(&success, &deliveries);
        row.hand_over(&nothing, &deliveries);
        assert_eq!(shown(&row, "delivered"), "told_success", "a success once handed over stays");
        let note = record(Kind::Note, 10, |record| record.facts.text(Fact::Alias, "H2"));
        row.repeat(&note);
        assert_eq!(shown(&row, "repeats"), 1);
        let msgid = place_of("msgid").unwrap();
        let found: Vec<_> = row.marks.iter().filter(|mark| mark.0 == msgid).map(|mark| mark.1.clone()).collect();
        assert_eq!(found, [Value::Text("H1".into()), Value::Text("H2".into())]);
    }
}
