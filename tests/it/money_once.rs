//! One key is performed once, and whoever asks again hears the same (`money.md` §3).

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use medgate::domain::clock::SystemClock;
use medgate::domain::outcome::Outcome;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use medgate::sandbox::Sandbox;
use tokio::net::TcpListener;

use crate::doors_rig::{Raw, Talk, post};
use crate::money_his::{self as his, Bill, URL, assert_unknown, err_msg};
use crate::rig::{TestGateway, until};

/// Settlements that the stand-in made.
fn settlements(gate: &TestGateway) -> usize {
    gate.sandbox().with_ledger(|ledger| ledger.settlements().len())
}

/// The platform's answer to the first 2207, as the journal keeps it.
fn recorded_answer(gate: &TestGateway) -> Vec<u8> {
    let outcomes = gate.records_of(Kind::Outcome);
    let first = outcomes.iter().find(|record| record.facts.text_of(Fact::Infno) == Some("2207")).unwrap();
    assert_eq!(first.header.outcome, Outcome::Confirmed as u8);
    gate.unseal(first).reply.unwrap().body.buffered().unwrap().to_vec()
}

/// Sends a 2207 and hangs up before its answer is there.
async fn settle_and_hang_up(gate: &TestGateway, bill: &Bill) {
    gate.faults(r#"[{"infno":"2207","fault":"late","ms":100}]"#);
    let mut talk = Talk::to(gate.listen).await;
    talk.say(post(URL, "Content-Type: application/json\r\n", &his::body("2207", &bill.input()))).await;
    until("the platform has the call", || gate.arrived("2207") == 1).await;
    drop(talk);
    let settled = |record: &&medgate::journal::Record| record.facts.text_of(Fact::Infno) == Some("2207");
    gate.journaled("the outcome", |records| {
        records.iter().filter(settled).any(|record| record.header.known_kind() == Some(Kind::Outcome))
    })
    .await;
}

#[tokio::test]
async fn one_key_is_performed_once() {
    let mut gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    settle_and_hang_up(&gate, &bill).await;
    let first = recorded_answer(&gate);
    for _ in 0..2 {
        assert_eq!(bill.settle(&gate).await.body, first);
    }
    gate.restart().await;
    assert_eq!(bill.settle(&gate).await.body, first);
    gate.restart().await;
    assert_eq!(bill.settle(&gate).await.body, first);
    assert_eq!((gate.arrived("2207"), settlements(&gate)), (1, 1));
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer() {
    const CLIENTS: usize = 12;
    let gate = TestGateway::start().await;
    for (fault, expected) in [
        (r#"[{"infno":"2207","fault":"late","ms":300}]"#, "\"infcode\":0"),
        (r#"[{"infno":"2207","fault":"refuse"}]"#, "沙箱按脚本拒绝"),
        (r#"[{"infno":"2207","fault":"refuse_saying","err_msg":"下游超时","commit":true}]"#, "【结果未知】"),
    ] {
        let bill = Bill::charged(&gate).await;
        let before = gate.arrived("2207");
        gate.faults(fault);
        let calls: Vec<String> = (0..CLIENTS).map(|_| his::body("2207", &bill.input())).collect();
        let mut talks = Vec::new();
        for call in &calls {
            let mut talk = Talk::to(gate.listen).await;
            talk.say(post(URL, "Content-Type: application/json\r\n", call)).await;
            talks.push(talk);
        }
        let mut answers: Vec<Raw> = Vec::new();
        for talk in &mut talks {
            answers.push(talk.hear().await.unwrap());
        }
        let texts: Vec<String> = answers.iter().map(|raw| String::from_utf8(raw.body.clone()).unwrap()).collect();
        if expected.starts_with('【') {
            texts.iter().for_each(|text| assert!(text.contains(expected), "{text}"));
        } else if fault.contains("late") {
            texts.iter().for_each(|text| assert!(text.contains(expected) && *text == texts[0], "{text}"));
        } else {
            // A refusal holds no key: who joined the first hears it, who came after it is one more call.
            assert!(texts.iter().any(|text| text.contains(expected)), "{texts:?}");
            let granted: HashSet<&String> = texts.iter().filter(|text| text.contains("\"infcode\":0")).collect();
            assert!(granted.len() <= 1, "{granted:?}");
            assert!(gate.arrived("2207") <= before + 2);
            continue;
        }
        assert_eq!(gate.arrived("2207"), before + 1, "{fault}");
    }
}

#[tokio::test]
async fn a_refusal_holds_no_key() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"refuse"}]"#);
    assert!(err_msg(&bill.settle(&gate).await).contains("沙箱按脚本拒绝"));
    let (settled, _) = bill.settled(&gate).await;
    assert_eq!(gate.arrived("2207"), 2);
    assert_eq!(bill.settle(&gate).await.body, settled.body);
    assert_eq!(gate.arrived("2207"), 2);
}

#[tokio::test]
async fn a_call_that_never_left_holds_no_key() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gate = TestGateway::before(&format!("http://{port}"), |_| {}).await;
    let lenient = medgate::sandbox::platform::Settings {
        habits: medgate::sandbox::ledger::Habits { lenient: true, ..Default::default() },
        ..Default::default()
    };
    let bill = Bill {
        mdtrt_id: "made-up".to_owned(),
        data: serde_json::json!({"psn_no": his::somebody().psn_no,
        "mdtrt_id": "made-up", "chrg_bchno": "b1", "medfee_sumamt": "300.00", "insutype": "310", "med_type": "11"}),
    };
    let says = err_msg(&bill.settle(&gate).await);
    assert!(says.starts_with("【网关未发送】") && says.ends_with("[GW501]"), "{says}");
    let sandbox = Sandbox::start(port as SocketAddr, lenient, Arc::new(SystemClock::start())).await.unwrap();
    bill.settled(&gate).await;
    assert_eq!(sandbox.platform().with_ledger(|ledger| ledger.settlements().len()), 1);
}

#[tokio::test]
async fn a_moved_field_is_refused_by_name_and_the_others_do_not_matter() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let (first, _) = bill.settled(&gate).await;
    for (field, value) in [
        ("psn_no", "99000001"),
        ("insutype", "390"),
        ("med_type", "14"),
        ("medfee_sumamt", "300.01"),
        ("psn_setlway", "02"),
        ("acct_used_flag", "0"),
    ] {
        let says = err_msg(&his::call(&gate, "2207", &bill.with(field, value)).await);
        assert!(says.contains(&format!("本次{field}与首次不同")) && says.ends_with("[GW301]"), "{says}");
    }
    for (field, value) in [
        ("mdtrt_cert_no", "fresh token"),
        ("card_sn", "other card"),
        ("invono", "other invoice"),
        ("certno", "99"),
        ("medfee_sumamt", "300"),
        ("exp_content", "x"),
    ] {
        let answer = his::call(&gate, "2207", &bill.with(field, value)).await;
        assert_eq!(answer.body, first.body, "{field}");
    }
    assert_eq!(gate.arrived("2207"), 1);
}

#[tokio::test]
async fn an_unknown_outcome_holds_the_key_over_a_restart() {
    let mut gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"commit_then_drop"}]"#);
    for _ in 0..2 {
        assert_unknown(&bill.settle(&gate).await);
    }
    gate.restart().await;
    assert_unknown(&bill.settle(&gate).await);
    let moved = err_msg(&his::call(&gate, "2207", &bill.with("medfee_sumamt", "1")).await);
    assert!(moved.ends_with("[GW301]"), "{moved}");
    assert_eq!((gate.arrived("2207"), settlements(&gate)), (1, 1));
}
