//! The JSON grammar as a machine that can stop after any byte.
//!
//! It is lenient where clients are (raw control characters, a comma too many) and stops at the first real error.

use std::sync::Arc;

use super::nested::Nested;
use super::stepping::Stepper;
use super::text::decode;
use super::view::{Charset, Found, Scalar, Shape, View};
use super::wanted::Wanted;
use super::{DEPTH_MAX, FOUND_MAX, KEPT_BYTES_MAX, KEY_BYTES_MAX, PATH_BYTES_MAX, TOP_KEYS_MAX, VALUE_BYTES_MAX};

/// Top-level keys whose string value may be JSON text of its own.
const DOUBLE_ENCODED: [&[u8]; 2] = [b"input", b"output"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but blanks and `BOM` bytes so far.
    Start(u8),
    Value,
    ValueOrClose,
    KeyOrClose,
    Key,
    Colon,
    Text,
    Token,
    AfterValue,
    Done,
    Failed,
    Overflown,
}

/// An open container.
#[derive(Debug)]
struct Level {
    array: bool,
    /// Length of the path outside of it.
    path_len: usize,
    /// Index in the innermost array.
    row: u32,
    /// Scalars directly in it are kept (an array under a wanted key).
    keep: bool,
}

/// A kept value, not yet decoded: the character set is known only at the end.
#[derive(Debug)]
struct Kept {
    path: Vec<u8>,
    row: u32,
    kind: Scalar,
    raw: Vec<u8>,
    escaped: bool,
    at: std::ops::Range<u64>,
}

#[derive(Debug)]
pub(super) struct Machine {
    wanted: Arc<Wanted>,
    state: State,
    stepper: Stepper,
    levels: Vec<Level>,
    path: Vec<u8>,
    key: Vec<u8>,
    /// The current value: kept bytes, whether to keep them, whether they hold an escape or were cut.
    raw: Vec<u8>,
    keep: bool,
    escaped: bool,
    cut: bool,
    /// The byte before was a backslash.
    after_backslash: bool,
    value_at: u64,
    nested: Option<Box<Nested>>,
    inner: bool,
    kept: Vec<Kept>,
    kept_bytes: usize,
    top_keys: Vec<Vec<u8>>,
}

impl Machine {
    /// A machine for a whole body.
    pub(super) fn outer(wanted: Arc<Wanted>, declared_gbk: bool) -> Machine {
        Machine {
            wanted,
            state: State::Start(0),
            stepper: Stepper::new(declared_gbk),
            levels: Vec::new(),
            path: Vec::new(),
            key: Vec::new(),
            raw: Vec::new(),
            keep: false,
            escaped: false,
            cut: false,
            after_backslash: false,
            value_at: 0,
            nested: None,
            inner: false,
            kept: Vec::new(),
            kept_bytes: 0,
            top_keys: Vec::new(),
        }
    }

    /// A machine for the JSON text in a string under `key`.
    fn below(&self) -> Machine {
        let mut machine = Machine::outer(Arc::clone(&self.wanted), self.stepper.gbk());
        machine.inner = true;
        machine.path.clone_from(&self.key);
        machine.kept_bytes = self.kept_bytes;
        machine
    }

    /// Takes bytes that begin at `offset` of the body.
    pub(super) fn feed(&mut self, bytes: &[u8], offset: u64) {
        let mut at = 0;
        while at < bytes.len() {
            let here = offset + at as u64;
            at += match self.state {
                State::Key | State::Text => self.string(&bytes[at..], here),
                State::Token => self.token(&bytes[at..], here),
                State::Failed | State::Overflown => return,
                _ => {
                    self.structure(bytes[at], here);
                    1
                }
            };
        }
    }

    /// No more bytes: what was found.
    pub(super) fn finish(mut self) -> View {
        if self.state == State::Token && self.levels.is_empty() {
            self.end_token(self.value_at + self.raw.len() as u64);
        }
        if self.nested.is_some() {
            self.end_nested();
        }
        let shape = match self.state {
            State::Start(_) => Shape::Empty,
            State::Done => Shape::Json,
            State::Overflown => Shape::Overflow,
            _ => Shape::NotJson,
        };
        let charset = if self.stepper.gbk() { Charset::Gbk } else { Charset::Utf8 };
        let top_keys = self.top_keys.into_iter().map(|key| decode(key, false, charset)).collect();
        let found = self.kept.into_iter().map(|kept| Found {
            path: decode(kept.path, false, charset),
            row: kept.row,
            kind: kept.kind,
            text: decode(kept.raw, kept.escaped, charset),
            at: kept.at,
        });
        View { shape, charset, found: found.collect(), top_keys }
    }

    fn structure(&mut self, byte: u8, here: u64) {
        use State::*;
        match (self.state, byte) {
            (
                Start(_) | Value | ValueOrClose | KeyOrClose | Colon | AfterValue | Done,
                b' ' | b'\t' | b'\r' | b'\n',
            ) => {}
            (Done, 0) => {} // DLL wrappers send their terminator along
            (Start(0), 0xef) => self.state = Start(1),
            (Start(1), 0xbb) => self.state = Start(2),
            (Start(2), 0xbf) => self.state = Start(0),
            (Start(0) | Value | ValueOrClose, b'{') => self.open(false),
            (Start(0) | Value | ValueOrClose, b'[') => self.open(true),
            (Start(0) | Value | ValueOrClose, b'"') => self.begin_text(here),
            (Start(0) | Value | ValueOrClose, b'-' | b'+' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                self.begin_token(byte, here)
            }
            (ValueOrClose | AfterValue, b']') => self.close(true),
            (KeyOrClose | AfterValue, b'}') => self.close(false),
            (KeyOrClose, b'"') => {
                self.state = Key;
                self.key.clear();
                self.escaped = false;
            }
            (Colon, b':') => self.state = Value,
            (AfterValue, b',') => self.next_member(),
            _ => self.state = Failed,
        }
    }

    fn open(&mut self, array: bool) {
        if self.levels.len() == DEPTH_MAX {
            self.state = State::Overflown;
            return;
        }
        let path_len = self.path.len();
        let (row, keep) = match self.levels.last() {
            None => (0, false),
            Some(parent) if parent.array => (parent.row, parent.keep),
            Some(parent) => (parent.row, self.wanted.has(&self.key)),
        };
        if self.levels.last().is_some_and(|parent| !parent.array) && path_len + self.key.len() < PATH_BYTES_MAX {
            if path_len > 0 {
                self.path.push(b'.');
            }
            self.path.extend_from_slice(&self.key);
        }
        self.levels.push(Level { array, path_len, row: if array { 0 } else { row }, keep: array && keep });
        self.state = if array { State::ValueOrClose } else { State::KeyOrClose };
    }

    fn close(&mut self, array: bool) {
        match self.levels.pop() {
            Some(level) if level.array == array => {
                self.path.truncate(level.path_len);
                self.after_value();
            }
            _ => self.state = State::Failed,
        }
    }

    fn after_value(&mut self) {
        self.state = if self.levels.is_empty() { State::Done } else { State::AfterValue };
    }

    fn next_member(&mut self) {
        self.state = match self.levels.last_mut() {
            Some(level) if level.array => {
                level.row = level.row.saturating_add(1);
                State::ValueOrClose
            }
            _ => State::KeyOrClose,
        };
    }

    fn begin_value(&mut self, here: u64) {
        self.keep = match self.levels.last() {
            Some(level) if level.array => level.keep,
            Some(_) => self.wanted.has(&self.key),
            None => false,
        };
        self.value_at = here;
        self.escaped = false;
        self.cut = false;
        self.raw.clear();
    }

    fn begin_text(&mut self, here: u64) {
        self.begin_value(here);
        self.state = State::Text;
        let top_member = !self.inner && self.levels.len() == 1 && !self.levels[0].array;
        if top_member && DOUBLE_ENCODED.contains(&self.key.as_slice()) {
            self.keep = false;
            self.nested = Some(Box::new(Nested::new(self.below())));
        }
    }

    fn begin_token(&mut self, byte: u8, here: u64) {
        self.begin_value(here);
        self.state = State::Token;
        self.raw.push(byte);
    }

    /// Takes bytes of a number or literal; gives how many belonged to it.
    fn token(&mut self, bytes: &[u8], here: u64) -> usize {
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

    fn end_token(&mut self, end: u64) {
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
        self.after_value();
        self.keep_value(kind, end);
    }

    /// Takes bytes of a string up to its closing quote; gives how many.
    fn string(&mut self, bytes: &[u8], here: u64) -> usize {
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
            _ if !self.keep => return,
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
                self.after_value();
            }
        } else {
            self.after_value();
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

    fn end_nested(&mut self) {
        let Some(nested) = self.nested.take() else { return };
        let inner = nested.machine;
        self.kept_bytes = inner.kept_bytes;
        self.kept.extend(inner.kept.into_iter().map(|kept| Kept { at: 0..0, ..kept }));
        if inner.state == State::Overflown || self.kept.len() > FOUND_MAX {
            self.kept.truncate(FOUND_MAX);
            self.state = State::Overflown;
        }
    }

    fn keep_value(&mut self, kind: Scalar, end: u64) {
        if !self.keep {
            return;
        }
        let in_object = self.levels.last().is_some_and(|level| !level.array);
        let mut path = Vec::with_capacity(self.path.len() + 1 + self.key.len());
        path.extend_from_slice(&self.path);
        if in_object {
            if !path.is_empty() {
                path.push(b'.');
            }
            path.extend_from_slice(&self.key);
        }
        self.kept_bytes += path.len() + self.raw.len();
        if self.kept.len() == FOUND_MAX || self.kept_bytes > KEPT_BYTES_MAX {
            self.state = State::Overflown;
            return;
        }
        let row = self.levels.last().map_or(0, |level| level.row);
        let at = self.value_at..end;
        self.kept.push(Kept { path, row, kind, raw: self.raw.clone(), escaped: self.escaped, at });
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
