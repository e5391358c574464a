//! Asks the platform whether what a recorded call did still stands, before its old answer is given again (`money.md` §3).
//!
//! The question is an exchange of its own on the same line: journaled, sent once, settled. It never moves money.

use std::sync::Arc;

use crate::domain::exchange::{ExchangeId, Origin, Seq};
use crate::domain::message::{HeaderLines, Request, header};
use crate::domain::outcome::{Cause, Outcome};
use crate::domain::scan::{Scanner, View};
use crate::profile::{Asked, Inquiry, Stands};

use super::door::RequestHead;
use super::forward::Report;
use super::history::Held;
use super::identify::{Identified, patience};
use super::intake::Arrival;
use super::knew::Knew;
use super::reading::{self, Reading};
use super::settle::Evidence;
use super::{Line, Performing, check};

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
        let at_unix_ns = self.clock.unix_ns();
        let id = self.ids.next(at_unix_ns);
        let asked = Asked {
            inquiry,
            fixmedins_code: repeat.envelope.fixmedins_code.as_deref()?,
            values: &values,
            now_unix_ns: at_unix_ns,
            tail: u16::from_be_bytes([id.0[14], id.0[15]]),
        };
        let question = self.question(repeat, held, id, &asked)?;
        let checked = check::check(Box::new(question)).ok()?;
        let intended = self.intend(self.sign(checked).await.ok()?).await.ok()?;
        let mut asking = Performing { line: Arc::clone(self), intended };

        let report = tokio::select! {
            biased;
            report = self.send(&asking.intended) => report,
            () = tokio::time::sleep(patience(&repeat.client, &repeat.upstream)) => Report::silent(Cause::TimedOut),
            () = self.cut.cancelled() => Report::silent(Cause::Stop),
        };
        let verdict = self.judge(asking.intended.call(), &report);
        let heeded = match &report {
            Report::Reply(heeded) => Some(&**heeded),
            Report::Silence { part, .. } => part.as_deref(),
            Report::NeverSent { .. } | Report::Streaming(_) => None,
        };
        let settled = self.settle(&mut asking.intended, verdict, Evidence::asked(heeded)).await;
        // An answer that is not in the journal must not decide over money.
        let proof = heeded.filter(|_| verdict.outcome == Outcome::Confirmed && settled.is_some());
        let profile = &repeat.arrival.policy.profile;
        let stands = proof.map_or(Stands::Unproven, |heeded| profile.stands(&heeded.understood.view, &asked));
        Some((stands, settled.unwrap_or_default()))
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

    fn question(&self, repeat: &Identified, held: &Held, id: ExchangeId, asked: &Asked<'_>) -> Option<Identified> {
        let arrival = &repeat.arrival;
        let profile = &arrival.policy.profile;
        let request = profile.inquiry(&arrival.request, &arrival.view, asked)?;
        let mut scanner = Scanner::of_content_type(profile.wanted(), content_type(&request.headers));
        scanner.feed(request.body.buffered()?);
        let view = scanner.finish();
        let Reading { envelope, tokens, called, rule_without_key, .. } =
            reading::read_question(profile, self.journal.tokens(), &view);
        Some(Identified {
            identity: profile.identify(&request.target, &request.headers, &view),
            tokens,
            envelope,
            client: Arc::clone(&repeat.client),
            upstream: Arc::clone(&repeat.upstream),
            called,
            generation: 0,
            claim: None,
            like_claim: None,
            fence_claim: None,
            undone: None,
            findings: Vec::new(),
            rule_without_key,
            knew: Knew::default(),
            parent_id: held.exchange_id,
            arrival: Arrival {
                id,
                head: head_of(&request, arrival),
                request,
                view,
                at_unix_ns: asked.now_unix_ns,
                policy: Arc::clone(&arrival.policy),
                key_slot: 0,
                origin: Origin::Reconcile,
            },
        })
    }
}

/// The head's extras: the case map of the HIS's own header names; permit and budget stay with the repeat.
fn head_of(request: &Request, repeat: &Arrival) -> RequestHead {
    RequestHead {
        method: request.method.clone(),
        target: request.target.clone(),
        http_minor: request.http_minor,
        headers: HeaderLines::new(),
        carried: repeat.head.carried.clone(),
        peer: repeat.head.peer,
        certificate: None,
        content_length: None,
        permit: None,
        budget: None,
    }
}

fn content_type(headers: &HeaderLines) -> Option<&[u8]> {
    header(headers, "content-type").map(|value| &value[..])
}
