//! What is not said is not known, and what is not declared does not change.

use medgate::domain::outcome::{Cause, Outcome};
use medgate::journal::draft::Part;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;

use crate::doors_rig::{OK, Peer};
use crate::money_his::{self as his, Bill, URL, assert_unknown};
use crate::rig::{TestGateway, rebuilt};

/// Outcome and cause of the last 2207.
fn verdict(gate: &TestGateway) -> (Option<Outcome>, Option<Cause>) {
    let outcomes = gate.records_of(Kind::Outcome);
    let last = outcomes.iter().rev().find(|record| record.facts.text_of(Fact::Infno) == Some("2207")).unwrap();
    (Outcome::from_code(last.header.outcome), Cause::from_code(last.header.cause))
}

#[tokio::test]
async fn silence_is_never_taken_for_refusal() {
    let gate = TestGateway::with(|settings| {
        let upstream = settings.upstream.get_mut("default").unwrap();
        (upstream.connect_ms, upstream.answer_ms) = (1000, 3000);
    })
    .await;
    for (fault, cause) in [
        (r#""drop""#, Cause::Broken),
        (r#""reset""#, Cause::Broken),
        (r#""commit_then_drop""#, Cause::Broken),
        (r#""drop_then_commit","ms":1"#, Cause::Broken),
        (r#""half_answer""#, Cause::Cut),
        (r#""page_502""#, Cause::Status),
        (r#""page_502","commit":false"#, Cause::Status),
        (r#""answer","status":500,"body":"{\"infcode\":-1,\"err_msg\":\"x\"}""#, Cause::Status),
        (r#""answer","status":504"#, Cause::Status),
        (r#""answer","body":"{\"code\":500,\"message\":\"x\"}""#, Cause::GatewayRejected),
        (r#""refuse_saying","err_msg":"调用下游超时","commit":true"#, Cause::MeansUnknown),
        (r#""late","ms":600000"#, Cause::TimedOut),
    ] {
        let bill = Bill::charged(&gate).await;
        let before = gate.arrived("2207");
        gate.faults(&format!(r#"[{{"infno":"2207","fault":{fault}}}]"#));
        assert_unknown(&bill.settle(&gate).await);
        assert_eq!(verdict(&gate), (Some(Outcome::Unknown), Some(cause)), "{fault}");
        assert_unknown(&bill.settle(&gate).await);
        assert_eq!(gate.arrived("2207"), before + 1, "{fault}: one send");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_relayed_and_held() {
    let gate = TestGateway::start().await;
    for (body, cause) in [
        ("<html>维护中</html>", Cause::Unreadable),
        ("", Cause::Unreadable),
        (r#"{\"infcode\":1,\"err_msg\":\"x\"}"#, Cause::Unreadable),
        (r#"{\"infcode\":0,\"output\":null}"#, Cause::WithoutSubstance),
        (
            r#"{\"infcode\":0,\"output\":{\"setlinfo\":{\"setl_id\":\"S\",\"medins_setl_id\":\"not ours\"}}}"#,
            Cause::WithoutSubstance,
        ),
    ] {
        let bill = Bill::charged(&gate).await;
        let before = gate.arrived("2207");
        gate.faults(&format!(r#"[{{"infno":"2207","fault":"answer","body":"{body}"}}]"#));
        let heard = bill.settle(&gate).await;
        assert_eq!(String::from_utf8(heard.body).unwrap(), body.replace('\\', ""));
        assert_eq!(verdict(&gate), (Some(Outcome::Unknown), Some(cause)), "{body}");
        assert_unknown(&bill.settle(&gate).await);
        assert_eq!(gate.arrived("2207"), before + 1, "{body}");
    }
}

#[tokio::test]
async fn bytes_pass_unchanged_except_declared_fields() {
    for (base, arrived, left) in [
        ("", "/fsi/api/call?a=%7B&b", "/fsi/api/call?a=%7B&b"),
        ("/front/machine/", "/fsi/api/call?a=%7B&b", "/front/machine/fsi/api/call?a=%7B&b"),
        ("/front", "http://elsewhere:81/hsa/hgs/2207", "/front/hsa/hgs/2207"),
    ] {
        let peer = Peer::saying(OK).await;
        let gate = TestGateway::before(&format!("http://{}{base}", peer.addr), |_| {}).await;
        // Odd spacing, duplicate keys, a GBK text: nothing is read into shape.
        let body = "{ \"infno\" : \"1101\",\"infno\":\"1101\",\r\n\"msgid\":\"m\", \"n\":1.50, \"input\":{} } ";
        let head = "content-TYPE: text/plain; charset=gbk\r\nX-Tif-Signature: aBc==\r\nx-tif-signature: second\r\n";
        gate.try_call(arrived, head, body).await.unwrap();
        let sent = peer.only();
        assert_eq!(sent.lines()[0], format!("POST {left} HTTP/1.1"));
        assert_eq!(sent.body, body.as_bytes());
        for line in head.trim_end().split("\r\n") {
            assert!(sent.has(line), "{line} in {:?}", sent.lines());
        }
        let host = format!("Host: {}", peer.addr);
        let length = format!("Content-Length: {}", body.len());
        let others: Vec<&str> = sent.lines()[1..].iter().copied().filter(|line| !head.contains(line)).collect();
        assert_eq!(others, [host.as_str(), length.as_str()], "only what belongs to the connection is ours");

        let intents = gate.records_of(Kind::Intent);
        let sealed = gate.unseal(&intents[0]);
        let request = sealed.request.unwrap();
        assert_eq!((&request.target[..], request.method.as_str()), (arrived.as_bytes(), "POST"));
        assert_eq!(rebuilt(&request.target, &sealed.edits, Part::Target), left.as_bytes());
        assert_eq!(rebuilt(request.body.buffered().unwrap(), &sealed.edits, Part::Body), body.as_bytes());
        assert_eq!(sealed.edits.len(), usize::from(arrived != left), "no edit that changes nothing");
    }
}

#[tokio::test]
async fn a_query_with_a_broken_answer_is_no_lasting_unknown_for_the_next() {
    let gate = TestGateway::start().await;
    gate.faults(r#"[{"infno":"1101","fault":"drop"}]"#);
    let person = his::somebody();
    let query = serde_json::json!({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": person.certno}});
    let mut heard = Vec::new();
    for _ in 0..2 {
        heard.push(gate.call(URL, &his::body("1101", &query)).await);
    }
    assert_unknown(&heard[0]);
    assert_eq!(crate::rig::json(&heard[1])["infcode"], 0);
    assert_eq!(gate.arrived("1101"), 2, "the HIS asked twice; the gateway never asks by itself");
}
