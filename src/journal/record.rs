//! One record on disk: a 320-byte header, the payload, zero padding to 8 (`journal.md`, Record).
//!
//! Everything is little-endian. `Header::encode` and `Header::decode` are the only places that know an offset.

use sm3::{Digest, Sm3};

use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::limits::FRAME_BYTES_MAX;
use crate::domain::token::Token;

pub use super::kind::{Kind, flag};

/// First four bytes of every record.
pub const MAGIC: [u8; 4] = *b"MGR1";
/// Length of the header.
pub const HEADER_LEN: usize = 320;
/// Version of the format; a change costs a new number, a golden file and a reader for the old one.
pub const VERSION: u8 = 1;

const AT_SEQ: usize = 16;
const AT_DURABLE_SEQ: usize = 24;
const AT_SEGMENT_NO: usize = 32;
const AT_CHAIN: usize = 280;
const AT_CRC: usize = 316;

/// The chain value of a record: SM3(previous chain ‖ header bytes 0..280).
pub type Chain = [u8; 32];

/// The header of a record, field by field (`journal.md` gives the offsets).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Stored as the byte it came as, so that an unknown kind can be verified and skipped.
    pub kind: u8,
    /// Header, payload and padding.
    pub frame_len: u32,
    /// Facts and sealed part.
    pub payload_len: u32,
    /// Number of this record.
    pub seq: Seq,
    /// The highest durable record when the batch was formed.
    pub durable_seq: Seq,
    /// Segment the record was written into.
    pub segment_no: u32,
    /// Random per opening; prefix of every nonce.
    pub open_salt: u32,
    /// The exchange, or zero.
    pub exchange_id: ExchangeId,
    /// The INTENT of this outcome or note.
    pub ref_seq: Seq,
    /// Split piece, reversal or delivery: its origin.
    pub parent_id: ExchangeId,
    /// Wall clock.
    pub at_unix_ns: i64,
    /// Since opening.
    pub mono_ns: u64,
    /// `Class` as a byte, or 0.
    pub class: u8,
    /// `Outcome` as a byte, or 0.
    pub outcome: u8,
    /// `Cause` as a byte, or 0.
    pub cause: u8,
    /// `Origin` as a byte, or 0.
    pub origin: u8,
    /// Bits of [`flag`].
    pub flags: u32,
    /// 0 none, 1 zstd.
    pub codec: u8,
    /// 0 none, 1 SM4-GCM, 2 AES-256-GCM.
    pub cipher: u8,
    /// 1 SM3.
    pub digest_alg: u8,
    /// 1 SM3 over salt ‖ plaintext.
    pub commit_alg: u8,
    /// Compression dictionary, 0 none.
    pub dict_id: u32,
    /// Slot of the key pool, 0 none.
    pub key_slot: u64,
    /// Snapshot of the profile in force.
    pub profile_seq: Seq,
    /// Snapshot of the rules in force.
    pub rules_seq: Seq,
    /// Length of the clear prefix of the payload.
    pub facts_len: u32,
    /// Generation of the business key.
    pub generation: u32,
    /// Bytes of the sealed part before compression.
    pub raw_len: u64,
    /// Business key.
    pub key_token: Token,
    /// Person within the institution.
    pub fence_token: Token,
    /// `mdtrt_id`.
    pub visit_token: Token,
    /// `setl_id`.
    pub settlement_token: Token,
    /// SM3 over the stored payload.
    pub payload_digest: [u8; 32],
    /// SM3 over salt ‖ plaintext of the sealed part; zero when nothing is sealed.
    pub plain_commit: [u8; 32],
    /// Links this record to the one before.
    pub chain: Chain,
}

impl Header {
    /// A header of `kind` with everything else empty.
    pub fn new(kind: Kind) -> Header {
        Header {
            kind: kind as u8,
            frame_len: 0,
            payload_len: 0,
            seq: Seq::NONE,
            durable_seq: Seq::NONE,
            segment_no: 0,
            open_salt: 0,
            exchange_id: ExchangeId::NONE,
            ref_seq: Seq::NONE,
            parent_id: ExchangeId::NONE,
            at_unix_ns: 0,
            mono_ns: 0,
            class: 0,
            outcome: 0,
            cause: 0,
            origin: 0,
            flags: 0,
            codec: 0,
            cipher: 0,
            digest_alg: 1,
            commit_alg: 1,
            dict_id: 0,
            key_slot: 0,
            profile_seq: Seq::NONE,
            rules_seq: Seq::NONE,
            facts_len: 0,
            generation: 0,
            raw_len: 0,
            key_token: Token::NONE,
            fence_token: Token::NONE,
            visit_token: Token::NONE,
            settlement_token: Token::NONE,
            payload_digest: [0; 32],
            plain_commit: [0; 32],
            chain: [0; 32],
        }
    }

    /// The kind, when this version knows it.
    pub fn known_kind(&self) -> Option<Kind> {
        Kind::from_code(self.kind)
    }

    /// True when the bit is set.
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Writes the header; the crc stays zero until [`stamp`].
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut out = [0u8; HEADER_LEN];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&MAGIC);
        put(&(HEADER_LEN as u16).to_le_bytes());
        put(&[VERSION, self.kind]);
        put(&self.frame_len.to_le_bytes());
        put(&self.payload_len.to_le_bytes());
        put(&self.seq.0.to_le_bytes());
        put(&self.durable_seq.0.to_le_bytes());
        put(&self.segment_no.to_le_bytes());
        put(&self.open_salt.to_le_bytes());
        put(&self.exchange_id.0);
        put(&self.ref_seq.0.to_le_bytes());
        put(&self.parent_id.0);
        put(&self.at_unix_ns.to_le_bytes());
        put(&self.mono_ns.to_le_bytes());
        put(&[self.class, self.outcome, self.cause, self.origin]);
        put(&self.flags.to_le_bytes());
        put(&[self.codec, self.cipher, self.digest_alg, self.commit_alg]);
        put(&self.dict_id.to_le_bytes());
        put(&self.key_slot.to_le_bytes());
        put(&self.profile_seq.0.to_le_bytes());
        put(&self.rules_seq.0.to_le_bytes());
        put(&self.facts_len.to_le_bytes());
        put(&self.generation.to_le_bytes());
        put(&self.raw_len.to_le_bytes());
        for token in [self.key_token, self.fence_token, self.visit_token, self.settlement_token] {
            put(&token.0);
        }
        put(&self.payload_digest);
        put(&self.plain_commit);
        put(&self.chain);
        out
    }

    /// Reads a header and checks what can be checked without the payload.
    ///
    /// # Errors
    /// What is wrong with it; the caller decides between torn and damaged.
    pub fn decode(bytes: &[u8]) -> Result<Header, Malformed> {
        let bytes: &[u8; HEADER_LEN] =
            bytes.get(..HEADER_LEN).and_then(|head| head.try_into().ok()).ok_or(Malformed::Short)?;
        let mut take = Take { bytes, at: 0 };
        if take.array() != MAGIC {
            return Err(Malformed::Magic);
        }
        if usize::from(u16::from_le_bytes(take.array())) != HEADER_LEN {
            return Err(Malformed::HeaderLen);
        }
        let [version, kind] = take.array();
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        let mut header = Header { kind, ..Header::new(Kind::Mark) };
        header.frame_len = take.u32();
        header.payload_len = take.u32();
        header.seq = Seq(take.u64());
        header.durable_seq = Seq(take.u64());
        header.segment_no = take.u32();
        header.open_salt = take.u32();
        header.exchange_id = ExchangeId(take.array());
        header.ref_seq = Seq(take.u64());
        header.parent_id = ExchangeId(take.array());
        header.at_unix_ns = i64::from_le_bytes(take.array());
        header.mono_ns = take.u64();
        [header.class, header.outcome, header.cause, header.origin] = take.array();
        header.flags = take.u32();
        [header.codec, header.cipher, header.digest_alg, header.commit_alg] = take.array();
        header.dict_id = take.u32();
        header.key_slot = take.u64();
        header.profile_seq = Seq(take.u64());
        header.rules_seq = Seq(take.u64());
        header.facts_len = take.u32();
        header.generation = take.u32();
        header.raw_len = take.u64();
        header.key_token = Token(take.array());
        header.fence_token = Token(take.array());
        header.visit_token = Token(take.array());
        header.settlement_token = Token(take.array());
        header.payload_digest = take.array();
        header.plain_commit = take.array();
        header.chain = take.array();
        header.check_lengths()?;
        Ok(header)
    }

    fn check_lengths(&self) -> Result<(), Malformed> {
        let frame_len = self.frame_len as usize;
        let fits = frame_len == frame_len_for(self.payload_len as usize)
            && frame_len <= FRAME_BYTES_MAX
            && self.facts_len <= self.payload_len;
        if fits { Ok(()) } else { Err(Malformed::Lengths) }
    }
}

/// Length of the frame that holds a payload: header, payload, padding to 8.
pub const fn frame_len_for(payload_len: usize) -> usize {
    (HEADER_LEN + payload_len).next_multiple_of(8)
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Fewer bytes than a header or the frame.
    #[error("cut short")]
    Short,
    /// Not our magic.
    #[error("no record magic")]
    Magic,
    /// Header length is not 320.
    #[error("wrong header length")]
    HeaderLen,
    /// Written by another version.
    #[error("record version {0} is not known")]
    Version(u8),
    /// Frame, payload and facts lengths contradict each other or the bound.
    #[error("lengths contradict each other")]
    Lengths,
    /// The crc32c does not match.
    #[error("checksum differs")]
    Crc,
    /// Padding or reserved bytes are not zero.
    #[error("padding is not zero")]
    Padding,
    /// The payload does not have the digest that the header names.
    #[error("payload digest differs")]
    PayloadDigest,
    /// The chain does not continue the record before.
    #[error("chain is broken")]
    Chain,
}

/// What only the writer knows of a record when it forms the batch.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// Number of the record.
    pub seq: Seq,
    /// The highest durable record.
    pub durable_seq: Seq,
    /// Segment it goes to.
    pub segment_no: u32,
    /// Chain of the record before.
    pub prev_chain: Chain,
}

/// Fills number, witness, segment, chain and crc into a frame; returns its chain.
///
/// `frame` must be a whole frame whose payload digest is already in place.
pub fn stamp(frame: &mut [u8], stamp: &Stamp) -> Chain {
    frame[AT_SEQ..AT_SEQ + 8].copy_from_slice(&stamp.seq.0.to_le_bytes());
    frame[AT_DURABLE_SEQ..AT_DURABLE_SEQ + 8].copy_from_slice(&stamp.durable_seq.0.to_le_bytes());
    frame[AT_SEGMENT_NO..AT_SEGMENT_NO + 4].copy_from_slice(&stamp.segment_no.to_le_bytes());
    let chain = chain_of(&stamp.prev_chain, &frame[..AT_CHAIN]);
    frame[AT_CHAIN..AT_CHAIN + 32].copy_from_slice(&chain);
    sum(frame);
    chain
}

/// Puts the checksum into a whole frame.
pub fn sum(frame: &mut [u8]) {
    frame[AT_CRC..AT_CRC + 4].fill(0);
    let crc = crc32c::crc32c(frame);
    frame[AT_CRC..AT_CRC + 4].copy_from_slice(&crc.to_le_bytes());
}

/// SM3(previous chain ‖ header bytes 0..280).
pub fn chain_of(prev: &Chain, header_head: &[u8]) -> Chain {
    let mut digest = Sm3::new();
    digest.update(prev);
    digest.update(&header_head[..AT_CHAIN]);
    digest.finalize().into()
}

/// Reads the frame at the start of `bytes`: header, crc and padding checked.
///
/// # Errors
/// What is wrong; `Short` when `bytes` ends before the frame does.
pub fn read_frame(bytes: &[u8]) -> Result<(Header, &[u8]), Malformed> {
    let header = Header::decode(bytes)?;
    let frame = bytes.get(..header.frame_len as usize).ok_or(Malformed::Short)?;
    let stored = u32::from_le_bytes([frame[AT_CRC], frame[AT_CRC + 1], frame[AT_CRC + 2], frame[AT_CRC + 3]]);
    let before = crc32c::crc32c(&frame[..AT_CRC]);
    let with_zero = crc32c::crc32c_append(before, &[0; 4]);
    if crc32c::crc32c_append(with_zero, &frame[HEADER_LEN..]) != stored {
        return Err(Malformed::Crc);
    }
    let payload_end = HEADER_LEN + header.payload_len as usize;
    let zero = |part: &[u8]| part.iter().all(|byte| *byte == 0);
    if !zero(&frame[payload_end..]) || !zero(&frame[AT_CHAIN + 32..AT_CRC]) {
        return Err(Malformed::Padding);
    }
    Ok((header, &frame[HEADER_LEN..payload_end]))
}

/// SM3 of the stored payload, as `payload_digest` holds it.
pub fn payload_digest(payload: &[u8]) -> [u8; 32] {
    Sm3::digest(payload).into()
}

struct Take<'a> {
    bytes: &'a [u8; HEADER_LEN],
    at: usize,
}

impl Take<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(&self.bytes[self.at..self.at + N]);
        self.at += N;
        out
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
        let mut header = Header::new(kind);
        header.payload_len = payload.len() as u32;
        header.facts_len = payload.len() as u32;
        header.frame_len = frame_len_for(payload.len()) as u32;
        header.payload_digest = payload_digest(payload);
        header.key_token = Token([7; 16]);
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(payload);
        bytes.resize(header.frame_len as usize, 0);
        bytes
    }

    #[test]
    fn a_stamped_frame_reads_back_and_every_flipped_bit_is_noticed() {
        let mut bytes = frame(Kind::Intent, b"facts and more");
        let place = Stamp { seq: Seq(9), durable_seq: Seq(8), segment_no: 3, prev_chain: [1; 32] };
        let chain = stamp(&mut bytes, &place);
        let (header, payload) = read_frame(&bytes).unwrap();
        assert_eq!((header.seq, header.durable_seq, header.segment_no), (Seq(9), Seq(8), 3));
        assert_eq!((header.chain, payload), (chain, &b"facts and more"[..]));
        assert_eq!(header.encode()[..AT_CRC], bytes[..AT_CRC]);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read_frame(&flipped).is_err(), "bit {bit} flipped unnoticed");
        }
    }
}
