//! What the finisher does next about a settlement whose sides may disagree: tables (`money.md` §5). Pure.

use crate::domain::outcome::{Outcome, Told};
use crate::exchange::stand::Cause;
use crate::profile::Stands;

/// What is known of a case that nobody has begun to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Why it is one.
    pub cause: Cause,
    /// What the HIS was told.
    pub told: Told,
    /// The HIS had its time to repeat the call, and the platform to answer it.
    pub over: bool,
    /// What the platform says when it is asked.
    pub asked: Asked,
    /// How it can be taken back.
    pub way: Way,
    /// It is better booked than taken back: the patient has left.
    pub adopts: bool,
}

/// What the platform says when it is asked whether the settlement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It was not asked yet, or is to be asked again.
    NotYet,
    /// It was asked, and is asked again later.
    Later,
    /// What it said last.
    Said(Stands),
    /// It cannot be asked: what the question needs is not known.
    Cannot,
}

/// How a settlement can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By its `setl_id`, with positive knowledge (2208, 2305, 2103).
    Handle,
    /// By its msgid, without (2601), and all its conditions hold.
    Msgid,
    /// Not at all.
    No,
}

/// What is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing: time is left.
    Wait,
    /// The platform is asked.
    Ask,
    /// What the platform said is evidence that ends the doubt.
    TakeEvidence,
    /// To take it back is proposed.
    ProposeReversal,
    /// To book it in the HIS is proposed.
    ProposeAdoption,
    /// Only the platform's statement (3202) tells.
    AwaitStatement,
    /// A person must look.
    Person,
}

/// What is next for a case.
#[rustfmt::skip]
pub fn next(known: &Known) -> Next {
    use {Asked::*, Cause::*, Next::*, Stands::*};
    match (known.cause, known.over, known.asked, known.told, known.way) {
        (HisMore,        _,     _,                 _,                      _          ) => Person,
        (MoneyLaw,       _,     _,                 _,                      _          ) => Person,
        (PlatformMore | JournalMore | AmountsDiffer | RefundMissing | ForeignChannel, ..) => Person,
        (_,              false, _,                 _,                      _          ) => Wait,
        (_,              true,  NotYet,            _,                      _          ) => Ask,
        (_,              true,  Later,             _,                      _          ) => Wait,
        (_,              true,  Said(Undone),      _,                      _          ) => TakeEvidence,
        (UnknownOutcome, true,  Said(Alive),       _,                      _          ) => TakeEvidence,
        (UnknownOutcome, true,  _,                 Told::Success,          _          ) => AwaitStatement,
        (UnknownOutcome, true,  _,                 Told::UnknownWhatTold,  _          ) => AwaitStatement,
        (UnknownOutcome, true,  _,                 _,                      Way::Msgid ) => ProposeReversal,
        (UnknownOutcome, true,  _,                 _,                      _          ) => AwaitStatement,
        (NotDelivered,   true,  _,                 Told::UnknownWhatTold,  _          ) => ProposeAdoption,
        (NotDelivered,   true,  _,                 Told::Success,          _          ) => ProposeAdoption,
        (NotDelivered,   true,  _,                 _,                      Way::Handle) if !known.adopts => ProposeReversal,
        (NotDelivered,   true,  _,                 _,                      _          ) => ProposeAdoption,
        (HisTookBack,    true,  _,                 _,                      Way::Handle) => ProposeReversal,
        (HisTookBack,    true,  _,                 _,                      _          ) => Person,
    }
}

/// What came of the last attempt to take it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// Announced, and no INTENT followed: nothing was sent.
    Unsent,
    /// Its INTENT is durable, and no OUTCOME yet.
    UnderWay,
    /// The platform answered, or did not.
    Ended(Outcome),
    /// The platform says that it was done before.
    DoneBefore,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is sent, or sent again: a repeated cancel is the safest inquiry.
    Send,
    /// Nothing yet.
    Wait,
    /// It did not take it back: the case stands as before.
    GiveUp,
    /// Only the platform's statement tells whether it did.
    AwaitStatement,
    /// It is undone; the platform is asked once more.
    Confirm,
}

/// What follows an attempt. A 2601 is sent once: nobody knows what a second one does, and its success proves nothing of a
/// settlement of which nobody knew that it was done.
#[rustfmt::skip]
pub fn after(way: Way, attempt: Attempt, tries_left: bool) -> Then {
    use {Attempt::*, Outcome::*, Then::*};
    match (way, attempt, tries_left) {
        (_,           Unsent,             true ) => Send,
        (_,           Unsent,             false) => GiveUp,
        (_,           UnderWay,           _    ) => Wait,
        (_,           Ended(Refused),     _    ) => GiveUp,
        (Way::Handle, Ended(Confirmed),   _    ) => Confirm,
        (Way::Handle, DoneBefore,         _    ) => Confirm,
        (Way::Handle, Ended(Unknown),     true ) => Send,
        (_,           _,                  _    ) => AwaitStatement,
    }
}

/// How many persons must agree before a settlement is taken back, the one who proposed it included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Up to this sum nobody, in ten-thousandths of a yuan.
    pub auto_max: i64,
    /// Up to this sum one person, on the day of the call.
    pub one_person_max: i64,
}

impl Policy {
    /// The number for a sum; an unknown sum is a large one.
    pub fn persons(&self, sum: Option<i64>, same_day: bool) -> usize {
        match sum.map(i64::abs) {
            Some(sum) if same_day && 0 < self.auto_max && sum <= self.auto_max => 0,
            Some(sum) if same_day && 0 < self.one_person_max && sum <= self.one_person_max => 1,
            _ => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: [(Asked, &str); 6] = [
        (Asked::NotYet, "not asked"),
        (Asked::Later, "ask later"),
        (Asked::Said(Stands::Alive), "it stands"),
        (Asked::Said(Stands::Undone), "taken back"),
        (Asked::Said(Stands::Unproven), "proves nothing"),
        (Asked::Cannot, "cannot be asked"),
    ];
    const WAYS: [(Way, &str); 3] = [(Way::Handle, "setl_id"), (Way::Msgid, "2601"), (Way::No, "none")];

    const TOLD: [Told; 5] = [Told::Success, Told::Refused, Told::Unknown, Told::NotTold, Told::UnknownWhatTold];

    /// Every combination, as a text that an insurance officer can read; `any` where it does not matter.
    fn table() -> String {
        let mut text = String::from(
            "case           | time is over | HIS was told      | platform says   | undone by | better booked | next\n",
        );
        for cause in Cause::ALL {
            for over in [false, true] {
                let rows: Vec<_> = TOLD.iter().flat_map(|told| ASKED.map(|asked| (*told, asked))).collect();
                let mut by_row = rows.iter().map(|(told, (asked, says))| {
                    let ends: Vec<_> = WAYS
                        .iter()
                        .flat_map(|(way, by)| [false, true].map(|adopts| (*way, *by, adopts)))
                        .map(|(way, by, adopts)| {
                            (by, adopts, next(&Known { cause, told: *told, over, asked: *asked, way, adopts }))
                        })
                        .collect();
                    (told.word(), *says, ends)
                });
                let all: Vec<_> = by_row.by_ref().collect();
                let head = format!("{:<14} | {:<12}", cause.word(), if over { "yes" } else { "no" });
                let first = all[0].2[0].2;
                if all.iter().all(|(_, _, ends)| ends.iter().all(|end| end.2 == first)) {
                    text +=
                        &format!("{head} | {:<17} | {:<15} | {:<9} | {:<13} | {first:?}\n", "any", "any", "any", "any");
                    continue;
                }
                for (told, says, ends) in all {
                    let head = format!("{head} | {told:<17} | {says:<15}");
                    if ends.iter().all(|end| end.2 == ends[0].2) {
                        text += &format!("{head} | {:<9} | {:<13} | {:?}\n", "any", "any", ends[0].2);
                        continue;
                    }
                    for pair in ends.chunks(2) {
                        if pair[0].2 == pair[1].2 {
                            text += &format!("{head} | {:<9} | {:<13} | {:?}\n", pair[0].0, "any", pair[0].2);
                            continue;
                        }
                        for (by, adopts, next) in pair {
                            let adopts = if *adopts { "yes" } else { "no" };
                            text += &format!("{head} | {by:<9} | {adopts:<13} | {next:?}\n");
                        }
                    }
                }
            }
        }
        text + &attempts() + &persons()
    }

    fn attempts() -> String {
        let mut text = String::from("\nundone by | last attempt    | tries left | then\n");
        let attempts = [
            (Attempt::Unsent, "not sent"),
            (Attempt::UnderWay, "under way"),
            (Attempt::Ended(Outcome::Confirmed), "confirmed"),
            (Attempt::Ended(Outcome::Refused), "refused"),
            (Attempt::Ended(Outcome::Unknown), "unknown"),
            (Attempt::DoneBefore, "done before"),
        ];
        for (way, by) in &WAYS[..2] {
            for (attempt, said) in attempts {
                for left in [true, false] {
                    let yes = if left { "yes" } else { "no" };
                    text += &format!("{by:<9} | {said:<15} | {yes:<10} | {:?}\n", after(*way, attempt, left));
                }
            }
        }
        text
    }

    fn persons() -> String {
        let mut text = String::from("\nsum        | same day | persons (auto up to 20.00, one person up to 500.00)\n");
        let policy = Policy { auto_max: 200_000, one_person_max: 5_000_000 };
        for sum in [Some(200_000), Some(200_001), Some(5_000_000), Some(5_000_001), None] {
            for same_day in [true, false] {
                let written = sum.map_or_else(|| "not known".to_owned(), crate::domain::money::written);
                let yes = if same_day { "yes" } else { "no" };
                text += &format!("{written:<10} | {yes:<8} | {}\n", policy.persons(sum, same_day));
            }
        }
        text
    }

    #[test]
    fn every_combination_is_the_golden_text() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/plan.txt");
        if std::env::var_os("MEDGATE_UPDATE_GOLDEN").is_some() {
            std::fs::write(path, table()).unwrap();
        }
        let golden = std::fs::read_to_string(path).unwrap();
        assert_eq!(table(), golden, "run with MEDGATE_UPDATE_GOLDEN=1 to write the new table, and read its diff");
    }

    #[test]
    fn before_its_time_is_over_neither_platform_nor_way_counts() {
        for cause in Cause::ALL {
            for told in TOLD {
                let of = |asked, way| next(&Known { cause, told, over: false, asked, way, adopts: false });
                let all = ASKED.iter().flat_map(|(asked, _)| WAYS.map(|(way, _)| of(*asked, way)));
                // What the finisher says of both then, without looking.
                assert!(all.into_iter().all(|next| next == of(Asked::Cannot, Way::No)), "{cause:?} {told:?}");
            }
        }
    }

    #[test]
    fn a_reversal_needs_its_evidence() {
        for cause in Cause::ALL {
            for (asked, _) in ASKED {
                for (told, way) in
                    [Told::Success, Told::UnknownWhatTold].into_iter().flat_map(|told| WAYS.map(|way| (told, way.0)))
                {
                    let known = Known { cause, told, over: true, asked, way, adopts: false };
                    let it_took_it_back = cause == Cause::HisTookBack;
                    assert!(
                        it_took_it_back || next(&known) != Next::ProposeReversal,
                        "{known:?}: nobody knows what it booked"
                    );
                }
                let known = Known { cause, told: Told::Unknown, over: false, asked, way: Way::Handle, adopts: false };
                assert!(!matches!(next(&known), Next::ProposeReversal | Next::ProposeAdoption), "{known:?}");
            }
        }
    }
}
