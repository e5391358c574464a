//! What was left half done is ended: the platform is asked, an end is proposed, persons agree with tokens of their own, and the
//! settlement is taken back once. Through the command and the API of a running gateway.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use medgate::config::Settings;
use medgate::config::settings::PersonSettings;
use medgate::console::persons::sm3_hex;
use medgate::domain::clock::Clock;
use medgate::exchange::decision::Step;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use medgate::sandbox::ledger::Standing;
use serde_json::Value;

use crate::money_his::{self as his, Bill, assert_unknown, err_msg};
use crate::rig::{self, TestGateway, until};

const MINUTE: Duration = Duration::from_secs(60);

/// A gateway whose finisher does not rest, with two persons, and a HIS that does not wait long.
pub async fn gate(change: impl FnOnce(&mut Settings)) -> TestGateway {
    let gate = TestGateway::with(|settings| {
        does_not_rest(settings);
        change(settings);
    })
    .await;
    at_ten(&gate).await;
    gate
}

pub fn does_not_rest(settings: &mut Settings) {
    settings.upstream.get_mut("default").unwrap().answer_ms = 400;
    settings.upstream.get_mut("default").unwrap().listen_ms = 2_000;
    settings.finisher.every_seconds = 1;
    for name in ["zhang", "li"] {
        settings.person.insert(name.to_owned(), PersonSettings { token_sm3: sm3_hex(secret(name).as_bytes()) });
    }
}

/// Its commands find it, and its day is long.
pub async fn at_ten(gate: &TestGateway) {
    let data = gate.data().to_owned();
    until("its address", || data.join("admin.address").exists()).await;
    gate.clock.advance(until_ten(gate.clock.unix_ns()));
}

/// The time until ten in the morning of China's next day: a proposal holds for a day, and so does an amount that needs nobody.
pub fn until_ten(unix_ns: i64) -> Duration {
    const HOUR_NS: i64 = 3_600_000_000_000;
    let of_day = (unix_ns + 8 * HOUR_NS).rem_euclid(24 * HOUR_NS);
    Duration::from_nanos((34 * HOUR_NS - of_day).cast_unsigned())
}

fn secret(name: &str) -> String {
    format!("a-long-secret-that-only-{name}-has-and-nobody-else")
}

/// `medgate case …` as a person types it; whether it ended well, and what it printed.
pub fn case(gate: &TestGateway, person: &str, arguments: &[&str]) -> (bool, String) {
    let file: PathBuf = gate.data().join(format!("{person}.token"));
    std::fs::write(&file, secret(person)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.env_clear().env("MEDGATE_PERSON_TOKEN_FILE", &file);
    command.arg("case").args(arguments).arg("--data").arg(gate.data());
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned())
}

pub fn open_case(gate: &TestGateway) -> Option<Value> {
    let (_, text) = case(gate, "nobody", &["list", "--json"]);
    serde_json::from_str::<Value>(&text).ok()?["cases"].as_array()?.first().cloned()
}

/// The id of the case once its cause is this.
pub async fn case_of(gate: &TestGateway, cause: &str) -> String {
    let found = || open_case(gate).filter(|case| case["cause"] == cause);
    until(cause, || found().is_some()).await;
    found().unwrap()["id"].as_str().unwrap().to_owned()
}

/// The record of the proposal once there is one.
pub async fn proposal(gate: &TestGateway) -> String {
    let decided = |step| {
        let decisions = gate.records_of(Kind::Decision);
        decisions.into_iter().rev().find(|record| Step::of(record) == Some(step))
    };
    until("a proposal", || decided(Step::Propose).is_some()).await;
    decided(Step::Propose).unwrap().header.seq.to_string()
}

pub fn approve(gate: &TestGateway, person: &str, id: &str, proposal: &str) -> (bool, String) {
    case(gate, person, &["approve", id, "--proposal", proposal, "--reason", "compared with the screen"])
}

/// Every settlement at the platform: transaction and standing.
fn at_platform(gate: &TestGateway) -> Vec<(String, bool)> {
    gate.sandbox().with_ledger(|ledger| {
        ledger.settlements().iter().map(|row| (row.infno.clone(), row.standing == Standing::Live)).collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_that_never_reached_the_his_is_taken_back_once_two_persons_agree() {
    let gate = gate(|_| {}).await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"late","ms":1000}]"#);
    assert_unknown(&bill.settle(&gate).await);
    let id = case_of(&gate, "not_delivered").await;

    gate.clock.advance(31 * MINUTE);
    let proposed = proposal(&gate).await;
    assert!(gate.arrived("5203") >= 1, "it was asked first");
    let (good, shown) = case(&gate, "zhang", &["preview", &id]);
    assert!(good && shown.contains("2208") && shown.contains("300.00"), "{shown}");
    assert!(shown.contains(&bill.mdtrt_id) && shown.contains("0 of 2"), "the exact bytes: {shown}");

    let (good, said) = approve(&gate, "zhang", &id, &proposed);
    assert!(good, "{said}");
    let (good, said) = approve(&gate, "zhang", &id, &proposed);
    assert!(!good && said.contains("须由另一人批准"), "one person is not two: {said}");
    let (good, said) = approve(&gate, "nobody", &id, &proposed);
    assert!(!good && said.contains("needs a token"), "{said}");
    assert_eq!(gate.arrived("2208"), 0, "nothing leaves with one person's approval");

    let (good, said) = approve(&gate, "li", &id, &proposed);
    assert!(good, "{said}");
    until("the case is closed", || open_case(&gate).is_none()).await;
    assert_eq!(gate.arrived("2208"), 1);
    let rows = at_platform(&gate);
    assert_eq!(rows.iter().map(|row| &*row.0).collect::<Vec<_>>(), ["2207", "2208"], "one charge, one refund");
    until("it was asked once more", || gate.arrived("5203") >= 2).await;
    let (_, shown) = case(&gate, "zhang", &["show", &id]);
    for step in ["向平台查询", "提出处理", "批准", "正在冲正"] {
        assert!(shown.contains(step), "{step}: {shown}");
    }
    // The bill can be settled anew.
    bill.settled(&gate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_is_reversed_by_its_msgid_and_stays_a_case_until_proof() {
    let gate = gate(|_| {}).await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"commit_then_drop"}]"#);
    assert_unknown(&bill.settle(&gate).await);
    let id = case_of(&gate, "unknown_outcome").await;
    let (good, said) = case(&gate, "zhang", &["propose", &id, "--end", "reverse", "--reason", "now"]);
    assert!(!good && said.contains("请稍候"), "the platform may still be at it: {said}");

    gate.clock.advance(31 * MINUTE);
    let proposed = proposal(&gate).await;
    assert!(approve(&gate, "zhang", &id, &proposed).0 && approve(&gate, "li", &id, &proposed).0);
    until("the reversal", || gate.arrived("2601") == 1).await;
    until("it is reversed", || at_platform(&gate) == [("2207".to_owned(), false)]).await;

    let case_now = open_case(&gate).expect("a 2601 that went well proves nothing of what nobody knew");
    assert_eq!(case_now["cause"], "unknown_outcome");
    let again = bill.settle(&gate).await;
    assert!(err_msg(&again).contains("正在冲正"), "its recorded answer is withdrawn: {}", err_msg(&again));
    let (good, said) = case(&gate, "li", &["propose", &id, "--end", "reverse", "--reason", "again"]);
    assert!(!good && said.contains("正在冲正"), "never twice: {said}");

    let close = |more: &[&str]| {
        let always = ["--proof", "3202 of today, row 4", "--reason", "as the bureau says"];
        case(&gate, "li", &[&["close", &id], more, &always].concat())
    };
    let (good, said) = close(&["--platform", "did"]);
    assert!(!good && said.contains("凭证不足以结案"), "{said}");
    let (good, said) = close(&["--platform", "undone"]);
    assert!(good, "{said}");
    until("the case is closed", || open_case(&gate).is_none()).await;
    bill.settled(&gate).await;
    assert_eq!(gate.arrived("2601"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_that_was_not_answered_is_asked_for_again_and_its_first_end_is_proof() {
    let gate = gate(|settings| {
        settings.finisher.auto_yuan_max = "300".to_owned();
    })
    .await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"late","ms":1000}, {"infno":"2208","fault":"commit_then_drop"}]"#);
    assert_unknown(&bill.settle(&gate).await);
    case_of(&gate, "not_delivered").await;
    gate.clock.advance(31 * MINUTE);
    until("the cancel", || gate.arrived("2208") == 1).await;
    let again = bill.settle(&gate).await;
    assert!(err_msg(&again).contains("正在冲正"), "{}", err_msg(&again));
    gate.clock.advance(2 * MINUTE);
    until("the case is closed", || open_case(&gate).is_none()).await;
    assert_eq!(gate.arrived("2208"), 2, "the second one hears that it was done before");
    assert_eq!(at_platform(&gate).len(), 2, "one charge, one refund");
    let who = gate.records_of(Kind::Decision);
    assert!(who.iter().all(|record| record.facts.text_of(Fact::Who) == Some("medgate")), "by policy, without a person");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_own_reversal_of_a_his_waits_until_the_original_is_quiet() {
    let gate = gate(|_| {}).await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"late_commit","ms":1200}]"#);
    let settle = his::body_as("H99000000001202401020304050001", "2207", &bill.input());
    assert_unknown(&gate.call(his::URL, &settle).await);
    let reverse = bill.reversal("H99000000001202401020304050001", "2207");
    let held = his::call(&gate, "2601", &reverse).await;
    assert!(err_msg(&held).contains("平台仍在办理"), "{}", err_msg(&held));
    assert_eq!(gate.arrived("2601"), 0, "it would have found nothing, and the settlement would have come after it");
    case_of(&gate, "not_delivered").await;
    assert_eq!(rig::json(&his::call(&gate, "2601", &reverse).await)["infcode"], 0);
    until("the case is closed", || open_case(&gate).is_none()).await;
    assert_eq!(at_platform(&gate), [("2207".to_owned(), false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_in_time_hears_the_recorded_answer_and_nothing_is_proposed() {
    let gate = gate(|_| {}).await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"late","ms":1000}]"#);
    assert_unknown(&bill.settle(&gate).await);
    let id = case_of(&gate, "not_delivered").await;
    gate.clock.advance(20 * MINUTE);
    his::setl_id(&bill.settle(&gate).await);
    until("the case is closed", || open_case(&gate).is_none()).await;
    gate.clock.advance(20 * MINUTE);
    let (good, said) = case(&gate, "zhang", &["propose", &id, "--end", "reverse", "--reason", "late"]);
    assert!(!good && said.contains("不是未结的案件"), "{said}");
    assert_eq!((gate.arrived("2207"), gate.arrived("2208"), gate.arrived("2601")), (1, 0, 0));
}
