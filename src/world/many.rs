//! Many worlds: one told to a person, or a range of seeds on a few threads, until one fails.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::{Played, play};
use crate::domain::clock::{Clock, SystemClock};

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(2);
/// Where memory is a folder: keys and books of a world are forgotten with it.
const IN_MEMORY: &str = "/dev/shm";

/// Plays one world and tells its story; true when nothing is wrong with it.
///
/// # Errors
/// When it cannot be played, or `out` cannot be written.
pub fn one(seed: u64, out: &mut dyn Write) -> io::Result<bool> {
    let played = in_folder(seed)?;
    writeln!(out, "world {seed}")?;
    played.story.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    match played.findings.as_slice() {
        [] => writeln!(out, "everything holds")?,
        findings => findings.iter().try_for_each(|finding| writeln!(out, "DOES NOT HOLD  {finding}"))?,
    }
    Ok(played.findings.is_empty())
}

/// Plays the worlds of `first` to `last`, both taken, on `threads`; true when all hold. The first that does not ends it.
///
/// # Errors
/// When one cannot be played, or progress cannot be written.
pub fn range(first: u64, last: u64, threads: usize, progress: &mut dyn Write) -> io::Result<bool> {
    let (next, done) = (AtomicU64::new(first), AtomicU64::new(0));
    let (calls, kills, cases) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let bad: Mutex<Option<(u64, io::Result<Played>)>> = Mutex::new(None);
    let is_over = || bad.lock().map_or(true, |bad| bad.is_some());
    let clock = SystemClock::start();
    let told = |progress: &mut dyn Write| {
        let [done, calls, kills, cases] = [&done, &calls, &kills, &cases].map(|count| count.load(Ordering::Relaxed));
        let (worlds, seconds) = (last - first + 1, clock.mono_ns() / 1_000_000_000);
        writeln!(
            progress,
            "  {done}/{worlds} worlds in {seconds} s: {calls} calls to the platform, {kills} kills, {cases} open cases at the end"
        )
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while !is_over() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if last < seed {
                        break;
                    }
                    let played = in_folder(seed);
                    if let Ok(played) = &played {
                        calls.fetch_add(played.calls, Ordering::Relaxed);
                        kills.fetch_add(played.kills, Ordering::Relaxed);
                        cases.fetch_add(played.cases, Ordering::Relaxed);
                    }
                    if !played.as_ref().is_ok_and(|played| played.findings.is_empty())
                        && let Ok(mut bad) = bad.lock()
                    {
                        bad.get_or_insert((seed, played));
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while done.load(Ordering::Relaxed) < last - first + 1 && !is_over() {
            thread::park_timeout(PROGRESS);
            told(progress)?;
        }
        io::Result::Ok(())
    })?;
    match bad.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        None => Ok(true),
        Some((_, Err(error))) => Err(error),
        Some((seed, Ok(played))) => {
            played.findings.iter().try_for_each(|finding| writeln!(progress, "world {seed}: {finding}"))?;
            writeln!(progress, "look at it: medgate-sandbox world --seed {seed}")?;
            Ok(false)
        }
    }
}

/// Plays in a folder of its own, which is gone afterwards.
fn in_folder(seed: u64) -> io::Result<Played> {
    let folder = folder(seed);
    fs::create_dir_all(&folder)?;
    let played = play(seed, None, &folder);
    fs::remove_dir_all(&folder)?;
    played
}

fn folder(seed: u64) -> PathBuf {
    let base = Path::new(IN_MEMORY);
    let base = if base.is_dir() { base.to_owned() } else { std::env::temp_dir() };
    base.join(format!("medgate-world-{}-{seed}", std::process::id()))
}
