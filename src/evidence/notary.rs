//! Seals the journal while the gateway runs: a checkpoint at least every so often, at each segment end, and at the stop.
//!
//! It works beside the line: the writer keeps the edge of the tree, and the notary signs its root.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::clock::Clock;
use crate::journal::Journal;
use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::signing::sm2::{SignError, Signer};

use super::anchor::{Address, Anchors};
use super::checkpoint::Checkpoint;
use super::log::Log;
use super::seal_key::{self, SealKeyError};
use super::settings::Settings;

/// Between two looks whether a segment came to its end.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const SECOND_NS: i64 = 1_000_000_000;
/// How much of the anchor's file is looked at before the gateway starts: the last hours.
const LAST_COPIES_BYTES: u64 = 64 * 1024;

/// What the notary counts.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Records that the last checkpoint covers.
    pub sealed_size: AtomicU64,
    /// When it was made, unix ns.
    pub sealed_at_unix_ns: AtomicI64,
    /// Checkpoints that could not be made or kept.
    pub failures: AtomicU64,
    /// When the last copy outside was made, unix ns; 0 for never.
    pub anchored_at_unix_ns: AtomicI64,
    /// Copies that some anchor did not take.
    pub anchor_failures: AtomicU64,
    /// Records that an anchor knows and this journal does not; 0 unless the disk was set back.
    pub set_back: AtomicU64,
}

/// Signs checkpoints over one journal.
pub struct Notary {
    journal: Journal,
    signer: Arc<dyn Signer>,
    log: Arc<Log>,
    anchors: Anchors,
    every: Duration,
    clock: Arc<dyn Clock>,
    gauges: Gauges,
    /// Records that stood there at the opening.
    opened_with: u64,
}

impl Notary {
    /// Opens the log and the key of an open journal. Blocks; call it off the runtime. What the anchor's folder last heard is
    /// held against the journal at once, all that it ever heard when [`Notary::keep`] begins.
    ///
    /// # Errors
    /// When key or log cannot be read or made.
    pub fn open(
        journal: Journal,
        data: &Path,
        settings: &Settings,
        address: Option<Address>,
        clock: Arc<dyn Clock>,
    ) -> Result<Notary, NotaryError> {
        let anchors = Anchors::new(&settings.anchor_dir, journal.id(), address);
        let notary = Notary {
            signer: Arc::new(seal_key::open(data, &journal)?),
            log: Arc::new(Log::open(data)?),
            opened_with: journal.tree().size(),
            journal,
            anchors,
            every: Duration::from_secs(settings.every_seconds),
            clock,
            gauges: Gauges::default(),
        };
        notary.look_at_copies(LAST_COPIES_BYTES);
        Ok(notary)
    }

    /// An anchor that knows more records than stood there at the opening says that the disk was set back.
    fn look_at_copies(&self, last_bytes: u64) {
        let known = self.anchors.largest_size(last_bytes).unwrap_or(0);
        let set_back = known.saturating_sub(self.opened_with);
        if set_back > self.gauges.set_back.fetch_max(set_back, Ordering::Relaxed) {
            tracing::error!(
                records = set_back,
                "an anchor knows records that this journal does not hold: it was set back to an older state; run `medgate-verify`"
            );
        }
    }

    /// The public half of the key that seals.
    pub fn public(&self) -> [u8; 64] {
        self.signer.public()
    }

    /// What it counts.
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// How often it seals.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// Whether copies go anywhere.
    pub fn is_anchored(&self) -> bool {
        self.anchors.any()
    }

    /// Seals at once, and then again and again until `stop`.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        // Years of copies, perhaps on a slow share: nothing waits for it.
        let looking = Arc::clone(&self);
        drop(tokio::task::spawn_blocking(move || looking.look_at_copies(u64::MAX)));
        let mut sealed = None;
        loop {
            let now = (self.clock.mono_ns(), self.journal.segment_no());
            let due = sealed.is_none_or(|(at_ns, segment_no)| {
                segment_no != now.1 || Duration::from_nanos(now.0.saturating_sub(at_ns)) >= self.every
            });
            if due {
                sealed = Some(now);
                self.seal().await;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Signs what is durable now, and journals the checkpoint.
    pub async fn seal(&self) {
        let Some(note) = self.sign().await else { return };
        let mut draft = Draft::new(Kind::Checkpoint);
        draft.header.at_unix_ns = self.clock.unix_ns();
        draft.facts.text(Fact::Text, &note);
        if let Err(error) = self.journal.append_with_next(draft).await {
            self.failed(&error);
        }
        self.copy(&note).await;
    }

    /// The last checkpoint, over a journal that is closed.
    pub async fn seal_closed(&self) {
        if let Some(note) = self.sign().await {
            self.copy(&note).await;
        }
    }

    async fn sign(&self) -> Option<String> {
        let tree = self.journal.tree();
        let now_ns = self.clock.unix_ns();
        let checkpoint = Checkpoint {
            journal_id: self.journal.id(),
            size: tree.size(),
            root: tree.root(),
            time: now_ns / SECOND_NS,
        };
        let (signer, log) = (Arc::clone(&self.signer), Arc::clone(&self.log));
        let signed = tokio::task::spawn_blocking(move || -> Result<String, SealError> {
            let note = checkpoint.sign(&*signer)?;
            log.append(&note)?;
            Ok(note)
        });
        let note = match signed.await {
            Ok(Ok(note)) => note,
            Ok(Err(error)) => return self.failed(&error),
            Err(error) => return self.failed(&error),
        };
        self.gauges.sealed_size.store(tree.size(), Ordering::Relaxed);
        self.gauges.sealed_at_unix_ns.store(now_ns, Ordering::Relaxed);
        Some(note)
    }

    async fn copy(&self, note: &str) {
        match self.anchors.copy(note).await {
            Ok(()) if self.anchors.any() => {
                self.gauges.anchored_at_unix_ns.store(self.clock.unix_ns(), Ordering::Relaxed);
            }
            Ok(()) => {}
            Err(why) => {
                self.gauges.anchor_failures.fetch_add(1, Ordering::Relaxed);
                tracing::error!(why, "a checkpoint was not copied to its anchor; the next one is tried all the same");
            }
        }
    }

    fn failed(&self, error: &dyn std::error::Error) -> Option<String> {
        self.gauges.failures.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%error, "a checkpoint was not made; calls go on, and the next one covers what this one did not");
        None
    }
}

#[derive(Debug, thiserror::Error)]
enum SealError {
    #[error("the key cannot sign: {0}")]
    Sign(#[from] SignError),
    #[error("journal/checkpoints cannot be written: {0}")]
    Log(#[from] io::Error),
}

/// Why nothing can be sealed.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    /// The key.
    #[error(transparent)]
    Key(#[from] SealKeyError),
    /// The log.
    #[error("journal/checkpoints cannot be read")]
    Log(#[from] io::Error),
}
