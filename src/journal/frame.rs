//! A finished record: everything but what only the writer knows (`record::stamp`).

use super::entry::Entry;
use super::record::Header;

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
