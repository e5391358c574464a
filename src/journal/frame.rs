//! A finished record: everything but what only the writer knows (`record::stamp`).

use super::entry::Entry;
use super::facts::Facts;
use super::record::{HEADER_LEN, Header};

/// A whole frame; seq, durable_seq, segment_no, chain and crc are left for the writer.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Header, payload, padding.
    pub bytes: Vec<u8>,
    /// How the index will find it.
    pub entries: Vec<Entry>,
    /// The header, for whoever must not parse it again.
    pub header: Header,
}

impl Frame {
    /// The clear part, read back from the bytes.
    pub fn facts(&self) -> Facts {
        let clear = self.bytes.get(HEADER_LEN..HEADER_LEN + self.header.facts_len as usize);
        clear.and_then(|clear| Facts::decode(clear).ok()).unwrap_or_default()
    }
}
