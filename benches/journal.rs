//! Group commit beside a raw loop: how much of the disk's own speed the journal hands on.
//!
//! In each round, interleaved: the journal with N callers that each wait for their record; a raw loop over a zero-filled
//! file with the same batches and bytes; the same raw loop over a growing file. Printed are medians and the ratio of
//! each pair within its round, so that the disk's mood cancels out. The bar is journal / raw >= 0.8.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures time and prints a table")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use medgate::domain::clock::SystemClock;
use medgate::domain::exchange::Seq;
use medgate::journal::cipher::Cipher;
use medgate::journal::facts::{Fact, Facts};
use medgate::journal::frame::Frame;
use medgate::journal::lock::Lock;
use medgate::journal::pen::clear_frame;
use medgate::journal::reader::Reader;
use medgate::journal::record::{Header, Kind};
use medgate::journal::running::{Running, fresh};
use medgate::journal::settings::Settings;

const FRAME_BYTES: usize = 4096;
const ROUNDS: usize = 15;
const SEGMENT_BYTES: u64 = 96 << 20;
const ROUND_TIME: Duration = Duration::from_millis(400);

fn main() {
    let folder = std::env::var("MEDGATE_BENCH_DIR").map_or_else(|_| std::env::temp_dir(), Into::into);
    let folder = tempfile::tempdir_in(folder).expect("a folder to write in");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    println!(
        "journal beside a raw write + fdatasync loop, {FRAME_BYTES}-byte records, medians of {ROUNDS} interleaved rounds"
    );
    println!(
        "| callers | journal rec/s | raw, zero-filled | raw, growing | records/batch | p50 journal | p50 raw | journal / raw | journal / growing |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for callers in [1, 16, 64] {
        let rounds: Vec<Round> = (0..ROUNDS).map(|_| round(&runtime, folder.path(), callers)).collect();
        print_row(callers, &rounds);
    }
}

/// One round: what was reached per second.
struct Round {
    journal: f64,
    zeroed: f64,
    growing: f64,
    per_batch: f64,
    journal_p50: f64,
    zeroed_p50: f64,
}

fn round(runtime: &tokio::runtime::Runtime, folder: &Path, callers: usize) -> Round {
    let (batches, took, journal_p50) = runtime.block_on(journal(folder, callers));
    let records: usize = batches.iter().sum();
    let (zeroed, zeroed_p50) = raw(&folder.join("zeroed"), &batches, true);
    let (growing, _) = raw(&folder.join("growing"), &batches, false);
    let per_second = |took: Duration| records as f64 / took.as_secs_f64();
    Round {
        journal: per_second(took),
        zeroed: per_second(zeroed),
        growing: per_second(growing),
        per_batch: records as f64 / batches.len() as f64,
        journal_p50,
        zeroed_p50,
    }
}

fn print_row(callers: usize, rounds: &[Round]) {
    let median = |of: &dyn Fn(&Round) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!(
        "| {callers} | {:.0} | {:.0} | {:.0} | {:.1} | {:.0} us | {:.0} us | {:.2} | {:.2} |",
        median(&|r| r.journal),
        median(&|r| r.zeroed),
        median(&|r| r.growing),
        median(&|r| r.per_batch),
        median(&|r| r.journal_p50),
        median(&|r| r.zeroed_p50),
        median(&|r| r.journal / r.zeroed),
        median(&|r| r.journal / r.growing),
    );
}

/// Callers append and wait; returns how many records each batch held, the time, and the median wait in microseconds.
async fn journal(folder: &Path, callers: usize) -> (Vec<usize>, Duration, f64) {
    let data = tempfile::tempdir_in(folder).expect("a folder to write in");
    let settings = Settings {
        segment_bytes: SEGMENT_BYTES,
        cipher: Cipher::Sm4Gcm,
        compression_level: 1,
        memory_bytes_max: 64 << 20,
        mark_idle_ms: 20,
        spare_retry_ms: 1000,
        reopen_retry_ms: 1000,
        room_wait_ms: 5000,
        master_key: String::new(),
    };
    let clock = Arc::new(SystemClock::start());
    let fresh = fresh().expect("random numbers");
    let entries_of = Arc::new(|_: &Header, _: &Facts| Vec::new()) as _;
    let lock = Lock::take(data.path()).expect("the folder is ours");
    let (journal, _) =
        Running::open(lock, &settings, data.path(), fresh, clock, &entries_of).expect("the journal opens");
    let journal = Arc::new(journal);
    // The spare is made beside the first records in real life; here it must not disturb one side only.
    let settled = journal.gauges().records.load(Ordering::Relaxed);
    while journal.room_free() < SEGMENT_BYTES + SEGMENT_BYTES / 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let first = journal.append(frame()).await.expect("it is open");
    let began = Instant::now();
    let tasks: Vec<_> = (0..callers).map(|_| tokio::spawn(caller(journal.clone(), began))).collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.expect("callers end well"));
    }
    let took = began.elapsed();
    assert!(journal.gauges().records.load(Ordering::Relaxed) > settled);
    let batches = batches(journal.records(Seq(first.0 + 1)));
    journal.close().await.expect("it seals");
    waits.sort_unstable();
    (batches, took, waits[waits.len() / 2].as_nanos() as f64 / 1000.0)
}

async fn caller(journal: Arc<Running>, began: Instant) -> Vec<Duration> {
    let mut waits = Vec::new();
    let made = frame();
    while began.elapsed() < ROUND_TIME {
        // What it costs to make a record is not the question here; the line pays for that on its own tasks.
        let frame = made.clone();
        let at = Instant::now();
        journal.append(frame).await.expect("it is open");
        waits.push(at.elapsed());
    }
    waits
}

/// Records with the same witness were formed together.
fn batches(mut reader: Reader) -> Vec<usize> {
    let mut sizes = Vec::new();
    let mut witness = None;
    while let Some(record) = reader.next_record().expect("records read back") {
        if witness != Some(record.header.durable_seq) {
            witness = Some(record.header.durable_seq);
            sizes.push(0);
        }
        *sizes.last_mut().expect("one was pushed") += 1;
    }
    sizes
}

fn frame() -> Frame {
    let mut facts = Facts::default();
    facts.bytes(Fact::Reason, vec![7; FRAME_BYTES - 320 - 6]);
    clear_frame(Header::new(Kind::Note), &facts)
}

/// The same batches written and synced one after the other, nothing else; the time and the median batch.
fn raw(path: &Path, batches: &[usize], zero_filled: bool) -> (Duration, f64) {
    let file = File::create(path).expect("a file to write");
    if zero_filled {
        let total: usize = batches.iter().map(|records| records * FRAME_BYTES).sum();
        let zeros = vec![0; 1 << 20];
        for at in (0..total + zeros.len()).step_by(zeros.len()) {
            file.write_all_at(&zeros, at as u64).expect("zeros are written");
        }
        file.sync_all().expect("zeros are synced");
    }
    let largest = batches.iter().max().copied().unwrap_or(1);
    let bytes = vec![7; largest * FRAME_BYTES];
    let mut at = 0;
    let mut waits = Vec::new();
    let began = Instant::now();
    for records in batches {
        let batch = &bytes[..records * FRAME_BYTES];
        let batch_began = Instant::now();
        file.write_all_at(batch, at).expect("a batch is written");
        file.sync_data().expect("a batch is synced");
        waits.push(batch_began.elapsed());
        at += batch.len() as u64;
    }
    let took = began.elapsed();
    drop(file);
    std::fs::remove_file(path).expect("the file is removed");
    waits.sort_unstable();
    (took, waits[waits.len() / 2].as_nanos() as f64 / 1000.0)
}
