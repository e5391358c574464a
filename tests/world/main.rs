//! Worlds from seeds: everything that goes wrong between hospital, gateway and platform, and an audit of the three books.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::path::Path;

use medgate::world::{self, Canary, Invariant, Played};

/// Seeds of the suite; `medgate-sandbox world --seeds 1..10000` plays the rest.
const SEEDS: u64 = 300;
/// A canary must be caught within so many.
const CAUGHT_WITHIN: u64 = 300;

/// Plays in memory where the machine has a folder that is: a world forgets its keys and books anyway.
fn played(seed: u64, canary: Option<Canary>) -> Played {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    world::play(seed, canary, folder.path()).unwrap()
}

#[test]
fn in_every_world_everything_holds() {
    let play = |seeds: Vec<u64>| -> Vec<String> {
        let bad =
            |seed: u64| played(seed, None).findings.into_iter().map(move |finding| format!("seed {seed}: {finding}"));
        seeds.into_iter().flat_map(bad).collect()
    };
    let (odd, even): (Vec<u64>, Vec<u64>) = (1..=SEEDS).partition(|seed| seed % 2 == 1);
    let other = std::thread::spawn(move || play(even));
    let mut bad = play(odd);
    bad.extend(other.join().unwrap());
    assert!(bad.is_empty(), "look at them with `medgate-sandbox world --seed N`:\n{}", bad.join("\n"));
}

#[test]
fn every_canary_is_caught() {
    let uncaught = |canary: &Canary| {
        let caught = |seed: &u64| {
            let findings = played(*seed, Some(*canary)).findings;
            findings.iter().any(|finding| canary.breaks().contains(&finding.invariant))
        };
        let seed = (1..=CAUGHT_WITHIN).find(caught);
        println!("{canary:?}: {}", seed.map_or("not caught".to_owned(), |seed| format!("caught at seed {seed}")));
        seed.is_none()
    };
    let missed: Vec<_> = Canary::ALL.iter().filter(|canary| uncaught(canary)).collect();
    assert!(missed.is_empty(), "not caught within {CAUGHT_WITHIN} seeds: {missed:?}");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in [2, 7, 19, 176, 234] {
        assert_eq!(played(seed, None).story, played(seed, None).story, "seed {seed}");
    }
}

#[test]
fn canaries_break_most_of_what_must_hold() {
    let broken: BTreeSet<Invariant> = Canary::ALL.iter().flat_map(|canary| canary.breaks()).copied().collect();
    assert!(broken.len() >= 8, "{broken:?}");
    let names: BTreeSet<&str> = Invariant::ALL.iter().map(|invariant| invariant.name()).collect();
    assert_eq!(names.len(), Invariant::ALL.len(), "each has a name of its own");
}
