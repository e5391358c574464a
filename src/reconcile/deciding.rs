//! What a person decides about a case: who takes care of it, what is remarked, proposed and agreed to, and what proves its end.
//!
//! Each is a Decision of the journal. Nothing closes a case by itself: proof says what a side holds, and the table says whether
//! the sides agree then.

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::outcome::Told;
use crate::exchange::decision::{Evidence, Step};
use crate::exchange::stand::{Cause, Platform, Shown, Stand};
use crate::journal::facts::Fact;

use super::finisher::{Case, Finisher, Trouble};
use super::plan::{Next, Way};
use super::progress::End;
use super::proposing::same_day;

/// What a person decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decide {
    /// `owner` takes care of it.
    Assign {
        /// A person.
        owner: String,
    },
    /// A remark.
    Note,
    /// An end is proposed.
    Propose {
        /// Which.
        end: End,
    },
    /// The person agrees to what is proposed.
    Approve {
        /// Record of the proposal, so that nobody agrees to what was not seen.
        proposal: Seq,
    },
    /// Proof of what the sides hold, with which the case closes.
    Close {
        /// What it proves.
        evidence: Evidence,
        /// What the proof is: a letter and its number, a ledger and its row.
        proof: String,
    },
}

/// Why it was not decided.
#[derive(Debug, thiserror::Error)]
pub enum NotDecided {
    /// It is no open case.
    #[error("{0} is no open case of money. 不是未结的案件")]
    NoCase(ExchangeId),
    /// The settlement cannot be taken back so.
    #[error("it cannot be taken back: {0}")]
    NotReversible(&'static str),
    /// A reversal is under way.
    #[error("it is being taken back already. 正在冲正")]
    UnderWay,
    /// There is no such proposal today.
    #[error(
        "record {0} is not the proposal in force; read the case again: a proposal holds for the day on which it was made. 提案已失效，请重新查看"
    )]
    NotInForce(Seq),
    /// Nobody need agree.
    #[error(
        "nobody need agree to it: an adoption is done in the HIS, and closed with proof. 无须批准，请在院内补记后以凭证结案"
    )]
    NothingToApprove,
    /// The same person again.
    #[error("{0} stands behind it already; another person must agree. 须由另一人批准")]
    SamePerson(String),
    /// The proof leaves the sides apart.
    #[error("with this proof the case is still open ({0}): say what is proven of the other side, too. 凭证不足以结案")]
    StillOpen(&'static str),
    /// The journal or the platform.
    #[error("{0}")]
    Trouble(#[from] Trouble),
}

impl Finisher {
    /// Journals what `who` decides about a case, and why; returns the number of the record once it is durable.
    ///
    /// # Errors
    /// What stands against it; nothing was decided then.
    pub async fn decide(&self, id: ExchangeId, decide: &Decide, who: &str, why: &str) -> Result<Seq, NotDecided> {
        let intent = self.beginning(id).map_err(|error| match error {
            Trouble::NoIntent(id) => NotDecided::NoCase(id),
            other => NotDecided::Trouble(other),
        })?;
        let case = self.case(intent)?.ok_or(NotDecided::NoCase(id))?;
        let step = match decide {
            Decide::Assign { .. } => Step::Assign,
            Decide::Note => Step::Note,
            Decide::Propose { end } => return self.propose_by(&case, *end, who, why).await,
            Decide::Approve { .. } => Step::Approve,
            Decide::Close { .. } => Step::Evidence,
        };
        let mut draft = self.decided(&case, step, who);
        draft.facts.text(Fact::Reason, why);
        match decide {
            Decide::Assign { owner } => draft.facts.text(Fact::Name, owner),
            Decide::Approve { proposal } => {
                self.may_approve(&case, *proposal, who)?;
                draft.facts.number(Fact::EvidenceSeq, proposal.0);
            }
            Decide::Close { evidence, proof } => {
                closes(&case, *evidence)?;
                evidence.add_to(&mut draft, case.side.intent);
                if evidence.platform.is_some() {
                    self.add_attempts(&mut draft, &case);
                }
                draft.facts.text(Fact::Text, proof);
            }
            Decide::Note | Decide::Propose { .. } => {}
        }
        Ok(self.line.journal.append(draft).await.map_err(Trouble::from)?)
    }

    async fn propose_by(&self, case: &Case, end: End, who: &str, why: &str) -> Result<Seq, NotDecided> {
        if case.side.class == Class::Reconcile {
            let why = "it is a row of ledgers and no call in doubt; correct it where it was made, and close it with proof. 账目差异不能冲正，请更正后以凭证结案";
            return Err(NotDecided::NotReversible(why));
        }
        if !case.progress.begun.is_empty() {
            return Err(NotDecided::UnderWay);
        }
        if end == End::Adopt {
            return Ok(self.propose(case, end, None, who, why).await?);
        }
        let (way, by) = self.way(case);
        if self.next(case)?.0 == Next::Wait {
            let why =
                "the platform or the HIS may still act on it; wait until its time is over. 平台或HIS仍可能办理，请稍候";
            return Err(NotDecided::NotReversible(why));
        }
        if case.cause == Cause::HisMore {
            let why = "the platform does not have it; it is to be taken back in the HIS. 平台没有这笔，请在院内撤销";
            return Err(NotDecided::NotReversible(why));
        }
        if case.cause == Cause::MoneyLaw {
            let why = "both sides hold it; look at its amounts. 两边都有这笔，请核对金额";
            return Err(NotDecided::NotReversible(why));
        }
        let told_done = matches!(case.side.told, Some(Told::Success | Told::UnknownWhatTold) | None);
        match way {
            Way::No => {
                let why =
                    "the profile allows neither a cancel nor 2601 here; await 3202. 本地规则不允许撤销或冲正，请待3202";
                Err(NotDecided::NotReversible(why))
            }
            Way::Msgid if told_done => {
                let why = "the HIS may have been told a success; 2601 is for what it was told failed or unknown. HIS可能已收到成功，不得冲正";
                Err(NotDecided::NotReversible(why))
            }
            _ => Ok(self.propose(case, end, by.as_ref(), who, why).await?),
        }
    }

    fn may_approve(&self, case: &Case, proposal: Seq, who: &str) -> Result<(), NotDecided> {
        let now = self.line.clock.unix_ns();
        let in_force = case.progress.proposal.as_ref();
        let in_force = in_force.filter(|one| one.seq == proposal && same_day(one.at_unix_ns, now));
        let in_force = in_force.ok_or(NotDecided::NotInForce(proposal))?;
        if in_force.end == End::Adopt {
            return Err(NotDecided::NothingToApprove);
        }
        if !case.progress.begun.is_empty() {
            return Err(NotDecided::UnderWay);
        }
        match in_force.persons_for().contains(&who) {
            true => Err(NotDecided::SamePerson(who.to_owned())),
            false => Ok(()),
        }
    }
}

/// Whether the sides agree once `evidence` is taken for proven.
fn closes(case: &Case, evidence: Evidence) -> Result<(), NotDecided> {
    let mut side = case.side.clone();
    side.proven(evidence, None);
    match side.stand() {
        Stand::Case(cause) => Err(NotDecided::StillOpen(cause.word())),
        Stand::Watched | Stand::Agreed | Stand::Unproven => Ok(()),
    }
}

impl Evidence {
    /// Reads what a person says is proven: `did`, `did_not`, `undone` of the platform, `booked`, `taken_back`, `has_not` of the HIS.
    /// `None` for other words, or when nothing is said.
    pub fn said(platform: Option<&str>, his: Option<&str>) -> Option<Evidence> {
        let platforms = [Platform::Did, Platform::DidNot, Platform::Undone];
        let of_platform = platform.map(|word| platforms.into_iter().find(|one| one.word() == word));
        let shown = [Shown::Booked, Shown::TakenBack];
        let of_his = his.map(|word| shown.into_iter().find(|one| one.word() == word));
        let his_has_not = his == Some("has_not");
        if of_platform == Some(None) || (of_his == Some(None) && !his_has_not) || (platform.is_none() && his.is_none())
        {
            return None;
        }
        Some(Evidence { platform: of_platform.flatten(), his: of_his.flatten(), his_has_not })
    }
}
