//! Time is passed in: nothing below the wiring asks the machine for it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Nanoseconds since 1970-01-01 UTC.
    fn unix_ns(&self) -> i64;
    /// Nanoseconds since some fixed moment of this process; never goes back.
    fn mono_ns(&self) -> u64;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Starts the monotonic count at zero.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    pub fn start() -> SystemClock {
        SystemClock { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn unix_ns(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A clock that moves only when told; for simulation and tests.
#[derive(Debug, Default)]
pub struct HandClock {
    unix_ns: AtomicI64,
    mono_ns: AtomicU64,
}

impl HandClock {
    /// Stands at `unix_ns`.
    pub fn at(unix_ns: i64) -> HandClock {
        HandClock { unix_ns: AtomicI64::new(unix_ns), mono_ns: AtomicU64::new(0) }
    }

    /// Moves both counts forward.
    pub fn advance_ns(&self, by: u64) {
        self.unix_ns.fetch_add(i64::try_from(by).unwrap_or(i64::MAX), Ordering::SeqCst);
        self.mono_ns.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn unix_ns(&self) -> i64 {
        self.unix_ns.load(Ordering::SeqCst)
    }

    fn mono_ns(&self) -> u64 {
        self.mono_ns.load(Ordering::SeqCst)
    }
}
