//! How each fact is written for people.

use crate::domain::exchange::ExchangeId;
use crate::domain::moment::china_time;
use crate::domain::outcome::Told;
use crate::journal::facts::{Fact, Facts};

/// What the bytes of a fact are.
#[derive(Clone, Copy)]
enum Form {
    Text,
    /// name, 0, text
    Named,
    /// name, 0, bytes
    NamedBytes,
    Number,
    Moment,
    Bytes,
    /// Id of an exchange.
    Exchange,
    Told,
}

#[rustfmt::skip]
const FORMS: &[(Fact, Form)] = {
    use Form::*;
    &[
        (Fact::Infno, Text), (Fact::Msgid, Text), (Fact::FixmedinsCode, Text), (Fact::MdtrtareaAdmvs, Text),
        (Fact::InsuplcAdmdvs, Text), (Fact::MdtrtId, Text), (Fact::SetlId, Text), (Fact::Amount, Named),
        (Fact::Dimension, Named), (Fact::Fingerprint, NamedBytes), (Fact::LineSet, Bytes), (Fact::Upstream, Text),
        (Fact::Peer, Text), (Fact::HttpStatus, Number), (Fact::Infcode, Text), (Fact::ArrivedAt, Moment),
        (Fact::SentAt, Moment), (Fact::HeardAt, Moment), (Fact::AnsweredAt, Moment), (Fact::Finding, Named),
        (Fact::UndoesSeq, Number), (Fact::FreesSeq, Number), (Fact::FreesKey, Bytes), (Fact::Alias, Text),
        (Fact::Told, Told), (Fact::NonceCounter, Number), (Fact::Delivery, Bytes), (Fact::RefusedCall, Bytes),
        (Fact::OpenIntent, Bytes), (Fact::SegmentDigest, Bytes), (Fact::Reason, Text), (Fact::Name, Text),
        (Fact::Count, Number), (Fact::Text, Text), (Fact::ChainAt, Bytes), (Fact::SegmentAt, Number),
        (Fact::OffsetAt, Number), (Fact::SnapshotRef, NamedBytes), (Fact::Frontier, Bytes), (Fact::Slots, Bytes),
        (Fact::LinkedSlot, Number), (Fact::Disagreement, Named), (Fact::MedinsSetlId, Text), (Fact::Who, Text),
        (Fact::EvidenceSeq, Number), (Fact::ChrgBchno, Text), (Fact::LikeKey, Bytes), (Fact::StoredBody, Bytes),
        (Fact::TrimmedTo, Number), (Fact::Before, Text), (Fact::After, Text), (Fact::Erased, Exchange),
        (Fact::Knew, Named), (Fact::Step, Text), (Fact::OpenedAs, Named),
        (Fact::SnapshotWas, Number), (Fact::LedgerDay, Text), (Fact::FileDigest, Bytes), (Fact::Pack, Named),
    ]
};

/// (name, value) of every fact in stored order; a fact of a later format is shown by its number.
pub(super) fn written(facts: &Facts) -> Vec<(String, String)> {
    let one = |(tag, bytes): (u16, &[u8])| match FORMS.iter().find(|(fact, _)| *fact as u16 == tag) {
        Some((fact, form)) => (format!("{fact:?}"), value(*form, bytes)),
        None => (format!("fact-{tag}"), hex::encode(bytes)),
    };
    facts.0.entries().map(one).collect()
}

fn value(form: Form, bytes: &[u8]) -> String {
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_le_bytes);
    let named = |show: fn(&[u8]) -> String| {
        let (name, rest) = bytes.split_at(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
        format!("{} = {}", text(name), show(rest.get(1..).unwrap_or_default()))
    };
    match form {
        Form::Text => text(bytes),
        Form::Named => named(text),
        Form::NamedBytes => named(|bytes| hex::encode(bytes)),
        Form::Number => number(bytes).map_or_else(|| hex::encode(bytes), |number| number.to_string()),
        Form::Moment => number(bytes).map_or_else(|| hex::encode(bytes), |at| china_time(at.cast_signed())),
        Form::Bytes => hex::encode(bytes),
        Form::Exchange => bytes.try_into().map_or_else(|_| hex::encode(bytes), |id| ExchangeId(id).to_string()),
        Form::Told => bytes.first().and_then(|code| Told::from_code(*code)).map_or("-", Told::word).to_owned(),
    }
}

/// Text on one line, control characters shown as blanks.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_written_so_that_people_can_read_it() {
        let mut facts = Facts::default();
        facts.text(Fact::Infno, "2207");
        facts.named(Fact::Amount, "medfee_sumamt", b"12.50");
        facts.number(Fact::ArrivedAt, 0);
        facts.bytes(Fact::Told, [3]);
        facts.named(Fact::Fingerprint, "psn_no", &[0xAB; 16]);
        facts.text(Fact::Reason, "two\nlines");
        facts.0.add(9999, [1, 2]);
        let lines: Vec<_> = written(&facts).into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let expected = [
            "Infno: 2207",
            "Amount: medfee_sumamt = 12.50",
            "ArrivedAt: 1970-01-01T08:00:00.000+08:00",
            "Told: told_unknown",
            &format!("Fingerprint: psn_no = {}", "ab".repeat(16)),
            "Reason: two lines",
            "fact-9999: 0102",
        ];
        assert_eq!(lines, expected);
    }
}
