//! The JSON grammar as a machine that can stop after any byte.
//!
//! It is lenient where clients are (raw control characters, a comma too many) and stops at the first real error.

mod values; // Keys, strings, numbers, literals.

use std::sync::Arc;

use super::nested::Nested;
use super::stepping::Stepper;
use super::text::decode;
use super::view::{Charset, Found, Place, Scalar, Shape, View};
use super::wanted::Wanted;
use super::{DEPTH_MAX, PATH_BYTES_MAX};

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
    /// The key that scalars directly in it are kept under (an array under a wanted key).
    keep: Option<Arc<str>>,
    /// Place of its members' path in `paths`, once one was kept.
    members: Option<u32>,
}

/// A kept value, not yet decoded: the character set is known only at the end.
#[derive(Debug)]
struct Kept {
    /// Place in `paths` of what stands above the key.
    above: u32,
    key: Arc<str>,
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
    /// The current value: kept bytes, the wanted key they are kept under, whether they hold an escape or were cut.
    raw: Vec<u8>,
    keep: Option<Arc<str>>,
    escaped: bool,
    cut: bool,
    /// The byte before was a backslash.
    after_backslash: bool,
    value_at: u64,
    nested: Option<Box<Nested>>,
    inner: bool,
    kept: Vec<Kept>,
    kept_bytes: usize,
    /// Paths of containers that hold a kept value, each kept once.
    paths: Vec<Vec<u8>>,
    /// What stands above the scalars of the innermost array, once one was kept.
    above_array: Option<u32>,
    top_keys: Vec<Vec<u8>>,
    top_places: Vec<Place>,
    /// Where the current key of the outermost object begins.
    key_at: u64,
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
            keep: None,
            escaped: false,
            cut: false,
            after_backslash: false,
            value_at: 0,
            nested: None,
            inner: false,
            kept: Vec::new(),
            kept_bytes: 0,
            paths: Vec::new(),
            above_array: None,
            top_keys: Vec::new(),
            top_places: Vec::new(),
            key_at: 0,
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
        let paths: Vec<Arc<str>> = self.paths.into_iter().map(|path| decode(path, false, charset).into()).collect();
        let found = self.kept.into_iter().map(|Kept { above, key, row, kind, raw, escaped, at }| {
            let above = Arc::clone(&paths[above as usize]);
            Found { above, key, row, kind, text: decode(raw, escaped, charset), at }
        });
        View { shape, charset, found: found.collect(), top_keys, top_places: self.top_places }
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
            (Start(0) | Value | ValueOrClose, b'{') => self.open(false, here),
            (Start(0) | Value | ValueOrClose, b'[') => self.open(true, here),
            (Start(0) | Value | ValueOrClose, b'"') => self.begin_text(here),
            (Start(0) | Value | ValueOrClose, b'-' | b'+' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                self.begin_token(byte, here)
            }
            (ValueOrClose | AfterValue, b']') => self.close(true, here),
            (KeyOrClose | AfterValue, b'}') => self.close(false, here),
            (KeyOrClose, b'"') => {
                self.state = Key;
                self.key_at = here;
                self.key.clear();
                self.escaped = false;
            }
            (Colon, b':') => self.state = Value,
            (AfterValue, b',') => self.next_member(),
            _ => self.state = Failed,
        }
    }

    fn open(&mut self, array: bool, here: u64) {
        self.value_begins(here);
        if self.levels.len() == DEPTH_MAX {
            self.state = State::Overflown;
            return;
        }
        let path_len = self.path.len();
        // A list and its rows have one path.
        let (row, keep, members) = match self.levels.last() {
            None => (0, None, None),
            Some(parent) if parent.array => (parent.row, parent.keep.clone(), parent.members),
            Some(parent) => (parent.row, self.wanted.find(&self.key).cloned(), None),
        };
        if self.levels.last().is_some_and(|parent| !parent.array) && path_len + self.key.len() < PATH_BYTES_MAX {
            if path_len > 0 {
                self.path.push(b'.');
            }
            self.path.extend_from_slice(&self.key);
        }
        self.above_array = None;
        self.levels.push(Level {
            array,
            path_len,
            row: if array { 0 } else { row },
            keep: keep.filter(|_| array),
            members,
        });
        self.state = if array { State::ValueOrClose } else { State::KeyOrClose };
    }

    fn close(&mut self, array: bool, here: u64) {
        match self.levels.pop() {
            Some(level) if level.array == array => {
                self.path.truncate(level.path_len);
                self.above_array = None;
                self.after_value(here + 1);
            }
            _ => self.state = State::Failed,
        }
    }

    /// Place in `paths` of what stands above the value that is kept now.
    fn above(&mut self) -> u32 {
        if self.levels.last().is_some_and(|level| level.array) {
            let outermost = self.levels.iter().rev().take_while(|level| level.array).last();
            let path_len = outermost.map_or(0, |array| array.path_len);
            let place = self.above_array.unwrap_or_else(|| self.keep_path(path_len));
            self.above_array = Some(place);
            return place;
        }
        if let Some(known) = self.levels.last().and_then(|level| level.members) {
            return known;
        }
        let place = self.keep_path(self.path.len());
        for level in self.levels.iter_mut().rev() {
            level.members = Some(place);
            if level.path_len < self.path.len() {
                break;
            }
        }
        place
    }

    fn keep_path(&mut self, len: usize) -> u32 {
        self.kept_bytes += len;
        self.paths.push(self.path[..len].to_vec());
        self.paths.len() as u32 - 1
    }

    /// A value of the outermost object begins; others are not remembered.
    fn value_begins(&mut self, here: u64) {
        if self.levels.len() == 1 && !self.levels[0].array && self.top_places.len() < self.top_keys.len() {
            self.top_places.push(Place { from: self.key_at, value: here..here });
        }
    }

    /// A value ended before `end`.
    fn after_value(&mut self, end: u64) {
        if self.levels.len() == 1
            && !self.levels[0].array
            && self.top_places.len() == self.top_keys.len()
            && let Some(place) = self.top_places.last_mut().filter(|place| place.value.is_empty())
        {
            place.value.end = end;
        }
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
}
