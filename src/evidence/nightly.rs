//! The gateway verifies its own journal once a day, at an hour when nobody pays: a verifier that nobody runs proves nothing.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::clock::Clock;
use crate::domain::moment::china_time;
use crate::journal::Journal;
use crate::signing::sm2::Verifier;

use super::anchor;
use super::settings::Settings;
use super::verify::{Asked, verify};

/// Between two looks at the clock.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the last check found.
#[derive(Debug, Default)]
pub struct Gauges {
    /// When it ended, unix ns; 0 for never.
    pub verified_at_unix_ns: AtomicI64,
    /// It found damage.
    pub damaged: AtomicBool,
}

/// Verifies one journal day by day.
pub struct Nightly {
    data: PathBuf,
    key: Verifier,
    anchor: Option<PathBuf>,
    hour: u64,
    clock: Arc<dyn Clock>,
    gauges: Gauges,
    turn: Arc<Mutex<()>>,
}

impl Nightly {
    /// Over an open journal, held to `key` and to the folder of anchors.
    pub fn new(journal: &Journal, data: &Path, key: Verifier, settings: &Settings, clock: Arc<dyn Clock>) -> Nightly {
        let anchor = (!settings.anchor_dir.as_os_str().is_empty())
            .then(|| settings.anchor_dir.join(anchor::file_name(journal.id())));
        let (gauges, turn) = (Gauges::default(), Arc::default());
        Nightly { data: data.to_owned(), key, anchor, hour: settings.verify_hour, clock, gauges, turn }
    }

    /// Held while the journal is verified: whoever takes segments away waits for it, or comes again.
    pub fn turn(&self) -> Arc<Mutex<()>> {
        Arc::clone(&self.turn)
    }

    /// What it found.
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// Checks once in every day's hour, until `stop`; after a clean check, `then` is called in the same turn.
    pub async fn keep(self: Arc<Self>, then: Arc<dyn Fn() + Send + Sync>, stop: CancellationToken) {
        let mut done = String::new();
        loop {
            let now = china_time(self.clock.unix_ns());
            let (day, hour) = (&now[..10], now[11..13].parse::<u64>().ok());
            if hour == Some(self.hour) && day != done {
                day.clone_into(&mut done);
                let (checking, then) = (Arc::clone(&self), Arc::clone(&then));
                // A check that panics is told by the panic itself; the next day comes all the same.
                let checked = tokio::task::spawn_blocking(move || {
                    let _turn = checking.turn.lock().unwrap_or_else(PoisonError::into_inner);
                    if checking.check() {
                        then();
                    }
                });
                let _checked = checked.await;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// True when nothing is damaged.
    fn check(&self) -> bool {
        let keys = std::slice::from_ref(&self.key);
        // A share that is away is the notary's trouble: it says so with every copy.
        let anchor = self.anchor.as_deref().filter(|anchor| anchor.is_file());
        match verify(&Asked { data: &self.data, keys, anchor }) {
            Ok(verdict) => {
                let damaged = !verdict.harms.is_empty();
                self.gauges.damaged.store(damaged, Ordering::Relaxed);
                self.gauges.verified_at_unix_ns.store(self.clock.unix_ns(), Ordering::Relaxed);
                for harm in &verdict.harms {
                    tracing::error!(
                        ?harm,
                        "the journal is damaged; keep the data folder as it is, run `medgate-verify`"
                    );
                }
                tracing::info!(records = verdict.records, last = verdict.last.0, damaged, "the journal was verified");
                !damaged
            }
            Err(error) => {
                tracing::error!(%error, "the journal cannot be verified");
                false
            }
        }
    }
}
