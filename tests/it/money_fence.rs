//! The fence of a person: what looks like a settlement that the HIS does not know of is held back, and nothing else is.

use std::process::Command;

use medgate::domain::exchange::ExchangeId;
use medgate::journal::Record;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;

use crate::money_his::{self as his, Bill, assert_unknown, err_msg};
use crate::rig::{self, TestGateway, until};

/// A gateway that answers the HIS soon and goes on listening.
async fn hurried() -> TestGateway {
    TestGateway::with(|settings| settings.upstream.get_mut("default").unwrap().answer_ms = 400).await
}

/// A bill of `person`, registered anew: another visit, the same sum.
async fn bill_of(gate: &TestGateway, person: usize) -> Bill {
    Bill::charged_of(gate, &his::persons()[person]).await
}

/// The refusal, which sent nothing.
async fn refused(gate: &TestGateway, bill: &Bill) -> String {
    let before = gate.arrived("2207");
    let text = err_msg(&bill.settle(gate).await);
    assert!(text.starts_with("【网关未发送】此人") && text.contains("GW306"), "{text}");
    assert_eq!(gate.arrived("2207"), before, "nothing was sent");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_a_lost_settlement_is_held_back_and_nothing_else_is() {
    let gate = hurried().await;
    let lost = bill_of(&gate, 0).await;
    gate.faults(r#"[{"infno":"2207","fault":"drop"}]"#);
    assert_unknown(&lost.settle(&gate).await);

    let again = bill_of(&gate, 0).await;
    let text = refused(&gate, &again).await;
    assert!(text.contains("结果未知") && text.contains("勿转自费"), "{text}");
    bill_of(&gate, 1).await.settled(&gate).await;
    let mut other_sum = bill_of(&gate, 0).await;
    other_sum.charge(&gate, "b1").await;
    other_sum.data["medfee_sumamt"] = "600.00".into();
    other_sum.settled(&gate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_success_is_named_until_the_his_has_it() {
    let gate = hurried().await;
    let (lost, again) = (bill_of(&gate, 0).await, bill_of(&gate, 0).await);
    gate.faults(r#"[{"infno":"2207","fault":"late","ms":1000}]"#);
    assert_unknown(&lost.settle(&gate).await);
    let confirmed = |records: &[Record]| {
        let late = |record: &&Record| record.facts.number_of(Fact::EvidenceSeq).is_some();
        records.iter().filter(late).any(|record| record.header.known_kind() == Some(Kind::Outcome))
    };
    gate.journaled("the late answer", confirmed).await;
    // The record stands in the file a moment before it is durable: what is held back meanwhile is held back as unknown.
    let mut text = refused(&gate, &again).await;
    for _ in 0..100 {
        if text.contains("结算ID") {
            break;
        }
        text = refused(&gate, &again).await;
    }
    assert!(text.contains("结算ID") && text.contains("总额300.00") && text.contains("统筹"), "{text}");

    // Its own retry is given the recorded answer; from there on both know.
    assert_eq!(rig::json(&lost.settle(&gate).await)["infcode"], 0);
    again.settled(&gate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_passes_the_fence() {
    let gate = hurried().await;
    let lost = bill_of(&gate, 0).await;
    gate.faults(r#"[{"infno":"2207","fault":"half_answer"}]"#);
    assert_unknown(&lost.settle(&gate).await);
    let again = bill_of(&gate, 0).await;
    refused(&gate, &again).await;

    // The person behind the counter knows the settlement from elsewhere and cancels it.
    let setl_id = gate.sandbox().with_ledger(|ledger| ledger.settlements().last().unwrap().setl_id.clone());
    his::granted(&gate, "2208", &lost.named(&setl_id)).await;
    let text = refused(&gate, &again).await;
    assert!(text.contains("结果未知"), "what was unknown when it was cancelled is not proven undone: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_lets_the_next_one_pass_and_answers_for_it() {
    let gate = hurried().await;
    let lost = bill_of(&gate, 0).await;
    gate.faults(r#"[{"infno":"2207","fault":"drop"}]"#);
    assert_unknown(&lost.settle(&gate).await);
    let again = bill_of(&gate, 0).await;
    refused(&gate, &again).await;

    let intents = gate.records_of(Kind::Intent);
    let is_lost = |record: &&Record| record.facts.text_of(Fact::Infno) == Some("2207");
    let id: ExchangeId = intents.iter().find(is_lost).unwrap().header.exchange_id;
    let data = gate.data().to_owned();
    until("its address", || data.join("admin.address").exists()).await;
    let arguments = ["case", "lift-fence", &id.to_string(), "--reason", "two visits, asked the patient"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.env_clear().args(arguments).arg("--data").arg(&data);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let decisions = gate.records_of(Kind::Decision);
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].facts.text_of(Fact::Reason), Some("two visits, asked the patient"));
    again.settled(&gate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_windows_that_settle_the_same_sum_at_once_go_one_after_the_other() {
    let gate = TestGateway::start().await;
    let (one, other) = (bill_of(&gate, 0).await, bill_of(&gate, 0).await);
    gate.faults(r#"[{"infno":"2207","fault":"late","ms":700}]"#);
    let ((first, _), (second, _)) = tokio::join!(one.settled(&gate), other.settled(&gate));
    assert_ne!(his::setl_id(&first), his::setl_id(&second), "both were told, and each was performed once");
    assert_eq!(gate.arrived("2207"), 2);
}
