//! What conditions come to, case by case: numbers are decimals, and what is empty decides nothing.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::decide::{Values, decide, decimal};
use super::kinds::{Kind, Places, condition};
use super::parse::{Part, parse};

/// Fields by name: text, number, date; `rows` is a node with amounts.
struct Sheet(Vec<(&'static str, &'static str, Kind)>, Vec<&'static str>);

impl Places for Sheet {
    type Place = &'static str;

    fn field(&mut self, _node: &str, field: &str) -> Result<(&'static str, Kind), String> {
        let known = self.0.iter().find(|(name, ..)| *name == field);
        known.map(|(_, value, kind)| (*value, *kind)).ok_or_else(|| format!("no field `{field}`"))
    }

    fn total(&mut self, node: &str, field: Option<&str>, _only: Option<&Part>) -> Result<usize, String> {
        if node == "rows" { Ok(usize::from(field.is_some())) } else { Err(format!("no node `{node}`")) }
    }
}

impl Values<&'static str> for Sheet {
    fn text(&self, place: &&'static str) -> Option<Cow<'_, str>> {
        (!place.is_empty()).then_some(Cow::Borrowed(*place))
    }

    fn total(&self, number: usize) -> Option<Decimal> {
        if number == 0 {
            return Some(self.1.len().into());
        }
        self.1.iter().try_fold(Decimal::ZERO, |sum, row| sum.checked_add(decimal(row)?))
    }
}

fn sheet() -> Sheet {
    let fields = vec![
        ("a", "0.1", Kind::Number),
        ("b", "0.2", Kind::Number),
        ("c", "1.10", Kind::Number),
        ("big", "79228162514264337593543950335", Kind::Number),
        ("huge", "1e40", Kind::Number),
        ("odd", "many", Kind::Number),
        ("none", "", Kind::Number),
        ("code", "01", Kind::Text),
        ("empty", "", Kind::Text),
        ("name", "张三丰", Kind::Text),
        ("day", "2025-01-02", Kind::Moment),
        ("hour", "2025-01-02 08:00:00", Kind::Moment),
        ("later", "2025-01-03 00:00:00", Kind::Moment),
        ("noday", "yesterday", Kind::Moment),
    ];
    Sheet(fields, vec!["0.1"; 30])
}

#[test]
fn what_conditions_come_to() {
    let rows = [
        ("a + b == 0.3", Some(true)),
        ("c == 1.1", Some(true)),
        ("c != 1.100", Some(false)),
        ("sum(rows.fee) == 3", Some(true)),
        ("sum(rows.fee) == 3.0000000000000001", Some(false)),
        ("count(rows) <= 500", Some(true)),
        ("1 - 2 - 3 == -4", Some(true)),
        ("2 + 3 * 4 == 14", Some(true)),
        ("-a * 2 == -0.2", Some(true)),
        ("0.1 * 3 - 0.3 == 0", Some(true)),
        ("big + 1 == big", None),
        ("big == 79228162514264337593543950335", Some(true)),
        ("huge > 1", None),
        ("odd == 1", None),
        ("none == 0", None),
        ("or_zero(none) == 0", Some(true)),
        ("or_zero(odd) == 0", None),
        ("!(none == 0)", None),
        ("none == 0 || a == 0.1", Some(true)),
        ("none == 0 && a == 0.2", Some(false)),
        ("none == 0 && a == 0.1", None),
        ("filled(none)", Some(false)),
        ("!filled(none) && filled(a)", Some(true)),
        ("code == \"01\"", Some(true)),
        ("code == \"1\"", Some(false)),
        ("number(code) == 1", Some(true)),
        ("code in [\"01\", '02']", Some(true)),
        ("code in [\"03\"]", Some(false)),
        ("empty in [\"03\"]", None),
        ("!code == \"02\"", Some(true)),
        ("chars(name) == 3", Some(true)),
        ("day <= hour && hour <= day", Some(true)),
        ("hour < later", Some(true)),
        ("later <= day", Some(false)),
        ("noday <= day", None),
        ("filled(a) == filled(b)", Some(true)),
        ("filled(a) == filled(none)", Some(false)),
    ];
    for (text, expected) in rows {
        let mut sheet = sheet();
        let typed = condition(&parse(text).unwrap(), &mut sheet).unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
        assert_eq!(decide(&typed, &sheet), expected, "{text}");
    }
}

#[test]
fn what_makes_no_sense_is_said_when_it_is_read() {
    let rows = [
        ("a = 1", "`=` compares nothing; write `==`"),
        ("code == 1", "`==` compares a text with a number; number(x) reads a text as one"),
        ("code < \"2\"", "`<` orders numbers and dates, not a text"),
        ("1 < 2 < 3", "`<` after a comparison: join two comparisons with &&"),
        ("nobody == 1", "no field `nobody`"),
        ("sum(elsewhere.fee) == 1", "no node `elsewhere`"),
        ("sum(fee) == 1", "sum(node.field) or sum(node.field, condition)"),
        ("exec(\"x\")", "no function `exec`; there are: filled, chars, or_zero, number, sum, count"),
        ("a + 1", "a number stands where a condition is asked for"),
        ("a == ", "the condition breaks off"),
        ("(a == 1", "`)` is missing at the end"),
        ("a == 1 b", "`b` stands where the condition should end"),
        ("a == \"x", "a text has no end: a quote is missing"),
        ("a ? 1", "`?` means nothing here"),
        ("1.2.3 == a", "`1.2.3` is no number"),
        ("a / 2 == 1", "`/` stands where the condition should end"),
    ];
    for (text, expected) in rows {
        let said = parse(text).and_then(|part| condition(&part, &mut sheet()).map(|_| ()));
        assert_eq!(said, Err(expected.to_owned()), "{text}");
    }
    assert!(parse(&"(".repeat(1000)).is_err() && parse(&"!".repeat(1000)).is_err());
    assert!(parse(&"a".repeat(3000)).is_err());
}
