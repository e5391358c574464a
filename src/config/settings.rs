//! The settings as typed values, key by key as `config/medgate.toml` documents them. Made only by [`super::load`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::terms::Verify;
use crate::exchange::settings::{Route, WhenUnknown};
use crate::inbound::tls;
use crate::reconcile::his;
use crate::telemetry::log;
use crate::{evidence, exchange, inbound, journal, keys, outbound, reconcile, views};

/// All settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[gateway]`
    pub gateway: GatewaySettings,
    /// `[inbound]`
    pub inbound: inbound::Settings,
    /// `[callback]`
    pub callback: CallbackSettings,
    /// `[admin]`
    pub admin: AdminSettings,
    /// `[journal]`
    pub journal: journal::Settings,
    /// `[seal]`
    pub seal: evidence::Settings,
    /// `[retention]`
    pub retention: RetentionSettings,
    /// `[views]`
    pub views: views::Settings,
    /// `[reconcile]`
    pub reconcile: reconcile::runs::Settings,
    /// `[his_ledger]`
    pub his_ledger: his::Settings,
    /// `[his_view]`
    pub his_view: his::view::Settings,
    /// `[rules]`
    pub rules: RulesSettings,
    /// `[line]`
    pub line: exchange::settings::Settings,
    /// `[finisher]`
    pub finisher: reconcile::Settings,
    /// `[log]`
    pub log: log::Settings,
    /// `[upstream.*]`, each complete: what a section leaves out it has from `default`.
    pub upstream: BTreeMap<String, outbound::Settings>,
    /// `[client.*]`, each complete likewise.
    pub client: BTreeMap<String, ClientSettings>,
    /// `[identity.*]`, each complete likewise.
    pub identity: BTreeMap<String, keys::Settings>,
    /// `[person.*]`, each complete likewise.
    pub person: BTreeMap<String, PersonSettings>,
    /// `[[route]]`, in the order they are tried.
    pub route: Vec<Route>,
}

/// `[gateway]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// Name of the profile.
    pub profile: String,
    /// Folder of the site's own profiles; empty = there is none.
    pub profiles: PathBuf,
    /// Folder of journal, index, keys and lock.
    pub data: PathBuf,
    /// Grace at SIGTERM.
    pub drain_seconds: u64,
}

/// `[rules]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesSettings {
    /// Folder of the site's own packs; empty = there is none.
    pub folder: PathBuf,
    /// Public key of who signs the site's own packs; empty = nobody.
    pub signer: String,
    /// Own packs are taken without a signature.
    pub allow_unsigned: bool,
    /// Administrative division by which packs are chosen; empty = the profile's.
    pub region: String,
    /// Packs and rules that only count.
    pub observe: Vec<String>,
    /// Packs and rules that let pass and warn.
    pub warn: Vec<String>,
    /// Packs and rules that refuse.
    pub enforce: Vec<String>,
    /// Rules that are switched off.
    pub off: Vec<String>,
    /// The HIS reads of warnings in a header line.
    pub tell_his: bool,
}

/// `[callback]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackSettings {
    /// HOST:PORT where the platform calls the hospital; empty = closed.
    pub listen: String,
    /// PEM file of the certificate chain; empty: plain HTTP.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// PEM file of the authorities of the platform's certificates; empty: none is demanded.
    pub client_ca: PathBuf,
    /// Certificates it shows: common names, DNS names or fingerprints; empty: any.
    pub certificates: Vec<String>,
    /// Networks it calls from: `ADDRESS/BITS`.
    pub peers: Vec<String>,
    /// Name of the `[upstream.*]` section of the HIS.
    pub upstream: String,
    /// What it hears when the outcome is unknown.
    pub unknown: WhenUnknown,
}

impl CallbackSettings {
    /// What TLS of this door is made of.
    pub fn tls(&self) -> tls::Files {
        tls::Files { certificate: self.certificate.clone(), key: self.key.clone(), client_ca: self.client_ca.clone() }
    }
}

/// `[retention]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionSettings {
    /// Age in days below which a settlement that stands keeps its visit from being erased.
    pub key_live_days: u64,
    /// Folder of archives; empty = none are made.
    pub archive_dir: PathBuf,
    /// Days that records stay in the journal at least; 0 = for ever.
    pub keep_days: u64,
    /// Whether segments may be trimmed that no archive holds.
    pub trim_without_archive: bool,
    /// Free bytes of the journal's disk below which is warned.
    pub disk_free_bytes_min: u64,
    /// Days until the disk is full, at the growth of late, below which is warned.
    pub disk_days_min: u64,
}

/// `[admin]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminSettings {
    /// HOST:PORT of /livez, /readyz, /metrics and /api.
    pub listen: String,
}

/// `[person.*]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonSettings {
    /// SM3 of the person's token, in hex; empty: the person has none.
    pub token_sm3: String,
}

/// `[client.*]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    /// Networks it calls from: `ADDRESS/BITS`.
    pub peers: Vec<String>,
    /// Certificates it shows: common names, DNS names or fingerprints.
    pub certificates: Vec<String>,
    /// Institutions it may call for.
    pub institutions: Vec<String>,
    /// What it hears when the outcome is unknown.
    pub unknown: WhenUnknown,
    /// Its own time-out; 0 means the upstream's `answer_ms`.
    pub patience_ms: u64,
    /// What becomes of its calls whose signature is wrong.
    pub verify: Verify,
    /// Name of the identity whose signatures it makes; empty for none.
    pub identity: String,
}
