//! Copies of each checkpoint where a rolled-back disk does not take them along: a folder elsewhere, an address that takes a POST.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use bytes::Bytes;
use http::Extensions;

use crate::outbound::{Flow, Heard, Outgoing, Platform};

use super::log;

/// A share that hangs, or an address that does not answer, is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Statuses that say that the copy was taken.
const TAKEN: std::ops::Range<u16> = 200..300;

/// An address that takes each checkpoint by POST.
pub struct Address {
    /// How it is reached: one `[upstream.*]` section.
    pub platform: Arc<dyn Platform>,
    /// Path of its URL.
    pub target: String,
}

/// Where copies go.
pub struct Anchors {
    file: Option<Arc<Mutex<PathBuf>>>,
    address: Option<Address>,
}

impl Anchors {
    /// Copies go to a file in `dir`, named after the journal (when `dir` is not empty), and to `address`.
    pub fn new(dir: &Path, journal_id: [u8; 16], address: Option<Address>) -> Anchors {
        let file = (!dir.as_os_str().is_empty()).then(|| dir.join(file_name(journal_id)));
        Anchors { file: file.map(|path| Arc::new(Mutex::new(path))), address }
    }

    /// True when there is one at all.
    pub fn any(&self) -> bool {
        self.file.is_some() || self.address.is_some()
    }

    /// Copies a note to each place.
    ///
    /// # Errors
    /// Every place that did not take it, and why.
    pub async fn copy(&self, note: &str) -> Result<(), String> {
        let (to_file, to_address) = tokio::join!(self.to_file(note), self.to_address(note));
        match (to_file, to_address) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(one), Err(other)) => Err(format!("{one}; {other}")),
            (Err(why), Ok(())) | (Ok(()), Err(why)) => Err(why),
        }
    }

    async fn to_file(&self, note: &str) -> Result<(), String> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let note = note.to_owned();
        let writing = tokio::task::spawn_blocking(move || match file.try_lock() {
            Ok(path) => log::append(&path, &note).map_err(|error| format!("{}: {error}", path.display())),
            Err(TryLockError::WouldBlock) => Err("the folder of anchors still hangs in an earlier copy".to_owned()),
            Err(TryLockError::Poisoned(_)) => Err("an earlier copy panicked".to_owned()),
        });
        let hangs = || "the folder of anchors does not answer".to_owned();
        tokio::time::timeout(PATIENCE, writing).await.map_err(|_| hangs())?.map_err(|error| error.to_string())?
    }

    async fn to_address(&self, note: &str) -> Result<(), String> {
        let Some(address) = &self.address else { return Ok(()) };
        let content_type = (Bytes::from_static(b"Content-Type"), Bytes::from_static(b"text/plain; charset=utf-8"));
        let outgoing = Outgoing {
            method: "POST".to_owned(),
            target: Bytes::from(address.target.clone()),
            headers: vec![content_type],
            carried: Extensions::new(),
            body: Flow::Whole(Bytes::from(note.to_owned())),
        };
        let heard = tokio::time::timeout(PATIENCE, address.platform.call(outgoing)).await;
        match heard.map_err(|_| "the address of anchors does not answer".to_owned())? {
            Heard::Reply(replied) if TAKEN.contains(&replied.head.status) => Ok(()),
            Heard::Reply(replied) => Err(format!("the address of anchors answers {}", replied.head.status)),
            Heard::NeverSent(never) => Err(format!("the address of anchors: {}", never.why)),
            Heard::Silence(_) => Err("the address of anchors broke off".to_owned()),
        }
    }

    /// The most records that any copy in the last bytes of the folder's file speaks of; `None` without one that can be read.
    pub fn largest_size(&self, last_bytes: u64) -> Option<u64> {
        let path = self.file.as_ref()?.lock().ok()?.clone();
        log::largest(&path, last_bytes).ok()?
    }
}

/// `medgate-JOURNAL.checkpoints`.
pub fn file_name(journal_id: [u8; 16]) -> String {
    format!("medgate-{}.checkpoints", hex::encode(journal_id))
}
