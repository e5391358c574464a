//! From settings to policy and line.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::settings::ClientSettings;
use crate::config::{Settings, profiles};
use crate::domain::clock::Clock;
use crate::domain::exchange::Seq;
use crate::exchange::deliveries::Deliveries;
use crate::exchange::policy::{Policy, Upstream};
use crate::exchange::refusals::Refusals;
use crate::exchange::settings::Client;
use crate::exchange::{Ids, Line};
use crate::journal::Journal;
use crate::journal::composite::Delivery;
use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::outbound;
use crate::profile::Profile;
use crate::telemetry::metrics::Metrics;

use super::StartError;

/// Builds the line over an open journal; gives the reports that `deliveries::write` takes.
pub(super) async fn line(
    settings: &Settings,
    journal: Journal,
    clock: Arc<dyn Clock>,
) -> Result<(Arc<Line>, mpsc::Receiver<Delivery>), StartError> {
    let profile = load_profile(settings)?;
    let metrics =
        Metrics::new(&settings.gateway.profile, profile.transactions().map(|transaction| transaction.infno.as_str()));
    let profile_seq = keep_snapshot(&journal, &profile, clock.as_ref()).await?;
    let (routes, remarks) = profiles::routes(settings, &profile);
    for remark in remarks {
        tracing::warn!(place = %remark.place, cure = %remark.cure, "{}", remark.what);
    }
    let policy = Policy {
        upstreams: upstreams(settings, &clock, &metrics)?,
        clients: settings.client.values().map(client).collect(),
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
        held: Arc::default(),
        deliveries,
        metrics: Arc::new(metrics),
        tasks: TaskTracker::new(),
        cut: CancellationToken::new(),
    };
    Ok((Arc::new(line), reported))
}

fn load_profile(settings: &Settings) -> Result<Profile, StartError> {
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

fn upstreams(settings: &Settings, clock: &Arc<dyn Clock>, metrics: &Metrics) -> Result<Vec<Arc<Upstream>>, StartError> {
    // `default` without a URL is a pattern for the others, not a platform.
    let platforms = settings.upstream.iter().filter(|(_, upstream)| !upstream.url.is_empty());
    let build = |(name, upstream): (&String, &outbound::Settings)| {
        let platform = outbound::Upstream::new(upstream, Arc::clone(clock))
            .map_err(|source| StartError::Upstream { name: name.clone(), source })?;
        Ok(Arc::new(Upstream {
            name: name.clone(),
            base_path: platform.base_path().to_owned(),
            platform: Arc::new(platform),
            answer_within: Duration::from_millis(upstream.answer_ms),
            listen_within: Duration::from_millis(upstream.listen_ms),
            metrics: metrics.upstream(name),
        }))
    };
    platforms.map(build).collect()
}

fn client(written: &ClientSettings) -> Arc<Client> {
    // `check` refused what is no network.
    let peers = written.peers.iter().filter_map(|network| network.parse().ok()).collect();
    Arc::new(Client { peers, unknown: written.unknown, patience_ms: written.patience_ms })
}

fn random() -> [u8; 10] {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).expect("the system has randomness, or nothing here is safe");
    bytes
}
