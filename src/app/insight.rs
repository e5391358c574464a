//! What the admin port is told of the running gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::certificates::Certificates;
use super::disk::DiskWatch;
use super::finishing::Finishing;
use super::ledgers::LedgerDesk;
use super::reload::Reload;
use crate::console::insight::{Check, Insight, Status, UnknownRow};
use crate::domain::outcome::Cause;
use crate::domain::token::Token;
use crate::evidence::{Nightly, Notary, nightly, notary};
use crate::exchange::Line;
use crate::exchange::stand::Cause as CaseCause;
use crate::inbound::Door;
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::gauges::Gauges;
use crate::journal::record::Kind;
use crate::journal::{Health, OpenExchange};
use crate::telemetry::metrics::{JournalMetrics, Metrics, SealMetrics, ViewsMetrics};
use crate::telemetry::sampled::follow;
use crate::views::follower::{self, Follower, State};

/// Rows of one listing.
const UNKNOWNS_MAX: usize = 10_000;
/// A copy may take a while.
const SEAL_GRACE_SECONDS: u64 = 30;
const SECOND_NS: i64 = 1_000_000_000;
/// A metric is a float, and a sum of fen below 90 million million yuan is exact enough to look at.
const AT_STAKE_PER_YUAN: f64 = 10_000.0;

/// A look inside.
pub(super) struct Inside {
    pub(super) line: Arc<Line>,
    pub(super) door: Arc<Door<Arc<Line>>>,
    pub(super) follower: Option<Arc<Follower>>,
    pub(super) desk: Arc<LedgerDesk>,
    pub(super) finishing: Arc<Finishing>,
    pub(super) certificates: Arc<Certificates>,
    pub(super) notary: Arc<Notary>,
    pub(super) nightly: Arc<Nightly>,
    pub(super) reload: Arc<Reload>,
    pub(super) disk: Arc<DiskWatch>,
    pub(super) started_mono_ns: u64,
}

impl Inside {
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

    /// Why an exchange is unknown, from its last OUTCOME; `open` while it is under way.
    fn cause(&self, open: &OpenExchange) -> &'static str {
        if !open.unknown {
            return "open";
        }
        let places = self.line.journal.lookup(EntryKind::Exchange, Token(open.exchange_id.0)).unwrap_or_default();
        let records = places.into_iter().rev().filter_map(|place| self.line.journal.read(place).ok());
        let outcome = records.into_iter().find(|record| record.header.known_kind() == Some(Kind::Outcome));
        outcome.and_then(|record| Cause::from_code(record.header.cause)).map_or("unknown", Cause::word)
    }

    fn sample_door(&self, metrics: &Metrics) {
        let door = self.door.gauges();
        let now = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.in_flight.set(now(door.exchanges));
        metrics.waiting.set(now(door.waiting));
        metrics.body_bytes.set(now(door.memory_bytes));
        metrics.inbound_connections.set(now(door.connections));
        metrics.unreadable("slow", door.slow);
        metrics.unreadable("no_http", door.unreadable);
        metrics.unreadable("head_too_large", door.head_too_large);
        metrics.unreadable("no_tls", door.no_tls);
    }

    fn sample_upstreams(&self) {
        for upstream in &self.line.policy.load().upstreams {
            let counts = upstream.platform.counts();
            follow(&upstream.metrics.opened, counts.dialled);
            follow(&upstream.metrics.replaced, counts.handed_back);
            upstream.metrics.connections.set(i64::try_from(counts.in_use).unwrap_or(i64::MAX));
        }
    }

    fn age_seconds(&self, since_unix_ns: i64) -> u64 {
        u64::try_from((self.line.clock.unix_ns() - since_unix_ns) / 1_000_000_000).unwrap_or(0)
    }

    fn journal_state(&self) -> (&'static str, String) {
        match self.line.journal.health() {
            Health::Open => ("open", "takes intents".to_owned()),
            Health::NoRoom => ("no_room", "no room on disk for another intent with its outcome".to_owned()),
            Health::Failed(why) => ("failed", why),
            Health::Closed => ("failed", "closed".to_owned()),
        }
    }

    /// Calls go on without a seal, so that nothing here makes the gateway unready.
    fn seal_check(&self) -> Check {
        let gauges = self.notary.gauges();
        let age = |at: &AtomicI64| self.age_seconds(at.load(Ordering::Relaxed));
        let late = 3 * self.notary.every().as_secs() + SEAL_GRACE_SECONDS;
        let (sealed, anchored) = (age(&gauges.sealed_at_unix_ns), age(&gauges.anchored_at_unix_ns));
        let (set_back, size) = (gauges.set_back.load(Ordering::Relaxed), gauges.sealed_size.load(Ordering::Relaxed));
        let copied = match (self.notary.is_anchored(), anchored > late) {
            (false, _) => "no anchor is set".to_owned(),
            (true, false) => format!("copied {anchored} s ago"),
            (true, true) => "the anchor does not take copies".to_owned(),
        };
        if self.nightly.gauges().damaged.load(Ordering::Relaxed) {
            let detail = "the last verification found damage; run `medgate-verify`".to_owned();
            return Check { name: "seal", ok: true, warns: true, detail };
        }
        let detail = match set_back {
            0 => format!("{size} records sealed {sealed} s ago; {copied}"),
            records => format!("the journal was set back: an anchor knows {records} records that it does not hold"),
        };
        let warns = set_back > 0 || sealed > late || (self.notary.is_anchored() && anchored > late);
        Check { name: "seal", ok: true, warns, detail }
    }

    /// Exchanges whose outcome is unknown and that changed, or may have changed, the platform's books.
    fn open_unknowns(&self) -> impl Iterator<Item = OpenExchange> {
        self.line.journal.open_exchanges().into_iter().filter(|open| open.unknown)
    }
}

impl Insight for Inside {
    fn ready(&self) -> Vec<Check> {
        let (state, detail) = self.journal_state();
        let policy = self.line.policy.load();
        let mut checks = vec![
            Check { name: "journal", ok: state == "open", warns: false, detail },
            Check { name: "profile", ok: true, warns: false, detail: policy.profile.name.clone() },
            Check {
                name: "inbound",
                ok: !self.line.tasks.is_closed(),
                warns: false,
                detail: format!("{} exchanges under way", self.line.tasks.len()),
            },
        ];
        checks.push(self.reload.check());
        checks.push(self.seal_check());
        checks.push(self.disk.check());
        checks.extend(self.desk.view.check());
        checks.extend(self.certificates.checks());
        checks
    }

    fn unknowns(&self) -> Vec<UnknownRow> {
        self.open_unknowns().take(UNKNOWNS_MAX).map(|open| self.row(&open)).collect()
    }

    fn status(&self) -> Status {
        let policy = self.line.policy.load();
        let (state, detail) = self.journal_state();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            profile: policy.profile.name.clone(),
            up_seconds: self.line.clock.mono_ns().saturating_sub(self.started_mono_ns) / 1_000_000_000,
            journal: if state == "failed" { format!("failed: {detail}") } else { state.to_owned() },
            durable_seq: self.line.journal.durable().borrow().0,
            in_flight: self.line.tasks.len() as u64,
            unknown_open: self.open_unknowns().count() as u64,
            upstreams: policy.upstreams.iter().map(|upstream| upstream.name.clone()).collect(),
        }
    }

    fn sample(&self, metrics: &Metrics) {
        let oldest = self.open_unknowns().map(|open| open.at_unix_ns).min();
        metrics.unknown_open.set(i64::try_from(self.open_unknowns().count()).unwrap_or(i64::MAX));
        metrics.unknown_oldest_age.set(oldest.map_or(0.0, |at| (self.line.clock.unix_ns() - at) as f64 / 1e9));
        self.sample_door(metrics);
        self.sample_upstreams();
        self.certificates.sample(metrics);
        sample_seal(&metrics.seal, self.notary.gauges(), self.nightly.gauges());
        metrics.journal.set_health(self.journal_state().0);
        let journal = &self.line.journal;
        metrics.journal.durable_seq.set(i64::try_from(journal.durable().borrow().0).unwrap_or(i64::MAX));
        metrics.journal.room_bytes.set(i64::try_from(journal.room_free()).unwrap_or(i64::MAX));
        sample_journal(&metrics.journal, journal.gauges());
        sample_disk(&metrics.journal, &self.disk);
        if let Some(follower) = &self.follower {
            sample_views(&metrics.views, follower.gauges(), journal.durable().borrow().0);
        }
        let position = self.finishing.follower.gauges().position.load(Ordering::Relaxed);
        let lag = journal.durable().borrow().0.saturating_sub(position);
        metrics.cases.lag.set(i64::try_from(lag).unwrap_or(i64::MAX));
        self.sample_cases(metrics);
        self.desk.sample(metrics);
    }
}

impl Inside {
    fn sample_cases(&self, metrics: &Metrics) {
        let cases = &self.finishing.cases;
        let counted = cases.count().and_then(|counts| Ok((counts, cases.closed()?, cases.self_paid()?)));
        let (counts, closed, self_paid) = match counted {
            Ok(counted) => counted,
            Err(error) => return tracing::warn!(%error, "the book of cases cannot be counted"),
        };
        metrics.cases.self_paid.set(i64::try_from(self_paid).unwrap_or(i64::MAX));
        for cause in CaseCause::ALL {
            let found = counts.iter().find(|count| count.cause == cause);
            let (open, at_stake, oldest) = found.map_or((0, 0, 0), |c| (c.open, c.at_stake, c.oldest_unix_ns));
            let yuan = at_stake as f64 / AT_STAKE_PER_YUAN;
            metrics.cases.set(cause.word(), i64::try_from(open).unwrap_or(i64::MAX), yuan, oldest / SECOND_NS);
            let (ended, open_ns) =
                closed.iter().find(|one| one.cause == cause).map_or((0, 0), |c| (c.closed, c.open_ns));
            let seconds = open_ns as f64 / SECOND_NS as f64;
            metrics.cases.set_closed(cause.word(), i64::try_from(ended).unwrap_or(i64::MAX), seconds);
        }
    }
}

fn sample_seal(metrics: &SealMetrics, gauges: &notary::Gauges, verified: &nightly::Gauges) {
    metrics.verified_at.set(verified.verified_at_unix_ns.load(Ordering::Relaxed) / SECOND_NS);
    metrics.damaged.set(i64::from(verified.damaged.load(Ordering::Relaxed)));
    metrics.sealed_at.set(gauges.sealed_at_unix_ns.load(Ordering::Relaxed) / SECOND_NS);
    follow(&metrics.failures, gauges.failures.load(Ordering::Relaxed));
    metrics.anchored_at.set(gauges.anchored_at_unix_ns.load(Ordering::Relaxed) / SECOND_NS);
    follow(&metrics.anchor_failures, gauges.anchor_failures.load(Ordering::Relaxed));
    metrics.set_back.set(i64::try_from(gauges.set_back.load(Ordering::Relaxed)).unwrap_or(i64::MAX));
}

fn sample_views(metrics: &ViewsMetrics, gauges: &follower::Gauges, durable: u64) {
    let total = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let shown = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let position = total(&gauges.position);
    metrics.position.set(shown(position));
    metrics.lag.set(shown(durable.saturating_sub(position)));
    follow(&metrics.records, total(&gauges.records));
    metrics.busy.inc_by((total(&gauges.busy_ns) as f64 / 1e9 - metrics.busy.get()).max(0.0));
    metrics.capacity.set(gauges.capacity());
    follow(&metrics.failures, total(&gauges.failures));
    follow(&metrics.rebuilds, total(&gauges.rebuilds));
    metrics.set_state(gauges.state().word(), &State::ALL.map(State::word));
}

fn sample_disk(metrics: &JournalMetrics, disk: &DiskWatch) {
    let shown = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    metrics.disk_free.set(shown(disk.free()));
    metrics.growth.set(shown(disk.per_day()));
    metrics.disk_left.set(shown(disk.days_left() * 86_400));
    metrics.disk_low.set(i64::from(disk.is_low()));
}

fn sample_journal(metrics: &JournalMetrics, gauges: &Gauges) {
    let total = |count: &AtomicU64| count.load(Ordering::Relaxed);
    follow(&metrics.records, total(&gauges.records));
    follow(&metrics.bytes, total(&gauges.bytes));
    follow(&metrics.failures, total(&gauges.failures));
    follow(&metrics.dropped, total(&gauges.dropped) + total(&gauges.not_kept));
    metrics.waiting.set(i64::try_from(total(&gauges.waiting)).unwrap_or(i64::MAX));
    metrics.sync.set(gauges.sync_buckets.iter().map(total), total(&gauges.sync_ns) as f64 / 1e9);
}

#[cfg(test)]
mod tests {
    use crate::journal::gauges::SYNC_BUCKETS_US;
    use crate::telemetry::metrics::SYNC_BOUNDS;

    #[test]
    fn the_journal_counts_sync_times_by_the_bounds_that_the_metric_shows() {
        let seconds: Vec<f64> = SYNC_BUCKETS_US.iter().map(|us| *us as f64 / 1e6).collect();
        assert_eq!(seconds, SYNC_BOUNDS);
    }
}
