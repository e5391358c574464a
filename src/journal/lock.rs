//! One process per data folder: a locked file beside `journal/`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Held as long as this process may write; the kernel lets go of it when the process ends in any way.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a data folder, which is made when absent.
    ///
    /// # Errors
    /// `Held` when another process has it.
    pub fn take(data: &Path) -> Result<Lock, LockError> {
        let path = data.join("lock");
        let locked = fs::create_dir_all(data)
            .and_then(|()| OpenOptions::new().write(true).create(true).truncate(false).open(&path))
            .map_err(TryLockError::Error)
            .and_then(|file| file.try_lock().map(|()| file));
        match locked {
            Ok(file) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held { path }),
            Err(TryLockError::Error(source)) => Err(LockError::Io { path, source }),
        }
    }
}

/// Why the lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process writes this journal.
    #[error(
        "{path} is locked: another medgate uses this data folder; two writers would tear the journal; \
         stop the other one or give this one its own `gateway.data`"
    )]
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// The file could not be made or locked.
    #[error("{path} cannot be locked, so the journal cannot be opened; give this user the right to write there")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the machine said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        assert!(matches!(Lock::take(folder.path()), Err(LockError::Held { .. })));
        drop(first);
        Lock::take(folder.path()).unwrap();
    }
}
