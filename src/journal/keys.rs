//! The key pool: random keys made and synced in blocks ahead of need, outside `journal/`, each destroyable on its own.
//!
//! Every opening begins a fresh block, so no slot is handed out twice, whatever a crash forgot; what is left of the old
//! blocks is skipped (64 bytes of disk a slot).

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sm3::Sm3;
use zeroize::Zeroizing;

use super::entropy::Entropy;
use super::key_block::{self, Block, Span, read_slot};
use super::pool_key::{PoolKey, UnlockError};
use super::private_file;

/// Slots of a block, where nobody says otherwise: 256 KiB on disk.
pub const BLOCK_SLOTS: u32 = 4096;
/// Used blocks whose keys stay in memory, for the outcomes of exchanges under way.
const RECENT_BLOCKS: usize = 8;
/// How long the stocker waits after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// A key of the pool. Never used itself: every use derives its own key, so that no two uses can share a nonce.
pub struct SlotKey(Zeroizing<[u8; 16]>);

impl SlotKey {
    pub(super) fn new(key: [u8; 16]) -> SlotKey {
        SlotKey(Zeroizing::new(key))
    }

    /// HMAC-SM3 of `purpose`, 0, `context` under this key.
    pub(super) fn derive(&self, purpose: &str, context: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        let mut mac = Hmac::<Sm3>::new_from_slice(self.0.as_slice()).expect("HMAC takes a key of any length");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        context.iter().for_each(|part| mac.update(part));
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    #[cfg(test)]
    pub(super) fn same_as(&self, other: &SlotKey) -> bool {
        self.0 == other.0
    }
}

impl fmt::Debug for SlotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlotKey(***)")
    }
}

/// A slot taken from the pool.
#[derive(Debug)]
pub struct Slot {
    /// Its number, counted from 1; stored in `key_slot`.
    pub number: u64,
    /// Its key.
    pub key: SlotKey,
}

/// Hands out slots and finds their keys again. A thread of its own makes the next block when half of one is used.
pub struct KeyPool {
    stock: Arc<Stock>,
    stocker: Option<JoinHandle<()>>,
}

struct Stock {
    dir: PathBuf,
    pool: Arc<PoolKey>,
    entropy: Arc<dyn Entropy>,
    block_slots: u32,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The block that slots are taken from, and how many are gone.
    current: Block,
    used: u32,
    /// The block after it, when it is durable.
    next: Option<Block>,
    /// Blocks before, newest last.
    recent: VecDeque<Block>,
    /// Every block on disk, by its first slot.
    spans: BTreeMap<u64, Span>,
    /// Blocks in use that nobody has journaled yet.
    unannounced: Vec<Span>,
    /// Why the last attempt to make a block failed.
    failure: Option<String>,
    stopping: bool,
}

impl KeyPool {
    /// Opens the keys folder and begins a fresh block of `block_slots` (≥ 1), which is durable when this returns.
    ///
    /// # Errors
    /// When the folder is open to others, or the first block cannot be made.
    pub fn open(dir: &Path, block_slots: u32, pool: Arc<PoolKey>, entropy: Arc<dyn Entropy>) -> io::Result<KeyPool> {
        private_file::private_dir(dir)?;
        let mut spans = key_block::spans_in(dir)?;
        let current = Block::make(dir, span_after(&spans, block_slots), &pool, &*entropy)?;
        spans.insert(current.span.first, current.span);
        let state = State {
            unannounced: vec![current.span],
            current,
            used: 0,
            next: None,
            recent: VecDeque::new(),
            spans,
            failure: None,
            stopping: false,
        };
        let changed = Condvar::new();
        let stock =
            Arc::new(Stock { dir: dir.to_owned(), pool, entropy, block_slots, state: Mutex::new(state), changed });
        let shared = Arc::clone(&stock);
        let stocker =
            std::thread::Builder::new().name("key-stocker".to_owned()).spawn(move || shared.keep_stocked())?;
        Ok(KeyPool { stock, stocker: Some(stocker) })
    }

    /// Takes a slot that nobody had before. Waits for the disk only when the next block is not ready yet.
    ///
    /// # Errors
    /// `NoBlock` when the pool is empty and the next block cannot be made.
    pub fn take(&self) -> Result<Slot, KeyError> {
        let mut state = self.stock.state();
        while state.used == state.current.span.slots {
            if !state.begin_next() {
                if let Some(why) = &state.failure {
                    return Err(KeyError::NoBlock(why.clone()));
                }
                state = self.stock.changed.wait(state).expect("no holder of the key pool's lock panics");
            }
        }
        let number = state.current.span.first + u64::from(state.used);
        let key = state.current.key(number).ok_or(KeyError::Unknown(number))?;
        state.used += 1;
        if state.wants_block() {
            self.stock.changed.notify_all();
        }
        Ok(Slot { number, key })
    }

    /// The key of a slot: from memory when it is young, else from its file.
    ///
    /// # Errors
    /// When the slot never was, was destroyed, is damaged or cannot be read.
    pub fn key(&self, slot: u64) -> Result<SlotKey, KeyError> {
        let state = self.stock.state();
        let blocks = std::iter::once(&state.current).chain(state.recent.iter().rev());
        if let Some(key) = blocks.into_iter().find_map(|block| block.key(slot)) {
            return Ok(key);
        }
        let span = state.span_of(slot);
        drop(state);
        read_slot(&self.stock.dir, span.ok_or(KeyError::Unknown(slot))?, slot, Some(&self.stock.pool))
    }

    /// Destroys slots, on disk and in memory; durable when this returns. A slot that is destroyed already stays so.
    ///
    /// # Errors
    /// `Unknown` before anything is destroyed; `Io` when the disk refuses: then some may be destroyed, and all are forgotten.
    pub fn destroy(&self, slots: &[u64]) -> Result<(), KeyError> {
        let mut state = self.stock.state();
        let mut by_file: BTreeMap<u64, (Span, Vec<u64>)> = BTreeMap::new();
        for slot in slots {
            let span = state.span_of(*slot).ok_or(KeyError::Unknown(*slot))?;
            by_file.entry(span.first).or_insert_with(|| (span, Vec::new())).1.push(*slot);
        }
        let State { current, next, recent, .. } = &mut *state;
        for block in std::iter::once(current).chain(next).chain(recent) {
            slots.iter().for_each(|slot| block.forget(*slot));
        }
        drop(state);
        for (span, slots) in by_file.values() {
            let io = |source| KeyError::Io { slot: slots.first().copied().unwrap_or(0), source };
            key_block::destroy(&self.stock.dir, *span, slots).map_err(io)?;
        }
        Ok(())
    }

    /// What its slots are wrapped by; wraps other secrets of the keys folder too (`secret_file`).
    pub fn pool_key(&self) -> &PoolKey {
        &self.stock.pool
    }

    /// First and last slot of the blocks that came into use since the last call: each belongs into a `KeySlots` record.
    /// When depends on the slots taken alone, not on the stocker's pace.
    pub fn unannounced(&self) -> Vec<(u64, u64)> {
        self.stock.state().unannounced.drain(..).map(|span| (span.first, span.last())).collect()
    }
}

impl Drop for KeyPool {
    fn drop(&mut self) {
        self.stock.state().stopping = true;
        self.stock.changed.notify_all();
        if let Some(stocker) = self.stocker.take() {
            // A panic in there has been printed already, and there is nobody left to tell.
            let _ = stocker.join();
        }
    }
}

impl Stock {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the key pool's lock panics")
    }

    fn keep_stocked(&self) {
        let mut state = self.state();
        loop {
            if state.stopping {
                return;
            }
            if !state.wants_block() {
                state = self.changed.wait(state).expect("no holder of the key pool's lock panics");
                continue;
            }
            let span = span_after(&state.spans, self.block_slots);
            drop(state);
            let made = Block::make(&self.dir, span, &self.pool, &*self.entropy);
            state = self.state();
            state.failure = made.as_ref().err().map(ToString::to_string);
            if let Ok(block) = made {
                state.spans.insert(span.first, span);
                state.next = Some(block);
            }
            self.changed.notify_all();
            if state.failure.is_some() && !state.stopping {
                let waited = self.changed.wait_timeout(state, RETRY);
                state = waited.expect("no holder of the key pool's lock panics").0;
            }
        }
    }
}

impl State {
    fn wants_block(&self) -> bool {
        self.next.is_none() && u64::from(self.used) * 2 >= u64::from(self.current.span.slots)
    }

    fn span_of(&self, slot: u64) -> Option<Span> {
        self.spans.range(..=slot).next_back().map(|(_, span)| *span).filter(|span| span.holds(slot))
    }

    fn begin_next(&mut self) -> bool {
        let Some(next) = self.next.take() else { return false };
        self.unannounced.push(next.span);
        let before = std::mem::replace(&mut self.current, next);
        self.used = 0;
        self.recent.push_back(before);
        if self.recent.len() > RECENT_BLOCKS {
            self.recent.pop_front();
        }
        true
    }
}

fn span_after(spans: &BTreeMap<u64, Span>, slots: u32) -> Span {
    let first = spans.values().next_back().map_or(1, |span| span.last() + 1);
    Span { first, slots }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No block holds this slot.
    #[error("key slot {0} is not in the keys folder")]
    Unknown(u64),
    /// Its key was destroyed: what it sealed is erased.
    #[error("erased by policy, 已按规定清除 (key slot {0} was destroyed)")]
    Destroyed(u64),
    /// Its bytes are not what was written.
    #[error("key slot {0} is damaged")]
    Damaged(u64),
    /// Wrapped or marked in a way this version does not know.
    #[error("key slot {0} was written by a later version")]
    LaterFormat(u64),
    /// Wrapped by another pool key than the one of this folder.
    #[error("key slot {0} is wrapped by a pool key that is not here; restore the whole keys folder from one backup")]
    Foreign(u64),
    /// The folder cannot be unlocked.
    #[error(transparent)]
    Locked(#[from] UnlockError),
    /// Its file cannot be read or written.
    #[error("key slot {slot} cannot be read or written")]
    Io {
        /// The slot.
        slot: u64,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// All slots are used and a new block cannot be made.
    #[error("no key is left and no new block can be made: {0}")]
    NoBlock(String),
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::journal::entropy::SeededEntropy;

    fn pool(dir: &Path, slots: u32) -> KeyPool {
        KeyPool::open(&dir.join("keys"), slots, PoolKey::for_tests(1), Arc::new(SeededEntropy::new(5))).unwrap()
    }

    #[test]
    fn no_slot_is_handed_out_twice_across_blocks_threads_and_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let mut seen = HashSet::new();
        for _ in 0..3 {
            let pool = pool(dir.path(), 8);
            let taken: Vec<u64> = std::thread::scope(|scope| {
                let takers: Vec<_> = (0..4)
                    .map(|_| scope.spawn(|| (0..25).map(|_| pool.take().unwrap().number).collect::<Vec<_>>()))
                    .collect();
                takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
            });
            assert_eq!(taken.len(), 100);
            for number in taken {
                assert!(number > 0 && seen.insert(number), "slot {number} came twice");
            }
        }
    }

    #[test]
    fn a_key_is_found_again_from_memory_and_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let first = pool(dir.path(), 4);
        let taken: Vec<Slot> = (0..60).map(|_| first.take().unwrap()).collect();
        assert!(taken.iter().all(|slot| first.key(slot.number).unwrap().same_as(&slot.key)));
        drop(first);
        let second = pool(dir.path(), 16);
        assert!(taken.iter().all(|slot| second.key(slot.number).unwrap().same_as(&slot.key)));
        let fresh = second.take().unwrap().number;
        assert!(taken.iter().all(|slot| slot.number < fresh));
        assert!(matches!(second.key(0), Err(KeyError::Unknown(0))));
        assert!(matches!(second.key(9_999), Err(KeyError::Unknown(9_999))));
    }

    #[test]
    fn a_destroyed_slot_is_gone_from_memory_and_disk_and_its_neighbours_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let first = pool(dir.path(), 4);
        let taken: Vec<Slot> = (0..60).map(|_| first.take().unwrap()).collect();
        assert!(matches!(first.destroy(&[1, 9_999]), Err(KeyError::Unknown(9_999))));
        assert!(first.key(1).is_ok(), "nothing is destroyed when a slot is unknown");
        // Of a block on disk alone, of one in memory, and of the one in use.
        let gone = [2, 3, 50, taken.last().unwrap().number];
        let check = |pool: &KeyPool| {
            for slot in &taken {
                match pool.key(slot.number) {
                    Err(KeyError::Destroyed(number)) => assert!(gone.contains(&number), "slot {number}"),
                    found => assert!(found.unwrap().same_as(&slot.key) && !gone.contains(&slot.number)),
                }
            }
        };
        first.destroy(&gone).unwrap();
        first.destroy(&gone[..2]).unwrap();
        check(&first);
        drop(first);
        check(&pool(dir.path(), 4));
    }

    #[test]
    fn every_block_is_announced_once() {
        let dir = tempfile::tempdir().unwrap();
        let pool = pool(dir.path(), 4);
        assert_eq!(pool.unannounced(), [(1, 4)]);
        (0..5).for_each(|_| drop(pool.take().unwrap()));
        assert_eq!(pool.unannounced(), [(5, 8)]);
        assert!(pool.unannounced().is_empty());
    }

    #[test]
    fn an_empty_pool_that_cannot_be_refilled_says_so_and_recovers() {
        struct Dry(AtomicBool, SeededEntropy);
        impl Entropy for Dry {
            fn fill(&self, out: &mut [u8]) -> io::Result<()> {
                if self.0.load(Ordering::SeqCst) { Err(io::Error::other("dry")) } else { self.1.fill(out) }
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let source = Arc::new(Dry(AtomicBool::new(false), SeededEntropy::new(1)));
        let pool =
            KeyPool::open(&dir.path().join("keys"), 2, PoolKey::for_tests(1), Arc::clone(&source) as Arc<dyn Entropy>);
        let pool = pool.unwrap();
        source.0.store(true, Ordering::SeqCst);
        (0..2).for_each(|_| drop(pool.take().unwrap()));
        assert!(matches!(pool.take(), Err(KeyError::NoBlock(why)) if why == "dry"));
        source.0.store(false, Ordering::SeqCst);
        pool.stock.changed.notify_all();
        let state = pool.stock.state();
        drop(pool.stock.changed.wait_while(state, |state| state.next.is_none()).unwrap());
        assert_eq!(pool.take().unwrap().number, 3);
    }
}
