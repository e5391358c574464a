//! Keys, strings, numbers and literals: skipped at speed when nobody wants them, kept as raw bytes when somebody does.

use crate::domain::scan::nested::Nested;
use crate::domain::scan::text::decode;
use crate::domain::scan::view::{Charset, Scalar};
use crate::domain::scan::{FOUND_MAX, KEPT_BYTES_MAX, KEY_BYTES_MAX, TOP_KEYS_MAX, VALUE_BYTES_MAX};

use super::{Kept, Machine, State};

/// Top-level keys whose string value may be JSON text of its own.
const DOUBLE_ENCODED: [&[u8]; 2] = [b"input", b"output"];

impl Machine {
    fn begin_value(&mut self, here: u64) {
        self.value_begins(here);
        self.keep = match self.levels.last() {
            Some(level) if level.array => level.keep.clone(),
            Some(_) => self.wanted.find(&self.key).cloned(),
            None => None,
        };
        self.value_at = here;
        self.escaped = false;
        self.cut = false;
        self.raw.clear();
    }

    pub(super) fn begin_text(&mut self, here: u64) {
        self.begin_value(here);
        self.state = State::Text;
        let top_member = !self.inner && self.levels.len() == 1 && !self.levels[0].array;
        if top_member && DOUBLE_ENCODED.contains(&self.key.as_slice()) {
            self.keep = None;
            self.nested = Some(Box::new(Nested::new(self.below())));
        }
    }

    pub(super) fn begin_token(&mut self, byte: u8, here: u64) {
        self.begin_value(here);
        self.state = State::Token;
        self.raw.push(byte);
    }

    /// Takes bytes of a number or literal; gives how many belonged to it.
    pub(super) fn token(&mut self, bytes: &[u8], here: u64) -> usize {
        let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let len = bytes.iter().position(|byte| !belongs(byte)).unwrap_or(bytes.len());
        if self.raw.len() + len > VALUE_BYTES_MAX {
            self.state = State::Failed;
            return len;
        }
        self.raw.extend_from_slice(&bytes[..len]);
        if len < bytes.len() {
            self.end_token(here + len as u64);
        }
        len
    }

    pub(super) fn end_token(&mut self, end: u64) {
        let kind = match self.raw.as_slice() {
            b"true" | b"false" => Scalar::Bool,
            b"null" => Scalar::Null,
            raw if raw.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) => {
                Scalar::Number
            }
            _ => {
                self.state = State::Failed;
                return;
            }
        };
        self.after_value(end);
        self.keep_value(kind, end);
    }

    /// Takes bytes of a string up to its closing quote; gives how many.
    pub(super) fn string(&mut self, bytes: &[u8], here: u64) -> usize {
        let mut at = 0;
        loop {
            let plain = !self.after_backslash && self.stepper.between();
            if plain {
                let run = plain_run(&bytes[at..]);
                self.take(&bytes[at..at + run]);
                at += run;
            }
            let Some(byte) = bytes.get(at) else { return at };
            let whole = if plain && *byte >= 0xe0 { self.stepper.whole_characters(&bytes[at..]) } else { 0 };
            if whole > 0 {
                self.take(&bytes[at..at + whole]);
                at += whole;
                continue;
            }
            at += 1;
            if (plain && *byte == b'"') || self.special(*byte) {
                self.end_string(here + at as u64);
                return at;
            }
        }
    }

    /// One byte that is not plain; true when it closes the string.
    fn special(&mut self, byte: u8) -> bool {
        if self.after_backslash {
            self.after_backslash = false;
            match &mut self.nested {
                Some(nested) => nested.escape(byte),
                None => self.take(&[byte]),
            }
            self.stepper.inside(byte);
        } else if self.stepper.inside(byte) {
            self.take(&[byte]);
        } else if byte == b'"' {
            return true;
        } else {
            self.after_backslash = byte == b'\\';
            self.escaped |= self.after_backslash;
            if self.nested.is_none() || !self.after_backslash {
                self.take(&[byte]);
            }
        }
        false
    }

    fn take(&mut self, bytes: &[u8]) {
        let (into, room) = match (self.state, &mut self.nested) {
            (State::Key, _) => (&mut self.key, KEY_BYTES_MAX + 1), // one more than fits says "too long"
            (_, Some(nested)) => return nested.plain(bytes),
            _ if self.keep.is_none() => return,
            _ => (&mut self.raw, VALUE_BYTES_MAX),
        };
        let fits = bytes.len().min(room.saturating_sub(into.len()));
        into.extend_from_slice(&bytes[..fits]);
        self.cut |= fits < bytes.len();
    }

    fn end_string(&mut self, end: u64) {
        self.stepper.reset();
        if self.state == State::Key {
            self.end_key();
        } else if self.nested.is_some() {
            self.end_nested();
            if self.state == State::Text {
                self.after_value(end);
            }
        } else {
            self.after_value(end);
            self.keep_value(if self.cut { Scalar::Cut } else { Scalar::String }, end);
        }
    }

    fn end_key(&mut self) {
        self.state = State::Colon;
        if self.escaped {
            self.key = decode(std::mem::take(&mut self.key), true, Charset::Utf8).into_bytes();
        }
        if self.key.len() > KEY_BYTES_MAX {
            self.key.clear(); // no wanted key is empty: the value is skipped
        }
        if self.levels.len() == 1 && self.top_keys.len() < TOP_KEYS_MAX {
            self.top_keys.push(self.key.clone());
        }
    }

    pub(super) fn end_nested(&mut self) {
        let Some(nested) = self.nested.take() else { return };
        let inner = nested.machine;
        self.kept_bytes = inner.kept_bytes;
        let before = self.paths.len() as u32;
        self.paths.extend(inner.paths);
        self.kept.extend(inner.kept.into_iter().map(|kept| Kept { above: before + kept.above, at: 0..0, ..kept }));
        if inner.state == State::Overflown || self.kept.len() > FOUND_MAX {
            self.kept.truncate(FOUND_MAX);
            self.state = State::Overflown;
        }
    }

    fn keep_value(&mut self, kind: Scalar, end: u64) {
        let Some(key) = self.keep.take() else { return };
        let above = self.above();
        self.kept_bytes += key.len() + self.raw.len();
        if self.kept.len() == FOUND_MAX || self.kept_bytes > KEPT_BYTES_MAX {
            self.state = State::Overflown;
            return;
        }
        let row = self.levels.last().map_or(0, |level| level.row);
        let at = self.value_at..end;
        self.kept.push(Kept { above, key, row, kind, raw: self.raw.clone(), escaped: self.escaped, at });
    }
}

/// Length of the run without quote, backslash and non-ASCII bytes; eight bytes a step.
fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let mut at = 0;
    while let Some(eight) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(eight.try_into().expect("eight bytes were taken"));
        let hits = zero_bytes(word ^ (ONES * b'"' as u64)) | zero_bytes(word ^ (ONES * b'\\' as u64)) | (word & HIGHS);
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\') || *byte >= 0x80;
    at + bytes[at..].iter().position(special).unwrap_or(bytes.len() - at)
}
