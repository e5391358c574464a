//! What a site may set about the line, its HIS clients and its routes (`config/medgate.toml`).

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

use crate::domain::outcome::Told;
use crate::profile::wire::number_fits;

/// `[line]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A recorded success younger than this is replayed without asking the platform.
    pub replay_fresh_seconds: u64,
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
    /// What it hears when the outcome is unknown (`money.md` §4).
    pub unknown: WhenUnknown,
    /// Its own time-out; 0 means the upstream's `answer_ms`.
    pub patience_ms: u64,
}

impl Client {
    /// How narrowly this client names the address, or `None` when it does not.
    pub fn prefix_of(&self, peer: IpAddr) -> Option<u8> {
        self.peers.iter().filter(|net| net.contains(&peer)).map(IpNet::prefix_len).max()
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
