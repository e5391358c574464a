//! Words to a tree; names are still texts.

use rust_decimal::Decimal;

use super::words::{Word, words};

/// A part of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// An exact number.
    Number(Decimal),
    /// A text.
    Text(String),
    /// `true` or `false`.
    Truth(bool),
    /// A field: node (empty: wherever it stands) and name.
    Field(String, String),
    /// A function and what it is given.
    Call(String, Vec<Part>),
    /// `!` or `-`.
    One(&'static str, Box<Part>),
    /// Two parts and the sign between them.
    Two(&'static str, Box<Part>, Box<Part>),
    /// Whether a part is one of several.
    In(Box<Part>, Vec<Part>),
}

/// Brackets and operators inside each other.
const DEPTH_MAX: usize = 32;

/// Reads a condition.
///
/// # Errors
/// A sentence for whoever wrote the rule.
pub fn parse(text: &str) -> Result<Part, String> {
    let mut parser = Parser { words: words(text)?, at: 0, depth: 0 };
    let part = parser.binary(0)?;
    match parser.words.get(parser.at) {
        None => Ok(part),
        Some(Word::Sign("=")) => Err("`=` compares nothing; write `==`".to_owned()),
        Some(word) => Err(format!("{} stands where the condition should end", shown(word))),
    }
}

struct Parser {
    words: Vec<Word>,
    at: usize,
    depth: usize,
}

/// How tightly a sign binds; the looser first.
fn strength(sign: &str) -> Option<u8> {
    Some(match sign {
        "||" => 1,
        "&&" => 2,
        "==" | "!=" | "<" | "<=" | ">" | ">=" => 3,
        "+" | "-" => 4,
        "*" => 5,
        _ => return None,
    })
}

impl Parser {
    fn binary(&mut self, loosest: u8) -> Result<Part, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} brackets inside each other"));
        }
        let mut left = self.unary()?;
        loop {
            if loosest <= 3 && matches!(self.words.get(self.at), Some(Word::Name(name)) if name == "in") {
                self.at += 1;
                self.sign("[")?;
                left = Part::In(Box::new(left), self.list("]")?);
                continue;
            }
            let Some(Word::Sign(sign)) = self.words.get(self.at) else { break };
            let sign = *sign;
            let Some(strength) = strength(sign).filter(|strength| *strength >= loosest) else { break };
            self.at += 1;
            let right = self.binary(strength + 1)?;
            let chained = matches!(&left, Part::Two(one, ..) if strength == 3 && self::strength(one) == Some(3));
            if chained {
                return Err(format!("`{sign}` after a comparison: join two comparisons with &&"));
            }
            left = Part::Two(sign, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Part, String> {
        if let Some(Word::Sign(sign @ ("!" | "-"))) = self.words.get(self.at) {
            let (sign, strength) = (*sign, if *sign == "!" { 3 } else { 5 });
            self.at += 1;
            // `!a == b` reads as `!(a == b)`, `-a * b` as `-(a * b)`.
            return Ok(Part::One(sign, Box::new(self.binary(strength)?)));
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Part, String> {
        let word = self.words.get(self.at).cloned().ok_or("the condition breaks off")?;
        self.at += 1;
        match word {
            Word::Number(number) => Ok(Part::Number(number)),
            Word::Text(text) => Ok(Part::Text(text)),
            Word::Sign("(") => {
                let part = self.binary(0)?;
                self.sign(")")?;
                Ok(part)
            }
            Word::Name(name) if name == "true" || name == "false" => Ok(Part::Truth(name == "true")),
            Word::Name(name) if self.words.get(self.at) == Some(&Word::Sign("(")) => {
                self.at += 1;
                Ok(Part::Call(name, self.list(")")?))
            }
            Word::Name(name) if self.words.get(self.at) == Some(&Word::Sign(".")) => {
                self.at += 1;
                match self.words.get(self.at).cloned() {
                    Some(Word::Name(field)) => {
                        self.at += 1;
                        Ok(Part::Field(name, field))
                    }
                    _ => Err(format!("`{name}.` lacks the name of a field")),
                }
            }
            Word::Name(name) => Ok(Part::Field(String::new(), name)),
            word => Err(format!("{} stands where a value should", shown(&word))),
        }
    }

    /// Parts between commas, up to a closing bracket.
    fn list(&mut self, close: &'static str) -> Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        while self.words.get(self.at) != Some(&Word::Sign(close)) {
            parts.push(self.binary(0)?);
            if self.words.get(self.at) == Some(&Word::Sign(",")) {
                self.at += 1;
            } else {
                break;
            }
        }
        self.sign(close)?;
        Ok(parts)
    }

    fn sign(&mut self, sign: &'static str) -> Result<(), String> {
        match self.words.get(self.at) {
            Some(Word::Sign(found)) if *found == sign => {
                self.at += 1;
                Ok(())
            }
            Some(word) => Err(format!("{} stands where `{sign}` should", shown(word))),
            None => Err(format!("`{sign}` is missing at the end")),
        }
    }
}

fn shown(word: &Word) -> String {
    match word {
        Word::Number(number) => format!("`{number}`"),
        Word::Text(text) => format!("\"{text}\""),
        Word::Name(name) => format!("`{name}`"),
        Word::Sign(sign) => format!("`{sign}`"),
    }
}
