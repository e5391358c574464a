//! Asks the platform about a case, and takes what it says for evidence.
//!
//! The question needs the number of the settlement (`wire.md` §5.2): from an answer that was cut, or from a later call of the HIS
//! in the same visit that names one we do not know. Then the answer must name our own msgid, or it speaks of another settlement.

use std::sync::Arc;

use crate::domain::class::Class;
use crate::domain::exchange::Origin;
use crate::domain::outcome::Outcome;
use crate::exchange::decision::{Evidence, GATEWAY, Step, knew};
use crate::exchange::inquire::Question;
use crate::exchange::own::Template;
use crate::exchange::stand::Platform;
use crate::journal::Record;
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::journal::tokens::VISIT_SLOTS;
use crate::profile::{Inquiry, Stands};

use super::finisher::{Case, Finisher, Trouble};
use super::plan::Asked;
use super::proposing;

/// Records of one visit that are looked through for a settlement that the HIS names.
const LOOKED_THROUGH_MAX: usize = 200;

/// What is asked about a case.
struct Wording<'c> {
    template: &'c Template,
    inquiry: Arc<Inquiry>,
    values: Vec<String>,
    /// The settlement that is asked about.
    setl_id: String,
    /// It was named by the HIS: whether it is the one of the case, the answer must say.
    is_named_by_his: bool,
}

impl Finisher {
    /// What the platform says of a case, as far as it was asked.
    pub(super) fn asked(&self, case: &Case) -> Result<Asked, Trouble> {
        let Some((at_unix_ns, last)) = case.progress.asked.last() else {
            return Ok(if self.wording(case)?.is_some() { Asked::NotYet } else { Asked::Cannot });
        };
        let is_due = self.have_passed(self.settings.ask_minutes, *at_unix_ns);
        let may_ask = (case.progress.asked.len() as u64) < self.settings.asks_max;
        Ok(match *last {
            Stands::Unproven if may_ask && is_due => Asked::NotYet,
            Stands::Unproven if may_ask => Asked::Later,
            said => Asked::Said(said),
        })
    }

    /// Asks whether the settlement stands, and journals what the platform says.
    pub(super) async fn ask(&self, case: &Case) -> Result<Stands, Trouble> {
        let Some(wording) = self.wording(case)? else { return Ok(Stands::Unproven) };
        let anew = self.ourselves.anew(wording.template).await;
        let question = Question {
            parent_id: case.side.id,
            inquiry: &wording.inquiry,
            values: &wording.values,
            ours: wording.is_named_by_his.then_some(case.side.msgid.as_str()),
            anew: &anew.members(),
            patience: wording.template.upstream.answer_within,
        };
        let (stands, seq) = self.line.ask(wording.template, &question).await?;
        let mut draft = self.decided(case, Step::Asked, GATEWAY);
        draft.facts.named(Fact::Knew, "stands", stands.word().as_bytes());
        draft.facts.named(Fact::Knew, "setl_id", wording.setl_id.as_bytes());
        draft.facts.text(Fact::Name, &wording.inquiry.infno);
        draft.facts.number(Fact::EvidenceSeq, seq.unwrap_or_default().0);
        self.line.journal.append(draft).await?;
        Ok(stands)
    }

    /// What the platform said ends the doubt.
    pub(super) async fn take_evidence(&self, case: &Case) -> Result<(), Trouble> {
        let platform = match case.progress.asked.last() {
            Some((_, Stands::Alive)) => Platform::Did,
            Some((_, Stands::Undone)) => Platform::Undone,
            _ => return Ok(()),
        };
        let is_asked = |record: &&Record| Step::of(record) == Some(Step::Asked);
        let Some(asked) = case.records.iter().rev().find(is_asked) else { return Ok(()) };
        let mut draft = self.decided(case, Step::Evidence, GATEWAY);
        Evidence { platform: Some(platform), ..Evidence::default() }.add_to(&mut draft, case.side.intent);
        self.add_attempts(&mut draft, case);
        draft.facts.text(Fact::SetlId, knew(asked, "setl_id").unwrap_or_default());
        draft.facts.number(Fact::EvidenceSeq, asked.header.seq.0);
        self.line.journal.append(draft).await?;
        Ok(())
    }

    /// What is to be asked; none where what the question needs is not known.
    fn wording<'c>(&self, case: &'c Case) -> Result<Option<Wording<'c>>, Trouble> {
        let Ok(template) = self.template(case) else { return Ok(None) };
        let key = template.policy.profile.transaction(&case.side.infno).key.as_ref();
        let Some(inquiry) = key.and_then(|key| key.ask.clone()) else { return Ok(None) };
        let is_named_by_his = case.side.setl_id.is_empty();
        let setl_id = match is_named_by_his {
            true => self.named_by_his(case)?.unwrap_or_default(),
            false => case.side.setl_id.clone(),
        };
        let values = proposing::values(&case.side, &setl_id, template, &inquiry.fields);
        Ok(values.map(|values| Wording { template, inquiry, values, setl_id, is_named_by_his }))
    }

    /// A settlement that the HIS names later in the visit of the case, and that no call of this journal is known to have made.
    fn named_by_his(&self, case: &Case) -> Result<Option<String>, Trouble> {
        let journal = &self.line.journal;
        if case.side.mdtrt_id.is_empty() {
            return Ok(None);
        }
        let visit = journal.lookup(EntryKind::Slot, journal.tokens().of(VISIT_SLOTS, &case.side.mdtrt_id))?;
        let later = visit.into_iter().filter(|place| case.side.intent < place.seq).take(LOOKED_THROUGH_MAX);
        for place in later {
            let call = journal.read(place)?;
            let by_his = call.header.origin == Origin::His as u8 && call.header.known_kind() == Some(Kind::Intent);
            let Some(setl_id) = call.facts.text_of(Fact::SetlId).filter(|_| by_his) else { continue };
            if !self.is_made_here(&call)? {
                return Ok(Some(setl_id.to_owned()));
            }
        }
        Ok(None)
    }

    /// Whether a call of this journal is known to have made the settlement that `call` names.
    fn is_made_here(&self, call: &Record) -> Result<bool, Trouble> {
        for place in self.line.journal.lookup(EntryKind::Settlement, call.header.settlement_token)? {
            let record = self.line.journal.read(place)?;
            let confirmed =
                record.header.outcome == Outcome::Confirmed as u8 && record.header.class == Class::Money as u8;
            if confirmed && record.header.known_kind() == Some(Kind::Outcome) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
