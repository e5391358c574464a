//! How full the journal's disk is, how fast the journal grows, and how long that goes well: told long before intents are refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;

use crate::config::settings::RetentionSettings;
use crate::console::insight::Check;
use crate::domain::clock::Clock;
use crate::domain::moment::days_ns;
use crate::exchange::Line;
use crate::journal::disk::{Disk, RealDisk};
use crate::journal::segment::{self, read_header};
use crate::journal::{BODIES, Journal};

/// Between two looks at the disk.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Looks between two countings of what the journal grew by.
const COUNT_EVERY: u64 = 60;
/// Growth is that of so many days.
const DAYS: u64 = 7;
/// Stands for "longer than anybody plans".
const DAYS_MAX: u64 = 36_500;
const MIB: u64 = 1 << 20;

/// Watches one disk.
pub(super) struct DiskWatch {
    data: PathBuf,
    journal: Journal,
    clock: Arc<dyn Clock>,
    free_min: u64,
    days_min: u64,
    /// Bytes that are left, and bytes that a day takes.
    free: AtomicU64,
    per_day: AtomicU64,
    seen: AtomicBool,
    low: AtomicBool,
}

impl DiskWatch {
    /// Watches until `stop`.
    pub(super) fn start(
        data: &Path,
        line: &Line,
        settings: &RetentionSettings,
        stop: &CancellationToken,
    ) -> Arc<DiskWatch> {
        let watch = Arc::new(DiskWatch {
            data: data.to_owned(),
            journal: line.journal.clone(),
            clock: Arc::clone(&line.clock),
            free_min: settings.disk_free_bytes_min,
            days_min: settings.disk_days_min,
            free: AtomicU64::new(0),
            per_day: AtomicU64::new(0),
            seen: AtomicBool::new(false),
            low: AtomicBool::new(false),
        });
        tokio::spawn(Arc::clone(&watch).keep(stop.clone()));
        watch
    }

    /// Looks again and again, until `stop`.
    async fn keep(self: Arc<Self>, stop: CancellationToken) {
        for look in 0u64.. {
            let watch = Arc::clone(&self);
            // A look that hangs on a dead share keeps nobody waiting but the next look.
            let _looked = tokio::task::spawn_blocking(move || watch.look(look % COUNT_EVERY == 0)).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn look(&self, counts: bool) {
        let free = match rustix::fs::statvfs(&self.data) {
            Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
            Err(error) => return tracing::warn!(%error, "the journal's disk does not say how full it is"),
        };
        self.free.store(free, Ordering::Relaxed);
        if counts {
            self.per_day.store(self.grown() / DAYS, Ordering::Relaxed);
        }
        self.seen.store(true, Ordering::Relaxed);
        let low = free < self.free_min || self.days_left() < self.days_min;
        if low != self.low.swap(low, Ordering::Relaxed) {
            let (per_day, days) = (self.per_day(), self.days_left());
            match low {
                true => tracing::warn!(
                    free,
                    per_day,
                    days,
                    "the journal's disk is running full: enlarge it, or archive and trim (`[retention]`); calls go on until it is full"
                ),
                false => tracing::info!(free, per_day, days, "the journal's disk has room again"),
            }
        }
    }

    /// Bytes of segments and bodies that came in the last days.
    fn grown(&self) -> u64 {
        let since = self.clock.unix_ns() - days_ns(DAYS);
        let disk = RealDisk::reading(&self.data);
        let young = |number: u32| {
            let header = disk.open(&segment::path(number)).and_then(|file| read_header(&file));
            matches!(header, Ok(Ok(header)) if header.created_at_unix_ns >= since)
        };
        let segments = self.journal.segments();
        let segments: u64 =
            segments.iter().rev().take_while(|extent| young(extent.segment_no)).map(|extent| extent.end).sum();
        let since = UNIX_EPOCH + Duration::from_nanos(u64::try_from(since).unwrap_or(0));
        let bodies = std::fs::read_dir(self.data.join(BODIES)).into_iter().flatten();
        let metadata = bodies.filter_map(|entry| entry.ok()?.metadata().ok());
        let bodies: u64 = metadata.filter(|of| of.modified().is_ok_and(|at| at >= since)).map(|of| of.len()).sum();
        segments + bodies
    }

    /// Bytes that are free.
    pub(super) fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// Bytes that the journal takes in a day.
    pub(super) fn per_day(&self) -> u64 {
        self.per_day.load(Ordering::Relaxed)
    }

    /// Days until nothing is left, at that pace.
    pub(super) fn days_left(&self) -> u64 {
        self.free().checked_div(self.per_day()).unwrap_or(DAYS_MAX).min(DAYS_MAX)
    }

    /// Whether it is time to do something.
    pub(super) fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    /// Calls go on, so that this makes no gateway unready.
    pub(super) fn check(&self) -> Check {
        let (free, per_day, days) = (self.free() / MIB, self.per_day() / MIB, self.days_left());
        let detail = match self.seen.load(Ordering::Relaxed) {
            false => "not looked at yet".to_owned(),
            true => format!("{free} MiB free; the journal takes {per_day} MiB a day, so it is full in {days} days"),
        };
        Check { name: "disk", ok: true, warns: self.is_low(), detail }
    }
}
