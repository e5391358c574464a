//! What stands around `input`: the envelope's own members, and the ways `input` itself is written.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::compile::Rules;
use super::cross;
use super::form::{Bits, Form};
use super::walk::{Key, Walk};

/// True for a whole envelope, false for what stands in `input` alone. The first member tells, as long as only one of both has it.
pub(super) fn is_envelope(text: &str, rules: &Rules, form: Option<&Form>) -> bool {
    let Some(form) = form else { return true };
    let first = text.trim_start().strip_prefix('{').and_then(|text| text.trim_start().strip_prefix('"'));
    let first = first.and_then(|text| text.split('"').next()).unwrap_or_default();
    let holds = |form: Option<&Form>| form.is_some_and(|form| form.nodes[0].named(first).is_some());
    match (holds(rules.form("*")), holds(Some(form))) {
        (true, false) => true,
        (false, true) => false,
        _ => serde_json::from_str::<Outer>(text).is_ok_and(|outer| outer.0),
    }
}

/// Whether a message has a member `infno` or `input`.
struct Outer(bool);

impl<'de> serde::Deserialize<'de> for Outer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Outer, D::Error> {
        deserializer.deserialize_map(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Outer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outer, A::Error> {
        let mut found = false;
        while let Some((name, IgnoredAny)) = map.next_entry::<std::borrow::Cow<'de, str>, IgnoredAny>()? {
            found |= name.eq_ignore_ascii_case("infno") || name.eq_ignore_ascii_case("input");
        }
        Ok(Outer(found))
    }
}

impl<'f, 'de> Walk<'f, 'de> {
    /// The members of an envelope; `inner` is the form of what stands in its `input`.
    pub(super) fn envelope<A: MapAccess<'de>>(&mut self, inner: Option<&'f Form>, map: &mut A) -> Result<(), A::Error> {
        let form = self.form;
        let (mut seen, mut hint) = (Bits::default(), 0);
        while let Some(found) = map.next_key_seed(Key { node: &form.nodes[0], hint })? {
            let Some(member) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            hint = member + 1;
            let is_filled = if &*form.nodes[0].members[member].name == "input" {
                let mut prefix = std::mem::take(&mut self.prefix);
                let outside = prefix.len();
                cross::dotted(&mut prefix, "input");
                self.prefix = prefix;
                let is_filled = map.next_value_seed(Input { walk: self, inner });
                self.prefix.truncate(outside);
                is_filled?
            } else {
                let raw: &'de serde_json::value::RawValue = map.next_value()?;
                self.value(0, member, raw.get())
            };
            if is_filled {
                seen[member / 64] |= 1 << (member % 64);
            }
        }
        self.missing(0, &seen);
        Ok(())
    }

    /// One `input`; `None` for `row` where it is no list.
    fn one<A: MapAccess<'de>>(&mut self, inner: &'f Form, row: Option<u32>, map: &mut A) -> Result<(), A::Error> {
        let mut walk = Walk::new(self.rules, inner, "", std::mem::take(&mut self.findings));
        walk.base = self.base;
        walk.prefix = row.map_or(self.prefix.clone(), |row| format!("{}[{row}]", self.prefix));
        let read = walk.members(0, None, map);
        if read.is_ok() {
            cross::judge(&mut walk);
        }
        self.at = walk.at;
        self.findings = walk.findings;
        read
    }

    /// An `input` that is JSON text in a string; a text that is no JSON may be sealed, and is left alone.
    fn nested(&mut self, inner: &'f Form, text: &str) {
        let mut walk = Walk::new(self.rules, inner, text, self.findings.clone());
        walk.prefix.clone_from(&self.prefix);
        walk.base = walk.base.wrapping_sub(self.at);
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = Input { walk: &mut walk, inner: Some(inner) }.deserialize(&mut reader);
        if read.is_ok() && reader.end().is_ok() {
            self.findings = walk.findings;
        }
    }
}

/// The member `input`.
struct Input<'w, 'f, 'de> {
    walk: &'w mut Walk<'f, 'de>,
    inner: Option<&'f Form>,
}

impl<'de> DeserializeSeed<'de> for Input<'_, '_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Input<'_, '_, 'de> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("input")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        match self.inner {
            Some(inner) => self.walk.one(inner, None, &mut map)?,
            None => super::check::drained(&mut map)?,
        }
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let mut row = 0;
        while let Some(()) = list.next_element_seed(InputRow { walk: self.walk, inner: self.inner, row })? {
            row += 1;
        }
        Ok(row > 0)
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        let text = text.trim();
        if let Some(inner) = self.inner
            && text.starts_with(['{', '['])
        {
            self.walk.nested(inner, text);
        }
        Ok(!text.is_empty() && text != "null")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(true)
    }
}

/// One of several `input`s.
struct InputRow<'w, 'f, 'de> {
    walk: &'w mut Walk<'f, 'de>,
    inner: Option<&'f Form>,
    row: u32,
}

impl<'de> DeserializeSeed<'de> for InputRow<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for InputRow<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of input")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match self.inner {
            Some(inner) => self.walk.one(inner, Some(self.row), &mut map),
            None => super::check::drained(&mut map),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}
