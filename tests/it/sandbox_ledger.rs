//! The stand-in performs: every transaction over the wire, in every URL style, with amounts that add up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use medgate::domain::clock::SystemClock;
use medgate::sandbox::callers::post::{Heard, Post};
use medgate::sandbox::ledger::Habits;
use medgate::sandbox::people::{Person, Population};
use medgate::sandbox::platform::Settings;
use medgate::sandbox::shape::Shape;
use medgate::sandbox::{Made, Sandbox};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A stand-in with a client beside it.
pub struct Bench {
    pub sandbox: Sandbox,
    pub post: Post,
    sent: u64,
}

pub const STYLE_C: &str = "/fsi/api/rsfComIfsService/callService";

impl Bench {
    pub async fn with(settings: Settings) -> Bench {
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let sandbox = Sandbox::start(loopback, settings, Arc::new(SystemClock::start())).await.unwrap();
        let post = Post::new(&format!("http://{}", sandbox.addr()), Duration::from_secs(5)).unwrap();
        Bench { sandbox, post, sent: 0 }
    }

    /// The envelope of a call; every call has its own msgid.
    pub fn body(&mut self, infno: &str, input: &Value) -> (String, Vec<u8>) {
        self.sent += 1;
        let msgid = format!("H9900000000120240229000000{:04}", self.sent);
        let body = json!({"infno": infno, "msgid": msgid, "fixmedins_code": "H99000000001", "input": input});
        (msgid, body.to_string().into_bytes())
    }

    pub async fn heard(&mut self, target: &str, infno: &str, input: &Value) -> Heard {
        let (_, body) = self.body(infno, input);
        self.post.send("POST", target, &[], &body).await
    }

    /// The answer of a call that must be answered.
    pub async fn call_at(&mut self, target: &str, infno: &str, input: &Value) -> Value {
        match self.heard(target, infno, input).await {
            Heard::Answer(answer) if answer.status == 200 => serde_json::from_slice(&answer.body).unwrap(),
            other => panic!("{infno}: {other:?}"),
        }
    }

    pub async fn call(&mut self, infno: &str, input: Value) -> Value {
        self.call_at(STYLE_C, infno, &input).await
    }

    pub async fn look(&mut self, target: &str) -> Value {
        match self.post.send("GET", target, &[], b"").await {
            Heard::Answer(answer) => serde_json::from_slice(&answer.body).unwrap(),
            other => panic!("{target}: {other:?}"),
        }
    }

    /// Registers a visit and uploads one line of 300.00 in batch `b1`.
    pub async fn charged_visit(&mut self, person: &Person) -> String {
        let registered = self.call("2201", json!({"data": {"psn_no": person.psn_no, "insutype": "310"}})).await;
        let mdtrt_id = registered["output"]["data"]["mdtrt_id"].as_str().unwrap().to_string();
        let row = json!({"feedetl_sn": "1", "mdtrt_id": mdtrt_id, "psn_no": person.psn_no, "chrg_bchno": "b1",
            "det_item_fee_sumamt": 300, "cnt": "1", "pric": 300.0, "med_list_codg": "X1"});
        let uploaded = self.call("2204", json!({"feedetail": [row]})).await;
        assert_eq!(uploaded["infcode"], 0, "{uploaded}");
        mdtrt_id
    }

    pub fn somebody(&self) -> Person {
        let people = Population::from_seed(1);
        people.all().iter().find(|person| person.balc > Decimal::ONE_HUNDRED).unwrap().clone()
    }
}

pub fn bill(person: &Person, mdtrt_id: &str) -> Value {
    json!({"data": {"psn_no": person.psn_no, "mdtrt_id": mdtrt_id, "chrg_bchno": "b1", "medfee_sumamt": "300.00",
        "insutype": "310", "acct_used_flag": "1", "med_type": "11"}})
}

#[tokio::test]
async fn a_visit_is_settled_cancelled_and_settled_again() {
    let mut bench = Bench::with(Settings::default()).await;
    let person = bench.somebody();
    let signed = bench.call("9001", json!({"signIn": {"opter_no": "o1", "mac": "m", "ip": "i"}})).await;
    assert!(signed["output"]["signinoutb"]["sign_no"].is_string());
    let known = bench.call("1101", json!({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": person.certno}})).await;
    assert_eq!(known["output"]["baseinfo"]["psn_no"], person.psn_no);

    let mdtrt_id = bench.charged_visit(&person).await;
    let trial = bench.call("2206", bill(&person, &mdtrt_id)).await;
    assert!(trial["output"]["setlinfo"].get("setl_id").is_none());
    let settled = bench.call("2207", bill(&person, &mdtrt_id)).await;
    let info = &settled["output"]["setlinfo"];
    assert_eq!(info["medins_setl_id"], "H99000000001202402290000000006");
    // The split that shares.rs computes by hand; the account pays the person's whole part.
    for (name, expected) in [
        ("fund_pay_sumamt", 215.04),
        ("hosp_part_amt", 1.96),
        ("psn_part_amt", 83.0),
        ("acct_pay", 83.0),
        ("psn_cash_pay", 0.0),
    ] {
        assert_eq!(info[name], expected, "{name}");
        assert_eq!(trial["output"]["setlinfo"][name], expected, "{name}");
    }

    let repeated = bench.call("2207", bill(&person, &mdtrt_id)).await;
    assert_eq!((&repeated["infcode"], &repeated["output"]), (&json!(-1), &Value::Null));
    let cancel = json!({"data": {"setl_id": info["setl_id"], "mdtrt_id": mdtrt_id, "psn_no": person.psn_no}});
    let cancelled = bench.call("2208", cancel.clone()).await;
    assert_eq!(cancelled["output"]["setlinfo"]["fund_pay_sumamt"], -215.04);
    assert_ne!(cancelled["output"]["setlinfo"]["setl_id"], info["setl_id"]);
    let again = bench.call("2208", cancel).await;
    assert!(again["err_msg"].as_str().unwrap().contains("该笔结算已撤销"), "{again}");
    assert_eq!(bench.call("2207", bill(&person, &mdtrt_id)).await["infcode"], 0);

    let ledger = bench.look("/_sandbox/ledger").await;
    assert_eq!(ledger["totals"]["medfee_sumamt"], "300.00");
    assert_eq!(ledger["totals"]["rows"], 3);
    assert_eq!(ledger["pending"], 0);
}

#[tokio::test]
async fn a_reversal_undoes_by_msgid_and_says_yes_to_the_unknown() {
    let mut bench = Bench::with(Settings::default()).await;
    let person = bench.somebody();
    let mdtrt_id = bench.charged_visit(&person).await;
    let settled = bench.call("2207", bill(&person, &mdtrt_id)).await;
    let msgid = settled["output"]["setlinfo"]["medins_setl_id"].clone();
    let reversal =
        |omsgid: Value, oinfno: &str| json!({"data": {"psn_no": person.psn_no, "omsgid": omsgid, "oinfno": oinfno}});

    // A cancellation, taken back: the settlement stands again.
    let setl_id = settled["output"]["setlinfo"]["setl_id"].clone();
    let cancel = json!({"data": {"setl_id": setl_id, "mdtrt_id": mdtrt_id, "psn_no": person.psn_no}});
    let cancelled = bench.call("2208", cancel).await;
    assert_eq!(cancelled["infcode"], 0);
    let rows = bench.look("/_sandbox/ledger").await["settlements"].clone();
    assert_eq!(bench.call("2601", reversal(rows[1]["msgid"].clone(), "2208")).await["infcode"], 0);
    let rows = bench.look("/_sandbox/ledger").await["settlements"].clone();
    assert_eq!((&rows[0]["standing"], &rows[1]["standing"]), (&json!("live"), &json!("reversed")));

    assert_eq!(bench.call("2601", reversal(msgid.clone(), "2207")).await["infcode"], 0);
    assert_eq!(bench.call("2601", reversal(msgid, "2207")).await["infcode"], -1);
    assert_eq!(bench.call("2601", reversal(json!("never-sent"), "2207")).await["infcode"], 0);
    assert_eq!(bench.call("2601", reversal(json!("never-sent"), "2204")).await["infcode"], -1);
    let ledger = bench.look("/_sandbox/ledger").await;
    assert_eq!(ledger["totals"]["rows"], 0);
    assert_eq!(bench.call("2207", bill(&person, &mdtrt_id)).await["infcode"], 0);
}

#[tokio::test]
async fn every_url_style_reaches_the_same_ledger() {
    let mut bench = Bench::with(Settings::default()).await;
    let input = json!({"signIn": {"opter_no": "o1", "mac": "m", "ip": "i"}});
    for target in ["/ebus/x/hsa/hgs/9001", "/CSB/hsa-fsi-9001", "/fsi/api/signInSignOutService/signIn", STYLE_C] {
        let signed = bench.call_at(target, "9001", &input).await;
        assert!(signed["output"]["signinoutb"]["sign_no"].is_string(), "{target}");
    }
    let arrived = bench.look("/_sandbox/requests").await;
    assert_eq!(arrived["by_infno"]["9001"], 4);
    let lines = arrived["requests"].as_array().unwrap();
    assert!(lines.iter().all(|line| line["answered_bytes"].as_u64() > Some(100)), "{lines:?}");
}

#[tokio::test]
async fn chunked_bodies_and_expectations_are_served() {
    let bench = Bench::with(Settings::default()).await;
    let mut stream = TcpStream::connect(bench.sandbox.addr()).await.unwrap();
    stream
        .write_all(
            b"POST /_echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        )
        .await
        .unwrap();
    stream.write_all(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde");
}

#[tokio::test]
async fn institutions_that_are_not_sandbox_ones_are_taught() {
    let body =
        br#"{"infno":"1101","msgid":"m","fixmedins_code":"H44030000001","input":{"data":{"mdtrt_cert_no":"1"}}}"#;
    for (any_institution, expected) in [(false, "沙箱机构编号"), (true, "基本信息为空")] {
        let mut bench = Bench::with(Settings { any_institution, ..Settings::default() }).await;
        let Heard::Answer(answer) = bench.post.send("POST", STYLE_C, &[], body).await else { panic!("no answer") };
        assert!(String::from_utf8_lossy(&answer.body).contains(expected));
    }
}

#[tokio::test]
async fn a_lenient_stand_in_settles_without_a_visit_and_one_that_sleeps_settles_twice() {
    for (settles_twice, expected) in [(false, -1), (true, 0)] {
        let habits = Habits { lenient: true, settles_twice, ..Habits::default() };
        let mut bench =
            Bench::with(Settings { habits, shape: Shape::named("zhejiang").unwrap(), ..Settings::default() }).await;
        let person = bench.somebody();
        assert_eq!(bench.call("2207", bill(&person, "made-up")).await["infcode"], 0);
        assert_eq!(bench.call("2207", bill(&person, "made-up")).await["infcode"], expected);
    }
}

#[tokio::test]
async fn other_addresses_than_loopback_are_refused() {
    let anywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let refused = Sandbox::start(anywhere, Settings::default(), Arc::new(SystemClock::start())).await;
    assert!(refused.err().unwrap().to_string().contains("not a loopback address"));
}

#[tokio::test]
async fn echo_gives_back_bytes_and_makes_bodies() {
    let mut bench = Bench::with(Settings::default()).await;
    let odd = b"\xff\x00not json \x81\x5c\r\n".to_vec();
    let headers = vec![("_api_name".to_string(), "2207".to_string())];
    let target = "/_echo/hsa/hgs/2207?status=503&h=X-Odd%3Ayes&ct=text%2Fplain";
    let Heard::Answer(answer) = bench.post.send("POST", target, &headers, &odd).await else { panic!("no answer") };
    assert_eq!((answer.status, &answer.body), (503, &odd));
    assert!(answer.headers.contains(&("X-Odd".to_string(), "yes".to_string())));
    for chunked in ["", "&chunked=1"] {
        let target = format!("/_echo/1101?mb=3&seed=4{chunked}");
        let Heard::Answer(answer) = bench.post.send("POST", &target, &[], b"").await else { panic!("no answer") };
        let expected: Vec<u8> = Made::new(4, 3 << 20).pieces().flatten().collect();
        assert!(answer.body == expected, "{} bytes", answer.body.len());
    }
    let arrived = bench.look("/_sandbox/requests").await;
    assert!(arrived["requests"][0]["headers"].as_array().unwrap().contains(&json!(["_api_name", "2207"])));
    let kept = format!("/_sandbox/body/{}", arrived["requests"][0]["body_sm3"].as_str().unwrap());
    let Heard::Answer(body) = bench.post.send("GET", &kept, &[], b"").await else { panic!("no answer") };
    assert_eq!(body.body, odd);
}

#[tokio::test]
async fn fixed_mode_counts_and_answers() {
    let mut bench = Bench::with(Settings { fixed: true, ..Settings::default() }).await;
    let mut sum = 0u64;
    let mut setl_ids = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let (_, body) = bench.body("2207", &json!({}));
        sum += u64::from(crc32c::crc32c(&body));
        let Heard::Answer(answer) = bench.post.send("POST", STYLE_C, &[], &body).await else { panic!("no answer") };
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        setl_ids.insert(answer["output"]["setlinfo"]["setl_id"].as_str().unwrap().to_string());
    }
    assert_eq!(setl_ids.len(), 10);
    let counts = bench.look("/_sandbox/requests").await["fixed"].clone();
    assert_eq!((counts["requests"].as_u64(), counts["body_crc32c_sum"].as_u64()), (Some(10), Some(sum)));
}
