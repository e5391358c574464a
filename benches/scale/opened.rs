//! Processes that fill and open a journal, each anew, so that nothing of one is in the memory of the next: how long opening
//! takes, what stays resident, how long every search takes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use medgate::domain::clock::SystemClock;
use medgate::journal::Journal;
use medgate::journal::entry::EntryKind;
use rustix::fs::{Advice, fadvise};

use crate::exchanges::{self, SEARCHED, UNWRITTEN, token};
use crate::open;

const FILLERS: u64 = 256;
/// Of some 260,000 that fit a segment.
const FULL_SEGMENT: u64 = 200_000;
const SEARCHES: u64 = 2_000;
const UNCACHED_SEARCHES: u64 = 200;

/// What the other process measured, by name; times in milliseconds, memory in MB.
pub type Measured = BTreeMap<String, f64>;

/// Does something in another process: `fill` (records), or `open` (exchanges), with what it shall do then: `search`,
/// `search-uncached`, `close`. A process that does not close ends as if it were killed.
pub fn elsewhere(data: &Path, does: &[&str], number: u64) -> Measured {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.arg("--elsewhere").arg(data).arg(number.to_string()).args(does);
    let done = command.stderr(Stdio::inherit()).output().expect("it starts");
    assert!(done.status.success(), "the other process failed");
    let words = String::from_utf8(done.stdout).expect("text");
    let line =
        |line: &str| line.rsplit_once(' ').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
    words.lines().filter_map(line).collect()
}

/// The other process.
pub fn here(data: &Path, number: u64, does: &[String]) -> ! {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let does = |what: &str| does.iter().any(|does| does == what);
    runtime.block_on(async {
        if does("fill") {
            println!("exchanges {}", fill(data, number).await);
            return;
        }
        let began = Instant::now();
        let journal = open(data).await;
        println!("open {}", millis(began.elapsed()));
        println!("opened {}", memory("VmRSS:"));
        let some = |nth: u64| nth.wrapping_mul(0x9E37_79B9_7F4A_7C15) % number;
        for (name, kind) in SEARCHED {
            if does("search") {
                searches(&journal, (name, kind), "hit", true, &mut (0..SEARCHES).map(some));
                searches(&journal, (name, kind), "miss", false, &mut (0..SEARCHES).map(|nth| UNWRITTEN + nth));
            }
            if does("search-uncached") {
                let index = data.join("index");
                let mut evicting = (0..UNCACHED_SEARCHES).map(|nth| {
                    evict(&index);
                    some(nth + SEARCHES)
                });
                searches(&journal, (name, kind), "uncached", true, &mut evicting);
            }
        }
        println!("resident {}", memory("VmRSS:"));
        println!("most {}", memory("VmHWM:"));
        if does("close") {
            journal.close().await.expect("it closes");
        }
        std::mem::forget(journal);
    });
    // Nothing was dropped, so nothing is sealed.
    std::process::exit(0)
}

/// Searches for some exchanges, each of which must be found or must not be; prints the times.
fn searches(journal: &Journal, of: (&str, EntryKind), what: &str, there: bool, numbers: &mut dyn Iterator<Item = u64>) {
    let mut times: Vec<Duration> = numbers
        .map(|number| {
            let token = token(journal.tokens(), of.1, number);
            let began = Instant::now();
            let places = journal.lookup(of.1, token).expect("the index is read");
            let newest = places.last().map(|place| journal.read(*place).expect("the record is read"));
            assert_eq!(newest.is_some(), there, "{} of exchange {number}", of.0);
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("{what} {} p50 {}", of.0, millis(times[times.len() / 2]));
    println!("{what} {} p99 {}", of.0, millis(times[times.len() * 99 / 100]));
}

/// Writes exchanges until the journal holds so many records, and then until its last segment is nearly full: an opening
/// reads that one. How many exchanges.
async fn fill(data: &Path, records: u64) -> u64 {
    let (journal, clock) = (open(data).await, Arc::new(SystemClock::start()));
    let (next, written, rolled_at) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(0), AtomicU64::new(0));
    let shared = Arc::new((written, rolled_at, AtomicU32::new(1)));
    let began = Instant::now();
    let tasks: Vec<_> = (0..FILLERS)
        .map(|_| {
            let (journal, clock, next, shared) = (journal.clone(), clock.clone(), next.clone(), shared.clone());
            tokio::spawn(async move {
                let (written, rolled_at, segment) = &*shared;
                let mut waits = Vec::new();
                loop {
                    let so_far = written.load(Ordering::Relaxed);
                    let behind_roll = so_far - rolled_at.load(Ordering::Relaxed).min(so_far);
                    if records <= so_far && (records < FULL_SEGMENT || FULL_SEGMENT <= behind_roll) {
                        return;
                    }
                    waits.clear();
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let now = exchanges::perform(&journal, &clock, number, &mut waits).await;
                    let now = written.fetch_add(now, Ordering::Relaxed) + now;
                    if segment.swap(journal.segment_no(), Ordering::Relaxed) != journal.segment_no() {
                        rolled_at.store(now, Ordering::Relaxed);
                        let rate = now as f64 / began.elapsed().as_secs_f64();
                        eprint!("\r{now} of {records} records, {rate:.0} a second ");
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
    std::mem::forget(journal);
    next.load(Ordering::Relaxed)
}

/// Takes what the machine keeps of the files of a folder out of memory.
pub fn evict(folder: &Path) {
    for path in files(folder) {
        if let Ok(file) = std::fs::File::open(path) {
            let _ = fadvise(&file, 0, None, Advice::DontNeed);
        }
    }
}

/// All files of a folder and of those in it.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").filter_map(|entry| Some(entry.ok()?.path()));
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Of `/proc/self/status`, in MB.
fn memory(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux machine");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of it");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1e3
}
