//! A body held to the form of its transaction. Pure and total: whatever the bytes are, it ends and never panics.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::compile::Rules;
use super::cross;
use super::envelope::is_envelope;
use super::finding::Findings;
use super::form::Form;
use super::walk::Walk;

impl Rules {
    /// What is broken in a body: a whole envelope (`{"infno":…,"input":{…}}`), or what stands in `input` alone. UTF-8 or GBK; an
    /// `input` that is JSON text in a string is read too, one that is sealed is not.
    pub fn check(&self, infno: &str, body: &[u8]) -> Findings {
        let text = decoded(body);
        let mut findings = Findings::default();
        let mut reader = serde_json::Deserializer::from_str(&text);
        let root = Root { rules: self, form: self.form(infno), text: &text, findings: &mut findings, row: None };
        let read = root.deserialize(&mut reader).and_then(|()| reader.end());
        if read.is_err() {
            return Findings::nothing_read();
        }
        findings.in_order()
    }
}

/// The text of a body without what stands around it: a mark of its encoding before, blanks and a terminator behind.
fn decoded(body: &[u8]) -> Cow<'_, str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let end = body.iter().rposition(|byte| !matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n')).map_or(0, |at| at + 1);
    match std::str::from_utf8(&body[..end]) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::GB18030.decode_without_bom_handling(&body[..end]).0,
    }
}

/// Reads on and looks at nothing.
pub(super) fn drained<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// The outermost value.
struct Root<'r, 'de> {
    rules: &'r Rules,
    form: Option<&'r Form>,
    text: &'de str,
    findings: &'r mut Findings,
    /// Its number, where the body is a list of envelopes.
    row: Option<usize>,
}

impl<'de> DeserializeSeed<'de> for Root<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Root<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let prefix = self.row.map_or(String::new(), |row| format!("[{row}]"));
        if self.row.is_some() || is_envelope(self.text, self.rules, self.form) {
            let Some(envelope) = self.rules.form("*") else {
                return drained(&mut map);
            };
            let mut walk = Walk::new(self.rules, envelope, self.text, std::mem::take(self.findings));
            walk.prefix = prefix;
            let read = walk.envelope(self.form, &mut map);
            *self.findings = walk.findings;
            read
        } else if let Some(form) = self.form {
            let mut walk = Walk::new(self.rules, form, self.text, std::mem::take(self.findings));
            walk.prefix = prefix + "input";
            let read = walk.members(0, None, &mut map);
            cross::judge(&mut walk);
            *self.findings = walk.findings;
            read
        } else {
            drained(&mut map)
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.row.is_some() {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        for row in 0.. {
            let root = Root { row: Some(row), findings: &mut *self.findings, ..self };
            if list.next_element_seed(root)?.is_none() {
                break;
            }
        }
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
