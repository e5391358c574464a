//! What a large journal costs beside a small one: `cargo bench --bench scale -- [RECORDS]`, 10 million records where nothing
//! else is said (some 4.9 million exchanges: INTENT, OUTCOME, and the hand-over of sixteen in one record). They are written
//! through the journal's own code, sealed as on the line, bodies small. It takes a quarter of an hour or more and refuses
//! without 40 GB of free room (less for fewer records); `MEDGATE_BENCH_DIR` says where. Nothing is left behind. No check runs
//! it.
//!
//! Printed is one table: the large journal beside one of 10,000 records in the same run. Both append in turn, so that the
//! disk's mood cancels out; each is opened in processes of its own, with and without its files in the machine's memory.
//! Bars: append rate and p99 at least 0.9 of the small one; opening within 2 s; every search within 50 ms at p99; at most
//! 400 MB resident.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures time and prints a table")]

mod exchanges;
mod opened;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use medgate::config::{self, Told};
use medgate::domain::clock::SystemClock;
use medgate::journal::Journal;
use medgate::journal::master::Master;

use exchanges::SEARCHED;
use opened::{Measured, elsewhere, files};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SMALL: u64 = 10_000;
const FILLERS: u64 = 256;
const CALLERS: u64 = 64;
const ROUNDS: usize = 12;
const ROUND_TIME: Duration = Duration::from_millis(1_500);
/// With runs, keys, and the journals' own room to grow.
const BYTES_FOR_A_RECORD: u64 = 4 << 10;
const BYTES_AT_LEAST: u64 = 4 << 30;

const OPEN_MS_MAX: f64 = 2_000.0;
const SEARCH_MS_MAX: f64 = 50.0;
const RESIDENT_MB_MAX: f64 = 400.0;
const RATIO_MIN: f64 = 0.9;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if let [_, asked, data, exchanges, cached, ..] = &words[..]
        && asked == "--opened"
    {
        opened::here(Path::new(data), exchanges.parse().expect("a number"), cached == "cached");
        return ExitCode::SUCCESS;
    }
    let records = words.iter().filter_map(|word| word.parse().ok()).next().unwrap_or(10_000_000u64);
    let folder = std::env::var("MEDGATE_BENCH_DIR").map_or_else(|_| std::env::temp_dir(), Into::into);
    let folder = tempfile::tempdir_in(folder).expect("a folder to write in");
    let (needed, free) = (BYTES_AT_LEAST.max(records * BYTES_FOR_A_RECORD), free(folder.path()));
    if free < needed {
        println!("{} MB are needed and {} MB free; MEDGATE_BENCH_DIR names another folder", needed >> 20, free >> 20);
        return ExitCode::FAILURE;
    }
    run(folder.path(), records)
}

fn free(folder: &Path) -> u64 {
    let room = rustix::fs::statvfs(folder).expect("the disk says how much is free");
    room.f_bavail * room.f_frsize
}

/// One of the two journals.
struct Sized {
    data: std::path::PathBuf,
    exchanges: u64,
    warm: Measured,
    cold: Measured,
}

fn run(folder: &Path, records: u64) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let sized = |name: &str, records: u64| {
        let data = folder.join(name);
        let exchanges = runtime.block_on(fill(&data, records));
        let cold = elsewhere(&data, exchanges, false);
        let warm = elsewhere(&data, exchanges, true);
        Sized { data, exchanges, warm, cold }
    };
    let (small, large) = (sized("small", SMALL), sized("large", records));
    let bytes: u64 = files(&large.data).iter().filter_map(|path| Some(path.metadata().ok()?.len())).sum();
    println!("{records} records ({} exchanges) in {:.1} GB, beside {SMALL}", large.exchanges, bytes as f64 / 1e9);
    println!("\n| | at {SMALL} | at {records} | ratio | aim |\n|---|--:|--:|--:|---|");
    let mut good = runtime.block_on(appending(&small, &large));
    let mut row = |name: &str, kind: &str, of: &dyn Fn(&Sized) -> f64, unit: &str, max: Option<f64>| {
        let (one, other) = (of(&small), of(&large));
        let aim = max.map_or(String::new(), |max| format!("<= {max:.0} {unit}"));
        println!("| {name}{kind} | {one:.2} {unit} | {other:.2} {unit} | {:.1} | {aim} |", other / one.max(1e-9));
        good &= max.is_none_or(|max| other <= max);
    };
    row("open", "", &|of| of.warm["open"], "ms", Some(OPEN_MS_MAX));
    row("open, files not cached", "", &|of| of.cold["open"], "ms", Some(OPEN_MS_MAX));
    for (name, _) in SEARCHED {
        for what in ["hit", "miss"] {
            let key = format!("{what} {name} p99");
            row("search by ", &key, &|of| of.warm[&key], "ms", Some(SEARCH_MS_MAX));
        }
        let key = format!("uncached hit {name} p99");
        row("search by ", &key, &|of| of.cold[&key], "ms", Some(SEARCH_MS_MAX));
    }
    row("resident after opening and searching", "", &|of| of.warm["resident"], "MB", Some(RESIDENT_MB_MAX));
    row("resident at most, while opening", "", &|of| of.warm["most ever"], "MB", None);
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes exchanges until the journal holds so many records; how many exchanges.
async fn fill(data: &Path, records: u64) -> u64 {
    let (journal, clock) = (open(data).await, Arc::new(SystemClock::start()));
    let (next, written) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    let tasks: Vec<_> = (0..FILLERS)
        .map(|_| {
            let (journal, clock, next, written) = (journal.clone(), clock.clone(), next.clone(), written.clone());
            tokio::spawn(async move {
                while written.load(Ordering::Relaxed) < records {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let more = exchanges::perform(&journal, &clock, number, &mut Vec::new()).await;
                    let now = written.fetch_add(more, Ordering::Relaxed) + more;
                    if now / (1 << 16) != (now - more) / (1 << 16) {
                        eprint!("\r{now} of {records} records, {:.0}/s ", now as f64 / began.elapsed().as_secs_f64());
                        let _ = std::io::stderr().flush();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends well");
    }
    eprintln!();
    journal.close().await.expect("it closes");
    next.load(Ordering::Relaxed)
}

/// Both journals append in turn; prints two rows, and says whether the large one keeps up.
async fn appending(small: &Sized, large: &Sized) -> bool {
    let journals = (open(&small.data).await, open(&large.data).await);
    let clock = Arc::new(SystemClock::start());
    // The spare is made beside the first records in real life; here it must not disturb one side only.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let numbers = Arc::new(AtomicU64::new(large.exchanges));
    let mut rounds = Vec::new();
    for nth in 0..ROUNDS {
        let (first, second) = if nth % 2 == 0 { (&journals.0, &journals.1) } else { (&journals.1, &journals.0) };
        let one = append(first, &clock, &numbers).await;
        let other = append(second, &clock, &numbers).await;
        rounds.push(if nth % 2 == 0 { (one, other) } else { (other, one) });
    }
    let median = |of: &dyn Fn(&((f64, f64), (f64, f64))) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let rate = median(&|(small, large)| large.0 / small.0);
    let p99 = median(&|(small, large)| small.1 / large.1);
    let (of_small, of_large) = (median(&|round| round.0.0), median(&|round| round.1.0));
    println!("| append with {CALLERS} callers | {of_small:.0}/s | {of_large:.0}/s | {rate:.2} | >= {RATIO_MIN} |");
    let (of_small, of_large) = (median(&|round| round.0.1), median(&|round| round.1.1));
    println!("| append p99 | {of_small:.2} ms | {of_large:.2} ms | {p99:.2} (small / large) | >= {RATIO_MIN} |");
    journals.0.close().await.expect("it closes");
    journals.1.close().await.expect("it closes");
    rate >= RATIO_MIN && p99 >= RATIO_MIN
}

/// One round: records per second, and the wait at p99 in milliseconds.
async fn append(journal: &Journal, clock: &Arc<SystemClock>, numbers: &Arc<AtomicU64>) -> (f64, f64) {
    let began = Instant::now();
    let tasks: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (journal, clock, numbers) = (journal.clone(), clock.clone(), numbers.clone());
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while began.elapsed() < ROUND_TIME {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    exchanges::perform(&journal, &clock, number, &mut waits).await;
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.expect("it ends well"));
    }
    let took = began.elapsed();
    waits.sort_unstable();
    (waits.len() as f64 / took.as_secs_f64(), waits[waits.len() * 99 / 100].as_secs_f64() * 1e3)
}

/// Opens a journal with the default settings.
async fn open(data: &Path) -> Journal {
    let url = vec![("MEDGATE__UPSTREAM__DEFAULT__URL".to_owned(), "http://127.0.0.1:9".to_owned())];
    let settings = config::load(&Told { env: url, ..Told::default() }).expect("defaults").settings;
    let (data, clock) = (data.to_owned(), Arc::new(SystemClock::start()));
    let opened = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&data).expect("a folder");
        Journal::open(&settings.journal, &data, &Master::Beside, clock).expect("it opens").0
    });
    opened.await.expect("no panic")
}
