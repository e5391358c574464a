//! One exchange as both sides see it, folded from its records.

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Origin, Seq};
use crate::domain::money::units_of;
use crate::domain::outcome::{Cause as Why, Outcome, Told};
use crate::domain::token::Token;
use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::journal::record::{Kind, flag};

use super::decision::Evidence;
use super::settle::BREAKS_PROVEN;
use super::stand::{Cause, Platform, Shown, Stand, stand};

/// The amount that is at stake: 医疗费总额.
pub const AT_STAKE: &str = "medfee_sumamt";

/// What a `Kind::Difference` record says where ledgers differ no more.
pub const AGREES: &str = "agrees";

/// One exchange that changes books, with both sides and, where they may disagree, its case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Its INTENT.
    pub intent: Seq,
    /// Its id; the case is known by it, too.
    pub id: ExchangeId,
    /// When it came, unix ns.
    pub at_unix_ns: i64,
    /// Its class.
    pub class: Class,
    /// 交易编号.
    pub infno: String,
    /// 发送方报文ID.
    pub msgid: String,
    /// 定点医药机构编号.
    pub fixmedins_code: String,
    /// 就诊ID; empty where none is known.
    pub mdtrt_id: String,
    /// 结算ID; empty where none is known.
    pub setl_id: String,
    /// 医疗费总额 in ten-thousandths of a yuan, where it is said.
    pub at_stake: Option<i64>,
    /// Business key.
    pub key: Token,
    /// The settlement that it made or undoes.
    pub settlement: Token,
    /// INTENT of what it undoes, where that is known.
    pub undoes: Seq,
    /// What the platform holds.
    pub platform: Platform,
    /// Why that is so, as stored in the OUTCOME.
    pub why: u8,
    /// What the HIS was handed.
    pub told: Option<Told>,
    /// What the HIS has shown.
    pub shown: Shown,
    /// The last record that said something of it.
    pub evidence: Seq,
    /// Whose it is, within the institution.
    pub person: Token,
    /// The call of the HIS which says that the person paid in cash while it was a case.
    pub self_paid: Seq,
    /// What kind of refusal its last answer holds, as [`Fact::Saying`] has it.
    pub saying: String,
    /// Its amounts break a law that is proven to hold, and nobody has looked at them yet.
    pub breaks_law: bool,
    /// How the ledgers of a day differ about a row that is no exchange in doubt; none where they agree, and of an exchange.
    pub differs: Option<Cause>,
    /// Its case.
    pub case: Option<Case>,
}

/// A case, open or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// Why.
    pub cause: Cause,
    /// When it was opened, unix ns.
    pub opened_unix_ns: i64,
    /// When, and the record that closed it: the closing evidence.
    pub closed: Option<(i64, Seq)>,
}

/// True for what is watched: calls of the HIS after which the books of platform and HIS must agree.
pub fn is_watched(intent: &Record) -> bool {
    let class = Class::from_code(intent.header.class).unwrap_or(Class::Unclassified);
    let books = [Class::Upload, Class::State, Class::Unclassified, Class::Reversal, Class::Money].contains(&class);
    books && intent.header.origin == Origin::His as u8
}

impl Side {
    /// Begins with its INTENT, or with the record of a difference between ledgers.
    pub fn begin(intent: &Record) -> Side {
        let text = |fact| intent.facts.text_of(fact).unwrap_or_default().to_owned();
        Side {
            intent: intent.header.seq,
            id: intent.header.exchange_id,
            at_unix_ns: intent.header.at_unix_ns,
            class: Class::from_code(intent.header.class).unwrap_or(Class::Unclassified),
            infno: text(Fact::Infno),
            msgid: text(Fact::Msgid),
            fixmedins_code: text(Fact::FixmedinsCode),
            mdtrt_id: text(Fact::MdtrtId),
            setl_id: text(Fact::SetlId),
            at_stake: at_stake(intent),
            key: intent.header.key_token,
            settlement: intent.header.settlement_token,
            undoes: Seq(intent.facts.number_of(Fact::UndoesSeq).unwrap_or(0)),
            platform: Platform::UnderWay,
            why: 0,
            told: None,
            shown: Shown::Nothing,
            evidence: intent.header.seq,
            person: intent.header.fence_token,
            self_paid: Seq::NONE,
            breaks_law: false,
            saying: String::new(),
            differs: difference(intent),
            case: None,
        }
    }

    /// A later run of the day says how the ledgers differ, or that they agree.
    pub fn differ(&mut self, record: &Record) {
        self.differs = difference(record);
    }

    /// Takes an OUTCOME of it. Silence never undoes evidence.
    pub fn end(&mut self, outcome: &Record) {
        let undo_was_done = self.class == Class::Reversal && outcome.header.cause == Why::AlreadyDone as u8;
        let platform = match Outcome::from_code(outcome.header.outcome) {
            _ if undo_was_done => Platform::Did,
            Some(Outcome::Confirmed) => Platform::Did,
            Some(Outcome::Refused) => Platform::DidNot,
            Some(Outcome::Unknown) | None => Platform::Perhaps,
        };
        if platform != Platform::Perhaps || self.platform == Platform::UnderWay {
            (self.platform, self.why) = (platform, outcome.header.cause);
        }
        let texts =
            [(&mut self.mdtrt_id, Fact::MdtrtId), (&mut self.setl_id, Fact::SetlId), (&mut self.saying, Fact::Saying)];
        for (place, fact) in texts {
            if let Some(said) = outcome.facts.text_of(fact) {
                said.clone_into(place);
            }
        }
        if !outcome.header.settlement_token.is_none() {
            self.settlement = outcome.header.settlement_token;
        }
        self.at_stake = at_stake(outcome).or(self.at_stake);
        self.breaks_law |= outcome.facts.all_named(Fact::Finding).any(|(_, says)| says == BREAKS_PROVEN);
        if outcome.header.has(flag::BY_RECOVERY) {
            self.reopened();
        }
    }

    /// What was handed over, or not; a success that was handed over once stays. A cancel that is refused because it was done
    /// before is a success to every HIS (`wire.md` §5.1).
    pub fn hand_over(&mut self, told: Told) {
        let done_before = self.class == Class::Reversal && self.why == Why::AlreadyDone as u8;
        let told = if done_before && told == Told::Refused { Told::Success } else { told };
        if self.told != Some(Told::Success) {
            self.told = Some(told);
        }
    }

    /// An undo of it is about to leave: from here on it may be undone.
    pub fn undo_begins(&mut self) {
        if self.platform == Platform::Did {
            self.platform = Platform::UndonePerhaps;
        }
    }

    /// An undo of it was refused: it is as if it had never been tried.
    pub fn undo_refused(&mut self) {
        if self.platform == Platform::UndonePerhaps {
            self.platform = Platform::Did;
        }
    }

    /// It is proven to be undone.
    pub fn undone(&mut self, by_his: bool) {
        self.platform = Platform::Undone;
        if by_his {
            self.shown = Shown::TakenBack;
        }
    }

    /// Its recorded answer is given once more: until that is reported, nobody knows what the HIS heard.
    pub fn given_again(&mut self) {
        if self.told != Some(Told::Success) {
            self.told = None;
        }
    }

    /// The HIS says, while nobody knows what became of it, that the person paid in cash.
    pub fn self_paid_by(&mut self, evidence: Seq) {
        if self.class == Class::Money && self.self_paid == Seq::NONE {
            self.self_paid = evidence;
        }
    }

    /// Proof from outside the line; it may name the settlement.
    pub fn proven(&mut self, evidence: Evidence, setl_id: Option<&str>) {
        if let Some(setl_id) = setl_id {
            setl_id.clone_into(&mut self.setl_id);
        }
        self.platform = evidence.platform.unwrap_or(self.platform);
        (self.breaks_law, self.differs) = (false, None);
        self.shown = evidence.his.unwrap_or(self.shown);
        if evidence.his_has_not {
            (self.told, self.shown) = (Some(Told::NotTold), Shown::Nothing);
        }
    }

    /// A later call of the HIS names what it made, as only one who has booked it can.
    pub fn booked(&mut self) {
        if self.class == Class::Money && self.shown == Shown::Nothing {
            self.shown = Shown::Booked;
        }
    }

    /// The gateway ended: nobody reports any more what was handed over.
    pub fn reopened(&mut self) {
        if self.platform != Platform::UnderWay {
            self.told = self.told.or(Some(Told::UnknownWhatTold));
        }
    }

    /// Takes note of `evidence` at a moment, and opens, changes or closes the case.
    pub fn judge(&mut self, evidence: Seq, at_unix_ns: i64) {
        self.evidence = evidence;
        let cause = match self.stand() {
            Stand::Case(cause) => Some(cause),
            // Not over yet: a case stays as it is, until it is known what came of it.
            Stand::Watched => return,
            Stand::Agreed | Stand::Unproven => None,
        };
        match (&mut self.case, cause) {
            (Some(case), Some(cause)) => (case.cause, case.closed) = (cause, None),
            (Some(case), None) => case.closed = case.closed.or(Some((at_unix_ns, evidence))),
            (None, Some(cause)) => self.case = Some(Case { cause, opened_unix_ns: at_unix_ns, closed: None }),
            (None, None) => {}
        }
    }

    /// How the two sides stand.
    pub fn stand(&self) -> Stand {
        if self.class == Class::Reconcile {
            return self.differs.map_or(Stand::Agreed, Stand::Case);
        }
        match stand(self.class, self.platform, self.told, self.shown) {
            Stand::Agreed | Stand::Unproven if self.breaks_law => Stand::Case(Cause::MoneyLaw),
            stand => stand,
        }
    }

    /// Nothing can come of it any more: the sides agree, it never was a case, and nobody can undo it.
    pub fn is_over(&self) -> bool {
        let may_be_undone = self.class == Class::Money && self.platform != Platform::DidNot;
        self.case.is_none() && self.stand() == Stand::Agreed && !may_be_undone
    }
}

fn at_stake(record: &Record) -> Option<i64> {
    let mut amounts = record.facts.all_named(Fact::Amount);
    let (_, value) = amounts.find(|(name, _)| *name == AT_STAKE)?;
    units_of(std::str::from_utf8(value).ok()?)
}

/// The word of a `Kind::Difference` record; [`AGREES`] is none.
fn difference(record: &Record) -> Option<Cause> {
    let is_one = record.header.known_kind() == Some(Kind::Difference);
    record.facts.text_of(Fact::Name).filter(|_| is_one).and_then(Cause::named)
}
