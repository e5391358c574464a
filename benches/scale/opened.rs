//! A journal opened in a process of its own: how long that takes, what stays resident, how long every search takes.
//! The parent starts it anew for each question, so that nothing of the filling is in its memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use medgate::journal::Journal;
use rustix::fs::{Advice, fadvise};

use crate::exchanges::{SEARCHED, UNWRITTEN, token};
use crate::open;

const SEARCHES: u64 = 2_000;
const UNCACHED_SEARCHES: u64 = 200;

/// What the other process measured, by name; times in milliseconds, memory in MB.
pub type Measured = BTreeMap<String, f64>;

/// Opens the journal of `data`, which holds `exchanges`, in another process. `cached` leaves in memory what the machine
/// keeps of its files.
pub fn elsewhere(data: &Path, exchanges: u64, cached: bool) -> Measured {
    if !cached {
        evict(data);
    }
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.arg("--opened").arg(data).arg(exchanges.to_string()).arg(if cached { "cached" } else { "uncached" });
    let done = command.stderr(Stdio::inherit()).output().expect("it starts");
    assert!(done.status.success(), "the journal was not opened");
    let words = String::from_utf8(done.stdout).expect("text");
    let line =
        |line: &str| line.rsplit_once(' ').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
    words.lines().filter_map(line).collect()
}

/// The other process.
pub fn here(data: &Path, exchanges: u64, cached: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let began = Instant::now();
        let journal = open(data).await;
        println!("open {}", millis(began.elapsed()));
        println!("resident after opening {}", memory("VmRSS:"));
        for (name, kind) in SEARCHED {
            let mut found = |what: &str, searches: u64, number: &dyn Fn(u64) -> u64, hit: bool, evicts: bool| {
                let mut times: Vec<Duration> = Vec::new();
                for nth in 0..searches {
                    if evicts {
                        evict(&data.join("index"));
                    }
                    let token = token(journal.tokens(), kind, number(nth));
                    let began = Instant::now();
                    assert_eq!(search(&journal, kind, token), hit, "{name} of exchange {}", number(nth));
                    times.push(began.elapsed());
                }
                times.sort_unstable();
                println!("{what} {name} p50 {}", millis(times[times.len() / 2]));
                println!("{what} {name} p99 {}", millis(times[times.len() * 99 / 100]));
            };
            let some = |nth: u64| nth.wrapping_mul(0x9E37_79B9_7F4A_7C15) % exchanges;
            found("hit", SEARCHES, &some, true, false);
            found("miss", SEARCHES, &|nth| UNWRITTEN + nth, false, false);
            if !cached {
                found("uncached hit", UNCACHED_SEARCHES, &|nth| some(nth + SEARCHES), true, true);
            }
        }
        println!("resident {}", memory("VmRSS:"));
        println!("most ever {}", memory("VmHWM:"));
        journal.close().await.expect("it closes");
    });
}

/// Looks in the index and reads the newest record; whether there is one.
fn search(journal: &Journal, kind: medgate::journal::entry::EntryKind, token: medgate::domain::token::Token) -> bool {
    let places = journal.lookup(kind, token).expect("the index is read");
    places.last().map(|place| journal.read(*place).expect("the record is read")).is_some()
}

/// Takes what the machine keeps of the files of a folder out of memory.
fn evict(folder: &Path) {
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
