//! What a caller hands to the journal: header fields, facts, and what is to be sealed.

use bytes::Bytes;

use crate::domain::message::{Reply, Request};
use crate::domain::personal::Personal;

use super::facts::Facts;
use super::record::{Header, Kind};

/// A record to be written. The journal fills lengths, digests, numbers and chain.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Kind, ids, class, outcome, cause, origin, flags, tokens, generation, snapshots.
    pub header: Header,
    /// The clear part.
    pub facts: Facts,
    /// The sealed part, if any.
    pub sealed: Option<Sealed>,
}

impl Draft {
    /// An empty record of `kind`.
    pub fn new(kind: Kind) -> Draft {
        Draft { header: Header::new(kind), facts: Facts::default(), sealed: None }
    }
}

/// What only the holder of the key may read.
#[derive(Debug, Clone, Default)]
pub struct Sealed {
    /// The request as it arrived (INTENT).
    pub request: Option<Request>,
    /// What turns the arrived bytes into the bytes sent (INTENT), or the platform's answer into the answer told (OUTCOME).
    pub edits: Vec<Edit>,
    /// The platform's reply (OUTCOME, late Note).
    pub reply: Option<Reply>,
    /// The gateway's own answer, where it did not relay the reply.
    pub own_answer: Option<Reply>,
    /// Personal fields: name of the field, value.
    pub persons: Vec<(String, Personal)>,
    /// Anything else that must be kept but not read without a key.
    pub other: Option<Bytes>,
}

/// A declared change of bytes: at `at`, `remove` bytes are replaced by `insert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Which part of the message changes.
    pub part: Part,
    /// Offset in the arrived bytes of that part.
    pub at: u64,
    /// Bytes taken out.
    pub remove: u64,
    /// Bytes put in.
    pub insert: Bytes,
}

/// The part of a message that an edit is about. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Part {
    /// Path and query.
    Target = 1,
    /// The header block, as name, ": ", value, CR LF.
    Headers = 2,
    /// The body.
    Body = 3,
}

impl Part {
    /// The part a stored byte means; `None` for a later format.
    pub fn from_code(code: u8) -> Option<Part> {
        [Part::Target, Part::Headers, Part::Body].into_iter().find(|part| *part as u8 == code)
    }
}
