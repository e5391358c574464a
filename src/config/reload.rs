//! Settings read anew while the gateway runs: what may change then, what did, and what waits for a restart.

use std::fmt;
use std::sync::Arc;

use super::complaint::Complaint;
use super::merge::Merged;
use super::{Loaded, Settings, Told, checked, load};

/// What may change while the gateway runs: single settings, and whole sections, which end in a dot.
const LIVE: &[&str] = &[
    "gateway.profile",
    "gateway.profiles",
    "callback.peers",
    "callback.certificates",
    "callback.upstream",
    "callback.unknown",
    "upstream.",
    "client.",
    "identity.",
    "route.",
    "rules.",
];
/// Stands for a value that may be a key: Jilin's account is one.
const MASK: &str = "***";

/// Settings that are good to be in force, and how they differ from those before.
#[derive(Debug)]
pub struct Renewed {
    /// What is to be in force: what may change as it was read, everything else as it was.
    pub loaded: Loaded,
    /// What changes.
    pub changes: Vec<Change>,
    /// What was read and needs a restart.
    pub waiting: Vec<Change>,
}

/// One setting that is another. `Display` is a line for log and journal, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `route.0.upstream`.
    pub key: String,
    /// As TOML writes it; `None` where it was not there.
    pub before: Option<String>,
    /// Likewise.
    pub after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        write!(f, "{}: {} -> {}", self.key, shown(&self.before), shown(&self.after))
    }
}

impl Loaded {
    /// Settings that were made by hand and have no sources.
    pub fn by_hand(settings: Settings) -> Loaded {
        Loaded { settings, remarks: Vec::new(), merged: Arc::default() }
    }

    /// Reads all sources again; what comes of it has passed every check.
    ///
    /// # Errors
    /// Every complaint, about what was read or about how it fits what stays.
    pub fn renewed(&self, told: &Told) -> Result<Renewed, Vec<Complaint>> {
        let read = load(told)?;
        let anchor = format!("upstream.{}.", self.settings.seal.anchor_upstream);
        // The notary holds on to the platform that it copies to.
        let is_live = |key: &str| LIVE.iter().any(|live| fits(live, key)) && !key.starts_with(&anchor);
        let mut merged = self.merged.only(|key| !is_live(key));
        merged.extend(read.merged.only(is_live));
        let waiting = differences(&self.merged, &read.merged).into_iter().filter(|change| !is_live(&change.key));
        let waiting = waiting.collect();
        let loaded = checked(merged, Vec::new())?;
        Ok(Renewed { changes: differences(&self.merged, &loaded.merged), waiting, loaded })
    }
}

fn fits(live: &str, key: &str) -> bool {
    if live.ends_with('.') { key.starts_with(live) } else { key == live }
}

fn differences(before: &Merged, after: &Merged) -> Vec<Change> {
    let mut keys: Vec<&str> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let change = |key: &str| {
        let (was, is) = (before.written(key), after.written(key));
        let shown = |value: Option<String>| value.map(|value| if is_secret(key) { MASK.to_owned() } else { value });
        (was != is).then(|| Change { key: key.to_owned(), before: shown(was), after: shown(is) })
    };
    keys.into_iter().filter_map(change).collect()
}

fn is_secret(key: &str) -> bool {
    key.starts_with("identity.") && key.ends_with(".account")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const BEFORE: &str = "[gateway]\nprofile = \"baseline\"\n[upstream.a]\nurl = \"http://a:1\"\n\
                          [identity.site]\naccount = \"0123456789ABCDEF\"\n";

    /// Settings from one text, then from another.
    fn renewed(before: &str, after: &str) -> Result<Renewed, Vec<Complaint>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("site.toml");
        let flags = vec![("--upstream", "upstream.default.url", "http://127.0.0.1:9".to_owned())];
        let told = Told { file: Some(file.clone()), flags, ..Told::default() };
        let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
        write(&file, before);
        let loaded = load(&told).unwrap();
        write(&file, after);
        loaded.renewed(&told)
    }

    fn lines(changes: &[Change]) -> Vec<String> {
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_may_change_changes_and_the_rest_waits() {
        let after = "[journal]\ncipher = \"aes-256-gcm\"\n[upstream.a]\nurl = \"http://a:2\"\n\
                     [upstream.default]\nanswer_ms = 50000\n[identity.site]\naccount = \"FEDCBA9876543210\"\n\
                     [[route]]\nprefix = \"/a\"\nupstream = \"a\"\n[[route]]\n";
        let renewed = renewed(BEFORE, after).unwrap();
        let expected = [
            "identity.site.account: *** -> ***",
            "route.0.prefix: \"/\" -> \"/a\"",
            "route.0.upstream: \"default\" -> \"a\"",
            "route.1: - -> {}",
            "route.1.infno: - -> [\"*\"]",
            "route.1.prefix: - -> \"/\"",
            "route.1.upstream: - -> \"default\"",
            "upstream.a.answer_ms: 60000 -> 50000",
            "upstream.a.url: \"http://a:1\" -> \"http://a:2\"",
            "upstream.default.answer_ms: 60000 -> 50000",
        ];
        assert_eq!(lines(&renewed.changes), expected);
        assert_eq!(lines(&renewed.waiting), ["journal.cipher: \"sm4-gcm\" -> \"aes-256-gcm\""]);
        let settings = &renewed.loaded.settings;
        assert_eq!((settings.route.len(), settings.upstream["a"].url.as_str()), (2, "http://a:2"));
        assert_eq!(settings.journal.cipher, crate::journal::cipher::Cipher::Sm4Gcm);
        assert_eq!(settings.upstream["default"].url, "http://127.0.0.1:9", "the flag still stands in front");
    }

    #[test]
    fn nothing_new_is_no_change() {
        let renewed = renewed(BEFORE, &format!("# said again\n{BEFORE}")).unwrap();
        assert_eq!((renewed.changes, renewed.waiting), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_nothing_changes() {
        for (after, place, what) in [
            ("[[route]]\nupstream = \"b\"\n", "site.toml:2", "leads to upstream \"b\""),
            ("[upstream.a]\nurl = \"a\"\n", "site.toml:2", "does not begin with http"),
            ("[upstream.a\n", "site.toml:1", ""),
            ("[gateway]\nprofil = \"x\"\n", "site.toml:2", "unknown key"),
        ] {
            let complaints = renewed(BEFORE, after).expect_err(after);
            assert!(complaints[0].place.ends_with(place) && complaints[0].what.contains(what), "{complaints:?}");
        }
    }

    #[test]
    fn what_holds_only_after_a_restart_does_not_hold_now() {
        // The door would ask for no certificate until then, and so nobody could show the one that is named.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("server.key");
        std::fs::copy(root.join("server.key"), &key).unwrap();
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let (root, key) = (root.display(), key.display());
        let after = format!(
            "[inbound]\ncertificate = \"{root}/server.pem\"\nkey = \"{key}\"\nclient_ca = \"{root}/ca.pem\"\n\
             [client.default]\ncertificates = [\"his\"]\n"
        );
        let complaints = renewed(BEFORE, &after).expect_err("now");
        assert!(complaints[0].what.contains("no client is asked for one"), "{complaints:?}");
    }
}
