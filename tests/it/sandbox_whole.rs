//! The stand-in over more than one call: stays settled in parts, books saved, days closed, sign-in that expires, files,
//! reconciliation, its page, and its temper.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use medgate::domain::clock::HandClock;
use medgate::domain::zipped as archive;
use medgate::sandbox::Sandbox;
use medgate::sandbox::callers::post::{Answer, Heard, Post};
use medgate::sandbox::ledger::Habits;
use medgate::sandbox::people::{Person, Population};
use medgate::sandbox::platform::Settings;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::sandbox_ledger::{Bench, STYLE_C, bill};

/// One admitted employee with a line of `fee` yuan.
async fn admitted(bench: &mut Bench, person: &Person, fee: u32) -> String {
    let admission = json!({"mdtrtinfo": {"psn_no": person.psn_no, "insutype": "310", "med_type": "21"}});
    let mdtrt_id = granted(bench, "2401", admission).await["result"]["mdtrt_id"].as_str().unwrap().to_owned();
    line(bench, person, &mdtrt_id, "1", fee).await;
    mdtrt_id
}

async fn granted(bench: &mut Bench, infno: &str, input: Value) -> Value {
    let answer = bench.call(infno, input).await;
    assert_eq!(answer["infcode"], 0, "{infno}: {answer}");
    answer["output"].clone()
}

async fn refused(bench: &mut Bench, infno: &str, input: Value) -> String {
    let answer = bench.call(infno, input).await;
    assert_eq!(answer["infcode"], -1, "{infno}: {answer}");
    answer["err_msg"].as_str().unwrap().to_owned()
}

async fn line(bench: &mut Bench, person: &Person, mdtrt_id: &str, feedetl_sn: &str, fee: u32) {
    // Below the price ceiling, so that the whole fee is inside the policy.
    let row = json!({"feedetl_sn": feedetl_sn, "mdtrt_id": mdtrt_id, "psn_no": person.psn_no, "med_list_codg": "X1",
        "det_item_fee_sumamt": fee, "cnt": fee / 100, "pric": 100});
    granted(bench, "2301", json!({"feedetail": [row]})).await;
}

fn stay_bill(person: &Person, mdtrt_id: &str, sum: u32, mid: &str) -> Value {
    json!({"data": {"psn_no": person.psn_no, "mdtrt_id": mdtrt_id, "medfee_sumamt": sum, "insutype": "310",
        "acct_used_flag": "1", "mid_setl_flag": mid}})
}

fn amount(info: &Value, name: &str) -> Decimal {
    info[name].to_string().parse().unwrap_or_else(|_| panic!("{name}: {info}"))
}

/// Total = fund + person + hospital, person = account + cash.
fn assert_laws(info: &Value) {
    let sum = |names: &[&str]| names.iter().map(|name| amount(info, name)).sum::<Decimal>();
    assert_eq!(amount(info, "medfee_sumamt"), sum(&["fund_pay_sumamt", "psn_part_amt", "hosp_part_amt"]), "{info}");
    assert_eq!(amount(info, "psn_part_amt"), sum(&["acct_pay", "psn_cash_pay"]), "{info}");
    let funds = ["hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "hifdm_pay", "oth_pay"];
    assert_eq!(amount(info, "fund_pay_sumamt"), sum(&funds), "{info}");
}

#[tokio::test]
async fn a_stay_is_settled_in_parts_with_one_deductible_and_undone_from_its_end() {
    let mut bench = Bench::with(Settings::default()).await;
    let person = bench.somebody();
    let mdtrt_id = admitted(&mut bench, &person, 5_000).await;
    let named = json!({"data": {"mdtrt_id": mdtrt_id, "psn_no": person.psn_no}});
    let mid = granted(&mut bench, "2304", stay_bill(&person, &mdtrt_id, 5_000, "1")).await["setlinfo"].clone();
    assert_laws(&mid);
    assert_eq!(amount(&mid, "act_pay_dedc"), Decimal::from(900));
    line(&mut bench, &person, &mdtrt_id, "2", 1_000).await;
    assert!(refused(&mut bench, "2304", stay_bill(&person, &mdtrt_id, 1_000, "0")).await.contains("2402 出院办理"));
    granted(&mut bench, "2402", json!({"dscginfo": named["data"]})).await;
    let end = granted(&mut bench, "2304", stay_bill(&person, &mdtrt_id, 1_000, "0")).await["setlinfo"].clone();
    assert_laws(&end);
    assert_eq!(amount(&end, "act_pay_dedc"), Decimal::ZERO, "the deductible of a stay is paid once");
    assert!(refused(&mut bench, "2405", named.clone()).await.contains("2305"));

    let undo = |setl_id: &Value| json!({"data": {"setl_id": setl_id, "mdtrt_id": mdtrt_id, "psn_no": person.psn_no}});
    let why = refused(&mut bench, "2305", undo(&mid["setl_id"])).await;
    assert!(why.contains(end["setl_id"].as_str().unwrap()), "{why}");
    granted(&mut bench, "2305", undo(&end["setl_id"])).await;
    granted(&mut bench, "2305", undo(&mid["setl_id"])).await;
    granted(&mut bench, "2405", named).await;
    let ledger = bench.look("/_sandbox/ledger").await;
    assert_eq!((&ledger["totals"]["rows"], &ledger["totals"]["medfee_sumamt"]), (&json!(4), &json!("0.00")));
}

#[tokio::test]
async fn the_pool_stops_at_the_ceiling_of_the_year() {
    let mut bench = Bench::with(Settings::default()).await;
    let person = bench.somebody();
    let mdtrt_id = admitted(&mut bench, &person, 360_000).await;
    let first = granted(&mut bench, "2304", stay_bill(&person, &mdtrt_id, 360_000, "1")).await["setlinfo"].clone();
    assert_laws(&first);
    // (360,000 − 900) × 0.85 = 305,235 is over the ceiling of 300,000, of which the hospital carries 1 %.
    assert_eq!(amount(&first, "hifp_pay"), Decimal::from(297_000));
    line(&mut bench, &person, &mdtrt_id, "2", 10_000).await;
    let second = granted(&mut bench, "2304", stay_bill(&person, &mdtrt_id, 10_000, "1")).await["setlinfo"].clone();
    assert_laws(&second);
    // 3,000 are left under the ceiling, because the hospital's share was not the pool's.
    assert_eq!(amount(&second, "hifp_pay"), Decimal::from(2_970));
    let sums = granted(&mut bench, "5206", json!({"data": {"psn_no": person.psn_no}})).await;
    assert_eq!(sums["cuminfo"][0]["cum"], json!(370_000.0));
}

#[tokio::test]
async fn what_is_saved_is_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let settings = || Settings { state: Some(folder.path().join("state.json")), ..Settings::default() };
    let mut bench = Bench::with(settings()).await;
    let person = bench.somebody();
    let mdtrt_id = bench.charged_visit(&person).await;
    let settled = granted(&mut bench, "2207", bill(&person, &mdtrt_id)).await;
    let before = bench.look("/_sandbox/ledger").await;
    assert!(post(&mut bench, "/_sandbox/save").await.status == 200);
    granted(&mut bench, "2201", json!({"data": {"psn_no": person.psn_no}})).await;
    drop(bench);

    let mut bench = Bench::with(settings()).await;
    let after = bench.look("/_sandbox/ledger").await;
    assert_eq!((&after["settlements"], &after["visits"]), (&before["settlements"], &before["visits"]));
    let setl_id = &settled["setlinfo"]["setl_id"];
    let undo = json!({"data": {"setl_id": setl_id, "mdtrt_id": mdtrt_id, "psn_no": person.psn_no}});
    let undone = granted(&mut bench, "2208", undo).await;
    assert_ne!(&undone["setlinfo"]["setl_id"], setl_id);
    assert_eq!(amount(&undone["setlinfo"], "balc"), person.balc, "the account has its money back");
    assert_eq!(post(&mut Bench::with(Settings::default()).await, "/_sandbox/save").await.status, 409);

    let clock = Arc::new(HandClock::at(0));
    let other = Sandbox::start("127.0.0.1:0".parse().unwrap(), Settings { seed: 2, ..settings() }, clock).await;
    let mut why = other.err().map(|why| std::error::Error::source(&why).map(ToString::to_string)).unwrap();
    assert!(why.take().unwrap().contains("--seed 1"));
}

async fn post(bench: &mut Bench, target: &str) -> Answer {
    match bench.post.send("POST", target, &[], b"").await {
        Heard::Answer(answer) => answer,
        other => panic!("{target}: {other:?}"),
    }
}

/// The text inside the file that an answer names.
async fn fetched(bench: &mut Bench, named: &Value) -> String {
    let input =
        json!({"fsDownloadIn": {"file_qury_no": named["file_qury_no"], "filename": "plc", "fixmedins_code": "plc"}});
    match bench.heard(STYLE_C, "9102", &input).await {
        Heard::Answer(answer) => archive::unpack(&answer.body).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_closed_day_brings_a_new_catalogue() {
    let mut bench = Bench::with(Settings::default()).await;
    let ver = |ver: &str| json!({"data": {"ver": ver}});
    let all = granted(&mut bench, "1301", ver("v0000")).await;
    let all = fetched(&mut bench, &all).await;
    assert_eq!(all.lines().count(), 40);
    assert!(all.lines().all(|line| line.split('\t').count() > 50), "{all}");
    assert!(refused(&mut bench, "1301", ver("v0001")).await.contains("没有比 v0001 更新的版本"));
    assert_eq!(post(&mut bench, "/_sandbox/close-day").await.status, 200);
    let changes = granted(&mut bench, "1301", ver("v0001")).await;
    let count = changes["data_cnt"].as_u64().unwrap();
    assert!((2..=5).contains(&count), "{changes}");
    assert_eq!(fetched(&mut bench, &changes).await.lines().count() as u64, count);
}

#[tokio::test]
async fn a_sign_no_lives_as_long_as_it_is_said() {
    let clock = Arc::new(HandClock::at(1_709_258_400_000_000_000));
    let habits = Habits { sign_life_s: 3600, ..Habits::default() };
    let settings = Settings { habits, ..Settings::default() };
    let sandbox = Sandbox::start("127.0.0.1:0".parse().unwrap(), settings, clock.clone()).await.unwrap();
    let mut post = Post::new(&format!("http://{}", sandbox.addr()), Duration::from_secs(5)).unwrap();
    let mut call = async |infno: &str, sign_no: &str, input: Value| -> Value {
        let body =
            json!({"infno": infno, "msgid": "m", "fixmedins_code": "H99000000001", "sign_no": sign_no, "input": input});
        let Heard::Answer(answer) = post.send("POST", STYLE_C, &[], body.to_string().as_bytes()).await else {
            panic!()
        };
        serde_json::from_slice(&answer.body).unwrap()
    };
    let sign_in = json!({"signIn": {"opter_no": "o1", "mac": "m", "ip": "i"}});
    let ask = || json!({"data": {"type": "GEND"}});
    assert!(call("1901", "", ask()).await["err_msg"].as_str().unwrap().contains("请先调用 9001"));
    let signed = call("9001", "", sign_in.clone()).await;
    let sign_no = signed["output"]["signinoutb"]["sign_no"].as_str().unwrap().to_owned();
    assert_eq!(call("1901", &sign_no, ask()).await["infcode"], 0);
    clock.advance_ns(3_601_000_000_000);
    assert!(call("1901", &sign_no, ask()).await["err_msg"].as_str().unwrap().contains("签到编号无效"));
    let again = call("9001", "", sign_in).await;
    assert_ne!(again["output"]["signinoutb"]["sign_no"], sign_no.as_str());
}

#[tokio::test]
async fn files_come_as_base64_as_numbers_and_as_a_form() {
    let mut bench = Bench::with(Settings::default()).await;
    let zip = archive::pack("a.txt", "甲\n");
    let numbers: Vec<i64> = zip.iter().map(|byte| i64::from(byte.cast_signed())).collect();
    let upload = |content: Value| json!({"fsUploadIn": {"in": content, "filename": "a.zip", "fixmedins_code": "plc"}});
    for content in [json!(STANDARD.encode(&zip)), json!(numbers)] {
        let kept = granted(&mut bench, "9101", upload(content)).await;
        assert_eq!(fetched(&mut bench, &kept).await, "甲\n");
    }
    let (_, envelope) = bench.body("9101", &upload(json!("")));
    let part = |name: &str, content: &[u8]| {
        [format!("--b7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes(), content, b"\r\n"]
            .concat()
    };
    let form = [part("jsonStr", &envelope), part("file", &zip), b"--b7--\r\n".to_vec()].concat();
    let headers = [("Content-Type".to_owned(), "multipart/form-data; boundary=b7".to_owned())];
    let Heard::Answer(answer) = bench.post.send("POST", STYLE_C, &headers, &form).await else { panic!("no answer") };
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["infcode"], 0, "{answer}");
    assert_eq!(fetched(&mut bench, &answer["output"]).await, "甲\n");
}

#[tokio::test]
async fn sums_and_rows_are_reconciled() {
    let mut bench = Bench::with(Settings::default()).await;
    let person = bench.somebody();
    let mdtrt_id = bench.charged_visit(&person).await;
    let info = granted(&mut bench, "2207", bill(&person, &mdtrt_id)).await["setlinfo"].clone();
    let day = info["setl_time"].as_str().unwrap()[..10].to_owned();
    let statement = |fee: &str, file: &Value| {
        json!({"data": {"insutype": "310", "clr_type": "11", "setl_optins": "990100", "stmt_begndate": day,
            "stmt_enddate": day, "medfee_sumamt": fee, "fund_pay_sumamt": info["fund_pay_sumamt"],
            "acct_pay": info["acct_pay"], "fixmedins_setl_cnt": 1, "file_qury_no": file}})
    };
    let none = Value::Null;
    let balanced = granted(&mut bench, "3201", statement("300.00", &none)).await;
    assert_eq!(balanced["stmtinfo"]["stmt_rslt"], "0", "{balanced}");
    let off = granted(&mut bench, "3201", statement("299.00", &none)).await;
    assert_eq!(off["stmtinfo"]["stmt_rslt"], "1", "{off}");

    let text = |name: &str| info[name].to_string().trim_matches('"').to_owned();
    let ours = format!(
        "{}\t{mdtrt_id}\t{}\t300.00\t{}\t{}\t0\t\n",
        text("setl_id"),
        person.psn_no,
        text("fund_pay_sumamt"),
        text("acct_pay")
    );
    for (file, expected) in [
        (ours.clone(), ""),
        (ours.replace("300.00", "299.00"), "\t3\t0\t金额不一致\t"),
        ("\n".to_owned(), "\t1\t0\t机构没有\t"),
    ] {
        let zip = STANDARD.encode(archive::pack("rows.txt", &file));
        let upload = json!({"fsUploadIn": {"in": zip, "filename": "rows.zip", "fixmedins_code": "H99000000001"}});
        let kept = granted(&mut bench, "9101", upload).await;
        let differences = granted(&mut bench, "3202", statement("300.00", &kept["file_qury_no"])).await;
        let differences = fetched(&mut bench, &differences["fileinfo"]).await;
        assert_eq!(differences.is_empty(), expected.is_empty(), "{differences}");
        assert!(differences.contains(expected), "{differences}");
    }
}

#[tokio::test]
async fn what_the_specification_leaves_open_is_a_habit() {
    for kind in [false, true] {
        let habits = Habits {
            replays: kind,
            reverses_twice: kind,
            knows_its_msgids: kind,
            takes_lines_twice: kind,
            ..Habits::default()
        };
        let mut bench = Bench::with(Settings { habits, ..Settings::default() }).await;
        let expected = |yes: bool| json!(if yes { 0 } else { -1 });
        let person = bench.somebody();
        let mdtrt_id = bench.charged_visit(&person).await;
        let row = json!({"feedetl_sn": "1", "mdtrt_id": mdtrt_id, "psn_no": person.psn_no, "chrg_bchno": "b1",
            "det_item_fee_sumamt": 300, "cnt": 1, "pric": 300, "med_list_codg": "X1"});
        assert_eq!(bench.call("2204", json!({"feedetail": [row]})).await["infcode"], expected(kind));
        let first = granted(&mut bench, "2207", bill(&person, &mdtrt_id)).await;
        let again = bench.call("2207", bill(&person, &mdtrt_id)).await;
        assert_eq!(again["infcode"], expected(kind), "{again}");
        assert!(!kind || again["output"]["setlinfo"]["setl_id"] == first["setlinfo"]["setl_id"], "{again}");
        assert_eq!(bench.look("/_sandbox/ledger").await["totals"]["medfee_sumamt"], "300.00", "settled once");
        let reversal = |omsgid: &Value| json!({"data": {"psn_no": person.psn_no, "omsgid": omsgid, "oinfno": "2207"}});
        let msgid = &first["setlinfo"]["medins_setl_id"];
        granted(&mut bench, "2601", reversal(msgid)).await;
        assert_eq!(bench.call("2601", reversal(msgid)).await["infcode"], expected(kind));
        assert_eq!(bench.call("2601", reversal(&json!("never-sent"))).await["infcode"], expected(!kind));
    }
}

#[tokio::test]
async fn the_page_and_the_refusals_teach() {
    let mut bench = Bench::with(Settings::default()).await;
    let person = bench.somebody();
    let mdtrt_id = bench.charged_visit(&person).await;
    granted(&mut bench, "2207", bill(&person, &mdtrt_id)).await;
    assert!(refused(&mut bench, "4901", json!({"data": {}})).await.contains("2207"));
    refused(&mut bench, "<script>", json!({"data": {}})).await;
    let Heard::Answer(page) = bench.post.send("GET", "/", &[], b"").await else { panic!("no page") };
    let page = String::from_utf8(page.body).unwrap();
    for shown in
        ["医保平台沙箱", "2207 门诊结算", "沙箱没有交易 4901", &person.certno, "H99000000001", "&lt;script&gt;"]
    {
        assert!(page.contains(shown), "the page lacks {shown}");
    }
    assert!(!page.contains("<script>"));
    let known = bench.look("/_sandbox/transactions").await;
    assert!(known.as_array().unwrap().len() > 100);
}

#[tokio::test]
async fn a_temper_is_drawn_and_the_money_laws_hold_under_it() {
    for seed in 0..8 {
        let mut bench = Bench::with(Settings { temper: Some(seed), ..Settings::default() }).await;
        let drawn = bench.look("/_sandbox/temper").await;
        assert_eq!(drawn["drawn"]["seed"], seed, "{drawn}");
        let people = Population::from_seed(1);
        // Straight into the ledger: the wire may be cruel.
        for person in people.all().iter().take(30) {
            let pay = json!({"druginfo": {"psn_no": person.psn_no, "medfee_sumamt": "120.00", "acct_used_flag": "1"},
                "drugdetail": [{"feedetl_sn": "1", "det_item_fee_sumamt": 120, "cnt": 1, "pric": 120, "med_list_codg": "X7"}]});
            let (_, body) = bench.body("2102", &pay);
            let _ = bench.post.send("POST", STYLE_C, &[], &body).await;
        }
        bench.sandbox.platform().at_rest().await;
        let rows = bench.look("/_sandbox/ledger").await["settlements"].clone();
        for row in rows.as_array().unwrap() {
            let amount = |name: &str| row[name].as_str().unwrap().parse::<Decimal>().unwrap();
            assert_eq!(
                amount("medfee_sumamt"),
                amount("fund_pay_sumamt") + amount("psn_part_amt") + amount("hosp_part_amt")
            );
        }
    }
}
