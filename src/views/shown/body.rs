//! One body: its text as it came, and its fields with the names of the specification.

use serde::Serialize;
use utoipa::ToSchema;

use crate::profile::labels::{Label, Side, labels};

use super::hide::{Hidden, MASK};
use super::leaves::{self, Leaf};

/// Bytes shown in hexadecimal of what is no text.
const HEX_BYTES: usize = 4 * 1024;

/// A body as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BodyShown {
    /// Bytes that crossed the wire.
    pub bytes: u64,
    /// `utf-8`, `gbk` or `binary`.
    pub charset: &'static str,
    /// `json`, `text`, `hex`, `empty`; `withheld` when it cannot be read field by field and personal data may not be seen.
    pub form: &'static str,
    /// Only its front is shown.
    pub cut: bool,
    /// As it came; hidden values stand as ***.
    pub raw: String,
    /// Every value with its name, where it is JSON.
    pub fields: Vec<FieldShown>,
}

/// One value of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldShown {
    /// Where it stands: `input.data.psn_no`.
    pub path: String,
    /// Chinese name by the specification; empty when it does not know the field.
    pub label: &'static str,
    /// Type by the specification.
    pub kind: &'static str,
    /// Longest value by the specification.
    pub length: &'static str,
    /// The specification asks for it.
    pub required: bool,
    /// The value.
    pub value: String,
    /// What a code means.
    pub meaning: Option<&'static str>,
    /// The value is hidden.
    pub hidden: bool,
}

/// Shows the front of a body of `bytes`.
pub(super) fn show(infno: &str, side: Side, front: Vec<u8>, bytes: u64, hidden: &Hidden) -> BodyShown {
    let cut = (front.len() as u64) < bytes;
    let plain = |charset, form, raw| BodyShown { bytes, charset, form, cut, raw, fields: Vec::new() };
    if bytes == 0 {
        return plain("utf-8", "empty", String::new());
    }
    let Some((charset, text)) = readable(&front) else {
        let shown = &front[..front.len().min(HEX_BYTES)];
        return match hidden.reveal {
            true => BodyShown { cut: shown.len() as u64 != bytes, ..plain("binary", "hex", hex::encode(shown)) },
            false => plain("binary", "withheld", String::new()),
        };
    };
    match leaves::of(&text) {
        Some(leaves) => {
            let fields = leaves.iter().map(|leaf| field(infno, side, leaf, hidden)).collect();
            BodyShown { fields, ..plain(charset, "json", raw(infno, side, &text, &leaves, hidden)) }
        }
        None if hidden.reveal => plain(charset, "text", visible(&text)),
        None => plain(charset, "withheld", String::new()),
    }
}

fn field(infno: &str, side: Side, leaf: &Leaf, hidden: &Hidden) -> FieldShown {
    let known = labels().of(infno, side, &leaf.node, &leaf.name);
    let Label { label, kind, length, required, table, .. } = known.unwrap_or_default();
    let hides = hidden.hides(infno, side, leaf) || (leaf.holds_json && !hidden.reveal);
    let value = if hides { MASK.to_owned() } else { visible(&hidden.text(&leaf.value)) };
    let meaning = labels().meaning(table, &leaf.value).filter(|_| !hides);
    FieldShown { path: hidden.text(&leaf.path), label, kind, length, required, value, meaning, hidden: hides }
}

/// The text with every hidden value in its place hidden.
fn raw(infno: &str, side: Side, text: &str, leaves: &[Leaf], hidden: &Hidden) -> String {
    if hidden.reveal {
        return visible(text);
    }
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for leaf in leaves {
        let Some((from, until)) = leaf.span else { continue };
        let hides = leaf.holds_json || hidden.hides(infno, side, leaf);
        let value = if hides { MASK.to_owned() } else { hidden.text(&leaf.value) };
        if value != leaf.value {
            out.push_str(&text[done..from]);
            out.push_str(&serde_json::Value::from(value).to_string());
            done = until;
        }
    }
    out.push_str(&text[done..]);
    visible(&out)
}

/// Charset and text; `None` when it is no text. A front may end within a character.
pub fn readable(bytes: &[u8]) -> Option<(&'static str, String)> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => return Some(("utf-8", text.to_owned())),
        // Cut within its last character.
        Err(error) if error.error_len().is_none() => {
            return Some(("utf-8", String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()));
        }
        Err(_) => {}
    }
    let (text, bad) = encoding_rs::GBK.decode_without_bom_handling(bytes);
    let control = |c: char| c.is_control() && !c.is_whitespace();
    (!bad && !text.contains(control)).then(|| ("gbk", text.into_owned()))
}

/// Header bytes as text: UTF-8, else GBK, else one character per byte.
pub(super) fn latin(bytes: &[u8]) -> String {
    let text = readable(bytes).map(|(_, text)| text);
    visible(&text.unwrap_or_else(|| bytes.iter().map(|byte| char::from(*byte)).collect()))
}

/// Without what a terminal would act upon.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !"\n\r\t".contains(c) { '\u{FFFD}' } else { c }).collect()
}
