//! Old segments leave the journal: archived first, journaled first, and never what somebody still needs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use medgate::domain::clock::{Clock, HandClock, SystemClock};
use medgate::domain::exchange::Seq;
use medgate::domain::moment::china_time;
use medgate::evidence::archive::file_name;
use medgate::evidence::seal_key::PUBLIC;
use medgate::journal::facts::Fact;
use medgate::journal::master::Master;
use medgate::journal::record::Kind;
use medgate::journal::{Journal, Record, segment};
use medgate::operator::trim::{Asked, Stays, plan};
use medgate::sandbox::draw::Draw;
use medgate::signing::sm2::Verifier;
use serde_json::Value;
use tempfile::TempDir;

use crate::money_his::{self as his, Bill};
use crate::rig::{TestGateway, until};

const DAYS_70: Duration = Duration::from_secs(70 * 86_400);
const KEEP_DAYS: u64 = 62;

/// Runs one of our programs, off the runtime: it may ask the gateway's admin port.
async fn run(program: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(program);
    command.env_clear().env("MEDGATE__JOURNAL__SEGMENT_BYTES", "16777216").args(arguments);
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (status.code(), String::from_utf8_lossy(&[&stdout[..], &stderr].concat()).into_owned())
}

async fn medgate(data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let data = data.display().to_string();
    run(env!("CARGO_BIN_EXE_medgate"), &[arguments, &["--data", &data]].concat()).await
}

async fn verified(arguments: &[&str], key: &Path) -> (Option<i32>, String) {
    let key = key.display().to_string();
    run(env!("CARGO_BIN_EXE_medgate-verify"), &[arguments, &["--key", &key]].concat()).await
}

/// A gateway that archives into a folder of its own.
async fn archiving(verify_hour: u64) -> (TestGateway, TempDir) {
    let archives = tempfile::tempdir().unwrap();
    let dir = archives.path().to_owned();
    let gate = TestGateway::with(|settings| {
        settings.seal.every_seconds = 1;
        settings.seal.verify_hour = verify_hour;
        settings.retention.archive_dir = dir;
        settings.retention.keep_days = KEEP_DAYS;
        settings.views.rest_ms = 10;
        // A clock that is set forward within a batch must not make the views rest as long.
        settings.views.busy_percent_max = 100;
    })
    .await;
    (gate, archives)
}

/// Waits until checkpoints and views have come as far as the journal is now.
async fn caught_up(gate: &TestGateway) {
    let last = gate.records().last().unwrap().header.seq.0;
    let covers = |note: &str| note.lines().nth(1).and_then(|size| size.parse::<u64>().ok()) >= Some(last);
    until("a checkpoint", || {
        gate.records_of(Kind::Checkpoint).iter().any(|record| record.facts.text_of(Fact::Text).is_some_and(covers))
    })
    .await;
    crate::seal::metric(gate, "medgate_views_position_seq", |value| value >= last as f64).await;
    crate::seal::metric(gate, "medgate_views_state{state=\"following\"}", |value| value == 1.0).await;
}

async fn replayed(data: &Path) -> Value {
    let (code, said) = medgate(data, &["journal", "replay", "--json"]).await;
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(code, Some(0), "{said}");
    said
}

fn snapshot_was(record: &Record) -> Option<u64> {
    record.facts.number_of(Fact::SnapshotWas).filter(|_| record.header.known_kind() == Some(Kind::Snapshot))
}

#[tokio::test]
async fn an_old_front_is_archived_and_trimmed_and_what_is_left_verifies_and_replays() {
    let (mut gate, archives) = archiving(24).await;
    let bill = Bill::charged(&gate).await;
    bill.settled(&gate).await;
    gate.restart().await;
    let data = gate.data().to_owned();
    let key = data.join(PUBLIC);
    let (code, said) = medgate(&data, &["journal", "trim", "--dry-run"]).await;
    assert!(code == Some(0) && said.contains("would trim 0 segments") && said.contains("not old enough"), "{said}");

    gate.clock.advance(DAYS_70);
    let later = Bill::charged(&gate).await;
    later.settled(&gate).await;
    gate.restart().await;
    Bill::charged(&gate).await;
    caught_up(&gate).await;
    let (code, said) = medgate(&data, &["journal", "archive"]).await;
    assert!(code == Some(0) && said.contains("archived 2 segments"), "{said}");
    let id: [u8; 16] = hex::decode(said_id(archives.path())).unwrap().try_into().unwrap();
    let archive = archives.path().join(file_name(id, 1));
    let (code, said) = verified(&["archive", &archive.display().to_string()], &key).await;
    assert!(code == Some(0) && said.contains("RESULT: the archive is intact"), "{said}");
    let (code, said) = medgate(&data, &["journal", "archive"]).await;
    assert!(code == Some(0) && said.contains("archived 0 segments; 2 archives stood there"), "{said}");

    let (code, said) = medgate(&data, &["journal", "trim", "--dry-run"]).await;
    assert!(code == Some(0) && said.contains("would trim 1 segments"), "{said}");
    assert!(data.join(segment::path(1)).exists());
    let (code, said) = medgate(&data, &["journal", "trim", "--reason", "ticket 92"]).await;
    assert!(
        code == Some(0) && said.contains("trimmed 1 segments (record ") && said.contains("not old enough"),
        "{said}"
    );
    assert!(!data.join(segment::path(1)).exists() && !data.join("index/0000000001.run").exists());
    let records = gate.records();
    let first = records[0].header.seq;
    let act = records.iter().rev().find(|record| record.facts.number_of(Fact::TrimmedTo).is_some()).unwrap();
    assert_eq!(
        (act.facts.number_of(Fact::TrimmedTo), act.facts.text_of(Fact::Reason)),
        (Some(first.0), Some("ticket 92"))
    );
    assert!(act.facts.text_of(Fact::Who).unwrap().starts_with("admin-clear uid-"));

    assert_goes_on(&mut gate, &key, first).await;

    // Unpacked over the folder, the archive gives the front back.
    let mut zip = zip::ZipArchive::new(fs::File::open(&archive).unwrap()).unwrap();
    zip.extract(&data).unwrap();
    let (code, said) = verified(&["journal", &data.display().to_string()], &key).await;
    assert!(code == Some(0) && said.contains("(1 - "), "{code:?} {said}");
}

/// The line goes on over what is left from record `first` on; views, verifier and replay agree on it. The gateway is stopped then.
async fn assert_goes_on(gate: &mut TestGateway, key: &Path, first: Seq) {
    let data = gate.data().to_owned();
    Bill::charged(gate).await.settled(gate).await;
    caught_up(gate).await;
    let whole = replayed(&data).await;
    assert_eq!(whole.pointer("/derived/views/verdict"), Some(&"equal".into()), "{whole}");
    assert_eq!(whole.pointer("/differing/count"), Some(&0.into()), "{whole}");
    assert_eq!(whole.pointer("/left_out/unreadable"), None, "{whole}");
    let found: Value =
        serde_json::from_str(&medgate(&data, &["exchange", "find", "--infno", "2207", "--json"]).await.1).unwrap();
    assert_eq!(found["exchanges"].as_array().unwrap().len(), 2, "{found}");
    for _ in 0..2 {
        gate.restart().await;
        gate.stop().await;
        let path = data.display().to_string();
        let (code, said) = verified(&["journal", &path], key).await;
        assert!(code == Some(0) && said.contains(&format!("({first} - ")), "{code:?} {said}");
    }
}

/// The id of the journal in the names of its archives.
fn said_id(archives: &Path) -> String {
    let name = fs::read_dir(archives).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    name.split('-').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_profile_that_kept_records_name_is_journaled_again() {
    let (mut gate, _archives) = archiving(24).await;
    Bill::charged(&gate).await;
    let data = gate.data().to_owned();
    // A gateway that runs for long rolls over: its calls go on to name the first snapshot.
    roll(&gate).await;
    gate.clock.advance(DAYS_70);
    Bill::charged(&gate).await.settled(&gate).await;
    caught_up(&gate).await;
    let (code, said) = medgate(&data, &["journal", "trim", "--reason", "ticket 93"]).await;
    assert!(code == Some(0) && said.contains("trimmed 1 segments"), "{said}");
    let copies: Vec<u64> = gate.records().iter().filter_map(snapshot_was).collect();
    assert_eq!(copies.len(), 1, "{copies:?}");
    let named = gate.records_of(Kind::Intent).iter().map(|record| record.header.profile_seq.0).max();
    assert_eq!(named, Some(copies[0]));
    Bill::charged(&gate).await;
    caught_up(&gate).await;
    let whole = replayed(&data).await;
    assert_eq!(whole.pointer("/left_out/unreadable"), None, "{whole}");
    assert!(whole["calls"].as_u64().unwrap() > 3, "{whole}");
    gate.stop().await;
}

/// Fills the segment with large queries until the next one begins.
async fn roll(gate: &TestGateway) {
    let mut dice = Draw::from_seed(1);
    for nth in 0.. {
        let noise: String = (0..100_000).map(|_| format!("{:07x}", dice.below(1 << 28))).collect();
        gate.call(his::URL, &his::body("1101", &serde_json::json!({ "data": { "note": noise } }))).await;
        if gate.data().join(segment::path(2)).exists() {
            return;
        }
        assert!(nth < 100, "the segment does not fill");
    }
}

#[tokio::test]
async fn the_gateway_archives_and_trims_by_itself_after_its_nightly_check() {
    let (mut gate, archives) = archiving(hour()).await;
    Bill::charged(&gate).await;
    gate.restart().await;
    let data = gate.data().to_owned();
    let count = || {
        fs::read_dir(archives.path())
            .unwrap()
            .filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|e| e == "zip"))
            .count()
    };
    Bill::charged(&gate).await;
    caught_up(&gate).await;
    gate.clock.advance(Duration::from_secs(86_400));
    until("the archive of the first segment", || count() == 1).await;
    assert!(data.join(segment::path(1)).exists(), "a day is not {KEEP_DAYS} days");
    gate.clock.advance(DAYS_70);
    until("the first segment is gone", || !data.join(segment::path(1)).exists()).await;
    gate.restart().await;
    Bill::charged(&gate).await;
}

/// The hour it is now in China.
fn hour() -> u64 {
    china_time(SystemClock::start().unix_ns())[11..13].parse().unwrap()
}

#[tokio::test]
async fn what_somebody_still_needs_stays() {
    let (mut gate, archives) = archiving(24).await;
    gate.faults(r#"[{"infno":"2207","fault":"drop"}]"#);
    Bill::charged(&gate).await;
    gate.restart().await;
    let bill = Bill::charged(&gate).await;
    gate.restart_with(|settings| settings.upstream.get_mut("default").unwrap().answer_ms = 3000).await;
    his::assert_unknown(&bill.settle(&gate).await);
    gate.restart().await;
    gate.stop().await;
    let data = gate.data().to_owned();
    let key = Verifier::parse(&fs::read_to_string(data.join(PUBLIC)).unwrap()).unwrap();
    let mut settings = medgate::config::look_at_all(&medgate::config::Told::default()).unwrap();
    settings.journal.segment_bytes = 16 << 20;
    let now = SystemClock::start().unix_ns();
    let clock = Arc::new(HandClock::at(now + 71 * 86_400_000_000_000));
    let (journal, _) = Journal::open(&settings.journal, &data, &Master::Beside, clock.clone()).unwrap();
    let last = journal.segments()[1].first_seq.0 - 1;
    let all = [("the views", Seq(u64::MAX))];
    let planned = |keep_days: u64, readers: &[(&'static str, Seq)]| {
        let (archives, now_unix_ns) = (Some(archives.path()), clock.unix_ns());
        plan(&journal, &Asked { data: &data, archives, key: &key, keep_days, now_unix_ns, readers }).unwrap()
    };
    let young = planned(400, &all);
    assert!(young.segments.is_empty() && matches!(young.stays, Stays::Young { segment_no: 1, .. }), "{young:?}");
    let slow = planned(KEEP_DAYS, &[all[0], ("the notary", Seq(last - 1))]);
    assert!(slow.segments.is_empty(), "{slow:?}");
    assert!(matches!(slow.stays, Stays::Read { reader: "the notary", segment_no: 1, .. }), "{slow:?}");
    // The third segment holds an exchange whose outcome is unknown.
    let open = planned(KEEP_DAYS, &[all[0], ("the notary", Seq(u64::MAX))]);
    assert_eq!(open.segments, [1, 2], "{open:?}");
    assert!(matches!(open.stays, Stays::Open { segment_no: 3, .. }), "{open:?}");

    let path = data.join(segment::path(2));
    let whole = fs::read(&path).unwrap();
    let mut bent = whole.clone();
    bent[4096 + 330] ^= 1;
    fs::write(&path, bent).unwrap();
    let archive = archives.path().join(file_name(journal.id(), 2));
    let mut bytes = fs::read(&archive).unwrap();
    bytes[9000] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let damaged = planned(KEEP_DAYS, &all);
    assert_eq!(damaged.segments, [1]);
    assert!(
        matches!(&damaged.stays, Stays::NotArchived { segment_no: 2, why } if why.contains("offset")),
        "{damaged:?}"
    );
    fs::write(&path, whole).unwrap();
    assert_eq!(planned(KEEP_DAYS, &all).segments, [1, 2]);
    journal.close().await.unwrap();
}
