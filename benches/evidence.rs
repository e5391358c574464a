//! What proof costs: verifying beside the openssl program over the same bytes, and appending while the notary seals every
//! second beside appending without it. Interleaved rounds; printed are medians and ratios within each round.
//!
//! Bars: verification at least 0.6 of `openssl dgst -sm3`, single-threaded; appending with seals at least 0.95 of without.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures time and prints a table")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use medgate::config::{self, Told};
use medgate::domain::clock::SystemClock;
use medgate::evidence::verify::{Asked, verify};
use medgate::evidence::{Notary, seal_key};
use medgate::journal::draft::{Draft, Sealed};
use medgate::journal::master::Master;
use medgate::journal::record::Kind;
use medgate::journal::{Journal, segment};
use medgate::signing::sm2::Verifier;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const BODY_BYTES: usize = 2048;
const RECORDS: usize = 60_000;
const CALLERS: usize = 16;
const ROUNDS: usize = 7;
const ROUND_TIME: Duration = Duration::from_secs(3);

fn main() {
    let folder = std::env::var("MEDGATE_BENCH_DIR").map_or_else(|_| std::env::temp_dir(), PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    verification(&runtime, &folder);
    appending(&runtime, &folder);
}

fn verification(runtime: &tokio::runtime::Runtime, folder: &Path) {
    let data = runtime.block_on(async {
        let (data, journal, notary) = open(folder).await;
        let each = RECORDS / CALLERS;
        join((0..CALLERS).map(|_| append(journal.clone(), move |done, _| done == each))).await;
        journal.close().await.expect("it closes");
        notary.seal_closed().await;
        data
    });
    let key = std::fs::read_to_string(data.path().join(seal_key::PUBLIC)).expect("the public key");
    let keys = [Verifier::parse(&key).expect("a key")];
    let segments: Vec<PathBuf> =
        (1..).map(|number| data.path().join(segment::path(number))).take_while(|path| path.exists()).collect();
    let bytes: u64 = segments.iter().map(|path| path.metadata().expect("a file").len()).sum();
    let mb = bytes as f64 / 1e6;
    let rounds: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            let verdict = verify(&Asked { data: data.path(), keys: &keys, anchor: None }).expect("it can be read");
            assert_eq!(verdict.exit_code(), 0, "{}", verdict.text());
            let ours = mb / began.elapsed().as_secs_f64();
            let began = Instant::now();
            let mut openssl = Command::new("openssl");
            openssl.args(["dgst", "-sm3"]).args(&segments).stdout(Stdio::null());
            assert!(openssl.status().expect("openssl is installed").success());
            (ours, mb / began.elapsed().as_secs_f64())
        })
        .collect();
    println!(
        "verification, one thread, {mb:.0} MB in {RECORDS} records of {BODY_BYTES} bytes and more, {ROUNDS} rounds"
    );
    println!("| verify MB/s | openssl dgst -sm3 MB/s | verify / openssl |\n|--:|--:|--:|");
    let ratio = median(rounds.iter().map(|(ours, theirs)| ours / theirs));
    let (ours, theirs) = (median(rounds.iter().map(|round| round.0)), median(rounds.iter().map(|round| round.1)));
    println!("| {ours:.0} | {theirs:.0} | {ratio:.2} (bar 0.6) |\n");
}

fn appending(runtime: &tokio::runtime::Runtime, folder: &Path) {
    let rounds: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|nth| {
            let one = |seals: bool| runtime.block_on(appended(folder, seals));
            // Each goes first in turn.
            if nth % 2 == 0 {
                let with = one(true);
                (with, one(false))
            } else {
                let without = one(false);
                (one(true), without)
            }
        })
        .collect();
    println!("appending with {CALLERS} callers, a seal a second beside none, {ROUNDS} rounds of {ROUND_TIME:?}");
    println!("| with seals rec/s | without rec/s | with / without |\n|--:|--:|--:|");
    let ratio = median(rounds.iter().map(|(with, without)| with / without));
    let (with, without) = (median(rounds.iter().map(|round| round.0)), median(rounds.iter().map(|round| round.1)));
    println!("| {with:.0} | {without:.0} | {ratio:.2} (bar 0.95) |");
}

async fn appended(folder: &Path, seals: bool) -> f64 {
    let (_data, journal, notary) = open(folder).await;
    let stop = CancellationToken::new();
    let sealing = seals.then(|| tokio::spawn(notary.keep(stop.clone())));
    let began = Instant::now();
    let done = join((0..CALLERS).map(|_| append(journal.clone(), move |_, _| began.elapsed() > ROUND_TIME))).await;
    let took = began.elapsed();
    stop.cancel();
    if let Some(sealing) = sealing {
        sealing.await.expect("it ends");
    }
    journal.close().await.expect("it closes");
    done.into_iter().sum::<usize>() as f64 / took.as_secs_f64()
}

async fn open(folder: &Path) -> (TempDir, Journal, Arc<Notary>) {
    let data = tempfile::tempdir_in(folder).expect("a folder to write in");
    let url = vec![("MEDGATE__UPSTREAM__DEFAULT__URL".to_owned(), "http://127.0.0.1:9".to_owned())];
    let mut settings = config::load(&Told { env: url, ..Told::default() }).expect("defaults").settings;
    settings.seal.every_seconds = 1;
    let clock = Arc::new(SystemClock::start());
    let path = data.path().to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        let (journal, _) = Journal::open(&settings.journal, &path, &Master::Beside, clock.clone()).expect("it opens");
        let notary = Notary::open(journal.clone(), &path, &settings.seal, None, clock).expect("it can seal");
        (journal, notary)
    });
    let (journal, notary) = opened.await.expect("no panic");
    (data, journal, Arc::new(notary))
}

/// Appends until told to end; how many.
async fn append(journal: Journal, ends: impl Fn(usize, &Journal) -> bool) -> usize {
    let mut body = vec![0; BODY_BYTES];
    getrandom::fill(&mut body).expect("random bytes");
    let body = Bytes::from(body);
    let mut done = 0;
    while !ends(done, &journal) {
        let mut draft = Draft::new(Kind::Note);
        draft.sealed = Some(Sealed { other: Some(body.clone()), ..Sealed::default() });
        journal.append(draft).await.expect("it is open");
        done += 1;
    }
    done
}

async fn join(tasks: impl Iterator<Item = impl Future<Output = usize> + Send + 'static>) -> Vec<usize> {
    let tasks: Vec<_> = tasks.map(tokio::spawn).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.expect("callers end well"));
    }
    done
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
