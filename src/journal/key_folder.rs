//! The keys folder read by a tool: finds keys again and makes none, so that it may stand beside a running gateway.

use std::path::{Path, PathBuf};

use super::key_block::{Span, read_slot};
use super::keys::{KeyError, KeyPool, SlotKey};

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

/// A keys folder that is only read.
#[derive(Debug, Clone)]
pub struct KeyFolder {
    dir: PathBuf,
}

impl KeyFolder {
    /// The folder need not exist: then no key is found.
    pub fn at(dir: &Path) -> KeyFolder {
        KeyFolder { dir: dir.to_owned() }
    }
}

impl Keys for KeyFolder {
    fn key(&self, slot: u64) -> Result<SlotKey, KeyError> {
        let unread = |source| KeyError::Io { slot, source };
        for entry in std::fs::read_dir(&self.dir).map_err(unread)? {
            let span = entry.map_err(unread)?.file_name().to_str().and_then(Span::of_file_name);
            if let Some(span) = span.filter(|span| span.holds(slot)) {
                return read_slot(&self.dir, span, slot);
            }
        }
        Err(KeyError::Unknown(slot))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::entropy::SeededEntropy;
    use super::*;

    #[test]
    fn a_tool_finds_the_keys_of_the_pool_and_makes_none() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        let pool = KeyPool::open(&keys, 4, Arc::new(SeededEntropy::new(7))).unwrap();
        let slot = pool.take().unwrap();
        let files = || std::fs::read_dir(&keys).unwrap().count();
        let before = files();
        let found = KeyFolder::at(&keys).key(slot.number).unwrap();
        assert!(found.same_as(&slot.key), "another key");
        assert!(matches!(KeyFolder::at(&keys).key(99), Err(KeyError::Unknown(99))));
        assert!(matches!(KeyFolder::at(&dir.path().join("none")).key(1), Err(KeyError::Io { .. })));
        assert_eq!(files(), before);
    }
}
