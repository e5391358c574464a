//! A visit is erased: nobody reads it again, everything else stands, and what is still needed is kept.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use medgate::config::Settings;
use medgate::domain::clock::SystemClock;
use medgate::domain::exchange::ExchangeId;
use medgate::domain::message::Body;
use medgate::journal::body_front::{FrontError, body_front};
use medgate::journal::facts::Fact;
use medgate::journal::key_folder::KeyFolder;
use medgate::journal::keys::KeyError;
use medgate::journal::master::Master;
use medgate::journal::record::{Kind, flag};
use medgate::journal::sealing::{SealedError, unseal};
use medgate::journal::verify::verify;
use medgate::journal::{Journal, Record};
use serde_json::Value;

use crate::money_his::{self as his, Bill, URL, err_msg};
use crate::program_day::files_below;
use crate::rig::{TestGateway, records_in, until};

const DAYS_401: Duration = Duration::from_secs(401 * 86_400);

/// Runs a command of medgate on a data folder.
fn medgate(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.env_clear().env("MEDGATE__JOURNAL__SEGMENT_BYTES", "16777216");
    command.args(arguments).arg("--data").arg(data).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// `medgate journal erase`; exit code and what it said.
async fn erase(data: &Path, mdtrt_id: &str, more: &[&str]) -> (Option<i32>, String) {
    let arguments: Vec<String> = ["journal", "erase", "--visit", mdtrt_id, "--reason", "ticket 81"]
        .iter()
        .chain(more)
        .map(|word| (*word).to_owned())
        .collect();
    let data = data.to_owned();
    let done = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        medgate(&data, &arguments)
    });
    let output = done.await.unwrap();
    (output.status.code(), said(&output))
}

/// The same with --dry-run, which needs no reason.
async fn dry_run(data: &Path, mdtrt_id: &str) -> (Option<i32>, String) {
    let (data, mdtrt_id) = (data.to_owned(), mdtrt_id.to_owned());
    let done =
        tokio::task::spawn_blocking(move || medgate(&data, &["journal", "erase", "--visit", &mdtrt_id, "--dry-run"]));
    let output = done.await.unwrap();
    (output.status.code(), said(&output))
}

/// The exchanges that name a visit in request or answer.
fn of_visit(records: &[Record], mdtrt_id: &str) -> BTreeSet<ExchangeId> {
    let named = records.iter().filter(|record| record.facts.text_of(Fact::MdtrtId) == Some(mdtrt_id));
    let calls = named.filter(|record| record.header.exchange_id != ExchangeId::NONE);
    calls.map(|record| record.header.exchange_id).collect()
}

/// Every sealed record opens, or is erased if its exchange is one of these.
fn assert_erased(data: &Path, erased: &BTreeSet<ExchangeId>) {
    let keys = KeyFolder::at(&data.join("keys"), Master::Beside);
    for record in records_in(data).iter().filter(|record| record.header.has(flag::SEALED)) {
        let opened = unseal(&keys, &record.header, &record.payload);
        let gone = matches!(opened, Err(SealedError::Erased(_)));
        assert_eq!(gone, erased.contains(&record.header.exchange_id), "record {}: {opened:?}", record.header.seq);
        assert!(gone || opened.is_ok(), "record {}: {opened:?}", record.header.seq);
    }
}

/// The last exchange of a transaction that names the visit.
fn exchange_of(gate: &TestGateway, infno: &str, mdtrt_id: &str) -> String {
    let records = gate.records_of(Kind::Intent);
    let mine = |record: &&Record| {
        record.facts.text_of(Fact::Infno) == Some(infno) && record.facts.text_of(Fact::MdtrtId) == Some(mdtrt_id)
    };
    records.iter().rev().find(mine).unwrap().header.exchange_id.to_string()
}

#[tokio::test]
async fn an_erased_visit_is_unreadable_and_everything_else_verifies() {
    let mut gate = TestGateway::start().await;
    let (bill, other) = (Bill::charged(&gate).await, Bill::charged(&gate).await);
    let (_, setl_id) = bill.settled(&gate).await;
    other.settled(&gate).await;
    his::granted(&gate, "5203", &bill.named(&setl_id)).await;
    let data = gate.data().to_owned();
    let mine = of_visit(&gate.records(), &bill.mdtrt_id);
    assert!(mine.len() >= 4, "2201, 2204, 2207 and 5203: {mine:?}");

    // A settlement that stands may be repeated.
    let (code, text) = erase(&data, &bill.mdtrt_id, &[]).await;
    assert!(code == Some(75) && text.contains("结算") && text.contains("key_live_days"), "{code:?} {text}");
    assert_erased(&data, &BTreeSet::new());
    gate.clock.advance(DAYS_401);
    let (code, text) = dry_run(&data, &bill.mdtrt_id).await;
    assert!(code == Some(0) && text.contains(&format!("would erase {} exchanges", mine.len())), "{text}");
    assert_erased(&data, &BTreeSet::new());
    let (code, text) = erase(&data, "4401no-such-visit", &[]).await;
    assert!(code == Some(1) && text.contains("没有找到"), "{code:?} {text}");

    let (code, text) = erase(&data, &bill.mdtrt_id, &[]).await;
    assert!(code == Some(0) && text.contains("已按规定清除"), "{code:?} {text}");
    assert_erased(&data, &mine);
    let records = gate.records();
    let act = records.iter().rev().find(|record| record.header.known_kind() == Some(Kind::OperatorAct)).unwrap();
    assert_eq!(act.facts.text_of(Fact::Reason), Some("ticket 81"));
    assert!(act.facts.text_of(Fact::Who).unwrap().starts_with("admin-clear uid-"), "{:?}", act.facts);
    let erasure = records.iter().rev().find(|record| record.header.known_kind() == Some(Kind::Erasure)).unwrap();
    assert_eq!(erasure.facts.all(Fact::Erased).count(), mine.len());
    assert!(act.header.seq < erasure.header.seq);

    // A repeat of the erased settlement is neither performed again nor answered out of thin air.
    let arrived = gate.arrived("2207");
    let says = err_msg(&bill.settle(&gate).await);
    assert!(says.contains("已按规定清除") && says.contains("GW305") && says.contains(&setl_id), "{says}");
    assert_eq!(gate.arrived("2207"), arrived);

    // Asked again nothing is left to do; nor after a restart.
    let (code, text) = erase(&data, &bill.mdtrt_id, &[]).await;
    let again = of_visit(&gate.records(), &bill.mdtrt_id);
    assert!(code == Some(0), "{code:?} {text}");
    assert_erased(&data, &again);
    let (code, text) = erase(&data, &bill.mdtrt_id, &[]).await;
    assert!(code == Some(0) && text.contains("erased before"), "{code:?} {text}");
    gate.restart().await;
    assert_erased(&data, &again);
    gate.stop().await;
    let verified = medgate(&data, &["journal", "verify"]);
    let text = said(&verified);
    assert!(verified.status.success() && text.contains("intact.") && text.contains("by policy"), "{text}");
    let report = verify(&data).unwrap();
    assert_eq!((report.bad, report.erased_exchanges), (None, again));
}

#[tokio::test]
async fn every_way_to_look_says_erased_and_not_broken() {
    let gate = TestGateway::with(|settings| settings.retention.key_live_days = 0).await;
    let bill = Bill::charged(&gate).await;
    bill.settled(&gate).await;
    let data = gate.data().to_owned();
    let id = exchange_of(&gate, "2207", &bill.mdtrt_id);
    let (code, text) = erase(&data, &bill.mdtrt_id, &[]).await;
    assert_eq!(code, Some(0), "{text}");
    let seq = gate.records().last().unwrap().header.seq.0;
    let run = |arguments: &'static [&'static str], id: String| {
        let data = data.clone();
        let arguments: Vec<String> = arguments.iter().map(|word| word.replace("ID", &id)).collect();
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            medgate(&data, &arguments)
        })
    };
    for arguments in [
        &["journal", "show", "ID", "--reveal"][..],
        &["exchange", "show", "ID", "--reveal"],
        &["exchange", "show", "ID"],
    ] {
        let shown = run(arguments, id.clone()).await.unwrap();
        let text = said(&shown);
        assert!(shown.status.success() && text.contains("erased by policy") && text.contains("已按规定清除"), "{text}");
        assert!(!text.contains("could not be opened") && !text.contains("cannot be opened"), "{text}");
    }
    let shown = run(&["exchange", "show", "ID", "--json"], id.clone()).await.unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(
        (&shown["erased"], &shown["request"], &shown["unopened"]),
        (&true.into(), &Value::Null, &serde_json::json!([]))
    );
    let steps: Vec<&str> =
        shown["timeline"].as_array().unwrap().iter().filter_map(|step| step["what"].as_str()).collect();
    assert!(steps.contains(&"erased"), "{steps:?}");
    until("the views follow", || {
        let row = medgate(&data, &["exchange", "find", "--infno", "2207", "--json"]);
        let found: Value = serde_json::from_slice(&row.stdout).unwrap_or_default();
        found["position"].as_u64() >= Some(seq) && found["exchanges"][0]["erased_at"].is_string()
    })
    .await;
}

#[tokio::test]
async fn what_is_under_way_or_unknown_or_stands_is_not_erased() {
    let gate = TestGateway::with(|settings| {
        let upstream = settings.upstream.get_mut("default").unwrap();
        (upstream.connect_ms, upstream.answer_ms) = (1000, 3000);
    })
    .await;
    let data = gate.data().to_owned();
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2206","fault":"late","ms":2500}]"#);
    let trial = bill.input();
    let (running, refused) = tokio::join!(his::call(&gate, "2206", &trial), async {
        until("the platform has the call", || gate.arrived("2206") == 1).await;
        erase(&data, &bill.mdtrt_id, &[]).await
    });
    assert!(refused.0 == Some(75) && refused.1.contains("正在办理"), "{refused:?}");
    assert_eq!(crate::rig::json(&running)["infcode"], 0);

    gate.faults(r#"[{"infno":"2207","fault":"drop"}]"#);
    his::assert_unknown(&bill.settle(&gate).await);
    let (code, text) = erase(&data, &bill.mdtrt_id, &[]).await;
    assert!(code == Some(75) && text.contains("结果未知") && text.contains("2207"), "{code:?} {text}");
    assert!(gate.records_of(Kind::Erasure).is_empty());
    assert_erased(&data, &BTreeSet::new());

    // Undone, a settlement holds nothing back; and what undid it goes with it.
    let undone = Bill::charged(&gate).await;
    let (_, setl_id) = undone.settled(&gate).await;
    assert_eq!(erase(&data, &undone.mdtrt_id, &[]).await.0, Some(75));
    his::granted(&gate, "2208", &undone.named(&setl_id)).await;
    let mine = of_visit(&gate.records(), &undone.mdtrt_id);
    let (code, text) = erase(&data, &undone.mdtrt_id, &[]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_erased(&data, &mine);
    assert!(gate.records_of(Kind::Intent).iter().any(|record| {
        record.facts.text_of(Fact::Infno) == Some("2208") && mine.contains(&record.header.exchange_id)
    }));
}

#[tokio::test]
async fn a_body_in_a_file_of_its_own_is_erased_and_a_kill_between_is_made_good() {
    let mut gate = TestGateway::with(|settings| settings.retention.key_live_days = 0).await;
    let bill = Bill::charged(&gate).await;
    let mut input = bill.input();
    input["data"]["memo"] = "备注".repeat(400_000).into();
    gate.call(URL, &his::body("2206", &input)).await;
    let data = gate.data().to_owned();
    let keys = KeyFolder::at(&data.join("keys"), Master::Beside);
    let spooled = gate.records_of(Kind::Intent).into_iter().find(|record| record.header.has(flag::SPOOLED)).unwrap();
    let Body::Spooled(file) = gate.unseal(&spooled).request.unwrap().body else { panic!("a body file") };
    assert!(body_front(&data, &keys, &file, 100).is_ok());
    let mine = of_visit(&gate.records(), &bill.mdtrt_id);
    gate.stop().await;

    let slot_files = files_below(&data.join("keys"));
    let backup: Vec<_> = slot_files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();

    // The keys are gone, and the process was killed before the record said so.
    let slots: Vec<u64> = records_in(&data)
        .iter()
        .filter(|record| mine.contains(&record.header.exchange_id) && record.header.key_slot != 0)
        .map(|record| record.header.key_slot)
        .collect();
    let mut settings: Settings = medgate::config::look_at_all(&medgate::config::Told::default()).unwrap();
    settings.journal.segment_bytes = 16 << 20;
    let clock = Arc::new(SystemClock::start());
    let (journal, _) = Journal::open(&settings.journal, &data, &Master::Beside, clock).unwrap();
    journal.keys().destroy(&slots).unwrap();
    journal.close().await.unwrap();
    assert_erased(&data, &mine);
    assert!(records_in(&data).iter().all(|record| record.header.known_kind() != Some(Kind::Erasure)));

    // No gateway runs: the command opens the journal itself.
    let erased = medgate(&data, &["journal", "erase", "--visit", &bill.mdtrt_id, "--reason", "again"]);
    assert!(erased.status.success(), "{}", said(&erased));
    let erasures = records_in(&data).into_iter().filter(|record| record.header.known_kind() == Some(Kind::Erasure));
    assert_eq!(erasures.count(), 1);
    assert_erased(&data, &mine);
    let front = body_front(&data, &keys, &file, 100);
    assert!(matches!(front, Err(FrontError::Key(KeyError::Destroyed(_)))), "{front:?}");
    assert!(data.join("journal/bodies").join(&file.name).exists(), "the stored bytes stay, and verify");
    let verified = verify(&data).unwrap();
    assert_eq!((verified.bad, verified.erased_exchanges), (None, mine));

    // An older copy of the keys brings them back: verify says so, and erasing again destroys them again.
    let verified = || said(&medgate(&data, &["journal", "verify"]));
    assert!(!verified().contains("REVIVED"), "{}", verified());
    for (path, bytes) in &backup {
        std::fs::write(path, bytes).unwrap();
    }
    assert!(verified().contains("REVIVED") && verified().contains("intact."), "{}", verified());
    let erased = medgate(&data, &["journal", "erase", "--visit", &bill.mdtrt_id, "--reason", "restored"]);
    assert!(erased.status.success() && !said(&erased).contains("erased before"), "{}", said(&erased));
    assert!(!verified().contains("REVIVED"), "{}", verified());
}
