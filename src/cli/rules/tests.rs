//! The commands over built-in packs and a site's folder: what they print, and how they end.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Asked {
    #[command(subcommand)]
    command: Command,
}

fn run(words: &[&str]) -> (Exit, String, String) {
    let asked = Asked::parse_from([&["rules"], words].concat());
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
fn list_shows_packs_rules_and_the_rows_of_a_transaction() {
    let all = shown(&["list", "--region", "610100"]);
    holds(
        &all,
        &[
            "national",
            "296 tables",
            "shaanxi",
            "现行 地区61",
            "未生效 地区45",
            "ZC25-SETL-TYPES",
            "3505:enforce 3505A:enforce",
        ],
    );
    holds(&shown(&["list", "--infno", "2207"]), &["2207.data.mdtrt_id:required", "ZC25-COUNTS", "2207:warn"]);
    let found: serde_json::Value = serde_json::from_str(&shown(&["list", "--infno", "2208", "--json"])).unwrap();
    assert!(found["table_rules"].as_array().unwrap().iter().all(|row| row["mode"] == "observe"));
}

#[test]
fn built_in_packs_hold_and_so_do_their_examples() {
    holds(&shown(&["check"]), &["national is good", "guangxi is good"]);
    assert!(!shown(&["check", "shaanxi"]).contains("national"));
    holds(&shown(&["test"]), &["of 295 tables and", "样例全部符合"]);
    let (exit, _, err) = run(&["check", "nowhere"]);
    assert_eq!(exit, Exit::Settings);
    holds(&err, &["no pack `nowhere`; there are: national, guangxi, policy-2025-interface, shaanxi", "1 complaint(s)"]);
}

#[test]
fn a_sites_folder_stands_in_front_and_its_complaints_name_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display().to_string();
    let (exit, _, err) = run(&["check", &at]);
    assert_eq!(exit, Exit::Settings);
    holds(&err, &["holds no pack; a pack is a folder with a pack.toml in it"]);
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join("mine").join(name), text).unwrap();
    write(
        "pack.toml",
        "title = \"本院\"\nversion = \"1\"\n[[cites]]\nid = \"OWN\"\ntitle = \"院内规定\"\nsummary = \"退号\"\n",
    );
    let rule = |field: &str, fails: &str| {
        format!(
            "[[rule]]\nid = \"OWN-1\"\non = [\"2201\"]\nrequire = [\"{field}\"]\nsays = \"{{label}}必填\"\ncites = \"OWN\"\nmark = \"P\"\nmode = \"enforce\"\n\
             [[rule.passes]]\ninput = '{{\"data\":{{\"dr_name\":\"x\"}}}}'\n[[rule.fails]]\ninput = '{fails}'\n"
        )
    };
    write("own.toml", &rule("dr_nam", "{}"));
    let (exit, _, err) = run(&["check", &at]);
    assert_eq!(exit, Exit::Settings);
    holds(&err, &[&format!("{at}/mine/own.toml:2: OWN-1: no field `dr_nam` on 2201; did you mean `dr_name`?")]);
    write("own.toml", &rule("dr_name", "{\"data\":{\"dr_name\":\"x\"}}"));
    holds(&shown(&["check", &at]), &["mine is good: 本院, 0 tables, 1 rules"]);
    let (exit, _, err) = run(&["test", "mine", "--rules", &at]);
    assert_eq!(exit, Exit::Settings);
    holds(&err, &["/mine/own.toml:12: the example should break OWN-1 on 2201; nothing is broken"]);
    write("own.toml", &rule("dr_name", "{\"data\":{}}"));
    holds(&shown(&["test", "mine", "--rules", &at]), &["2 examples of 0 tables and 1 rules hold"]);
    holds(&shown(&["policies", "退号", "--rules", &at]), &["OWN 院内规定", "OWN-1"]);
    holds(
        &shown(&["diff", "guangxi", &format!("{at}/mine")]),
        &["OWN-1\n  + on 2201", "GX-TRACE-SOLD\n  - on 3505", "pack.title\n  - 广西追溯码要求\n  + 本院"],
    );
}

#[test]
fn explain_export_and_policies_answer_or_say_that_there_is_nothing() {
    holds(
        &shown(&["explain", "ZC25-SETL-TYPES"]),
        &["医保费用结算类型", "关于加快推进定点医药机构接口改造工作的通知", "不通过"],
    );
    holds(&shown(&["explain", "2207.data.mdtrt_id:required", "--json"]), &["rules/national/tables/2207.txt:"]);
    let (exit, out, _) = run(&["explain", "2207.data.mdtrt_di:required"]);
    assert_eq!(exit, Exit::Failed);
    holds(&out, &["did you mean `2207.data.mdtrt_id:required`?"]);
    let schema: serde_json::Value = serde_json::from_str(&shown(&["export", "--json-schema", "2207"])).unwrap();
    assert_eq!(schema["title"], "2207");
    let folder = tempfile::tempdir().unwrap();
    holds(&shown(&["export", "--json-schema", "--all", &folder.path().display().to_string()]), &["295 schemas"]);
    assert!(folder.path().join("3505A.json").exists());
    assert_eq!(run(&["export", "--json-schema", "0000"]).0, Exit::Failed);
    holds(&shown(&["policies", "27号"]), &["SX-2024-27", "SX-TRACE-SOLD"]);
    assert_eq!(run(&["policies", "没有这样的词"]).0, Exit::Failed);
}
