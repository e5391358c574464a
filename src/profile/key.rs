//! The business key of a request: what makes two arrivals the same act (`money.md` §3).

use std::fmt;
use std::sync::Arc;

use crate::domain::money::units_of;
use crate::domain::scan::{Row, Shape, View};

use super::Profile;
use super::canonical::{append, digest_of_set, number};
use super::inquiry::Inquiry;
use super::transaction::{Field, KeyRule, OnRepeat, Part, Transaction};

/// A made key. `Debug` masks it: it may hold a person's number.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyParts {
    /// The row of the key table.
    pub family: String,
    /// Canonical text: fixmedins_code, mdtrtarea_admvs, family, parts; the generation is the line's to add.
    pub text: String,
    /// (field, value) that a repeat must not move.
    pub fingerprint: Vec<(String, String)>,
    /// The key without the parts that a retry may move (2102: begntime and invono).
    pub loose: Option<String>,
    /// What a repeat gets.
    pub on_repeat: OnRepeat,
    /// How the platform is asked whether the first still stands.
    pub ask: Option<Arc<Inquiry>>,
    /// The line adds a generation.
    pub generation: bool,
}

impl fmt::Debug for KeyParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&str> = self.fingerprint.iter().map(|(field, _)| field.as_str()).collect();
        write!(f, "KeyParts({} ***, {fields:?}, {:?})", self.family, self.on_repeat)
    }
}

/// What makes two charges of one person look alike, for the fence (`money.md` §5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Similar {
    /// 医疗费总额, canonical.
    pub sum: Option<String>,
    /// Digest of the set of fee lines.
    pub lines: Option<String>,
}

impl Profile {
    /// The key of a request; `None` when its transaction has none, or when `missing_parts` says why it cannot be made.
    pub fn key(&self, tx: &Transaction, view: &View) -> Option<KeyParts> {
        let rule = tx.key.as_ref()?;
        let parts = self.parts(tx, rule, view).ok()?;
        let text_without = |left_out: &[String]| {
            let mut text = String::with_capacity(128);
            for (name, value) in parts.iter().filter(|(name, _)| !left_out.contains(name)) {
                append(&mut text, name, value);
            }
            text
        };
        Some(KeyParts {
            family: rule.family.clone(),
            text: text_without(&[]),
            fingerprint: rule.fingerprint.iter().map(|field| self.compared(field, view)).collect(),
            loose: (!rule.loose_without.is_empty()).then(|| text_without(&rule.loose_without)),
            on_repeat: rule.on_repeat.clone(),
            ask: rule.ask.clone(),
            generation: rule.generation,
        })
    }

    /// Names of the parts that a key needs and the request lacks; empty when it can be made or the transaction has none.
    pub fn missing_parts(&self, tx: &Transaction, view: &View) -> Vec<String> {
        tx.key.as_ref().and_then(|rule| self.parts(tx, rule, view).err()).unwrap_or_default()
    }

    /// The rows of a stage call by their own keys, in order; empty for any other transaction.
    pub fn row_keys(&self, tx: &Transaction, view: &View) -> Vec<String> {
        let Some(rule) = &tx.rows else { return Vec::new() };
        let of_row = |row: Row<'_>| {
            let mut text = String::new();
            for name in ["fixmedins_code", "mdtrtarea_admvs"] {
                append(&mut text, name, self.named(name, view)?);
            }
            for name in &rule.parts {
                append(&mut text, name, row.text(name).or_else(|| view.text(name))?);
            }
            Some(text)
        };
        view.rows(&rule.node).into_iter().filter_map(of_row).collect()
    }

    /// What the fence compares.
    pub fn similar(&self, view: &View) -> Similar {
        Similar { sum: view.text("medfee_sumamt").map(number), lines: self.line_set(view) }
    }

    /// All parts in order, or the names of those that are missing.
    fn parts(&self, tx: &Transaction, rule: &KeyRule, view: &View) -> Result<Vec<(String, String)>, Vec<String>> {
        let mut made = Vec::with_capacity(rule.parts.len() + 3);
        let mut missing = Vec::new();
        let mut put = |name: &str, value: Option<String>| match value {
            Some(value) => made.push((name.to_owned(), value)),
            None => missing.push(name.to_owned()),
        };
        for name in ["fixmedins_code", "mdtrtarea_admvs"] {
            put(name, self.named(name, view).map(str::to_owned));
        }
        put("family", Some(rule.family.clone()));
        for part in &rule.parts {
            match part {
                Part::Infno => put("infno", Some(tx.infno.clone())),
                Part::Lines => put("lines", self.line_set(view)),
                Part::Field(field) => put(field.name(), self.filled(field, view).or_else(|| field.absent.clone())),
            }
        }
        if missing.is_empty() { Ok(made) } else { Err(missing) }
    }

    fn compared(&self, field: &Field, view: &View) -> (String, String) {
        (field.name().to_owned(), self.filled(field, view).unwrap_or_default())
    }

    /// The first filled value of a field in its one spelling.
    fn filled(&self, field: &Field, view: &View) -> Option<String> {
        let found = field.names.iter().find_map(|name| view.text(name).map(|text| (name, text)));
        found.map(|(name, text)| if self.rules.numbers.contains(name) { number(text) } else { text.to_owned() })
    }

    /// Digest of the set of fee lines (`med_list_codg`, `cnt`, `pric`); `None` when there is no line, or a body that
    /// could not be read to its end may hide some.
    fn line_set(&self, view: &View) -> Option<String> {
        if view.shape != Shape::Json {
            return None;
        }
        let rows = self.rules.line_nodes.iter().flat_map(|node| view.rows(node));
        let line = |row: Row<'_>| {
            let cells = self.rules.line_fields.iter().map(|field| {
                let text = row.text(field).unwrap_or_default();
                if self.rules.numbers.contains(field) { number(text) } else { text.to_owned() }
            });
            cells.collect::<Vec<_>>().join("|")
        };
        let named = |line: &String| line.bytes().any(|byte| byte != b'|');
        let lines: Vec<String> = rows.map(line).filter(named).collect();
        (!lines.is_empty()).then(|| digest_of_set(lines))
    }

    /// What `field` of the fee lines adds up to, in ten-thousandths of a yuan; `None` when there is no line, when one lacks it,
    /// or when a body that could not be read to its end may hide some.
    pub(super) fn line_total(&self, field: &str, view: &View) -> Option<i64> {
        if view.shape != Shape::Json {
            return None;
        }
        let says = |row: &Row<'_>, field: &str| row.text(field).is_some();
        let is_line = |row: &Row<'_>| says(row, field) || self.rules.line_fields.iter().any(|field| says(row, field));
        let mut lines = self.rules.line_nodes.iter().flat_map(|node| view.rows(node)).filter(is_line).peekable();
        lines.peek()?;
        lines.try_fold(0i64, |sum, line| sum.checked_add(units_of(line.text(field)?)?))
    }

    /// The first filled value under any of the names of one of our names.
    pub(super) fn named<'v>(&self, ours: &str, view: &'v View) -> Option<&'v str> {
        self.names(ours).iter().find_map(|name| view.text(name))
    }
}
