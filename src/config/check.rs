//! What one value alone cannot show: addresses, networks, and how settings must relate to each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, ToSocketAddrs};

use super::complaint::{Complaint, nearest};
use super::merge::Merged;
use super::settings::{ClientSettings, Settings};
use crate::exchange::settings::{Route, WhenUnknown};

/// Reconciliation looks back over the month before (`money.md` §7).
const KEEP_DAYS_MIN: u64 = 62;
/// The shortest listening time that `money.md` §1 accepts for money calls.
const MONEY_LISTEN_MS: u64 = 600_000;

/// What stops a start, and what is only worth a look.
#[derive(Default)]
pub(super) struct Found {
    pub(super) complaints: Vec<Complaint>,
    pub(super) remarks: Vec<Complaint>,
}

/// Checks settings whose single values already fit.
pub(super) fn check(settings: &Settings, merged: &Merged) -> Found {
    let mut checker = Checker { settings, merged, found: Found::default() };
    checker.names();
    checker.doors();
    checker.bounds();
    checker.upstreams();
    checker.clients();
    checker.routes();
    checker.callback();
    checker.seal();
    checker.retention();
    checker.certificates();
    checker.identities();
    checker.finisher();
    checker.his_view();
    checker.found
}

pub(super) struct Checker<'a> {
    pub(super) settings: &'a Settings,
    pub(super) merged: &'a Merged,
    found: Found,
}

impl Checker<'_> {
    /// Complains at the first of `keys` that somebody said.
    pub(super) fn wrong(&mut self, keys: &[&str], what: impl Into<String>, cure: impl Into<String>) {
        let complaint = self.at(keys, what.into(), cure.into());
        // Two upstreams may ask the same of one identity.
        if !self.found.complaints.contains(&complaint) {
            self.found.complaints.push(complaint);
        }
    }

    pub(super) fn remark(&mut self, keys: &[&str], what: impl Into<String>, cure: impl Into<String>) {
        let complaint = self.at(keys, what.into(), cure.into());
        self.found.remarks.push(complaint);
    }

    fn at(&self, keys: &[&str], what: String, cure: String) -> Complaint {
        let said = keys.iter().find(|key| !self.merged.is_default(key)).or(keys.first());
        Complaint { place: said.map_or_else(|| "default".to_owned(), |key| self.merged.place(key)), what, cure }
    }

    fn names(&mut self) {
        let profile = &self.settings.gateway.profile;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if profile.is_empty() || !profile.chars().all(plain) {
            let what = format!("`gateway.profile` = \"{profile}\" is not the name of a profile");
            self.wrong(&["gateway.profile"], what, "use the name of a file in profiles/, without its ending");
        }
        if self.settings.gateway.data.as_os_str().is_empty() {
            self.wrong(&["gateway.data"], "`gateway.data` is empty", "name the folder that holds the journal");
        }
    }

    fn doors(&mut self) {
        let doors = [("inbound.listen", &self.settings.inbound.listen), ("admin.listen", &self.settings.admin.listen)];
        for (key, listen) in doors {
            if listen.to_socket_addrs().is_err() {
                self.wrong(
                    &[key],
                    format!("`{key}` = \"{listen}\" is not an address"),
                    "write HOST:PORT, for example 0.0.0.0:8080",
                );
            }
        }
        if doors[0].1 == doors[1].1 && !doors[0].1.ends_with(":0") {
            let what = format!("`inbound.listen` and `admin.listen` are both {}", doors[0].1);
            self.wrong(&["admin.listen", "inbound.listen"], what, "give the admin port a port of its own");
        }
        let open = doors[1].1.to_socket_addrs().is_ok_and(|mut found| found.any(|found| !found.ip().is_loopback()));
        if open {
            let what = format!("the admin port is reachable from other machines ({})", doors[1].1);
            self.remark(&["admin.listen"], what, "/metrics has no password; keep it inside the monitoring network");
        }
    }

    fn bounds(&mut self) {
        let inbound = &self.settings.inbound;
        if inbound.exchanges_max > inbound.connections_max {
            let what = format!(
                "`exchanges_max` {} is above `connections_max` {}",
                inbound.exchanges_max, inbound.connections_max
            );
            let cure = "a connection carries one exchange at a time: lower the first or raise the second";
            self.wrong(&["inbound.exchanges_max", "inbound.connections_max"], what, cure);
        }
        if inbound.head_seconds > inbound.idle_seconds {
            let what =
                format!("`head_seconds` {} is above `idle_seconds` {}", inbound.head_seconds, inbound.idle_seconds);
            self.wrong(
                &["inbound.head_seconds", "inbound.idle_seconds"],
                what,
                "a head takes less time than an idle connection",
            );
        }
    }

    fn upstreams(&mut self) {
        let settings = self.settings;
        let used: BTreeSet<&str> = settings.route.iter().map(|route| route.upstream.as_str()).collect();
        for (name, upstream) in &settings.upstream {
            let key = |key: &str| format!("upstream.{name}.{key}");
            let (url, connect, answer, listen) = (key("url"), key("connect_ms"), key("answer_ms"), key("listen_ms"));
            if upstream.url.is_empty() && used.contains(name.as_str()) {
                let cure =
                    format!("say where the platform is: --upstream http://HOST:PORT, or url under [upstream.{name}]");
                self.wrong(&[&url], format!("`{url}` is empty, and a route leads there"), cure);
            } else if let Some(what) = wrong_url(&upstream.url).filter(|_| !upstream.url.is_empty()) {
                self.wrong(
                    &[&url],
                    format!("`{url}` = \"{}\": {what}", upstream.url),
                    "write http://HOST:PORT or https://HOST:PORT, perhaps with a /base/path",
                );
            }
            if upstream.listen_ms < upstream.answer_ms {
                let what = format!("`{listen}` {} is below `answer_ms` {}", upstream.listen_ms, upstream.answer_ms);
                self.wrong(
                    &[&listen, &answer],
                    what,
                    "the gateway listens on after the HIS was answered: raise listen_ms",
                );
            } else if upstream.listen_ms < MONEY_LISTEN_MS && used.contains(name.as_str()) {
                let what = format!(
                    "`{listen}` {} is under ten minutes: late answers of money calls may be lost",
                    upstream.listen_ms
                );
                self.remark(&[&listen], what, format!("use {MONEY_LISTEN_MS} or more where money calls go"));
            }
            if upstream.connect_ms > upstream.answer_ms {
                let what = format!("`{connect}` {} is above `answer_ms` {}", upstream.connect_ms, upstream.answer_ms);
                self.wrong(
                    &[&connect, &answer],
                    what,
                    "the HIS would be answered before the platform is reached: lower connect_ms",
                );
            }
        }
    }

    fn clients(&mut self) {
        let settings = self.settings;
        for (name, client) in &settings.client {
            let key = |key: &str| format!("client.{name}.{key}");
            let (peers, unknown, patience) = (key("peers"), key("unknown"), key("patience_ms"));
            for network in client.peers.iter().filter(|network| !is_network(network)) {
                let what = format!("`{peers}`: \"{network}\" is not a network");
                self.wrong(&[&peers], what, "write ADDRESS/BITS, for example 10.1.2.0/24 or 10.1.2.3/32");
            }
            if name != "default" && self.merged.is_default(&peers) && client.certificates.is_empty() {
                let what = format!("`client.{name}` does not say where it calls from");
                self.wrong(&[&peers, &unknown, &patience], what, "add peers = [\"ADDRESS/BITS\"], or certificates");
            }
            if client.unknown == WhenUnknown::Hold && client.patience_ms == 0 {
                let what = format!("`client.{name}` holds unknown outcomes, and its own time-out is not known");
                self.remark(&[&patience, &unknown], what, "set patience_ms a little below its time-out");
            }
        }
        self.shared_networks();
    }

    /// A network that two clients claim would be decided by the order of their names, unless certificates tell them apart.
    fn shared_networks(&mut self) {
        let mut claims: BTreeMap<&str, &str> = BTreeMap::new();
        let without = |client: &ClientSettings| client.certificates.is_empty();
        for (name, client) in self.settings.client.iter().filter(|(name, _)| *name != "default") {
            let peers = format!("client.{name}.peers");
            for network in client.peers.iter().filter(|_| !self.merged.is_default(&peers) && without(client)) {
                if let Some(other) = claims.insert(network, name).filter(|other| other != name) {
                    let what = format!("`{peers}`: {network} is also in client.{other}");
                    self.wrong(&[&peers], what, "a network belongs to one client");
                }
            }
        }
    }

    /// The door of the platform's own calls, when it is open.
    fn callback(&mut self) {
        let callback = &self.settings.callback;
        if callback.listen.is_empty() {
            return;
        }
        if callback.listen.to_socket_addrs().is_err() {
            let what = format!("`callback.listen` = \"{}\" is not an address", callback.listen);
            self.wrong(&["callback.listen"], what, "write HOST:PORT, for example 0.0.0.0:8081");
        }
        for network in callback.peers.iter().filter(|network| !is_network(network)) {
            let what = format!("`callback.peers`: \"{network}\" is not a network");
            self.wrong(&["callback.peers"], what, "write ADDRESS/BITS, for example 10.1.2.0/24 or 10.1.2.3/32");
        }
        let his = self.settings.upstream.get(&callback.upstream);
        if his.is_none_or(|his| his.url.is_empty()) {
            let what = format!("`callback.listen` is set, and [upstream.{}] has no url", callback.upstream);
            let cure = format!(
                "say where the HIS takes these calls: [upstream.{}] url = \"http://HOST:PORT\"",
                callback.upstream
            );
            self.wrong(&["callback.upstream", "callback.listen"], what, cure);
        }
    }

    /// Where copies of checkpoints go.
    fn retention(&mut self) {
        let retention = &self.settings.retention;
        let (keep, live, dir) = (retention.keep_days, retention.key_live_days, &retention.archive_dir);
        let without = retention.trim_without_archive;
        if !dir.as_os_str().is_empty() && !dir.is_absolute() {
            let what = format!("`retention.archive_dir` = \"{}\" is no absolute path", dir.display());
            self.wrong(&["retention.archive_dir"], what, "name a folder from / on, better on another disk");
        }
        if keep > 0 && keep < live.max(KEEP_DAYS_MIN) {
            let what =
                format!("`retention.keep_days` = {keep} would trim records that repeats and reconciliation need");
            let cure = format!("use 0 (keep all), or {} and more", live.max(KEEP_DAYS_MIN));
            self.wrong(&["retention.keep_days", "retention.key_live_days"], what, cure);
        }
        if keep > 0 && dir.as_os_str().is_empty() && !without {
            let what = "`retention.keep_days` trims nothing without `retention.archive_dir`".to_owned();
            let cure = "name a folder of archives, or say trim_without_archive = true";
            self.wrong(&["retention.keep_days"], what, cure);
        }
    }

    fn seal(&mut self) {
        let seal = &self.settings.seal;
        if !seal.anchor_dir.as_os_str().is_empty() && !seal.anchor_dir.is_absolute() {
            let what = format!("`seal.anchor_dir` = \"{}\" is no absolute path", seal.anchor_dir.display());
            self.wrong(&["seal.anchor_dir"], what, "name a folder on another disk or machine, from / on");
        }
        let named = self.settings.upstream.get(&seal.anchor_upstream);
        if !seal.anchor_upstream.is_empty() && named.is_none_or(|upstream| upstream.url.is_empty()) {
            let what = format!("`seal.anchor_upstream` = \"{}\" has no url", seal.anchor_upstream);
            let cure = format!(
                "say where copies are taken: [upstream.{}] url = \"https://HOST:PORT/PATH\"",
                seal.anchor_upstream
            );
            self.wrong(&["seal.anchor_upstream"], what, cure);
        }
    }

    fn routes(&mut self) {
        let settings = self.settings;
        for (at, route) in settings.route.iter().enumerate() {
            let key = |key: &str| format!("route.{at}.{key}");
            if !settings.upstream.contains_key(&route.upstream) {
                let names = settings.upstream.keys().map(String::as_str);
                let cure = match nearest(&route.upstream, names.clone()) {
                    Some(name) => format!("did you mean \"{name}\"?"),
                    None => format!(
                        "add [upstream.{}], or use one of: {}",
                        route.upstream,
                        names.collect::<Vec<_>>().join(", ")
                    ),
                };
                self.wrong(
                    &[&key("upstream")],
                    format!("route {} leads to upstream \"{}\", which does not exist", at + 1, route.upstream),
                    cure,
                );
            }
            if !route.prefix.starts_with('/') {
                self.wrong(
                    &[&key("prefix")],
                    format!("route {}: prefix \"{}\" does not begin with /", at + 1, route.prefix),
                    "write a path such as /fsi/api",
                );
            }
            for infno in route.infno.iter().filter(|infno| !is_infno(infno)) {
                let what = format!("route {}: \"{infno}\" is not a transaction number", at + 1);
                self.wrong(&[&key("infno")], what, "write numbers such as \"2207\", \"35*\" or \"*\"");
            }
        }
        let all = |route: &Route| route.prefix == "/" && route.infno.iter().any(|infno| infno == "*");
        if !settings.route.iter().any(all) {
            self.remark(
                &["route.0.prefix"],
                "no route takes every call; what no route takes is refused",
                "end the list with prefix = \"/\", infno = [\"*\"]",
            );
        }
    }
}

fn wrong_url(url: &str) -> Option<&'static str> {
    let uri: http::Uri = match url.parse() {
        Ok(uri) => uri,
        Err(_) => return Some("is not a URL"),
    };
    match (uri.scheme_str(), uri.host(), uri.query()) {
        (scheme, ..) if !matches!(scheme, Some("http" | "https")) => Some("does not begin with http:// or https://"),
        (_, None | Some(""), _) => Some("names no host"),
        (_, _, Some(_)) => Some("has a query; only a base path may follow the host"),
        _ => None,
    }
}

fn is_network(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let width = |address: IpAddr| if address.is_ipv4() { 32 } else { 128 };
    address.parse::<IpAddr>().is_ok_and(|address| bits.parse::<u8>().is_ok_and(|bits| bits <= width(address)))
}

fn is_infno(text: &str) -> bool {
    let number = text.strip_suffix('*').unwrap_or(text);
    !text.is_empty() && number.len() <= 16 && number.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
