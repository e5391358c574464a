//! Power cuts at any operation: nothing acknowledged is lost, and a torn tail is never taken for damage.

use medgate::journal::open::OpenError;
use medgate::sandbox::disk::{Faults, SimDisk};
use medgate::sandbox::draw::Draw;

use crate::life::{Life, Tally, seeds};

/// Lives until the power goes; returns what was promised by then.
fn live(disk: &SimDisk, opening_no: u32, tally: Tally, dice: &mut Draw) -> Result<Tally, String> {
    let mut life = match Life::open(disk, opening_no, tally.clone()) {
        Ok(life) => life,
        // The power went while it was opening.
        Err(OpenError::Recover(error)) if error.to_string().contains("damaged") => return Err(error.to_string()),
        Err(_) => return Ok(tally),
    };
    for _ in 0..dice.below(120) {
        life.turn(dice);
    }
    if dice.chance(10) {
        let tally = life.tally.clone();
        life.core.writer.close();
        return Ok(tally);
    }
    Ok(life.tally)
}

/// Each life draws its own: some are calm until the power goes, some are cruel.
fn cruelty(disk: &SimDisk, dice: &mut Draw) -> Faults {
    let mut sometimes = |percent, at| dice.chance(percent).then_some(at);
    let fails = sometimes(25, disk.syncs());
    let full = sometimes(20, disk.writes());
    Faults {
        power_cut_at: Some(disk.operations() + dice.below(900)),
        sync_fails_at: fails.map(|at| at + dice.below(150)),
        full_from: full.map(|at| at + dice.below(300)),
        copies_on_write: dice.chance(30),
        short_writes: dice.below(40) as u32,
        every_sync_lies: false,
    }
}

/// Several lives on one disk, each ended by a power cut or a kill, each followed by an audit.
fn lives(seed: u64, faults: Faults) -> Result<SimDisk, String> {
    let mut dice = Draw::from_seed(seed);
    let disk = SimDisk::new(dice.bits(), faults);
    let mut tally = Tally::default();
    for opening_no in 0..3 {
        let cruelty = cruelty(&disk, &mut dice);
        disk.misbehave(Faults { every_sync_lies: faults.every_sync_lies, ..cruelty });
        tally = live(&disk, 2 * opening_no, tally, &mut dice)?;
        // After a sync that failed only a power cut shows what the disk really holds.
        if cruelty.sync_fails_at.is_none() && dice.chance(30) {
            disk.kill(faults)
        } else {
            disk.power_cycle(faults)
        }
        let life = Life::open(&disk, 2 * opening_no + 1, tally).map_err(|error| error.to_string())?;
        life.audit()?;
        tally = life.tally.clone();
        if dice.chance(50) {
            life.core.writer.close();
        }
    }
    Ok(disk)
}

#[test]
fn no_acknowledged_record_is_lost_at_a_power_cut() {
    for seed in seeds() {
        if let Err(why) = lives(seed, Faults::default()) {
            panic!("seed {seed}: {why}");
        }
    }
}

/// A calm life over several segments that ends at an operation; true when it had so many.
fn dies_at(end_at: u64, by_kill: bool) -> Result<bool, String> {
    let disk = SimDisk::new(8, Faults { power_cut_at: Some(end_at), ..Faults::default() });
    let mut dice = Draw::from_seed(8);
    let mut tally = Tally::default();
    if let Ok(mut life) = Life::open(&disk, 0, tally.clone()) {
        (0..70).for_each(|_| life.turn(&mut dice));
        tally = life.tally.clone();
        life.core.writer.close();
    }
    let reached = disk.operations() >= end_at;
    for opening_no in 1..3 {
        if by_kill && opening_no == 1 {
            disk.kill(Faults::default())
        } else {
            disk.power_cycle(Faults::default())
        }
        let life = Life::open(&disk, opening_no, tally).map_err(|error| error.to_string())?;
        life.audit()?;
        tally = life.tally.clone();
    }
    Ok(reached)
}

#[test]
fn an_end_at_any_operation_loses_nothing_acknowledged() {
    for by_kill in [false, true] {
        for end_at in 1.. {
            match dies_at(end_at, by_kill) {
                Ok(true) => {}
                Ok(false) => break,
                Err(why) => panic!("ended at operation {end_at}, by kill: {by_kill}: {why}"),
            }
        }
    }
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    for seed in [1, 7, 42] {
        let files = || lives(seed, Faults::default()).expect("the audit passes").files();
        assert!(files() == files(), "seed {seed}");
    }
}

#[test]
fn the_audit_catches_a_journal_that_acknowledges_before_it_is_durable() {
    let lying = Faults { every_sync_lies: true, ..Faults::default() };
    let caught = (0..20).filter(|seed| lives(*seed, lying).is_err()).count();
    assert!(caught >= 19, "only {caught} of 20 seeds noticed that nothing was durable");
}
