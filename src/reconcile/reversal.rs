//! Takes a settlement back once persons agreed: announced durably, sent along the line, and its end taken in.
//!
//! A crash between any two steps leaves records that say how far it came; the next round goes on from there.

use std::time::Duration;

use crate::domain::exchange::ExchangeId;
use crate::domain::outcome::{Cause as Why, Outcome, Told};
use crate::domain::token::Token;
use crate::exchange::decision::{Evidence, GATEWAY, Step};
use crate::exchange::held::{Called, Claimed};
use crate::exchange::history::Undone;
use crate::exchange::own::OwnRequest;
use crate::exchange::stand::Platform;
use crate::journal::draft::Draft;
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::profile::Stands;

use super::finisher::{Case, Finisher, Round, Trouble};
use super::plan::{self, Attempt, Then, Way};
use super::progress::{Begun, Proposal};
use super::proposing;

/// Between two attempts to take one settlement back.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(60);

impl Finisher {
    /// Withdraws the recorded answer, durably, and takes the settlement back.
    pub(super) async fn begin(&self, case: &Case, proposal: &Proposal, round: &mut Round) -> Result<(), Trouble> {
        // Whoever repeats the call holds its key while it is answered: between the look and the record nobody may.
        let Claimed::Mine(claim) = self.line.held.claim(case.side.key, &Called::default()) else { return Ok(()) };
        let Some(now) = self.case(case.intent.clone())? else { return Ok(()) };
        if now.cause != case.cause || now.progress.proposal.as_ref() != Some(proposal) {
            return Ok(());
        }
        let begun = self.announce(&now, proposal).await?;
        drop(claim);
        self.carry_out(&now, proposal, begun, round).await
    }

    /// The record after which the recorded answer is given no more.
    async fn announce(&self, case: &Case, proposal: &Proposal) -> Result<Begun, Trouble> {
        let exchange = self.line.own_id();
        let at_unix_ns = self.line.clock.unix_ns();
        let mut draft = self.decided(case, Step::Reversing, GATEWAY);
        let persons = proposal.persons_for().join(", ");
        for (name, value) in [
            ("exchange", exchange.to_string()),
            ("proposal", proposal.seq.to_string()),
            ("infno", proposal.infno.clone()),
            ("cause", case.cause.word().to_owned()),
            ("platform", case.side.platform.word().to_owned()),
            ("told", case.side.told.map_or("", Told::word).to_owned()),
            ("persons", proposal.persons.to_string()),
            ("agreed", persons),
        ] {
            draft.facts.named(Fact::Knew, name, value.as_bytes());
        }
        draft.facts.number(Fact::EvidenceSeq, proposal.seq.0);
        let seq = self.line.journal.append(draft).await?;
        Ok(Begun { seq, at_unix_ns, exchange, proposal: proposal.seq })
    }

    /// Sends what was proposed, and takes in what came of it.
    async fn carry_out(
        &self,
        case: &Case,
        proposal: &Proposal,
        begun: Begun,
        round: &mut Round,
    ) -> Result<(), Trouble> {
        round.reversed += 1;
        let template = self.template(case)?;
        let request = proposing::proposed(&self.line.journal, case, proposal.seq)?;
        let patience = template.upstream.listen_within;
        let by_handle = self.is_by_handle(case, &proposal.infno);
        // A 2601 proves nothing of what nobody knew to be done; its success leaves a doubt, and no more.
        let undoes =
            Undone { intent_seq: case.side.intent, key_token: case.side.key, is_provable: by_handle == Way::Handle };
        let (id, parent_id) = (begun.exchange, case.side.id);
        let own = OwnRequest { id, parent_id, request, acts: true, undoes: Some(undoes), patience };
        let report = self.line.perform(template, own).await;
        let attempt = match &report {
            Ok(report) => attempt_of(report.verdict.outcome, report.verdict.cause),
            Err(error) => {
                tracing::warn!(exchange = %case.side.id, %error, "a reversal was not sent");
                Attempt::Unsent
            }
        };
        self.follow(case, by_handle, attempt).await
    }

    /// An attempt was announced: what came of it, and what is next?
    pub(super) async fn go_on(&self, case: &Case, round: &mut Round) -> Result<(), Trouble> {
        let Some(begun) = case.progress.begun.last() else { return Ok(()) };
        let proposal = case.progress.proposal.as_ref().filter(|proposal| proposal.seq == begun.proposal);
        let Some(proposal) = proposal else { return self.give_up(case, "what was proposed is gone").await };
        let way = self.is_by_handle(case, &proposal.infno);
        let attempt = self.attempt(begun.exchange)?;
        let tries_left = (case.progress.begun.len() as u64) < self.settings.attempts_max;
        match plan::after(way, attempt, tries_left) {
            Then::Send => {
                let age = self.line.clock.unix_ns().saturating_sub(begun.at_unix_ns);
                if u128::try_from(age).unwrap_or(0) < BETWEEN_ATTEMPTS.as_nanos() {
                    return Ok(());
                }
                let again = self.announce(case, proposal).await?;
                self.carry_out(case, proposal, again, round).await
            }
            Then::GiveUp => self.give_up(case, "the platform did not take it back").await,
            Then::Wait | Then::AwaitStatement | Then::Confirm => Ok(()),
        }
    }

    /// What follows right after an attempt; what is to be tried again waits for a later round.
    async fn follow(&self, case: &Case, way: Way, attempt: Attempt) -> Result<(), Trouble> {
        match plan::after(way, attempt, true) {
            Then::GiveUp => self.give_up(case, "the platform refused to take it back").await,
            Then::Confirm => {
                // The cancel's own answer is the proof; a platform that says the contrary opens the case again.
                if self.ask(case).await? == Stands::Alive {
                    let mut draft = self.decided(case, Step::Evidence, GATEWAY);
                    Evidence { platform: Some(Platform::Did), ..Evidence::default() }
                        .add_to(&mut draft, case.side.intent);
                    self.line.journal.append(draft).await?;
                }
                Ok(())
            }
            Then::Send | Then::Wait | Then::AwaitStatement => Ok(()),
        }
    }

    async fn give_up(&self, case: &Case, why: &str) -> Result<(), Trouble> {
        let mut draft = self.decided(case, Step::NotReversed, GATEWAY);
        draft.facts.text(Fact::Reason, why);
        self.line.journal.append(draft).await?;
        Ok(())
    }

    /// Proof of what the platform holds ends what was unknown of the attempts to take it back, too.
    pub(super) fn add_attempts(&self, draft: &mut Draft, case: &Case) {
        let attempts = case.progress.begun.iter().filter_map(|begun| self.intent(begun.exchange).ok());
        attempts.for_each(|attempt| draft.facts.number(Fact::KnownSeq, attempt.header.seq.0));
    }

    /// What came of the exchange that was to take it back.
    fn attempt(&self, exchange: ExchangeId) -> Result<Attempt, Trouble> {
        let mut attempt = Attempt::Unsent;
        for place in self.line.journal.lookup(EntryKind::Exchange, Token(exchange.0))? {
            let record = self.line.journal.read(place)?;
            match record.header.known_kind() {
                Some(Kind::Intent) => attempt = Attempt::UnderWay,
                Some(Kind::Outcome) => {
                    let outcome = Outcome::from_code(record.header.outcome).unwrap_or(Outcome::Unknown);
                    let cause = Why::from_code(record.header.cause).unwrap_or(Why::Unreadable);
                    attempt = attempt_of(outcome, cause);
                }
                _ => {}
            }
        }
        Ok(attempt)
    }

    fn is_by_handle(&self, case: &Case, infno: &str) -> Way {
        let profile = &self.line.policy.load().profile;
        let by_handle = profile.undone_by_handle(profile.transaction(&case.side.infno));
        if by_handle.is_some_and(|by| by.infno == infno) { Way::Handle } else { Way::Msgid }
    }
}

fn attempt_of(outcome: Outcome, cause: Why) -> Attempt {
    match (outcome, cause) {
        (_, Why::AlreadyDone) => Attempt::DoneBefore,
        (Outcome::Refused, Why::NeverSent) => Attempt::Unsent,
        (outcome, _) => Attempt::Ended(outcome),
    }
}
