//! `medgate demo`: the books explain each other, and the same seed tells the same story.

use std::process::Command;

/// The story of a day; times are no part of it.
fn told(seed: &str) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_medgate"))
        .args(["demo", "--once", "--visits", "90", "--seed", seed])
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    said.lines().filter(|line| !line.contains(" ms")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_seed_tells_its_own_story_and_always_the_same() {
    let story = told("3");
    assert!(story.contains("the three books explain each other") && story.contains("intact"), "{story}");
    assert_eq!(story, told("3"));
    assert_ne!(story, told("4"));
}
