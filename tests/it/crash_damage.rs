//! Damage is told from a torn tail: the program refuses the one with file, place and cure, and sets the other aside.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use medgate::domain::clock::SystemClock;
use medgate::journal::Place;
use medgate::journal::record::Kind;
use medgate::journal::segment;
use medgate::sandbox::Sandbox;
use medgate::sandbox::ledger::Habits;
use medgate::sandbox::platform::Settings;

use crate::crash_evidence::Evidence;
use crate::crash_repeat::settlement;
use crate::crash_rig::{Ended, Gateway, SEGMENT_BYTES, Serve, medgate, run, said, until};

const TARGET: &str = "/fsi/api/hsa/hgs/2207";

/// A data folder of a gateway that stopped.
struct Stopped {
    data: tempfile::TempDir,
    sandbox: Sandbox,
}

impl Stopped {
    async fn new() -> Stopped {
        let settings = Settings { habits: Habits { lenient: true, ..Habits::default() }, ..Settings::default() };
        let clock = Arc::new(SystemClock::start());
        let sandbox = Sandbox::start("127.0.0.1:0".parse().unwrap(), settings, clock).await.unwrap();
        Stopped { data: tempfile::tempdir().unwrap(), sandbox }
    }

    /// After five settlements, killed when the last batch had its witness.
    async fn killed() -> Stopped {
        let stopped = Stopped::new().await;
        let gateway = stopped.serve().start().await;
        stopped.settle(&gateway, "day", 5).await;
        let last_is_mark =
            || Evidence::in_folder(stopped.path()).records.last().is_some_and(|last| is(last.0, Kind::Mark));
        until("the Mark", || async { last_is_mark().then_some(()) }).await;
        gateway.kill();
        stopped
    }

    /// With as many sealed segments, each of one clean run.
    async fn sealed(segments: u32) -> Stopped {
        let stopped = Stopped::new().await;
        for run in 0..segments {
            let gateway = stopped.serve().start().await;
            stopped.settle(&gateway, &format!("run{run}"), 1).await;
            assert!(gateway.stop().await.success());
        }
        assert_eq!(Evidence::in_folder(stopped.path()).segment_no(), segments);
        stopped
    }

    fn serve(&self) -> Serve {
        Serve::on(self.path(), self.sandbox.addr())
    }

    async fn settle(&self, gateway: &Gateway, name: &str, count: u32) {
        for nth in 0..count {
            let answer = gateway.call(TARGET, &settlement(&format!("{name}{nth}"), &format!("{name}{nth}"), 1)).await;
            assert!(String::from_utf8_lossy(&answer.body).contains("setl_id"));
        }
    }

    fn path(&self) -> &Path {
        self.data.path()
    }

    fn segment(&self, number: u32) -> PathBuf {
        self.path().join(segment::path(number))
    }

    /// Starts it again: it takes calls, and all that was there still is.
    async fn goes_on(&self) -> Evidence {
        let before = Evidence::in_folder(self.path());
        let gateway = self.serve().start().await;
        self.settle(&gateway, "later", 1).await;
        gateway.kill();
        let after = Evidence::in_folder(self.path());
        assert!(before.intents.keys().all(|seq| after.intents.contains_key(seq)), "an intent is gone");
        assert_eq!(after.intents.len(), before.intents.len() + 1);
        assert!(run(verify(self.path())).status.success());
        after
    }
}

fn is(code: u8, kind: Kind) -> bool {
    Kind::from_code(code) == Some(kind)
}

fn verify(data: &Path) -> std::process::Command {
    let mut command = medgate(&["journal", "verify", "--data"]);
    command.arg(data);
    command
}

fn flip(file: &Path, at: u64, bit: u8) {
    let file = File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << bit)], at).unwrap();
}

/// Exit code 1, and a message with the file, the place and what to do.
fn names(ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    for part in parts {
        assert!(ended.said.contains(part), "`{part}` is not in: {}", ended.said);
    }
}

/// Tears the end of a segment: the file, where its last record begins and ends, and bytes that are no record.
type Tear = fn(&File, u64, u64, &[u8]);

/// Place and length of the first record of a kind.
fn first(evidence: &Evidence, kind: Kind) -> (Place, u64) {
    let (_, place, len) = evidence.records.iter().find(|(code, ..)| is(*code, kind)).unwrap();
    (*place, u64::from(*len))
}

#[tokio::test]
async fn a_flipped_bit_in_an_acknowledged_record_is_refused_with_file_place_and_cure() {
    let stopped = Stopped::killed().await;
    let (place, len) = first(&Evidence::in_folder(stopped.path()), Kind::Outcome);
    let at = u64::from(place.offset);
    // Its number, its payload, its last byte, its magic.
    for (offset, bit) in [(at + 16, 0), (at + 400, 3), (at + len - 1, 7), (at, 1)] {
        flip(&stopped.segment(1), offset, bit);
        let damaged = fs::read(stopped.segment(1)).unwrap();
        let ended = stopped.serve().refused().await;
        let (where_, record) = (format!("damaged at offset {at}"), format!("record {}", place.seq));
        names(
            &ended,
            &["journal/0000000001.seg", &where_, &record, "restore this file from a backup", "journal verify"],
        );
        assert!(fs::read(stopped.segment(1)).unwrap() == damaged, "a refused journal was changed");
        let checked = run(verify(stopped.path()));
        assert_eq!(checked.status.code(), Some(1), "{}", said(&checked));
        assert!(said(&checked).contains("0000000001.seg"), "{}", said(&checked));
        flip(&stopped.segment(1), offset, bit);
    }
    stopped.goes_on().await;
}

#[tokio::test]
async fn a_torn_tail_is_set_aside_in_quarantine_and_named() {
    let garbage = b"MGR1 and then no record".to_vec();
    let tears: [(&str, Tear); 3] = [
        ("garbage behind the last record", |file, _, end, garbage| file.write_all_at(garbage, end).unwrap()),
        ("half of the last record", |file, at, end, _| {
            let half = (at + end) / 2;
            file.write_all_at(&vec![0; (end - half) as usize], half).unwrap();
        }),
        ("the file cut inside the last record", |file, at, end, _| file.set_len((at + end) / 2).unwrap()),
    ];
    for (what, tear) in tears {
        let stopped = Stopped::killed().await;
        let evidence = Evidence::in_folder(stopped.path());
        let at = u64::from(evidence.records.last().unwrap().1.offset);
        tear(&OpenOptions::new().write(true).open(stopped.segment(1)).unwrap(), at, evidence.end(), &garbage);
        let whole_until = Evidence::in_folder(stopped.path()).end();
        let torn = fs::read(stopped.segment(1)).unwrap()[whole_until as usize..].to_vec();

        let after = stopped.goes_on().await;
        let [name] = after.cut_files.as_slice() else { panic!("{what}: {:?}", after.cut_files) };
        let kept = fs::read(stopped.path().join("quarantine").join(name)).unwrap();
        assert!(!kept.is_empty() && torn.starts_with(&kept), "{what}");
        assert!(torn[kept.len()..].iter().all(|byte| *byte == 0), "{what}: bytes were lost");
    }
}

#[tokio::test]
async fn a_torn_tail_is_an_alarm_in_the_log() {
    let stopped = Stopped::killed().await;
    let end = Evidence::in_folder(stopped.path()).end();
    OpenOptions::new().write(true).open(stopped.segment(1)).unwrap().write_all_at(b"torn", end).unwrap();
    let mut gateway = stopped.serve().start().await;
    let log = gateway.log().to_owned();
    assert!(log.lines().any(|line| line.contains("\"ERROR\"") && line.contains("quarantine/")), "{log}");
}

#[tokio::test]
async fn a_missing_or_foreign_segment_is_refused_with_a_cure() {
    let (stopped, other) = (Stopped::sealed(3).await, Stopped::sealed(2).await);
    let second = fs::read(stopped.segment(2)).unwrap();
    fs::remove_file(stopped.segment(2)).unwrap();
    let ended = stopped.serve().refused().await;
    names(&ended, &["journal/0000000003.seg", "segment 2 is missing before it", "put the missing segment back"]);

    fs::copy(other.segment(2), stopped.segment(2)).unwrap();
    let ended = stopped.serve().refused().await;
    names(&ended, &["journal/0000000002.seg", "belongs to another journal", "take the foreign file out"]);

    fs::copy(stopped.segment(1), stopped.segment(2)).unwrap();
    let ended = stopped.serve().refused().await;
    names(&ended, &["journal/0000000002.seg", "says that it is segment 1", "take the foreign file out"]);

    fs::write(stopped.segment(2), &second).unwrap();
    stopped.goes_on().await;
}

#[tokio::test]
async fn a_flipped_bit_in_a_sealed_segment_is_found_by_verify() {
    let stopped = Stopped::sealed(2).await;
    let evidence = Evidence::in_folder(stopped.path());
    let (place, _) = first(&evidence, Kind::Intent);
    flip(&stopped.segment(1), u64::from(place.offset) + 350, 2);
    let checked = run(verify(stopped.path()));
    assert_eq!(checked.status.code(), Some(1), "{}", said(&checked));
    assert!(said(&checked).contains("0000000001.seg"), "{}", said(&checked));
    flip(&stopped.segment(1), u64::from(place.offset) + 350, 2);
    assert!(run(verify(stopped.path())).status.success());
    assert!(fs::metadata(stopped.segment(1)).unwrap().len() < SEGMENT_BYTES, "a sealed segment has no tail");
}
