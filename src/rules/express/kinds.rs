//! Names become places in the message, and every part gets one type: a text is never silently unequal to a number.

use rust_decimal::Decimal;

use super::parse::Part;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An exact decimal.
    Number,
    /// A text, codes among them.
    Text,
    /// A day or a time of a day.
    Moment,
    /// Yes or no.
    Truth,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Number => "a number",
            Kind::Text => "a text",
            Kind::Moment => "a date",
            Kind::Truth => "a condition",
        }
    }
}

/// A place that a name stands for; `P` is the caller's own.
pub trait Places {
    /// Where a value stands.
    type Place: Clone;

    /// The place of a field, as seen from the row that is judged, and its type.
    ///
    /// # Errors
    /// A sentence when there is none, or more than one.
    fn field(&mut self, node: &str, field: &str) -> Result<(Self::Place, Kind), String>;

    /// The number of a sum or count over the rows of `node`: `field` is what is added, `only` which rows count.
    ///
    /// # Errors
    /// A sentence when there is no such node or field.
    fn total(&mut self, node: &str, field: Option<&str>, only: Option<&Part>) -> Result<usize, String>;
}

/// A condition that is ready to be decided.
#[derive(Debug, Clone)]
pub enum Typed<P> {
    /// An exact number.
    Number(Decimal),
    /// A text.
    Text(Box<str>),
    /// Yes or no.
    Truth(bool),
    /// A field's value, read as this.
    Field(P, Kind),
    /// Whether a field is filled.
    Filled(P),
    /// How many characters a field has.
    Chars(P),
    /// A field's number, 0 where it is empty.
    OrZero(P),
    /// A sum or a count over rows, by its number.
    Total(usize),
    /// The opposite.
    Not(Box<Typed<P>>),
    /// The negative.
    Minus(Box<Typed<P>>),
    /// `+`, `-`, `*`.
    Reckon(&'static str, Box<Typed<P>>, Box<Typed<P>>),
    /// `==` and the others.
    Compare(&'static str, Box<Typed<P>>, Box<Typed<P>>),
    /// All of them.
    And(Box<Typed<P>>, Box<Typed<P>>),
    /// One of them.
    Or(Box<Typed<P>>, Box<Typed<P>>),
    /// One of these texts.
    In(Box<Typed<P>>, Vec<Typed<P>>),
}

/// A whole condition: its type must be yes or no.
///
/// # Errors
/// A sentence for whoever wrote the rule.
pub fn condition<S: Places>(part: &Part, places: &mut S) -> Result<Typed<S::Place>, String> {
    wanted(part, Kind::Truth, places)
}

fn wanted<S: Places>(part: &Part, kind: Kind, places: &mut S) -> Result<Typed<S::Place>, String> {
    let (typed, found) = typed(part, places)?;
    if found == kind { Ok(typed) } else { Err(format!("{} stands where {} is asked for", found.word(), kind.word())) }
}

fn boxed<S: Places>(part: &Part, kind: Kind, places: &mut S) -> Result<Box<Typed<S::Place>>, String> {
    wanted(part, kind, places).map(Box::new)
}

type Found<P> = Result<(Typed<P>, Kind), String>;

fn typed<S: Places>(part: &Part, places: &mut S) -> Found<S::Place> {
    Ok(match part {
        Part::Number(number) => (Typed::Number(*number), Kind::Number),
        Part::Text(text) => (Typed::Text(text.as_str().into()), Kind::Text),
        Part::Truth(truth) => (Typed::Truth(*truth), Kind::Truth),
        Part::Field(node, field) => {
            let (place, kind) = places.field(node, field)?;
            (Typed::Field(place, kind), kind)
        }
        Part::Call(name, given) => call(name, given, places)?,
        Part::One("!", part) => (Typed::Not(boxed(part, Kind::Truth, places)?), Kind::Truth),
        Part::One(_, part) => (Typed::Minus(boxed(part, Kind::Number, places)?), Kind::Number),
        Part::Two(sign @ ("&&" | "||"), left, right) => {
            let (left, right) = (boxed(left, Kind::Truth, places)?, boxed(right, Kind::Truth, places)?);
            (if *sign == "&&" { Typed::And(left, right) } else { Typed::Or(left, right) }, Kind::Truth)
        }
        Part::Two(sign @ ("+" | "-" | "*"), left, right) => {
            let (left, right) = (boxed(left, Kind::Number, places)?, boxed(right, Kind::Number, places)?);
            (Typed::Reckon(sign, left, right), Kind::Number)
        }
        Part::Two(sign, left, right) => compared(sign, left, right, places)?,
        Part::In(one, others) => {
            let (one, kind) = typed(one, places)?;
            let others = others.iter().map(|other| wanted(other, kind, places)).collect::<Result<_, _>>()?;
            (Typed::In(Box::new(one), others), Kind::Truth)
        }
    })
}

fn compared<S: Places>(sign: &'static str, left: &Part, right: &Part, places: &mut S) -> Found<S::Place> {
    let ((left, one), (right, other)) = (typed(left, places)?, typed(right, places)?);
    if one != other {
        return Err(format!("`{sign}` compares {} with {}; number(x) reads a text as one", one.word(), other.word()));
    }
    if !matches!(sign, "==" | "!=") && matches!(one, Kind::Text | Kind::Truth) {
        return Err(format!("`{sign}` orders numbers and dates, not {}", one.word()));
    }
    Ok((Typed::Compare(sign, Box::new(left), Box::new(right)), Kind::Truth))
}

fn call<S: Places>(name: &str, given: &[Part], places: &mut S) -> Found<S::Place> {
    let total = |node: &str, field: Option<&str>, places: &mut S| {
        Ok((Typed::Total(places.total(node, field, given.get(1))?), Kind::Number))
    };
    match (name, given) {
        ("filled", [Part::Field(node, field)]) => Ok((Typed::Filled(places.field(node, field)?.0), Kind::Truth)),
        ("chars", [Part::Field(node, field)]) => Ok((Typed::Chars(places.field(node, field)?.0), Kind::Number)),
        ("or_zero", [Part::Field(node, field)]) => Ok((Typed::OrZero(places.field(node, field)?.0), Kind::Number)),
        ("number", [Part::Field(node, field)]) => {
            Ok((Typed::Field(places.field(node, field)?.0, Kind::Number), Kind::Number))
        }
        ("sum", [Part::Field(node, field)] | [Part::Field(node, field), _]) if !node.is_empty() => {
            total(node, Some(field), places)
        }
        ("count", [Part::Field(none, node)] | [Part::Field(none, node), _]) if none.is_empty() => {
            total(node, None, places)
        }
        ("filled" | "chars" | "or_zero" | "number", _) => Err(format!("{name}(field) takes one field")),
        ("sum", _) => Err("sum(node.field) or sum(node.field, condition)".to_owned()),
        ("count", _) => Err("count(node) or count(node, condition)".to_owned()),
        _ => Err(format!("no function `{name}`; there are: filled, chars, or_zero, number, sum, count")),
    }
}
