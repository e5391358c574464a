//! The index of one sealed segment: a sorted run of 32-byte entries, `index/<segment_no>.run`.
//!
//! Form, little-endian: the entries in blocks of 128; a fence of 12 bytes for each block (first 8 bytes of its first token,
//! crc32c of the block); the filter; a trailer of 64 bytes: magic, segment u32, entries u64, chain 32, zero 12, crc32c over
//! all that stands behind the entries. Opening reads what stands behind the entries and keeps it, so that it costs little
//! whatever the run holds; a lookup reads the blocks that it needs and checks each.
//!
//! A run is derived: a missing or bad one is made again from its segment, and never says "not there".

use std::cmp::Ordering;
use std::fmt::Display;
use std::io::{self, ErrorKind};

use crate::domain::exchange::Seq;
use crate::domain::token::Token;

use super::disk::{Disk, DiskFile, replace_file};
use super::entry::EntryKind;
use super::filter::Filter;
use super::place::Place;
use super::record::Chain;

/// Folder of the runs.
pub const FOLDER: &str = "index";
/// A run of an earlier form (`MGX1`, `MGX2`) is not used, and made again from its segment.
const MAGIC: [u8; 4] = *b"MGX3";
const ENTRY_LEN: usize = 32;
const BLOCK_ENTRIES: usize = 128;
const BLOCK_LEN: usize = BLOCK_ENTRIES * ENTRY_LEN;
const FENCE_LEN: usize = 12;
const TRAILER_LEN: usize = 64;

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

/// What is kept of a block in memory: where it begins in the order of tokens, and what its bytes must be.
#[derive(Debug, Clone, Copy)]
struct Fence {
    first: [u8; 8],
    crc: u32,
}

impl Fence {
    fn of_block(block: &[u8]) -> Fence {
        let mut first = [0; 8];
        first.copy_from_slice(&block[..8]);
        Fence { first, crc: crc32c::crc32c(block) }
    }

    fn encode(self) -> [u8; FENCE_LEN] {
        let mut out = [0; FENCE_LEN];
        out[..8].copy_from_slice(&self.first);
        out[8..].copy_from_slice(&self.crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8; FENCE_LEN]) -> Fence {
        let (mut first, mut crc) = ([0; 8], [0; 4]);
        first.copy_from_slice(&bytes[..8]);
        crc.copy_from_slice(&bytes[8..]);
        Fence { first, crc: u32::from_le_bytes(crc) }
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
    fences: Vec<Fence>,
    filter: Filter,
}

impl Run {
    /// Writes the run of a segment.
    ///
    /// # Errors
    /// What the disk says; an older run stays then.
    pub fn write<D: Disk>(disk: &D, segment_no: u32, chain: Chain, mut postings: Vec<Posting>) -> io::Result<Run> {
        postings.sort_unstable();
        let mut bytes = Vec::with_capacity(postings.len() * (ENTRY_LEN + 2) + BLOCK_LEN);
        let mut filter = Filter::sized_for(postings.len());
        for posting in &postings {
            bytes.extend_from_slice(&posting.encode());
            filter.insert(posting.token);
        }
        let count = postings.len() as u64;
        drop(postings);
        let behind = bytes.len();
        let fences: Vec<Fence> = bytes.chunks(BLOCK_LEN).map(Fence::of_block).collect();
        fences.iter().for_each(|fence| bytes.extend_from_slice(&fence.encode()));
        filter.encode_into(&mut bytes);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&segment_no.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&chain);
        bytes.extend_from_slice(&[0; 12]);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes[behind..]).to_le_bytes());
        replace_file(disk, FOLDER, &file_name(segment_no), &bytes)?;
        Ok(Run { segment_no, chain, count, fences, filter })
    }

    /// Reads what is kept of the run of a segment; `None` when it is missing, of an earlier form, not whole or not to be read.
    ///
    /// # Errors
    /// When its file cannot be opened.
    pub fn load<D: Disk>(disk: &D, segment_no: u32) -> io::Result<Option<Run>> {
        match disk.open(&path(segment_no)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            file => Ok(Run::read(&file?, segment_no)),
        }
    }

    fn read<F: DiskFile>(file: &F, segment_no: u32) -> Option<Run> {
        let len = file.len().ok()?;
        let mut trailer = [0; TRAILER_LEN];
        file.read_exact_at(&mut trailer, len.checked_sub(TRAILER_LEN as u64)?).ok()?;
        let (mut count, mut chain) = ([0; 8], [0; 32]);
        count.copy_from_slice(&trailer[8..16]);
        chain.copy_from_slice(&trailer[16..48]);
        let count = u64::from_le_bytes(count);
        // Nothing is checked yet: such a count may not even be multiplied.
        let entries_len = count.checked_mul(ENTRY_LEN as u64)?;
        let behind = usize::try_from(len.checked_sub(entries_len)?).ok()?;
        let fences_len = usize::try_from(count.div_ceil(BLOCK_ENTRIES as u64)).ok()? * FENCE_LEN;
        let filter_end = fences_len + Filter::len_for(usize::try_from(count).ok()?);
        let form = trailer[..4] == MAGIC && trailer[4..8] == segment_no.to_le_bytes();
        if !form || behind != filter_end + TRAILER_LEN {
            return None;
        }
        let mut bytes = vec![0; behind];
        file.read_exact_at(&mut bytes, entries_len).ok()?;
        let (checked, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(checked).to_le_bytes() != *crc {
            return None;
        }
        let fences = bytes[..fences_len].as_chunks().0.iter().map(Fence::decode).collect();
        let filter = Filter::decode(&bytes[fences_len..filter_end]);
        Some(Run { segment_no, chain, count, fences, filter })
    }

    /// Adds the places of a token in this segment, ascending; some may have been added when it fails.
    ///
    /// # Errors
    /// `Spoiled` when a block that could name the token is not as it was written.
    pub fn lookup<D: Disk>(
        &self,
        disk: &D,
        kind: EntryKind,
        token: Token,
        places: &mut Vec<Place>,
    ) -> Result<(), RunError> {
        if !self.filter.may_hold(token) {
            return Ok(());
        }
        let file = match disk.open(&path(self.segment_no)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(self.spoiled(&error)),
            file => file?,
        };
        let front = &token.0[..8];
        let begins = self.fences.partition_point(|fence| fence.first[..] < *front).saturating_sub(1);
        let mut block = Vec::with_capacity(BLOCK_LEN);
        for (at, fence) in
            self.fences.iter().enumerate().skip(begins).take_while(|(_, fence)| fence.first[..] <= *front)
        {
            self.read_block(&file, at, fence, &mut block)?;
            for posting in block.as_chunks().0.iter().map(Posting::decode) {
                match (posting.token, posting.kind).cmp(&(token, kind as u8)) {
                    Ordering::Less => {}
                    Ordering::Equal => {
                        places.push(Place { segment_no: self.segment_no, offset: posting.offset, seq: posting.seq });
                    }
                    Ordering::Greater => return Ok(()),
                }
            }
        }
        Ok(())
    }

    /// What its bytes say is believed only when they are those that were written.
    fn read_block<F: DiskFile>(&self, file: &F, at: usize, fence: &Fence, block: &mut Vec<u8>) -> Result<(), RunError> {
        let entries = (self.count - (at * BLOCK_ENTRIES) as u64).min(BLOCK_ENTRIES as u64);
        block.resize(entries as usize * ENTRY_LEN, 0);
        file.read_exact_at(block, (at * BLOCK_LEN) as u64).map_err(|error| self.spoiled(&error))?;
        if crc32c::crc32c(block) == fence.crc { Ok(()) } else { Err(self.spoiled(&"the checksum of a block differs")) }
    }

    fn spoiled(&self, why: &dyn Display) -> RunError {
        RunError::Spoiled { file: path(self.segment_no), why: why.to_string() }
    }
}

/// Why a run does not answer.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It must be made again: missing, cut, changed, or not to be read.
    #[error("{file} is not as it was written: {why}")]
    Spoiled {
        /// The run.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// The machine opens no file just now.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<RunError> for io::Error {
    fn from(error: RunError) -> io::Error {
        match error {
            RunError::Io(error) => error,
            spoiled => io::Error::new(ErrorKind::InvalidData, spoiled),
        }
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::journal::disk::RealDisk;
    use crate::journal::record::payload_digest;

    const SEGMENT: u32 = 7;
    const CHAIN: Chain = [0x5a; 32];

    fn token(number: u64) -> Token {
        let digest = payload_digest(&number.to_le_bytes());
        Token(digest[..16].try_into().unwrap())
    }

    /// Three postings for each token, and one token whose postings fill more than a block.
    fn postings() -> Vec<Posting> {
        let often = 0..BLOCK_ENTRIES as u64 + 40;
        let numbers = (0..90).chain(often.map(|_| 30));
        numbers
            .zip(1..)
            .map(|(number, seq)| Posting { token: token(number / 3), kind: 1, seq: Seq(seq), offset: 8 * seq as u32 })
            .collect()
    }

    fn written() -> (TempDir, RealDisk, Run) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        let disk = RealDisk::at(folder.path());
        let run = Run::write(&disk, SEGMENT, CHAIN, postings()).unwrap();
        (folder, disk, run)
    }

    fn found(run: &Run, disk: &RealDisk, kind: EntryKind, token: Token) -> Result<Vec<Seq>, RunError> {
        let mut places = Vec::new();
        run.lookup(disk, kind, token, &mut places)?;
        assert!(places.iter().all(|place| place.segment_no == SEGMENT && u64::from(place.offset) == 8 * place.seq.0));
        Ok(places.iter().map(|place| place.seq).collect())
    }

    /// Every answer is right, or says that the run is spoiled; how many say that.
    fn spoiled_answers(run: &Run, disk: &RealDisk) -> usize {
        let all = postings();
        let of = |number| token(number);
        let rows = (0..40).step_by(3).map(|number| (EntryKind::Key, of(number))).chain([(EntryKind::Fence, of(3))]);
        rows.filter(|(kind, token)| match found(run, disk, *kind, *token) {
            Ok(seqs) => {
                let fits = |posting: &&Posting| (posting.token, posting.kind) == (*token, *kind as u8);
                let expected: Vec<Seq> = all.iter().filter(fits).map(|posting| posting.seq).collect();
                assert_eq!(seqs, expected, "{token}");
                false
            }
            Err(RunError::Spoiled { .. }) => true,
            Err(error) => panic!("{error}"),
        })
        .count()
    }

    #[test]
    fn a_run_finds_what_it_was_given_also_when_it_is_loaded_again() {
        let (_folder, disk, run) = written();
        assert_eq!(spoiled_answers(&run, &disk), 0);
        let loaded = Run::load(&disk, SEGMENT).unwrap().unwrap();
        assert_eq!((loaded.segment_no, loaded.chain, loaded.count), (SEGMENT, CHAIN, postings().len() as u64));
        assert_eq!(spoiled_answers(&loaded, &disk), 0);
        let none = Run::write(&disk, 8, CHAIN, Vec::new()).unwrap();
        assert_eq!(found(&none, &disk, EntryKind::Key, token(1)).unwrap(), []);
        assert!(Run::load(&disk, 8).unwrap().is_some());
        assert!(Run::load(&disk, 9).unwrap().is_none());
    }

    #[test]
    fn no_flipped_byte_and_no_cut_makes_a_run_say_what_is_not_so() {
        let (folder, disk, run) = written();
        let path = folder.path().join(path(SEGMENT));
        let whole = fs::read(&path).unwrap();
        let entries_len = postings().len() * ENTRY_LEN;
        for at in 0..whole.len() {
            let mut bent = whole.clone();
            bent[at] ^= 1 << (at % 8);
            fs::write(&path, &bent).unwrap();
            match Run::load(&disk, SEGMENT).unwrap() {
                None => assert!(entries_len <= at, "what an opening does not read is found by lookups: {at}"),
                Some(loaded) => {
                    assert!(at < entries_len, "byte {at} was not checked at the opening");
                    assert!(spoiled_answers(&loaded, &disk) > 0, "byte {at} is read by nobody");
                }
            }
            if at % 7 == 0 {
                // One that was loaded before the damage.
                spoiled_answers(&run, &disk);
            }
        }
        for len in (0..whole.len()).step_by(37) {
            fs::write(&path, &whole[..len]).unwrap();
            assert!(Run::load(&disk, SEGMENT).unwrap().is_none(), "cut to {len}");
            spoiled_answers(&run, &disk);
        }
        fs::remove_file(&path).unwrap();
        assert!(spoiled_answers(&run, &disk) >= 10);
    }

    #[test]
    fn a_run_of_an_earlier_form_is_made_again() {
        let (folder, disk, _) = written();
        let mut bytes: Vec<u8> = postings().iter().flat_map(Posting::encode).collect();
        let count = postings().len() as u64;
        for part in [&b"MGX2"[..], &SEGMENT.to_le_bytes(), &count.to_le_bytes(), &CHAIN, &[0; 12]] {
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        fs::write(folder.path().join(path(SEGMENT)), bytes).unwrap();
        assert!(Run::load(&disk, SEGMENT).unwrap().is_none());
    }

    #[test]
    fn the_golden_run_is_read_and_would_be_written_the_same() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden/journal");
        let (folder, ..) = written();
        let bytes = fs::read(folder.path().join(path(SEGMENT))).unwrap();
        if std::env::var_os("MEDGATE_UPDATE_GOLDEN").is_some() && !golden.join(path(SEGMENT)).exists() {
            fs::create_dir_all(golden.join(FOLDER)).unwrap();
            fs::write(golden.join(path(SEGMENT)), &bytes).unwrap();
        }
        let disk = RealDisk::reading(&golden);
        let run = Run::load(&disk, SEGMENT).unwrap().unwrap();
        assert_eq!(spoiled_answers(&run, &disk), 0);
        assert!(fs::read(golden.join(path(SEGMENT))).unwrap() == bytes, "the form of a run has changed");
    }
}
