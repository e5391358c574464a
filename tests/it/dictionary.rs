//! Refusals by kind: counted, shown with their cure, and a site's own entries taken in.

use std::process::Command;

use serde_json::Value;

use crate::money_his::{Bill, err_msg};
use crate::rig::{TestGateway, until};

fn dictionary(gate: &TestGateway, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    let profiles = gate.data().join("profiles");
    command.env_clear().env("MEDGATE__GATEWAY__PROFILES", &profiles);
    command.arg("dictionary").args(arguments).arg("--data").arg(gate.data());
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned())
}

fn sayings(gate: &TestGateway) -> Vec<Value> {
    let (_, text) = dictionary(gate, &["list", "--json"]);
    let listed = serde_json::from_str::<Value>(&text).ok();
    listed.and_then(|listed| Some(listed["sayings"].as_array()?.clone())).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted_by_kind_and_a_site_writes_its_own_cures() {
    let gate = TestGateway::start().await;
    std::fs::create_dir(gate.data().join("profiles")).unwrap();
    let bill = Bill::charged(&gate).await;
    let refusing = |err_msg: &str| {
        gate.faults(&format!(r#"[{{"infno":"2207","fault":"refuse_saying","err_msg":"{err_msg}"}}]"#));
    };
    for text in ["操作员未签到[A_1]", "第3行药品X0021单价超限", "第17行药品B99单价超限"] {
        refusing(text);
        assert_eq!(err_msg(&bill.settle(&gate).await), text, "the HIS reads the platform's own words");
    }
    until("three refusals", || sayings(&gate).iter().filter_map(|one| one["count"].as_u64()).sum::<u64>() == 3).await;
    let found = sayings(&gate);
    assert_eq!((&found[1]["saying"], &found[1]["at_stake"]), (&"not_signed_in".into(), &"300.00".into()));
    assert!(found[1]["cure"].as_str().unwrap().contains("重新签到"));
    let strange = found[0]["saying"].as_str().unwrap();
    assert!(strange.starts_with('#') && found[0]["count"] == 2 && found[0]["at_stake"] == "600.00", "{found:?}");
    let (_, shown) = dictionary(&gate, &["list"]);
    assert!(shown.contains("还没有处理办法") && !shown.contains("药品"), "the text itself may name a person: {shown}");

    let file = gate.data().join("theirs.toml");
    std::fs::write(&file, "[cure.price]\ncontains = [\"单价超限\"]\ncure = \"核对调价日期\"\n").unwrap();
    let (good, said) = dictionary(&gate, &["import", file.to_str().unwrap()]);
    assert!(!good && said.contains("dictionary.toml:2"), "an entry of which nobody says who wrote it: {said}");
    let whole =
        "[cure.price]\ncontains = [\"单价超限\"]\ncure = \"核对调价日期\"\nby = \"市一院 李\"\nsource = \"2026-11\"\n";
    std::fs::write(&file, whole).unwrap();
    let (good, said) = dictionary(&gate, &["import", file.to_str().unwrap()]);
    assert!(good, "{said}");
    let (_, exported) = dictionary(&gate, &["export"]);
    assert!(exported.contains("[cure.price]") && exported.contains("[cure.not_signed_in]"), "{exported}");
}
