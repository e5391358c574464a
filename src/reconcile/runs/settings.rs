//! How often days are reconciled by themselves.

use serde::Deserialize;

/// `[reconcile]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Seconds between two rounds; 0: only when somebody asks.
    pub every_seconds: u64,
}
