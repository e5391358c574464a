//! The table of failures (ARCHITECTURE.md, "What the HIS hears"; the first design's failure table), row by row: each ends in books that
//! agree. Rows that need a broken disk or a killed process stand where those are: `crash_room` (intend: no room),
//! `tests/journal/failed_sync` (settle: the disk fails), `crash_repeat` (crash), `signing_forms` (sign: cannot be signed).

use std::sync::Arc;
use std::time::Duration;

use medgate::domain::clock::SystemClock;
use medgate::sandbox::Sandbox;
use medgate::sandbox::ledger::Standing;
use medgate::sandbox::platform;

use crate::doors_rig::{Talk, post};
use crate::finisher::{approve, case_of, gate, open_case, proposal};
use crate::money_his::{self as his, Bill, assert_unknown, err_msg};
use crate::rig::{TestGateway, until};

const MINUTE: Duration = Duration::from_secs(60);

/// What stands at the platform is what the HIS has booked, and nothing is open.
async fn agree(gate: &TestGateway, booked: &[&str]) {
    until("no open case", || open_case(gate).is_none()).await;
    let standing: Vec<String> = gate.sandbox().with_ledger(|ledger| {
        let live = ledger.settlements().iter().filter(|row| row.standing == Standing::Live && row.undoes.is_none());
        live.map(|row| row.setl_id.clone()).collect()
    });
    assert_eq!(standing, booked, "the platform and the HIS");
}

#[tokio::test(flavor = "multi_thread")]
async fn identify_a_repeat_of_a_money_call_hears_the_recorded_answer() {
    let gate = gate(|_| {}).await;
    let bill = Bill::charged(&gate).await;
    let (first, setl_id) = bill.settled(&gate).await;
    assert_eq!(bill.settle(&gate).await.body, first.body);
    agree(&gate, &[&setl_id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_what_is_refused_was_not_sent() {
    let gate = gate(|_| {}).await;
    let bill = Bill::charged(&gate).await;
    let (_, setl_id) = bill.settled(&gate).await;
    let moved = his::call(&gate, "2207", &bill.with("medfee_sumamt", "299.00")).await;
    assert!(err_msg(&moved).contains("GW301"), "{}", err_msg(&moved));
    assert_eq!(gate.arrived("2207"), 1);
    agree(&gate, &[&setl_id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forward_what_never_left_is_refused_and_safe_to_repeat() {
    // A port that nobody listens on, until the platform comes up there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gate = TestGateway::before(&format!("http://{port}"), |_| {}).await;
    let input = serde_json::json!({"data": {"psn_no": "P1", "mdtrt_id": "V1", "chrg_bchno": "b1", "medfee_sumamt": "30.00",
        "insutype": "310", "med_type": "11", "acct_used_flag": "1"}});
    let refused = his::call(&gate, "2207", &input).await;
    assert!(err_msg(&refused).contains("GW501"), "{}", err_msg(&refused));
    let habits = medgate::sandbox::ledger::Habits { lenient: true, ..Default::default() };
    let settings = platform::Settings { habits, ..platform::Settings::default() };
    let sandbox = Sandbox::start(port, settings, Arc::new(SystemClock::start())).await.unwrap();
    let setl_id = his::setl_id(&his::call(&gate, "2207", &input).await);
    let standing = sandbox.platform().with_ledger(|ledger| ledger.settlements()[0].setl_id.clone());
    assert_eq!(standing, setl_id);
    assert!(open_case(&gate).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn forward_a_cut_answer_is_asked_about_and_taken_back() {
    let gate = gate(|_| {}).await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"half_answer"}]"#);
    assert_unknown(&bill.settle(&gate).await);
    let id = case_of(&gate, "unknown_outcome").await;
    gate.clock.advance(31 * MINUTE);
    let proposed = proposal(&gate).await;
    assert!(approve(&gate, "zhang", &id, &proposed).0 && approve(&gate, "li", &id, &proposed).0);
    until("it is taken back", || gate.arrived("2208") + gate.arrived("2601") == 1).await;
    if gate.arrived("2601") == 1 {
        // Half of the answer did not name the settlement: only a statement proves the end.
        let proof = ["--platform", "undone", "--proof", "3202, row 7", "--reason", "the statement"];
        let (good, said) = crate::finisher::case(&gate, "li", &[&["close", id.as_str()], &proof[..]].concat());
        assert!(good, "{said}");
    }
    agree(&gate, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forward_the_settlement_that_the_his_itself_knows_and_cancels_is_proven_undone() {
    let gate = gate(|_| {}).await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"commit_then_drop"}]"#);
    assert_unknown(&bill.settle(&gate).await);
    case_of(&gate, "unknown_outcome").await;
    // The person behind the counter reads the number at the platform's own site.
    let setl_id = gate.sandbox().with_ledger(|ledger| ledger.settlements().last().unwrap().setl_id.clone());
    his::granted(&gate, "2208", &bill.named(&setl_id)).await;
    gate.clock.advance(31 * MINUTE);
    until("it was asked about", || gate.arrived("5203") >= 1).await;
    until("no open case", || open_case(&gate).is_none()).await;
    assert_eq!(gate.arrived("2601"), 0);
    let (_, again) = bill.settled(&gate).await;
    let standing: Vec<_> = gate.sandbox().with_ledger(|ledger| {
        ledger
            .settlements()
            .iter()
            .filter(|row| row.standing == Standing::Live)
            .map(|row| row.setl_id.clone())
            .collect()
    });
    assert!(standing.contains(&again), "{standing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn judge_an_answer_that_nobody_can_read_is_relayed_and_ended_with_proof() {
    let gate = gate(|_| {}).await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"answer","body":"<html>","content_type":"text/html","commit":true}]"#);
    assert_eq!(bill.settle(&gate).await.body, b"<html>");
    let id = case_of(&gate, "unknown_outcome").await;
    gate.clock.advance(31 * MINUTE);
    let proposed = proposal(&gate).await;
    assert!(approve(&gate, "zhang", &id, &proposed).0 && approve(&gate, "li", &id, &proposed).0);
    until("the reversal", || gate.arrived("2601") == 1).await;
    let proof = ["--platform", "undone", "--proof", "3202, row 9", "--reason", "the statement"];
    until("it is known to be sent", || {
        open_case(&gate).is_some_and(|case| !case["decisions"].as_array().unwrap().is_empty())
    })
    .await;
    let (good, said) = crate::finisher::case(&gate, "li", &[&["close", id.as_str()], &proof[..]].concat());
    assert!(good, "{said}");
    agree(&gate, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_the_his_is_gone_and_its_retry_gets_the_recorded_answer() {
    let gate = gate(|_| {}).await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"late","ms":200}]"#);
    let mut gone = Talk::to(gate.listen).await;
    gone.say(post(his::URL, "Content-Type: application/json\r\n", &his::body("2207", &bill.input()))).await;
    until("the settlement", || gate.arrived("2207") == 1).await;
    drop(gone);
    case_of(&gate, "not_delivered").await;
    let setl_id = his::setl_id(&bill.settle(&gate).await);
    agree(&gate, &[&setl_id]).await;
}
