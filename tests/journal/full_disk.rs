//! A full disk at every write in turn: no outcome is refused for lack of room, intake closes and opens again.

use std::sync::atomic::Ordering;

use medgate::sandbox::disk::{Faults, SimDisk};
use medgate::sandbox::draw::Draw;

use crate::life::{Life, Tally};

const TURNS: u32 = 150;

/// Lives a whole life with a disk that is full from a write on and gets room back later.
fn live_full(full_from: u64, copies_on_write: bool) -> Tally {
    let mut dice = Draw::from_seed(5);
    let faults = Faults { full_from: Some(full_from), copies_on_write, ..Faults::default() };
    let disk = SimDisk::new(5, Faults::default());
    let mut life = Life::open(&disk, 1, Tally::default()).expect("a calm disk opens");
    disk.misbehave(faults);
    for _ in 0..TURNS {
        life.turn(&mut dice);
    }
    life.settle_all(&mut dice);
    assert_eq!(life.tally.outcomes_lost, 0, "full from write {full_from}: an outcome was refused");
    let failures = life.core.gauges.failures.load(Ordering::Relaxed);
    assert!(copies_on_write || failures == 0, "full from write {full_from}: promised room was not there");

    disk.misbehave(Faults::default());
    while !life.is_open() || life.core.queue.wants_spare() {
        life.chores();
        if life.core.writer.is_failed() {
            life.core.writer.reopen();
        }
    }
    let before = life.tally.intents_taken;
    life.intend(10);
    life.write();
    assert_eq!(life.tally.intents_taken, before + 1, "full from write {full_from}: intake stayed closed");
    life.settle_all(&mut dice);
    let records = life.audit().unwrap_or_else(|why| panic!("full from write {full_from}: {why}"));
    let settled = |exchange: u64| {
        records.iter().any(|r| r.header.ref_seq.0 > 0 && r.header.exchange_id.0[8..] == exchange.to_be_bytes())
    };
    for exchange in &life.tally.waiting {
        assert!(settled(*exchange), "full from write {full_from}: a waiting outcome was never written");
    }
    life.tally
}

fn writes_of_a_calm_life() -> u64 {
    let mut dice = Draw::from_seed(5);
    let disk = SimDisk::new(5, Faults::default());
    let mut life = Life::open(&disk, 1, Tally::default()).expect("a calm disk opens");
    for _ in 0..TURNS {
        life.turn(&mut dice);
    }
    disk.writes()
}

#[test]
fn no_outcome_is_ever_refused_for_lack_of_room() {
    let (mut refused, mut waited) = (0, 0);
    for full_from in 0..writes_of_a_calm_life() {
        refused += live_full(full_from, false).intents_full;
        waited += live_full(full_from, true).waiting.len();
    }
    assert!(refused > 0, "the disk was never full enough to refuse an intent");
    assert!(waited > 0, "a disk that copies on write never made an outcome wait");
}
