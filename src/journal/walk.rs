//! Walking the frames of a segment file in order: the one scan behind recovery, index runs, readers' tests and verify.

use std::io;

use crate::domain::exchange::Seq;

use super::disk::DiskFile;
use super::record::{self, Chain, HEADER_LEN, Header, MAGIC, Malformed};

/// What stands next in the file.
#[derive(Debug)]
pub enum Step<'w> {
    /// A frame whose lengths, checksum and padding are right.
    Frame {
        /// Its offset.
        at: u64,
        /// Its header.
        header: Box<Header>,
        /// All its bytes.
        frame: &'w [u8],
    },
    /// Something else than a frame.
    Bad {
        /// Its offset.
        at: u64,
        /// What is wrong.
        why: Malformed,
    },
    /// The end of the range.
    End,
}

/// Goes from frame to frame through a range of a file.
#[derive(Debug)]
pub struct Walk<'f, F> {
    file: &'f F,
    at: u64,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

const WINDOW_BYTES: usize = 1024 * 1024;

impl<'f, F: DiskFile> Walk<'f, F> {
    /// Begins at `from`; frames must end by `end`.
    pub fn new(file: &'f F, from: u64, end: u64) -> Walk<'f, F> {
        Walk { file, at: from, end, window: Vec::new(), window_at: from }
    }

    /// Where the next step looks.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Takes the next frame; after `Bad` it stays where it is.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn step(&mut self) -> io::Result<Step<'_>> {
        let at = self.at;
        if at >= self.end {
            return Ok(Step::End);
        }
        let frame_len = match Header::decode(self.bytes(HEADER_LEN)?) {
            Ok(header) => header.frame_len as usize,
            Err(why) => return Ok(Step::Bad { at, why }),
        };
        self.bytes(frame_len)?;
        let offset = (at - self.window_at) as usize;
        match record::read_frame(&self.window[offset..]) {
            Ok((header, _)) if at + u64::from(header.frame_len) <= self.end => {
                self.at += frame_len as u64;
                Ok(Step::Frame { at, header: Box::new(header), frame: &self.window[offset..offset + frame_len] })
            }
            Ok(_) => Ok(Step::Bad { at, why: Malformed::Short }),
            Err(why) => Ok(Step::Bad { at, why }),
        }
    }

    /// Moves on to the next offset that could hold a frame; false at the end.
    fn seek_magic(&mut self) -> io::Result<bool> {
        self.at += 8;
        while self.at + (HEADER_LEN as u64) <= self.end {
            let bytes = self.bytes(HEADER_LEN)?;
            if bytes.len() < HEADER_LEN {
                break;
            }
            let found = bytes.chunks_exact(8).position(|chunk| chunk.starts_with(&MAGIC));
            self.at += 8 * found.unwrap_or(bytes.len() / 8) as u64;
            if found.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The window from the current offset on, at least `len` bytes of it unless the range ends before.
    fn bytes(&mut self, len: usize) -> io::Result<&[u8]> {
        let have = (self.window_at + self.window.len() as u64).saturating_sub(self.at) as usize;
        let left = self.end.saturating_sub(self.at) as usize;
        if have < len.min(left) {
            self.window.resize(len.max(WINDOW_BYTES).min(left), 0);
            let read = self.file.read_full_at(&mut self.window, self.at)?;
            self.window.truncate(read);
            self.window_at = self.at;
        }
        Ok(&self.window[(self.at - self.window_at) as usize..])
    }
}

/// Looks behind a bad frame for a whole frame of the same segment that was written when record `bad` was durable.
/// Finding one proves that `bad` was once acknowledged: damage, not a torn tail.
///
/// # Errors
/// When the file cannot be read.
pub fn find_witness<F: DiskFile>(
    file: &F,
    behind: u64,
    end: u64,
    segment_no: u32,
    bad: Seq,
) -> io::Result<Option<Header>> {
    let mut walk = Walk::new(file, behind, end);
    while walk.seek_magic()? {
        while let Step::Frame { header, .. } = walk.step()? {
            if header.segment_no == segment_no && header.durable_seq >= bad {
                return Ok(Some(*header));
            }
        }
    }
    Ok(None)
}

/// The end of the last byte that is not zero in a range; its start when all are zero.
///
/// # Errors
/// When the file cannot be read.
pub fn written_end<F: DiskFile>(file: &F, from: u64, end: u64) -> io::Result<u64> {
    let mut buffer = vec![0; WINDOW_BYTES];
    // Mostly all is zero, and a machine reads ahead in this direction alone.
    let mut first = from;
    loop {
        let want = buffer.len().min(end.saturating_sub(first) as usize);
        let read = file.read_full_at(&mut buffer[..want], first)?;
        if read == 0 {
            return Ok(from);
        }
        if buffer[..read].iter().fold(0, |all, byte| all | byte) != 0 {
            break;
        }
        first += read as u64;
    }
    let mut at = end.max(first);
    while at > first {
        let want = buffer.len().min((at - first) as usize);
        at -= want as u64;
        let read = file.read_full_at(&mut buffer[..want], at)?;
        if let Some(position) = buffer[..read].iter().rposition(|byte| *byte != 0) {
            return Ok(at + position as u64 + 1);
        }
    }
    Ok(from)
}

/// Holds the records of a journal to their order: number, segment and chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The last record seen.
    pub seq: Seq,
    /// Its chain.
    pub chain: Chain,
}

impl Link {
    /// Takes the next record.
    ///
    /// # Errors
    /// `Chain` when it does not follow the one before.
    pub fn follow(&mut self, header: &Header, frame: &[u8], segment_no: u32) -> Result<(), Malformed> {
        let chain = record::chain_of(&self.chain, frame);
        if header.seq.0 != self.seq.0 + 1 || header.segment_no != segment_no || header.chain != chain {
            return Err(Malformed::Chain);
        }
        *self = Link { seq: header.seq, chain };
        Ok(())
    }
}
