//! What each form of signing costs a call, beside the same operation by the openssl library; and identify beside a JSON parser.
//!
//! `cargo bench --bench signing` (needs `scripts/packages libssl-dev` and a C compiler: the peer is `openssl.c` beside this file).
//! Rounds of both sides are interleaved; the best round of each counts, because a disturbed one is only ever slower.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures time and prints a table")]

use std::collections::HashMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use medgate::domain::message::HeaderLines;
use medgate::domain::scan::Scanner;
use medgate::domain::terms::{Form, Terms};
use medgate::profile::{Profile, Texts};
use medgate::signing::credentials::Credentials;
use medgate::signing::digest::DEFAULT_USER_ID;
use medgate::signing::headers::{Csb, XCa, csb, tif};
use medgate::signing::sm2::{self, Signer, SoftKey, Verifier};
use medgate::signing::{apply, members, sm4};

#[path = "../line/calls.rs"]
mod calls; // A 2207 as HIS clients send it.

const ROUNDS: usize = 15;
const TURNS: u32 = 200;
const KEY: &[u8; 16] = b"0123456789abcdef";

fn main() {
    let folder = tempfile::tempdir().expect("a folder to write in");
    let body = body();
    let signs = signings(&body);
    let mut ours: HashMap<&str, f64> = HashMap::new();
    let mut theirs: HashMap<String, f64> = HashMap::new();
    let peer = openssl(folder.path(), &body);
    for _ in 0..ROUNDS {
        for (name, run) in &signs {
            keep_best(ours.entry(*name).or_insert(f64::MAX), spent(run));
        }
        for (name, ns) in peer() {
            keep_best(theirs.entry(name).or_insert(f64::MAX), ns);
        }
    }
    println!("a body of {} bytes; best of {ROUNDS} interleaved rounds of {TURNS}\n", body.len());
    println!("| what a call costs | here, us | openssl library, us | of openssl |\n|---|--:|--:|--:|");
    for (name, _) in &signs {
        let (here, there) = (ours[name] / 1000.0, theirs.get(*name).map(|ns| ns / 1000.0));
        let (there, of) =
            there.map_or(("-".into(), "-".into()), |us| (format!("{us:.2}"), format!("{:.2}", here / us)));
        println!("| {name} | {here:.2} | {there} | {of} |");
    }
    identify(&body);
}

type Run = Box<dyn Fn()>;

/// The forms, named as in `openssl.c`.
fn signings(body: &[u8]) -> Vec<(&'static str, Run)> {
    let key = SoftKey::parse("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8").expect("a key");
    let public: String = key.public().iter().map(|byte| format!("{byte:02x}")).collect();
    let verifier = Verifier::parse(&public).expect("its public half");
    let signature = sm2::sign(&key, DEFAULT_USER_ID, body).expect("it signs");
    let secret = b"secretsecretsecret";
    let access = Csb { access_key: "ak", name: "2207", version: "1.0.0", timestamp: "1709136000042" };
    let copy = || body.to_vec();
    let (b1, b2, b3, b4, b5, b6) = (copy(), copy(), copy(), copy(), copy(), copy());
    let sealing = sealing();
    vec![
        ("x-tif", Box::new(|| _ = black_box(tif("paas", "secretsecretsecret", "1709136000", "12345678")))),
        ("csb", Box::new(move || _ = black_box(csb(access, secret, &[])))),
        (
            "x-ca",
            Box::new(move || {
                let mut covering = XCa::at("1709136000", secret);
                covering.covers(&b1);
                _ = black_box(covering.sign("H99"));
            }),
        ),
        ("sm2 sign", Box::new(move || _ = black_box(sm2::sign(&key, DEFAULT_USER_ID, &b2)))),
        ("sm2 verify", Box::new(move || assert!(verifier.verifies(DEFAULT_USER_ID, &b3, &signature)))),
        ("sm4-ecb", Box::new(move || _ = black_box(sm4::encrypt_ecb(KEY, &b4)))),
        ("sm4-cbc", Box::new(move || _ = black_box(sm4::encrypt_cbc(KEY, KEY, &b5)))),
        ("sealed input", Box::new(move || sealing(&b6))),
    ]
}

/// Signs and encrypts the `input` of a call.
fn sealing() -> impl Fn(&[u8]) {
    let terms = Terms { form: Form::SealedInput, ..Terms::default() };
    let key = SoftKey::parse("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8").expect("a key");
    let by = Credentials { account: "0123456789abcdef".into(), signer: Some(Arc::new(key)), ..Credentials::default() };
    let profile = Profile::load("baseline", &Texts::embedded()).expect("it is built in");
    let view = Mutex::new(None);
    let now = apply::Now { unix_ns: 0, nonce: "n".to_owned() };
    move |body| {
        let mut view = view.lock().expect("one thread");
        let view = view.get_or_insert_with(|| {
            let mut scanner = Scanner::new(profile.wanted(), None, None);
            scanner.feed(body);
            scanner.finish()
        });
        assert!(
            apply::sealed(&terms, &by, members::Body { bytes: body, view }, &now).is_ok_and(|sealed| sealed.is_some())
        );
    }
}

/// Builds the peer; each call of what comes back is one round.
fn openssl(folder: &Path, body: &[u8]) -> impl Fn() -> Vec<(String, f64)> + use<> {
    let (program, file): (PathBuf, PathBuf) = (folder.join("openssl"), folder.join("body"));
    std::fs::write(&file, body).expect("the folder takes a file");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/signing/openssl.c");
    let built = Command::new("cc").args(["-O2", "-o"]).arg(&program).args([source, "-lcrypto"]).status();
    assert!(built.is_ok_and(|status| status.success()), "run `scripts/packages libssl-dev` first");
    move || {
        let ran = Command::new(&program).arg(&file).args(["1", &TURNS.to_string()]).output().expect("it was built");
        assert!(ran.status.success(), "{ran:?}");
        let text = String::from_utf8(ran.stdout).expect("it prints text");
        let line =
            |line: &str| line.split_once('\t').map(|(name, ns)| (name.to_owned(), ns.parse().expect("a number")));
        text.lines().filter_map(line).collect()
    }
}

/// From bytes to transaction, envelope and key, beside one parse of the same bytes.
fn identify(body: &[u8]) {
    let profile = Profile::load("baseline", &Texts::embedded()).expect("it is built in");
    let headers = HeaderLines::new();
    let here = || {
        let mut scanner = Scanner::new(profile.wanted(), None, None);
        scanner.feed(body);
        let view = scanner.finish();
        let identity = profile.identify(b"/fsi/api", &headers, &view);
        let key = profile.key(profile.transaction(&identity.infno), &view);
        _ = black_box((profile.envelope(&view), key));
    };
    let scan = || {
        let mut scanner = Scanner::new(profile.wanted(), None, None);
        scanner.feed(body);
        _ = black_box(scanner.finish());
    };
    let parse = || _ = black_box(serde_json::from_slice::<serde_json::Value>(body).expect("it is JSON"));
    let (mut ours, mut scanned, mut theirs) = (f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        keep_best(&mut ours, spent(&here));
        keep_best(&mut scanned, spent(&scan));
        keep_best(&mut theirs, spent(&parse));
    }
    println!("\n| a 2207 of {} bytes | us | of one serde_json parse |\n|---|--:|--:|", body.len());
    for (name, ns) in
        [("scan", scanned), ("identify: scan, number, envelope, key", ours), ("serde_json to Value", theirs)]
    {
        println!("| {name} | {:.2} | {:.2} |", ns / 1000.0, ns / theirs);
    }
    println!("aim: identify at no more than 0.5 of the parse");
}

/// Nanoseconds of one run, as the mean of a round.
fn spent(run: &dyn Fn()) -> f64 {
    let from = Instant::now();
    for _ in 0..TURNS {
        run();
    }
    from.elapsed().as_nanos() as f64 / f64::from(TURNS)
}

fn keep_best(best: &mut f64, now: f64) {
    *best = best.min(now);
}

/// One call as the line bench sends it, without its head.
fn body() -> Vec<u8> {
    let mut call = Vec::new();
    calls::Calls::new().write_next(&mut call);
    let at = call.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    call.split_off(at + 4)
}
