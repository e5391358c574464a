//! The commands over built-in profiles and a site's folder: what they print, and how they end.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Asked {
    #[command(subcommand)]
    command: Command,
}

fn run(words: &[&str]) -> (Exit, String, String) {
    let asked = Asked::parse_from([&["profile"], words].concat());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = super::run(asked.command, &mut out, &mut err).unwrap();
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn shown(words: &[&str]) -> String {
    let (exit, out, err) = run(words);
    assert_eq!((exit, err.as_str()), (Exit::Done, ""), "{words:?}");
    out
}

fn holds(text: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(text.contains(part), "{part}\nin\n{text}"));
}

#[test]
fn list_names_every_profile_with_its_parent() {
    holds(&shown(&["list"]), &["baseline", "国家基线", "hunan", "湖南", "profiles/zhejiang.toml"]);
    let rows: serde_json::Value = serde_json::from_str(&shown(&["list", "--json"])).unwrap();
    let hunan = rows.as_array().unwrap().iter().find(|row| row["name"] == "hunan").unwrap();
    assert_eq!((hunan["inherits"].as_str(), hunan["file"].as_str()), (Some("baseline"), Some("profiles/hunan.toml")));
}

#[test]
fn show_names_the_source_of_every_value() {
    let refusal = shown(&["show", "guangdong", "--section", "refusal"]);
    holds(&refusal, &["refusal.infcode = \"string\"  # guangdong.toml:", ", over baseline.toml:", " \"number\""]);
    let whole = shown(&["show", "hunan"]);
    holds(&whole, &["trait.by_2601 = [\"2102\", \"2207\", \"2304\", \"2401\"]  # hunan.toml:", "389 transactions"]);
    assert!(!whole.contains("transaction.2207"), "long tables are left out");
    holds(&shown(&["show", "hunan", "--section", "transaction"]), &["transaction.2207.name = \"门诊结算\""]);
    let json: serde_json::Value = serde_json::from_str(&shown(&["show", "jilin", "--json"])).unwrap();
    assert!(json.as_array().unwrap().len() > 1000);
    let (exit, _, err) = run(&["show", "hunan", "--section", "refusals"]);
    assert_eq!(exit, Exit::Settings);
    holds(&err, &["no section `refusals`", "cure: one of: answer, class"]);
    holds(&run(&["show", "hunnan"]).2, &["no profile `hunnan`", "did you mean `hunan`?"]);
}

#[test]
fn show_tells_everything_of_one_transaction() {
    let text = shown(&["show", "guangdong", "--infno", "2207"]);
    holds(
        &text,
        &[
            "2207 门诊结算 (guangdong)",
            "class       money",
            "undone by   2208",
            "by 2601     yes",
            "outpatient: mdtrt_id + chrg_bchno + generation; compared: psn_no",
            "outpatientSettleService/saveSettletment",
            "key.outpatient.parts = [\"mdtrt_id\", \"chrg_bchno\"]  # baseline.toml:",
            "request data  # national/tables/2207.txt:",
            "medfee_sumamt\t医疗费总额\tnumber\t16,2\t!\t\tC",
            "elsewhere mdtrtinfo",
        ],
    );
    holds(&shown(&["show", "guangdong", "--infno", "4205"]), &["/ -> host guangzhou_42 (广州"]);
    holds(&shown(&["show", "hunan", "--infno", "4262"]), &["stmtResult: 0 = not balanced", "reply says  code"]);
    holds(&shown(&["show", "jiangxi", "--infno", "3301"]), &["at most 100 in data (C "]);
    let json: serde_json::Value =
        serde_json::from_str(&shown(&["show", "hunan", "--infno", "2208", "--json"])).unwrap();
    assert_eq!(
        (json["decided"]["class"].as_str(), json["decided"]["by 2601"].as_str()),
        (Some("reversal"), Some("no"))
    );
    assert!(
        json["fields"].as_array().unwrap().iter().any(|field| field["name"] == "setl_id" && field["side"] == "request")
    );
    let (exit, _, err) = run(&["show", "hunan", "--infno", "7777"]);
    assert_eq!(exit, Exit::Settings);
    holds(&err, &["hunan knows no transaction 7777"]);
}

#[test]
fn diff_shows_only_what_differs() {
    let text = shown(&["diff", "baseline", "hunan"]);
    holds(
        &text,
        &[
            "trait.by_2601\n  without \"2103\" \"2208\" \"2305\"",
            "  hunan: [\"2102\"",
            "# hunan.toml:",
            "baseline: nothing",
        ],
    );
    assert!(!text.contains("refusal."), "{text}");
    assert_eq!(shown(&["diff", "hunan", "hunan"]), "0 difference(s) between hunan and hunan\n");
    let json: serde_json::Value = serde_json::from_str(&shown(&["diff", "jiangsu", "zhejiang", "--json"])).unwrap();
    assert!(json.as_array().unwrap().iter().any(|row| row["path"][1] == "infcode" && row["b"]["value"] == "number"));
}

#[test]
fn check_says_every_complaint_of_a_sites_folder() {
    holds(&shown(&["check"]), &["guangxi is good: 广西, 389 transactions", "jilin is good"]);
    holds(&shown(&["check", "hunan"]), &["hunan is good"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    holds(&run(&["check", path]).2, &["holds no profile", "a file NAME.toml"]);
    std::fs::write(folder.path().join("city.toml"), "inherits = \"hunan\"\n[trait]\nby_2601 = [\"2207\"]\n").unwrap();
    assert_eq!(shown(&["check", path]).lines().count(), 1);
    holds(
        &shown(&["show", "city", "--profiles", path, "--section", "trait"]),
        &["trait.by_2601 = [\"2207\"]  # city.toml:3, over hunan.toml:"],
    );
    holds(&shown(&["list", "--profiles", path]), &[&format!("{path}/city.toml")]);

    std::fs::write(folder.path().join("hunan.toml"), "inherits = \"baseline\"\n[refusal]\ninfcode = \"txt\"\n")
        .unwrap();
    let (exit, _, err) = run(&["check", path]);
    assert_eq!(exit, Exit::Settings);
    assert_eq!(
        err,
        format!(
            "{path}/hunan.toml:3: infcode is `number` or `string`\n    cure: correct the file, or name another profile\n1 complaint(s). 有 1 处需要修改\n"
        )
    );
}
