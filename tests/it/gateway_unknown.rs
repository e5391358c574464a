//! What the HIS hears when nobody knows what became of its call, and when nothing was sent; and what a late answer is.

use std::time::Duration;

use medgate::config::Settings;
use medgate::domain::outcome::{Cause, Outcome, Told};
use medgate::exchange::settings::WhenUnknown;
use medgate::journal::Record;
use medgate::journal::facts::Fact;
use medgate::journal::record::{Kind, flag};
use medgate::sandbox::ledger::Habits;
use medgate::sandbox::platform;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::doors_rig::{Does, Peer, Raw};
use crate::rig::{self, TestGateway};

const ANSWER_MS: u64 = 400;
/// What stands within the first 20 characters of every such text, because screens cut the rest.
const UNKNOWN: &str = "【结果未知】勿重收";
const NOT_SENT: &str = "【网关未发送】";
const PATH: &str = "/fsi/api/rsfComIfsService/callService";

/// A bill of its own for every number.
fn bill(infno: &str, number: u32, msgid: &str) -> String {
    json!({"infno": infno, "msgid": msgid, "mdtrtarea_admvs": "990100", "insuplc_admdvs": "990100",
        "fixmedins_code": "H99000000001", "input": {"data": {"psn_no": format!("99000000000000000{number:03}"),
        "mdtrt_id": format!("M{number}"), "chrg_bchno": format!("B{number}"), "medfee_sumamt": "300.00",
        "insutype": "310", "acct_used_flag": "1", "med_type": "11", "psn_setlway": "01"}}})
    .to_string()
}

fn msgid(number: u32) -> String {
    format!("H99000000001202611220000{number:06}")
}

/// A stand-in that settles what was never registered, behind a gateway that waits only a moment.
async fn hurried(change: impl FnOnce(&mut Settings)) -> TestGateway {
    let habits = Habits { lenient: true, ..Habits::default() };
    let stand_in = platform::Settings { habits, ..platform::Settings::default() };
    TestGateway::before_sandbox(stand_in, |settings| {
        settings.upstream.get_mut("default").unwrap().answer_ms = ANSWER_MS;
        settings.gateway.drain_seconds = 0;
        change(settings);
    })
    .await
}

fn native(answer: &Raw) -> Value {
    assert!(answer.has("HTTP/1.1 200 OK"), "{}", answer.head);
    assert!(answer.head.contains("Content-Type: application/json"), "{}", answer.head);
    let body = rig::json(answer);
    assert_eq!(body["infcode"], -1, "{body}");
    assert!(body.get("output").is_none_or(|output| output.as_object().is_none_or(serde_json::Map::is_empty)), "{body}");
    body
}

fn assert_unknown(answer: &Raw) {
    let body = native(answer);
    let seen: String = body["err_msg"].as_str().unwrap().chars().take(20).collect();
    assert!(seen.contains(UNKNOWN), "{body}");
}

fn assert_not_sent(answer: &Raw, code: &str) {
    let body = native(answer);
    let text = body["err_msg"].as_str().unwrap();
    assert!(text.starts_with(NOT_SENT) && text.contains(code) && !text.contains("结果未知"), "{body}");
}

fn outcome_of<'a>(records: &'a [Record], msgid: &str) -> Option<&'a Record> {
    let is_it = |record: &&Record| record.facts.text_of(Fact::Msgid) == Some(msgid);
    records.iter().filter(|record| record.header.known_kind() == Some(Kind::Outcome)).find(is_it)
}

/// Plays each fault on a settlement and checks journal and ledger; `heard` looks at what the HIS heard and how long it took.
async fn through_all_faults(unknown: WhenUnknown, heard: impl Fn(&str, Option<Raw>, Duration)) {
    let faults = [
        ("commit_then_drop", json!({}), Cause::Broken),
        ("half_answer", json!({}), Cause::Cut),
        ("page_502", json!({"commit": true}), Cause::Status),
        ("late", json!({"ms": 60_000}), Cause::TimedOut),
        ("slow_drip", json!({"ms": 100}), Cause::TimedOut),
    ];
    let mut gateway = hurried(|settings| settings.client.get_mut("default").unwrap().unknown = unknown).await;
    let entry = |(at, (fault, more, _)): (usize, &(&str, Value, Cause))| {
        let mut entry = json!({"fault": fault, "msgid": msgid(at as u32)});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let script: Vec<Value> = faults.iter().enumerate().map(entry).collect();
    gateway.faults(&Value::Array(script).to_string());
    for (at, (fault, ..)) in faults.iter().enumerate() {
        let (number, begun) = (at as u32, Instant::now());
        let answer = gateway.try_call(PATH, "", &bill("2207", number, &msgid(number))).await;
        heard(fault, answer, begun.elapsed());
    }
    assert_eq!(gateway.arrived("2207"), faults.len(), "one send each");
    assert_eq!(
        gateway.sandbox().with_ledger(|ledger| ledger.totals(None).rows),
        faults.len() as u64,
        "each was performed"
    );
    gateway.stop().await;
    let records = gateway.records();
    for (at, (fault, _, cause)) in faults.iter().enumerate() {
        let outcome = outcome_of(&records, &msgid(at as u32)).expect(fault);
        assert_eq!(outcome.header.outcome, Outcome::Unknown as u8, "{fault}");
        assert_eq!(Cause::from_code(outcome.header.cause), Some(*cause), "{fault}");
        let told = outcome.facts.all(Fact::Told).next().and_then(|told| Told::from_code(told[0]));
        assert_eq!(told, Some(unknown.told()), "{fault}");
    }
}

#[tokio::test]
async fn silence_is_never_taken_for_refusal_where_unknown_is_said_natively() {
    let heard = |fault: &str, answer: Option<Raw>, _| assert_unknown(&answer.expect(fault));
    through_all_faults(WhenUnknown::Native, heard).await;
}

#[tokio::test]
async fn silence_is_never_taken_for_refusal_where_unknown_closes() {
    through_all_faults(WhenUnknown::Close, |fault, answer, _| assert!(answer.is_none(), "{fault}: {answer:?}")).await;
}

#[tokio::test]
async fn silence_is_never_taken_for_refusal_where_unknown_holds() {
    let heard = |fault: &str, answer: Option<Raw>, took: Duration| {
        assert!(answer.is_none(), "{fault}: {answer:?}");
        assert!(took >= Duration::from_millis(ANSWER_MS - 20), "{fault} was held for {took:?}");
    };
    through_all_faults(WhenUnknown::Hold, heard).await;
}

#[tokio::test]
async fn a_page_of_a_box_between_is_masked_where_books_change_and_relayed_elsewhere() {
    let page = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n<html></html>\n";
    let peer = Peer::scripted(|_| Does::Says(page.to_vec())).await;
    let gateway = TestGateway::before(&format!("http://{}", peer.addr), |_| {}).await;
    for (number, infno) in (0..).zip(["2207", "2304", "2208", "2601", "2204", "2201", "3505", "4101", "3201", "7777"]) {
        assert_unknown(&gateway.call(PATH, &bill(infno, number, &msgid(number))).await);
    }
    for infno in ["1101", "5201", "2206", "9102", "1301"] {
        let answer = gateway.call(PATH, &bill(infno, 50, &msgid(50))).await;
        assert!(answer.has("HTTP/1.1 502 Bad Gateway") && answer.body == b"<html></html>\n", "{infno}: {answer:?}");
    }
}

#[tokio::test]
async fn a_query_that_was_not_answered_is_no_server_error_either() {
    let gateway = hurried(|_| {}).await;
    gateway.faults(r#"[{"infno":"1101","fault":"commit_then_drop"},{"infno":"1101","fault":"half_answer"}]"#);
    for number in 0..2 {
        assert_unknown(&gateway.call(PATH, &bill("1101", number, &msgid(number))).await);
    }
}

#[tokio::test]
async fn what_was_not_sent_is_refused_in_the_native_envelope() {
    let gateway = hurried(|settings| {
        settings.inbound.body_bytes_max = 2000;
        settings.route[0].infno = vec!["22*".to_owned()];
    })
    .await;
    let oversize = "x".repeat(5000);
    assert_not_sent(&gateway.call(PATH, &oversize).await, "GW101");
    assert_not_sent(&gateway.call(PATH, &bill("1101", 1, &msgid(1))).await, "GW202");
    assert_eq!(gateway.sandbox().requests(), 0);

    let strangers = hurried(|settings| {
        settings.client.get_mut("default").unwrap().peers = vec!["10.0.0.0/8".to_owned()];
    })
    .await;
    assert_not_sent(&strangers.call(PATH, &bill("2207", 1, &msgid(1))).await, "GW201");
    assert_eq!(strangers.sandbox().requests(), 0);
}

#[tokio::test]
async fn a_platform_that_cannot_be_reached_is_a_refusal_that_holds_no_key() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut gateway = TestGateway::before(&format!("http://{nobody}"), |_| {}).await;
    assert_not_sent(&gateway.call(PATH, &bill("2207", 1, &msgid(1))).await, "GW501");
    let peer =
        Peer::saying("HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n{\"infcode\":0,\"output\":{\"setl_id\":\"S0001\"}}")
            .await;
    gateway
        .restart_with(|settings| settings.upstream.get_mut("default").unwrap().url = format!("http://{}", peer.addr))
        .await;
    let answer = gateway.call(PATH, &bill("2207", 1, &msgid(2))).await;
    assert_eq!(rig::json(&answer)["output"]["setl_id"], "S0001", "the key was free: sent now");
    assert_eq!(peer.requests().len(), 1);
    gateway.stop().await;
    let refused = outcome_of(&gateway.records(), &msgid(1)).expect("an outcome").header.clone();
    assert_eq!((refused.outcome, refused.cause), (Outcome::Refused as u8, Cause::NeverSent as u8));
}

#[tokio::test]
async fn a_late_answer_is_evidence_and_answers_the_repeat() {
    let mut gateway = hurried(|settings| settings.gateway.drain_seconds = 5).await;
    gateway.faults(r#"[{"infno":"2207","fault":"late","ms":2000}]"#);
    assert_unknown(&gateway.call(PATH, &bill("2207", 1, &msgid(1))).await);
    // Repeated while the gateway still listens: nothing is known yet, and nothing is sent.
    assert_unknown(&gateway.call(PATH, &bill("2207", 1, &msgid(2))).await);

    let confirmed = |record: &Record| record.header.outcome == Outcome::Confirmed as u8;
    gateway.journaled("the late answer ends the unknown", |records| records.iter().any(confirmed)).await;
    // The record stands in the file a moment before it is durable and found by its key.
    let mut repeat = gateway.call(PATH, &bill("2207", 1, &msgid(3))).await;
    for _ in 0..100 {
        if rig::json(&repeat)["infcode"] == 0 {
            break;
        }
        repeat = gateway.call(PATH, &bill("2207", 1, &msgid(3))).await;
    }
    assert_eq!(rig::json(&repeat)["output"]["setlinfo"]["medins_setl_id"], msgid(1), "the first one's answer");
    assert_eq!(gateway.arrived("2207"), 1);

    gateway.stop().await;
    let records = gateway.records();
    let intent = records.iter().find(|record| record.header.known_kind() == Some(Kind::Intent)).unwrap();
    let of_intent = |record: &&Record| record.header.ref_seq == intent.header.seq;
    let outcomes: Vec<&Record> =
        records.iter().filter(of_intent).filter(|one| one.header.known_kind() == Some(Kind::Outcome)).collect();
    let [first, second] = outcomes[..] else { panic!("{} outcomes", outcomes.len()) };
    assert_eq!((first.header.outcome, first.header.cause), (Outcome::Unknown as u8, Cause::TimedOut as u8));
    assert!(confirmed(second) && second.header.has(flag::LATE));
    let note = records.iter().find(|record| {
        record.header.known_kind() == Some(Kind::Note) && record.header.has(flag::LATE) && of_intent(record)
    });
    let note = note.expect("the late answer as it came");
    assert_eq!(second.facts.number_of(Fact::EvidenceSeq), Some(note.header.seq.0));
    assert!(note.header.seq < second.header.seq);
    let evidence = gateway.unseal(note).reply.unwrap().body.buffered().cloned();
    assert_eq!(evidence.as_deref(), Some(&repeat.body[..]));
}
