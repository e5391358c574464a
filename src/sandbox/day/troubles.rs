//! What goes wrong on the platform's side on the day of a seed: how cruel it is, which calls are struck, and how.

use super::Day;
use crate::sandbox::callers::dialect::{DIALECTS, Dialect, Habit, Journey};
use crate::sandbox::draw::Draw;
use crate::sandbox::faults::{Entry, Fault};

/// Calls that may be struck, by what patients come for; those that stand twice are struck twice as often.
const STRUCK: [(Journey, &[&str]); 4] = [
    (Journey::Outpatient, &["2207", "2207", "2207", "2208", "2206", "2204", "2201", "1101"]),
    (Journey::Inpatient, &["2304", "2304", "2304", "2305", "2301", "2401", "2402"]),
    (Journey::Pharmacy, &["2102", "2102", "2102", "2103", "2101", "1101"]),
    (Journey::Filing, &["2503", "5301"]),
];

/// The script of the day. The same day has the same script.
pub(super) fn script(day: &Day) -> Vec<Entry> {
    let mut draw = Draw::from_seed(day.seed ^ 0x7200_b1e5);
    let cruelty = 1 + draw.below(4);
    // No day passes without a refusal.
    let mut entries = vec![Entry::nth_of(DIALECTS[0].fixmedins_code, "2207", 2, Fault::Refuse)];
    for dialect in &DIALECTS {
        // One in thirty visits on a kind day, four on a cruel one; at least one.
        let visits = u64::from(day.visits) / DIALECTS.len() as u64;
        for _ in 0..1 + visits * cruelty / 30 {
            let (infno, nth) = struck(dialect, visits, &mut draw);
            entries.push(Entry::nth_of(dialect.fixmedins_code, infno, nth, fault(day, dialect, &mut draw)));
        }
    }
    entries
}

/// A call of this institution; a late one may not come to pass on a short day.
fn struck(dialect: &Dialect, visits: u64, draw: &mut Draw) -> (&'static str, u64) {
    let (journey, weight) = *draw.one(dialect.mix);
    let calls = STRUCK.iter().find(|(of, _)| *of == journey).map_or(&["1101"][..], |(_, calls)| *calls);
    let infno = *draw.one(calls);
    let all: u64 = dialect.mix.iter().map(|(_, weight)| weight).sum();
    let expected = visits * weight / all;
    let expected = if ["2208", "2305", "2103"].contains(&infno) { expected / 8 } else { expected };
    (infno, 1 + draw.below(expected.max(1)))
}

fn fault(day: &Day, dialect: &Dialect, draw: &mut Draw) -> Fault {
    let patience = u64::try_from(day.patience.as_millis()).unwrap_or(u64::MAX);
    // Late for the first try, in time for the second; whoever gives up early waits a third as long.
    let late = if dialect.habit == Habit::GivesUpEarly { patience / 2 } else { patience.saturating_add(1500) };
    match draw.below(10) {
        0 => Fault::Refuse,
        1 | 2 => Fault::CommitThenDrop,
        3 => Fault::DropThenCommit { ms: 300 },
        4 => Fault::Late { ms: late },
        5 => Fault::HalfAnswer,
        6 => Fault::SlowDrip { ms: 2 },
        7 => Fault::Page502 { commit: true },
        8 => Fault::Page502 { commit: false },
        _ => Fault::Drop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_seed_draws_its_own_script_and_always_the_same() {
        let day = |seed| Day {
            gateway: String::new(),
            sandbox: String::new(),
            admin: String::new(),
            token: String::new(),
            seed,
            visits: 300,
            patience: Duration::from_secs(2),
            faults: true,
        };
        assert_eq!(script(&day(1)), script(&day(1)));
        assert_ne!(script(&day(1)), script(&day(2)));
        let counts: Vec<usize> = (1..=20).map(|seed| script(&day(seed)).len()).collect();
        assert!(counts.iter().min() < counts.iter().max() && counts.iter().all(|count| *count >= 6), "{counts:?}");
    }
}
