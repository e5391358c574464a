//! What the admin port is told of the running gateway.

use std::sync::Arc;

use crate::console::insight::{Check, Insight, Status, UnknownRow};
use crate::domain::class::Class;
use crate::domain::outcome::Cause;
use crate::exchange::Line;
use crate::journal::facts::Fact;
use crate::journal::{Health, OpenExchange};
use crate::telemetry::metrics::Metrics;

/// Rows of one listing.
const UNKNOWNS_MAX: usize = 10_000;

/// A look inside.
pub(super) struct Inside {
    line: Arc<Line>,
    started_mono_ns: u64,
}

impl Inside {
    pub(super) fn new(line: Arc<Line>) -> Inside {
        Inside { started_mono_ns: line.clock.mono_ns(), line }
    }

    fn row(&self, open: &OpenExchange) -> UnknownRow {
        let intent = self.line.journal.read(open.place).ok();
        let fact = |fact| intent.as_ref().and_then(|record| record.facts.text_of(fact)).unwrap_or_default().to_owned();
        UnknownRow {
            seq: open.seq.0,
            exchange: open.exchange_id.to_string(),
            infno: fact(Fact::Infno),
            class: open.class.word(),
            cause: self.cause(open),
            msgid: fact(Fact::Msgid),
            at_unix_ns: open.at_unix_ns,
            age_seconds: self.age_seconds(open.at_unix_ns),
        }
    }

    fn age_seconds(&self, since_unix_ns: i64) -> u64 {
        u64::try_from((self.line.clock.unix_ns() - since_unix_ns) / 1_000_000_000).unwrap_or(0)
    }
}
