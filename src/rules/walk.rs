//! Once through the bytes: every member is looked up and judged as it comes; what rules over several fields ask for is kept.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::cross;
use super::finding::{Finding, Findings};
use super::form::{Ask, Bits, Form, Node, Place};
use super::judge::{Judged, filled, judge};
use super::mode::Mode;
use super::sentences;

/// A row that is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) node: u16,
    /// The row it stands in.
    pub(super) above: Option<u32>,
    /// Its number in its list.
    pub(super) number: Option<u32>,
    /// Where its values begin.
    pub(super) first: u32,
    /// Where it stands in the message.
    pub(super) at: usize,
}

/// A walk over a message.
pub(super) struct Walk<'f, 'de> {
    pub(super) rules: &'f super::compile::Rules,
    pub(super) form: &'f Form,
    pub(super) findings: Findings,
    /// Where the text begins, to say where a value stands.
    pub(super) base: usize,
    pub(super) at: usize,
    /// What stands before `input` in a place.
    pub(super) prefix: String,
    /// Open nodes with the number of their row.
    steps: Vec<(u16, Option<u32>)>,
    pub(super) rows: Vec<Row>,
    pub(super) values: Vec<Option<&'de str>>,
    /// The first remembered row of each node.
    pub(super) firsts: Vec<Option<u32>>,
    /// How many rows each node has.
    pub(super) counts: Vec<u64>,
    /// The remembered row that is open.
    open: Option<u32>,
}

impl<'f, 'de> Walk<'f, 'de> {
    pub(super) fn new(
        rules: &'f super::compile::Rules,
        form: &'f Form,
        text: &'de str,
        findings: Findings,
    ) -> Walk<'f, 'de> {
        let nodes = form.nodes.len();
        Walk {
            rules,
            form,
            findings,
            base: text.as_ptr() as usize,
            at: 0,
            prefix: String::new(),
            steps: Vec::new(),
            rows: Vec::new(),
            values: Vec::new(),
            firsts: vec![None; nodes],
            counts: vec![0; nodes],
            open: None,
        }
    }

    /// `input.selinfo[3]`: the open nodes.
    fn path(&self) -> String {
        let mut path = self.prefix.clone();
        for (node, row) in &self.steps {
            cross::step(&mut path, &self.form.nodes[usize::from(*node)], *row);
        }
        path
    }

    fn add(&mut self, node: u16, member: usize, ask: Ask, row: Option<u32>) {
        let one = &self.form.nodes[usize::from(node)].members[member];
        if !one.asks(ask) {
            return;
        }
        let mode = match ask {
            Ask::Required => one.required.unwrap_or(Mode::Observe),
            Ask::Code => one.code_mode,
            Ask::GbkLength => Mode::Observe,
            _ => one.mode,
        };
        let mut findings = std::mem::take(&mut self.findings);
        findings.add(mode, || {
            let mut place = self.path();
            cross::dotted(&mut place, &one.name);
            if let Some(row) = row {
                place += &format!("[{row}]");
            }
            let (says, cure) = sentences::of(one, ask);
            Finding { rule: self.form.id(node, member as u16, ask), mode, place, at: self.at, says, cure }
        });
        self.findings = findings;
    }

    /// The members of a row.
    pub(super) fn members<A: MapAccess<'de>>(
        &mut self,
        node: u16,
        number: Option<u32>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let form = self.form;
        let one = &form.nodes[usize::from(node)];
        self.counts[usize::from(node)] += 1;
        let above = self.open;
        if one.keeps_rows {
            let (row, first) = (self.rows.len() as u32, self.values.len() as u32);
            self.rows.push(Row { node, above, number, first, at: self.at });
            self.values.resize(self.values.len() + usize::from(one.keeps), None);
            self.firsts[usize::from(node)].get_or_insert(row);
            self.open = Some(row);
        }
        let (mut seen, mut hint) = (Bits::default(), 0);
        while let Some(found) = map.next_key_seed(Key { node: one, hint })? {
            let Some(member) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            hint = member + 1;
            let is_filled = match one.members[member].child {
                Some(child) => map.next_value_seed(Below { walk: self, of: (node, member), child })?,
                None => {
                    let raw: &'de RawValue = map.next_value()?;
                    self.value(node, member, raw.get())
                }
            };
            if is_filled {
                seen[member / 64] |= 1 << (member % 64);
            }
        }
        self.missing(node, &seen);
        self.open = above;
        Ok(())
    }

    /// What the table asks for and was not filled.
    pub(super) fn missing(&mut self, node: u16, seen: &Bits) {
        let form = self.form;
        for (word, (required, seen)) in form.nodes[usize::from(node)].required.iter().zip(seen).enumerate() {
            let mut missing = required & !seen;
            while missing != 0 {
                self.add(node, word * 64 + missing.trailing_zeros() as usize, Ask::Required, None);
                missing &= missing - 1;
            }
        }
    }

    /// True for a value that is filled.
    pub(super) fn value(&mut self, node: u16, member: usize, raw: &'de str) -> bool {
        self.at = (raw.as_ptr() as usize).saturating_sub(self.base);
        let one = &self.form.nodes[usize::from(node)].members[member];
        if let (Some(keep), Some(open)) = (one.keep, self.open) {
            self.put(open, keep, raw);
        }
        match judge(one, raw) {
            Judged::Empty => return false,
            Judged::Good => {}
            Judged::Broken(ask) => self.add(node, member, ask, None),
        }
        true
    }

    fn put(&mut self, row: u32, keep: u16, raw: &'de str) {
        let at = self.rows[row as usize].first as usize + usize::from(keep);
        self.values[at] = Some(raw);
    }

    /// The filled value of a place, as seen from a row.
    pub(super) fn filled_at(&self, place: Place, row: Option<u32>) -> Option<std::borrow::Cow<'de, str>> {
        let (row, keep) = match place {
            Place::Row { up, keep, .. } => {
                let mut row = row?;
                for _ in 0..up {
                    row = self.rows[row as usize].above?;
                }
                (row, keep)
            }
            Place::Only { field: (node, _), keep } => (self.firsts[usize::from(node)]?, keep),
        };
        let row = &self.rows[row as usize];
        // `up` counts nodes of the form; a message that nests otherwise says nothing.
        (row.node == place.field().0).then_some(())?;
        filled(self.values[row.first as usize + usize::from(keep)]?)
    }
}

/// The name of a member, looked up.
pub(super) struct Key<'n> {
    pub(super) node: &'n Node,
    pub(super) hint: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.node.find(name.as_bytes(), self.hint))
    }
}

/// What stands under the name of a node: one row, many, or nothing.
struct Below<'w, 'f, 'de> {
    walk: &'w mut Walk<'f, 'de>,
    of: (u16, usize),
    child: u16,
}

impl Below<'_, '_, '_> {
    /// A value where a row should stand.
    fn scalar(self, is_filled: bool) -> bool {
        if is_filled {
            self.walk.add(self.of.0, self.of.1, Ask::Shape, None);
        }
        is_filled
    }

    /// Lets rules over several fields ask whether the node is filled.
    fn note(&mut self) {
        let (node, member) = self.of;
        if let (Some(keep), Some(open)) = (self.walk.form.nodes[usize::from(node)].members[member].keep, self.walk.open)
        {
            self.walk.put(open, keep, "1");
        }
    }
}

impl<'de> DeserializeSeed<'de> for Below<'_, '_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Below<'_, '_, 'de> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<bool, A::Error> {
        self.note();
        self.walk.steps.push((self.child, None));
        self.walk.members(self.child, None, &mut map)?;
        self.walk.steps.pop();
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<bool, A::Error> {
        let mut number = 0;
        while let Some(()) =
            list.next_element_seed(Element { walk: self.walk, of: self.of, child: self.child, number })?
        {
            number += 1;
        }
        if number > 0 {
            self.note();
        }
        Ok(number > 0)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        let text = text.trim();
        Ok(self.scalar(!text.is_empty() && text != "null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(self.scalar(true))
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(self.scalar(true))
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(self.scalar(true))
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(self.scalar(true))
    }
}

/// One row of a list.
struct Element<'w, 'f, 'de> {
    walk: &'w mut Walk<'f, 'de>,
    of: (u16, usize),
    child: u16,
    number: u32,
}

impl Element<'_, '_, '_> {
    fn scalar(self) {
        self.walk.add(self.of.0, self.of.1, Ask::Shape, Some(self.number));
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.walk.steps.push((self.child, Some(self.number)));
        self.walk.members(self.child, Some(self.number), &mut map)?;
        self.walk.steps.pop();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        self.scalar();
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.scalar();
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.scalar();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.scalar();
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.scalar();
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.scalar();
        Ok(())
    }
}
