//! A file of keys: a header, then one slot of 64 bytes per key, so that a slot can be overwritten without its neighbours.
//!
//! Little-endian. Header: magic 4, version 1, zero 3, first slot u64, slots u32, zero, crc32c at 60. Slot: state 1 (1 live,
//! 2 destroyed), wrapping 1 (0 clear, 1 by the pool key), zero 2, number of the pool key u32, key area 48 (16 used when clear,
//! 44 when wrapped), zero 4, crc32c at 60. Slots in the clear were written before keys were wrapped.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::entropy::Entropy;
use super::keys::{KeyError, SlotKey};
use super::pool_key::PoolKey;
use super::private_file;
use super::wrapping::MORE_LEN;

/// Bytes of the header and of each slot.
const CELL: usize = 64;
const CRC_AT: usize = 60;
const KEY_AT: usize = 8;
const KEY_LEN: usize = 16;
const WRAPPED_LEN: usize = KEY_LEN + MORE_LEN;
const MAGIC: [u8; 8] = *b"MGK1\x01\0\0\0";
const LIVE: u8 = 1;
const DESTROYED: u8 = 2;
const CLEAR: u8 = 0;
const WRAPPED: u8 = 1;

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

/// The spans of all files of a keys folder, by their first slot.
///
/// # Errors
/// When the folder cannot be read.
pub fn spans_in(dir: &Path) -> io::Result<BTreeMap<u64, Span>> {
    let mut spans = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        if let Some(span) = entry?.file_name().to_str().and_then(Span::of_file_name) {
            spans.insert(span.first, span);
        }
    }
    Ok(spans)
}

/// A block in memory: all keys of one file.
pub struct Block {
    /// Which slots.
    pub span: Span,
    keys: Zeroizing<Vec<u8>>,
}

/// Stands in memory for a key that was forgotten; no random key is this one.
const FORGOTTEN: [u8; KEY_LEN] = [0; KEY_LEN];

impl Block {
    /// Draws the keys and makes their file durable.
    ///
    /// # Errors
    /// When there is no entropy or the file cannot be written and synced.
    pub fn make(dir: &Path, span: Span, pool: &PoolKey, entropy: &dyn Entropy) -> io::Result<Block> {
        let mut keys = Zeroizing::new(vec![0; span.slots as usize * KEY_LEN]);
        entropy.fill(&mut keys)?;
        let mut file = Vec::with_capacity(CELL * (span.slots as usize + 1));
        file.extend_from_slice(&header(span));
        for (slot, key) in (span.first..).zip(keys.chunks_exact(KEY_LEN)) {
            file.extend_from_slice(&wrapped_cell(slot, key, pool, entropy)?);
        }
        private_file::place(dir, &span.file_name(), &file)?;
        Ok(Block { span, keys })
    }

    /// The key of a slot of this block; `None` when it was forgotten.
    pub fn key(&self, slot: u64) -> Option<SlotKey> {
        let at = usize::try_from(slot.checked_sub(self.span.first)?).ok()?.checked_mul(KEY_LEN)?;
        let key = self.keys.get(at..)?.first_chunk::<KEY_LEN>()?;
        (*key != FORGOTTEN).then(|| SlotKey::new(*key))
    }

    /// Forgets the key of a slot, where it is one of this block.
    pub fn forget(&mut self, slot: u64) {
        if self.span.holds(slot) {
            let at = (slot - self.span.first) as usize * KEY_LEN;
            self.keys[at..at + KEY_LEN].copy_from_slice(&FORGOTTEN);
        }
    }
}

/// Reads one key from its file. `pool` is none for a folder that was written before keys were wrapped.
///
/// # Errors
/// When the slot was destroyed or is damaged, or the file cannot be read.
pub fn read_slot(dir: &Path, span: Span, slot: u64, pool: Option<&PoolKey>) -> Result<SlotKey, KeyError> {
    let read = || -> io::Result<_> {
        let file = File::open(dir.join(span.file_name()))?;
        let (mut head, mut cell) = ([0; CELL], Zeroizing::new([0; CELL]));
        file.read_exact_at(&mut head, 0)?;
        file.read_exact_at(cell.as_mut_slice(), offset(span, slot))?;
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
        (LIVE, WRAPPED) => {
            let number = |pool: &&PoolKey| pool.number.to_le_bytes() == cell[4..8];
            let pool = pool.filter(number).ok_or(KeyError::Foreign(slot))?;
            let key = pool.unwrap(&bound(slot), &cell[KEY_AT..KEY_AT + WRAPPED_LEN]).ok_or(KeyError::Damaged(slot))?;
            key.first_chunk().map(|key| SlotKey::new(*key)).ok_or(KeyError::Damaged(slot))
        }
        (DESTROYED, _) => Err(KeyError::Destroyed(slot)),
        _ => Err(KeyError::LaterFormat(slot)),
    }
}

/// Destroys slots of one file: their cells are overwritten in their places, and that is durable when this returns.
///
/// # Errors
/// When the file is not the one of this span, or cannot be written and synced; some slots may be destroyed then.
pub fn destroy(dir: &Path, span: Span, slots: &[u64]) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(dir.join(span.file_name()))?;
    let mut head = [0; CELL];
    file.read_exact_at(&mut head, 0)?;
    if head != header(span) {
        let text = format!("{} is damaged; restore the keys folder from its backup", span.file_name());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut gone = [0; CELL];
    gone[0] = DESTROYED;
    with_crc(&mut gone);
    for slot in slots {
        file.write_all_at(&gone, offset(span, *slot))?;
    }
    file.sync_all()
}

/// How many slots of a file stand in the clear.
///
/// # Errors
/// When it cannot be read.
pub fn in_clear(dir: &Path, span: Span) -> io::Result<u32> {
    let file = Zeroizing::new(fs::read(dir.join(span.file_name()))?);
    Ok(file.as_chunks::<CELL>().0.iter().skip(1).filter(|cell| is_clear(cell)).count() as u32)
}

/// Wraps the slots of a file that stand in the clear; how many. The file is replaced whole.
///
/// # Errors
/// When there is no entropy, or the file cannot be read or written; the old file stands then.
pub fn wrap_clear(dir: &Path, span: Span, pool: &PoolKey, entropy: &dyn Entropy) -> io::Result<u32> {
    let mut file = Zeroizing::new(fs::read(dir.join(span.file_name()))?);
    let mut wrapped = 0;
    for (slot, cell) in (span.first..).zip(file.as_chunks_mut::<CELL>().0.iter_mut().skip(1)) {
        if is_clear(cell) {
            let key = Zeroizing::new(cell[KEY_AT..KEY_AT + KEY_LEN].to_vec());
            *cell = wrapped_cell(slot, &key, pool, entropy)?;
            wrapped += 1;
        }
    }
    if wrapped > 0 {
        private_file::place(dir, &span.file_name(), &file)?;
    }
    Ok(wrapped)
}

/// A damaged cell is left as it is: whoever needs it must hear of it.
fn is_clear(cell: &[u8; CELL]) -> bool {
    crc_holds(cell) && cell[..2] == [LIVE, CLEAR]
}

fn offset(span: Span, slot: u64) -> u64 {
    CELL as u64 * (slot - span.first + 1)
}

fn bound(slot: u64) -> [u8; 12] {
    let mut bound = *b"slot\0\0\0\0\0\0\0\0";
    bound[4..].copy_from_slice(&slot.to_le_bytes());
    bound
}

fn header(span: Span) -> [u8; CELL] {
    let mut cell = [0; CELL];
    cell[..8].copy_from_slice(&MAGIC);
    cell[8..16].copy_from_slice(&span.first.to_le_bytes());
    cell[16..20].copy_from_slice(&span.slots.to_le_bytes());
    with_crc(&mut cell);
    cell
}

fn wrapped_cell(slot: u64, key: &[u8], pool: &PoolKey, entropy: &dyn Entropy) -> io::Result<[u8; CELL]> {
    let mut cell = [0; CELL];
    cell[..2].copy_from_slice(&[LIVE, WRAPPED]);
    cell[4..8].copy_from_slice(&pool.number.to_le_bytes());
    cell[KEY_AT..KEY_AT + WRAPPED_LEN].copy_from_slice(&pool.wrap(&bound(slot), key, entropy)?);
    with_crc(&mut cell);
    Ok(cell)
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
        Block::make(dir, Span { first: 9, slots: 4 }, &PoolKey::for_tests(1), &SeededEntropy::new(3)).unwrap()
    }

    fn read(dir: &Path, slot: u64) -> Result<SlotKey, KeyError> {
        read_slot(dir, Span { first: 9, slots: 4 }, slot, Some(&PoolKey::for_tests(1)))
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
    fn the_file_gives_the_keys_of_the_block_to_who_has_the_pool_key() {
        let dir = tempfile::tempdir().unwrap();
        let block = block(dir.path());
        let bytes = fs::read(dir.path().join(block.span.file_name())).unwrap();
        for slot in 9..13 {
            let key = block.key(slot).unwrap();
            assert!(read(dir.path(), slot).unwrap().same_as(&key), "slot {slot}");
            for pool in [None, Some(PoolKey::for_tests(2))] {
                let foreign = read_slot(dir.path(), block.span, slot, pool.as_deref());
                assert!(matches!(foreign, Err(KeyError::Foreign(_))), "slot {slot}");
            }
            let at = (slot - 9) as usize * KEY_LEN;
            let key = &block.keys[at..at + KEY_LEN];
            assert!(!bytes.windows(KEY_LEN).any(|window| window == key), "slot {slot} stands in the clear");
        }
        assert!(block.key(8).is_none() && block.key(13).is_none());
        // A wrapped key is bound to its slot: two cells cannot change places.
        let mut swapped = bytes.clone();
        swapped[CELL..2 * CELL].copy_from_slice(&bytes[2 * CELL..3 * CELL]);
        fs::write(dir.path().join(block.span.file_name()), swapped).unwrap();
        assert!(matches!(read(dir.path(), 9), Err(KeyError::Damaged(9))));
    }

    #[test]
    fn a_slot_is_destroyed_or_damaged_without_its_neighbours() {
        let dir = tempfile::tempdir().unwrap();
        let mut block = block(dir.path());
        destroy(dir.path(), block.span, &[10]).unwrap();
        destroy(dir.path(), block.span, &[10]).unwrap();
        let path = dir.path().join(block.span.file_name());
        let mut bytes = fs::read(&path).unwrap();
        assert!(bytes[2 * CELL + 1..2 * CELL + CRC_AT].iter().all(|byte| *byte == 0), "nothing of the key is left");
        bytes[3 * CELL + KEY_AT] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(read(dir.path(), 9).is_ok());
        assert!(matches!(read(dir.path(), 10), Err(KeyError::Destroyed(10))));
        assert!(matches!(read(dir.path(), 11), Err(KeyError::Damaged(11))));
        assert!(read(dir.path(), 12).is_ok());
        block.forget(10);
        assert!(block.key(10).is_none() && block.key(11).is_some());
        bytes[0] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(destroy(dir.path(), block.span, &[9]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn slots_in_the_clear_are_read_and_wrapped_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let (span, pool) = (Span { first: 9, slots: 4 }, PoolKey::for_tests(1));
        let mut file = header(span).to_vec();
        for byte in 1..=4 {
            let mut cell = [0; CELL];
            cell[..2].copy_from_slice(&[LIVE, CLEAR]);
            cell[KEY_AT..KEY_AT + KEY_LEN].fill(byte);
            with_crc(&mut cell);
            file.extend_from_slice(&cell);
        }
        fs::write(dir.path().join(span.file_name()), &file).unwrap();
        destroy(dir.path(), span, &[12]).unwrap();
        let holds = |pool| {
            (9..12).all(|slot| {
                let expected = SlotKey::new([(slot - 8) as u8; KEY_LEN]);
                read_slot(dir.path(), span, slot, pool).is_ok_and(|key| key.same_as(&expected))
            })
        };
        assert!(holds(None) && holds(Some(&pool)));
        assert_eq!(in_clear(dir.path(), span).unwrap(), 3);
        assert_eq!(wrap_clear(dir.path(), span, &pool, &SeededEntropy::new(4)).unwrap(), 3);
        assert_eq!(wrap_clear(dir.path(), span, &pool, &SeededEntropy::new(5)).unwrap(), 0);
        assert_eq!(in_clear(dir.path(), span).unwrap(), 0);
        assert!(!holds(None) && holds(Some(&pool)));
        assert!(matches!(read_slot(dir.path(), span, 12, Some(&pool)), Err(KeyError::Destroyed(12))));
    }
}
