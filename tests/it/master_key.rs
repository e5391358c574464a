//! The master key of the journal's keys, on the program itself: beside, elsewhere, wrong, rotated, cut short.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use medgate::journal::entropy::SystemEntropy;
use medgate::journal::facts::Fact;
use medgate::journal::master::Master;
use medgate::journal::pool_key::{PoolKey, wrap_by};
use medgate::journal::record::Kind;
use serde_json::json;

use crate::crash_rig::{Gateway, Serve, medgate, run, said};
use crate::doors_rig::{OK, Peer};
use crate::rig::records_in;

const TARGET: &str = "/fsi/api/hsa/hgs/1101";
const SECRET: &str = "110101199003077777";

/// `medgate` on a data folder with a master key named in the environment; empty for none.
fn on(data: &Path, master: &str, arguments: &[&str]) -> Command {
    let mut command = medgate(arguments);
    command.arg("--data").arg(data).env("MEDGATE__JOURNAL__SEGMENT_BYTES", "16777216");
    command.env("MEDGATE__JOURNAL__MASTER_KEY", master);
    command
}

fn serve(data: &Path, peer: &Peer, master: &str) -> Serve {
    Serve::on(data, peer.addr).with("JOURNAL__MASTER_KEY", master)
}

async fn called(gateway: &Gateway) {
    let body = json!({"infno": "1101", "msgid": "H1", "input": {"data": {"mdtrt_cert_no": SECRET}}}).to_string();
    gateway.call(TARGET, body.as_bytes()).await;
}

/// Whether the last call can be read with this master key.
fn reads(data: &Path, master: &str) -> bool {
    let intent = records_in(data).into_iter().rev().find(|record| record.header.known_kind() == Some(Kind::Intent));
    let id = intent.unwrap().header.exchange_id.to_string();
    let shown = run(on(data, master, &["journal", "show", &id, "--reveal"]));
    said(&shown).contains(SECRET)
}

fn acts(data: &Path) -> Vec<(String, String)> {
    let records = records_in(data).into_iter();
    let acts = records.filter(|record| record.header.known_kind() == Some(Kind::OperatorAct));
    let text = |record: &medgate::journal::Record, fact| record.facts.text_of(fact).unwrap_or_default().to_owned();
    acts.map(|act| (text(&act, Fact::Name), text(&act, Fact::After))).collect()
}

/// Nothing of these files stands anywhere else in a folder.
fn nowhere_in(folder: &Path, key: &str) -> bool {
    let digits = key.trim().rsplit(':').next().unwrap().to_owned();
    let raw = hex::decode(&digits).unwrap();
    let holds = |bytes: &[u8]| {
        bytes.windows(raw.len()).any(|window| window == raw)
            || bytes.windows(digits.len()).any(|window| window == digits.as_bytes())
    };
    !crate::program_day::files_below(folder).iter().any(|file| holds(&fs::read(file).unwrap()))
}

#[tokio::test]
async fn a_first_start_needs_nothing_and_the_key_is_kept_elsewhere_in_one_step() {
    let (dir, peer) = (tempfile::tempdir().unwrap(), Peer::saying(OK).await);
    let data = dir.path().join("data");
    let mut gateway = serve(&data, &peer, "").start().await;
    called(&gateway).await;
    assert!(
        gateway.log().contains("the master key lies in the data folder")
            && gateway.log().contains("journal.master_key")
    );
    assert!(gateway.stop().await.success());
    let checked = run({
        let mut command = on(&data, "", &["check"]);
        command.args(["--upstream", "http://127.0.0.1:1"]);
        command
    });
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && text.contains("remark: ") && text.contains("keys/master.key"), "{text}");
    assert!(reads(&data, ""));

    let (beside, elsewhere) = (data.join("keys/master.key"), dir.path().join("kept.key"));
    let text = fs::read_to_string(&beside).unwrap();
    fs::rename(&beside, &elsewhere).unwrap();
    assert!(nowhere_in(&data, &text), "the data folder alone opens nothing");
    let place = elsewhere.display().to_string();
    let before = crate::program_day::files_below(&data).len();
    let ended = serve(&data, &peer, "").refused().await;
    assert!(
        ended.said.contains("there is no keys/master.key") && ended.said.contains("journal.master_key"),
        "{}",
        ended.said
    );
    let wrong = dir.path().join("wrong.key");
    let made = run(medgate(&["keys", "master", "new", "--out", &wrong.display().to_string()]));
    assert!(made.status.success(), "{}", said(&made));
    assert_eq!(fs::metadata(&wrong).unwrap().permissions().mode() & 0o777, 0o600);
    let ended = serve(&data, &peer, &wrong.display().to_string()).refused().await;
    assert!(ended.said.contains("nothing was opened and nothing changed"), "{}", ended.said);
    assert!(!ended.said.contains(fs::read_to_string(&wrong).unwrap().trim().rsplit(':').next().unwrap()));
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o644)).unwrap();
    let ended = serve(&data, &peer, &wrong.display().to_string()).refused().await;
    assert!(ended.said.contains("chmod 400"), "{}", ended.said);
    let ended = serve(&data, &peer, "relative.key").refused().await;
    assert!(ended.said.contains("neither an absolute path nor credential:NAME"), "{}", ended.said);
    assert_eq!(crate::program_day::files_below(&data).len(), before, "nothing was made");
    assert!(!reads(&data, "") && reads(&data, &place));
    let gateway = serve(&data, &peer, &place).start().await;
    called(&gateway).await;
    assert!(gateway.stop().await.success());
    assert!(reads(&data, &place));
}

#[tokio::test]
async fn a_damaged_or_missing_pool_key_is_named_with_its_cure() {
    let (dir, peer) = (tempfile::tempdir().unwrap(), Peer::saying(OK).await);
    let data = dir.path().join("data");
    let gateway = serve(&data, &peer, "").start().await;
    assert!(gateway.stop().await.success());
    let (keys, pool) = (data.join("keys"), data.join("keys/pool.key"));
    let good = fs::read(&pool).unwrap();
    let mut bad = good.clone();
    bad[40] ^= 1;
    fs::write(&pool, &bad).unwrap();
    let ended = serve(&data, &peer, "").refused().await;
    assert!(ended.said.contains("keys/pool.key is damaged") && ended.said.contains("backup"), "{}", ended.said);
    assert_eq!(fs::read(&pool).unwrap(), bad);
    fs::remove_file(&pool).unwrap();
    let ended = serve(&data, &peer, "").refused().await;
    assert!(ended.said.contains("keys/pool.key is missing"), "{}", ended.said);
    assert!(!pool.exists(), "none is made in its place");
    fs::write(&pool, &good).unwrap();
    let secret = fs::read(keys.join("index.secret")).unwrap();
    fs::remove_file(keys.join("index.secret")).unwrap();
    fs::remove_file(&pool).unwrap();
    let ended = serve(&data, &peer, "").refused().await;
    assert!(ended.said.contains("keys/index.secret is missing"), "{}", ended.said);
    assert!(!pool.exists() && !keys.join("index.secret").exists(), "none is made in its place");
    fs::write(keys.join("index.secret"), secret).unwrap();
    fs::write(&pool, &good).unwrap();
    assert!(serve(&data, &peer, "").start().await.stop().await.success());
}

#[tokio::test]
async fn a_rotation_changes_one_file_and_is_journaled_and_may_be_cut_short() {
    let (dir, peer) = (tempfile::tempdir().unwrap(), Peer::saying(OK).await);
    let (data, keys) = (dir.path().join("data"), dir.path().join("data/keys"));
    let gateway = serve(&data, &peer, "").start().await;
    called(&gateway).await;
    let rotate = |master: &str, more: &[&str]| {
        run(on(&data, master, &[&["keys", "master", "rotate", "--reason", "yearly"], more].concat()))
    };
    let refused = rotate("", &[]);
    assert!(!refused.status.success() && said(&refused).contains("stop it first"), "{}", said(&refused));
    assert!(gateway.stop().await.success());

    // In its place: the old key stays under the date and opens nothing any more.
    let old = fs::read_to_string(keys.join("master.key")).unwrap();
    let rotated = rotate("", &[]);
    assert!(rotated.status.success(), "{}", said(&rotated));
    assert_ne!(fs::read_to_string(keys.join("master.key")).unwrap(), old);
    let kept = dir.path().join("old.key");
    fs::write(&kept, &old).unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o600)).unwrap();
    let kept = kept.display().to_string();
    assert!(reads(&data, "") && !reads(&data, &kept));
    let all: Vec<_> = acts(&data).into_iter().filter(|(name, _)| name.contains("master key")).collect();
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(
        all[0].0 == "rotate master key" && all[1].0 == "master key rotated" && all[1].1.starts_with("a key "),
        "{all:?}"
    );
    let (now, before) = (fs::read_to_string(keys.join("master.key")).unwrap(), old);
    for secret in [&now, &before] {
        let digits = secret.trim().rsplit(':').next().unwrap().as_bytes().to_vec();
        let raw = hex::decode(&digits).unwrap();
        for record in records_in(&data) {
            assert!(!record.payload.windows(16).any(|window| window == raw), "a key in the journal");
            assert!(!record.payload.windows(digits.len()).any(|window| window == digits), "a key in the journal");
        }
    }

    // To a passphrase elsewhere.
    let words = dir.path().join("words");
    fs::write(&words, "correct horse battery staple\n").unwrap();
    fs::set_permissions(&words, fs::Permissions::from_mode(0o400)).unwrap();
    let words = words.display().to_string();
    let rotated = rotate("", &["--to", &words]);
    assert!(rotated.status.success() && said(&rotated).contains("now set journal.master_key"), "{}", said(&rotated));
    assert!(!reads(&data, "") && reads(&data, &words));
    let refused = rotate(&words, &[]);
    assert!(!refused.status.success() && said(&refused).contains("--to"), "{}", said(&refused));

    // Killed between: both open, the program says so, and the rotation comes to its end when it is run again.
    let master = Master::parse("correct horse battery staple").unwrap();
    let next = dir.path().join("next.key");
    assert!(run(medgate(&["keys", "master", "new", "--out", &next.display().to_string()])).status.success());
    let new = Master::parse(fs::read_to_string(&next).unwrap().trim()).unwrap();
    wrap_by(&keys, &master, &[&new, &master], &SystemEntropy).unwrap();
    fs::write(keys.join("pool.key.part"), b"half").unwrap();
    let next = next.display().to_string();
    for place in [&words, &next] {
        assert!(reads(&data, place), "{place}");
    }
    let status = run(on(&data, &next, &["keys", "master", "status"]));
    assert!(String::from_utf8_lossy(&status.stdout).contains("a rotation was cut short"), "{}", said(&status));
    let rotated = rotate(&next, &["--to", &next]);
    assert!(rotated.status.success(), "{}", said(&rotated));
    assert!(reads(&data, &next) && !reads(&data, &words));
    let gateway = serve(&data, &peer, &next).start().await;
    called(&gateway).await;
    assert!(gateway.stop().await.success());
    assert!(!keys.join("pool.key.part").exists());
}

#[tokio::test]
async fn a_folder_in_the_clear_opens_and_a_rotation_wraps_it() {
    let (dir, peer) = (tempfile::tempdir().unwrap(), Peer::saying(OK).await);
    let (data, keys) = (dir.path().join("data"), dir.path().join("data/keys"));
    fs::create_dir_all(&keys).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o700)).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden/journal/keys");
    for entry in fs::read_dir(&golden).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, keys.join(from.file_name().unwrap())).unwrap();
    }
    let status = |text: &str| {
        let status = run(on(&data, "", &["keys", "master", "status"]));
        let said = String::from_utf8_lossy(&status.stdout).into_owned();
        assert!(status.status.success() && said.contains(text), "{text}: {said}");
    };
    status("the keys stand in the clear");
    let gateway = serve(&data, &peer, "").start().await;
    called(&gateway).await;
    assert!(gateway.stop().await.success());
    status("in the clear  8 slots");
    assert!(reads(&data, ""));
    let rotated = run(on(&data, "", &["keys", "master", "rotate", "--reason", "wrap what is old"]));
    assert!(rotated.status.success(), "{}", said(&rotated));
    status("in the clear  0 slots");
    assert!(reads(&data, ""));
    assert!(PoolKey::read(&keys, &Master::Beside).unwrap().is_some());
}
