//! Copies taken while calls run; a gateway on one of them gives the answers that it recorded before.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use medgate::evidence::log;
use medgate::evidence::seal_key::PUBLIC;
use medgate::journal::record::Kind;
use medgate::operator::backup::MANIFEST;
use serde_json::json;

use crate::money_his::{self as his, Bill};
use crate::rig::{TestGateway, until};

/// Runs `medgate journal` off the runtime.
async fn journal(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.env_clear().arg("journal").args(arguments);
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (status.code(), String::from_utf8_lossy(&[&stdout[..], &stderr].concat()).into_owned())
}

async fn backed_up(data: &Path, to: &Path) -> (Option<i32>, String) {
    journal(&["backup", "--data", &data.display().to_string(), "--to", &to.display().to_string()]).await
}

async fn restored(from: &Path, data: &Path, more: &[&str]) -> (Option<i32>, String) {
    let (from, data) = (from.display().to_string(), data.display().to_string());
    journal(&[&["restore", "--from", &from, "--data", &data], more].concat()).await
}

/// Backs up four times, and restores each to `copy-N`; what the backups said.
async fn copied(data: &Path, dir: &Path) -> Vec<String> {
    let to = dir.join("backup");
    let mut said = Vec::new();
    for nth in 0..4 {
        let (code, text) = backed_up(data, &to).await;
        assert!(code == Some(0) && text.contains("备份完成"), "{nth}: {text}");
        assert!(text.contains("THE MASTER KEY stands beside the keys"), "{text}");
        let (code, verdict) = restored(&to, &dir.join(format!("copy-{nth}")), &[]).await;
        assert!(matches!(code, Some(0 | 3)) && verdict.contains("结论：账本完整"), "{nth}: {code:?} {verdict}");
        said.push(text);
    }
    said
}

#[tokio::test]
async fn a_copy_taken_while_calls_run_verifies_and_a_gateway_goes_on_from_it() {
    let mut gate = TestGateway::with(|settings| settings.seal.every_seconds = 1).await;
    let data = gate.data().to_owned();
    let dir = tempfile::tempdir().unwrap();
    let bill = Bill::charged(&gate).await;
    let (_, setl_id) = bill.settled(&gate).await;
    let large = json!({ "data": { "note": "x".repeat(3 << 20) } });
    gate.call(his::URL, &his::body("1101", &large)).await;
    assert!(fs::read_dir(data.join("journal/bodies")).unwrap().count() > 0);
    gate.restart().await;

    let done = AtomicBool::new(false);
    let load = async {
        let mut bills = 0;
        while !done.load(Ordering::SeqCst) {
            Bill::charged(&gate).await.settled(&gate).await;
            bills += 1;
        }
        bills
    };
    let copies = async {
        let said = copied(&data, dir.path()).await;
        done.store(true, Ordering::SeqCst);
        said
    };
    let (bills, said) = tokio::join!(load, copies);
    assert!(bills > 3, "{bills}");
    // The sealed segment and its body were copied once.
    assert!(
        said[0].contains("copied journal/0000000001.seg") && said[0].contains("copied journal/bodies/"),
        "{}",
        said[0]
    );
    assert!(
        said[1..].iter().all(|text| !text.contains("0000000001.seg") && !text.contains("copied journal/bodies/")),
        "{said:?}"
    );

    // The machine is gone: a gateway on the last copy knows what was settled, and does not perform it again.
    let url = format!("http://{}", gate.sandbox_addr());
    gate.stop().await;
    let copy = dir.path().join("copy-3");
    let mut heir = TestGateway::before(&url, |settings| settings.gateway.data.clone_from(&copy)).await;
    let arrived = gate.arrived("2207");
    let answer = bill.settle(&heir).await;
    assert!(String::from_utf8_lossy(&answer.body).contains(&setl_id));
    assert_eq!(gate.arrived("2207"), arrived);
    Bill::charged(&heir).await.settled(&heir).await;
    heir.stop().await;
    let (code, text) = backed_up(&copy, &dir.path().join("again")).await;
    assert_eq!(code, Some(0), "{text}");
}

#[tokio::test]
async fn a_backup_that_is_not_whole_says_so() {
    let gate = TestGateway::start().await;
    Bill::charged(&gate).await;
    let data = gate.data().to_owned();
    let dir = tempfile::tempdir().unwrap();
    let (to, new) = (dir.path().join("backup"), dir.path().join("new"));
    let (code, text) = backed_up(&data, &to).await;
    assert_eq!(code, Some(0), "{text}");

    let manifest = fs::read_to_string(to.join(MANIFEST)).unwrap();
    fs::remove_file(to.join(MANIFEST)).unwrap();
    let (code, text) = restored(&to, &new, &[]).await;
    assert!(code == Some(1) && text.contains("备份未完成") && !new.exists(), "{text}");
    let (code, text) = restored(&to, &new, &["--unfinished"]).await;
    assert!(matches!(code, Some(0 | 3)), "{code:?} {text}");
    fs::write(to.join(MANIFEST), &manifest).unwrap();
    let (code, text) = restored(&to, &new, &[]).await;
    assert!(code == Some(1) && text.contains("is not empty"), "{text}");
    let bent = manifest.replacen("keys/", "../keys/", 1);
    fs::write(to.join(MANIFEST), bent).unwrap();
    let (code, text) = restored(&to, &dir.path().join("bent"), &[]).await;
    assert!(code == Some(1) && text.contains("is not a list of a backup"), "{text}");
    fs::write(to.join(MANIFEST), &manifest).unwrap();
    let segment = to.join("journal/0000000001.seg");
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, &whole[..whole.len() - 1]).unwrap();
    let (code, text) = restored(&to, &dir.path().join("cut"), &[]).await;
    assert!(code == Some(1) && text.contains("0000000001.seg") && text.contains("备份文件被改动"), "{text}");
    fs::write(&segment, &whole).unwrap();
    let (code, text) = restored(&to, &dir.path().join("whole"), &[]).await;
    assert!(matches!(code, Some(0 | 3)), "{code:?} {text}");
}

#[tokio::test]
async fn an_older_backup_tells_what_it_does_not_know() {
    let mut gate = TestGateway::with(|settings| settings.retention.key_live_days = 0).await;
    let (bill, other) = (Bill::charged(&gate).await, Bill::charged(&gate).await);
    bill.settled(&gate).await;
    let data = gate.data().to_owned();
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("backup");
    let (code, text) = backed_up(&data, &to).await;
    assert_eq!(code, Some(0), "{text}");

    // Calls and an erasure after the backup: the newest checkpoints tell of the calls, the newer journal of the erasure.
    other.settled(&gate).await;
    let erased =
        journal(&["erase", "--visit", &bill.mdtrt_id, "--reason", "ticket 81", "--data", &data.display().to_string()])
            .await;
    assert_eq!(erased.0, Some(0), "{erased:?}");
    assert_eq!(gate.records_of(Kind::Erasure).len(), 1);
    let last = gate.records().last().unwrap().header.seq.0;
    gate.stop().await;
    until("the closing checkpoint", || {
        let text = fs::read_to_string(data.join(log::FILE)).unwrap();
        log::split(&text)
            .0
            .last()
            .is_some_and(|(_, note)| note.lines().nth(1).and_then(|n| n.parse::<u64>().ok()) >= Some(last))
    })
    .await;
    let old = dir.path().join("old");
    let (anchor, newer, key) = (
        data.join(log::FILE).display().to_string(),
        data.display().to_string(),
        data.join(PUBLIC).display().to_string(),
    );
    let (code, text) = restored(&to, &old, &["--anchor", &anchor, "--newer", &newer, "--key", &key]).await;
    assert!(code == Some(1) && text.contains("尾部记录缺失"), "{code:?} {text}");
    assert!(text.contains("REVIVED") && text.contains("medgate journal erase"), "{text}");
    // Taken again, the backup forgets them too.
    assert_eq!(backed_up(&data, &to).await.0, Some(0));
    let (code, text) = restored(&to, &dir.path().join("newer"), &["--anchor", &anchor]).await;
    assert!(code == Some(0) && !text.contains("REVIVED"), "{code:?} {text}");
}
