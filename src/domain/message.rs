//! The bytes of a request or a reply as they came; nothing here re-serialises a body.

use std::sync::Arc;

use bytes::Bytes;

/// Header lines in the order they came, names in their original case, values as raw bytes (GBK passes).
pub type HeaderLines = Vec<(Bytes, Bytes)>;

/// A body: in memory, or in a body file of the journal when it is too large for that.
#[derive(Debug, Clone)]
pub enum Body {
    /// Whole, in memory.
    Buffered(Bytes),
    /// On disk, encrypted; `journal/bodies.rs` reads it back.
    Spooled(Arc<BodyFile>),
}

impl Body {
    /// Length in bytes as it crosses the wire.
    pub fn len(&self) -> u64 {
        match self {
            Body::Buffered(bytes) => bytes.len() as u64,
            Body::Spooled(file) => file.raw_len,
        }
    }

    /// True when there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes when they are in memory.
    pub fn buffered(&self) -> Option<&Bytes> {
        match self {
            Body::Buffered(bytes) => Some(bytes),
            Body::Spooled(_) => None,
        }
    }
}

/// What a record says of a body kept in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyFile {
    /// File name inside `journal/bodies/`.
    pub name: String,
    /// Bytes on disk.
    pub stored_len: u64,
    /// Bytes of the body.
    pub raw_len: u64,
    /// SM3 over the stored bytes.
    pub digest: [u8; 32],
    /// Encrypted frames in the file.
    pub frames: u32,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// `POST` and its like.
    pub method: String,
    /// Path and query exactly as sent, absolute form included.
    pub target: Bytes,
    /// Minor version of HTTP/1.
    pub http_minor: u8,
    /// All header lines.
    pub headers: HeaderLines,
    /// The body.
    pub body: Body,
}

/// A reply as it came.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Reason phrase as sent; may be empty.
    pub reason: Bytes,
    /// All header lines.
    pub headers: HeaderLines,
    /// The body.
    pub body: Body,
}

/// The first value of a header, its name compared without case.
pub fn header<'a>(lines: &'a HeaderLines, name: &str) -> Option<&'a Bytes> {
    lines.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
}
