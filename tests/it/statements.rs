//! The platform's own lists of closed days, from the real stand-in: what it has more, what it lacks, what it has otherwise, and what that
//! proves of open cases.

use std::process::{Command, Output};
use std::time::Duration;

use medgate::config::Settings;
use medgate::domain::clock::Clock;
use medgate::exchange::decision::Evidence;
use medgate::exchange::stand::Platform;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use medgate::reconcile::ledger::day::Day;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::doors_rig::{Talk, post};
use crate::finisher::until_ten;
use crate::money_his::{Bill, HOSPITAL, URL, assert_unknown, body, body_as, setl_id};
use crate::rig::{self, TestGateway, until};

const DAY: Duration = Duration::from_secs(86_400);

fn medgate(gate: &TestGateway, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.env_clear().args(arguments).arg("--data").arg(gate.data());
    command.env("MEDGATE__UPSTREAM__DEFAULT__URL", "http://127.0.0.1:1");
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn json_of(gate: &TestGateway, arguments: &[&str]) -> Value {
    let output = medgate(gate, arguments);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {}", text(&output)))
}

/// Declared submitter; nothing goes by itself.
async fn gate(change: impl FnOnce(&mut Settings)) -> TestGateway {
    let gate = TestGateway::with(|settings| {
        settings.upstream.get_mut("default").unwrap().answer_ms = 400;
        settings.upstream.get_mut("default").unwrap().listen_ms = 2_000;
        (settings.finisher.every_seconds, settings.reconcile.every_seconds) = (0, 0);
        "gateway".clone_into(&mut settings.reconcile.submitter);
        change(settings);
    })
    .await;
    let data = gate.data().to_owned();
    until("its address", || data.join("admin.address").exists()).await;
    gate
}

/// Of a site that knows what its platform's codes mean.
async fn city() -> (TestGateway, TempDir) {
    let site = tempfile::tempdir().unwrap();
    let text = "title = \"本市\"\ninherits = \"baseline\"\n[submission]\nonly_here = [\"2\"]\n";
    std::fs::write(site.path().join("city.toml"), text).unwrap();
    let (profile, operator) = (("city".to_owned(), site.path().to_owned()), ("gw01".to_owned(), "网关".to_owned()));
    let gate = gate(|settings| {
        (settings.gateway.profile, settings.gateway.profiles) = profile;
        (settings.finisher.opter, settings.finisher.opter_name) = operator;
    });
    (gate.await, site)
}

/// A call at the platform by another channel; what it answers.
async fn past_the_gateway(gate: &TestGateway, infno: &str, input: &Value) -> Value {
    let mut talk = Talk::to(gate.sandbox_addr()).await;
    talk.say(post(URL, "Content-Type: application/json\r\n", &body(infno, input))).await;
    let answer = rig::json(&talk.hear().await.expect("an answer"));
    assert_eq!(answer["infcode"], 0, "{answer}");
    answer
}

/// Waits until the ledgers have taken up what the journal holds.
async fn taken_up(gate: &TestGateway, day: &str) {
    let last = gate.records().last().unwrap().header.seq.0;
    let position = || json_of(gate, &["reconcile", "show", "--date", day, "--json"])["position"].as_u64();
    until("the ledgers are up to date", || position() >= Some(last)).await;
}

/// Asks for the lists of a day; the one list of the test's hospital.
async fn submitted(gate: &TestGateway, day: &str) -> Value {
    taken_up(gate, day).await;
    let found = json_of(gate, &["reconcile", "submit", "--date", day, "--json"]);
    let lists = found["statements"].as_array().unwrap();
    assert!(lists.len() == 1 && lists[0]["state"] == "in", "{found}");
    taken_up(gate, day).await;
    lists[0].clone()
}

/// (class, 结算ID) of what differs on a day.
fn differences(gate: &TestGateway, day: &str) -> Vec<(String, String)> {
    let found = json_of(gate, &["reconcile", "run", "--date", day, "--json"]);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listed = found["differences"].as_array().unwrap().iter();
    let mut listed: Vec<_> = listed.map(|one| (word(&one["class"]), word(&one["setl_id"]))).collect();
    listed.sort();
    listed
}

/// The envelope of the last call of a transaction, as it left.
fn envelope_of(gate: &TestGateway, infno: &str) -> Value {
    let intents = gate.records_of(Kind::Intent);
    let last = intents.iter().rev().find(|intent| intent.facts.text_of(Fact::Infno) == Some(infno)).unwrap();
    let body = gate.unseal(last).request.unwrap().body;
    serde_json::from_slice(body.buffered().unwrap()).unwrap()
}

/// The number that the platform gave the gateway's operator.
fn signed_in(gate: &TestGateway) -> Value {
    let outcomes = gate.records_of(Kind::Outcome);
    let last = outcomes.iter().rev().find(|outcome| outcome.facts.text_of(Fact::Infno) == Some("9001")).unwrap();
    let body = gate.unseal(last).reply.unwrap().body;
    let answer: Value = serde_json::from_slice(body.buffered().unwrap()).unwrap();
    answer["output"]["signinoutb"]["sign_no"].clone()
}

/// What is proven of the platform, in the order of the journal.
fn proven(gate: &TestGateway) -> Vec<Platform> {
    gate.records().iter().filter_map(|record| Evidence::of(record)?.platform).collect()
}

fn causes(gate: &TestGateway) -> Vec<(String, bool)> {
    let output = medgate(gate, &["case", "list", "--closed", "--json"]);
    let Ok(listed) = serde_json::from_slice::<Value>(&output.stdout) else { return Vec::new() }; // No book yet.
    let of = |case: &Value| (case["cause"].as_str().unwrap().to_owned(), case["open"] == true);
    let mut causes: Vec<_> = listed["cases"].as_array().unwrap().iter().map(of).collect();
    causes.sort();
    causes
}

fn open(causes: &[&str]) -> Vec<(String, bool)> {
    causes.iter().map(|cause| ((*cause).to_owned(), true)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_rows_prove_what_became_of_a_lost_settlement() {
    let gate = gate(|_| ()).await;
    // Far from midnight: within its hour a call may stand on another day's list, and nothing is proven.
    gate.clock.advance(until_ten(gate.clock.unix_ns()));
    let sent = Day::at(gate.clock.unix_ns());
    let settled = rig::json(&Bill::charged(&gate).await.settle(&gate).await);
    let day = settled["output"]["setlinfo"]["setl_time"].as_str().unwrap()[..10].to_owned();
    let (done, undone) = (Bill::charged(&gate).await, Bill::charged(&gate).await);
    gate.faults(r#"[{"infno":"2207","fault":"commit_then_drop"}]"#);
    assert_unknown(&done.settle(&gate).await);
    gate.faults(r#"[{"infno":"2207","fault":"drop"}]"#);
    assert_unknown(&undone.settle(&gate).await);
    let other = Bill::charged(&gate).await;
    past_the_gateway(&gate, "2207", &other.input()).await;

    let today = medgate(&gate, &["reconcile", "submit", "--date", &sent.to_string()]);
    assert!(today.status.code() == Some(1) && text(&today).contains("只能提交已结束的日期"), "{}", text(&today));
    let list = submitted(&gate, &day).await;
    assert_eq!((&list["by_rows"], &list["rows"], &list["differing"]), (&json!(true), &json!(3), &json!(2)), "{list}");
    assert_eq!(["9101", "3202", "9102"].map(|infno| gate.arrived(infno)), [1, 1, 1]);
    let differs = differences(&gate, &day);
    assert!(
        differs.len() == 1 && differs[0].0 == "foreign_channel" && differs[0].1.starts_with("报文 "),
        "{differs:?}"
    );
    assert_eq!(proven(&gate), [Platform::Did], "only the row of the one that was done is there");
    until("the case knows", || causes(&gate) == open(&["not_delivered", "unknown_outcome"])).await;

    // What no list of its day names is proven not to be done only when the next day's lists are in, too.
    gate.clock.advance(DAY);
    let list = submitted(&gate, &sent.to_string()).await;
    assert_eq!((&list["by_rows"], &list["rows"]), (&json!(true), &json!(0)), "{list}");
    differences(&gate, &sent.to_string());
    assert_eq!(proven(&gate), [Platform::Did]);
    gate.clock.advance(DAY);
    submitted(&gate, &sent.later(1).to_string()).await;
    differences(&gate, &sent.to_string());
    assert_eq!(proven(&gate), [Platform::Did, Platform::DidNot]);
    until("the case of the one that was not done is closed", || {
        let mut expected = open(&["not_delivered", "unknown_outcome"]);
        expected[1].1 = false;
        causes(&gate) == expected
    })
    .await;
    differences(&gate, &day);
    differences(&gate, &sent.to_string());
    assert_eq!(proven(&gate).len(), 2, "each is journaled once");
    // Whose settlement it is stays sealed.
    let psn_no = done.data["psn_no"].as_str().unwrap().as_bytes().to_vec();
    let clear = gate.records_of(Kind::Statement);
    assert!(clear.len() == 3 && clear.iter().all(|one| !one.payload.windows(psn_no.len()).any(|at| at == psn_no)));
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_sums_need_no_rows_and_a_row_that_the_platform_lacks_is_missed_a_day_later() {
    let (gate, _site) = city().await;
    let bill = Bill::charged(&gate).await;
    let first = rig::json(&bill.settle(&gate).await);
    let day = first["output"]["setlinfo"]["setl_time"].as_str().unwrap()[..10].to_owned();
    let (taken, msgid) = (Bill::charged(&gate).await, format!("{HOSPITAL}202401020399990001"));
    let second = setl_id(&gate.call(URL, &body_as(&msgid, "2207", &taken.input())).await);
    gate.clock.advance(DAY);
    let list = submitted(&gate, &day).await;
    assert_eq!((&list["by_rows"], &list["rows"], &list["differing"]), (&json!(false), &json!(2), &json!(0)), "{list}");
    assert_eq!(["3201", "9101", "3202"].map(|infno| gate.arrived(infno)), [1, 0, 0]);
    assert_eq!(differences(&gate, &day), []);

    // Somebody takes one back without the gateway: 2601 leaves no row.
    past_the_gateway(&gate, "2601", &taken.reversal(&msgid, "2207")).await;
    let list = submitted(&gate, &day).await;
    assert_eq!((&list["by_rows"], &list["rows"], &list["differing"]), (&json!(true), &json!(2), &json!(1)), "{list}");
    assert_eq!(differences(&gate, &day), [], "it may stand on the next day's list");
    // All under the gateway's own operator, who signed in once that day.
    assert_eq!(gate.arrived("9001"), 1);
    let envelope = envelope_of(&gate, "3202");
    assert_eq!((&envelope["opter"], &envelope["opter_name"]), (&json!("gw01"), &json!("网关")));
    assert_eq!(envelope["sign_no"], signed_in(&gate));
    gate.clock.advance(DAY);
    submitted(&gate, &Day::read(&day).unwrap().later(1).to_string()).await;
    assert_eq!(differences(&gate, &day), [("journal_more".to_owned(), second.clone())]);
    until("it is a case", || causes(&gate) == open(&["journal_more"])).await;
    differences(&gate, &day);
    assert_eq!(gate.records_of(Kind::Difference).len(), 1, "said once");
    correct_in_the_his(&gate, (&first, &second), &day).await;
}

/// The HIS's ledger of a day; `rows` are 结算ID,医疗费总额,基金支付总额.
fn import(gate: &TestGateway, day: &str, rows: &str) {
    let path = gate.data().parent().unwrap().join("his.csv");
    std::fs::write(&path, format!("结算ID,医疗费总额,基金支付总额\n{rows}")).unwrap();
    let done = medgate(gate, &["his-ledger", "import", path.to_str().unwrap(), "--date", day]);
    assert!(done.status.success(), "{}", text(&done));
}

/// 结算ID, sum and fund of a settlement, as a row of the HIS.
fn row(answer: &Value, total: &str) -> String {
    let info = &answer["output"]["setlinfo"];
    let [id, fund] = ["setl_id", "fund_pay_sumamt"].map(|name| info[name].to_string().trim_matches('"').to_owned());
    format!("{id},{total},{fund}\n")
}

/// The HIS's ledger comes: first with a wrong sum, then as it should be. Each difference ends with the run that finds it no more.
async fn correct_in_the_his(gate: &TestGateway, (first, second): (&Value, &str), day: &str) {
    let id = first["output"]["setlinfo"]["setl_id"].as_str().unwrap();
    import(gate, day, &row(first, "299.00"));
    taken_up(gate, day).await;
    let differs = |class: &str, id: &str| (class.to_owned(), id.to_owned());
    let mut expected = vec![differs("amounts_differ", id), differs("journal_more", second)];
    expected.sort();
    assert_eq!(differences(gate, day), expected);
    until("a case each", || causes(gate) == open(&["amounts_differ", "journal_more"])).await;
    import(gate, day, &row(first, "300.00"));
    taken_up(gate, day).await;
    assert_eq!(differences(gate, day), [differs("journal_more", second)]);
    let closed = vec![("amounts_differ".to_owned(), false), ("journal_more".to_owned(), true)];
    until("the corrected one is closed", || causes(gate) == closed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_result_of_3202_and_a_row_beyond_midnight_are_what_they_are() {
    let (gate, _site) = city().await;
    let agreed = rig::json(&Bill::charged(&gate).await.settle(&gate).await);
    let shifted = rig::json(&Bill::charged(&gate).await.settle(&gate).await);
    let lost = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"commit_then_drop"}]"#);
    assert_unknown(&lost.settle(&gate).await);
    let kiosk = past_the_gateway(&gate, "2207", &Bill::charged(&gate).await.input()).await;
    let id = |answer: &Value| answer["output"]["setlinfo"]["setl_id"].as_str().unwrap().to_owned();
    let day = agreed["output"]["setlinfo"]["setl_time"].as_str().unwrap()[..10].to_owned();
    let near = |days| Day::read(&day).unwrap().later(days).to_string();

    // What came by the kiosk the HIS holds for less; S9 the platform never had; one was booked before midnight.
    let his = [row(&agreed, "300.00"), row(&kiosk, "299.00"), "S9,1.00,0.00\n".to_owned()].concat();
    taken_up(&gate, &day).await;
    import(&gate, &day, &his);
    import(&gate, &near(-1), &row(&shifted, "300.00"));
    gate.clock.advance(DAY);
    let list = submitted(&gate, &day).await;
    assert_eq!((&list["rows"], &list["differing"]), (&json!(5), &json!(3)), "0 twice, 1, 2, 3: {list}");
    gate.clock.advance(DAY);
    submitted(&gate, &near(1)).await;
    let found = differences(&gate, &day);
    let lost_row = found.iter().find(|(_, id)| id.starts_with("报文 ")).expect("a row without a settlement");
    let mut expected = vec![
        ("amounts_differ".to_owned(), id(&kiosk)),
        ("date_shift".to_owned(), id(&shifted)),
        ("his_more".to_owned(), "S9".to_owned()),
        ("platform_more".to_owned(), lost_row.1.clone()),
    ];
    expected.sort();
    assert_eq!(found, expected);
    let cases = open(&["amounts_differ", "his_more", "not_delivered"]);
    until("a case each, and the lost one has its own", || causes(&gate) == cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_2601_without_an_answer_waits_for_the_list() {
    let (gate, _site) = city().await;
    let (bill, msgid) = (Bill::charged(&gate).await, format!("{HOSPITAL}202401020399990002"));
    let settled = rig::json(&gate.call(URL, &body_as(&msgid, "2207", &bill.input())).await);
    let day = settled["output"]["setlinfo"]["setl_time"].as_str().unwrap()[..10].to_owned();
    gate.clock.advance(Duration::from_secs(3_600));
    gate.faults(r#"[{"infno":"2601","fault":"commit_then_drop"}]"#);
    assert_unknown(&gate.call(URL, &body("2601", &bill.reversal(&msgid, "2207"))).await);
    until("its case", || causes(&gate) == open(&["unknown_outcome"])).await;
    for ago in 0..2 {
        gate.clock.advance(DAY);
        submitted(&gate, &Day::read(&day).unwrap().later(ago).to_string()).await;
    }
    differences(&gate, &day);
    assert_eq!(
        proven(&gate),
        [Platform::Did, Platform::Undone],
        "the undo was done, and the settlement stands no more"
    );
    taken_up(&gate, &day).await;
    assert_eq!(differences(&gate, &day), [], "charge and undo of one day leave nothing");
    let undone = |(cause, open): &(String, bool)| (cause == "unknown_outcome") != *open;
    until("the case of the undo is closed", || causes(&gate).iter().all(undone)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_does_not_come_is_asked_for_again_and_nobody_submits_who_is_not_declared() {
    let mut gate = gate(|settings| settings.reconcile.submit_hour = 0).await;
    let settled = rig::json(&Bill::charged(&gate).await.settle(&gate).await);
    let day = settled["output"]["setlinfo"]["setl_time"].as_str().unwrap()[..10].to_owned();
    gate.clock.advance(DAY);
    taken_up(&gate, &day).await;
    gate.faults(r#"[{"infno":"3201","fault":"drop"}]"#);
    let failed = medgate(&gate, &["reconcile", "submit", "--date", &day]);
    assert!(
        failed.status.code() == Some(1) && text(&failed).contains("未取得：3201 was not answered"),
        "{}",
        text(&failed)
    );
    assert_eq!(gate.records_of(Kind::Statement).len(), 0);

    // By the clock.
    gate.restart_with(|settings| settings.reconcile.every_seconds = 1).await;
    gate.journaled("the list", |records| {
        records.iter().any(|record| record.header.known_kind() == Some(Kind::Statement))
    })
    .await;
    gate.restart_with(|settings| "his".clone_into(&mut settings.reconcile.submitter)).await;
    let data = gate.data().to_owned();
    until("its address", || data.join("admin.address").exists()).await;
    let refused = medgate(&gate, &["reconcile", "submit", "--date", &day]);
    assert!(refused.status.code() == Some(1) && text(&refused).contains("不是申报的对账提交方"), "{}", text(&refused));
}
