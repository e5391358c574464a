//! The judgement in force: profile, clients, routes and upstreams. An exchange keeps the one it began with.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::exchange::{Origin, Seq};
use crate::domain::terms::{Mode, Terms};
use crate::outbound::Platform;
use crate::outbound::tls::certificate::Certificate;
use crate::profile::Profile;
use crate::signing::credentials::Credentials;
use crate::telemetry::metrics::UpstreamMetrics;

use super::bearer::Bearer;
use super::check::InForce;
use super::settings::{Client, Route};

/// One snapshot of everything that decides; swapped whole on reload.
pub struct Policy {
    /// How the province differs.
    pub profile: Profile,
    /// The journaled Snapshot of the profile's resolved text and of the packs of rules.
    pub profile_seq: Seq,
    /// The rules that calls are held to.
    pub rules: InForce,
    /// Kinds of HIS client, see [`Policy::client`].
    pub clients: Vec<Arc<Client>>,
    /// Tried in order.
    pub routes: Vec<Route>,
    /// By name.
    pub upstreams: Vec<Arc<Upstream>>,
    /// The way of the platform's own calls to the HIS; `None` while that door is closed.
    pub callback: Option<Callback>,
}

/// Who may call the hospital from outside, and who takes it there.
pub struct Callback {
    /// The platform, as a client.
    pub client: Arc<Client>,
    /// The HIS, as who is asked.
    pub upstream: Arc<Upstream>,
}

/// One platform address with its patience.
pub struct Upstream {
    /// Name of its settings section.
    pub name: String,
    /// Path of its URL, put before every path; empty or without a trailing slash.
    pub base_path: String,
    /// Who is asked.
    pub platform: Arc<dyn Platform>,
    /// When the HIS is answered.
    pub answer_within: Duration,
    /// How long the gateway goes on listening for a late answer.
    pub listen_within: Duration,
    /// Counts and durations.
    pub metrics: UpstreamMetrics,
    /// Who signs, and how.
    pub signing: Signing,
}

/// Who signs what goes to an upstream.
#[derive(Debug, Default)]
pub struct Signing {
    /// The HIS, or the gateway.
    pub mode: Mode,
    /// The variant of the profile's signing; empty for the profile's own.
    pub variant: String,
    /// What the platform asks.
    pub terms: Terms,
    /// The gateway's own identity there; signs the calls that the gateway makes itself, whatever the mode.
    pub own: Option<Arc<Credentials>>,
    /// The token that these calls bear, where they bear one.
    pub bearer: Bearer,
}

impl Policy {
    /// The kind of client that calls from `peer` with this certificate. One that names certificates is chosen only by
    /// one of them, and before all that name none; among equals the narrowest network that holds the peer wins.
    pub fn client(&self, origin: Origin, peer: IpAddr, certificate: Option<&Certificate>) -> Option<&Arc<Client>> {
        // Peers of a dual-stack socket come mapped; settings name them as IPv4.
        let peer = peer.to_canonical();
        if origin == Origin::Callback {
            let platform = &self.callback.as_ref()?.client;
            return platform.names(certificate).and(platform.prefix_of(peer)).map(|_| platform);
        }
        let fits = |client: &Arc<Client>| Some((client.names(certificate)?, client.prefix_of(peer)?));
        let named = self.clients.iter().filter_map(|client| Some((fits(client)?, client)));
        named.max_by_key(|(fit, _)| *fit).map(|(_, client)| client)
    }

    /// The upstream that takes this call.
    pub fn upstream(&self, origin: Origin, target: &[u8], infno: &str) -> Option<&Arc<Upstream>> {
        if origin == Origin::Callback {
            return self.callback.as_ref().map(|callback| &callback.upstream);
        }
        let path = path_of(target);
        let route = self.routes.iter().find(|route| route.takes(path, infno))?;
        self.upstreams.iter().find(|upstream| upstream.name == route.upstream)
    }
}

/// The path of a request target, absolute form included, without the query.
fn path_of(target: &[u8]) -> &[u8] {
    let after_authority = match target.windows(3).position(|part| part == b"://") {
        Some(at) if !target.starts_with(b"/") => {
            let rest = &target[at + 3..];
            rest.iter().position(|byte| *byte == b'/').map_or(&b"/"[..], |slash| &rest[slash..])
        }
        _ => target,
    };
    let end = after_authority.iter().position(|byte| *byte == b'?').unwrap_or(after_authority.len());
    &after_authority[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::terms::Verify;
    use crate::exchange::settings::WhenUnknown;

    fn policy(clients: &[(&str, &[&str])]) -> Policy {
        let client = |(peers, certificates): &(&str, &[&str])| {
            Arc::new(Client {
                peers: vec![peers.parse().unwrap()],
                certificates: certificates.iter().map(|name| (*name).to_owned()).collect(),
                institutions: Vec::new(),
                unknown: WhenUnknown::Native,
                patience_ms: 0,
                verify: Verify::Off,
                identity: None,
            })
        };
        Policy {
            callback: None,
            profile: Profile::load("baseline", &crate::profile::Texts::embedded()).unwrap(),
            profile_seq: Seq::NONE,
            rules: InForce::default(),
            clients: clients.iter().map(client).collect(),
            routes: Vec::new(),
            upstreams: Vec::new(),
        }
    }

    #[test]
    fn a_certificate_goes_before_a_network_and_a_narrow_network_before_a_wide_one() {
        let policy = policy(&[
            ("0.0.0.0/0", &[]),
            ("10.0.0.0/8", &[]),
            ("0.0.0.0/0", &["his", "ab:cd"]),
            ("10.1.0.0/16", &["his"]),
        ]);
        let certificate = |name: &str| Certificate {
            names: vec![name.to_owned()],
            serial: String::new(),
            fingerprint: "abcd".repeat(if name == "printed" { 1 } else { 16 }),
            for_development: false,
            not_before_unix_s: 0,
            not_after_unix_s: 0,
        };
        let rows = [
            ("10.1.0.1", None, Some(1)),
            ("11.0.0.1", None, Some(0)),
            ("::ffff:10.1.0.1", Some("stranger"), Some(1)),
            ("11.0.0.1", Some("his"), Some(2)),
            ("10.1.0.1", Some("his"), Some(3)),
            ("10.1.0.1", Some("printed"), Some(2)),
            ("::1", Some("his"), None),
        ];
        for (peer, shown, expected) in rows {
            let shown = shown.map(certificate);
            let chosen = policy.client(Origin::His, peer.parse().unwrap(), shown.as_ref());
            let place = chosen.map(|chosen| policy.clients.iter().position(|one| Arc::ptr_eq(one, chosen)).unwrap());
            assert_eq!(place, expected, "{peer} {shown:?}");
        }
    }

    #[test]
    fn paths_of_targets() {
        let cases: [(&[u8], &[u8]); 4] = [
            (b"/fsi/api?x=http://a/b", b"/fsi/api"),
            (b"http://h:1/fsi/api?x", b"/fsi/api"),
            (b"http://h:1", b"/"),
            (b"/", b"/"),
        ];
        for (target, path) in cases {
            assert_eq!(path_of(target), path);
        }
    }
}
