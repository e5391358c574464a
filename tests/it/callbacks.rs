//! The platform calls the hospital (6204, 6302, 7108, 7109): a second door, the same line, the HIS as who is asked.

use medgate::config::Settings;
use medgate::domain::class::Class;
use medgate::domain::exchange::Origin;
use medgate::domain::outcome::{Outcome, Told};
use medgate::exchange::settings::WhenUnknown;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;

use crate::doors_rig::{Does, Peer, Talk};
use crate::rig::TestGateway;

const TRUE: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n{ \"success\" : true}";
const FALSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"success\":false}";
const NOTICE: &str = r#"{"rxTraceCode":"R1","hiRxno":"H1","rxChkStasCodg":"1","psnName":"\u5f20"}"#;

/// A gateway whose second door leads to this HIS.
async fn before_his(his: String, change: impl FnOnce(&mut Settings)) -> TestGateway {
    TestGateway::with(|settings| {
        settings.callback.listen = "127.0.0.1:0".to_owned();
        let mut upstream = settings.upstream["default"].clone();
        upstream.url = his;
        upstream.answer_ms = 300;
        settings.upstream.insert("his".to_owned(), upstream);
        change(settings);
    })
    .await
}

/// One call of the platform; `None` when the connection ends without an answer.
async fn notify(gate: &TestGateway, target: &str) -> Option<String> {
    let mut talk = Talk::to(gate.callback()).await;
    let head =
        format!("POST {target} HTTP/1.1\r\nHost: his\r\nx-Odd_Name: 1\r\nContent-Length: {}\r\n\r\n", NOTICE.len());
    talk.say(format!("{head}{NOTICE}")).await;
    talk.hear().await.map(|raw| String::from_utf8(raw.body).unwrap())
}

#[tokio::test]
async fn a_notice_reaches_the_his_byte_for_byte_and_is_journaled() {
    let his = Peer::saying(TRUE).await;
    let gate = before_his(format!("http://{}/his/base", his.addr), |_| {}).await;
    assert_eq!(notify(&gate, "/rxChkInfoCallback").await.as_deref(), Some(r#"{ "success" : true}"#));
    let heard = his.only();
    assert_eq!(heard.lines()[0], "POST /his/base/rxChkInfoCallback HTTP/1.1");
    assert!(heard.has("x-Odd_Name: 1"), "{}", heard.head);
    assert_eq!(heard.body, NOTICE.as_bytes());

    let intent = &gate.records_of(Kind::Intent)[0];
    assert_eq!((intent.header.origin, intent.header.class), (Origin::Callback as u8, Class::State as u8));
    assert_eq!(intent.facts.text_of(Fact::Infno), Some("7108"));
    assert_eq!(intent.facts.text_of(Fact::Upstream), Some("his"));
    let outcome = &gate.records_of(Kind::Outcome)[0];
    assert_eq!((outcome.header.ref_seq, outcome.header.outcome), (intent.header.seq, Outcome::Confirmed as u8));
    assert_eq!(outcome.header.origin, Origin::Callback as u8);
    assert_eq!(gate.arrived("7108"), 0, "the platform is not asked");
}

#[tokio::test]
async fn a_number_in_the_path_or_in_the_body_names_it_too() {
    let his = Peer::scripted(|nth| Does::Says(if nth == 0 { TRUE } else { FALSE }.into())).await;
    let gate = before_his(format!("http://{}", his.addr), |_| {}).await;
    for target in ["/mobile/6302", "/rxSetlInfoCallback", "/anything/else"] {
        notify(&gate, target).await.expect("an answer");
    }
    let records = gate.records_of(Kind::Intent);
    let named: Vec<&str> = records.iter().filter_map(|record| record.facts.text_of(Fact::Infno)).collect();
    assert_eq!(named, ["6302", "7109"], "an unknown one passes, too");
    let outcomes: Vec<u8> = gate.records_of(Kind::Outcome).iter().map(|record| record.header.outcome).collect();
    assert_eq!(outcomes, [Outcome::Confirmed, Outcome::Refused, Outcome::Unknown].map(|outcome| outcome as u8));
}

#[tokio::test]
async fn a_silent_his_is_silence_to_the_platform_which_sends_again() {
    let his = Peer::wild(|mut talk| async move {
        talk.hear().await;
        talk.hear().await;
    })
    .await;
    let mut gate = before_his(format!("http://{}", his.addr), |_| {}).await;
    assert_eq!(notify(&gate, "/rxChkInfoCallback").await, None);
    let outcome = gate.records_of(Kind::Outcome).pop().unwrap();
    assert_eq!(outcome.header.outcome, Outcome::Unknown as u8);
    assert_eq!(outcome.facts.all(Fact::Told).next(), Some(&[Told::NotTold as u8][..]));

    gate.restart_with(|settings| settings.callback.unknown = WhenUnknown::Native).await;
    let said = notify(&gate, "/rxChkInfoCallback").await.unwrap();
    assert!(said.starts_with(r#"{"success":false,"message":""#), "{said}");
    assert_eq!(his.connections(), 2, "one send per call");
}

#[tokio::test]
async fn who_may_not_call_and_whom_nobody_reaches_is_told_in_the_platforms_shape() {
    let his = Peer::saying(TRUE).await;
    let gate =
        before_his(format!("http://{}", his.addr), |settings| settings.callback.peers = vec!["10.9.8.0/24".to_owned()])
            .await;
    let said = notify(&gate, "/rxChkInfoCallback").await.unwrap();
    assert!(said.starts_with(r#"{"success":false,"message":"【网关未发送】"#) && said.contains("GW201"), "{said}");
    assert!(his.requests().is_empty());

    let gate = before_his("http://127.0.0.1:1".to_owned(), |_| {}).await;
    let said = notify(&gate, "/unknown/path").await.unwrap();
    assert!(said.starts_with(r#"{"success":false,"message":"【网关未发送】网关连不上医院系统"#), "{said}");
}
