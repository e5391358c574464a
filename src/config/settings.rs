//! The settings as typed values, key by key as `config/medgate.toml` documents them. Made only by [`super::load`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::telemetry::log;

/// All settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[gateway]`
    pub gateway: GatewaySettings,
    /// `[inbound]`
    pub inbound: InboundSettings,
    /// `[admin]`
    pub admin: AdminSettings,
    /// `[journal]`
    pub journal: JournalSettings,
    /// `[line]`
    pub line: LineSettings,
    /// `[log]`
    pub log: log::Settings,
    /// `[upstream.*]`, each complete: what a section leaves out it has from `default`.
    pub upstream: BTreeMap<String, UpstreamSettings>,
    /// `[client.*]`, each complete likewise.
    pub client: BTreeMap<String, ClientSettings>,
    /// `[[route]]`, in the order they are tried.
    pub route: Vec<RouteSettings>,
}

/// `[gateway]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// Name of the profile.
    pub profile: String,
    /// Folder of journal, index, keys and lock.
    pub data: PathBuf,
    /// Grace at SIGTERM.
    pub drain_seconds: u64,
}

/// `[inbound]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundSettings {
    /// HOST:PORT where the HIS calls.
    pub listen: String,
    /// Open connections.
    pub connections_max: usize,
    /// Exchanges under way.
    pub exchanges_max: usize,
    /// Exchanges waiting their turn.
    pub exchanges_waiting_max: usize,
    /// Bodies held in memory, all connections together.
    pub memory_bytes_max: u64,
    /// One request body.
    pub body_bytes_max: u64,
    /// Of an oversize body, read and thrown away.
    pub drain_bytes_max: u64,
    /// From the first byte of a head to its end.
    pub head_seconds: u64,
    /// An idle keep-alive connection.
    pub idle_seconds: u64,
    /// Longest silence inside a body.
    pub body_stall_seconds: u64,
    /// Slowest body, averaged.
    pub body_bytes_per_second_min: u64,
}

/// `[admin]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminSettings {
    /// HOST:PORT of /livez, /readyz, /metrics and /api.
    pub listen: String,
}

/// `[journal]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalSettings {
    /// One segment file.
    pub segment_bytes: u64,
    /// Cipher of the sealed parts.
    pub cipher: Cipher,
    /// zstd level.
    pub compression_level: i32,
    /// Records waiting for the writer.
    pub memory_bytes_max: u64,
    /// Silence after which a Mark witnesses the last batch.
    pub mark_idle_ms: u64,
    /// How often a spare segment is tried for when there was no room.
    pub spare_retry_ms: u64,
    /// How often a new segment is tried for after a failed write or sync.
    pub reopen_retry_ms: u64,
    /// How long an intent may wait for room.
    pub room_wait_ms: u64,
}

/// Cipher of the sealed parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cipher {
    /// SM4-GCM.
    Sm4Gcm,
    /// AES-256-GCM.
    #[serde(rename = "aes-256-gcm")]
    Aes256Gcm,
}

/// `[line]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineSettings {
    /// A recorded success younger than this is replayed without asking the platform.
    pub replay_fresh_seconds: u64,
    /// Query class when the journal is closed.
    pub query_without_journal: WithoutJournal,
    /// Above this, refusals are journaled as counts.
    pub refusals_per_second_max: u32,
}

/// What happens to a query when the journal is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WithoutJournal {
    /// A native refusal.
    Refuse,
    /// Forwarded without a record.
    Pass,
}

/// `[upstream.*]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamSettings {
    /// `http://HOST:PORT[/base/path]`
    pub url: String,
    /// To reach the platform.
    pub connect_ms: u64,
    /// When the HIS is answered.
    pub answer_ms: u64,
    /// How long a late answer is listened for.
    pub listen_ms: u64,
    /// A pooled connection idle longer is not used again.
    pub idle_ms: u64,
    /// Connections to this upstream.
    pub connections_max: usize,
    /// Calls waiting for one.
    pub connections_waiting_max: usize,
    /// One reply body.
    pub reply_bytes_max: u64,
}

/// `[client.*]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    /// Networks it calls from: `ADDRESS/BITS`.
    pub peers: Vec<String>,
    /// What it hears when the outcome is unknown.
    pub unknown: OnUnknown,
    /// Its own time-out; 0 means the upstream's `answer_ms`.
    pub patience_ms: u64,
}

/// What the HIS hears when the outcome is unknown (`money.md` §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// Nothing until its patience ends.
    Hold,
    /// The connection is closed without an answer.
    Close,
    /// The platform's envelope with infcode -1.
    Native,
}

/// `[[route]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSettings {
    /// Path prefix.
    pub prefix: String,
    /// Transaction numbers; a trailing `*` matches any rest.
    pub infno: Vec<String>,
    /// Name of an upstream section.
    pub upstream: String,
}
