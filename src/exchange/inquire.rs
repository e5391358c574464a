//! Asks the platform whether what a recorded call did still stands: before its old answer is given again (`money.md` §3),
//! and before it is taken back.
//!
//! The question is an exchange of its own on the same line. It never moves money.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::message::{HeaderLines, header};
use crate::domain::scan::{Scanner, View};
use crate::profile::own::input_data;
use crate::profile::{Inquiry, Stands};

use super::Line;
use super::history::Held;
use super::identify::{Identified, patience};
use super::own::{NotCalled, OwnRequest, Template};

/// What is asked about an earlier call.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// The exchange for whose sake.
    pub parent_id: ExchangeId,
    /// How the platform is asked.
    pub inquiry: &'q Inquiry,
    /// The values of its fields.
    pub values: &'q [String],
    /// The msgid that the answer must name as the one which made what it tells of; none where that is known.
    pub ours: Option<&'q str>,
    /// Members of the envelope that are said anew.
    pub anew: &'q [(&'q str, &'q str)],
    /// How long the answer is waited for.
    pub patience: Duration,
}

impl Line {
    /// What the platform says of what `held` did, and the OUTCOME that holds it; `None` when it cannot be asked.
    ///
    /// Signed as the gateway's own identity, where there is one. Else the signature that the HIS made for its own call travels along;
    /// a platform that refuses it here proves nothing.
    pub(super) async fn inquire(
        self: &Arc<Self>,
        repeat: &Identified,
        held: &Held,
        inquiry: &Inquiry,
    ) -> Option<(Stands, Seq)> {
        let values = self.values(repeat, held, inquiry)?;
        let template = Template {
            request: repeat.arrival.request.clone(),
            view: repeat.arrival.view.clone(),
            policy: Arc::clone(&repeat.arrival.policy),
            upstream: Arc::clone(&repeat.upstream),
            carried: repeat.arrival.head.carried.clone(),
        };
        let patience = patience(&repeat.client, &repeat.upstream);
        let question =
            Question { parent_id: held.exchange_id, inquiry, values: &values, ours: None, anew: &[], patience };
        let asked = self.ask(&template, &question).await;
        asked.ok().map(|(stands, seq)| (stands, seq.unwrap_or_default()))
    }

    /// Asks the platform; gives what the answer says, and the OUTCOME that holds it.
    ///
    /// # Errors
    /// When the question could not be sent.
    pub async fn ask(
        self: &Arc<Self>,
        template: &Template,
        question: &Question<'_>,
    ) -> Result<(Stands, Option<Seq>), NotCalled> {
        let Question { parent_id, inquiry, values, ours, anew, patience } = *question;
        let id = self.own_id();
        let input = input_data(inquiry.fields.iter().map(String::as_str).zip(values.iter().map(String::as_str)));
        let request = self.compose(template, id, (&inquiry.infno, &input), anew)?;
        let report =
            self.perform(template, OwnRequest { id, parent_id, request, acts: false, undoes: None, patience }).await?;
        let profile = &template.policy.profile;
        let is_ours =
            |view| ours.is_none_or(|msgid| profile.envelope_of_reply(view).medins_setl_id.as_deref() == Some(msgid));
        let stands = report.proof().filter(|(view, _)| is_ours(view));
        let stands = stands.map_or(Stands::Unproven, |(view, _)| profile.stands(view, inquiry, values));
        Ok((stands, report.outcome_seq))
    }

    /// What is known of each field that is asked for: from the journal, from the repeat itself, or from the recorded answer.
    fn values(&self, repeat: &Identified, held: &Held, inquiry: &Inquiry) -> Option<Vec<String>> {
        let mut recorded = None;
        let mut value = |field: &String| match field.as_str() {
            "setl_id" => held.setl_ids.first().filter(|_| held.setl_ids.len() == 1).cloned(),
            "mdtrt_id" => held.mdtrt_id.clone(),
            "psn_no" => repeat.envelope.psn_no.clone(),
            other => {
                let said = repeat.arrival.view.text(other).map(str::to_owned);
                said.or_else(|| {
                    recorded.get_or_insert_with(|| self.recorded(repeat, held)).text(other).map(str::to_owned)
                })
            }
        };
        inquiry.fields.iter().map(&mut value).collect()
    }

    /// What the recorded answer says; nothing when there is none in memory's reach.
    fn recorded(&self, repeat: &Identified, held: &Held) -> View {
        let reply = held.outcome_place.and_then(|place| {
            let record = self.journal.read(place).ok()?;
            self.journal.unseal(&record).ok()?.reply
        });
        let profile = &repeat.arrival.policy.profile;
        let mut scanner = Scanner::of_content_type(
            profile.reply_wanted(),
            reply.as_ref().and_then(|reply| content_type(&reply.headers)),
        );
        scanner.feed(reply.as_ref().and_then(|reply| reply.body.buffered()).map_or(b"", |bytes| bytes));
        scanner.finish()
    }
}

fn content_type(headers: &HeaderLines) -> Option<&[u8]> {
    header(headers, "content-type").map(|value| &value[..])
}
