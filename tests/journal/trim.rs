//! The front taken away: a crash at any operation leaves a journal that opens, and the next call ends it.

use medgate::domain::exchange::Seq;
use medgate::journal::disk::Disk;
use medgate::journal::facts::{Fact, Facts};
use medgate::journal::open::OpenError;
use medgate::journal::pen::clear_frame;
use medgate::journal::queue::Haste;
use medgate::journal::record::{Header, Kind};
use medgate::journal::segment;
use medgate::journal::shelf::Store;
use medgate::journal::trim;
use medgate::journal::verify::verify_disk;
use medgate::sandbox::disk::{Faults, SimDisk};
use medgate::sandbox::draw::Draw;

use crate::life::{Life, Tally};

/// A journal of several segments in which nothing is open.
fn grown(seed: u64) -> (SimDisk, Life) {
    let disk = SimDisk::new(seed, Faults::default());
    let mut dice = Draw::from_seed(seed);
    let mut life = Life::open(&disk, 0, Tally::default()).unwrap();
    (0..160).for_each(|_| life.turn(&mut dice));
    life.settle_all(&mut dice);
    while life.chores() && life.core.shelf.extents().len() < 5 {
        life.intend(900);
        life.write();
        life.settle_all(&mut dice);
    }
    (disk, life)
}

/// Journals that everything before `to` is trimmed.
fn say(life: &mut Life, to: Seq) {
    let mut facts = Facts::default();
    facts.number(Fact::TrimmedTo, to.0);
    let act = clear_frame(Header::new(Kind::OperatorAct), &facts);
    let written = life.core.queue.offer(&mut Some(act), Haste::Now);
    life.write();
    assert!(written.is_ok_and(|mut written| written.try_recv().is_ok_and(|written| written.is_ok())));
}

/// Segment files that stand in the journal.
fn standing(disk: &SimDisk) -> Vec<u32> {
    let names = disk.files().into_keys();
    names.filter_map(|name| segment::number_in(name.strip_prefix("journal/")?)).collect()
}

/// What is left is whole: records without a gap from one that may be the first, found by the index as far as they stand.
fn assert_whole(life: &Life, to: Seq) {
    let records = life.records();
    let first = records[0].place.seq;
    assert!(first <= to, "{first} {to}");
    assert!(records.iter().enumerate().all(|(at, record)| record.place.seq.0 == first.0 + at as u64));
    let report = verify_disk(&*life.core.disk).unwrap();
    assert_eq!((report.bad, report.last_seq), (None, records.last().unwrap().place.seq));
}

#[test]
fn a_trim_ends_at_any_operation_and_the_next_call_ends_it() {
    for by_kill in [false, true] {
        for after in 0.. {
            let (disk, mut life) = grown(3);
            let to = life.core.shelf.extents()[3].first_seq;
            say(&mut life, to);
            let tally = life.tally.clone();
            disk.misbehave(Faults { power_cut_at: Some(disk.operations() + after), ..Faults::default() });
            let ended = life.core.shelf.finish_trim().is_ok();
            drop(life);
            if by_kill {
                disk.kill(Faults::default())
            } else {
                disk.power_cycle(Faults::default())
            }
            let life = Life::open(&disk, 1, tally).unwrap();
            assert_whole(&life, to);
            assert_eq!(life.core.shelf.trimmed_to(), to);
            life.core.shelf.finish_trim().unwrap();
            assert_whole(&life, to);
            assert_eq!(life.core.shelf.extents()[0].first_seq, to, "after {after} operations");
            assert_eq!(standing(&disk)[0], 4);
            let left: Vec<_> = disk.files().into_keys().filter(|name| name.starts_with(trim::FOLDER)).collect();
            assert!(left.is_empty(), "{left:?}");
            assert!((1..4).all(|number| !disk.files().contains_key(&format!("index/{number:010}.run"))));
            if ended {
                assert!(after > 10, "{after}");
                break;
            }
        }
    }
}

#[test]
fn the_word_of_a_trim_is_carried_over_rolls_and_a_front_that_nobody_trimmed_is_missed() {
    let (disk, mut life) = grown(5);
    let to = life.core.shelf.extents()[1].first_seq;
    say(&mut life, to);
    assert_eq!(life.core.shelf.finish_trim().unwrap(), [1]);
    let mut dice = Draw::from_seed(5);
    let segments = life.core.shelf.extents().len();
    while life.chores() && life.core.shelf.extents().len() < segments + 2 {
        life.intend(900);
        life.write();
        life.settle_all(&mut dice);
    }
    let tally = life.tally.clone();
    life.core.writer.close();
    let life = Life::open(&disk, 1, tally.clone()).unwrap();
    assert_eq!(life.core.shelf.trimmed_to(), to);
    assert_whole(&life, to);
    life.core.writer.close();
    disk.remove(&segment::path(2)).unwrap();
    match Life::open(&disk, 2, tally) {
        Err(OpenError::Recover(error)) => {
            let said = error.to_string();
            assert!(
                said.contains("journal/0000000003.seg") && said.contains("no record says that they were trimmed"),
                "{said}"
            );
            assert!(said.contains("backup"), "{said}");
        }
        other => panic!("{:?}", other.map(|life| life.opening)),
    }
}
