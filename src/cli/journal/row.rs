//! One record on one line, as columns for people or as JSON for programs.

use serde_json::{Value, json};

use crate::domain::class::Class;
use crate::domain::exchange::ExchangeId;
use crate::domain::moment::china_time;
use crate::domain::outcome::{Cause, Outcome, Told};
use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::journal::record::{Kind, flag};

/// What a line says. An empty text is shown as `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) seq: u64,
    pub(super) at: String,
    pub(super) kind: String,
    pub(super) infno: String,
    pub(super) class: &'static str,
    pub(super) outcome: &'static str,
    pub(super) cause: &'static str,
    pub(super) told: &'static str,
    pub(super) msgid: String,
    pub(super) exchange: String,
    pub(super) late: bool,
}

impl Row {
    /// The row of a record.
    pub(super) fn of(record: &Record) -> Row {
        let (header, facts) = (&record.header, &record.facts);
        let text = |fact| facts.text_of(fact).unwrap_or_default().to_owned();
        let told = facts.all(Fact::Told).next().and_then(|told| Told::from_code(*told.first()?));
        let none = header.exchange_id == ExchangeId::NONE;
        Row {
            seq: header.seq.0,
            at: china_time(header.at_unix_ns),
            kind: header.known_kind().map_or_else(|| format!("kind-{}", header.kind), word),
            infno: text(Fact::Infno),
            class: Class::from_code(header.class).map_or("", Class::word),
            outcome: Outcome::from_code(header.outcome).map_or("", Outcome::word),
            cause: Cause::from_code(header.cause).map_or("", Cause::word),
            told: told.map_or("", Told::word),
            msgid: text(Fact::Msgid),
            exchange: if none { String::new() } else { header.exchange_id.to_string() },
            late: header.has(flag::LATE),
        }
    }

    /// The heading above [`Row::line`].
    pub(super) const HEADING: &str = "TIME                           KIND      INFNO   CLASS         OUTCOME    CAUSE              MSGID                           SEQ  EXCHANGE";

    /// Columns for people.
    pub(super) fn line(&self) -> String {
        let or = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let cause = if self.late { format!("{}+late", self.cause) } else { self.cause.to_owned() };
        format!(
            "{:<30} {:<9} {:<7} {:<13} {:<10} {:<18} {:<31} {:<4} {}",
            self.at,
            self.kind,
            or(&self.infno),
            or(self.class),
            or(self.outcome),
            or(&cause),
            or(&self.msgid),
            self.seq,
            or(&self.exchange),
        )
    }

    /// One object for programs; the names are stable.
    pub(super) fn json(&self) -> Value {
        json!({
            "seq": self.seq, "at": self.at, "kind": self.kind, "infno": self.infno, "class": self.class,
            "outcome": self.outcome, "cause": self.cause, "told": self.told, "late": self.late,
            "msgid": self.msgid, "exchange": self.exchange,
        })
    }
}

/// True for records that only keep the journal in order; they are shown with `--all`.
pub(super) fn is_upkeep(record: &Record) -> bool {
    use Kind::*;
    matches!(
        record.header.known_kind(),
        Some(SegmentOpen | Carry | KeySlots | Mark | Checkpoint | Dictionary | SegmentClose)
    )
}

/// `operator_act` for `Kind::OperatorAct`.
fn word(kind: Kind) -> String {
    let mut word = String::new();
    for c in format!("{kind:?}").chars() {
        if c.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use crate::domain::exchange::Seq;

    use super::super::folder::Folder;
    use super::super::sample;
    use super::*;

    #[test]
    fn a_row_says_what_became_of_whom() {
        let sample = sample::journal();
        let mut rows = Vec::new();
        let mut visit = |record: Record| {
            rows.push(Row::of(&record));
            ControlFlow::Continue(())
        };
        Folder::open(sample.path()).unwrap().each(Seq(2), Seq(4), &mut visit).unwrap();
        let (intent, outcome) = (&rows[0], &rows[1]);
        assert_eq!((intent.kind.as_str(), intent.infno.as_str(), intent.class), ("intent", "2207", "money"));
        let words: Vec<_> = outcome.line().split_whitespace().map(str::to_owned).collect();
        let expected = ["2026-01-01T08:01:00.000+08:00", "outcome", "2207", "money", "unknown", "timed_out", "H1", "3"];
        assert_eq!(words[..8], expected);
        assert_eq!(words[8], sample::exchange().to_string());
        assert_eq!(outcome.json()["outcome"], "unknown");
        assert_eq!(word(Kind::OperatorAct), "operator_act");
    }
}
