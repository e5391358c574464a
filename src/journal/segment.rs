//! One segment file: its name and its 4,096-byte header (`journal.md`, Segment header).

use std::fs::DirEntry;
use std::io;
use std::path::Path;

use sm3::{Digest, Sm3};

use crate::domain::exchange::Seq;

use super::disk::DiskFile;
use super::record::{Chain, frame_len_for};

/// Folder of the segments.
pub const FOLDER: &str = "journal";
/// Length of the header; the first record begins here.
pub const SEGMENT_HEADER_LEN: usize = 4096;
/// First four bytes of every segment.
pub const SEGMENT_MAGIC: [u8; 4] = *b"MGS1";
/// Version of the segment header.
pub const SEGMENT_FORMAT: u32 = 1;
/// Frame of a SegmentClose: its facts are one count. So much room is always left at the end of a segment.
pub const CLOSE_LEN: u64 = frame_len_for(6 + 8) as u64;

const AT_CRC: usize = 112;

/// Names the `journal/<segment_no>.seg` file of a segment.
pub fn path(segment_no: u32) -> String {
    format!("{FOLDER}/{segment_no:010}.seg")
}

/// The segment number in a file name of the folder; `None` when it is no segment's name.
pub fn number_in(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".seg")?;
    let whole = digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| whole)
}

/// True when a data folder holds a segment.
///
/// # Errors
/// When its folder cannot be read.
pub fn any_in(data: &Path) -> io::Result<bool> {
    match std::fs::read_dir(data.join(FOLDER)) {
        Ok(names) => {
            let ours = |name: io::Result<DirEntry>| Ok::<_, io::Error>(number_in(&name?.file_name().to_string_lossy()));
            names.map(ours).try_fold(false, |any, number| Ok(any || number?.is_some()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a segment says of itself and of the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Random, made with the first segment; a segment of another journal is refused.
    pub journal_id: [u8; 16],
    /// Number of this segment, counted from 1 without gaps.
    pub segment_no: u32,
    /// The segment before, 0 for the first.
    pub prev_segment_no: u32,
    /// Number of the first record here.
    pub first_seq: Seq,
    /// Where the records of the segment before end; what stands beyond was never acknowledged.
    pub prev_valid_len: u64,
    /// Chain of the last record before, zero for the first.
    pub prev_chain: Chain,
    /// Wall clock.
    pub created_at_unix_ns: i64,
    /// Planned size of the file.
    pub segment_bytes: u64,
    /// Features that a reader may ignore.
    pub compat: u64,
    /// Features that a reader must know.
    pub incompat: u64,
}

impl SegmentHeader {
    /// Writes the header with its checksum.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_LEN] {
        let mut out = [0u8; SEGMENT_HEADER_LEN];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&SEGMENT_MAGIC);
        put(&SEGMENT_FORMAT.to_le_bytes());
        put(&self.journal_id);
        put(&self.segment_no.to_le_bytes());
        put(&self.prev_segment_no.to_le_bytes());
        put(&self.first_seq.0.to_le_bytes());
        put(&self.prev_valid_len.to_le_bytes());
        put(&self.prev_chain);
        put(&self.created_at_unix_ns.to_le_bytes());
        put(&self.segment_bytes.to_le_bytes());
        put(&self.compat.to_le_bytes());
        put(&self.incompat.to_le_bytes());
        let crc = crc32c::crc32c(&out);
        out[AT_CRC..AT_CRC + 4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header back.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8; SEGMENT_HEADER_LEN]) -> Result<SegmentHeader, BadSegmentHeader> {
        let mut at = 0;
        if take::<4>(bytes, &mut at) != SEGMENT_MAGIC {
            return Err(BadSegmentHeader::Magic);
        }
        let format = u32::from_le_bytes(take(bytes, &mut at));
        if format != SEGMENT_FORMAT {
            return Err(BadSegmentHeader::Format(format));
        }
        let header = SegmentHeader {
            journal_id: take(bytes, &mut at),
            segment_no: u32::from_le_bytes(take(bytes, &mut at)),
            prev_segment_no: u32::from_le_bytes(take(bytes, &mut at)),
            first_seq: Seq(u64::from_le_bytes(take(bytes, &mut at))),
            prev_valid_len: u64::from_le_bytes(take(bytes, &mut at)),
            prev_chain: take(bytes, &mut at),
            created_at_unix_ns: i64::from_le_bytes(take(bytes, &mut at)),
            segment_bytes: u64::from_le_bytes(take(bytes, &mut at)),
            compat: u64::from_le_bytes(take(bytes, &mut at)),
            incompat: u64::from_le_bytes(take(bytes, &mut at)),
        };
        if header.encode() != *bytes {
            return Err(BadSegmentHeader::Crc);
        }
        if header.incompat != 0 {
            return Err(BadSegmentHeader::Incompat(header.incompat));
        }
        Ok(header)
    }
}

/// Reads the header at the start of a segment file.
///
/// # Errors
/// When the file cannot be read; the inner error says what is wrong with the header.
pub fn read_header<F: DiskFile>(file: &F) -> io::Result<Result<SegmentHeader, BadSegmentHeader>> {
    let mut bytes = [0; SEGMENT_HEADER_LEN];
    let read = file.read_full_at(&mut bytes, 0)?;
    Ok(if read == bytes.len() { SegmentHeader::decode(&bytes) } else { Err(BadSegmentHeader::Short) })
}

/// SM3 of a segment header, as SegmentOpen names it.
pub fn digest_of(header: &[u8; SEGMENT_HEADER_LEN]) -> [u8; 32] {
    Sm3::digest(header).into()
}

fn take<const N: usize>(bytes: &[u8; SEGMENT_HEADER_LEN], at: &mut usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[*at..*at + N]);
    *at += N;
    out
}

/// Why bytes are not the header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSegmentHeader {
    /// The file ends before the header does.
    #[error("the file is shorter than a segment header")]
    Short,
    /// Not our magic.
    #[error("no segment magic")]
    Magic,
    /// Written by a later version.
    #[error("segment format {0} is not known")]
    Format(u32),
    /// Checksum or zero part differ.
    #[error("checksum of the segment header differs")]
    Crc,
    /// It uses what this version does not know.
    #[error("segment uses features {0:#x} that this version does not know")]
    Incompat(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            journal_id: [7; 16],
            segment_no: 2,
            prev_segment_no: 1,
            first_seq: Seq(900),
            prev_valid_len: 8192,
            prev_chain: [3; 32],
            created_at_unix_ns: 1_700_000_000_000_000_000,
            segment_bytes: 1 << 28,
            compat: 0,
            incompat: 0,
        }
    }

    #[test]
    fn a_header_reads_back_and_every_flipped_bit_is_noticed() {
        let bytes = header().encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(header()));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&flipped).is_err(), "bit {bit} flipped unnoticed");
        }
    }

    #[test]
    fn only_our_names_are_segments() {
        let rows = [
            ("0000000001.seg", Some(1)),
            ("4294967295.seg", Some(u32::MAX)),
            ("1.seg", None),
            ("+000000001.seg", None),
            ("0000000001.seg.tmp", None),
            ("9999999999.seg", None),
        ];
        for (name, expected) in rows {
            assert_eq!(number_in(name), expected, "{name}");
        }
        assert_eq!(path(7), "journal/0000000007.seg");
    }
}
