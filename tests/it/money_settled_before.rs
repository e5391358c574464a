//! An old success is given again only after 5203 says that the settlement still stands (`money.md` §3).

use std::time::Duration;

use medgate::domain::exchange::Origin;
use medgate::domain::outcome::Outcome;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use medgate::sandbox::callers::post::{Heard, Post};
use serde_json::Value;

use crate::money_his::{self as his, Bill, URL, assert_unknown, err_msg};
use crate::rig::{self, TestGateway};

/// Longer ago than `line.replay_fresh_seconds`.
const LONG_AGO: Duration = Duration::from_secs(601);

/// Somebody else asks the platform, past the gateway.
async fn outside(gate: &TestGateway, infno: &str, input: &Value) {
    let mut post = Post::new(&format!("http://{}", gate.sandbox_addr()), Duration::from_secs(5)).unwrap();
    let heard = post.send("POST", URL, &[], his::body(infno, input).as_bytes()).await;
    let Heard::Answer(answer) = heard else { panic!("{heard:?}") };
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["infcode"], 0, "{answer}");
}

#[tokio::test]
async fn a_settlement_that_stands_is_replayed() {
    let mut gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let body = his::body("2207", &bill.input());
    let first = gate.call("/ebus/x/hsa/hgs/2207", &body).await;
    let setl_id = his::setl_id(&first);
    assert_eq!(bill.settle(&gate).await.body, first.body);
    assert_eq!(gate.arrived("5203"), 0, "young: not asked");

    gate.clock.advance(LONG_AGO);
    let head = "Content-Type: application/json\r\nX-Tif-PaaSID: p1\r\n_api_name: 2207\r\n";
    let again = gate.try_call("/ebus/x/hsa/hgs/2207", head, &his::body("2207", &bill.input())).await.unwrap();
    assert_eq!(again.body, first.body);
    assert_eq!((gate.arrived("2207"), gate.arrived("5203")), (1, 1));
    gate.restart().await;
    assert_eq!(bill.settle(&gate).await.body, first.body);
    assert_eq!((gate.arrived("2207"), gate.arrived("5203")), (1, 2));

    // What was asked: an exchange of our own, in the repeat's envelope and on its way.
    let intents = gate.records_of(Kind::Intent);
    let of = |infno| intents.iter().find(|record| record.facts.text_of(Fact::Infno) == Some(infno)).unwrap();
    let (settle, ask) = (of("2207"), of("5203"));
    assert_eq!((ask.header.origin, ask.header.parent_id), (Origin::Reconcile as u8, settle.header.exchange_id));
    assert!(ask.header.key_token.is_none());
    let outcome = gate.records_of(Kind::Outcome).into_iter().find(|record| record.header.ref_seq == ask.header.seq);
    assert_eq!(outcome.unwrap().header.outcome, Outcome::Confirmed as u8);
    let asked = gate.unseal(ask).request.unwrap();
    let asked: Value = serde_json::from_slice(asked.body.buffered().unwrap()).unwrap();
    assert_eq!(asked["input"], bill.named(&setl_id));
    assert_eq!(
        (&asked["infno"], &asked["recer_sys_code"], &asked["mdtrtarea_admvs"]),
        (&"5203".into(), &"FSI".into(), &"990100".into())
    );
    let msgid = asked["msgid"].as_str().unwrap();
    assert!(msgid.starts_with(his::HOSPITAL) && msgid.len() == 30, "{msgid}");
    let line =
        gate.sandbox().with_register(|register| register.lines(0, 1000).find(|line| line.infno == "5203").cloned());
    let line = line.unwrap();
    assert_eq!(line.target, "/ebus/x/hsa/hgs/5203");
    assert!(line.headers.contains(&("X-Tif-PaaSID".to_owned(), "p1".to_owned())), "{:?}", line.headers);
    assert!(line.headers.contains(&("_api_name".to_owned(), "5203".to_owned())), "{:?}", line.headers);
}

#[tokio::test]
async fn a_settlement_refunded_elsewhere_is_made_anew() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let (first, setl_id) = bill.settled(&gate).await;
    outside(&gate, "2208", &bill.named(&setl_id)).await;
    gate.clock.advance(LONG_AGO);
    let (second, _) = bill.settled(&gate).await;
    assert_ne!(first.body, second.body);
    assert_eq!((gate.arrived("2207"), gate.arrived("5203")), (2, 1));
    let intents = gate.records_of(Kind::Intent);
    let generations = intents.iter().filter(|record| record.facts.text_of(Fact::Infno) == Some("2207"));
    assert_eq!(generations.map(|record| record.header.generation).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(bill.settle(&gate).await.body, second.body);
    assert_eq!((gate.arrived("2207"), gate.arrived("5203")), (2, 1));
}

#[tokio::test]
async fn what_the_platform_does_not_prove_stays_unknown() {
    let gate = TestGateway::start().await;
    for fault in [
        r#""drop""#,
        r#""half_answer""#,
        r#""refuse""#,
        r#""page_502""#,
        r#""answer","body":"{\"infcode\":0,\"output\":{\"setlinfo\":null}}""#,
        r#""answer","body":"{\"infcode\":0,\"output\":{\"setlinfo\":{\"setl_id\":\"another\",\"refd_setl_flag\":\"1\"}}}""#,
    ] {
        let bill = Bill::charged(&gate).await;
        let (first, _) = bill.settled(&gate).await;
        gate.clock.advance(LONG_AGO);
        let before = (gate.arrived("2207"), gate.arrived("5203"));
        gate.faults(&format!(r#"[{{"infno":"5203","fault":{fault}}}]"#));
        assert_unknown(&bill.settle(&gate).await);
        assert_eq!((gate.arrived("2207"), gate.arrived("5203")), (before.0, before.1 + 1), "{fault}");
        // The script strikes once: asked again, it stands.
        assert_eq!(bill.settle(&gate).await.body, first.body);
    }
}

#[tokio::test]
async fn a_settlement_reversed_elsewhere_stays_unknown() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let (first, _) = bill.settled(&gate).await;
    let msgid = rig::json(&first)["output"]["setlinfo"]["medins_setl_id"].as_str().unwrap().to_owned();
    outside(&gate, "2601", &bill.reversal(&msgid, "2207")).await;
    gate.clock.advance(LONG_AGO);
    assert_unknown(&bill.settle(&gate).await);
    assert_eq!((gate.arrived("2207"), gate.arrived("5203")), (1, 1));
}

#[tokio::test]
async fn a_call_whose_envelope_cannot_carry_the_question_is_refused_by_setl_id() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let (_, setl_id) = bill.settled(&gate).await;
    gate.clock.advance(LONG_AGO);
    // A vendor's own wrapping: the fields are found, but the envelope is none that we could write.
    let wrapped = his::body("2207", &bill.input()).replacen("\"input\":", "\"payload\":", 1);
    let says = err_msg(&gate.call(URL, &wrapped).await);
    assert!(says.contains(&setl_id) && says.ends_with("[GW302]"), "{says}");
    assert_eq!((gate.arrived("2207"), gate.arrived("5203")), (1, 0));
}
