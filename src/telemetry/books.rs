//! Gauges of what is derived from the journal about both sides: the book of cases, and the ledgers.

use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

/// How the ledgers of platform, gateway and HIS stand to each other.
#[derive(Clone)]
pub struct ReconcileMetrics {
    pub(super) differences: IntGaugeVec,
    pub(super) days: IntGaugeVec,
    pub(super) view: IntCounterVec,
}

impl ReconcileMetrics {
    /// Differences of a class that nothing explains.
    pub fn differ(&self, class: &str, count: i64) {
        self.differences.with_label_values(&[class]).set(count);
    }

    /// Days in a state.
    pub fn stand(&self, state: &str, count: i64) {
        self.days.with_label_values(&[state]).set(count);
    }

    /// A reading of the HIS's view ended.
    pub fn viewed(&self, result: &str) {
        self.view.with_label_values(&[result]).inc();
    }
}

/// Broken rules.
#[derive(Clone)]
pub struct RulesMetrics {
    pub(super) findings: IntCounterVec,
    pub(super) unread: IntCounter,
}

impl RulesMetrics {
    /// A call of this transaction was held to the rules: broken ones by the word of their mode.
    pub fn found(&self, infno: &str, counts: [(&str, u64); 3], unread: bool) {
        for (mode, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            self.findings.with_label_values(&[infno, mode]).inc_by(count);
        }
        self.unread.inc_by(u64::from(unread));
    }
}

/// What stands in the book of cases, by the word of the cause.
#[derive(Clone)]
pub struct CasesMetrics {
    /// Durable records not taken up yet.
    pub lag: IntGauge,
    /// Open cases whose person paid in cash meanwhile.
    pub self_paid: IntGauge,
    /// Settlements that were held back for a similar one.
    pub fence_holds: IntCounter,
    pub(super) open: IntGaugeVec,
    pub(super) at_stake: GaugeVec,
    pub(super) oldest: IntGaugeVec,
    pub(super) closed: IntGaugeVec,
    pub(super) resolved: GaugeVec,
    pub(super) steps: IntCounterVec,
}

impl CasesMetrics {
    /// Open cases of a cause, what they are about in yuan, and when the oldest was opened, seconds since 1970.
    pub fn set(&self, cause: &str, open: i64, at_stake_yuan: f64, oldest_seconds: i64) {
        self.open.with_label_values(&[cause]).set(open);
        self.at_stake.with_label_values(&[cause]).set(at_stake_yuan);
        self.oldest.with_label_values(&[cause]).set(oldest_seconds);
    }

    /// Closed cases of a cause, and how long they were open together, seconds.
    pub fn set_closed(&self, cause: &str, closed: i64, seconds: f64) {
        self.closed.with_label_values(&[cause]).set(closed);
        self.resolved.with_label_values(&[cause]).set(seconds);
    }

    /// The finisher did this so many times: `asked`, `proposed`, `reversed` or `failed`.
    pub fn stepped(&self, step: &str, times: u32) {
        self.steps.with_label_values(&[step]).inc_by(u64::from(times));
    }
}
