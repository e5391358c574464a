//! Worlds from seeds: everything that goes wrong between hospital, gateway and platform, and an audit of the three books.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use medgate::world::{self, Played};

fn played(seed: u64) -> Played {
    let folder = tempfile::tempdir().unwrap();
    world::play(seed, None, folder.path()).unwrap()
}

#[test]
fn look() {
    let from: u64 = std::env::var("SEED").map_or(1, |seed| seed.parse().unwrap());
    let to: u64 = std::env::var("TO").map_or(from, |seed| seed.parse().unwrap());
    let began = std::time::Instant::now();
    let mut bad = 0;
    for seed in from..=to {
        let played = played(seed);
        if from == to || (!played.findings.is_empty() && bad < 3) {
            println!("seed {seed}\n{}", played.story.join("\n"));
        }
        for finding in &played.findings {
            println!("SEED {seed}: {finding}");
        }
        bad += usize::from(!played.findings.is_empty());
    }
    println!("{bad} bad of {}, {:?}", to - from + 1, began.elapsed());
}
