//! The `[seal]` section of the settings (`config/medgate.toml` holds defaults, units and reasons).

use std::path::PathBuf;

use serde::Deserialize;

/// Settings of the seals.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How often at least a checkpoint is signed.
    pub every_seconds: u64,
    /// Folder that gets a copy of each; empty = none.
    pub anchor_dir: PathBuf,
    /// Name of the `[upstream.*]` section whose URL gets each by POST; empty = none.
    pub anchor_upstream: String,
    /// Hour of the day, Asia/Shanghai, in which the journal is verified; 24 = never.
    pub verify_hour: u64,
}
