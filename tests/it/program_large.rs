//! An answer of 100 MB crosses byte for byte, and the program's memory hardly grows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use medgate::domain::clock::SystemClock;
use medgate::journal::verify::{End, verify};
use medgate::sandbox::platform::Settings;
use medgate::sandbox::{Made, Sandbox};
use tokio::io::AsyncReadExt;

use crate::doors_rig::{Talk, post};
use crate::program_rig::{Program, answer};

const LARGE: u64 = 100 << 20;
const GROWTH_MAX: u64 = 32 << 20;
const PATIENCE: Duration = Duration::from_secs(120);

/// Reads an answer with a length and compares it piece by piece as it comes; its head.
async fn compare(talk: &mut Talk, made: &Made) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(talk.stream.read_u8().await.unwrap());
    }
    let mut came = Vec::new();
    let mut at = 0;
    for piece in made.pieces() {
        came.resize(piece.len(), 0);
        talk.stream.read_exact(&mut came).await.unwrap();
        assert!(came == piece, "differs between {at} and {}", at + piece.len());
        at += piece.len();
    }
    assert_eq!(at as u64, LARGE);
    String::from_utf8(head).unwrap()
}

/// One large answer of a transaction through a fresh program.
async fn crosses(infno: &str) {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let sandbox = Sandbox::start(loopback, Settings::default(), Arc::new(SystemClock::start())).await.unwrap();
    let upstream = format!("http://{}", sandbox.addr());
    let mut program = Program::start(&upstream, &[("UPSTREAM__DEFAULT__ANSWER_MS", "120000")]).await;
    let target = |bytes: u64| format!("/_echo/hsa/hgs/{infno}?bytes={bytes}&seed=7&ct=application/octet-stream");
    let body = format!("{{\"infno\":\"{infno}\"}}");
    let mut talk = program.talk().await;
    for _ in 0..20 {
        talk.say(post(&target(3000), "", &body)).await;
        assert_eq!(answer(&mut talk).await.body.len(), 3000);
    }
    program.forget_peak();
    let before = program.memory("VmRSS");

    talk.say(post(&target(LARGE), "", &body)).await;
    let head = tokio::time::timeout(PATIENCE, compare(&mut talk, &Made::new(7, LARGE))).await.expect("in time");
    assert!(head.contains(&format!("Content-Length: {LARGE}\r\n")), "{head}");
    let growth = program.memory("VmHWM").saturating_sub(before);
    assert!(growth < GROWTH_MAX, "{infno}: grew by {} KiB from {} KiB", growth >> 10, before >> 10);

    talk.say(post(&target(3000), "", &body)).await;
    assert_eq!(answer(&mut talk).await.body.len(), 3000, "the connection is good for more");
    drop(talk);
    program.signal("TERM");
    assert!(program.ended(PATIENCE).await.success(), "{}", program.log());
    let report = verify(&program.data()).unwrap();
    assert_eq!((report.bad, report.end), (None, End::Sealed));
    let bodies = std::fs::read_dir(program.data().join("journal/bodies")).unwrap();
    let stored: u64 = bodies.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(stored > LARGE, "the answer is kept: {stored}");
}

#[tokio::test]
async fn an_answer_of_100_mb_of_a_query_streams_with_its_tail_held() {
    crosses("1301").await;
}

#[tokio::test]
async fn an_answer_of_100_mb_of_a_file_streams_with_its_tail_held() {
    crosses("9102").await;
}

#[tokio::test]
async fn an_answer_of_100_mb_of_money_is_spooled_first() {
    crosses("2207").await;
}
