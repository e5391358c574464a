//! What was made of a set of files. When they change, the new set is made and judged first; the old one stays when the
//! new one does not hold.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};

use super::files::{Dated, Trouble, read};

/// What was made of a set of files, and the files' ends.
pub struct Made<T> {
    /// The outcome.
    pub config: Arc<T>,
    /// One row per file of certificates.
    pub dated: Vec<Dated>,
}

type Make<T> = dyn Fn(i64) -> Result<Made<T>, Trouble> + Send + Sync;
type Contents = [u8; 32];

/// A set of files in use.
pub struct Kept<T> {
    files: Vec<PathBuf>,
    make: Box<Make<T>>,
    made: ArcSwap<Made<T>>,
    looked: Mutex<Looked>,
    renewed: AtomicU64,
    refused: AtomicU64,
}

struct Looked {
    /// What was last made, or tried.
    tried: Contents,
    /// What the last look saw, when that was something else.
    seen: Option<Contents>,
    trouble: Option<Trouble>,
}

/// What a look at the files came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Nothing is new, or it still changes.
    Same,
    /// The new files are in use.
    Renewed,
    /// The new files do not hold; those before stay in use.
    Refused(Trouble),
}

/// A set of files as whoever looks after them sees it.
pub trait Renews: Send + Sync {
    /// Reads the files, and takes them when they have changed and then stood still from one look to the next; when
    /// `asked`, at once. Reads files: not for a task.
    fn look(&self, now_unix_ns: i64, asked: bool) -> Look;
    /// The ends of what is in use.
    fn dated(&self) -> Vec<Dated>;
    /// Why the files on disk are not in use, when they are not.
    fn trouble(&self) -> Option<Trouble>;
    /// How often new files were taken, and how often not.
    fn counts(&self) -> (u64, u64);
}

impl<T> Kept<T> {
    /// Makes the first set. `make` is told the time.
    ///
    /// # Errors
    /// When the files do not hold.
    pub fn open(
        files: Vec<PathBuf>,
        now_unix_ns: i64,
        make: impl Fn(i64) -> Result<Made<T>, Trouble> + Send + Sync + 'static,
    ) -> Result<Kept<T>, Trouble> {
        let tried = contents(&files);
        let made = ArcSwap::from_pointee(make(now_unix_ns)?);
        let looked = Mutex::new(Looked { tried, seen: None, trouble: None });
        Ok(Kept { files, make: Box::new(make), made, looked, renewed: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    /// What is in use now.
    pub fn config(&self) -> Arc<T> {
        Arc::clone(&self.made.load().config)
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + Sync> Renews for Kept<T> {
    fn look(&self, now_unix_ns: i64, asked: bool) -> Look {
        let now = contents(&self.files);
        let mut looked = self.looked();
        if !asked {
            let before = looked.seen.replace(now);
            // Certificate and key are two files: a set that still changes is not judged.
            if now == looked.tried || before != Some(now) {
                return Look::Same;
            }
        }
        looked.tried = now;
        match (self.make)(now_unix_ns) {
            Ok(made) => {
                self.made.store(Arc::new(made));
                looked.trouble = None;
                self.renewed.fetch_add(1, Ordering::Relaxed);
                Look::Renewed
            }
            Err(trouble) => {
                looked.trouble = Some(trouble.clone());
                self.refused.fetch_add(1, Ordering::Relaxed);
                Look::Refused(trouble)
            }
        }
    }

    fn dated(&self) -> Vec<Dated> {
        self.made.load().dated.clone()
    }

    fn trouble(&self) -> Option<Trouble> {
        self.looked().trouble.clone()
    }

    fn counts(&self) -> (u64, u64) {
        (self.renewed.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

/// A digest over all files; one that cannot be read counts as empty.
fn contents(files: &[PathBuf]) -> Contents {
    let mut digest = Sha256::new();
    for file in files {
        let bytes = read("certificate", file).unwrap_or_default();
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(&*bytes);
    }
    digest.finalize().into()
}
