//! A sync that fails once and lies afterwards: acknowledged records survive, waiting outcomes are written first.

use medgate::journal::facts::Fact;
use medgate::journal::place::Record;
use medgate::journal::record::Kind;
use medgate::sandbox::disk::{Faults, SimDisk};
use medgate::sandbox::draw::Draw;

use crate::life::{Life, Tally};

const TURNS: u32 = 120;

fn live(disk: &SimDisk, dice: &mut Draw) -> Life {
    let mut life = Life::open(disk, 1, Tally::default()).expect("a calm disk opens");
    for _ in 0..TURNS {
        life.turn(dice);
    }
    life
}

/// Behind an Opened that follows a failure stand the outcomes that waited, in their order, before anything else.
fn waiting_came_first(records: &[Record], waiting: &[u64]) -> bool {
    let mut waiting = waiting.iter().peekable();
    let after_failure = |record: &Record| {
        let reason = record.facts.text_of(Fact::Reason).unwrap_or_default();
        record.header.kind == Kind::Opened as u8 && reason.starts_with("after a failure")
    };
    for (index, _) in records.iter().enumerate().filter(|(_, record)| after_failure(record)) {
        for record in &records[index + 1..] {
            let Some(next) = waiting.next_if(|next| record.header.exchange_id.0[8..] == next.to_be_bytes()) else {
                break;
            };
            assert_eq!(record.header.known_kind(), Some(Kind::Outcome), "exchange {next}");
        }
    }
    waiting.peek().is_none()
}

#[test]
fn a_failed_sync_loses_nothing_that_was_acknowledged() {
    let calm = SimDisk::new(3, Faults::default());
    live(&calm, &mut Draw::from_seed(3));
    let (mut failures, mut waited) = (0, 0);
    for sync_fails_at in 3..calm.syncs() {
        let disk = SimDisk::new(3, Faults { sync_fails_at: Some(sync_fails_at), ..Faults::default() });
        let mut dice = Draw::from_seed(3);
        let mut life = live(&disk, &mut dice);
        while life.core.writer.is_failed() {
            life.chores();
            life.core.writer.reopen();
        }
        assert_eq!(life.tally.outcomes_lost, 0, "sync {sync_fails_at}");
        let records = life.audit().unwrap_or_else(|why| panic!("sync {sync_fails_at}: {why}"));
        assert!(waiting_came_first(&records, &life.tally.waiting), "sync {sync_fails_at}");
        failures += life.core.gauges.failures.load(std::sync::atomic::Ordering::Relaxed);
        waited += life.tally.waiting.len();

        let tally = life.tally.clone();
        drop(life);
        disk.power_cycle(Faults::default());
        let after = Life::open(&disk, 2, tally).unwrap_or_else(|error| panic!("sync {sync_fails_at}: {error}"));
        after.audit().unwrap_or_else(|why| panic!("sync {sync_fails_at}, after a power cut: {why}"));
    }
    assert!(failures > 20 && waited > 5, "{failures} failures made {waited} outcomes wait: the test tests nothing");
}
