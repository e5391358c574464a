//! Ends what was left half done: asks, proposes, and takes back what persons agreed to take back (`money.md` §5).
//!
//! A round looks at every open case of money and takes at most one step for each. What it knows it reads from the journal
//! itself, and every step is a record before or after it is done, so that a crash between any two is made up by the next round.

use std::sync::{Arc, OnceLock};

use crate::domain::class::Class;
use crate::domain::exchange::ExchangeId;
use crate::domain::outcome::Told;
use crate::exchange::Line;
use crate::exchange::decision::{self, GATEWAY, Step};
use crate::exchange::held::{Called, Claimed};
use crate::exchange::history::{HistoryError, intent_of, record_of};
use crate::exchange::own::{NotCalled, Template};
use crate::exchange::side::Side;
use crate::exchange::stand::{Cause, Stand};
use crate::exchange::weigh::{Weighed, is_repeated, weighed};
use crate::journal::draft::Draft;
use crate::journal::record::Kind;
use crate::journal::{AppendError, ReadError, Record};
use crate::profile::UndoneBy;

use super::cases::{Cases, CasesTrouble};
use super::ourselves::Ourselves;
use super::plan::{self, Asked, Known, Next, Way};
use super::progress::{End, Progress, Proposal};
use super::proposing::{self, Previewed, same_day};
use super::settings::Settings;

/// Calls to the platform in one round; what is left waits for the next.
const ROUND_CALLS_MAX: u32 = 32;
const MINUTE_NS: u64 = 60_000_000_000;

/// The finisher of a line.
pub struct Finisher {
    pub(super) line: Arc<Line>,
    cases: Cases,
    pub(super) settings: Settings,
    /// Who asks.
    pub(super) ourselves: Arc<Ourselves>,
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Cases looked at.
    pub cases: u32,
    /// Questions asked.
    pub asked: u32,
    /// Ends proposed.
    pub proposed: u32,
    /// Settlements taken back.
    pub reversed: u32,
    /// Cases of which something could not be read or done.
    pub failed: u32,
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The index or a record.
    #[error("the history of the case cannot be read: {0}")]
    History(#[from] HistoryError),
    /// The index.
    #[error("the index cannot be read: {0}")]
    Index(#[from] std::io::Error),
    /// A record.
    #[error("a record cannot be read: {0}")]
    Read(#[from] ReadError),
    /// The journal.
    #[error("the step cannot be journaled: {0}")]
    Append(#[from] AppendError),
    /// The platform could not be called.
    #[error("{0}")]
    Call(#[from] NotCalled),
    /// There is no such exchange.
    #[error("the journal has no INTENT of {0}")]
    NoIntent(ExchangeId),
}

/// A case as the journal has it now.
pub(super) struct Case {
    pub(super) intent: Record,
    pub(super) side: Side,
    pub(super) cause: Cause,
    pub(super) progress: Progress,
    pub(super) records: Vec<Record>,
    /// The call itself, unsealed when it is first asked for.
    template: OnceLock<Template>,
}

impl Finisher {
    /// Over a line and its book of cases.
    pub fn new(line: Arc<Line>, cases: Cases, settings: Settings, ourselves: Arc<Ourselves>) -> Finisher {
        Finisher { line, cases, settings, ourselves }
    }

    /// Looks at every open case of money, the oldest first.
    ///
    /// # Errors
    /// When the book of cases cannot be read. A case that fails is counted, logged, and looked at again in the next round.
    pub async fn round(&self) -> Result<Round, CasesTrouble> {
        let mut round = Round::default();
        for id in self.cases.open_of(Class::Money)? {
            if round.asked + round.reversed >= ROUND_CALLS_MAX || self.line.cut.is_cancelled() {
                break;
            }
            round.cases += 1;
            if let Err(error) = self.attend(id, &mut round).await {
                round.failed += 1;
                tracing::warn!(exchange = %id, %error, "a case could not be taken further");
            }
        }
        Ok(round)
    }

    /// Takes the next step of one case.
    async fn attend(&self, id: ExchangeId, round: &mut Round) -> Result<(), Trouble> {
        let Some(case) = self.case(self.intent(id)?)? else { return Ok(()) };
        if !case.progress.begun.is_empty() {
            return self.go_on(&case, round).await;
        }
        if let Some(proposal) = self.valid(&case) {
            let same_day = same_day(case.side.at_unix_ns, self.line.clock.unix_ns());
            let persons = self.settings.policy().persons(case.side.at_stake, same_day);
            if proposal.end == End::Reverse && proposal.is_approved(persons) {
                self.begin(&case, proposal, round).await?;
            }
            return Ok(());
        }
        if case.progress.gave_up {
            return Ok(());
        }
        let (next, by) = self.next(&case)?;
        match next {
            Next::Ask => {
                round.asked += 1;
                self.ask(&case).await.map(|_| ())
            }
            Next::TakeEvidence => self.take_evidence(&case).await,
            Next::ProposeReversal => {
                round.proposed += 1;
                self.propose(&case, End::Reverse, by.as_ref(), GATEWAY, "").await.map(|_| ())
            }
            Next::ProposeAdoption => {
                round.proposed += 1;
                self.propose(&case, End::Adopt, None, GATEWAY, "").await.map(|_| ())
            }
            Next::Wait | Next::AwaitStatement | Next::Person => Ok(()),
        }
    }

    /// The INTENT of an exchange.
    pub(super) fn intent(&self, id: ExchangeId) -> Result<Record, Trouble> {
        intent_of::<Trouble>(&self.line.journal, id)?.ok_or(Trouble::NoIntent(id))
    }

    /// The record that a case begins with: an INTENT, or a difference between ledgers.
    pub(super) fn beginning(&self, id: ExchangeId) -> Result<Record, Trouble> {
        match self.intent(id) {
            Err(Trouble::NoIntent(_)) => {
                record_of::<Trouble>(&self.line.journal, id, Kind::Difference)?.ok_or(Trouble::NoIntent(id))
            }
            found => found,
        }
    }

    /// The case of an INTENT; none when its sides agree, or an answer is being given again.
    pub(super) fn case(&self, intent: Record) -> Result<Option<Case>, Trouble> {
        let profile = &self.line.policy.load().profile;
        let Weighed { side, records } = weighed(&self.line.journal, profile, &intent)?;
        let Stand::Case(cause) = side.stand() else { return Ok(None) };
        let progress = Progress::of(&records);
        let is_answered = !is_repeated(&records, self.line.journal.opened_after());
        Ok(is_answered.then(|| Case { intent, side, cause, progress, records, template: OnceLock::new() }))
    }

    /// The call of a case, in whose envelope the gateway speaks; unsealed once for a look at the case.
    pub(super) fn template<'c>(&self, case: &'c Case) -> Result<&'c Template, NotCalled> {
        match case.template.get() {
            Some(template) => Ok(template),
            None => Template::of_intent(&self.line, &case.intent).map(|read| case.template.get_or_init(|| read)),
        }
    }

    /// The proposal in force: of today, because its envelope was written today.
    fn valid<'c>(&self, case: &'c Case) -> Option<&'c Proposal> {
        let now = self.line.clock.unix_ns();
        case.progress.proposal.as_ref().filter(|proposal| same_day(proposal.at_unix_ns, now))
    }

    /// What is next, and what would take it back.
    pub(super) fn next(&self, case: &Case) -> Result<(Next, Option<UndoneBy>), Trouble> {
        let over = self.is_over(case);
        // Before that the table looks at neither (a test of it says so), and both unseal the call.
        let (asked, (way, by)) = match over {
            true => (self.asked(case)?, self.way(case)),
            false => (Asked::Cannot, (Way::No, None)),
        };
        let profile = &self.line.policy.load().profile;
        let known = Known {
            cause: case.cause,
            told: case.side.told.unwrap_or(Told::UnknownWhatTold),
            over,
            asked,
            way,
            adopts: profile.transaction(&case.side.infno).adopts,
        };
        Ok((plan::next(&known), by))
    }

    /// The HIS had its time to repeat the call, and the platform to answer it.
    fn is_over(&self, case: &Case) -> bool {
        let profile = &self.line.policy.load().profile;
        let by_msgid = profile.undone_by_msgid(profile.transaction(&case.side.infno));
        let quiet = by_msgid.filter(|_| case.cause == Cause::UnknownOutcome).map_or(0, |by| by.undo.quiet_minutes);
        let minutes = self.settings.retry_minutes.max(quiet);
        let is_listened_to = matches!(self.line.held.claim(case.side.key, &Called::default()), Claimed::Others(_));
        self.have_passed(minutes, case.side.at_unix_ns) && !is_listened_to
    }

    /// Whether so many minutes have passed since then; a moment to come is now.
    pub(super) fn have_passed(&self, minutes: u64, since_unix_ns: i64) -> bool {
        let age = self.line.clock.unix_ns().saturating_sub(since_unix_ns);
        u64::try_from(age).unwrap_or(0) >= minutes.saturating_mul(MINUTE_NS)
    }

    /// A Decision about the case, without what the step says.
    pub(super) fn decided(&self, case: &Case, step: Step, who: &str) -> Draft {
        decision::draft(&case.intent.header, step, who, self.line.clock.unix_ns())
    }

    /// The proposal in force for a case, with the bytes that would leave.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn preview(&self, id: ExchangeId) -> Result<Option<Previewed>, Trouble> {
        let Some(case) = self.case(self.intent(id)?)? else { return Ok(None) };
        let Some(proposal) = self.valid(&case).cloned() else { return Ok(None) };
        proposing::preview(&self.line.journal, &case, proposal).map(Some)
    }
}
