//! What a condition comes to. What an empty or unreadable field would decide stays undecided, which is no broken rule.

use std::borrow::Cow;
use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::super::dates;
use super::kinds::{Kind, Typed};

/// Gives the values that a condition asks for.
pub trait Values<P> {
    /// The text of a filled field, blanks around it taken off; `None` where it is empty or cannot be read.
    fn text(&self, place: &P) -> Option<Cow<'_, str>>;
    /// A sum or a count by its number; `None` where a row of it cannot be read.
    fn total(&self, number: usize) -> Option<Decimal>;
}

enum Value<'v> {
    Number(Decimal),
    Text(Cow<'v, str>),
    Moment(Cow<'v, str>),
}

/// Yes, no, or undecided.
pub fn decide<P>(typed: &Typed<P>, values: &impl Values<P>) -> Option<bool> {
    Some(match typed {
        Typed::Truth(truth) => *truth,
        Typed::Filled(place) => values.text(place).is_some(),
        Typed::Not(part) => !decide(part, values)?,
        // One half alone may decide, though nothing is known of the other.
        Typed::And(left, right) => match decide(left, values) {
            Some(false) => false,
            Some(true) => decide(right, values)?,
            None => decide(right, values).filter(|right| !right)?,
        },
        Typed::Or(left, right) => match decide(left, values) {
            Some(true) => true,
            Some(false) => decide(right, values)?,
            None => decide(right, values).filter(|right| *right)?,
        },
        Typed::Compare(sign, left, right) => compare(sign, left, right, values)?,
        Typed::In(one, others) => {
            let mut known = true;
            for other in others {
                match compare("==", one, other, values) {
                    Some(true) => return Some(true),
                    Some(false) => {}
                    None => known = false,
                }
            }
            known.then_some(false)?
        }
        _ => return None,
    })
}

fn compare<P>(sign: &str, left: &Typed<P>, right: &Typed<P>, values: &impl Values<P>) -> Option<bool> {
    if let (Some(left), Some(right)) = (truth(left, values), truth(right, values)) {
        let (left, right) = (left?, right?);
        return Some((left == right) == (sign == "=="));
    }
    let order = match (value(left, values)?, value(right, values)?) {
        (Value::Number(left), Value::Number(right)) => left.cmp(&right),
        (Value::Text(left), Value::Text(right)) => left.cmp(&right),
        (Value::Moment(left), Value::Moment(right)) => moments(&left, &right)?,
        _ => return None,
    };
    Some(match sign {
        "==" => order == Ordering::Equal,
        "!=" => order != Ordering::Equal,
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        ">" => order == Ordering::Greater,
        _ => order != Ordering::Less,
    })
}

/// `None` for a part that is no condition; inside: what it comes to.
fn truth<P>(typed: &Typed<P>, values: &impl Values<P>) -> Option<Option<bool>> {
    let is_truth = matches!(
        typed,
        Typed::Truth(_)
            | Typed::Filled(_)
            | Typed::Not(_)
            | Typed::And(..)
            | Typed::Or(..)
            | Typed::Compare(..)
            | Typed::In(..)
    );
    is_truth.then(|| decide(typed, values))
}

/// Days and times are compared as far as both say them: a day is not before an hour of itself.
fn moments(left: &str, right: &str) -> Option<Ordering> {
    dates::is_moment(left).then_some(())?;
    dates::is_moment(right).then_some(())?;
    let shared = left.len().min(right.len());
    Some(left.as_bytes()[..shared].cmp(&right.as_bytes()[..shared]))
}

fn value<'v, P>(typed: &'v Typed<P>, values: &'v impl Values<P>) -> Option<Value<'v>> {
    Some(match typed {
        Typed::Text(text) => Value::Text(Cow::Borrowed(text)),
        Typed::Field(place, Kind::Text) => Value::Text(values.text(place)?),
        Typed::Field(place, Kind::Moment) => Value::Moment(values.text(place)?),
        _ => Value::Number(number(typed, values)?),
    })
}

fn number<P>(typed: &Typed<P>, values: &impl Values<P>) -> Option<Decimal> {
    match typed {
        Typed::Number(number) => Some(*number),
        Typed::Field(place, _) => decimal(&values.text(place)?),
        Typed::OrZero(place) => values.text(place).map_or(Some(Decimal::ZERO), |text| decimal(&text)),
        Typed::Chars(place) => Some(values.text(place)?.chars().count().into()),
        Typed::Total(number) => values.total(*number),
        Typed::Minus(part) => Some(-number(part, values)?),
        Typed::Reckon(sign, left, right) => {
            let (left, right) = (number(left, values)?, number(right, values)?);
            match *sign {
                "+" => left.checked_add(right),
                "-" => left.checked_sub(right),
                _ => left.checked_mul(right),
            }
        }
        _ => None,
    }
}

/// The exact number that a text says; `None` where it says none, or one that cannot be kept exactly.
pub fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok()
}
