//! Everything read anew while calls run: what holds is in force at once and journaled, what does not is not taken, and an
//! exchange keeps the judgement that it began with.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use medgate::domain::clock::SystemClock;
use medgate::domain::exchange::Seq;
use medgate::journal::Record;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use medgate::sandbox::Sandbox;
use medgate::sandbox::platform::Settings;
use serde_json::json;
use sm3::{Digest, Sm3};
use tempfile::TempDir;

use crate::doors_rig::{Talk, post};
use crate::money_his::{self as his, URL};
use crate::program_rig::Program;
use crate::rig::{SOON, records_in, until};
use crate::tls_rig::Certificates;

const JSON: &str = "Content-Type: application/json\r\n";
const CLIENTS: usize = 8;
const PROFILE: &str = "title = \"site\"\ninherits = \"baseline\"\n";
/// Queries of persons go to another host.
const ROUTED: &str = "[host.other]\ntitle = \"the other\"\n\n[route.persons]\nhost = \"other\"\ninfno = [\"1101\"]\n";

/// A site's files: settings, and a folder with its profile.
struct Site {
    dir: TempDir,
}

impl Site {
    fn new(settings: &str) -> Site {
        let site = Site { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(site.path("profiles")).unwrap();
        site.profile(PROFILE);
        site.settings(settings);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn profile(&self, text: &str) {
        fs::write(self.path("profiles/site.toml"), text).unwrap();
    }

    fn settings(&self, text: &str) {
        let profiles = self.path("profiles");
        let head = format!("[gateway]\nprofile = \"site\"\nprofiles = \"{}\"\n", profiles.display());
        fs::write(self.path("site-settings.toml"), format!("{head}{text}")).unwrap();
    }

    /// A file of a secret, for its owner only.
    fn secret(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        self.path(name).display().to_string()
    }

    async fn program(&self, platform: &Sandbox) -> Program {
        let config = self.path("site-settings.toml");
        Program::start_as(&format!("http://{}", platform.addr()), &[], |command| {
            command.arg("--config").arg(config);
        })
        .await
    }
}

async fn platform() -> Sandbox {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Sandbox::start(loopback, Settings::default(), Arc::new(SystemClock::start())).await.unwrap()
}

fn query() -> String {
    let person = his::somebody();
    let data = json!({"mdtrt_cert_type": "02", "mdtrt_cert_no": person.certno, "psn_cert_type": "01", "certno": person.certno});
    his::body("1101", &json!({ "data": data }))
}

/// Calls until told to end, each second client on one connection; every call must be answered with success.
async fn call_on(addr: SocketAddr, keeps: bool, end: Arc<AtomicBool>, answered: Arc<AtomicUsize>) {
    let mut kept = None;
    while !end.load(Ordering::Relaxed) {
        let mut talk = match kept.take() {
            Some(talk) => talk,
            None => Talk::to(addr).await,
        };
        let answer = tokio::time::timeout(SOON, talk.ask(post(URL, JSON, &query()))).await.expect("an answer in time");
        let said = String::from_utf8_lossy(&answer.body);
        assert!(said.contains("\"infcode\":0"), "{said}");
        answered.fetch_add(1, Ordering::Relaxed);
        kept = keeps.then_some(talk);
    }
}

fn of_kind(program: &Program, kind: Kind) -> Vec<Record> {
    records_in(&program.data()).into_iter().filter(|record| record.header.known_kind() == Some(kind)).collect()
}

fn text_of(record: &Record, fact: Fact) -> &str {
    record.facts.text_of(fact).unwrap_or_default()
}

/// Records of what was read anew, whole sentences of who did what.
fn acts(program: &Program, name: &str) -> Vec<Record> {
    of_kind(program, Kind::OperatorAct).into_iter().filter(|act| text_of(act, Fact::Name) == name).collect()
}

/// The profile's Snapshots.
fn snapshots(program: &Program) -> Vec<Record> {
    of_kind(program, Kind::Snapshot).into_iter().filter(|one| text_of(one, Fact::Name) == "profile").collect()
}

async fn count(program: &Program, result: &str, times: u32) {
    let expected = format!("medgate_reloads_total{{result=\"{result}\"}} {times}\n");
    let counted = async {
        let mut again = tokio::time::interval(std::time::Duration::from_millis(20));
        while !program.look("/metrics").await.contains(&expected) {
            again.tick().await;
        }
    };
    tokio::time::timeout(SOON, counted).await.unwrap_or_else(|_| panic!("not {expected}: {}", program.log()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_of_the_profile_changes_under_load_and_no_call_fails() {
    let (first, second) = (platform().await, platform().await);
    let site = Site::new(&format!("[upstream.other]\nurl = \"http://{}\"\n", second.addr()));
    let program = site.program(&first).await;
    let (end, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|nth| tokio::spawn(call_on(program.listen, nth % 2 == 0, end.clone(), answered.clone())))
        .collect();
    until("calls are under way", || answered.load(Ordering::Relaxed) > 2 * CLIENTS).await;
    assert_eq!(second.platform().requests(), 0);
    site.profile(&format!("{PROFILE}{ROUTED}"));
    program.signal("HUP");
    until("calls go the new way", || second.platform().requests() > 2 * CLIENTS as u64).await;
    let old = first.platform().requests();
    until("and go on", || second.platform().requests() > 6 * CLIENTS as u64).await;
    assert_eq!(first.platform().requests(), old, "none goes the old way any more");
    end.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no call failed");
    }
    let arrived = first.platform().requests() + second.platform().requests();
    assert_eq!(arrived, answered.load(Ordering::Relaxed) as u64);

    let snapshots = snapshots(&program);
    let seqs: Vec<Seq> = snapshots.iter().map(|one| one.header.seq).collect();
    assert_eq!(seqs.len(), 2);
    let intents = of_kind(&program, Kind::Intent);
    let named: BTreeSet<(&str, Seq)> =
        intents.iter().map(|intent| (text_of(intent, Fact::Upstream), intent.header.profile_seq)).collect();
    assert_eq!(named, BTreeSet::from([("default", seqs[0]), ("other", seqs[1])]), "each names the one it began with");
    for outcome in of_kind(&program, Kind::Outcome) {
        let intent = intents.iter().find(|intent| intent.header.seq == outcome.header.ref_seq).unwrap();
        assert_eq!(outcome.header.profile_seq, intent.header.profile_seq, "and so does its outcome");
    }

    let acts = acts(&program, "reload");
    assert_eq!(acts.len(), 1);
    assert!(acts[0].header.seq > seqs[1] && text_of(&acts[0], Fact::Who) == "signal HUP");
    let digest = |snapshot: &Record| hex::encode(Sm3::digest(text_of(snapshot, Fact::Text)));
    let expected = format!("profile: site SM3 {} -> site SM3 {}", digest(&snapshots[0]), digest(&snapshots[1]));
    assert_eq!(text_of(&acts[0], Fact::Text), expected);
    count(&program, "taken", 1).await;
    // Nothing new: nothing happens, and no record says that something did.
    program.signal("HUP");
    count(&program, "same", 1).await;
    assert_eq!(of_kind(&program, Kind::OperatorAct).len(), 1);
}

#[tokio::test]
async fn what_does_not_hold_is_not_taken_and_says_where_it_is_wrong() {
    let platform = platform().await;
    let site = Site::new("");
    let program = site.program(&platform).await;
    let profile_broken: (&dyn Fn(), &str) = (&|| site.profile(&format!("{PROFILE}[clas]\n")), "site.toml:3");
    let setting_broken: (&dyn Fn(), &str) =
        (&|| site.settings("[client.default]\npeers = [\"x\"]\n"), "is not a network");
    for (nth, (breaks, says)) in [profile_broken, setting_broken].into_iter().enumerate() {
        breaks();
        program.signal("HUP");
        count(&program, "refused", nth as u32 + 1).await;
        let log = program.log();
        assert!(log.lines().any(|line| line.contains("stays in force") && line.contains(says)), "{log}");
        let ready = program.look("/readyz?verbose").await;
        assert!(ready.contains("[!] settings: what was last read is not in force") && ready.contains(says), "{ready}");
        assert!(ready.ends_with("\nready\n"), "{ready}");
        let answer = program.talk().await.ask(post(URL, JSON, &query())).await;
        assert!(String::from_utf8_lossy(&answer.body).contains("\"infcode\":0"));
        site.profile(PROFILE);
        site.settings("");
    }
    assert_eq!((snapshots(&program).len(), of_kind(&program, Kind::OperatorAct).len()), (1, 0));
    program.signal("HUP");
    count(&program, "same", 1).await;
    assert!(!program.look("/readyz?verbose").await.contains("[!]"));
}

#[tokio::test]
async fn settings_change_what_may_change_name_the_rest_and_tell_no_secret() {
    const SECRETS: [&str; 3] = ["0123456789ABCDEF", "the-first-secret", "the-second-secret"];
    let (first, second) = (platform().await, platform().await);
    let site = Site::new("");
    let secret = site.secret("secret", SECRETS[1]);
    let identity = format!("[identity.site]\naccount = \"{}\"\nsecret_file = \"{secret}\"\n", SECRETS[0]);
    site.settings(&identity);
    let program = site.program(&first).await;
    let ask = async || {
        let mut talk = program.talk().await;
        String::from_utf8(talk.ask(post(URL, JSON, &query())).await.body).unwrap()
    };
    assert!(ask().await.contains("\"infcode\":0"));
    let (listen, admin) = (program.listen, program.admin);
    let moved = format!(
        "[journal]\ncompression_level = 3\n[inbound]\nidle_seconds = 200\n[upstream.new]\nurl = \"http://{}\"\n\
         [[route]]\nupstream = \"new\"\n",
        second.addr()
    );
    site.settings(&format!("{identity}{moved}"));
    site.secret("secret", SECRETS[2]);
    program.signal("HUP");
    count(&program, "taken", 1).await;
    assert!(ask().await.contains("\"infcode\":0"));
    assert_eq!((first.platform().requests(), second.platform().requests()), (1, 1));
    let log = program.log();
    for waits in ["journal.compression_level: 1 -> 3", "inbound.idle_seconds: 120 -> 200"] {
        assert!(log.lines().any(|line| line.contains("needs a restart") && line.contains(waits)), "{log}");
    }
    assert_eq!((listen, admin), (program.listen, program.admin));
    let act = acts(&program, "reload").remove(0);
    let text = text_of(&act, Fact::Text);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "identity.site: other keys -> in its files");
    assert!(lines.contains(&"route.0.upstream: \"default\" -> \"new\""), "{text}");
    assert!(lines.contains(&format!("upstream.new.url: - -> \"http://{}\"", second.addr()).as_str()), "{text}");
    assert!(!text.contains("compression_level"), "what waits has not changed: {text}");
    assert_eq!(snapshots(&program).len(), 1, "the profile's text is the same");
    // An account may be a key as well.
    site.settings(&identity.replace(SECRETS[0], "FEDCBA9876543210"));
    program.signal("HUP");
    count(&program, "taken", 2).await;
    let act = acts(&program, "reload").remove(1);
    let text = text_of(&act, Fact::Text);
    assert!(text.contains("identity.site.account: *** -> ***"), "{text}");
    assert!(text.contains("upstream.new.url: \"http://"), "{text}");
    let everything = program.log() + text;
    assert!(!SECRETS.into_iter().any(|secret| everything.contains(secret)), "{everything}");
    assert!(ask().await.contains("\"infcode\":0"));
    assert_eq!((first.platform().requests(), second.platform().requests()), (2, 1));
}

#[tokio::test]
async fn a_renewed_certificate_is_journaled_with_its_number_and_end() {
    let certificates = Certificates::new();
    for name in ["server", "renewed"] {
        certificates.issue_here(name);
    }
    let serial = |name: &str| {
        let file = certificates.path(&format!("{name}.pem"));
        let said = std::process::Command::new("openssl").args(["x509", "-noout", "-serial", "-in"]).arg(file).output();
        let said = String::from_utf8(said.unwrap().stdout).unwrap();
        said.trim().strip_prefix("serial=").unwrap().to_lowercase()
    };
    let (old, new) = (serial("server"), serial("renewed"));
    let platform = platform().await;
    let path = |file: &str| certificates.path(file).display().to_string();
    let settings = [("INBOUND__CERTIFICATE", path("server.pem")), ("INBOUND__KEY", path("server.key"))];
    let settings = settings.each_ref().map(|(key, value)| (*key, value.as_str()));
    let program = Program::start(&format!("http://{}", platform.addr()), &settings).await;
    // Asked, with the same files: nothing to tell.
    program.signal("HUP");
    until("they were looked at", || program.log().contains("were taken anew")).await;
    certificates.replace("server", "renewed");
    until("the act is journaled", || !of_kind(&program, Kind::OperatorAct).is_empty()).await;
    let acts = of_kind(&program, Kind::OperatorAct);
    assert_eq!((acts.len(), text_of(&acts[0], Fact::Name), text_of(&acts[0], Fact::Who)), (1, "inbound", "medgate"));
    assert_eq!(text_of(&acts[0], Fact::Reason), "certificates taken anew");
    let text = text_of(&acts[0], Fact::Text);
    assert!(text.starts_with(&format!("certificate: localhost {old} until 20")), "{text}");
    assert!(text.contains(&format!(" -> localhost {new} until 20")), "{text}");
}
