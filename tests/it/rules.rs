//! What calls are held to before they are sent: refused once with everything named, warned of, or only counted.

use std::process::Command;

use medgate::config::Settings;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use medgate::sandbox::callers::post::Post;
use serde_json::{Value, json};

use crate::crash_rig::{PATIENCE, answered};
use crate::money_his::{Bill, call, err_msg};
use crate::rig::TestGateway;

/// A sale of a person who pays, as the notice of 2025 wants it.
fn sale(nth: usize) -> Value {
    json!({
        "med_list_codg": "XA01AAA000A001010100001", "fixmedins_hilist_id": format!("Y{nth}"), "fixmedins_hilist_name": "药",
        "fixmedins_bchno": format!("B{nth}"), "prsc_dr_name": "医师", "psn_cert_type": "01", "mdtrt_sn": format!("Z{nth}"),
        "manu_lotnum": "L1", "manu_date": "2026-01-01", "rx_flag": "0", "trdn_flag": "0", "rtal_docno": format!("D{nth}"),
        "sel_retn_cnt": 1, "sel_retn_time": "2026-11-20 10:00:00", "sel_retn_opter_name": "店员",
        "mdtrt_setl_type": "2", "hi_feesetl_type": "0", "drugtracinfo": [{"drug_trac_codg": format!("{nth:020}")}],
    })
}

fn without(mut sale: Value, fields: &[&str]) -> Value {
    let members = sale.as_object_mut().unwrap();
    fields.iter().for_each(|field| assert!(members.shift_remove(*field).is_some()));
    sale
}

/// The number that a refusal names.
fn reference(text: &str) -> u64 {
    let after = text.split("全部见编号").nth(1).unwrap_or_else(|| panic!("{text}"));
    after.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// All findings under a number, through the API: rule, mode, sentence.
async fn listed(gate: &TestGateway, number: u64) -> Vec<(String, String, String)> {
    let token = std::fs::read_to_string(gate.data().join("admin.token")).unwrap();
    let mut admin = Post::new(&format!("http://{}", gate.admin), PATIENCE).unwrap();
    let bearer = [("Authorization".to_owned(), format!("Bearer {}", token.trim()))];
    let heard = answered(admin.send("GET", &format!("/api/v1/refusals/{number}"), &bearer, b"").await);
    let answer: Value = serde_json::from_slice(&heard.body).unwrap();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let of = |finding: &Value| (text(finding, "rule"), text(finding, "mode"), text(finding, "says"));
    answer["findings"].as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_without_its_settlement_types_is_refused_once_and_named() {
    let gate = TestGateway::start().await;
    let sale = without(sale(1), &["mdtrt_setl_type", "hi_feesetl_type"]);
    let text = err_msg(&call(&gate, "3505", &json!({ "selinfo": sale })).await);
    assert!(text.starts_with("【网关未发送】报文有2处不符合规则：1.") && text.contains("[GW701]"), "{text}");
    assert!(text.chars().count() <= 200, "{text}");
    assert_eq!(gate.arrived("3505"), 0, "nothing was sent");
    assert!(gate.records_of(Kind::Intent).is_empty());
    let found = listed(&gate, reference(&text)).await;
    let refusing: Vec<&str> = found.iter().filter(|(_, mode, _)| mode == "enforce").map(|(rule, ..)| &**rule).collect();
    assert_eq!(refusing, ["ZC25-SETL-TYPES", "ZC25-SETL-TYPES"]);
    assert!(found.iter().any(|(_, _, says)| says.contains("就诊结算类型")), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_faults_are_refused_once_and_all_are_named() {
    let gate = TestGateway::start().await;
    let row = |nth| without(sale(nth), &["mdtrt_setl_type", "hi_feesetl_type"]);
    let rows: Vec<Value> = (1..=5).map(row).collect();
    let text = err_msg(&call(&gate, "3505A", &json!({ "selinfoDetail": rows })).await);
    assert!(text.contains("报文有10处不符合规则：1.") && text.contains(" 2.") && text.contains(" 3."), "{text}");
    assert!(!text.contains(" 4.") && text.chars().count() <= 200, "{text}");
    let found = listed(&gate, reference(&text)).await;
    assert_eq!(found.iter().filter(|(_, mode, _)| mode == "enforce").count(), 10);
    assert_eq!(gate.arrived("3505A"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_rows_pass_and_one_more_is_refused_with_the_count() {
    let gate = TestGateway::start().await;
    let rows = |count| json!({ "selinfoDetail": (1..=count).map(sale).collect::<Vec<_>>() });
    let text = err_msg(&call(&gate, "3505A", &rows(501)).await);
    assert!(text.contains("501行") && text.contains("500行") && text.contains("GW701"), "{text}");
    assert_eq!(gate.arrived("3505A"), 0);
    call(&gate, "3505A", &rows(500)).await;
    assert_eq!(gate.arrived("3505A"), 1, "what the platform says of it is the platform's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_money_call_only_hears_of_it_and_its_bytes_pass() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let mut data = bill.data.clone();
    data["psn_setlway"] = json!("one that no table has");
    let heard = call(&gate, "2207", &json!({ "data": data })).await;
    let told = heard.lines().into_iter().find(|line| line.starts_with("X-Medgate-Findings: "));
    let line = told.unwrap_or_else(|| panic!("{:?}", heard.lines()));
    assert!(line.contains("2207.data.psn_setlway:"), "{line}");
    assert_eq!(gate.arrived("2207"), 1);
    let intents = gate.records_of(Kind::Intent);
    let settling = intents.iter().find(|intent| intent.facts.text_of(Fact::Infno) == Some("2207")).unwrap();
    let noted: Vec<_> = settling.facts.all_named(Fact::Finding).collect();
    let warned =
        |(rule, said): &(&str, &[u8])| rule.starts_with("2207.data.psn_setlway:") && said.starts_with(b"warn\0");
    assert!(noted.iter().any(warned), "{noted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_rule_refuses_what_takes_something_back() {
    let enforce = |settings: &mut Settings| {
        settings.rules.enforce = ["national", "policy-2025-interface"].map(str::to_owned).to_vec();
    };
    let gate = TestGateway::with(enforce).await;
    for (infno, input) in [
        ("2208", json!({"data": {}})),
        ("2305", json!({"data": {"setl_id": 5}})),
        ("2103", json!({"data": []})),
        ("2205", json!({"data": "no object"})),
        ("2302", json!({})),
        ("2601", json!({"data": {"oinfno": "no number at all"}})),
        ("3507", json!({"data": {"inv_data_type": "nine"}})),
    ] {
        let heard = call(&gate, infno, &input).await;
        assert!(!String::from_utf8_lossy(&heard.body).contains("GW701"), "{infno}");
        assert_eq!(gate.arrived(infno), 1, "{infno}");
    }
    let text = err_msg(&call(&gate, "2207", &json!({"data": {}})).await);
    assert!(text.contains("GW701"), "what charges is: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_says_otherwise_of_packs_and_rules() {
    let observed = |settings: &mut Settings| settings.rules.observe.push("policy-2025-interface".to_owned());
    let gate = TestGateway::with(observed).await;
    let bare = json!({ "selinfo": without(sale(1), &["mdtrt_setl_type"]) });
    call(&gate, "3505", &bare).await;
    assert_eq!(gate.arrived("3505"), 1);

    let one_off = |settings: &mut Settings| settings.rules.off.push("ZC25-SETL-TYPES".to_owned());
    let gate = TestGateway::with(one_off).await;
    call(&gate, "3505", &bare).await;
    assert_eq!(gate.arrived("3505"), 1);
    let snapshot = gate.records_of(Kind::Snapshot).remove(0);
    let packs: Vec<_> = snapshot.facts.all_named(Fact::Pack).map(|(name, _)| name.to_owned()).collect();
    assert_eq!(packs, ["national", "policy-2025-interface"], "the journal says which packs are in force");
}

/// `medgate rules rehearse` over the journal of a running gateway.
fn rehearsed(gate: &TestGateway, words: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.args(["rules", "rehearse", "--json"]).args(words).arg("--data").arg(gate.data()).env_remove("RUST_LOG");
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_reports_exactly_the_planted_faults() {
    let gate = TestGateway::with(|settings| settings.rules.observe.push("policy-2025-interface".to_owned())).await;
    for nth in 1..=7 {
        // Each third one is bad.
        let sale = if nth % 3 == 0 { without(sale(nth), &["hi_feesetl_type"]) } else { sale(nth) };
        call(&gate, "3505", &json!({ "selinfo": sale })).await;
    }
    for _ in 0..2 {
        Bill::charged(&gate).await.settled(&gate).await;
    }
    let (html, xlsx) = (gate.data().join("report.html"), gate.data().join("report.xlsx"));
    let files = ["--html", html.to_str().unwrap(), "--xlsx", xlsx.to_str().unwrap()];
    let found = rehearsed(&gate, &[&["--pack", "policy-2025-interface"], &files[..]].concat());
    assert_eq!((&found["refused"]["calls"], &found["unread"]), (&json!(2), &json!(0)), "{found}");
    assert_eq!(found["rules"][0]["name"], "ZC25-SETL-TYPES", "{found}");
    assert_eq!((&found["transactions"][0]["name"], &found["transactions"][0]["refused"]), (&json!("3505"), &json!(2)));
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("ZC25-SETL-TYPES") && page.contains("将被拦截 2 笔"), "{page}");
    let mut book = calamine::open_workbook_auto(&xlsx).unwrap();
    let listed = calamine::Reader::worksheet_range(&mut book, "交易明细").unwrap();
    assert_eq!(listed.rows().count(), 3, "a heading and the two");

    // What the site thinks of: no settlement of anybody, and what that would have cost.
    let folder = gate.data().join("next/strict");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("pack.toml"), STRICT).unwrap();
    std::fs::write(folder.join("own.toml"), STRICT_RULE).unwrap();
    let found = rehearsed(&gate, &["--pack", "strict", "--rules", gate.data().join("next").to_str().unwrap()]);
    assert_eq!(found["refused"], json!({"calls": 2, "yuan": "600.00"}), "{found}");
    let operators: u64 =
        found["operators"].as_array().unwrap().iter().map(|one| one["refused"].as_u64().unwrap()).sum();
    assert_eq!(operators, 2, "{found}");
}

const STRICT: &str = "title = \"严格\"\nversion = \"1\"\n[mode]\ncertain = \"enforce\"\n[[cites]]\nid = \"SITE-1\"\ntitle = \"院内规定\"\nsummary = \"试用\"\n";
const STRICT_RULE: &str = "[[rule]]\nid = \"STRICT-1\"\non = [\"2207\"]\nnode = \"data\"\nabsent = [\"psn_no\"]\nsays = \"不应有{label}\"\ncure = \"请删除\"\n\
    cites = \"SITE-1\"\nmark = \"C\"\n[[rule.passes]]\ninput = '{\"data\":{}}'\n[[rule.fails]]\ninput = '{\"data\":{\"psn_no\":\"1\"}}'\n";
