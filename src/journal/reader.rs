//! Following the journal: records in order, up to the durable position and never beyond.

use std::io;
use std::sync::Arc;

use crate::domain::exchange::Seq;

use super::place::{Record, Unreadable};
use super::record::{Header, Malformed};
use super::segment::SEGMENT_HEADER_LEN;
use super::shelf::{Extent, Store};

/// Bytes read at once.
const WINDOW_BYTES: usize = 512 * 1024;

/// Goes through the records from a number on. Cheap to keep: it holds no file open.
pub struct Reader {
    store: Arc<dyn Store>,
    from: Seq,
    segment_no: u32,
    at: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Reader {
    /// Begins at the first record numbered `from` or later.
    pub fn new(store: Arc<dyn Store>, from: Seq) -> Reader {
        let segment_no = store.extent_of(from).map_or(0, |extent| extent.segment_no);
        let at = SEGMENT_HEADER_LEN as u64;
        Reader { store, from, segment_no, at, window: Vec::new(), window_at: at }
    }

    /// The next durable record; `None` when there is none yet.
    ///
    /// # Errors
    /// When a segment cannot be read, or a record is damaged.
    pub fn next_record(&mut self) -> Result<Option<Record>, FollowError> {
        while let Some(extent) = self.current() {
            let bad = |at, why: Unreadable| FollowError::Damaged { segment_no: extent.segment_no, at, why };
            let header = self.header(&extent)?.map_err(|why| bad(self.at, why.into()))?;
            let at = self.at;
            if header.seq < self.from {
                self.at += u64::from(header.frame_len);
                continue;
            }
            let frame = self.bytes(&extent, header.frame_len as usize)?;
            let record = Record::decode(frame, at).map_err(|why| bad(at, why))?;
            self.at += u64::from(header.frame_len);
            self.from = Seq(record.place.seq.0 + 1);
            return Ok(Some(record));
        }
        Ok(None)
    }

    /// The number of the record that comes next.
    pub fn from(&self) -> Seq {
        self.from
    }

    /// The segment with the next record, moving on from one that is read to its end.
    fn current(&mut self) -> Option<Extent> {
        if self.segment_no == 0 {
            self.segment_no = self.store.extent_of(self.from)?.segment_no;
        }
        let Some(extent) = self.store.extent(self.segment_no) else {
            // Trimmed while this read it: what is left begins later.
            let left = self.store.extent_of(self.from).filter(|left| left.segment_no > self.segment_no)?;
            (self.segment_no, self.at) = (left.segment_no, SEGMENT_HEADER_LEN as u64);
            (self.window, self.window_at) = (Vec::new(), self.at);
            return (self.at < left.end).then_some(left);
        };
        if self.at < extent.end {
            return Some(extent);
        }
        let next = self.store.extent(self.segment_no + 1)?;
        // The end may have moved between the two looks: only what is sealed stays where it was.
        let sealed_end = self.store.extent(self.segment_no)?.end;
        if self.at < sealed_end {
            return self.store.extent(self.segment_no);
        }
        (self.segment_no, self.at) = (next.segment_no, SEGMENT_HEADER_LEN as u64);
        (self.window, self.window_at) = (Vec::new(), self.at);
        (self.at < next.end).then_some(next)
    }

    fn header(&mut self, extent: &Extent) -> Result<Result<Header, Malformed>, FollowError> {
        Ok(Header::decode(self.bytes(extent, super::record::HEADER_LEN)?))
    }

    /// `len` bytes from the current offset on, or as many as are durable.
    fn bytes(&mut self, extent: &Extent, len: usize) -> Result<&[u8], FollowError> {
        let have = (self.window_at + self.window.len() as u64).saturating_sub(self.at) as usize;
        if have < len {
            let want = len.max(WINDOW_BYTES).min((extent.end - self.at) as usize);
            let read = self.store.bytes(extent.segment_no, self.at, want);
            self.window = read.map_err(|source| FollowError::Io { segment_no: extent.segment_no, source })?;
            self.window_at = self.at;
        }
        Ok(&self.window[(self.at - self.window_at) as usize..])
    }
}

/// Why a reader cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The file.
    #[error("segment {segment_no} cannot be read")]
    Io {
        /// The segment.
        segment_no: u32,
        /// What the machine said.
        source: io::Error,
    },
    /// The bytes.
    #[error("segment {segment_no} is damaged at offset {at}: {why}")]
    Damaged {
        /// The segment.
        segment_no: u32,
        /// Where.
        at: u64,
        /// What is wrong.
        why: Unreadable,
    },
}
