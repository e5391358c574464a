//! Metric handles. What an exchange touches is resolved once and kept: a count costs one hash and one atomic add.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use prometheus::{
    Counter, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
};
use prometheus::{Opts, Registry, TextEncoder, core::Collector};

use crate::domain::class::Class;
use crate::domain::outcome::{Cause, Outcome, Told};

pub use super::books::{CasesMetrics, ReconcileMetrics, RulesMetrics};
use super::names::{self, Name};
use super::sampled::{SampledHistogram, follow};

const OUTCOMES: [Outcome; 3] = [Outcome::Confirmed, Outcome::Refused, Outcome::Unknown];
const TOLD: [Told; 5] = [Told::Success, Told::Refused, Told::Unknown, Told::NotTold, Told::UnknownWhatTold];
/// From a fast query to the longest that a late answer is listened for.
const EXCHANGE_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];
/// From a sync of a good disk to one that hangs.
const DISK_BUCKETS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Upper bounds of the journal's own count of sync times, seconds.
pub const SYNC_BOUNDS: &[f64] = &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0];

/// The counters of one transaction number by class and outcome, made when first needed.
type Cells = [[OnceLock<IntCounter>; OUTCOMES.len()]; Class::ALL.len()];

/// Every handle. One value per process, shared by all parts.
pub struct Metrics {
    registry: Registry,
    scraping: Mutex<()>,
    exchanges: IntCounterVec,
    by_infno: HashMap<Box<str>, Box<Cells>>,
    other: Box<Cells>,
    exchange_duration: Vec<Histogram>,
    refusals: IntCounterVec,
    delivered: Vec<IntCounter>,
    unreadable: IntCounterVec,
    platform_duration: HistogramVec,
    platform_silences: IntCounterVec,
    connections_opened: IntCounterVec,
    connections_replaced: IntCounterVec,
    connections: IntGaugeVec,
    certificate_ends: IntGaugeVec,
    certificates_taken: IntCounterVec,
    reloads: IntCounterVec,
    build: IntGaugeVec,
    /// Exchanges under way.
    pub in_flight: IntGauge,
    /// Exchanges waiting their turn.
    pub waiting: IntGauge,
    /// Bytes of request bodies.
    pub request_bytes: IntCounter,
    /// Bytes of answers handed over.
    pub answer_bytes: IntCounter,
    /// Bodies held in memory.
    pub body_bytes: IntGauge,
    /// Repeats answered from the journal.
    pub replays: IntCounter,
    /// Replies that came too late for the HIS.
    pub late_answers: IntCounter,
    /// Open connections of HIS clients.
    pub inbound_connections: IntGauge,
    /// Open unknowns.
    pub unknown_open: IntGauge,
    /// Age of the oldest open unknown, seconds.
    pub unknown_oldest_age: Gauge,
    /// What the journal counts.
    pub journal: JournalMetrics,
    /// What the notary counts.
    pub seal: SealMetrics,
    /// What the views count.
    pub views: ViewsMetrics,
    /// Broken rules.
    pub rules: RulesMetrics,
    /// What stands in the book of cases.
    pub cases: CasesMetrics,
    /// How the ledgers stand to each other.
    pub reconcile: ReconcileMetrics,
}

/// What the notary counts.
#[derive(Clone)]
pub struct SealMetrics {
    /// When it last sealed, seconds since 1970.
    pub sealed_at: IntGauge,
    /// Checkpoints that were not made.
    pub failures: IntCounter,
    /// When every anchor last took a copy.
    pub anchored_at: IntGauge,
    /// Copies that were not taken.
    pub anchor_failures: IntCounter,
    /// Records that only an anchor knows.
    pub set_back: IntGauge,
    /// When the journal was last verified, seconds since 1970.
    pub verified_at: IntGauge,
    /// The last verification found damage.
    pub damaged: IntGauge,
}

/// What the views count.
#[derive(Clone)]
pub struct ViewsMetrics {
    /// The last record taken up.
    pub position: IntGauge,
    /// Durable records not taken up yet.
    pub lag: IntGauge,
    /// Records taken up.
    pub records: IntCounter,
    /// Time spent on them, seconds.
    pub busy: Counter,
    /// Records per second without rests.
    pub capacity: Gauge,
    /// Failures.
    pub failures: IntCounter,
    /// Times they were built anew.
    pub rebuilds: IntCounter,
    state: GaugeVec,
}

/// What the journal counts.
#[derive(Clone)]
pub struct JournalMetrics {
    /// An intent, from hand-over to durable, seconds.
    pub append: Histogram,
    /// One write and sync, seconds; the journal counts its buckets itself, bounds are [`SYNC_BOUNDS`].
    pub sync: SampledHistogram,
    /// Durable records.
    pub records: IntCounter,
    /// Durable bytes.
    pub bytes: IntCounter,
    /// Writes and syncs that failed.
    pub failures: IntCounter,
    /// Outcomes that wait for the journal to open again.
    pub waiting: IntGauge,
    /// Records that found no room and had no waiter.
    pub dropped: IntCounter,
    /// The last durable record.
    pub durable_seq: IntGauge,
    /// Room left for intents, bytes.
    pub room_bytes: IntGauge,
    /// Bytes free on its disk.
    pub disk_free: IntGauge,
    /// Bytes that a day takes.
    pub growth: IntGauge,
    /// Until the disk is full, seconds.
    pub disk_left: IntGauge,
    /// Whether that is too little.
    pub disk_low: IntGauge,
    health: GaugeVec,
}

/// What one upstream counts.
#[derive(Clone)]
pub struct UpstreamMetrics {
    /// From the first byte sent to the complete reply, seconds.
    pub duration: Histogram,
    /// Connections opened.
    pub opened: IntCounter,
    /// Messages that a pooled connection handed back unsent.
    pub replaced: IntCounter,
    /// Connections that carry a call.
    pub connections: IntGauge,
    silences: IntCounterVec,
    name: String,
}

impl Metrics {
    /// Handles for the transaction numbers that the profile knows; all others count as `other`.
    pub fn new<'a>(profile: &str, known: impl IntoIterator<Item = &'a str>) -> Metrics {
        let registry = Registry::new();
        let make = Maker { registry: &registry };
        let told = make.counters(&names::DELIVERED);
        let durations = make.histograms(&names::EXCHANGE_DURATION, EXCHANGE_BUCKETS);
        let reloads = make.counters(&names::RELOADS);
        for result in ["taken", "same", "refused"] {
            reloads.with_label_values(&[result]); // An alert sees the first one only where there was a 0 before.
        }
        let build = make.gauges(&names::BUILD_INFO);
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), profile]).set(1);
        Metrics {
            exchanges: make.counters(&names::EXCHANGES),
            by_infno: known.into_iter().map(|infno| (infno.into(), Box::default())).collect(),
            other: Box::default(),
            exchange_duration: Class::ALL.iter().map(|class| durations.with_label_values(&[class.word()])).collect(),
            refusals: make.counters(&names::REFUSALS),
            delivered: TOLD.iter().map(|value| told.with_label_values(&[value.word()])).collect(),
            unreadable: make.counters(&names::UNREADABLE_REQUESTS),
            platform_duration: make.histograms(&names::PLATFORM_DURATION, EXCHANGE_BUCKETS),
            platform_silences: make.counters(&names::PLATFORM_SILENCES),
            connections_opened: make.counters(&names::CONNECTIONS_OPENED),
            connections_replaced: make.counters(&names::CONNECTIONS_REPLACED),
            connections: make.gauges(&names::PLATFORM_CONNECTIONS),
            certificate_ends: make.gauges(&names::CERTIFICATE_ENDS),
            certificates_taken: make.counters(&names::CERTIFICATES_TAKEN),
            reloads,
            build,
            in_flight: make.gauge(&names::EXCHANGES_IN_FLIGHT),
            waiting: make.gauge(&names::EXCHANGES_WAITING),
            request_bytes: make.counter(&names::REQUEST_BYTES),
            answer_bytes: make.counter(&names::ANSWER_BYTES),
            body_bytes: make.gauge(&names::INFLIGHT_BODY_BYTES),
            replays: make.counter(&names::REPLAYS),
            late_answers: make.counter(&names::LATE_ANSWERS),
            inbound_connections: make.gauge(&names::INBOUND_CONNECTIONS),
            unknown_open: make.gauge(&names::UNKNOWN_OPEN),
            unknown_oldest_age: make.kept(&names::UNKNOWN_OLDEST_AGE, Gauge::with_opts),
            journal: make.journal(),
            seal: make.seal(),
            views: make.views(),
            rules: make.rules(),
            cases: make.cases(),
            reconcile: make.reconcile(),
            scraping: Mutex::default(),
            registry,
        }
    }

    /// An exchange came to its end after `seconds`.
    pub fn exchange_ended(&self, infno: &str, class: Class, outcome: Outcome, seconds: f64) {
        let (known, cells) = match self.by_infno.get_key_value(infno) {
            Some((infno, cells)) => (&**infno, cells),
            None => ("other", &self.other),
        };
        let cell = &cells[class as usize - 1][outcome as usize - 1];
        cell.get_or_init(|| self.exchanges.with_label_values(&[known, class.word(), outcome.word()])).inc();
        self.exchange_duration[class as usize - 1].observe(seconds);
    }

    /// The gateway itself refused.
    pub fn refused(&self, cause: Cause) {
        self.refusals.with_label_values(&[cause.word()]).inc();
    }

    /// The HIS was told something, or nothing.
    pub fn delivered(&self, told: Told) {
        self.delivered[told as usize - 1].inc();
    }

    /// So often has a request been unreadable since the start. `reason` is one of the few fixed words of the door.
    pub fn unreadable(&self, reason: &'static str, total: u64) {
        follow(&self.unreadable.with_label_values(&[reason]), total);
    }

    /// Settings and profile were read anew: `taken`, `same` or `refused`.
    pub fn reloaded(&self, result: &str) {
        self.reloads.with_label_values(&[result]).inc();
    }

    /// This profile is in force now. Numbers that only it knows count as `other` until the next start.
    pub fn plays(&self, profile: &str) {
        self.build.reset();
        self.build.with_label_values(&[env!("CARGO_PKG_VERSION"), profile]).set(1);
    }

    /// Which files are in use is said anew.
    pub fn forget_certificates(&self) {
        self.certificate_ends.reset();
    }

    /// A file of certificates in use ends then. `user` is `inbound` or the name of an upstream.
    pub fn certificate_ends(&self, setting: &str, user: &str, unix_s: i64) {
        self.certificate_ends.with_label_values(&[setting, user]).set(unix_s);
    }

    /// So often have new files been taken, and refused, since the start.
    pub fn certificates_taken(&self, user: &str, (taken, refused): (u64, u64)) {
        follow(&self.certificates_taken.with_label_values(&[user, "taken"]), taken);
        follow(&self.certificates_taken.with_label_values(&[user, "refused"]), refused);
    }

    /// The handles of one upstream; asked for once, at start.
    pub fn upstream(&self, name: &str) -> UpstreamMetrics {
        UpstreamMetrics {
            duration: self.platform_duration.with_label_values(&[name]),
            opened: self.connections_opened.with_label_values(&[name]),
            replaced: self.connections_replaced.with_label_values(&[name]),
            connections: self.connections.with_label_values(&[name]),
            silences: self.platform_silences.clone(),
            name: name.to_owned(),
        }
    }

    /// The exposition text, after `sample` has brought in what the parts count by themselves; one scrape at a time.
    pub fn sampled(&self, sample: impl FnOnce(&Metrics)) -> String {
        let _one = self.scraping.lock().unwrap_or_else(PoisonError::into_inner);
        sample(self);
        self.render()
    }

    /// The exposition text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text).expect("a String takes every write");
        text
    }
}

impl JournalMetrics {
    /// Says which state the journal is in: `open`, `no_room` or `failed`.
    pub fn set_health(&self, state: &str) {
        for known in ["open", "no_room", "failed"] {
            self.health.with_label_values(&[known]).set(f64::from(u8::from(known == state)));
        }
    }
}

impl ViewsMetrics {
    /// Says what they are doing: one of these words is true.
    pub fn set_state(&self, state: &str, of: &[&str]) {
        for known in of {
            self.state.with_label_values(&[known]).set(f64::from(u8::from(*known == state)));
        }
    }
}

impl UpstreamMetrics {
    /// A send was not answered completely.
    pub fn silence(&self, cause: Cause) {
        self.silences.with_label_values(&[self.name.as_str(), cause.word()]).inc();
    }
}

/// Makes handles and keeps them in the registry.
struct Maker<'a> {
    registry: &'a Registry,
}

impl Maker<'_> {
    fn kept<C: Collector + Clone + 'static>(&self, name: &Name, make: impl FnOnce(Opts) -> prometheus::Result<C>) -> C {
        let collector = make(Opts::new(name.name, name.help)).expect("a test makes every metric of the list");
        self.registry.register(Box::new(collector.clone())).expect("a test makes every metric of the list");
        collector
    }

    fn counter(&self, name: &Name) -> IntCounter {
        self.kept(name, IntCounter::with_opts)
    }

    fn counters(&self, name: &Name) -> IntCounterVec {
        self.kept(name, |opts| IntCounterVec::new(opts, name.labels))
    }

    fn gauge(&self, name: &Name) -> IntGauge {
        self.kept(name, IntGauge::with_opts)
    }

    fn gauges(&self, name: &Name) -> IntGaugeVec {
        self.kept(name, |opts| IntGaugeVec::new(opts, name.labels))
    }

    fn histogram(&self, name: &Name, buckets: &[f64]) -> Histogram {
        self.kept(name, |opts| Histogram::with_opts(HistogramOpts::from(opts).buckets(buckets.to_vec())))
    }

    fn histograms(&self, name: &Name, buckets: &[f64]) -> HistogramVec {
        self.kept(name, |opts| HistogramVec::new(HistogramOpts::from(opts).buckets(buckets.to_vec()), name.labels))
    }

    fn journal(&self) -> JournalMetrics {
        let journal = JournalMetrics {
            append: self.histogram(&names::JOURNAL_APPEND_DURATION, DISK_BUCKETS),
            sync: self.kept(&names::JOURNAL_SYNC_DURATION, |opts| SampledHistogram::new(&opts, SYNC_BOUNDS)),
            failures: self.counter(&names::JOURNAL_FAILURES),
            waiting: self.gauge(&names::JOURNAL_WAITING),
            records: self.counter(&names::JOURNAL_RECORDS),
            bytes: self.counter(&names::JOURNAL_BYTES),
            dropped: self.counter(&names::JOURNAL_DROPPED),
            durable_seq: self.gauge(&names::JOURNAL_DURABLE_SEQ),
            room_bytes: self.gauge(&names::JOURNAL_ROOM_BYTES),
            disk_free: self.gauge(&names::JOURNAL_DISK_FREE),
            growth: self.gauge(&names::JOURNAL_GROWTH),
            disk_left: self.gauge(&names::JOURNAL_DISK_LEFT),
            disk_low: self.gauge(&names::JOURNAL_DISK_LOW),
            health: self.kept(&names::JOURNAL_HEALTH, |opts| GaugeVec::new(opts, names::JOURNAL_HEALTH.labels)),
        };
        journal.set_health("open");
        journal
    }

    fn seal(&self) -> SealMetrics {
        SealMetrics {
            sealed_at: self.gauge(&names::SEALED_AT),
            failures: self.counter(&names::SEAL_FAILURES),
            anchored_at: self.gauge(&names::ANCHORED_AT),
            anchor_failures: self.counter(&names::ANCHOR_FAILURES),
            set_back: self.gauge(&names::SET_BACK),
            verified_at: self.gauge(&names::VERIFIED_AT),
            damaged: self.gauge(&names::VERIFY_DAMAGED),
        }
    }

    fn reconcile(&self) -> ReconcileMetrics {
        ReconcileMetrics {
            differences: self.gauges(&names::RECONCILE_DIFFERENCES),
            days: self.gauges(&names::RECONCILE_DAYS),
            view: self.counters(&names::HIS_VIEW),
        }
    }

    fn rules(&self) -> RulesMetrics {
        RulesMetrics { findings: self.counters(&names::RULE_FINDINGS), unread: self.counter(&names::RULES_UNREAD) }
    }

    fn cases(&self) -> CasesMetrics {
        CasesMetrics {
            lag: self.gauge(&names::CASES_LAG),
            open: self.gauges(&names::CASES_OPEN),
            at_stake: self.kept(&names::CASES_AT_STAKE, |opts| GaugeVec::new(opts, names::CASES_AT_STAKE.labels)),
            oldest: self.gauges(&names::CASES_OLDEST),
            closed: self.gauges(&names::CASES_CLOSED),
            resolved: self.kept(&names::CASES_RESOLVED, |opts| GaugeVec::new(opts, names::CASES_RESOLVED.labels)),
            self_paid: self.gauge(&names::CASES_SELF_PAID),
            fence_holds: self.counter(&names::FENCE_HOLDS),
            steps: self.counters(&names::FINISHER),
        }
    }

    fn views(&self) -> ViewsMetrics {
        ViewsMetrics {
            position: self.gauge(&names::VIEWS_POSITION),
            lag: self.gauge(&names::VIEWS_LAG),
            records: self.counter(&names::VIEWS_RECORDS),
            busy: self.kept(&names::VIEWS_BUSY, Counter::with_opts),
            capacity: self.kept(&names::VIEWS_CAPACITY, Gauge::with_opts),
            failures: self.counter(&names::VIEWS_FAILURES),
            rebuilds: self.counter(&names::VIEWS_REBUILDS),
            state: self.kept(&names::VIEWS_STATE, |opts| GaugeVec::new(opts, names::VIEWS_STATE.labels)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    /// Every metric with at least one sample.
    fn touched() -> Metrics {
        let metrics = Metrics::new("baseline", ["2207", "5201"]);
        for class in Class::ALL {
            metrics.exchange_ended("2207", class, Outcome::Confirmed, 0.02);
        }
        metrics.refused(Cause::Gateway);
        metrics.delivered(Told::Success);
        metrics.unreadable("head", 1);
        metrics.certificate_ends("certificate", "inbound", 2_000_000_000);
        metrics.certificates_taken("inbound", (1, 0));
        metrics.reloaded("taken");
        let upstream = metrics.upstream("default");
        upstream.duration.observe(0.2);
        upstream.silence(Cause::TimedOut);
        metrics.journal.set_health("no_room");
        metrics.views.set_state("following", &["following"]);
        metrics.rules.found("2207", [("observe", 1), ("warn", 0), ("enforce", 0)], true);
        metrics.cases.set("unknown_outcome", 1, 12.5, 1);
        metrics.cases.set_closed("unknown_outcome", 1, 60.0);
        metrics.cases.stepped("asked", 1);
        metrics.reconcile.differ("platform_more", 1);
        metrics.reconcile.stand("balanced", 1);
        metrics.reconcile.viewed("taken");
        metrics
    }

    fn line<'a>(text: &'a str, start: &str) -> Option<&'a str> {
        text.lines().find(|line| line.starts_with(start))
    }

    #[test]
    fn every_name_of_the_list_is_rendered_with_its_help() {
        let text = touched().render();
        for name in names::ALL {
            let help = format!("# HELP {} {}", name.name, name.help);
            assert!(line(&text, &help).is_some(), "not rendered: {}", name.name);
            let kind = line(&text, &format!("# TYPE {} ", name.name)).unwrap_or("");
            assert_eq!(name.name.ends_with("_total"), kind.ends_with(" counter"), "{kind}");
        }
        assert_eq!(text.matches("# HELP ").count(), names::ALL.len());
    }

    #[test]
    fn numbers_that_the_profile_does_not_know_share_one_label() {
        let metrics = Metrics::new("baseline", ["2207"]);
        for infno in ["2207", "2207", "0001", "drop table", ""] {
            metrics.exchange_ended(infno, Class::Money, Outcome::Unknown, 1.0);
        }
        let text = metrics.render();
        let series =
            |infno: &str| format!("medgate_exchanges_total{{class=\"money\",infno=\"{infno}\",outcome=\"unknown\"}}");
        assert_eq!(line(&text, &series("2207")), Some(&*format!("{} 2", series("2207"))));
        assert_eq!(line(&text, &series("other")), Some(&*format!("{} 3", series("other"))));
        assert_eq!(text.matches("medgate_exchanges_total{").count(), 2);
    }

    #[test]
    fn one_state_of_the_journal_is_shown_at_a_time() {
        let text = touched().render();
        assert!(line(&text, "medgate_journal_health{state=\"no_room\"} 1").is_some());
        assert!(line(&text, "medgate_journal_health{state=\"open\"} 0").is_some());
    }

    /// `scripts/test` installs promtool and asks for it by MEDGATE_PROMTOOL; elsewhere the check needs it on the path.
    #[test]
    fn promtool_accepts_every_metric() {
        let child =
            Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            assert!(std::env::var_os("MEDGATE_PROMTOOL").is_none(), "promtool (Debian package prometheus) is missing");
            return;
        };
        child.stdin.take().unwrap().write_all(touched().render().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
