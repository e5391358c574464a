//! From settings to policy and line.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::settings::ClientSettings;
use crate::config::{Settings, profiles};
use crate::domain::clock::Clock;
use crate::domain::exchange::Seq;
use crate::domain::terms::Verify;
use crate::exchange::deliveries::Deliveries;
use crate::exchange::policy::{Callback, Policy, Signing, Upstream};
use crate::exchange::refusals::Refusals;
use crate::exchange::settings::Client;
use crate::exchange::{Ids, Line, Nonces};
use crate::journal::Journal;
use crate::journal::composite::Delivery;
use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::keys::{self, Identities, Sources};
use crate::outbound;
use crate::outbound::tls::kept::Renews;
use crate::profile::Profile;
use crate::telemetry::metrics::Metrics;

use super::StartError;

/// Sets of files of certificates, with the names of the upstreams that use them.
pub(super) type Sets = Vec<(String, Arc<dyn Renews>)>;

/// Builds the line over an open journal; gives the reports that `deliveries::write` takes, and what is to be looked after.
pub(super) async fn line(
    settings: &Settings,
    profile: Profile,
    journal: Journal,
    clock: Arc<dyn Clock>,
) -> Result<(Arc<Line>, mpsc::Receiver<Delivery>, Sets), StartError> {
    let identities = identities(settings)?;
    let metrics =
        Metrics::new(&settings.gateway.profile, profile.transactions().map(|transaction| transaction.infno.as_str()));
    let profile_seq = keep_snapshot(&journal, &profile, clock.as_ref()).await?;
    let mut sets = Sets::new();
    let upstreams = upstreams(settings, &profile, &identities, &clock, &metrics, &mut sets)?;
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
        profile_seq,
    };
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
        metrics: Arc::new(metrics),
        tasks: TaskTracker::new(),
        cut: CancellationToken::new(),
    };
    Ok((Arc::new(line), reported, sets))
}

pub(super) fn load_profile(settings: &Settings) -> Result<Profile, StartError> {
    profiles::load(&settings.gateway).map_err(|complaints| {
        let complaints = complaints.iter().map(|one| format!("{}: {}; {}", one.place, one.what, one.cure));
        StartError::Profile {
            name: settings.gateway.profile.clone(),
            complaints: complaints.collect::<Vec<_>>().join("; "),
        }
    })
}

/// Replay in three years needs the profile as it was.
async fn keep_snapshot(journal: &Journal, profile: &Profile, clock: &dyn Clock) -> Result<Seq, StartError> {
    let mut draft = Draft::new(Kind::Snapshot);
    draft.header.at_unix_ns = clock.unix_ns();
    draft.facts.text(Fact::Name, "profile");
    draft.facts.text(Fact::Text, profile.resolved_text());
    Ok(journal.append(draft).await?)
}

fn identities(settings: &Settings) -> Result<Identities, StartError> {
    keys::load(&settings.identity, &Sources::of_process()).map_err(|troubles| {
        let troubles: Vec<String> =
            troubles.into_iter().map(|(name, trouble)| format!("identity {name}: {trouble}")).collect();
        StartError::Identity { troubles: troubles.join("; ") }
    })
}

fn upstreams(
    settings: &Settings,
    profile: &Profile,
    identities: &Identities,
    clock: &Arc<dyn Clock>,
    metrics: &Metrics,
    sets: &mut Sets,
) -> Result<Vec<Arc<Upstream>>, StartError> {
    // `default` without a URL is a pattern for the others, not a platform.
    let platforms = settings.upstream.iter().filter(|(_, upstream)| !upstream.url.is_empty());
    let signing = |name: &String, upstream: &outbound::Settings| match *name == settings.callback.upstream {
        // The HIS is no platform: what goes to it bears the platform's own signature, or none.
        true => Signing::default(),
        false => Signing {
            mode: upstream.sign,
            // `check` refused what names no variant and no identity.
            terms: profile.signing(&upstream.signing).cloned().unwrap_or_default(),
            own: identities.get(&upstream.identity).cloned(),
        },
    };
    let mut build = |(name, upstream): (&String, &outbound::Settings)| {
        let platform = outbound::Upstream::new(upstream, Arc::clone(clock))
            .map_err(|source| StartError::Upstream { name: name.clone(), source })?;
        sets.extend(platform.certificates().map(|set| (name.clone(), set)));
        Ok(Arc::new(Upstream {
            name: name.clone(),
            base_path: platform.base_path().to_owned(),
            platform: Arc::new(platform),
            answer_within: Duration::from_millis(upstream.answer_ms),
            listen_within: Duration::from_millis(upstream.listen_ms),
            metrics: metrics.upstream(name),
            signing: signing(name, upstream),
        }))
    };
    platforms.map(&mut build).collect()
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
