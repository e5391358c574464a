//! How slow a client may be: a longest silence, and a smallest average rate over the time spent waiting.

use std::time::Duration;

use tokio::time::Instant;

/// Counts one direction of one message. Only time spent waiting for the client counts, not our own.
#[derive(Debug)]
pub(super) struct Patience {
    stall: Duration,
    bytes_per_second_min: u64,
    moved: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
}

impl Patience {
    pub(super) fn new(stall: Duration, bytes_per_second_min: u64) -> Patience {
        Patience { stall, bytes_per_second_min, moved: 0, waited: Duration::ZERO, waiting_since: None }
    }

    /// A new message begins.
    pub(super) fn reset(&mut self) {
        *self = Patience::new(self.stall, self.bytes_per_second_min);
    }

    /// Bytes moved: the silence is over.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.moved += bytes as u64;
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Nothing moves: until when that may go on.
    pub(super) fn deadline(&mut self) -> Instant {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let earned = match self.bytes_per_second_min {
            0 => self.stall,
            rate => Duration::from_millis(self.moved.saturating_mul(1000) / rate),
        };
        // The stall time is also the grace before the average counts.
        since + self.stall.min((self.stall + earned).saturating_sub(self.waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_and_drip_both_end() {
        let stall = Duration::from_secs(30);
        let mut patience = Patience::new(stall, 256);
        let began = Instant::now();
        assert_eq!(patience.deadline(), began + stall);
        // A full second's worth each second goes on for ever.
        for _ in 0..100 {
            tokio::time::advance(Duration::from_secs(1)).await;
            patience.moved(256);
            assert_eq!(patience.deadline(), Instant::now() + stall);
        }
        patience.reset();
        // One byte every five seconds is ended after the grace, though no silence was long.
        let began = Instant::now();
        while patience.deadline() > Instant::now() {
            tokio::time::advance(Duration::from_secs(5)).await;
            patience.moved(1);
        }
        assert!(began.elapsed() <= stall + Duration::from_secs(5), "{:?}", began.elapsed());
    }
}
