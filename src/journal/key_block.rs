//! A file of keys: a header, then one slot of 64 bytes per key, so that a slot can be overwritten without its neighbours.
//!
//! Little-endian. Header: magic 4, version 1, zero 3, first slot u64, slots u32, zero, crc32c at 60. Slot: state 1 (1 live,
//! 2 destroyed), wrapping 1 (0 clear), zero 2, wrapping key u32, key area 48 (16 used when clear), zero 4, crc32c at 60.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::entropy::Entropy;
use super::keys::{KeyError, SlotKey};
use super::private_file;

/// Bytes of the header and of each slot.
const CELL: usize = 64;
const CRC_AT: usize = 60;
const KEY_AT: usize = 8;
const KEY_LEN: usize = 16;
const MAGIC: [u8; 8] = *b"MGK1\x01\0\0\0";
const LIVE: u8 = 1;
const DESTROYED: u8 = 2;
const CLEAR: u8 = 0;

/// Which slots a file holds; its name says so, so that opening reads no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First slot, counted from 1.
    pub first: u64,
    /// Number of slots.
    pub slots: u32,
}

impl Span {
    /// Last slot.
    pub fn last(self) -> u64 {
        self.first + u64::from(self.slots) - 1
    }

    /// True when the file holds the slot.
    pub fn holds(self, slot: u64) -> bool {
        (self.first..=self.last()).contains(&slot)
    }

    /// `slots-FIRST-LAST.keys`, hexadecimal so that names sort.
    pub fn file_name(self) -> String {
        format!("slots-{:012x}-{:012x}.keys", self.first, self.last())
    }

    /// The span that a file name says, if it is one of ours.
    pub fn of_file_name(name: &str) -> Option<Span> {
        let (first, last) = name.strip_prefix("slots-")?.strip_suffix(".keys")?.split_once('-')?;
        let first = u64::from_str_radix(first, 16).ok()?;
        let last = u64::from_str_radix(last, 16).ok()?;
        let slots = u32::try_from(last.checked_sub(first)?.checked_add(1)?).ok()?;
        Some(Span { first, slots })
    }
}

/// A block in memory: all keys of one file.
pub struct Block {
    /// Which slots.
    pub span: Span,
    keys: Zeroizing<Vec<u8>>,
}

impl Block {
    /// Draws the keys and makes their file durable.
    ///
    /// # Errors
    /// When there is no entropy or the file cannot be written and synced.
    pub fn make(dir: &Path, span: Span, entropy: &dyn Entropy) -> io::Result<Block> {
        let mut keys = Zeroizing::new(vec![0; span.slots as usize * KEY_LEN]);
        entropy.fill(&mut keys)?;
        let mut file = Zeroizing::new(Vec::with_capacity(CELL * (span.slots as usize + 1)));
        file.extend_from_slice(&header(span));
        keys.chunks_exact(KEY_LEN).for_each(|key| file.extend_from_slice(live_cell(key).as_slice()));
        private_file::place(dir, &span.file_name(), &file)?;
        Ok(Block { span, keys })
    }

    /// The key of a slot of this block.
    pub fn key(&self, slot: u64) -> Option<SlotKey> {
        let at = usize::try_from(slot.checked_sub(self.span.first)?).ok()?.checked_mul(KEY_LEN)?;
        let key = self.keys.get(at..)?.first_chunk::<KEY_LEN>()?;
        Some(SlotKey::new(*key))
    }
}

/// Reads one key from its file.
///
/// # Errors
/// When the slot was destroyed or is damaged, or the file cannot be read.
pub fn read_slot(dir: &Path, span: Span, slot: u64) -> Result<SlotKey, KeyError> {
    let read = || -> io::Result<_> {
        let file = File::open(dir.join(span.file_name()))?;
        let (mut head, mut cell) = ([0; CELL], Zeroizing::new([0; CELL]));
        file.read_exact_at(&mut head, 0)?;
        file.read_exact_at(cell.as_mut_slice(), CELL as u64 * (slot - span.first + 1))?;
        Ok((head, cell))
    };
    let (head, cell) = read().map_err(|source| KeyError::Io { slot, source })?;
    if head != header(span) || !crc_holds(&cell) {
        return Err(KeyError::Damaged(slot));
    }
    match (cell[0], cell[1]) {
        (LIVE, CLEAR) => {
            let mut key = Zeroizing::new([0; KEY_LEN]);
            key.copy_from_slice(&cell[KEY_AT..KEY_AT + KEY_LEN]);
            Ok(SlotKey::new(*key))
        }
        (DESTROYED, _) => Err(KeyError::Destroyed(slot)),
        _ => Err(KeyError::LaterFormat(slot)),
    }
}

fn header(span: Span) -> [u8; CELL] {
    let mut cell = [0; CELL];
    cell[..8].copy_from_slice(&MAGIC);
    cell[8..16].copy_from_slice(&span.first.to_le_bytes());
    cell[16..20].copy_from_slice(&span.slots.to_le_bytes());
    with_crc(&mut cell);
    cell
}

fn live_cell(key: &[u8]) -> Zeroizing<[u8; CELL]> {
    let mut cell = Zeroizing::new([0; CELL]);
    cell[..2].copy_from_slice(&[LIVE, CLEAR]);
    cell[KEY_AT..KEY_AT + KEY_LEN].copy_from_slice(key);
    with_crc(&mut cell);
    cell
}

fn with_crc(cell: &mut [u8; CELL]) {
    let crc = crc32c::crc32c(&cell[..CRC_AT]);
    cell[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
}

fn crc_holds(cell: &[u8; CELL]) -> bool {
    crc32c::crc32c(&cell[..CRC_AT]).to_le_bytes() == cell[CRC_AT..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entropy::SeededEntropy;

    fn block(dir: &Path) -> Block {
        Block::make(dir, Span { first: 9, slots: 4 }, &SeededEntropy::new(3)).unwrap()
    }

    #[test]
    fn a_name_says_its_slots() {
        let span = Span { first: 4097, slots: 4096 };
        assert_eq!(span.file_name(), "slots-000000001001-000000002000.keys");
        assert_eq!(Span::of_file_name(&span.file_name()), Some(span));
        for wrong in ["index.secret", "slots-2-1.keys", "slots-1.keys", "slots-0-ffffffffffffffff.keys"] {
            assert_eq!(Span::of_file_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_file_gives_the_keys_of_the_block() {
        let dir = tempfile::tempdir().unwrap();
        let block = block(dir.path());
        for slot in 9..13 {
            let stored = read_slot(dir.path(), block.span, slot).unwrap();
            assert!(stored.same_as(&block.key(slot).unwrap()), "slot {slot}");
        }
        assert!(block.key(8).is_none() && block.key(13).is_none());
    }

    #[test]
    fn a_slot_is_destroyed_or_damaged_without_its_neighbours() {
        let dir = tempfile::tempdir().unwrap();
        let span = block(dir.path()).span;
        let path = dir.path().join(span.file_name());
        let mut bytes = std::fs::read(&path).unwrap();
        let mut gone = [0; CELL];
        gone[0] = DESTROYED;
        with_crc(&mut gone);
        bytes[2 * CELL..3 * CELL].copy_from_slice(&gone);
        bytes[3 * CELL + KEY_AT] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(read_slot(dir.path(), span, 9).is_ok());
        assert!(matches!(read_slot(dir.path(), span, 10), Err(KeyError::Destroyed(10))));
        assert!(matches!(read_slot(dir.path(), span, 11), Err(KeyError::Damaged(11))));
        assert!(read_slot(dir.path(), span, 12).is_ok());
    }
}
