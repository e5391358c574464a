//! What the gateway tells the admin port. The wiring implements it, so that the console knows no other part.

use serde::Serialize;
use utoipa::ToSchema;

use crate::telemetry::metrics::Metrics;

/// The gateway as its operators see it. Every call is cheap and blocks on nothing.
pub trait Insight: Send + Sync {
    /// What must hold for the gateway to take calls, each with its present state.
    fn ready(&self) -> Vec<Check>;
    /// Exchanges whose outcome is unknown, oldest first.
    fn unknowns(&self) -> Vec<UnknownRow>;
    /// What runs, and how it is doing.
    fn status(&self) -> Status;
    /// Sets the gauges that nobody moves as they change; called before each scrape.
    fn sample(&self, metrics: &Metrics);
}

/// One condition of being ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `journal`, `profile`, `inbound`, …
    pub name: &'static str,
    /// It holds.
    pub ok: bool,
    /// It holds, and somebody should look before it no longer does.
    pub warns: bool,
    /// What is so, or what is wrong, in one line.
    pub detail: String,
}

/// One exchange whose outcome is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRow {
    /// Record of its intent.
    pub seq: u64,
    /// Id of the exchange.
    pub exchange: String,
    /// Transaction number.
    pub infno: String,
    /// Class of the transaction.
    pub class: &'static str,
    /// Why it is unknown; `open` while the exchange is under way.
    pub cause: &'static str,
    /// The sender's message id.
    pub msgid: String,
    /// When the intent was journaled.
    pub at_unix_ns: i64,
    /// Since then.
    pub age_seconds: u64,
}

/// What runs, and how it is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Status {
    /// Version of the program.
    pub version: &'static str,
    /// Name of the profile.
    pub profile: String,
    /// Since the start.
    pub up_seconds: u64,
    /// `open`, `no_room` or `failed: …`
    pub journal: String,
    /// The last durable record.
    pub durable_seq: u64,
    /// Exchanges under way.
    pub in_flight: u64,
    /// Open unknowns.
    pub unknown_open: u64,
    /// Names of the upstreams.
    pub upstreams: Vec<String>,
}
