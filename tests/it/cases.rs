//! Cases as a person finds them: by the command beside a running gateway, in the API's answer and in the metrics.

use std::process::Command;

use serde_json::Value;

use crate::money_his::{Bill, assert_unknown};
use crate::rig::{self, TestGateway, until};

/// `medgate case …` on the gateway's data folder.
fn case(gate: &TestGateway, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.env_clear().arg("case").args(arguments).arg("--data").arg(gate.data());
    let output = command.output().unwrap();
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// All cases, as the command lists them.
pub fn listed(gate: &TestGateway) -> Vec<Value> {
    let text = case(gate, &["list", "--closed", "--json"]);
    serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|list| Some(list["cases"].as_array()?.clone()))
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_settlement_is_a_case_until_the_retry_is_given_the_late_answer() {
    let gate = TestGateway::with(|settings| settings.upstream.get_mut("default").unwrap().answer_ms = 400).await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"late","ms":2000}]"#);
    assert_unknown(&bill.settle(&gate).await);
    let cause = |word: &str| listed(&gate).iter().any(|case| case["cause"] == word && case["open"] == true);
    until("a case of the unknown outcome", || cause("unknown_outcome")).await;
    crate::seal::metric(&gate, "medgate_cases_at_stake_yuan{cause=\"unknown_outcome\"}", |yuan| yuan == 300.0).await;

    until("the late answer", || cause("not_delivered")).await;
    let id = listed(&gate)[0]["id"].as_str().unwrap().to_owned();
    let shown = case(&gate, &["show", &id]);
    assert!(shown.contains("平台已成、院内未知") && shown.contains("300.00") && shown.contains("下一步"), "{shown}");

    let answer = rig::json(&bill.settle(&gate).await);
    assert_eq!(answer["infcode"], 0, "{answer}");
    assert_eq!(gate.arrived("2207"), 1, "the retry was answered from the record");
    until("the case is closed", || listed(&gate).iter().all(|case| case["open"] == false)).await;
    assert_eq!(listed(&gate).len(), 1);
    assert!(case(&gate, &["list"]).contains("没有案件"));
    crate::seal::metric(&gate, "medgate_cases_open{cause=\"not_delivered\"}", |open| open == 0.0).await;
}
