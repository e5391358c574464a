//! Whether a call is the first of its business key or a repeat, as a table (`money.md` §3).
//!
//! Only in-flight, Unknown and Confirmed hold a key; `history` folds the journal into a [`Holder`] first.

use crate::domain::outcome::Outcome;
use crate::profile::Stands;
use crate::profile::transaction::OnRepeat;

/// What stands against a new call with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Confirmed or Unknown; a refused call holds nothing.
    pub outcome: Outcome,
    /// Seconds since its outcome.
    pub age_seconds: u64,
    /// A compared field has another value than then.
    pub moved: bool,
    /// It made a settlement, which may have been undone elsewhere since.
    pub settled: bool,
    /// It made a visit, and the visit was settled since.
    pub visit_settled: bool,
    /// The gateway is taking it back.
    pub reversing: bool,
}

/// What is to be done with the new call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It goes to the platform.
    Forward,
    /// The recorded answer is given again.
    Replay,
    /// The recorded answer is given again once the platform says that what it tells of still stands.
    AskThenReplay,
    /// The first one's outcome is unknown: so is this one's.
    TellUnknown,
    /// A compared field moved: refused, naming the field.
    RefuseMoved,
    /// It was done, and nobody can be asked whether it still stands: refused, naming what it made.
    RefuseSettledBefore,
    /// The gateway is taking the first one back: refused until that is over.
    RefuseReversing,
}

impl Step {
    /// The word that a record holds; a refusal is its code (`Refusal::code`).
    pub fn word(self) -> &'static str {
        match self {
            Step::Forward => "forward",
            Step::Replay => "replay",
            Step::AskThenReplay => "ask",
            Step::TellUnknown => "tell_unknown",
            Step::RefuseMoved => "GW301",
            Step::RefuseSettledBefore => "GW302",
            Step::RefuseReversing => "GW307",
        }
    }
}

/// What follows once the platform was asked about the first one; `None` where it could not be asked. Knows no clock and
/// no journal.
pub fn after_asking(stands: Option<Stands>, confirmed: bool) -> Step {
    match stands {
        None if confirmed => Step::RefuseSettledBefore,
        Some(Stands::Alive) if confirmed => Step::Replay,
        None | Some(Stands::Alive | Stands::Unproven) => Step::TellUnknown,
        Some(Stands::Undone) => Step::Forward,
    }
}

/// Decides; knows no clock and no journal.
#[rustfmt::skip]
pub fn decide(rule: &OnRepeat, holder: Option<Holder>, fresh_seconds: u64) -> Step {
    use {OnRepeat::*, Outcome::*, Step::*};
    let Some(holder) = holder else { return Step::Forward };
    let fresh = !holder.settled || holder.age_seconds <= fresh_seconds;
    match (rule, holder.outcome, holder.moved) {
        (OnRepeat::Forward,            _,         _    ) => Step::Forward,
        (ReplayWhileFresh { seconds }, _,         _    ) if holder.age_seconds > *seconds || holder.visit_settled => Step::Forward,
        (_,                            Refused,   _    ) => Step::Forward,
        (_,                            _,         _    ) if holder.reversing => RefuseReversing,
        (_,                            _,         true ) => RefuseMoved,
        (CancelInquiry,                Unknown,   false) => Step::Forward,
        (AskFirst,                     _,         false) => AskThenReplay,
        (_,                            Unknown,   false) => TellUnknown,
        (OnRepeat::Replay,             Confirmed, false) if !fresh => AskThenReplay,
        (_,                            Confirmed, false) => Step::Replay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every combination, as a text that an insurance officer can read.
    fn table() -> String {
        let rules = [
            ("replay", OnRepeat::Replay),
            ("replay for 600 s", OnRepeat::ReplayWhileFresh { seconds: 600 }),
            ("cancel", OnRepeat::CancelInquiry),
            ("2601", OnRepeat::AfterRefusalOnly),
            ("ask first", OnRepeat::AskFirst),
            ("forward", OnRepeat::Forward),
        ];
        let mut text = String::from(
            "rule             | first one  | age    | field moved | made a settlement | visit settled | step\n",
        );
        for (name, rule) in rules {
            text += &format!(
                "{name:<16} | none       |        |             |                   |               | {:?}\n",
                decide(&rule, None, 600)
            );
            for outcome in [Outcome::Unknown, Outcome::Confirmed] {
                let registers = matches!(rule, OnRepeat::ReplayWhileFresh { .. });
                let seen = |flags: &(u64, bool, bool, bool)| registers || !flags.3;
                let reversed = decide(&rule, Some(Holder { reversing: true, ..holder_of(outcome) }), 600);
                text += &format!(
                    "{name:<16} | {:<10} | being taken back by the gateway                                        | {reversed:?}\n",
                    outcome.word()
                );
                for (age, moved, settled, visit_settled) in ages_and_flags().into_iter().filter(seen) {
                    let holder = Holder { age_seconds: age, moved, settled, visit_settled, ..holder_of(outcome) };
                    let step = decide(&rule, Some(holder), 600);
                    let yes = |is: bool| if is { "yes" } else { "no" };
                    text += &format!(
                        "{name:<16} | {:<10} | {:<6} | {:<11} | {:<17} | {:<13} | {step:?}\n",
                        outcome.word(),
                        format!("{age} s"),
                        yes(moved),
                        yes(settled),
                        yes(visit_settled)
                    );
                }
            }
        }
        text
    }

    fn holder_of(outcome: Outcome) -> Holder {
        Holder { outcome, age_seconds: 10, moved: false, settled: true, visit_settled: false, reversing: false }
    }

    fn ages_and_flags() -> Vec<(u64, bool, bool, bool)> {
        let mut all = Vec::new();
        for age in [10, 601] {
            for moved in [false, true] {
                for settled in [false, true] {
                    all.extend([false, true].map(|visit_settled| (age, moved, settled, visit_settled)));
                }
            }
        }
        all
    }

    #[test]
    fn every_combination_is_the_golden_text() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/repeat.txt");
        if std::env::var_os("MEDGATE_UPDATE_GOLDEN").is_some() {
            std::fs::write(path, table()).unwrap();
        }
        let golden = std::fs::read_to_string(path).unwrap();
        assert_eq!(table(), golden, "run with MEDGATE_UPDATE_GOLDEN=1 to write the new table, and read its diff");
    }
}
