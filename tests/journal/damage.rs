//! Damage of what was once durable is refused and named; a torn tail is not.

use medgate::domain::token::Token;
use medgate::journal::entry::EntryKind;
use medgate::journal::open::OpenError;
use medgate::journal::recovery::RecoverError;
use medgate::journal::segment;
use medgate::journal::shelf::Store;
use medgate::journal::verify::{End, verify_disk};
use medgate::sandbox::disk::{Faults, SimDisk};
use medgate::sandbox::draw::Draw;

use crate::life::{Life, Tally};

/// A journal with several segments whose last batch has a witness, then the power cut.
fn grown(seed: u64) -> (SimDisk, Tally, u32, u64) {
    let mut dice = Draw::from_seed(seed);
    let disk = SimDisk::new(seed, Faults::default());
    let mut life = Life::open(&disk, 1, Tally::default()).expect("a calm disk opens");
    let records = loop {
        life.turn(&mut dice);
        let records = life.records();
        if records.last().is_some_and(|last| last.place.segment_no >= 3 && last.place.offset > 12_000) {
            break records;
        }
    };
    life.core.writer.idle();
    let last = records.last().expect("it has records");
    let end = u64::from(last.place.offset) + u64::from(last.header.frame_len);
    let tally = life.tally.clone();
    drop(life);
    disk.power_cycle(Faults::default());
    (disk, tally, last.place.segment_no, end)
}

fn damaged_file(disk: &SimDisk, tally: Tally) -> Option<String> {
    match Life::open(disk, 9, tally) {
        Err(OpenError::Recover(RecoverError::Damaged { file, .. })) => Some(file),
        Err(OpenError::Recover(RecoverError::Misplaced { file, .. })) => Some(file),
        Err(error) => panic!("refused for another reason: {error}"),
        Ok(_) => None,
    }
}

#[test]
fn a_flipped_bit_in_a_witnessed_record_is_refused() {
    for seed in 0..60 {
        let (disk, tally, segment_no, end) = grown(seed);
        let mut dice = Draw::from_seed(!seed);
        let name = segment::path(segment_no);
        disk.flip(&name, dice.below(end) as usize, dice.below(8) as u8);
        let before = disk.files();
        assert_eq!(damaged_file(&disk, tally), Some(name), "seed {seed}");
        assert!(disk.files() == before, "seed {seed}: a refused journal was changed");
        assert!(verify_disk(&disk).unwrap().bad.is_some(), "seed {seed}: verify did not notice");
    }
}

#[test]
fn a_flipped_bit_in_a_sealed_segment_is_found_by_verify_and_by_a_rebuild() {
    for seed in 0..30 {
        let (disk, tally, _, _) = grown(seed);
        let mut dice = Draw::from_seed(!seed);
        let name = segment::path(2);
        let len = disk.files()[&name].len() as u64;
        disk.flip(&name, 4096 + dice.below(len - 4096) as usize, dice.below(8) as u8);
        let bad = verify_disk(&disk).unwrap().bad.expect("verify notices");
        assert_eq!(bad.file, name, "seed {seed}");
        let run = "index/0000000002.run";
        if let Some(stored) = disk.files().get(run) {
            disk.flip(run, stored.len() - 1, 1);
        }
        assert_eq!(damaged_file(&disk, tally), Some(name), "seed {seed}");
    }
}

#[test]
fn a_bad_or_missing_run_is_made_again() {
    let (disk, tally, _, _) = grown(1);
    Life::open(&disk, 2, tally.clone()).unwrap().core.writer.close();
    let runs: Vec<String> = disk.files().into_keys().filter(|name| name.starts_with("index/")).collect();
    assert!(runs.len() >= 2, "{runs:?}");
    disk.flip(&runs[0], disk.files()[&runs[0]].len() - 1, 0);
    medgate::journal::disk::Disk::remove(&disk, &runs[1]).unwrap();
    let life = Life::open(&disk, 3, tally).unwrap();
    assert!(life.opening.runs_rebuilt.len() >= 2);
    life.audit().unwrap();
}

#[test]
fn a_run_that_spoils_while_the_journal_is_open_is_made_again_by_whoever_looks() {
    let (disk, tally, _, _) = grown(2);
    let mut life = Life::open(&disk, 2, tally).unwrap();
    assert!(life.chores());
    let run = "index/0000000002.run";
    let whole = disk.files()[run].clone();
    let mut healed = 0;
    for byte in (0..whole.len()).step_by(11) {
        disk.flip(run, byte, (byte % 8) as u8);
        life.audit().unwrap_or_else(|why| panic!("byte {byte}: {why}"));
        // What stands behind the entries is read at the opening alone.
        if disk.files()[run] == whole { healed += 1 } else { disk.flip(run, byte, (byte % 8) as u8) }
    }
    assert!(healed > 20, "{healed} of {} bytes: the test tests nothing", whole.len() / 11);
    medgate::journal::disk::Disk::remove(&disk, run).unwrap();
    life.audit().unwrap();
    assert_eq!(disk.files()[run], whole);
}

#[test]
fn a_spoiled_run_over_a_spoiled_segment_never_says_not_there() {
    let (disk, tally, _, _) = grown(3);
    let mut life = Life::open(&disk, 2, tally).unwrap();
    assert!(life.chores());
    let find = |token| life.core.shelf.lookup(EntryKind::Key, token);
    let wanted: Vec<Token> = (1..=7).map(|byte| Token([byte; 16])).collect();
    let before: Vec<_> = wanted.iter().map(|token| find(*token).unwrap()).collect();
    disk.flip("index/0000000002.run", 5, 1);
    disk.flip(&segment::path(2), 5_000, 1);
    for (token, before) in wanted.iter().zip(&before) {
        if before.iter().any(|place| place.segment_no == 2) {
            assert!(find(*token).is_err(), "{token}");
            assert!(find(*token).unwrap_err().to_string().contains("0000000002.run"), "{token}");
        }
    }
    // The disk recovers: nobody tries again before the next start, and nobody is told a wrong thing.
    disk.flip(&segment::path(2), 5_000, 1);
    assert!(wanted.iter().any(|token| find(*token).is_err()));
}

#[test]
fn a_missing_or_foreign_segment_is_refused() {
    use medgate::journal::disk::{Disk, DiskFile};
    let (disk, tally, ..) = grown(4);
    let second = disk.files()[&segment::path(2)].clone();
    disk.remove(&segment::path(2)).unwrap();
    assert_eq!(damaged_file(&disk, tally.clone()), Some(segment::path(3)));

    let foreign = {
        let (other, ..) = grown(5);
        other.files()[&segment::path(2)].clone()
    };
    let file = disk.create(&segment::path(2)).unwrap();
    file.write_all_at(&foreign, 0).unwrap();
    assert!(damaged_file(&disk, tally.clone()).is_some());
    file.cut(0).unwrap();
    file.write_all_at(&second, 0).unwrap();
    Life::open(&disk, 9, tally).unwrap().audit().unwrap();
}

#[test]
fn a_torn_tail_is_set_aside_and_named() {
    use medgate::journal::disk::{Disk, DiskFile};
    let (disk, tally, segment_no, _) = grown(6);
    let records = Life::open(&disk, 2, tally.clone()).unwrap().records();
    let last = records.last().unwrap();
    let end = u64::from(last.place.offset) + u64::from(last.header.frame_len);
    let torn = disk.open(&segment::path(segment_no)).unwrap();
    // A frame that lost its first sector, then a whole one of the same batch.
    let mut last_frame = vec![0; last.header.frame_len as usize];
    torn.read_exact_at(&mut last_frame, last.place.offset.into()).unwrap();
    let left_over = [b"MGR1 and no record".as_slice(), &[0; 1006], &last_frame].concat();
    torn.write_all_at(&left_over, end).unwrap();
    assert_eq!(verify_disk(&disk).unwrap().end, End::Torn { offset: end });

    let life = Life::open(&disk, 3, tally).unwrap();
    let cut = &life.opening.cuts[0];
    let written = left_over.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert_eq!((cut.segment_no, cut.offset, cut.bytes), (segment_no, end, written as u64));
    assert_eq!(disk.files()[&format!("quarantine/{}", cut.file)], left_over[..written]);
    life.audit().unwrap();
    let report = verify_disk(&disk).unwrap();
    assert_eq!((report.bad, report.end), (None, End::Open));
}

#[test]
fn a_spare_that_a_broken_roll_wrote_into_is_made_again() {
    use medgate::journal::disk::{Disk, DiskFile};
    use medgate::journal::spare::READY;
    let (disk, tally, ..) = grown(7);
    let mut life = Life::open(&disk, 2, tally.clone()).unwrap();
    assert!(life.chores());
    drop(life);
    disk.open(READY).unwrap().write_all_at(b"a frame of a roll that never ended", 20_000).unwrap();
    let mut life = Life::open(&disk, 3, tally).unwrap();
    assert!(life.chores());
    assert!(disk.files()[READY].iter().all(|byte| *byte == 0));
}
