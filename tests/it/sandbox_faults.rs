//! Each fault of the stand-in: what a client hears of it, and what the ledger holds afterwards.

use std::time::Duration;

use medgate::sandbox::callers::post::Heard;
use medgate::sandbox::faults::Script;
use medgate::sandbox::platform::Settings;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::sandbox_ledger::{Bench, STYLE_C, bill};

/// What a client heard, in one word.
fn word(heard: &Heard) -> String {
    match heard {
        Heard::Answer(answer) => {
            let infcode = serde_json::from_slice::<Value>(&answer.body).map(|body| body["infcode"].to_string());
            format!("{} {}", answer.status, infcode.unwrap_or_else(|_| "page".to_string()))
        }
        Heard::NotSent(cause) => format!("not sent: {cause}"),
        Heard::Silence(_) => "silence".to_string(),
    }
}

/// Settlement rows once nothing is pending: a commit after the connection was closed comes a moment later.
async fn rows(bench: &Bench) -> usize {
    let platform = bench.sandbox.platform();
    tokio::time::timeout(Duration::from_secs(5), platform.at_rest()).await.expect("the stand-in comes to rest");
    platform.with_ledger(|ledger| ledger.settlements().len())
}

async fn check(fault: &str, hears: &str, settled: usize) {
    let mut bench = Bench::with(Settings::default()).await;
    let person = bench.somebody();
    let mdtrt_id = bench.charged_visit(&person).await;
    let script = Script::read(format!(r#"[{{"infno":"2207","fault":{fault}}}]"#).as_bytes()).expect(fault);
    bench.sandbox.platform().play_script(script);
    let heard = bench.heard(STYLE_C, "2207", &bill(&person, &mdtrt_id)).await;
    assert_eq!(word(&heard), hears, "{fault}");
    assert_eq!(rows(&bench).await, settled, "{fault}");
    // The script strikes once: the same call again is performed, unless it was before.
    let again = bench.heard(STYLE_C, "2207", &bill(&person, &mdtrt_id)).await;
    assert_eq!(word(&again), if settled == 0 { "200 0" } else { "200 -1" }, "{fault}");
    let counts = bench.look("/_sandbox/requests").await;
    assert_eq!(counts["by_infno"]["2207"], 2, "one send, one arrival: {fault}");
}

#[tokio::test]
async fn every_fault_is_heard_and_booked_as_it_says() {
    for (fault, hears, settled) in [
        (r#""refuse""#, "200 -1", 0),
        (r#""refuse_saying","err_msg":"下游超时","commit":true"#, "200 -1", 1),
        (r#""drop""#, "silence", 0),
        (r#""reset""#, "silence", 0),
        (r#""commit_then_drop""#, "silence", 1),
        (r#""drop_then_commit","ms":30"#, "silence", 1),
        (r#""late","ms":30"#, "200 0", 1),
        (r#""late_commit","ms":30"#, "200 0", 1),
        (r#""half_answer""#, "silence", 1),
        (r#""slow_drip","ms":1"#, "200 0", 1),
        (r#""page_502""#, "502 page", 1),
        (r#""page_502","commit":false"#, "502 page", 0),
        (r#""answer","body":"{\"code\":401,\"message\":\"no\"}""#, "200 null", 0),
        (r#""close_after""#, "200 0", 1),
    ] {
        check(fault, hears, settled).await;
    }
}

#[tokio::test]
async fn a_drop_then_commit_is_pending_until_it_commits() {
    let mut bench = Bench::with(Settings::default()).await;
    let person = bench.somebody();
    let mdtrt_id = bench.charged_visit(&person).await;
    let script = Script::read(br#"[{"infno":"2207","fault":"drop_then_commit","ms":100}]"#).unwrap();
    bench.sandbox.platform().play_script(script);
    let heard = bench.heard(STYLE_C, "2207", &bill(&person, &mdtrt_id)).await;
    assert_eq!(word(&heard), "silence");
    let ledger = bench.look("/_sandbox/ledger").await;
    assert_eq!((&ledger["settlements_count"], &ledger["pending"]), (&0.into(), &1.into()));
    assert_eq!(rows(&bench).await, 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let bench = Bench::with(Settings { idle_ms: 20, ..Settings::default() }).await;
    let mut idle = TcpStream::connect(bench.sandbox.addr()).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(5), idle.read(&mut [0; 1])).await;
    assert_eq!(closed.expect("it is closed before we lose patience").unwrap(), 0);
}
