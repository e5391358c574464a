//! Looks after the files of certificates: taken anew when they change or when somebody asks, and shown with their ends.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::console::insight::Check;
use crate::domain::clock::Clock;
use crate::domain::moment::china_time;
use crate::inbound::tls::DoorTls;
use crate::journal::Journal;
use crate::journal::draft::Draft;
use crate::outbound::tls::files::Dated;
use crate::outbound::tls::kept::Look;
use crate::telemetry::metrics::Metrics;

use super::acts;
use super::build::Sets;

/// Between two looks at the files. New files must stand still for one look, so they are in use after two at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A certificate that ends sooner is shown as a warning.
const WARN_SECONDS: i64 = 30 * 86_400;
const SECOND_NS: i64 = 1_000_000_000;

/// Every set of files in use: who uses it, and the set.
pub(super) struct Certificates {
    doors: Sets,
    upstreams: RwLock<Sets>,
    asked: Notify,
    journal: Journal,
    clock: Arc<dyn Clock>,
}

impl Certificates {
    /// Those of the doors, by their sections, and of the upstreams.
    pub(super) fn new(
        doors: [(&str, Option<&DoorTls>); 2],
        upstreams: Sets,
        journal: Journal,
        clock: Arc<dyn Clock>,
    ) -> Certificates {
        let doors = doors.into_iter().filter_map(|(name, tls)| Some((name.to_owned(), tls?.renews())));
        let upstreams = RwLock::new(upstreams);
        Certificates { doors: doors.collect(), upstreams, asked: Notify::new(), journal, clock }
    }

    /// The upstreams have others now.
    pub(super) fn replace(&self, upstreams: Sets) {
        *self.upstreams.write().unwrap_or_else(PoisonError::into_inner) = upstreams;
    }

    fn sets(&self) -> Sets {
        let upstreams = self.upstreams.read().unwrap_or_else(PoisonError::into_inner);
        self.doors.iter().chain(upstreams.iter()).cloned().collect()
    }

    /// Reads all files again, whether they changed or not.
    pub(super) fn ask(&self) {
        self.asked.notify_one();
    }

    /// Looks at the files again and again, until `stop`.
    pub(super) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let asked = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.asked.notified() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            let looking = Arc::clone(&self);
            // A look that panics is told by the panic itself; the next one comes all the same.
            let renewed = tokio::task::spawn_blocking(move || looking.look(asked)).await.unwrap_or_default();
            for act in renewed {
                if let Err(error) = self.journal.append(act).await {
                    tracing::error!(%error, "that certificates were taken anew could not be journaled");
                }
            }
        }
    }

    /// The records of what was taken anew.
    fn look(&self, asked: bool) -> Vec<Draft> {
        let mut acts = Vec::new();
        for (user, set) in &self.sets() {
            let before = set.dated();
            match set.look(self.clock.unix_ns(), asked) {
                Look::Same => {}
                Look::Renewed => {
                    // Asked, a set is taken whether it changed or not.
                    if !asked || set.dated() != before {
                        acts.push(self.act(user, &before, &set.dated(), asked));
                    }
                    for file in set.dated() {
                        let until = until(&file);
                        tracing::info!(
                            user,
                            setting = file.key,
                            title = file.title,
                            until,
                            "certificates were taken anew"
                        );
                    }
                }
                Look::Refused(trouble) => {
                    tracing::error!(user, %trouble, "certificates on disk do not hold; those before stay in use");
                }
            }
        }
        acts
    }

    fn act(&self, user: &str, before: &[Dated], after: &[Dated], asked: bool) -> Draft {
        let shown = |file: Option<&Dated>| {
            file.map_or_else(|| "-".to_owned(), |file| format!("{} {} until {}", file.title, file.serial, until(file)))
        };
        let was = |key: &str| before.iter().find(|file| file.key == key);
        let line = |file: &Dated| format!("{}: {} -> {}", file.key, shown(was(file.key)), shown(Some(file)));
        let lines: Vec<String> = after.iter().map(line).collect();
        let who = if asked { acts::SIGNAL } else { acts::SELF };
        acts::draft(who, "certificates taken anew", user, &lines, self.clock.unix_ns())
    }

    /// A row per file in use, and one per set whose files on disk do not hold.
    pub(super) fn checks(&self) -> Vec<Check> {
        let now_unix_s = self.clock.unix_ns() / SECOND_NS;
        let mut checks = Vec::new();
        for (user, set) in &self.sets() {
            for file in set.dated() {
                let left = file.not_after_unix_s - now_unix_s;
                let until = until(&file);
                let detail = format!("{user} {}: {} until {until}, {} days", file.key, file.title, left / 86_400);
                checks.push(Check { name: "certificate", ok: true, warns: left < WARN_SECONDS, detail });
            }
            if let Some(trouble) = set.trouble() {
                let detail = format!("{user}: the files on disk are not in use: {trouble}");
                checks.push(Check { name: "certificate", ok: true, warns: true, detail });
            }
        }
        checks
    }

    pub(super) fn sample(&self, metrics: &Metrics) {
        metrics.forget_certificates();
        for (user, set) in &self.sets() {
            for file in set.dated() {
                metrics.certificate_ends(file.key, user, file.not_after_unix_s);
            }
            metrics.certificates_taken(user, set.counts());
        }
    }
}

fn until(file: &Dated) -> String {
    china_time(file.not_after_unix_s.saturating_mul(SECOND_NS))
}
