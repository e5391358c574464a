//! The form of a body file: a header in the clear, then frames of 64 KiB, each encrypted and authenticated in its place.
//!
//! Header, 64 bytes, little-endian: magic 4, version 1, cipher 1, side 1, zero 1, frame bytes u32, zero 4, exchange id 16,
//! key slot u64, salt 16, zero 4, crc32c at 60. A frame is ciphertext and tag; only the last may be shorter, and says so in
//! what its tag binds, so that a file cut between frames is noticed. An empty body is one empty frame.

use crate::domain::exchange::ExchangeId;

use super::cipher::{Cipher, KeyedCipher, Nonce, TAG_LEN, WrongTag};
use super::keys::SlotKey;

/// Bytes of the body in a frame.
pub const FRAME_BYTES: usize = 64 * 1024;
/// Bytes of a full frame on disk.
pub const STORED_FRAME_BYTES: usize = FRAME_BYTES + TAG_LEN;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 64;
/// Bytes of the salt.
pub const SALT_BYTES: usize = 16;

const MAGIC: [u8; 4] = *b"MGB1";
const VERSION: u8 = 1;
const CRC_AT: usize = 60;
const FILE_KEY: &str = "body file";

/// Whose body it is. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Side {
    /// The request's.
    Req = 1,
    /// The answer's.
    Ans = 2,
}

impl Side {
    /// Ending of the file name.
    pub fn ending(self) -> &'static str {
        match self {
            Side::Req => "req",
            Side::Ans => "ans",
        }
    }
}

/// The header of a body file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyHeader {
    /// How its frames are encrypted.
    pub cipher: Cipher,
    /// Request or answer.
    pub side: Side,
    /// Its exchange.
    pub exchange: ExchangeId,
    /// Slot of the key pool that its key comes from.
    pub key_slot: u64,
    /// Random: a file written anew for the same exchange and side has another key.
    pub salt: [u8; SALT_BYTES],
}

impl BodyHeader {
    /// Writes it.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..4].copy_from_slice(&MAGIC);
        out[4..7].copy_from_slice(&[VERSION, self.cipher as u8, self.side as u8]);
        out[8..12].copy_from_slice(&(FRAME_BYTES as u32).to_le_bytes());
        out[16..32].copy_from_slice(&self.exchange.0);
        out[32..40].copy_from_slice(&self.key_slot.to_le_bytes());
        out[40..56].copy_from_slice(&self.salt);
        let crc = crc32c::crc32c(&out[..CRC_AT]);
        out[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads it; `None` when it is damaged or of another version.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<BodyHeader> {
        let header = BodyHeader {
            cipher: Cipher::from_code(bytes[5])?,
            side: [Side::Req, Side::Ans].into_iter().find(|side| *side as u8 == bytes[6])?,
            exchange: ExchangeId(bytes[16..32].try_into().ok()?),
            key_slot: u64::from_le_bytes(bytes[32..40].try_into().ok()?),
            salt: bytes[40..56].try_into().ok()?,
        };
        // Magic, version, frame length, zeros and crc in one comparison.
        (header.encode() == *bytes).then_some(header)
    }

    /// `EXCHANGE.req` or `EXCHANGE.ans`.
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.exchange, self.side.ending())
    }

    /// The cipher of its frames.
    pub fn frames(&self, slot: &SlotKey) -> FrameCipher {
        let header = self.encode();
        FrameCipher { keyed: self.cipher.keyed(slot, FILE_KEY, &[&header]), header, next: 0 }
    }
}

/// Encrypts or decrypts the frames of one file in their order.
pub struct FrameCipher {
    keyed: KeyedCipher,
    header: [u8; HEADER_BYTES],
    next: u32,
}

impl FrameCipher {
    /// Turns the next frame into its stored form: ciphertext, tag.
    pub fn seal(&mut self, frame: &mut Vec<u8>, last: bool) {
        let (nonce, bound) = self.step(last);
        let tag = self.keyed.encrypt(nonce, &bound, frame);
        frame.extend_from_slice(&tag);
    }

    /// Turns the next stored frame back.
    ///
    /// # Errors
    /// When it is not the frame written in this place of this file.
    pub fn open(&mut self, frame: &mut Vec<u8>, last: bool) -> Result<(), WrongTag> {
        let (nonce, bound) = self.step(last);
        let body_len = frame.len().checked_sub(TAG_LEN).ok_or(WrongTag)?;
        let tag = *frame.last_chunk().ok_or(WrongTag)?;
        frame.truncate(body_len);
        self.keyed.decrypt(nonce, &bound, frame, tag)
    }

    /// Frames so far.
    pub fn count(&self) -> u32 {
        self.next
    }

    fn step(&mut self, last: bool) -> (Nonce, [u8; HEADER_BYTES + 1]) {
        let (mut nonce, mut bound) = ([0; 12], [0; HEADER_BYTES + 1]);
        nonce[..4].copy_from_slice(&self.next.to_le_bytes());
        bound[..HEADER_BYTES].copy_from_slice(&self.header);
        bound[HEADER_BYTES] = u8::from(last);
        self.next += 1;
        (nonce, bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> BodyHeader {
        let exchange = ExchangeId([4; 16]);
        BodyHeader { cipher: Cipher::Sm4Gcm, side: Side::Ans, exchange, key_slot: 77, salt: [5; 16] }
    }

    #[test]
    fn a_header_reads_back_and_every_flipped_bit_is_noticed() {
        let stored = header().encode();
        assert_eq!(BodyHeader::decode(&stored), Some(header()));
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(BodyHeader::decode(&flipped), None, "bit {bit}");
        }
    }

    #[test]
    fn a_frame_opens_only_in_its_place_and_file() {
        let slot = SlotKey::new([9; 16]);
        let mut sealed = b"fee lines".to_vec();
        header().frames(&slot).seal(&mut sealed, true);
        let opens = |header: BodyHeader, skip: u32, last: bool| {
            let mut frames = header.frames(&slot);
            frames.next = skip;
            let mut copy = sealed.clone();
            frames.open(&mut copy, last).map(|()| copy).ok()
        };
        assert_eq!(opens(header(), 0, true).as_deref(), Some(&b"fee lines"[..]));
        assert_eq!(opens(header(), 0, false), None);
        assert_eq!(opens(header(), 1, true), None);
        assert_eq!(opens(BodyHeader { side: Side::Req, ..header() }, 0, true), None);
        assert_eq!(opens(BodyHeader { salt: [6; 16], ..header() }, 0, true), None);
    }
}
