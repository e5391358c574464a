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

mod exchanges; // What is written, made from its number.
mod opened; // Processes that fill, open and search.

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
use opened::{Measured, elsewhere, evict, files};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SMALL: u64 = 10_000;
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
    if let [_, asked, data, number, does @ ..] = &words[..]
        && asked == "--elsewhere"
    {
        opened::here(Path::new(data), number.parse().expect("a number"), does);
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
    /// After a kill: from the disk, and then from the machine's memory.
    uncached: Measured,
    cached: Measured,
    /// After a stop, from the disk.
    stopped: Measured,
}

fn run(folder: &Path, records: u64) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let sized = |name: &str, records: u64| {
        let data = folder.join(name);
        let exchanges = elsewhere(&data, &["fill"], records)["exchanges"] as u64;
        evict(&data);
        let uncached = elsewhere(&data, &["open", "search-uncached"], exchanges);
        let cached = elsewhere(&data, &["open", "search", "close"], exchanges);
        evict(&data);
        let stopped = elsewhere(&data, &["open", "close"], exchanges);
        Sized { data, exchanges, uncached, cached, stopped }
    };
    let (small, large) = (sized("small", SMALL), sized("large", records));
    let bytes: u64 = files(&large.data).iter().filter_map(|path| Some(path.metadata().ok()?.len())).sum();
    println!("{records} records ({} exchanges) in {:.1} GB, beside {SMALL}", large.exchanges, bytes as f64 / 1e9);
    println!("\n| | at {SMALL} | at {records} | ratio | aim |\n|---|--:|--:|--:|---|");
    let mut good = runtime.block_on(appending(&small, &large));
    let mut row = |name: &str, of: &dyn Fn(&Sized) -> f64, unit: &str, max: Option<f64>| {
        let (one, other) = (of(&small), of(&large));
        let aim = max.map_or(String::new(), |max| format!("<= {max:.0} {unit}"));
        println!("| {name} | {one:.2} {unit} | {other:.2} {unit} | {:.1} | {aim} |", other / one.max(1e-9));
        good &= max.is_none_or(|max| other <= max);
    };
    let (open, search) = (Some(OPEN_MS_MAX), Some(SEARCH_MS_MAX));
    row("open after a kill", &|of| of.cached["open"], "ms", open);
    row("open after a kill, nothing cached", &|of| of.uncached["open"], "ms", open);
    row("open after a stop, nothing cached", &|of| of.stopped["open"], "ms", open);
    for (name, _) in SEARCHED {
        for what in ["hit", "miss"] {
            let key = format!("{what} {name} p99");
            row(&format!("search by {name}, {what}, p99"), &|of| of.cached[&key], "ms", search);
        }
        let key = format!("uncached {name} p99");
        row(&format!("search by {name}, hit, index not cached, p99"), &|of| of.uncached[&key], "ms", search);
    }
    row("resident after opening", &|of| of.cached["opened"], "MB", Some(RESIDENT_MB_MAX));
    row("resident after searching", &|of| of.cached["resident"], "MB", Some(RESIDENT_MB_MAX));
    row("resident at most", &|of| of.cached["most"].max(of.stopped["most"]), "MB", None);
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Both journals append in turn; prints two rows, and says whether the large one keeps up.
async fn appending(small: &Sized, large: &Sized) -> bool {
    let journals = (open(&small.data).await, open(&large.data).await);
    let clock = Arc::new(SystemClock::start());
    // The spare is made beside the first records in real life; here it must not disturb one side only.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let numbers = Arc::new(AtomicU64::new(large.exchanges));
    let mut rounds: Vec<[Pace; 2]> = Vec::new();
    for nth in 0..ROUNDS {
        let (first, second) = if nth % 2 == 0 { (&journals.0, &journals.1) } else { (&journals.1, &journals.0) };
        let one = append(first, &clock, &numbers).await;
        let other = append(second, &clock, &numbers).await;
        rounds.push(if nth % 2 == 0 { [one, other] } else { [other, one] });
    }
    let median = |of: &dyn Fn(&[Pace; 2]) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let rate = median(&|[small, large]| large.rate / small.rate);
    let p99 = median(&|[small, large]| small.p99_ms / large.p99_ms);
    let (of_small, of_large) = (median(&|[small, _]| small.rate), median(&|[_, large]| large.rate));
    println!("| append with {CALLERS} callers | {of_small:.0}/s | {of_large:.0}/s | {rate:.2} | >= {RATIO_MIN} |");
    let (of_small, of_large) = (median(&|[small, _]| small.p99_ms), median(&|[_, large]| large.p99_ms));
    println!("| append p99 | {of_small:.2} ms | {of_large:.2} ms | {p99:.2} (small / large) | >= {RATIO_MIN} |");
    journals.0.close().await.expect("it closes");
    journals.1.close().await.expect("it closes");
    rate >= RATIO_MIN && p99 >= RATIO_MIN
}

/// What one round came to: records per second, and the wait at p99.
struct Pace {
    rate: f64,
    p99_ms: f64,
}

/// One round.
async fn append(journal: &Journal, clock: &Arc<SystemClock>, numbers: &Arc<AtomicU64>) -> Pace {
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
    let p99_ms = waits[waits.len() * 99 / 100].as_secs_f64() * 1e3;
    Pace { rate: waits.len() as f64 / took.as_secs_f64(), p99_ms }
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
