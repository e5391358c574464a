//! What an automatic step knew and decided, as facts of its record: so that anybody can weigh it again.
//!
//! A repeat that was answered, told "unknown" or refused leaves a Note; one that was forwarded says it in its INTENT.

use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::outcome::Outcome;
use crate::journal::facts::{Fact, Facts};
use crate::profile::Stands;
use crate::profile::transaction::OnRepeat;

use super::repeat::{Holder, Step, after_asking, decide};

/// What was known when it was decided what becomes of a repeat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Knew {
    /// What the repeat table was asked; `None` where it was not.
    pub weighed: Option<Weighed>,
    /// What the platform said of the first one, and the OUTCOME that holds it; `None` where it was not asked.
    pub asked: Option<(Stands, Seq)>,
    /// The first one was under way, and what came of it.
    pub joined: Option<Joined>,
    /// INTENT and exchange that hold the key.
    pub first: Option<(Seq, ExchangeId)>,
}

/// A call whose end was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// What came of it; Unknown also while nothing did.
    pub outcome: Outcome,
    /// A compared field has another value than there.
    pub moved: bool,
}

/// What the repeat table was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// The rule of the key, as [`rule_word`] writes it.
    pub rule: String,
    /// What stood against the call.
    pub holder: Holder,
    /// A success younger than this is replayed unasked.
    pub fresh_seconds: u64,
}

impl Knew {
    /// Adds what was known, and the step.
    pub fn add_to(&self, facts: &mut Facts, step: &str) {
        let mut knew = |name: &str, value: &str| facts.named(Fact::Knew, name, value.as_bytes());
        let yes = |is: bool| if is { "yes" } else { "no" };
        if let Some(Weighed { rule, holder, fresh_seconds }) = &self.weighed {
            knew("rule", rule);
            knew("fresh_seconds", &fresh_seconds.to_string());
            knew("first", holder.outcome.word());
            knew("age_seconds", &holder.age_seconds.to_string());
            knew("moved", yes(holder.moved));
            knew("settled", yes(holder.settled));
            knew("visit_settled", yes(holder.visit_settled));
            knew("reversing", yes(holder.reversing));
        }
        if let Some((stands, seq)) = self.asked {
            knew("stands", stands.word());
            knew("asked", &seq.to_string());
        }
        if let Some(Joined { outcome, moved }) = self.joined {
            knew("joined", outcome.word());
            knew("joined_moved", yes(moved));
        }
        facts.text(Fact::Step, step);
    }

    /// Adds what was known of a call that goes on although something stood against it; of any other nothing.
    pub fn add_forwarded(&self, facts: &mut Facts) {
        if *self != Knew::default() {
            self.add_to(facts, Step::Forward.word());
        }
    }

    /// Reads it back; `None` where a record does not say it.
    pub fn of(facts: &Facts) -> Option<Knew> {
        facts.text_of(Fact::Step)?;
        let value = |wanted: &str| {
            let (_, bytes) = facts.all_named(Fact::Knew).find(|(name, _)| *name == wanted)?;
            std::str::from_utf8(bytes).ok()
        };
        let number = |name: &str| value(name)?.parse::<u64>().ok();
        let is = |name: &str| value(name) == Some("yes");
        let outcomes = [Outcome::Confirmed, Outcome::Refused, Outcome::Unknown];
        let outcome = |name: &str| outcomes.into_iter().find(|outcome| value(name) == Some(outcome.word()));
        let weighed = || {
            let outcome = outcome("first")?;
            let holder = Holder {
                outcome,
                age_seconds: number("age_seconds")?,
                moved: is("moved"),
                settled: is("settled"),
                visit_settled: is("visit_settled"),
                reversing: is("reversing"),
            };
            Some(Weighed { rule: value("rule")?.to_owned(), holder, fresh_seconds: number("fresh_seconds")? })
        };
        let stands = [Stands::Alive, Stands::Undone, Stands::Unproven];
        let stands = stands.into_iter().find(|stands| value("stands") == Some(stands.word()));
        let asked = stands.and_then(|stands| Some((stands, Seq(number("asked")?))));
        let joined = outcome("joined").map(|outcome| Joined { outcome, moved: is("joined_moved") });
        Some(Knew { weighed: weighed(), asked, joined, first: None })
    }

    /// The step that follows under a rule; `None` where nothing was weighed.
    pub fn step(&self, rule: &OnRepeat) -> Option<Step> {
        let Some(Weighed { holder, fresh_seconds, .. }) = &self.weighed else {
            return after_joining(rule, self.joined?);
        };
        Some(match decide(rule, Some(*holder), *fresh_seconds) {
            Step::AskThenReplay => {
                after_asking(self.asked.map(|(stands, _)| stands), holder.outcome == Outcome::Confirmed)
            }
            step => step,
        })
    }
}

/// Adds to the INTENT of an undo that it does not know whether there is anything to undo: its success will prove nothing.
pub(super) fn add_unproven(facts: &mut Facts) {
    facts.named(Fact::Knew, ORIGINAL, Outcome::Unknown.word().as_bytes());
}

/// Whether a success of the undo with this INTENT proves that what it names is undone.
pub fn proves_undone(intent: &Facts) -> bool {
    intent.all_named(Fact::Knew).all(|(name, _)| name != ORIGINAL)
}

/// The name under which an undo says what was known of its original.
const ORIGINAL: &str = "original";

/// What the end of a call that was under way means for a repeat of it. A cancel that waits for nothing may go on, too.
fn after_joining(rule: &OnRepeat, joined: Joined) -> Option<Step> {
    match joined {
        Joined { moved: true, .. } => Some(Step::RefuseMoved),
        Joined { outcome: Outcome::Unknown, .. } if *rule == OnRepeat::CancelInquiry => None,
        Joined { outcome: Outcome::Unknown, .. } => Some(Step::TellUnknown),
        Joined { .. } => Some(Step::Replay),
    }
}

/// How a rule is written.
pub fn rule_word(rule: &OnRepeat) -> String {
    match rule {
        OnRepeat::Replay => "replay".to_owned(),
        OnRepeat::ReplayWhileFresh { seconds } => format!("replay_while_fresh {seconds}"),
        OnRepeat::CancelInquiry => "cancel_inquiry".to_owned(),
        OnRepeat::AfterRefusalOnly => "after_refusal_only".to_owned(),
        OnRepeat::AskFirst => "ask_first".to_owned(),
        OnRepeat::Forward => "forward".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_known_reads_back_and_decides_the_same() {
        let holder = Holder {
            outcome: Outcome::Confirmed,
            age_seconds: 601,
            moved: false,
            settled: true,
            visit_settled: false,
            reversing: false,
        };
        let rule = OnRepeat::Replay;
        let weighed = Weighed { rule: rule_word(&rule), holder, fresh_seconds: 600 };
        let rows = [
            (Some((Stands::Alive, Seq(9))), Step::Replay),
            (Some((Stands::Undone, Seq(9))), Step::Forward),
            (Some((Stands::Unproven, Seq(9))), Step::TellUnknown),
            (None, Step::RefuseSettledBefore),
        ];
        for (asked, step) in rows {
            let knew = Knew { weighed: Some(weighed.clone()), asked, joined: None, first: None };
            let mut facts = Facts::default();
            knew.add_to(&mut facts, step.word());
            let read = Knew::of(&facts).unwrap();
            assert_eq!((&read, read.step(&rule)), (&knew, Some(step)));
            assert_eq!(read.step(&OnRepeat::Forward), Some(Step::Forward), "another rule decides otherwise");
        }
        for (outcome, moved, step) in [
            (Outcome::Confirmed, false, Step::Replay),
            (Outcome::Unknown, false, Step::TellUnknown),
            (Outcome::Unknown, true, Step::RefuseMoved),
        ] {
            let knew = Knew { joined: Some(Joined { outcome, moved }), ..Knew::default() };
            let mut facts = Facts::default();
            knew.add_to(&mut facts, step.word());
            assert_eq!((Knew::of(&facts).as_ref(), knew.step(&rule)), (Some(&knew), Some(step)));
        }
        let mut facts = Facts::default();
        Knew::default().add_forwarded(&mut facts);
        assert_eq!((Knew::of(&facts), facts), (None, Facts::default()), "a first call says nothing of it");
    }
}
