//! What the scanner found in one body.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The character set a body was stepped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8, or plain ASCII.
    Utf8,
    /// GBK, GB2312 or GB18030.
    Gbk,
}

impl Charset {
    /// The set a `charset` parameter names; `None` for any other.
    pub fn named(name: &[u8]) -> Option<Charset> {
        match name.to_ascii_lowercase().as_slice() {
            b"utf-8" | b"utf8" => Some(Charset::Utf8),
            b"gbk" | b"gb2312" | b"gb18030" | b"cp936" | b"x-gbk" => Some(Charset::Gbk),
            _ => None,
        }
    }
}

/// What a body turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One whole JSON value (a comma before a closing bracket is tolerated).
    Json,
    /// Something else, or JSON that breaks off; what stood before the error is kept.
    NotJson,
    /// Nothing but blanks.
    Empty,
    /// A bound was reached; what stood before it is kept.
    Overflow,
}

/// The kind of a kept value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// A string.
    String,
    /// The beginning of a string longer than [`super::VALUE_BYTES_MAX`].
    Cut,
    /// A number, as its raw digits.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
}

/// One kept value. `Debug` masks the text: it may be a person's.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// Keys from the top without the last one, joined by dots (`input.feedetail`); arrays add nothing. Empty at the top.
    pub above: Arc<str>,
    /// The last key.
    pub key: Arc<str>,
    /// Index in the innermost array; 0 outside of any.
    pub row: u32,
    /// Its kind.
    pub kind: Scalar,
    /// Unescaped UTF-8; numbers as they stand.
    pub text: String,
    /// Where the raw value stands in the body, quotes included; empty inside a double-encoded `input`.
    pub at: Range<u64>,
}

impl Found {
    /// The key above the last one: the node that holds the value; empty at the top.
    pub fn node(&self) -> &str {
        self.above.rsplit('.').next().unwrap_or_default()
    }

    /// True when it stands in the outermost object.
    pub fn at_top(&self) -> bool {
        self.above.is_empty()
    }

    /// True when it stands in this node or below it; the top is no node.
    fn is_under(&self, node: &str) -> bool {
        let rest = if node.is_empty() { None } else { self.above.strip_prefix(node) };
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    fn depth(&self) -> usize {
        if self.at_top() { 0 } else { 1 + self.above.matches('.').count() }
    }

    /// The trimmed text; `None` for what stands for nothing: JSON null, blanks, the text "null" (`wire.md` §2.5).
    pub fn filled(&self) -> Option<&str> {
        let text = self.text.trim();
        (self.kind != Scalar::Null && !text.is_empty() && text != "null").then_some(text)
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}[{}] {:?} *** at {:?}", self.above, self.key, self.row, self.kind, self.at)
    }
}

/// Where a member of the outermost object stands in the body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// From the quote before its key.
    pub from: u64,
    /// Its raw value, of whatever kind; empty where the body ended before the value did.
    pub value: Range<u64>,
}

/// What was found in one body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// What the body turned out to be.
    pub shape: Shape,
    /// The character set it was read in.
    pub charset: Charset,
    /// Kept values in the order they stand.
    pub found: Vec<Found>,
    /// The first 64 keys of the outermost object, in order.
    pub top_keys: Vec<String>,
    /// Where each of them stands, duplicates included.
    pub top_places: Vec<Place>,
}

/// The kept values of one row of a list node.
#[derive(Debug)]
pub struct Row<'a> {
    /// Index in the list.
    pub row: u32,
    /// Its values.
    pub fields: &'a [Found],
}

impl<'a> Row<'a> {
    /// The first filled value of `key` that stands directly in the row.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        let depth = self.fields.first()?.depth();
        let direct = |found: &&Found| *found.key == *key && found.depth() == depth;
        self.fields.iter().filter(direct).find_map(Found::filled)
    }
}

impl View {
    /// A view of nothing.
    pub fn empty() -> View {
        let (found, top_keys, top_places) = (Vec::new(), Vec::new(), Vec::new());
        View { shape: Shape::Empty, charset: Charset::Utf8, found, top_keys, top_places }
    }

    /// Where every member of this name stands in the outermost object.
    pub fn members<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Place> {
        self.top_keys.iter().zip(&self.top_places).filter(move |(name, _)| *name == key).map(|(_, place)| place)
    }

    /// The first filled value of a key of the outermost object.
    pub fn top(&self, key: &str) -> Option<&str> {
        self.all(key).filter(|found| found.at_top()).find_map(Found::filled)
    }

    /// The first filled value of a key: of the outermost object if it has one, else of anywhere.
    pub fn text(&self, key: &str) -> Option<&str> {
        let mut below = None;
        for (found, text) in self.all(key).filter_map(|found| Some((found, found.filled()?))) {
            if found.at_top() {
                return Some(text);
            }
            below = below.or(Some(text));
        }
        below
    }

    /// Every value of a key, duplicates and empty ones included.
    pub fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a Found> {
        self.found.iter().filter(move |found| *found.key == *key)
    }

    /// The rows of every list (or single object) named `node` that hold a kept value directly.
    pub fn rows<'a>(&'a self, node: &str) -> Vec<Row<'a>> {
        let mut rows: Vec<Row<'a>> = Vec::new();
        let mut open: Option<usize> = None;
        let row = |from: usize, to: usize| Row { row: self.found[from].row, fields: &self.found[from..to] };
        for (index, found) in self.found.iter().enumerate() {
            let belongs = found.node() == node;
            let Some(from) = open else {
                open = belongs.then_some(index);
                continue;
            };
            let first = &self.found[from];
            let goes_on = if belongs { found.row == first.row } else { found.is_under(&first.above) };
            if !goes_on {
                rows.push(row(from, index));
                open = belongs.then_some(index);
            }
        }
        rows.extend(open.map(|from| row(from, self.found.len())));
        rows
    }
}
