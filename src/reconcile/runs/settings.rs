//! How often days are reconciled by themselves, and who submits them.

use serde::Deserialize;

/// `[reconcile]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Seconds between two rounds; 0: only when somebody asks.
    pub every_seconds: u64,
    /// The declared submitter of closed days: `his` or `gateway`.
    pub submitter: String,
    /// The hour of China's day from which the day before is submitted; 24: only when somebody asks.
    pub submit_hour: u64,
}

impl Settings {
    /// The gateway is the declared submitter.
    pub fn submits(&self) -> bool {
        self.submitter == "gateway"
    }
}
