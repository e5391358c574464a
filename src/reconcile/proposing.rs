//! Proposals: the exact bytes that would leave, what they would do to both books, and who must agree.

use crate::domain::exchange::Seq;
use crate::domain::message::Request;
use crate::domain::moment::china_time;
use crate::domain::money::written;
use crate::domain::outcome::Told;
use crate::exchange::decision::Step;
use crate::exchange::own::{NotCalled, Template};
use crate::exchange::side::Side;
use crate::exchange::stand::Cause;
use crate::journal::Journal;
use crate::journal::draft::Sealed;
use crate::journal::facts::Fact;
use crate::journal::record::flag;
use crate::profile::UndoneBy;
use crate::profile::own::input_data;
use crate::views::shown::readable;

use super::finisher::{Case, Finisher, Trouble};
use super::plan::Way;
use super::progress::{End, Proposal};

impl Finisher {
    /// How the settlement of a case can be taken back.
    pub(super) fn way(&self, case: &Case) -> (Way, Option<UndoneBy>) {
        let profile = &self.line.policy.load().profile;
        let transaction = profile.transaction(&case.side.infno);
        let is_done = case.cause != Cause::UnknownOutcome && !case.side.setl_id.is_empty();
        let by_handle = profile.undone_by_handle(transaction).filter(|_| is_done);
        if by_handle.is_some() {
            return (Way::Handle, by_handle);
        }
        let Ok(template) = self.template(case) else { return (Way::No, None) };
        let is_elsewhere = template.envelope().cross_region;
        let allowed = |by: &UndoneBy| !case.side.msgid.is_empty() && (by.undo.cross_region || !is_elsewhere);
        match profile.undone_by_msgid(transaction).filter(allowed) {
            Some(by) => (Way::Msgid, Some(by)),
            None => (Way::No, None),
        }
    }

    /// Journals a proposal; for a reversal with the call that would leave. Returns its number once it is durable.
    pub(super) async fn propose(
        &self,
        case: &Case,
        end: End,
        by: Option<&UndoneBy>,
        who: &str,
        why: &str,
    ) -> Result<Seq, Trouble> {
        let now = self.line.clock.unix_ns();
        let persons = match end {
            End::Reverse => self.settings.policy().persons(case.side.at_stake, same_day(case.side.at_unix_ns, now)),
            End::Adopt => 0,
        };
        let mut draft = self.decided(case, Step::Propose, who);
        for (name, value) in [
            ("end", end.word()),
            ("infno", by.map_or("", |by| &by.infno)),
            ("persons", &persons.to_string()),
            ("cause", case.cause.word()),
            ("platform", case.side.platform.word()),
            ("told", case.side.told.map_or("", Told::word)),
            ("asked", case.progress.asked.last().map_or("", |(_, stands)| stands.word())),
        ] {
            draft.facts.named(Fact::Knew, name, value.as_bytes());
        }
        draft.facts.text(Fact::Text, &effect(&case.side, end, by));
        draft.facts.text(Fact::Reason, why);
        if let Some(by) = by {
            // Under the key of the original call, so that erasing the visit erases this too.
            draft.header.key_slot = case.intent.header.key_slot;
            draft.header.visit_token = case.intent.header.visit_token;
            draft.header.flags |= case.intent.header.flags & flag::ERASABLE;
            let request = self.reversal(case, by).await?;
            draft.sealed = Some(Sealed { request: Some(request), ..Sealed::default() });
        }
        tracing::info!(exchange = %case.side.id, end = end.word(), persons, by = who, "an end of a case is proposed");
        Ok(self.line.journal.append(draft).await?)
    }

    /// The call that takes the settlement back, before it is signed.
    async fn reversal(&self, case: &Case, by: &UndoneBy) -> Result<Request, Trouble> {
        let template = self.template(case)?;
        let values = values(&case.side, &case.side.setl_id, template, &by.undo.fields).ok_or(NotCalled::NoEnvelope)?;
        let members = by.undo.fields.iter().map(String::as_str).zip(values.iter().map(String::as_str));
        let anew = self.ourselves.anew(template).await;
        let id = self.line.own_id();
        Ok(self.line.compose(template, id, (&by.infno, &input_data(members)), &anew.members())?)
    }
}

/// What is known of each field, from the journal or from the original call; `setl_id` may be known from elsewhere.
pub(super) fn values(side: &Side, setl_id: &str, template: &Template, fields: &[String]) -> Option<Vec<String>> {
    let profile = &template.policy.profile;
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let value = |field: &String| match field.as_str() {
        "setl_id" => said(setl_id),
        "mdtrt_id" => said(&side.mdtrt_id),
        "psn_no" => template.envelope().psn_no,
        "omsgid" => said(&side.msgid),
        "oinfno" => said(&profile.transaction(&side.infno).oinfno),
        other => template.view.text(other).map(str::to_owned),
    };
    fields.iter().map(value).collect()
}

/// The call that a proposal holds.
pub(super) fn proposed(journal: &Journal, case: &Case, proposal: Seq) -> Result<Request, Trouble> {
    let record = case.records.iter().find(|record| record.header.seq == proposal);
    let gone = |why: &str| Trouble::Call(NotCalled::Original(why.to_owned()));
    let record = record.ok_or_else(|| gone("the proposal is gone"))?;
    let sealed = journal.unseal(record).map_err(|error| gone(&error.to_string()))?;
    sealed.request.ok_or_else(|| gone("the proposal holds no call"))
}

/// A proposal as persons see it before they agree.
#[derive(Debug, Clone)]
pub struct Previewed {
    /// The proposal.
    pub proposal: Proposal,
    /// What it would do to both books.
    pub effect: String,
    /// Where the call would go; empty for an adoption.
    pub target: String,
    /// Its body, as text; personal data stands in it.
    pub body: String,
}

/// Reads a proposal with the call that it holds.
pub(super) fn preview(journal: &Journal, case: &Case, proposal: Proposal) -> Result<Previewed, Trouble> {
    let record = case.records.iter().find(|record| record.header.seq == proposal.seq);
    let effect = record.and_then(|record| record.facts.text_of(Fact::Text)).unwrap_or_default().to_owned();
    if proposal.end == End::Adopt {
        return Ok(Previewed { proposal, effect, target: String::new(), body: String::new() });
    }
    let request = proposed(journal, case, proposal.seq)?;
    let body = request.body.buffered().and_then(|bytes| readable(bytes)).map_or_else(String::new, |(_, text)| text);
    Ok(Previewed { proposal, effect, target: String::from_utf8_lossy(&request.target).into_owned(), body })
}

/// Whether two moments are on one day of China's.
pub(super) fn same_day(one: i64, other: i64) -> bool {
    china_time(one).get(..10) == china_time(other).get(..10)
}

/// What a proposal would do to both books, for who is to agree to it.
fn effect(side: &Side, end: End, by: Option<&UndoneBy>) -> String {
    let sum = side.at_stake.map_or_else(|| "金额不详".to_owned(), |sum| format!("医疗费总额{}元", written(sum)));
    let his = match side.told.map(|told| told == Told::Success) {
        Some(true) => "HIS：曾收到成功，须核对是否已入账",
        _ => "HIS：未收到成功，账上没有这笔，无须处理",
    };
    match (end, by) {
        (End::Reverse, Some(by)) if side.setl_id.is_empty() => {
            format!("平台：以{}冲正报文{}（{sum}），若平台办成过则退回。{his}", by.infno, side.msgid)
        }
        (End::Reverse, by) => {
            let infno = by.map_or("", |by| &by.infno);
            format!("平台：以{infno}撤销结算{}（{sum}），基金与个人账户退回。{his}", side.setl_id)
        }
        (End::Adopt, _) => format!("平台：不变，结算{}有效（{sum}）。HIS：凭结算ID补记入账", side.setl_id),
    }
}
