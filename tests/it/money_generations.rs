//! What frees a key, and what does not: cancels, reversals, fee lines that follow (`money.md` §3, §5).

use medgate::journal::Record;
use medgate::journal::composite::Delivery;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;

use crate::doors_rig::{Talk, post};
use crate::money_his::{self as his, Bill, URL, assert_unknown, err_msg, granted};
use crate::rig::{self, TestGateway, until};

/// Generations of the INTENTs of a transaction, in order.
fn generations(gate: &TestGateway, infno: &str) -> Vec<u32> {
    let intents = gate.records_of(Kind::Intent);
    let of_infno = intents.iter().filter(|record| record.facts.text_of(Fact::Infno) == Some(infno));
    of_infno.map(|record| record.header.generation).collect()
}

fn msgid(raw: &crate::doors_rig::Raw) -> String {
    rig::json(raw)["output"]["setlinfo"]["medins_setl_id"].as_str().unwrap().to_owned()
}

/// Waits until every success that was given is journaled as handed over.
async fn delivered(gate: &TestGateway, infno: &str) {
    let handed = |records: &[Record]| {
        let given = records.iter().flat_map(|record| Delivery::all(&record.facts)).filter(|given| given.bytes > 0);
        let given: Vec<_> = given.map(|given| given.intent).collect();
        let intents = records.iter().filter(|record| record.header.known_kind() == Some(Kind::Intent));
        let mut of_infno = intents.filter(|record| record.facts.text_of(Fact::Infno) == Some(infno));
        of_infno.all(|record| given.contains(&record.header.seq))
    };
    gate.journaled("the deliveries", handed).await;
}

#[tokio::test]
async fn a_confirmed_cancel_frees_the_key() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let (first, setl_id) = bill.settled(&gate).await;
    let cancelled = his::call(&gate, "2208", &bill.named(&setl_id)).await;
    assert_eq!(rig::json(&cancelled)["infcode"], 0);
    let (second, again) = bill.settled(&gate).await;
    assert_ne!(first.body, second.body);
    assert_eq!(generations(&gate, "2207"), [0, 1]);
    // A repeated cancel of the first hears the first's answer and touches nothing.
    assert_eq!(his::call(&gate, "2208", &bill.named(&setl_id)).await.body, cancelled.body);
    assert_eq!(bill.settle(&gate).await.body, second.body);
    assert_eq!((gate.arrived("2207"), gate.arrived("2208")), (2, 1));
    granted(&gate, "2208", &bill.named(&again)).await;
    bill.settled(&gate).await;
    assert_eq!(generations(&gate, "2207"), [0, 1, 2]);
}

#[tokio::test]
async fn a_cancel_of_unknown_outcome_withdraws_the_answer_and_is_sent_again() {
    let gate = TestGateway::start().await;
    for (fault, settles_again) in [("drop", false), ("commit_then_drop", true)] {
        let bill = Bill::charged(&gate).await;
        let (before_2207, before_2208) = (gate.arrived("2207"), gate.arrived("2208"));
        let (_, setl_id) = bill.settled(&gate).await;
        gate.faults(&format!(r#"[{{"infno":"2208","fault":"{fault}"}}]"#));
        assert_unknown(&his::call(&gate, "2208", &bill.named(&setl_id)).await);
        assert_unknown(&bill.settle(&gate).await);
        let second = his::call(&gate, "2208", &bill.named(&setl_id)).await;
        assert_eq!(gate.arrived("2208"), before_2208 + 2, "{fault}: the safest inquiry");
        if settles_again {
            assert!(err_msg(&second).contains("该笔结算已撤销"));
        } else {
            assert_eq!(rig::json(&second)["infcode"], 0);
        }
        // Cancelled now, or cancelled before: the platform said so either way.
        bill.settled(&gate).await;
        assert_eq!(gate.arrived("2207"), before_2207 + 2);
    }
}

#[tokio::test]
async fn a_refused_cancel_changes_nothing() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let (first, setl_id) = bill.settled(&gate).await;
    gate.faults(r#"[{"infno":"2208","fault":"refuse"}]"#);
    assert!(err_msg(&his::call(&gate, "2208", &bill.named(&setl_id)).await).contains("沙箱按脚本拒绝"));
    assert_eq!(bill.settle(&gate).await.body, first.body);
    let moved = serde_json::json!({"data": {"setl_id": setl_id, "mdtrt_id": bill.mdtrt_id, "psn_no": "99"}});
    granted(&gate, "2208", &bill.named(&setl_id)).await;
    let says = err_msg(&his::call(&gate, "2208", &moved).await);
    assert!(says.contains("本次psn_no与首次不同"), "{says}");
}

#[tokio::test]
async fn fee_lines_after_a_delivered_settlement_begin_a_generation() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let (first, _) = bill.settled(&gate).await;
    delivered(&gate, "2207").await;
    bill.charge(&gate, "b2").await;
    assert_eq!(bill.settle(&gate).await.body, first.body, "lines of another batch are no new bill of this one");
    bill.charge(&gate, "b1").await;
    let (second, _) = bill.settled(&gate).await;
    assert_ne!(first.body, second.body);
    assert_eq!(generations(&gate, "2207"), [0, 1]);
    assert_eq!(bill.settle(&gate).await.body, second.body);
    // Taking lines away is no new bill.
    delivered(&gate, "2207").await;
    let batch =
        serde_json::json!({"data": {"chrg_bchno": "b2", "mdtrt_id": bill.mdtrt_id, "psn_no": bill.data["psn_no"]}});
    granted(&gate, "2205", &batch).await;
    assert_eq!(bill.settle(&gate).await.body, second.body);
    assert_eq!(gate.arrived("2207"), 2);
}

#[tokio::test]
async fn fee_lines_after_an_undelivered_or_unknown_settlement_begin_nothing() {
    let gate = TestGateway::start().await;
    let lost = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"late","ms":100}]"#);
    let mut talk = Talk::to(gate.listen).await;
    talk.say(post(URL, "Content-Type: application/json\r\n", &his::body("2207", &lost.input()))).await;
    until("the platform has the call", || gate.arrived("2207") == 1).await;
    drop(talk);
    let reported = |records: &[Record]| {
        records.iter().flat_map(|record| Delivery::all(&record.facts)).any(|given| given.bytes == 0)
    };
    gate.journaled("it was not handed over", reported).await;
    lost.charge(&gate, "b1").await;
    lost.settled(&gate).await;
    assert_eq!(gate.arrived("2207"), 1);

    let unknown = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"commit_then_drop"}]"#);
    assert_unknown(&unknown.settle(&gate).await);
    unknown.charge(&gate, "b1").await;
    assert_unknown(&unknown.settle(&gate).await);
    assert_eq!(gate.arrived("2207"), 2);
}

#[tokio::test]
async fn a_second_settlement_in_a_stay_is_no_repeat() {
    let gate = TestGateway::start().await;
    let stay = Bill::admitted(&gate).await;
    let first = his::call(&gate, "2304", &stay.input()).await;
    his::setl_id(&first);
    assert_eq!(his::call(&gate, "2304", &stay.input()).await.body, first.body);
    delivered(&gate, "2304").await;
    stay.charge(&gate, "").await;
    let second = his::call(&gate, "2304", &stay.input()).await;
    assert_ne!(his::setl_id(&second), his::setl_id(&first));
    assert_eq!(his::call(&gate, "2304", &stay.input()).await.body, second.body);
    // The settlement at the end of the stay has a key of its own.
    delivered(&gate, "2304").await;
    stay.charge(&gate, "").await;
    granted(&gate, "2402", &stay.named("")).await;
    his::setl_id(&his::call(&gate, "2304", &stay.with("mid_setl_flag", "0")).await);
    assert_eq!(generations(&gate, "2304"), [0, 1, 0]);
    assert_eq!(gate.arrived("2304"), 3);
}

#[tokio::test]
async fn a_reversal_is_sent_once_unless_it_was_refused() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let (first, _) = bill.settled(&gate).await;
    let reversal = bill.reversal(&msgid(&first), "2207");
    gate.faults(r#"[{"infno":"2601","fault":"refuse"},{"infno":"2601","nth":2,"fault":"drop"}]"#);
    assert!(err_msg(&his::call(&gate, "2601", &reversal).await).contains("沙箱按脚本拒绝"));
    assert_eq!(bill.settle(&gate).await.body, first.body, "a refused reversal is none");
    assert_unknown(&his::call(&gate, "2601", &reversal).await);
    assert_unknown(&his::call(&gate, "2601", &reversal).await);
    assert_eq!(gate.arrived("2601"), 2);
    assert_unknown(&bill.settle(&gate).await);
    assert_eq!(gate.arrived("2207"), 1);
}

#[tokio::test]
async fn a_reversal_frees_what_was_confirmed_and_nothing_unknown() {
    let gate = TestGateway::start().await;
    for infno in ["2207", "2207A"] {
        let bill = Bill::charged(&gate).await;
        let first = his::call(&gate, infno, &bill.input()).await;
        let reversal = bill.reversal(&msgid(&first), "2207");
        let reversed = his::call(&gate, "2601", &reversal).await;
        assert_eq!(rig::json(&reversed)["infcode"], 0);
        assert_eq!(his::call(&gate, "2601", &reversal).await.body, reversed.body, "confirmed: replayed");
        let second = his::call(&gate, infno, &bill.input()).await;
        assert_ne!(his::setl_id(&second), his::setl_id(&first), "{infno}");
        assert_eq!(generations(&gate, infno), [0, 1]);
    }
    assert_eq!(gate.arrived("2601"), 2);

    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"drop"}]"#);
    let body = his::body_as("H99000000001unknown", "2207", &bill.input());
    assert_unknown(&gate.call(URL, &body).await);
    let sent = gate.arrived("2207");
    // 0 for a msgid that the platform never finished proves nothing: the lost call may still commit.
    granted(&gate, "2601", &bill.reversal("H99000000001unknown", "2207")).await;
    assert_unknown(&bill.settle(&gate).await);
    assert_eq!(gate.arrived("2207"), sent);
}

#[tokio::test]
async fn a_reversal_that_names_a_repeat_is_told_the_first_msgid() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let (first, _) = bill.settled(&gate).await;
    let alias = his::body_as("H99000000001alias", "2207", &bill.input());
    assert_eq!(gate.call(URL, &alias).await.body, first.body);
    let says = err_msg(&his::call(&gate, "2601", &bill.reversal("H99000000001alias", "2207")).await);
    assert!(says.contains(&msgid(&first)) && says.ends_with("[GW303]"), "{says}");
    assert_eq!(gate.arrived("2601"), 0);
    granted(&gate, "2601", &bill.reversal(&msgid(&first), "2207")).await;
    bill.settled(&gate).await;
    assert_eq!(gate.arrived("2207"), 2);
}

#[tokio::test]
async fn a_reversal_of_a_call_that_was_repeated_under_its_own_msgid_is_sent() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let own = "H99000000001repeated";
    let first = gate.call(URL, &his::body_as(own, "2207", &bill.input())).await;
    assert_eq!(msgid(&first), own);
    assert_eq!(gate.call(URL, &his::body_as(own, "2207", &bill.input())).await.body, first.body);
    // A repeat under another msgid changes nothing for the first.
    assert_eq!(gate.call(URL, &his::body_as("H99000000001alias", "2207", &bill.input())).await.body, first.body);
    let says = err_msg(&his::call(&gate, "2601", &bill.reversal("H99000000001alias", "2207")).await);
    assert!(says.contains(own) && says.ends_with("[GW303]"), "{says}");
    granted(&gate, "2601", &bill.reversal(own, "2207")).await;
    assert_eq!((gate.arrived("2207"), gate.arrived("2601")), (1, 1));
    // It is taken back: the same settlement is performed anew.
    bill.settled(&gate).await;
    assert_eq!(gate.arrived("2207"), 2);
}

#[tokio::test]
async fn a_reversed_cancel_puts_the_settlement_back_in_doubt() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let (_, setl_id) = bill.settled(&gate).await;
    granted(&gate, "2208", &bill.named(&setl_id)).await;
    let cancel = gate.records_of(Kind::Intent).into_iter().rev().find(|r| r.facts.text_of(Fact::Infno) == Some("2208"));
    let cancel = cancel.unwrap().facts.text_of(Fact::Msgid).unwrap().to_owned();
    granted(&gate, "2601", &bill.reversal(&cancel, "2208")).await;
    // The settlement stands again: a new one would be a second.
    assert_unknown(&bill.settle(&gate).await);
    assert_eq!(gate.arrived("2207"), 1);
    // Cancelled once more it is free.
    granted(&gate, "2208", &bill.named(&setl_id)).await;
    bill.settled(&gate).await;
    assert_eq!(gate.arrived("2207"), 2);
}
