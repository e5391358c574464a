//! What a site may set about the line, its HIS clients and its routes (`config/medgate.toml`).

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::Deserialize;

use crate::domain::outcome::Told;
use crate::domain::terms::Verify;
use crate::outbound::tls::certificate::Certificate;
use crate::profile::wire::number_fits;
use crate::signing::credentials::Credentials;

/// `[line]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A recorded success younger than this is replayed without asking the platform.
    pub replay_fresh_seconds: u64,
    /// How far back the fence of a person looks; 0 takes it down (`money.md` §5).
    pub fence_days: u64,
    /// What a query does when the journal is closed.
    pub query_without_journal: WithoutJournal,
    /// Above this, refusals are journaled as counts.
    pub refusals_per_second_max: u32,
}

/// What a query does when the journal is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WithoutJournal {
    /// It is refused like everything else.
    Refuse,
    /// It goes through unjournaled.
    Pass,
}

/// One kind of HIS client.
#[derive(Debug, Clone)]
pub struct Client {
    /// Networks it calls from.
    pub peers: Vec<IpNet>,
    /// Names or fingerprints of its certificates; empty: it may show any, or none.
    pub certificates: Vec<String>,
    /// Institutions it may call for; empty: any.
    pub institutions: Vec<String>,
    /// What it hears when the outcome is unknown (`money.md` §4).
    pub unknown: WhenUnknown,
    /// Its own time-out; 0 means the upstream's `answer_ms`.
    pub patience_ms: u64,
    /// What becomes of a call whose signature is not its own.
    pub verify: Verify,
    /// Whose signatures it makes, and under whose key it seals.
    pub identity: Option<Arc<Credentials>>,
}

impl Client {
    /// How narrowly this client names the address, or `None` when it does not.
    pub fn prefix_of(&self, peer: IpAddr) -> Option<u8> {
        self.peers.iter().filter(|net| net.contains(&peer)).map(IpNet::prefix_len).max()
    }

    /// True when it names this certificate, false when it names none, `None` when it names others only.
    pub fn names(&self, certificate: Option<&Certificate>) -> Option<bool> {
        if self.certificates.is_empty() {
            return Some(false);
        }
        let shown = certificate?;
        self.certificates.iter().any(|name| shown.is_called(name)).then_some(true)
    }

    /// The first institution of a call that it may not call for; empty for a call that names none, which is nobody's.
    pub fn foreign<'a>(&self, of_the_call: impl FnOnce() -> Vec<&'a str>) -> Option<&'a str> {
        if self.institutions.is_empty() {
            return None;
        }
        let named = of_the_call();
        let is_foreign = |code: &&str| !self.institutions.iter().any(|own| own == code);
        if named.is_empty() { Some("") } else { named.into_iter().find(is_foreign) }
    }
}

/// What a client hears when the outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenUnknown {
    /// Nothing, for as long as its patience lasts; then the connection closes.
    Hold,
    /// The connection closes at once: for a HIS that runs 2601 by itself on a time-out.
    Close,
    /// The platform's own envelope with -1 and a text that begins 【结果未知】.
    Native,
}

impl WhenUnknown {
    /// What the HIS has been told when this is how it heard.
    pub fn told(self) -> Told {
        match self {
            WhenUnknown::Hold | WhenUnknown::Close => Told::NotTold,
            WhenUnknown::Native => Told::Unknown,
        }
    }
}

/// `[[route]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Path prefix of the request.
    pub prefix: String,
    /// Transaction numbers; a trailing `*` matches any rest.
    pub infno: Vec<String>,
    /// Name of the `[upstream.NAME]` section.
    pub upstream: String,
}

impl Route {
    /// True when the route takes this call.
    pub fn takes(&self, path: &[u8], infno: &str) -> bool {
        path.starts_with(self.prefix.as_bytes()) && self.infno.iter().any(|pattern| number_fits(pattern, infno))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_client_calls_for_its_own_institutions_only() {
        let client = |institutions: &[&str]| Client {
            peers: Vec::new(),
            certificates: Vec::new(),
            institutions: institutions.iter().map(|code| (*code).to_owned()).collect(),
            unknown: WhenUnknown::Native,
            patience_ms: 0,
            verify: Verify::Off,
            identity: None,
        };
        let rows: [(&[&str], &[&str], Option<&str>); 6] = [
            (&[], &["H1", "H2"], None),
            (&["H1", "H2"], &["H2"], None),
            (&["H1"], &["H2"], Some("H2")),
            (&["H1"], &["H1", "H2"], Some("H2")),
            (&["H1"], &["h1"], Some("h1")),
            (&["H1"], &[], Some("")),
        ];
        for (own, named, foreign) in rows {
            assert_eq!(client(own).foreign(|| named.to_vec()), foreign, "{own:?} {named:?}");
        }
    }

    #[test]
    fn routes_match_prefix_and_number() {
        let route = Route { prefix: "/hsa".into(), infno: vec!["42*".into(), "9101".into()], upstream: "u".into() };
        let cases = [
            ("/hsa/hgs/4201", "4201", true),
            ("/hsa/x", "9101", true),
            ("/x", "9101", false),
            ("/hsa", "91011", false),
        ];
        for (path, infno, expected) in cases {
            assert_eq!(route.takes(path.as_bytes(), infno), expected, "{path} {infno}");
        }
    }
}
