//! A settlement whose answer was lost between gateway and HIS, and which the HIS repeats: performed once, answered with the
//! first answer, also by a gateway that was killed in between.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use medgate::domain::clock::SystemClock;
use medgate::domain::outcome::{Cause, Outcome};
use medgate::sandbox::Sandbox;
use medgate::sandbox::callers::post::Answer;
use medgate::sandbox::faults::Script;
use medgate::sandbox::ledger::Habits;
use medgate::sandbox::platform::Settings;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::crash_evidence::{Evidence, Told};
use crate::crash_rig::{Gateway, Serve, until};

const TARGET: &str = "/fsi/api/hsa/hgs/2207";
const INSTITUTION: &str = "H99000000001";

/// A 2207 as a HIS sends it; a repeat has another msgid, another scanned voucher and another invoice number.
pub fn settlement(msgid: &str, mdtrt_id: &str, sending: u32) -> Vec<u8> {
    let psn_no = format!("99{:018}", crc32c::crc32c(mdtrt_id.as_bytes())); // A person each: no fence holds them.
    let input = json!({"data": {"psn_no": psn_no, "mdtrt_id": mdtrt_id, "chrg_bchno": "b1",
        "mdtrt_cert_type": "01", "mdtrt_cert_no": format!("voucher-token-{sending}"), "med_type": "11",
        "medfee_sumamt": "300.00", "psn_setlway": "01", "insutype": "310", "acct_used_flag": "1",
        "invono": format!("invoice-{sending}")}});
    let envelope = json!({"infno": "2207", "msgid": format!("{INSTITUTION}{msgid}"), "mdtrtarea_admvs": "990100",
        "insuplc_admdvs": "990100", "fixmedins_code": INSTITUTION, "input": input});
    envelope.to_string().into_bytes()
}

/// A stand-in that knows everybody, with a script of faults.
async fn sandbox(script: &str) -> Sandbox {
    let settings =
        Settings { habits: Habits { lenient: true, settles_twice: true, ..Habits::default() }, ..Settings::default() };
    let sandbox =
        Sandbox::start("127.0.0.1:0".parse().unwrap(), settings, Arc::new(SystemClock::start())).await.unwrap();
    sandbox.platform().play_script(Script::read(script.as_bytes()).unwrap());
    sandbox
}

/// Sends and does not read.
async fn send_only(gateway: SocketAddr, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let head = format!("POST {TARGET} HTTP/1.1\r\nHost: gate\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    stream
}

/// Waits until the stand-in has booked a settlement.
async fn booked(sandbox: &Sandbox) {
    let rows = || sandbox.platform().with_ledger(|ledger| ledger.settlements().len());
    until("the settlement", || async { (rows() == 1).then_some(()) }).await;
}

/// Waits until an OUTCOME with an answer is on disk.
async fn settled(data: &Path, msgid: &str) -> Told {
    let msgid = format!("{INSTITUTION}{msgid}");
    until("the outcome", || async {
        let evidence = Evidence::in_folder(data);
        evidence.outcome_of(&msgid).and_then(|settled| settled.answer.clone())
    })
    .await
}

/// The only settlement of the stand-in: its setl_id and the msgid that made it.
fn only_settlement(sandbox: &Sandbox) -> (String, String) {
    let rows = sandbox.platform().with_ledger(|ledger| ledger.settlements().to_vec());
    assert_eq!(rows.len(), 1, "performed once");
    assert_eq!(sandbox.platform().requests(), 1, "sent once");
    (rows[0].setl_id.clone(), rows[0].msgid.clone())
}

/// The answer is the recorded one, and the one that the stand-in gave for its only settlement.
fn is_the_first_answer(answer: &Answer, recorded: &Told, sandbox: &Sandbox) {
    assert_eq!(&Told::of(answer.status, &answer.body), recorded);
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    let info = &said["output"]["setlinfo"];
    let told = (info["setl_id"].as_str().unwrap().to_owned(), info["medins_setl_id"].as_str().unwrap().to_owned());
    assert_eq!(told, only_settlement(sandbox));
}

async fn repeat(gateway: &Gateway, sending: u32) -> Answer {
    gateway.call(TARGET, &settlement(&format!("again{sending}"), "visit-1", sending)).await
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer_after_the_his_hung_up_and_after_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = sandbox(r#"[{"infno":"2207","fault":"late","ms":300}]"#).await;
    let serve = || Serve::on(data.path(), sandbox.addr());
    let gateway = serve().start().await;
    let his = send_only(gateway.listen, &settlement("first", "visit-1", 1)).await;
    booked(&sandbox).await;
    drop(his);
    let recorded = settled(data.path(), "first").await;
    is_the_first_answer(&repeat(&gateway, 2).await, &recorded, &sandbox);
    gateway.kill();

    let gateway = serve().start().await;
    is_the_first_answer(&repeat(&gateway, 3).await, &recorded, &sandbox);
    assert!(gateway.stop().await.success());
    let gateway = serve().start().await;
    is_the_first_answer(&repeat(&gateway, 4).await, &recorded, &sandbox);
}

#[tokio::test]
async fn a_gateway_killed_between_the_outcome_and_the_his_answers_the_repeat_from_its_record() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = sandbox("[]").await;
    let gateway = Serve::on(data.path(), sandbox.addr()).start().await;
    let unread = send_only(gateway.listen, &settlement("first", "visit-1", 1)).await;
    let recorded = settled(data.path(), "first").await;
    gateway.kill();
    drop(unread);

    let gateway = Serve::on(data.path(), sandbox.addr()).start().await;
    is_the_first_answer(&repeat(&gateway, 2).await, &recorded, &sandbox);
}

#[tokio::test]
async fn one_key_is_performed_once_though_the_gateway_was_killed_before_it_heard() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = sandbox(r#"[{"infno":"2207","fault":"late","ms":600000}]"#).await;
    let gateway = Serve::on(data.path(), sandbox.addr()).start().await;
    let his = send_only(gateway.listen, &settlement("first", "visit-1", 1)).await;
    booked(&sandbox).await;
    gateway.kill();
    drop(his);

    let gateway = Serve::on(data.path(), sandbox.addr()).start().await;
    let evidence = Evidence::in_folder(data.path());
    let orphan = evidence.outcome_of(&format!("{INSTITUTION}first")).unwrap();
    assert_eq!((orphan.outcome, orphan.cause, orphan.by_recovery), (Outcome::Unknown, Cause::Restart, true));
    for sending in 2..4 {
        let answer = repeat(&gateway, sending).await;
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, said["infcode"].to_string().trim_matches('"')), (200, "-1"), "{said}");
        assert!(said["err_msg"].as_str().unwrap().starts_with("【结果未知】勿重收、勿转自费"), "{said}");
    }
    only_settlement(&sandbox);
    let listed = gateway.unknowns(data.path()).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!((&listed[0]["infno"], &listed[0]["cause"]), (&json!("2207"), &json!("restart")));
}
