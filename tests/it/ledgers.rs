//! Ledgers of gateway and HIS as a hospital uses them: imported by command, laid beside each other, a month as a sheet.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use calamine::{Data, Reader, Xlsx};
use encoding_rs::GBK;
use medgate::exchange::decision::Evidence;
use medgate::journal::Record;
use medgate::journal::record::Kind;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::money_his::{Bill, assert_unknown, granted};
use crate::rig::{self, TestGateway, until};

/// `medgate …` on the gateway's data folder, with the columns of the tests' files.
fn medgate(gate: &TestGateway, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.env_clear().args(arguments).arg("--data").arg(gate.data());
    command.env("MEDGATE__UPSTREAM__DEFAULT__URL", "http://127.0.0.1:1");
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {}", text(output)))
}

/// A file of the HIS beside the data folder, in GBK as most are.
fn file(gate: &TestGateway, name: &str, rows: &str) -> PathBuf {
    let path = gate.data().parent().unwrap().join(name);
    let written = format!("结算ID,医疗费总额,基金支付总额,姓名\r\n{}", rows.replace('\n', "\r\n"));
    std::fs::write(&path, GBK.encode(&written).0).unwrap();
    path
}

fn import(gate: &TestGateway, path: &std::path::Path, day: &str) -> Output {
    medgate(gate, &["his-ledger", "import", path.to_str().unwrap(), "--date", day])
}

/// A settlement as a line of the HIS's file.
fn line(setlinfo: &Value, sign: &str) -> String {
    let [id, total, fund] = ["setl_id", "medfee_sumamt", "fund_pay_sumamt"].map(|name| &setlinfo[name]);
    let plain = |value: &Value| value.to_string().trim_matches('"').to_owned();
    format!("{},{sign}{},{sign}{},张三\n", plain(id), plain(total), plain(fund))
}

async fn settled(gate: &TestGateway) -> (Bill, Value) {
    let bill = Bill::charged(gate).await;
    let answer = rig::json(&bill.settle(gate).await);
    assert_eq!(answer["infcode"], 0, "{answer}");
    (bill, answer["output"]["setlinfo"].clone())
}

/// (class, 结算ID) of every difference, and the state of the day.
fn differences(gate: &TestGateway, day: &str) -> (String, Vec<(String, String)>) {
    let found = json(&medgate(gate, &["reconcile", "run", "--date", day, "--json"]));
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listed = found["differences"].as_array().unwrap().iter();
    let listed = listed.map(|one| (word(&one["class"]), word(&one["setl_id"])));
    (word(&found["days"][0]["state"]), listed.collect())
}

/// Waits until the ledgers have taken up what the journal holds.
async fn taken_up(gate: &TestGateway, day: &str) {
    let last = gate.records().last().unwrap().header.seq.0;
    let position = || json(&medgate(gate, &["reconcile", "show", "--date", day, "--json"]))["position"].as_u64();
    until("the ledgers are up to date", || position() >= Some(last)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_balanced_only_when_the_his_says_the_same_to_the_last_fen() {
    let mut gate = TestGateway::start().await;
    let ((_, first), (second_bill, second)) = (settled(&gate).await, settled(&gate).await);
    let cancel = serde_json::json!({"data": {"setl_id": second["setl_id"], "mdtrt_id": second_bill.mdtrt_id, "psn_no": second["psn_no"]}});
    let refund = granted(&gate, "2208", &cancel).await["output"]["setlinfo"].clone();
    let day = first["setl_time"].as_str().unwrap()[..10].to_owned();
    taken_up(&gate, &day).await;
    let shown = json(&medgate(&gate, &["reconcile", "show", "--date", &day, "--json"]));
    let sums: Vec<_> = shown["sums"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sum| (sum["refund"] == true, sum["count"].as_u64(), sum["medfee_sumamt"].as_str()))
        .collect();
    assert_eq!(sums, [(false, Some(2), Some("600.00")), (true, Some(1), Some("-300.00"))], "{shown}");
    assert_eq!(
        differences(&gate, &day),
        ("no_his_ledger".to_owned(), vec![]),
        "without a ledger of the HIS nothing is balanced"
    );

    let id = |setlinfo: &Value| setlinfo["setl_id"].as_str().unwrap().to_owned();
    let wrong = file(&gate, "wrong.csv", &format!("{}S9,1,1,李四\n", line(&first, "").replace(",300", ",299")));
    assert!(text(&import(&gate, &wrong, &day)).contains("已导入 2 行"), "a running gateway is handed the file");
    taken_up(&gate, &day).await;
    let (state, found) = differences(&gate, &day);
    let mut expected = [
        ("amounts_differ".to_owned(), id(&first)),
        ("his_more".to_owned(), "S9".to_owned()),
        ("platform_more".to_owned(), id(&second)),
    ];
    expected.sort();
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!((state.as_str(), sorted.as_slice()), ("not_balanced", &expected[..]));

    let again = import(&gate, &wrong, &day);
    assert!(again.status.success() && text(&again).contains("没有变化"), "{}", text(&again));
    let bad = file(&gate, "bad.csv", "S1,三百,1,张三\n,1,1,李四\n");
    let refused = import(&gate, &bad, &day);
    let said = text(&refused);
    assert!(
        refused.status.code() == Some(1) && said.contains("第2行「医疗费总额」") && said.contains("第3行「结算ID」"),
        "{said}"
    );
    assert!(!said.contains("张三"), "{said}");

    // The refund stands under its own number, as some HIS write it.
    let whole = [line(&first, ""), line(&second, ""), line(&refund, "-").replace("--", "-")].concat();
    let corrected = file(&gate, "corrected.csv", &whole);
    assert!(text(&import(&gate, &corrected, &day)).contains("取代记录"));
    taken_up(&gate, &day).await;
    assert_eq!(differences(&gate, &day), ("balanced".to_owned(), vec![]));
    assert_eq!(gate.records_of(Kind::Ledger).len(), 2, "both that were taken stay in the journal");
    let journal =
        gate.records_of(Kind::Ledger).iter().map(|record| format!("{:?}", record.payload)).collect::<String>();
    assert!(!journal.contains(&format!("{:?}", "张三".as_bytes()).replace(['[', ']'], "")));

    // What is derived can be deleted, and a stopped gateway's folder can be reconciled, too.
    gate.stop().await;
    std::fs::remove_dir_all(gate.data().join("ledgers")).unwrap();
    assert_eq!(differences(&gate, &day), ("balanced".to_owned(), vec![]));
    sheet_of(&gate, &day);
}

/// The month as a sheet: opened again, it says the same.
fn sheet_of(gate: &TestGateway, day: &str) {
    let out = gate.data().parent().unwrap().join("month.xlsx");
    let done = medgate(gate, &["reconcile", "export", "--month", &day[..7], "--out", out.to_str().unwrap()]);
    assert!(done.status.success() && text(&done).contains("网关 3 笔 300.00；HIS 3 笔 300.00"), "{}", text(&done));
    let mut book: Xlsx<_> = calamine::open_workbook(&out).unwrap();
    assert_eq!(book.sheet_names(), ["合计", "差异", "清算维度"]);
    let totals = book.worksheet_range("合计").unwrap();
    let row: Vec<_> = totals.rows().nth(1).unwrap().to_vec();
    assert_eq!(
        (row[0].to_string(), &row[2], row[9].to_string()),
        (day.to_owned(), &Data::Float(300.0), "平".to_owned())
    );
    assert_eq!(totals.rows().next_back().unwrap()[6], Data::Float(300.0));
    assert_eq!(book.worksheet_range("差异").unwrap().rows().count(), 1, "nothing differs");
    // LibreOffice takes half a minute to start.
    if std::env::var_os("MEDGATE_LONG").is_some() {
        let read = read_by_libreoffice(&out);
        let line = read.lines().find(|line| line.starts_with(day)).unwrap_or_else(|| panic!("{read}"));
        assert!(line.split(',').filter(|cell| *cell == "300.00").count() == 2 && line.ends_with("平"), "{read}");
    }
}

/// The first sheet as LibreOffice reads it.
fn read_by_libreoffice(sheet: &std::path::Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let profile = format!("-env:UserInstallation=file://{}/profile", folder.path().display());
    let mut soffice = Command::new("soffice");
    // Cells as they are shown, in UTF-8.
    let form = "csv:Text - txt - csv (StarCalc):44,34,76";
    soffice.args([&profile, "--headless", "--convert-to", form, "--outdir"]).arg(folder.path()).arg(sheet);
    let done = soffice.output().expect("scripts/test --long installs LibreOffice");
    assert!(done.status.success(), "{}", text(&done));
    std::fs::read_to_string(folder.path().join("month.csv")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_the_his_closes_the_case_of_a_success_that_nobody_took() {
    let gate = TestGateway::with(|settings| settings.upstream.get_mut("default").unwrap().answer_ms = 400).await;
    let bill = Bill::charged(&gate).await;
    gate.faults(r#"[{"infno":"2207","fault":"late","ms":1500}]"#);
    assert_unknown(&bill.settle(&gate).await);
    let case = |cause: &str, open: bool| {
        let listed = json(&medgate(&gate, &["case", "list", "--closed", "--json"]));
        listed["cases"].as_array().unwrap().iter().any(|case| case["cause"] == cause && case["open"] == open)
    };
    until("the late answer", || case("not_delivered", true)).await;
    let (_, booked) = settled(&gate).await;
    let day = booked["setl_time"].as_str().unwrap()[..10].to_owned();
    taken_up(&gate, &day).await;
    let (_, found) = differences(&gate, &day);
    assert_eq!(found, [], "nothing is missed before a ledger of the HIS is there");
    let setl_id = |class: &str| differences(&gate, &day).1.into_iter().find(|(one, _)| one == class).map(|(_, id)| id);

    let first = file(&gate, "first.csv", &line(&booked, ""));
    assert!(import(&gate, &first, &day).status.success());
    taken_up(&gate, &day).await;
    let lost = setl_id("platform_more").expect("the HIS does not have the lost one");
    assert!(case("not_delivered", true));
    // What the fund paid of both, less what it paid of the one that the HIS knows.
    let sum = json(&medgate(&gate, &["reconcile", "show", "--date", &day, "--json"]))["sums"][0].clone();
    assert_eq!(sum["count"], 2);
    let yuan = |value: &Value| value.to_string().trim_matches('"').parse::<Decimal>().unwrap();
    let fund = yuan(&sum["fund_pay_sumamt"]) - yuan(&booked["fund_pay_sumamt"]);
    let lost_line = format!("{lost},300.00,{fund},李四\n");
    let second = file(&gate, "second.csv", &format!("{}{lost_line}", line(&booked, "")));
    assert!(import(&gate, &second, &day).status.success());
    taken_up(&gate, &day).await;
    assert_eq!(differences(&gate, &day), ("balanced".to_owned(), vec![]));
    until("the row is evidence", || case("not_delivered", false)).await;
    let evidence = |record: &Record| Evidence::of(record).is_some();
    assert_eq!(gate.records().iter().filter(|record| evidence(record)).count(), 1);
    differences(&gate, &day);
    assert_eq!(gate.records().iter().filter(|record| evidence(record)).count(), 1, "journaled once");
}

/// Runs the program and gives its output and the most memory that it held, in KiB.
async fn held(gate: &TestGateway, arguments: &[&str]) -> (Output, u64) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.env_clear().args(arguments).arg("--data").arg(gate.data());
    command.env("MEDGATE__UPSTREAM__DEFAULT__URL", "http://127.0.0.1:1");
    // Into files: nobody reads a pipe meanwhile, and a million differences fill one.
    let folder = tempfile::tempdir().unwrap();
    let [out, err] = ["out", "err"].map(|name| folder.path().join(name));
    let into = |path: &PathBuf| Stdio::from(File::create(path).unwrap());
    let mut child = command.stdout(into(&out)).stderr(into(&err)).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let (mut most, mut again) = (0, tokio::time::interval(Duration::from_millis(20)));
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        most = most.max(peak.unwrap_or(0));
        again.tick().await;
    }
    let [stdout, stderr] = [out, err].map(|path| std::fs::read(path).unwrap());
    (Output { status: child.wait().unwrap(), stdout, stderr }, most)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_rows_pass_within_bounded_memory_and_one_wrong_row_takes_none() {
    const ROWS: usize = 1_000_000;
    let mut gate = TestGateway::start().await;
    gate.stop().await;
    let path = gate.data().parent().unwrap().join("large.csv");
    let mut large = BufWriter::new(File::create(&path).unwrap());
    writeln!(large, "结算ID,医疗费总额,基金支付总额,备注").unwrap();
    (0..ROWS)
        .for_each(|row| writeln!(large, "36010020261121{row:012},{}.50,{}.25,门诊", row % 900, row % 300).unwrap());
    large.flush().unwrap();
    let arguments = ["his-ledger", "import", path.to_str().unwrap(), "--date", "2026-11-21"];
    let (done, peak) = held(&gate, &arguments).await;
    assert!(text(&done).contains("已导入 1000000 行"), "{}", text(&done));
    assert!((1..200 * 1024).contains(&peak), "{peak} KiB");

    writeln!(large, "36010020261121000000000007,7.50,7.25,门诊\n,1,1,门诊").unwrap();
    large.flush().unwrap();
    let bodies = || std::fs::read_dir(gate.data().join("journal/bodies")).unwrap().count();
    let before = (gate.records_of(Kind::Ledger).len(), bodies());
    let (refused, peak) = held(&gate, &arguments).await;
    let said = text(&refused);
    assert!(refused.status.code() == Some(1) && said.contains("第1000002行：与第9行完全相同"), "{said}");
    assert!(said.contains("第1000003行「结算ID」") && (1..200 * 1024).contains(&peak), "{peak} KiB {said}");
    assert_eq!((gate.records_of(Kind::Ledger).len(), bodies()), before, "nothing is left of it");

    let (found, peak) = held(&gate, &["reconcile", "run", "--date", "2026-11-21"]).await;
    assert!(text(&found).contains("1000000 笔，1000000 处差异"), "{}", text(&found).get(..300).unwrap_or_default());
    assert!((1..300 * 1024).contains(&peak), "{peak} KiB");
}
