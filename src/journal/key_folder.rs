//! The keys folder read by a tool: finds keys again and makes none, so that it may stand beside a running gateway.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use zeroize::Zeroizing;

use super::entropy::Entropy;
use super::key_block::{self, Span, read_slot};
use super::keys::{KeyError, KeyPool, SlotKey};
use super::master::Master;
use super::pool_key::{PoolKey, UnlockError};
use super::secret_file;
use super::tokens::{SecretError, Tokens};

/// Where keys are found again.
pub trait Keys {
    /// The key of a slot.
    ///
    /// # Errors
    /// When the slot never was, was destroyed, is damaged or cannot be read.
    fn key(&self, slot: u64) -> Result<SlotKey, KeyError>;
}

impl Keys for KeyPool {
    fn key(&self, slot: u64) -> Result<SlotKey, KeyError> {
        KeyPool::key(self, slot)
    }
}

/// A keys folder that is only read. It is unlocked when the first key is asked for, and listed when a key is asked for that
/// stands in no file known so far.
#[derive(Debug, Clone)]
pub struct KeyFolder {
    dir: PathBuf,
    master: Master,
    pool: OnceLock<Option<Arc<PoolKey>>>,
    spans: Arc<Mutex<BTreeMap<u64, Span>>>,
}

impl KeyFolder {
    /// The folder need not exist: then no key is found.
    pub fn at(dir: &Path, master: Master) -> KeyFolder {
        KeyFolder { dir: dir.to_owned(), master, pool: OnceLock::new(), spans: Arc::default() }
    }

    /// Makes tokens under the index secret of the folder.
    ///
    /// # Errors
    /// When the folder cannot be unlocked or the secret not be read.
    pub fn tokens(&self) -> Result<Tokens, TokensError> {
        Ok(Tokens::read(&self.dir, self.unlocked()?)?)
    }

    /// A small secret of the folder; `None` when there is no such file.
    ///
    /// # Errors
    /// When the folder cannot be unlocked or the secret not be read.
    pub fn secret(&self, name: &'static str) -> Result<Option<Zeroizing<Vec<u8>>>, TokensError> {
        Ok(secret_file::read(&self.dir, name, self.unlocked()?)?.map(|kept| kept.secret))
    }

    /// The file that holds a slot; the gateway may have made it since the folder was listed.
    fn span_of(&self, slot: u64) -> io::Result<Option<Span>> {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if span_in(&spans, slot).is_none() {
            *spans = key_block::spans_in(&self.dir)?;
        }
        Ok(span_in(&spans, slot))
    }

    /// The pool key; none in a folder that was written before keys were wrapped.
    fn unlocked(&self) -> Result<Option<&PoolKey>, UnlockError> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool.as_deref());
        }
        let pool = PoolKey::read(&self.dir, &self.master)?.map(Arc::new);
        Ok(self.pool.get_or_init(|| pool).as_deref())
    }
}

impl Keys for KeyFolder {
    fn key(&self, slot: u64) -> Result<SlotKey, KeyError> {
        let span = self.span_of(slot).map_err(|source| KeyError::Io { slot, source })?;
        read_slot(&self.dir, span.ok_or(KeyError::Unknown(slot))?, slot, self.unlocked()?)
    }
}

fn span_in(spans: &BTreeMap<u64, Span>, slot: u64) -> Option<Span> {
    spans.range(..=slot).next_back().map(|(_, span)| *span).filter(|span| span.holds(slot))
}

/// How many slots of a keys folder stand in the clear: those that were written before keys were wrapped.
///
/// # Errors
/// When a file cannot be read.
pub fn in_clear(keys: &Path) -> io::Result<u64> {
    let spans = key_block::spans_in(keys)?;
    spans.values().map(|span| key_block::in_clear(keys, *span).map(u64::from)).sum()
}

/// How many of these slots are not destroyed. Needs no master key; a slot whose file is not there does not stand.
pub fn standing(keys: &Path, slots: impl Iterator<Item = u64>) -> u64 {
    let Ok(spans) = key_block::spans_in(keys) else { return 0 };
    let stands = |slot: &u64| {
        let found = span_in(&spans, *slot).map(|span| read_slot(keys, span, *slot, None));
        matches!(found, Some(Ok(_) | Err(KeyError::Foreign(_))))
    };
    slots.filter(stands).count() as u64
}

/// Wraps every slot of a keys folder that stands in the clear. Nobody else may write there meanwhile.
///
/// # Errors
/// When the folder does not open, or a file cannot be read or written; run again, it goes on.
pub fn wrap_clear(keys: &Path, master: &Master, entropy: &dyn Entropy) -> Result<u64, UnlockError> {
    let pool = PoolKey::read(keys, master)?.ok_or(UnlockError::Missing)?;
    let mut wrapped = 0;
    for span in key_block::spans_in(keys)?.values() {
        wrapped += u64::from(key_block::wrap_clear(keys, *span, &pool, entropy)?);
    }
    Ok(wrapped)
}

/// Why a tool makes no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The folder.
    #[error(transparent)]
    Locked(#[from] UnlockError),
    /// The secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::super::entropy::{SeededEntropy, SystemEntropy};
    use super::super::private_file;
    use super::*;

    #[test]
    fn a_tool_finds_the_keys_of_the_pool_and_makes_none() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        private_file::private_dir(&keys).unwrap();
        let key = PoolKey::open(&keys, &Master::Beside, false, &SystemEntropy).unwrap();
        let pool = KeyPool::open(&keys, 4, Arc::new(key), Arc::new(SeededEntropy::new(7))).unwrap();
        let slot = pool.take().unwrap();
        let files = || std::fs::read_dir(&keys).unwrap().count();
        let before = files();
        let folder = KeyFolder::at(&keys, Master::Beside);
        assert!(folder.key(slot.number).unwrap().same_as(&slot.key), "another key");
        assert!(matches!(folder.key(99), Err(KeyError::Unknown(99))));
        assert_eq!(files(), before);
        (0..3).for_each(|_| drop(pool.take().unwrap()));
        let later = pool.take().unwrap();
        assert!(folder.key(later.number).unwrap().same_as(&later.key), "in a file that was made since");
        let wrong = KeyFolder::at(&keys, Master::Key(Zeroizing::new([9; 16])));
        assert!(matches!(wrong.key(slot.number), Err(KeyError::Locked(UnlockError::WrongMaster { .. }))));
        let none = KeyFolder::at(&dir.path().join("none"), Master::Beside);
        assert!(matches!(none.key(1), Err(KeyError::Io { .. })));
    }
}
