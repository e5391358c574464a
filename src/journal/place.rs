//! Where a record stands, and a record read back from there.

use crate::domain::exchange::Seq;

use super::facts::Facts;
use super::record::{self, Header, Malformed};
use super::tlv::CutTlv;

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Segment.
    pub segment_no: u32,
    /// Offset of the frame in the segment file.
    pub offset: u32,
    /// Number of the record.
    pub seq: Seq,
}

/// A record as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub place: Place,
    /// Its header.
    pub header: Header,
    /// The clear part of the payload.
    pub facts: Facts,
    /// The whole payload, facts included.
    pub payload: Vec<u8>,
}

impl Record {
    /// Reads the frame at the start of `bytes`, which stands at `offset` of a segment.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8], offset: u64) -> Result<Record, Unreadable> {
        let (header, payload) = record::read_frame(bytes)?;
        let facts = Facts::decode(&payload[..header.facts_len as usize])?;
        let offset = u32::try_from(offset).map_err(|_| Malformed::Lengths)?;
        let place = Place { segment_no: header.segment_no, offset, seq: header.seq };
        Ok(Record { place, facts, payload: payload.to_vec(), header })
    }

    /// The frame as it is stored.
    pub fn frame(&self) -> Vec<u8> {
        let mut frame = self.header.encode().to_vec();
        frame.extend_from_slice(&self.payload);
        frame.resize(self.header.frame_len as usize, 0);
        record::sum(&mut frame);
        frame
    }
}

/// Why stored bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The frame itself.
    #[error(transparent)]
    Frame(#[from] Malformed),
    /// Its facts.
    #[error("facts: {0}")]
    Facts(#[from] CutTlv),
}
