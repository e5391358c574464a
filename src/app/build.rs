//! From settings to policy and line.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::complaint::Complaint;
use crate::config::settings::ClientSettings;
use crate::config::{self, Settings, profiles};
use crate::domain::clock::Clock;
use crate::domain::exchange::Seq;
use crate::domain::terms::Verify;
use crate::exchange::bearer::Bearer;
use crate::exchange::check::InForce;
use crate::exchange::deliveries::Deliveries;
use crate::exchange::policy::{Callback, Policy, Signing, Upstream};
use crate::exchange::refusals::Refusals;
use crate::exchange::settings::Client;
use crate::exchange::{Ids, Line, Nonces};
use crate::journal::composite::Delivery;
use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::journal::{AppendError, Journal};
use crate::keys::{self, Identities, Sources};
use crate::outbound::tls::kept::Renews;
use crate::outbound::{self, Platform};
use crate::profile::Profile;
use crate::rules::compile::Rules;
use crate::telemetry::metrics::Metrics;

use super::StartError;

/// Sets of files of certificates, with the names of the upstreams that use them.
pub(super) type Sets = Vec<(String, Arc<dyn Renews>)>;

/// Platforms in use by their section's name, with the settings that each was made of.
pub(super) type Platforms = BTreeMap<String, (outbound::Settings, Arc<outbound::Upstream>)>;

/// The judgement that settings and profile come to, and what it is made of.
pub(super) struct Built {
    /// Its `profile_seq` is none as long as the profile is not journaled.
    pub(super) policy: Policy,
    pub(super) identities: Identities,
    pub(super) platforms: Platforms,
}

impl Built {
    /// Reads keys and certificates. A platform of `before` is taken over with its connections where its settings stay.
    pub(super) fn of(
        settings: &Settings,
        profile: Profile,
        before: &Platforms,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Result<Built, StartError> {
        let rules = load_rules(settings, &profile, clock.as_ref())?;
        let identities = identities(settings)?;
        let platforms = platforms(settings, before, clock)?;
        let upstreams = upstreams(settings, &profile, &identities, &platforms, metrics);
        let (routes, remarks) = profiles::routes(settings, &profile);
        for remark in remarks {
            tracing::warn!(place = %remark.place, cure = %remark.cure, "{}", remark.what);
        }
        let policy = Policy {
            callback: callback(settings, &upstreams),
            upstreams,
            clients: settings.client.values().map(|written| client(written, &identities)).collect(),
            routes,
            profile,
            profile_seq: Seq::NONE,
            rules: InForce::of(rules, settings.rules.tell_his),
        };
        Ok(Built { policy, identities, platforms })
    }

    /// The files of certificates of its platforms.
    pub(super) fn sets(&self) -> Sets {
        let set = |(name, (_, platform)): (&String, &(_, Arc<outbound::Upstream>))| {
            Some((name.clone(), platform.certificates()?))
        };
        self.platforms.iter().filter_map(set).collect()
    }
}

/// What counts, for a profile.
pub(super) fn metrics(settings: &Settings, profile: &Profile) -> Arc<Metrics> {
    let known = profile.transactions().map(|transaction| transaction.infno.as_str());
    Arc::new(Metrics::new(&settings.gateway.profile, known))
}

/// Builds the line over an open journal; gives the reports that `deliveries::write` takes.
pub(super) async fn line(
    settings: &Settings,
    mut policy: Policy,
    metrics: Arc<Metrics>,
    journal: Journal,
    clock: Arc<dyn Clock>,
) -> Result<(Arc<Line>, mpsc::Receiver<Delivery>), StartError> {
    policy.profile_seq = keep_snapshot(&journal, &policy, clock.as_ref()).await?;
    let (deliveries, reported) = Deliveries::new();
    let line = Line {
        refusals: Refusals::new(journal.clone(), settings.line.refusals_per_second_max),
        journal,
        policy: ArcSwap::from_pointee(policy),
        settings: settings.line.clone(),
        clock,
        ids: Ids(Box::new(random)),
        nonces: Nonces(Box::new(|| hex::encode(random::<16>()))),
        seen: Mutex::default(),
        held: Arc::default(),
        deliveries,
        metrics,
        tasks: TaskTracker::new(),
        cut: CancellationToken::new(),
    };
    Ok((Arc::new(line), reported))
}

pub(super) fn load_profile(settings: &Settings) -> Result<Profile, StartError> {
    profiles::load(&settings.gateway).map_err(|complaints| StartError::Profile {
        name: settings.gateway.profile.clone(),
        complaints: joined(&complaints),
    })
}

fn joined(complaints: &[Complaint]) -> String {
    let complaints = complaints.iter().map(|one| format!("{}: {}; {}", one.place, one.what, one.cure));
    complaints.collect::<Vec<_>>().join("; ")
}

/// The rules in force today.
fn load_rules(settings: &Settings, profile: &Profile, clock: &dyn Clock) -> Result<Rules, StartError> {
    config::rules::load(settings, profile, config::rules::today(clock))
        .map_err(|complaints| StartError::Rules { complaints: joined(&complaints) })
}

/// Replay in three years needs the profile as it was, and which packs of rules stood beside it.
pub(super) async fn keep_snapshot(journal: &Journal, policy: &Policy, clock: &dyn Clock) -> Result<Seq, AppendError> {
    let mut draft = Draft::new(Kind::Snapshot);
    draft.header.at_unix_ns = clock.unix_ns();
    draft.facts.text(Fact::Name, "profile");
    draft.facts.text(Fact::Text, policy.profile.resolved_text());
    for pack in &policy.rules.rules.packs {
        draft.facts.named(Fact::Pack, &pack.name, format!("{}\0{}", pack.version, pack.digest).as_bytes());
    }
    journal.append(draft).await
}

fn identities(settings: &Settings) -> Result<Identities, StartError> {
    keys::load(&settings.identity, &Sources::of_process()).map_err(|troubles| {
        let troubles: Vec<String> =
            troubles.into_iter().map(|(name, trouble)| format!("identity {name}: {trouble}")).collect();
        StartError::Identity { troubles: troubles.join("; ") }
    })
}

fn platforms(settings: &Settings, before: &Platforms, clock: &Arc<dyn Clock>) -> Result<Platforms, StartError> {
    // `default` without a URL is a pattern for the others, not a platform.
    let named = settings.upstream.iter().filter(|(_, upstream)| !upstream.url.is_empty());
    let one = |(name, written): (&String, &outbound::Settings)| {
        let old = before.get(name);
        let platform = match old.filter(|(was, _)| was.connects_like(written)) {
            Some((_, platform)) => Arc::clone(platform),
            None => {
                let made = outbound::Upstream::new(written, Arc::clone(clock))
                    .map_err(|source| StartError::Upstream { name: name.clone(), source })?;
                let counted = old.map(|(_, old)| old.counts()).unwrap_or_default();
                Arc::new(made.counting_on(counted))
            }
        };
        Ok((name.clone(), (written.clone(), platform)))
    };
    named.map(one).collect()
}

fn upstreams(
    settings: &Settings,
    profile: &Profile,
    identities: &Identities,
    platforms: &Platforms,
    metrics: &Metrics,
) -> Vec<Arc<Upstream>> {
    let signing = |name: &String, upstream: &outbound::Settings| match *name == settings.callback.upstream {
        // The HIS is no platform: what goes to it bears the platform's own signature, or none.
        true => Signing::default(),
        false => Signing {
            mode: upstream.sign,
            variant: upstream.signing.clone(),
            // `check` refused what names no variant and no identity.
            terms: profile.signing(&upstream.signing).cloned().unwrap_or_default(),
            own: identities.get(&upstream.identity).cloned(),
            bearer: Bearer::default(),
        },
    };
    let one = |(name, (written, platform)): (&String, &(outbound::Settings, Arc<outbound::Upstream>))| {
        Arc::new(Upstream {
            name: name.clone(),
            base_path: platform.base_path().to_owned(),
            platform: Arc::clone(platform) as Arc<dyn Platform>,
            answer_within: Duration::from_millis(written.answer_ms),
            listen_within: Duration::from_millis(written.listen_ms),
            metrics: metrics.upstream(name),
            signing: signing(name, written),
        })
    };
    platforms.iter().map(one).collect()
}

fn client(written: &ClientSettings, identities: &Identities) -> Arc<Client> {
    Arc::new(Client {
        peers: networks(&written.peers),
        certificates: written.certificates.clone(),
        institutions: written.institutions.clone(),
        unknown: written.unknown,
        patience_ms: written.patience_ms,
        verify: written.verify,
        identity: identities.get(&written.identity).cloned(),
    })
}

/// The platform's own way to the HIS, when that door is open.
fn callback(settings: &Settings, upstreams: &[Arc<Upstream>]) -> Option<Callback> {
    let written = &settings.callback;
    let upstream = upstreams.iter().find(|upstream| upstream.name == written.upstream)?;
    let client = Client {
        peers: networks(&written.peers),
        certificates: written.certificates.clone(),
        institutions: Vec::new(),
        unknown: written.unknown,
        patience_ms: 0,
        verify: Verify::Off,
        identity: None,
    };
    (!written.listen.is_empty()).then(|| Callback { client: Arc::new(client), upstream: Arc::clone(upstream) })
}

/// `check` refused what is no network.
fn networks(written: &[String]) -> Vec<IpNet> {
    written.iter().filter_map(|network| network.parse().ok()).collect()
}

fn random<const LEN: usize>() -> [u8; LEN] {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes).expect("the system has randomness, or nothing here is safe");
    bytes
}
