//! What the gateway adds to a call: the same inquiry (1101) asked of the platform itself and through the gateway, in turn.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Day, DayError};
use crate::domain::clock::Clock;
use crate::sandbox::callers::dialect::{DIALECTS, Desk};
use crate::sandbox::callers::inquiry;
use crate::sandbox::callers::post::{Heard, Post};
use crate::sandbox::people::Population;

/// Pairs of calls.
const PAIRS: usize = 100;

/// Medians of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// Asked of the platform itself.
    pub direct: Duration,
    /// Asked through the gateway.
    pub through: Duration,
}

impl Latency {
    /// Asks, after the day, on machines at rest.
    pub(super) async fn measure(day: &Day, clock: Arc<dyn Clock>) -> Result<Latency, DayError> {
        let mut desk = Desk::new(&DIALECTS[0], Arc::clone(&clock));
        let people = Population::from_seed(day.seed);
        let mut peers = [&day.sandbox, &day.gateway]
            .map(|url| Post::new(url, day.patience).map(|post| (post, Vec::with_capacity(PAIRS))));
        for person in people.all().iter().take(PAIRS) {
            for peer in &mut peers {
                let (post, times) = peer.as_mut().map_err(|why| DayError::Address(why.clone()))?;
                let message = desk.wrap("1101", "", inquiry(person));
                let asked = clock.mono_ns();
                if let Heard::Answer(_) = post.send("POST", &message.target, &message.headers, &message.body).await {
                    times.push(clock.mono_ns().saturating_sub(asked));
                }
            }
        }
        let [direct, through] = peers.map(|peer| peer.map_or(Duration::ZERO, |(_, times)| median(times)));
        Ok(Latency { direct, through })
    }
}

fn median(mut times: Vec<u64>) -> Duration {
    times.sort_unstable();
    Duration::from_nanos(times.get(times.len() / 2).copied().unwrap_or(0))
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let (direct, through) = (ms(self.direct), ms(self.through));
        let added = through - direct;
        writeln!(f, "时延（1101 中位）：直连 {direct:.2} ms，经网关 {through:.2} ms，网关增加 {added:.2} ms")?;
        writeln!(
            f,
            "latency (median of 1101): direct {direct:.2} ms, through the gateway {through:.2} ms, added {added:.2} ms"
        )
    }
}
