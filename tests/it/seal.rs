//! Checkpoints as a running gateway leaves them: in the log, in the journal, and outside.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use medgate::evidence::checkpoint::{Checkpoint, Note};
use medgate::evidence::{log, seal_key};
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use medgate::journal::tree::Frontier;
use medgate::signing::sm2::Verifier;
use serde_json::json;

use crate::doors_rig::{OK, Peer, Talk};
use crate::money_his::{URL, body};
use crate::rig::{SOON, TestGateway, records_in, until};

/// The checkpoints of a file, each signed by the journal's key.
fn checkpoints(data: &Path, file: &Path) -> Vec<Checkpoint> {
    let key = Verifier::parse(&fs::read_to_string(data.join(seal_key::PUBLIC)).unwrap()).unwrap();
    let text = fs::read_to_string(file).unwrap();
    let (notes, rest) = log::split(&text);
    assert_eq!(rest, "");
    let believed = |text: &str| Note::parse(text).unwrap().signed_by(std::slice::from_ref(&key)).unwrap().clone();
    notes.into_iter().map(|(_, text)| believed(text)).collect()
}

/// Each checkpoint has the root of the tree over the records that it counts.
fn assert_true(data: &Path, checkpoints: &[Checkpoint]) {
    let records = records_in(data);
    for checkpoint in checkpoints {
        let mut tree = Frontier::default();
        records[..checkpoint.size as usize].iter().for_each(|record| tree.push(&record.header.chain));
        assert_eq!(checkpoint.root, tree.root(), "over {} records", checkpoint.size);
    }
}

#[tokio::test]
async fn the_journal_is_sealed_at_the_start_while_it_grows_and_at_the_stop_and_copied_outside() {
    let anchor = tempfile::tempdir().unwrap();
    let address = Peer::saying(OK).await;
    let url = format!("http://{}/anchors", address.addr);
    let mut gate = TestGateway::with(|settings| {
        settings.seal.every_seconds = 1;
        settings.seal.anchor_dir = anchor.path().to_owned();
        settings.seal.anchor_upstream = "anchors".to_owned();
        let mut upstream = settings.upstream["default"].clone();
        upstream.url = url;
        settings.upstream.insert("anchors".to_owned(), upstream);
    })
    .await;
    let data = gate.data().to_owned();
    let log = data.join(log::FILE);
    gate.call(URL, &body("5301", &json!({"psn_no": "1"}))).await;
    let called = gate.records().len() as u64;
    until("a checkpoint over the call", || checkpoints(&data, &log).iter().any(|one| one.size >= called)).await;
    gate.stop().await;

    let sealed = checkpoints(&data, &log);
    assert!(sealed.len() >= 3, "start, while it grew, stop: {}", sealed.len());
    assert_eq!(sealed.last().unwrap().size, records_in(&data).len() as u64, "the last one covers SegmentClose");
    assert_true(&data, &sealed);

    let copies = fs::read_dir(anchor.path()).unwrap().next().unwrap().unwrap().path();
    assert_eq!(checkpoints(&data, &copies), sealed);
    let posted = address.requests();
    assert_eq!(posted.len(), sealed.len());
    assert_eq!(posted[0].lines()[0], "POST /anchors HTTP/1.1");
    let last = Note::parse(std::str::from_utf8(&posted.last().unwrap().body).unwrap()).unwrap();
    assert_eq!(last.unproven(), sealed.last().unwrap());

    let verified = verifier(&data, &["--anchor", &anchor.path().display().to_string()]);
    assert_eq!(verified.0, 0, "{}", verified.1);
    assert!(verified.1.contains("RESULT: intact, every record is sealed."), "{}", verified.1);

    // In the journal stands each but the last, which nothing can follow.
    let texts = gate.records_of(Kind::Checkpoint);
    let journaled = texts.iter().map(|record| Note::parse(record.facts.text_of(Fact::Text).unwrap()).unwrap());
    assert!(journaled.map(|note| note.unproven().clone()).eq(sealed[..sealed.len() - 1].iter().cloned()));
}

#[tokio::test]
async fn an_anchor_shows_that_the_journal_was_set_back() {
    let anchor = tempfile::tempdir().unwrap();
    let mut gate = TestGateway::with(|settings| settings.seal.anchor_dir = anchor.path().to_owned()).await;
    gate.stop().await;
    let before = tempfile::tempdir().unwrap();
    copy(gate.data(), before.path());
    gate.restart().await;
    gate.call(URL, &body("5301", &json!({"psn_no": "1"}))).await;
    gate.stop().await;
    fs::remove_dir_all(gate.data()).unwrap();
    copy(before.path(), gate.data());
    let verified = verifier(gate.data(), &["--anchor", &anchor.path().display().to_string()]);
    assert!(verified.0 == 1 && verified.1.contains("整盘回退"), "{}", verified.1);
    gate.restart().await;
    let shown = admin(&gate, "/readyz?verbose").await;
    assert!(shown.contains("the journal was set back: an anchor knows"), "{shown}");
    let metrics = admin(&gate, "/metrics").await;
    assert!(!metrics.contains("medgate_journal_set_back_records 0"), "{metrics}");
    gate.stop().await;
}

/// Exit code and words of `medgate-verify journal` over a data folder.
fn verifier(data: &Path, more: &[&str]) -> (i32, String) {
    let key = data.join(seal_key::PUBLIC);
    let mut program = Command::new(env!("CARGO_BIN_EXE_medgate-verify"));
    let ended = program.arg("journal").arg(data).arg("--key").arg(key).args(more).output().unwrap();
    let words = [ended.stdout, ended.stderr].concat();
    (ended.status.code().unwrap(), String::from_utf8(words).unwrap())
}

/// Waits until a metric of the gateway has a value that holds.
pub async fn metric(gate: &TestGateway, name: &str, holds: impl Fn(f64) -> bool) {
    let looking = async {
        let mut again = tokio::time::interval(Duration::from_millis(100));
        loop {
            again.tick().await;
            let shown = admin(gate, "/metrics").await;
            let value = shown.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            if value.is_some_and(&holds) {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, looking).await.unwrap_or_else(|_| panic!("waited in vain for {name}"));
}

async fn admin(gate: &TestGateway, target: &str) -> String {
    let mut talk = Talk::to(gate.admin).await;
    let asking = talk.ask(format!("GET {target} HTTP/1.1\r\nHost: admin\r\n\r\n"));
    String::from_utf8(tokio::time::timeout(SOON, asking).await.unwrap().body).unwrap()
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-aT").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}
