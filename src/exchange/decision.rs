//! What a person or the finisher decided about an exchange: a record beside it, which says who, what and why.

use crate::domain::exchange::{ExchangeId, Origin, Seq};
use crate::journal::Record;
use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::journal::record::{Header, Kind};

use super::stand::{Platform, Shown};

/// Who decides where no person does.
pub const GATEWAY: &str = "medgate";

/// What was decided. The words are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Similar settlements of the person may pass (`money.md` §5).
    LiftFence,
    /// Somebody takes care of the case.
    Assign,
    /// A remark.
    Note,
    /// The platform was asked, and this is what it said.
    Asked,
    /// An end of the case is proposed, ready to be done.
    Propose,
    /// A person agrees to what is proposed.
    Approve,
    /// The recorded answer is withdrawn, and what takes the settlement back may leave from here on.
    Reversing,
    /// What was to take it back did not: it stands as before.
    NotReversed,
    /// Proof from outside the line of what a side holds.
    Evidence,
}

impl Step {
    /// All of them.
    pub const ALL: [Step; 9] = [
        Step::LiftFence,
        Step::Assign,
        Step::Note,
        Step::Asked,
        Step::Propose,
        Step::Approve,
        Step::Reversing,
        Step::NotReversed,
        Step::Evidence,
    ];

    /// The word that a record holds.
    pub fn word(self) -> &'static str {
        match self {
            Step::LiftFence => "lift_fence",
            Step::Assign => "assign",
            Step::Note => "note",
            Step::Asked => "asked",
            Step::Propose => "propose",
            Step::Approve => "approve",
            Step::Reversing => "reversing",
            Step::NotReversed => "not_reversed",
            Step::Evidence => "evidence",
        }
    }

    /// What hospital people call it.
    pub fn chinese(self) -> &'static str {
        match self {
            Step::LiftFence => "解除拦截",
            Step::Assign => "指派",
            Step::Note => "备注",
            Step::Asked => "向平台查询",
            Step::Propose => "提出处理",
            Step::Approve => "批准",
            Step::Reversing => "正在冲正",
            Step::NotReversed => "未冲正",
            Step::Evidence => "凭证",
        }
    }

    /// The step that a Decision holds.
    pub fn of(record: &Record) -> Option<Step> {
        let word = record.facts.text_of(Fact::Step).filter(|_| record.header.known_kind() == Some(Kind::Decision))?;
        Step::ALL.into_iter().find(|step| step.word() == word)
    }
}

/// A Decision about the exchange of `intent`, without what the step says.
pub fn draft(intent: &Header, step: Step, who: &str, at_unix_ns: i64) -> Draft {
    let mut draft = Draft::new(Kind::Decision);
    draft.header.exchange_id = intent.exchange_id;
    draft.header.ref_seq = intent.seq;
    draft.header.key_token = intent.key_token;
    draft.header.class = intent.class;
    draft.header.origin = if who == GATEWAY { Origin::Reconcile as u8 } else { Origin::Operator as u8 };
    draft.header.at_unix_ns = at_unix_ns;
    draft.facts.text(Fact::Step, step.word());
    draft.facts.text(Fact::Who, who);
    draft
}

/// The texts that a record keeps under `Knew`.
pub fn knew<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
    let (_, value) = record.facts.all_named(Fact::Knew).find(|(found, _)| *found == name)?;
    std::str::from_utf8(value).ok()
}

/// What a side holds, by proof from outside the line: a platform's statement, a ledger of the HIS, a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Did, DidNot or Undone.
    pub platform: Option<Platform>,
    /// Booked or TakenBack.
    pub his: Option<Shown>,
    /// The HIS does not have it, and will not: what it was told says nothing any more.
    pub his_has_not: bool,
}

/// How a HIS that does not have it is written.
const HAS_NOT: &str = "has_not";

impl Evidence {
    /// Adds it to a Decision of [`Step::Evidence`]. Where it proves that the platform does not have it (any more), it frees the key.
    pub fn add_to(&self, draft: &mut Draft, intent: Seq) {
        if let Some(platform) = self.platform {
            draft.facts.named(Fact::Knew, "platform", platform.word().as_bytes());
            draft.facts.number(Fact::KnownSeq, intent.0);
            if matches!(platform, Platform::DidNot | Platform::Undone) {
                draft.facts.number(Fact::FreesSeq, intent.0);
            }
        }
        let his = if self.his_has_not { Some(HAS_NOT) } else { self.his.map(Shown::word) };
        if let Some(his) = his {
            draft.facts.named(Fact::Knew, "his", his.as_bytes());
        }
    }

    /// What a Decision proves; `None` for one of another step.
    pub fn of(record: &Record) -> Option<Evidence> {
        if Step::of(record) != Some(Step::Evidence) {
            return None;
        }
        let (platform, his) = (knew(record, "platform"), knew(record, "his"));
        Some(Evidence {
            platform: Platform::ALL.into_iter().find(|one| platform == Some(one.word())),
            his: Shown::ALL.into_iter().find(|one| his == Some(one.word())),
            his_has_not: his == Some(HAS_NOT),
        })
    }
}

/// A number that a Decision names under `Knew`.
pub fn knew_seq(record: &Record, name: &str) -> Option<Seq> {
    knew(record, name)?.parse().ok().map(Seq)
}

/// An exchange that a Decision names under `Knew`.
pub fn knew_exchange(record: &Record, name: &str) -> Option<ExchangeId> {
    ExchangeId::parse(knew(record, name)?)
}
