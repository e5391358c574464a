//! SIGTERM: what is under way within the grace gets its answer, what is left settles unknown, and the journal is sealed.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use medgate::domain::clock::SystemClock;
use medgate::domain::outcome::{Cause, Outcome};
use medgate::journal::record::Kind;
use medgate::journal::verify::{End, verify};
use medgate::sandbox::Sandbox;
use medgate::sandbox::faults::Script;
use medgate::sandbox::ledger::Habits;
use medgate::sandbox::platform::Settings;
use serde_json::json;
use tokio::net::TcpStream;

use crate::doors_rig::{Talk, post};
use crate::program_rig::{Program, answer};
use crate::rig::{self, until};

/// From the signal to the end, at most: a grace of one second, and little more.
const STOPS_WITHIN: Duration = Duration::from_secs(8);

async fn stand_in(script: &str) -> Sandbox {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let habits = Habits { lenient: true, ..Habits::default() };
    let settings = Settings { habits, ..Settings::default() };
    let sandbox = Sandbox::start(loopback, settings, Arc::new(SystemClock::start())).await.unwrap();
    sandbox.platform().play_script(Script::read(script.as_bytes()).unwrap());
    sandbox
}

/// A program with a settlement under way in front of `sandbox`.
async fn under_way(sandbox: &Sandbox, settings: &[(&str, &str)]) -> (Program, Talk) {
    let program = Program::start(&format!("http://{}", sandbox.addr()), settings).await;
    let body = json!({"infno": "2207", "msgid": "H99000000001202611220000000001", "mdtrtarea_admvs": "990100",
        "fixmedins_code": "H99000000001", "input": {"data": {"psn_no": "99000000000000000001", "mdtrt_id": "M1",
        "chrg_bchno": "B1", "medfee_sumamt": "300.00", "insutype": "310", "med_type": "11"}}});
    let mut talk = program.talk().await;
    talk.say(post("/hsa/hgs/2207", "Content-Type: application/json\r\n", &body.to_string())).await;
    until("the settlement is under way", || sandbox.platform().requests() == 1).await;
    (program, talk)
}

/// Outcome and cause of the one exchange of a sealed, undamaged journal, as `journal show` gives them.
fn sealed_with_one_outcome(data: &Path) -> (Option<Outcome>, Option<Cause>) {
    let report = verify(data).unwrap();
    assert_eq!((report.bad, report.end), (None, End::Sealed));
    let outcomes = rig::records_in(data);
    let outcomes: Vec<_> = outcomes.iter().filter(|record| record.header.known_kind() == Some(Kind::Outcome)).collect();
    let [outcome] = outcomes[..] else { panic!("{} outcomes", outcomes.len()) };
    (Outcome::from_code(outcome.header.outcome), Cause::from_code(outcome.header.cause))
}

#[tokio::test]
async fn a_settlement_under_way_at_sigterm_gets_its_answer_within_the_grace() {
    let sandbox = stand_in(r#"[{"infno":"2207","fault":"late","ms":1500}]"#).await;
    let (mut program, mut talk) = under_way(&sandbox, &[]).await;
    let mut idle = program.talk().await;
    program.signal("TERM");
    assert!(tokio::time::timeout(STOPS_WITHIN, idle.hear_out()).await.expect("idle ones end").is_empty());
    assert!(TcpStream::connect(program.listen).await.is_err(), "no new calls");
    let body = rig::json(&answer(&mut talk).await);
    assert_eq!(body["infcode"], 0, "{body}");
    assert!(program.ended(STOPS_WITHIN).await.success(), "{}", program.log());
    let settled = sealed_with_one_outcome(&program.data());
    assert_eq!(settled, (Some(Outcome::Confirmed), Some(Cause::Answered)));
}

#[tokio::test]
async fn what_is_left_after_the_grace_settles_unknown_and_says_so() {
    let sandbox = stand_in(r#"[{"infno":"2207","fault":"late","ms":60000}]"#).await;
    let (mut program, mut talk) = under_way(&sandbox, &[("GATEWAY__DRAIN_SECONDS", "1")]).await;
    program.signal("TERM");
    let body = rig::json(&answer(&mut talk).await);
    assert!(body["infcode"] == -1 && body["err_msg"].as_str().unwrap().contains("【结果未知】勿重收"), "{body}");
    assert!(program.ended(STOPS_WITHIN).await.success(), "{}", program.log());
    assert_eq!(sealed_with_one_outcome(&program.data()), (Some(Outcome::Unknown), Some(Cause::Stop)));
}

#[tokio::test]
async fn a_client_that_is_held_does_not_hold_the_stop() {
    let sandbox = stand_in(r#"[{"infno":"2207","fault":"commit_then_drop"}]"#).await;
    let held = [("GATEWAY__DRAIN_SECONDS", "1"), ("CLIENT__DEFAULT__UNKNOWN", "hold")];
    let (mut program, mut talk) = under_way(&sandbox, &held).await;
    program.signal("TERM");
    assert!(tokio::time::timeout(STOPS_WITHIN, talk.hear_out()).await.expect("it ends").is_empty());
    assert!(program.ended(STOPS_WITHIN).await.success(), "{}", program.log());
    assert_eq!(sealed_with_one_outcome(&program.data()), (Some(Outcome::Unknown), Some(Cause::Broken)));
}

#[tokio::test]
async fn an_answer_that_streams_beyond_the_grace_settles_unknown() {
    // A gigabyte, and a client that reads only its beginning.
    let sandbox = stand_in("[]").await;
    let program = Program::start(&format!("http://{}", sandbox.addr()), &[("GATEWAY__DRAIN_SECONDS", "1")]).await;
    let mut program = program;
    let mut talk = program.talk().await;
    talk.say(post("/_echo/hsa/hgs/1301?mb=900&seed=1", "", "{}")).await;
    let mut head = [0; 15];
    tokio::io::AsyncReadExt::read_exact(&mut talk.stream, &mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    program.signal("TERM");
    // The client does not take its answer, and the stop waits a little for those.
    let status = program.ended(STOPS_WITHIN * 3).await;
    assert!(status.success(), "{}", program.log());
    assert_eq!(sealed_with_one_outcome(&program.data()), (Some(Outcome::Unknown), Some(Cause::Stop)));
}

#[tokio::test]
async fn systemd_hears_that_calls_are_taken_and_that_it_stops() {
    let sandbox = stand_in("[]").await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("notify");
    let manager = tokio::net::UnixDatagram::bind(&at).unwrap();
    let upstream = format!("http://{}", sandbox.addr());
    let mut program = Program::start_as(&upstream, &[], |command| _ = command.env("NOTIFY_SOCKET", &at)).await;
    let heard = async || {
        let mut said = [0; 256];
        let len = tokio::time::timeout(rig::SOON, manager.recv(&mut said)).await.expect("in time").unwrap();
        String::from_utf8_lossy(&said[..len]).into_owned()
    };
    assert_eq!(heard().await.trim(), "READY=1");
    program.signal("TERM");
    assert_eq!(heard().await.trim(), "STOPPING=1");
    assert!(program.ended(STOPS_WITHIN).await.success());
}
