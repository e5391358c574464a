//! The index of one sealed segment: a sorted run of 32-byte entries with a checked trailer, `index/<segment_no>.run`.
//!
//! A run is derived: a missing or bad one is made again from its segment.

use std::io;

use crate::domain::exchange::Seq;
use crate::domain::token::Token;

use super::disk::{Disk, DiskFile, replace_file};
use super::entry::EntryKind;
use super::filter::Filter;
use super::place::Place;
use super::record::Chain;

/// Folder of the runs.
pub const FOLDER: &str = "index";
/// A run of an earlier form lacks the slots of visits: it is not used, and made again from its segment.
const MAGIC: [u8; 4] = *b"MGX2";
const ENTRY_LEN: usize = 32;
const TRAILER_LEN: usize = 64;
/// Entries read at once behind the place that the search found.
const READ_ENTRIES: usize = 32;

/// One way to one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Posting {
    /// What is looked up.
    pub token: Token,
    /// `EntryKind` as its stored byte.
    pub kind: u8,
    /// Number of the record.
    pub seq: Seq,
    /// Offset in the segment.
    pub offset: u32,
}

impl Posting {
    fn encode(&self) -> [u8; ENTRY_LEN] {
        let mut out = [0; ENTRY_LEN];
        out[..16].copy_from_slice(&self.token.0);
        out[16..24].copy_from_slice(&self.seq.0.to_le_bytes());
        out[24..28].copy_from_slice(&self.offset.to_le_bytes());
        out[28] = self.kind;
        out
    }

    fn decode(bytes: &[u8; ENTRY_LEN]) -> Posting {
        let (mut token, mut seq, mut offset) = ([0; 16], [0; 8], [0; 4]);
        token.copy_from_slice(&bytes[..16]);
        seq.copy_from_slice(&bytes[16..24]);
        offset.copy_from_slice(&bytes[24..28]);
        Posting {
            token: Token(token),
            kind: bytes[28],
            seq: Seq(u64::from_le_bytes(seq)),
            offset: u32::from_le_bytes(offset),
        }
    }
}

/// A run on disk, with what is kept of it in memory.
#[derive(Debug)]
pub struct Run {
    /// Its segment.
    pub segment_no: u32,
    /// Chain at the end of the segment: a run of another history is not used.
    pub chain: Chain,
    count: u64,
    filter: Filter,
}

impl Run {
    /// Writes the run of a segment.
    ///
    /// # Errors
    /// What the disk says; an older run stays then.
    pub fn write<D: Disk>(disk: &D, segment_no: u32, chain: Chain, mut postings: Vec<Posting>) -> io::Result<Run> {
        postings.sort_unstable();
        let mut bytes = Vec::with_capacity(postings.len() * ENTRY_LEN + TRAILER_LEN);
        let mut filter = Filter::sized_for(postings.len());
        for posting in &postings {
            bytes.extend_from_slice(&posting.encode());
            filter.insert(posting.token);
        }
        let count = postings.len() as u64;
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&segment_no.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&chain);
        bytes.extend_from_slice(&[0; 12]);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        replace_file(disk, FOLDER, &file_name(segment_no), &bytes)?;
        Ok(Run { segment_no, chain, count, filter })
    }

    /// Reads the run of a segment; `None` when it is missing or not whole.
    ///
    /// # Errors
    /// When the disk cannot be read at all.
    pub fn load<D: Disk>(disk: &D, segment_no: u32) -> io::Result<Option<Run>> {
        let file = match disk.open(&path(segment_no)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = vec![0; file.len()? as usize];
        file.read_exact_at(&mut bytes, 0)?;
        let Some((head, crc)) = bytes.split_last_chunk::<4>() else { return Ok(None) };
        if crc32c::crc32c(head).to_le_bytes() != *crc || head.len() + 4 < TRAILER_LEN {
            return Ok(None);
        }
        let (entries, trailer) = bytes.split_at(bytes.len() - TRAILER_LEN);
        let (entries, rest) = entries.as_chunks::<ENTRY_LEN>();
        let right = trailer[..4] == MAGIC
            && trailer[4..8] == segment_no.to_le_bytes()
            && trailer[8..16] == (entries.len() as u64).to_le_bytes()
            && rest.is_empty();
        if !right {
            return Ok(None);
        }
        let mut filter = Filter::sized_for(entries.len());
        entries.iter().for_each(|entry| filter.insert(Posting::decode(entry).token));
        let mut chain = [0; 32];
        chain.copy_from_slice(&trailer[16..48]);
        Ok(Some(Run { segment_no, chain, count: entries.len() as u64, filter }))
    }

    /// Adds the places of a token in this segment, ascending.
    ///
    /// # Errors
    /// When the run cannot be read.
    pub fn lookup<D: Disk>(&self, disk: &D, kind: EntryKind, token: Token, places: &mut Vec<Place>) -> io::Result<()> {
        if !self.filter.may_hold(token) {
            return Ok(());
        }
        let file = disk.open(&path(self.segment_no))?;
        let wanted = (token, kind as u8);
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut entry = [0; ENTRY_LEN];
            file.read_exact_at(&mut entry, middle * ENTRY_LEN as u64)?;
            let posting = Posting::decode(&entry);
            if (posting.token, posting.kind) < wanted { low = middle + 1 } else { high = middle }
        }
        while low < self.count {
            let mut entries = vec![0; READ_ENTRIES.min((self.count - low) as usize) * ENTRY_LEN];
            file.read_exact_at(&mut entries, low * ENTRY_LEN as u64)?;
            for entry in entries.as_chunks::<ENTRY_LEN>().0 {
                let posting = Posting::decode(entry);
                if (posting.token, posting.kind) != wanted {
                    return Ok(());
                }
                places.push(Place { segment_no: self.segment_no, offset: posting.offset, seq: posting.seq });
            }
            low += READ_ENTRIES as u64;
        }
        Ok(())
    }
}

fn file_name(segment_no: u32) -> String {
    format!("{segment_no:010}.run")
}

/// The segment number in a file name of the folder.
pub(super) fn number_in(name: &str) -> Option<u32> {
    name.strip_suffix(".run").filter(|digits| digits.len() == 10)?.parse().ok()
}

/// Names the `index/<segment_no>.run` file of a segment.
pub(super) fn path(segment_no: u32) -> String {
    format!("{FOLDER}/{}", file_name(segment_no))
}
