//! Files of certificates and keys, tried as a start would try them, and the clients that are bound to certificates.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs;
use std::sync::Arc;

use crate::domain::clock::{Clock, SystemClock};
use crate::inbound::tls::{DoorTls, Files};
use crate::outbound::tls::files::{Dated, Trouble};
use crate::outbound::{self, SettingsError, Upstream};

use super::check::Checker;
use super::settings::ClientSettings;

/// A certificate that ends within so many days is worth a look.
const ENDS_SOON_DAYS: i64 = 30;
const DAY_SECONDS: i64 = 86_400;

impl Checker<'_> {
    /// Everything about certificates.
    pub(super) fn certificates(&mut self) {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let settings = self.settings;
        self.of_door("inbound", &settings.inbound.tls(), &settings.inbound.listen, &clock);
        if !settings.callback.listen.is_empty() {
            self.of_door("callback", &settings.callback.tls(), &settings.callback.listen, &clock);
        }
        for (name, upstream) in &self.settings.upstream {
            self.of_upstream(name, upstream, &clock);
        }
        self.bound_clients();
        self.shared_certificates();
    }

    fn of_door(&mut self, section: &str, files: &Files, listen: &str, clock: &Arc<dyn Clock>) {
        match DoorTls::open(files, clock) {
            Err(trouble) => self.trouble(section, &trouble),
            Ok(None) => {}
            Ok(Some(tls)) => {
                let dated = tls.renews().dated();
                self.ends_soon(section, &dated, clock.as_ref());
                let found = listen.to_socket_addrs();
                let open = found.is_ok_and(|mut found| found.any(|found| !found.ip().is_loopback()));
                for file in dated.iter().filter(|file| open && file.for_development) {
                    let key = format!("{section}.{}", file.key);
                    let what =
                        format!("`{key}` is for development, everybody has its key, and other machines can call");
                    self.remark(&[&key], what, "use certificates of your own, or listen on 127.0.0.1");
                }
            }
        }
    }

    fn of_upstream(&mut self, name: &str, upstream: &outbound::Settings, clock: &Arc<dyn Clock>) {
        let section = format!("upstream.{name}");
        let said = [&upstream.ca, &upstream.certificate, &upstream.key].iter().any(|path| !path.as_os_str().is_empty());
        if upstream.url.starts_with("http://") && (said || !upstream.server_name.is_empty()) {
            let keys = ["ca", "certificate", "key", "server_name"].map(|key| format!("{section}.{key}"));
            let what = format!("`{section}` names certificates, and its url is http://: they are not used");
            self.remark(&keys.each_ref().map(String::as_str), what, "write https:// in the url");
        }
        if !upstream.url.starts_with("https://") {
            return;
        }
        match Upstream::new(upstream, Arc::clone(clock)) {
            Err(SettingsError::Tls(trouble)) => self.trouble(&section, &trouble),
            Err(_) => {} // Said already of the url.
            Ok(built) => {
                let dated = built.certificates().map(|set| set.dated()).unwrap_or_default();
                self.ends_soon(&section, &dated, clock.as_ref());
            }
        }
    }

    fn trouble(&mut self, section: &str, trouble: &Trouble) {
        let key = format!("{section}.{}", trouble.key);
        let what = match trouble.file.as_str() {
            "" => format!("`{section}`: {}", trouble.what),
            file => format!("`{key}` = \"{file}\": {}", trouble.what),
        };
        // What is missing was said nowhere: then the place of its neighbour tells where to write it.
        let neighbours = ["certificate", "key", "url"].map(|neighbour| format!("{section}.{neighbour}"));
        let keys: Vec<&str> = std::iter::once(&key).chain(&neighbours).map(String::as_str).collect();
        self.wrong(&keys, what, trouble.cure.clone());
    }

    fn ends_soon(&mut self, section: &str, dated: &[Dated], clock: &dyn Clock) {
        let now_unix_s = clock.unix_ns() / 1_000_000_000;
        for file in dated {
            let days = (file.not_after_unix_s - now_unix_s) / DAY_SECONDS;
            if days < ENDS_SOON_DAYS {
                let key = format!("{section}.{}", file.key);
                self.remark(&[&key], format!("`{key}`: {} ends in {days} days", file.title), "renew it in time");
            }
        }
    }

    /// Who is bound to certificates must be able to show one, and who is not bound must not call for everybody.
    fn bound_clients(&mut self) {
        let settings = self.settings;
        for (name, client) in &settings.client {
            self.names_certificates(
                &format!("client.{name}"),
                &client.certificates,
                "inbound",
                &settings.inbound.tls(),
            );
        }
        self.names_certificates("callback", &settings.callback.certificates, "callback", &settings.callback.tls());
        let bound = settings.client.values().any(|client| !client.certificates.is_empty());
        let nowhere = |(name, client): &(&String, &ClientSettings)| *name != "default" && client.peers.is_empty();
        for (name, _) in settings.client.iter().filter(nowhere) {
            let key = format!("client.{name}.peers");
            let what = format!("`client.{name}` calls from nowhere: [client.default] has no network for it");
            self.wrong(&[&key, &format!("client.{name}.certificates")], what, "add peers = [\"ADDRESS/BITS\"]");
        }
        for (name, client) in settings.client.iter().filter(|_| bound) {
            if client.certificates.is_empty() && client.institutions.is_empty() && !client.peers.is_empty() {
                let key = format!("client.{name}.institutions");
                let what =
                    format!("`client.{name}` takes every certificate that no other section names, for any institution");
                self.remark(
                    &[&key],
                    what,
                    format!("give [client.{name}] institutions, or peers = [] (the others then say theirs)"),
                );
            }
        }
    }

    /// Whoever is known by a certificate must be asked for one at its door.
    fn names_certificates(&mut self, section: &str, names: &[String], door: &str, files: &Files) {
        let key = format!("{section}.certificates");
        if !names.is_empty() && files.client_ca.as_os_str().is_empty() {
            let what = format!("`{key}` names certificates, and no client is asked for one");
            self.wrong(&[&key], what, format!("name the authority of your clients with client_ca under [{door}]"));
        }
        if names.iter().any(|name| name.trim().is_empty()) {
            self.wrong(&[&key], format!("`{key}` holds an empty name"), "write a CN, a DNS name or a fingerprint");
        }
    }

    /// A certificate that two clients claim would be decided by the order of their names.
    fn shared_certificates(&mut self) {
        let mut claims: BTreeMap<String, &str> = BTreeMap::new();
        for (name, client) in self.settings.client.iter().filter(|(name, _)| *name != "default") {
            let key = format!("client.{name}.certificates");
            for certificate in client.certificates.iter().filter(|_| !self.merged.is_default(&key)) {
                let claim = certificate.to_lowercase().replace(':', "");
                if let Some(other) = claims.insert(claim, name).filter(|other| other != name) {
                    let what = format!("`{key}`: {certificate} is also in client.{other}");
                    self.wrong(&[&key], what, "a certificate belongs to one client");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use tempfile::TempDir;

    use super::super::{Loaded, Told, load_texts};
    use crate::config::complaint::Complaint;

    /// The development certificates and an ended one, with the rights that keys need.
    fn folder() -> TempDir {
        let (root, folder) = (Path::new(env!("CARGO_MANIFEST_DIR")), tempfile::tempdir().unwrap());
        let files = ["server", "client", "ca"].map(|name| (root.join("certs"), name));
        for (from, name) in files.into_iter().chain([(root.join("tests/data/tls"), "expired")]) {
            for ending in ["pem", "key"] {
                let to = folder.path().join(format!("{name}.{ending}"));
                fs::copy(from.join(format!("{name}.{ending}")), &to).unwrap();
                fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        fs::copy(folder.path().join("server.key"), folder.path().join("open.key")).unwrap();
        fs::set_permissions(folder.path().join("open.key"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(folder.path().join("empty.pem"), "nothing\n").unwrap();
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        fs::write(folder.path().join("locked.key"), encrypted).unwrap();
        fs::set_permissions(folder.path().join("locked.key"), fs::Permissions::from_mode(0o600)).unwrap();
        folder
    }

    /// `@` in the text stands for the folder.
    fn told(folder: &TempDir, text: &str) -> Result<Loaded, Vec<Complaint>> {
        let text = text.replace('@', &folder.path().display().to_string());
        let flags = vec![("--upstream", "upstream.default.url", "http://127.0.0.1:9".to_owned())];
        load_texts(Some((Path::new("site.toml"), &text)), &Told { flags, ..Told::default() })
    }

    const DOOR: &str = "[inbound]\ncertificate = \"@/server.pem\"\nkey = \"@/server.key\"\n";

    #[test]
    fn each_complaint_about_a_file_has_its_place_and_cure() {
        let door =
            |certificate: &str, key: &str| format!("[inbound]\ncertificate = \"@/{certificate}\"\nkey = \"@/{key}\"\n");
        let upstream = |more: &str| format!("[upstream.a]\nurl = \"https://127.0.0.1:9\"\nca = \"@/ca.pem\"\n{more}\n");
        let callback = |more: &str| {
            format!("[upstream.his]\nurl = \"http://h:1\"\n[callback]\nlisten = \"127.0.0.1:0\"\n{more}\n")
        };
        let rows = [
            (door("none.pem", "server.key"), 2, "none.pem\": cannot be read: No such file", "name a PEM file"),
            (door("server.pem", "none.key"), 3, "none.key\": cannot be read", "name a PEM file"),
            (door("empty.pem", "server.key"), 2, "holds no certificates", "BEGIN CERTIFICATE"),
            (door("server.key", "server.pem"), 2, "holds a key and no certificate", "`key`"),
            (door("server.pem", "client.pem"), 3, "holds a certificate and no key", "`certificate`"),
            (door("server.pem", "client.key"), 3, "does not belong to the certificate", "requested with"),
            (door("server.pem", "open.key"), 3, "readable by others (mode 0644)", "chmod 600"),
            (door("server.pem", "locked.key"), 3, "encrypted with a passphrase", "openssl pkey"),
            (door("expired.pem", "expired.key"), 2, "localhost ended at 2025-01-01", "renewed"),
            ("[inbound]\ncertificate = \"@/server.pem\"\n".to_owned(), 2, "without `key`", "name both"),
            ("[inbound]\nkey = \"@/server.key\"\n".to_owned(), 2, "without `certificate`", "name both"),
            (
                "[inbound]\nclient_ca = \"@/ca.pem\"\n".to_owned(),
                2,
                "the gateway has none itself",
                "`certificate` and `key`",
            ),
            (format!("{DOOR}client_ca = \"@/empty.pem\"\n"), 4, "holds no certificates", "BEGIN CERTIFICATE"),
            (upstream("certificate = \"@/client.pem\""), 4, "without `key`", "name both"),
            (
                upstream("certificate = \"@/client.pem\"\nkey = \"@/server.key\""),
                5,
                "does not belong",
                "requested with",
            ),
            (upstream("server_name = \"a b\""), 4, "is no name that a certificate could have", "host name"),
            (
                "[client.a]\ncertificates = [\"x\"]\n".to_owned(),
                2,
                "no client is asked for one",
                "client_ca under [inbound]",
            ),
            (callback("certificate = \"@/server.pem\""), 5, "without `key`", "name both"),
            (callback("certificate = \"@/expired.pem\"\nkey = \"@/expired.key\""), 5, "ended at 2025-01-01", "renewed"),
            (callback("client_ca = \"@/ca.pem\""), 5, "the gateway has none itself", "`certificate` and `key`"),
            (callback("certificates = [\"platform\"]"), 5, "no client is asked for one", "client_ca under [callback]"),
        ];
        let folder = folder();
        for (text, line, what, cure) in rows {
            let complaints = told(&folder, &text).expect_err(&text);
            assert_eq!(complaints.len(), 1, "{text}: {complaints:#?}");
            let complaint = &complaints[0];
            assert_eq!(complaint.place, format!("site.toml:{line}"), "{text}: {complaint}");
            assert!(complaint.what.contains(what) && complaint.cure.contains(cure), "{text}: {complaint}");
            assert!(!complaint.to_string().contains("-----END"), "{complaint}");
        }
    }

    #[test]
    fn good_files_are_no_complaint_and_doubtful_ones_are_remarked() {
        let bound = "client_ca = \"@/ca.pem\"\n[client.a]\ncertificates = [\"H99000000001\"]\ninstitutions = [\"H99000000001\"]\n";
        let rows = [
            (DOOR.to_owned(), ""),
            (format!("{DOOR}{bound}[client.default]\ninstitutions = [\"P99000000001\"]\n"), ""),
            (format!("{DOOR}{bound}"), "takes every certificate that no other section names"),
            (format!("{DOOR}listen = \"0.0.0.0:8080\"\n"), "is for development"),
            // What a closed door would need is not looked at.
            ("[callback]\ncertificate = \"@/none.pem\"\n".to_owned(), ""),
            ("[upstream.a]\nurl = \"http://a:1\"\nca = \"@/ca.pem\"\n".to_owned(), "they are not used"),
            ("[upstream.a]\nurl = \"https://127.0.0.1\"\nca = \"@/ca.pem\"\n".to_owned(), ""),
        ];
        let folder = folder();
        for (text, remark) in rows {
            let remarks = told(&folder, &text).unwrap_or_else(|found| panic!("{text}: {found:#?}")).remarks;
            assert_eq!(remarks.len(), usize::from(!remark.is_empty()), "{text}: {remarks:#?}");
            assert!(remarks.iter().all(|found| found.what.contains(remark)), "{text}: {remarks:#?}");
        }
    }

    #[test]
    fn a_certificate_belongs_to_one_client_and_a_client_calls_from_somewhere() {
        let folder = folder();
        let two = format!(
            "{DOOR}client_ca = \"@/ca.pem\"\n[client.a]\ncertificates = [\"AB:CD\"]\n[client.b]\ncertificates = [\"abcd\"]\n"
        );
        let complaints = told(&folder, &two).unwrap_err();
        assert!(complaints.len() == 1 && complaints[0].what.contains("is also in client.a"), "{complaints:#?}");
        let nowhere = format!(
            "{DOOR}client_ca = \"@/ca.pem\"\n[client.default]\npeers = []\n[client.a]\ncertificates = [\"x\"]\n"
        );
        let complaints = told(&folder, &nowhere).unwrap_err();
        assert!(complaints.len() == 1 && complaints[0].what.contains("calls from nowhere"), "{complaints:#?}");
    }
}
