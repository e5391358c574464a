//! The `[views]` section of the settings (`config/medgate.toml` holds defaults, units and reasons).

use serde::Deserialize;

/// Settings of the views.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whether the gateway follows the journal at all.
    pub follow: bool,
    /// Rest between two batches.
    pub rest_ms: u64,
    /// Share of one processor that catching up may take.
    pub busy_percent_max: u64,
    /// How soon it is tried again after a failure.
    pub retry_ms: u64,
}
