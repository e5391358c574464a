//! Evidence carried away: a pack proves itself on a machine that has nothing else, and one changed byte is found.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Output};

use medgate::domain::clock::{Clock, SystemClock};
use medgate::domain::moment::china_time;
use medgate::evidence::seal_key::PUBLIC;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use medgate::sandbox::draw::Draw;

use crate::money_his::Bill;
use crate::rig::{TestGateway, until};

/// Runs a command of medgate on a data folder, off the runtime: it may ask the gateway's admin port.
async fn medgate(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.env_clear().env("MEDGATE__JOURNAL__SEGMENT_BYTES", "16777216").args(arguments).arg("--data").arg(data);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// `medgate-verify pack` in a folder that holds the pack, the key and nothing else.
fn verified(folder: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate-verify"));
    let output =
        command.env_clear().current_dir(folder).args(["pack", "pack.zip", "--key", "seal.pub"]).output().unwrap();
    (output.status.code(), said(&output))
}

/// Waits for a checkpoint over everything that stands in the journal now.
async fn sealed(gate: &TestGateway) {
    let last = gate.records().len() as u64;
    let covers = |note: &str| note.lines().nth(1).and_then(|size| size.parse::<u64>().ok()) >= Some(last);
    until("a checkpoint", || {
        gate.records_of(Kind::Checkpoint).iter().any(|record| record.facts.text_of(Fact::Text).is_some_and(covers))
    })
    .await;
}

#[tokio::test]
async fn a_pack_proves_itself_on_a_machine_that_has_nothing_else() {
    let gate = TestGateway::with(|settings| settings.seal.every_seconds = 1).await;
    let bill = Bill::charged(&gate).await;
    bill.settled(&gate).await;
    Bill::charged(&gate).await;
    sealed(&gate).await;
    let data = gate.data().to_owned();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(data.join(PUBLIC), elsewhere.path().join("seal.pub")).unwrap();
    let pack = elsewhere.path().join("pack.zip");
    let path = pack.display().to_string();

    let made =
        medgate(&data, &["journal", "pack", "--visit", &bill.mdtrt_id, "--reason", "dispute 12", "--out", &path]).await;
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    let looks = gate.records_of(Kind::OperatorAct);
    let reasons: Vec<&str> = looks.iter().filter_map(|record| record.facts.text_of(Fact::Reason)).collect();
    assert!(
        reasons.len() >= 3 && reasons.iter().all(|reason| reason.ends_with("packed as evidence: dispute 12")),
        "{reasons:?}"
    );
    let (code, text) = verified(elsewhere.path());
    assert!(code == Some(0) && text.contains("RESULT: the pack is intact."), "{code:?} {text}");
    let again = medgate(&data, &["journal", "pack", "--visit", &bill.mdtrt_id, "--reason", "x", "--out", &path]).await;
    assert!(again.status.code() == Some(1) && said(&again).contains("no pack was made"), "{}", said(&again));

    let whole = fs::read(&pack).unwrap();
    let mut dice = Draw::from_seed(7);
    for _ in 0..200 {
        let mut bent = whole.clone();
        let at = dice.below(bent.len() as u64) as usize;
        bent[at] ^= 1 << dice.below(8);
        fs::write(&pack, bent).unwrap();
        let (code, text) = verified(elsewhere.path());
        assert!(code == Some(1) && text.contains("DAMAGED"), "byte {at}: {code:?} {text}");
    }
    fs::write(&pack, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(verified(elsewhere.path()).0, Some(1));
    fs::write(elsewhere.path().join("seal.pub"), "no key").unwrap();
    fs::write(&pack, &whole).unwrap();
    assert_eq!(verified(elsewhere.path()).0, Some(2));
}

#[tokio::test]
async fn a_proof_holds_nothing_in_clear() {
    let gate = TestGateway::with(|settings| settings.seal.every_seconds = 1).await;
    let bill = Bill::charged(&gate).await;
    let (_, setl_id) = bill.settled(&gate).await;
    sealed(&gate).await;
    let data = gate.data().to_owned();
    let settled = gate.records_of(Kind::Outcome).into_iter().rev();
    let settled = settled.into_iter().find(|record| record.facts.text_of(Fact::SetlId) == Some(&setl_id)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(data.join(PUBLIC), elsewhere.path().join("seal.pub")).unwrap();
    let path = elsewhere.path().join("pack.zip").display().to_string();
    let id = settled.header.exchange_id.to_string();
    let made = medgate(&data, &["journal", "prove", &id, "--out", &path]).await;
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    assert!(gate.records_of(Kind::OperatorAct).is_empty(), "nobody saw anything");
    let (code, text) = verified(elsewhere.path());
    assert!(code == Some(0) && text.contains("in clear, as committed: 0"), "{code:?} {text}");
    let bytes = fs::read(elsewhere.path().join("pack.zip")).unwrap();
    let psn_no = bill.data["psn_no"].as_str().unwrap().as_bytes();
    assert!(!bytes.windows(psn_no.len()).any(|window| window == psn_no), "a person's number stands in the pack");
}

#[tokio::test]
async fn the_gateway_verifies_itself_in_its_hour_and_tells_damage() {
    let gate = TestGateway::with(|settings| settings.seal.verify_hour = hour()).await;
    let bill = Bill::charged(&gate).await;
    bill.settled(&gate).await;
    let shown = || fs::read_to_string(gate.data().join("admin.address")).is_ok();
    until("its address", shown).await;
    crate::seal::metric(&gate, "medgate_verify_timestamp_seconds", |value| value > 0.0).await;
    crate::seal::metric(&gate, "medgate_verify_damaged", |value| value == 0.0).await;

    let segment = gate.data().join(medgate::journal::segment::path(1));
    // One byte in its place: a file written whole would take the gateway's own later records away.
    let file = fs::File::options().read(true).write(true).open(&segment).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 4096 + 330).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 4096 + 330).unwrap();
    gate.clock.advance(std::time::Duration::from_secs(86_400));
    crate::seal::metric(&gate, "medgate_verify_damaged", |value| value == 1.0).await;
}

/// The hour it is now in China.
fn hour() -> u64 {
    china_time(SystemClock::start().unix_ns())[11..13].parse().unwrap()
}
