//! Virtual time: the runtime's paused clock, and a wall clock over it that people and NTP set forth and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::time::{Duration, Instant};

use super::World;
use crate::domain::clock::Clock;

/// The time of a world; everybody in it looks at the same clock.
pub(super) struct WorldClock {
    begins_unix_ns: i64,
    began: Instant,
    set_by_ns: AtomicI64,
}

impl WorldClock {
    pub(super) fn start(begins_unix_ns: i64) -> WorldClock {
        WorldClock { begins_unix_ns, began: Instant::now(), set_by_ns: AtomicI64::new(0) }
    }
}

impl Clock for WorldClock {
    fn unix_ns(&self) -> i64 {
        self.begins_unix_ns + self.mono_ns().cast_signed() + self.set_by_ns.load(Ordering::Relaxed)
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Sets the wall clock as planned.
pub(super) async fn steps(world: Arc<World>) {
    for (after_s, by_s) in world.plan.clock_steps.clone() {
        tokio::time::sleep(Duration::from_secs(after_s)).await;
        world.clock.set_by_ns.fetch_add(by_s * 1_000_000_000, Ordering::Relaxed);
        world.tell(format!("the clock is set by {by_s:+} s"));
    }
}
