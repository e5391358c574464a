//! Goes on listening after the HIS was told "unknown": a late answer is evidence (`money.md` §1).

use std::sync::Arc;

use crate::domain::outcome::Outcome;
use crate::journal::draft::{Draft, Sealed};
use crate::journal::facts::Fact;
use crate::journal::record::{Header, Kind, flag};

use super::forward::{Heeded, Report};
use super::identify::patience;
use super::settle::Evidence;
use super::{Line, Performing};

impl Line {
    /// Listens until the upstream's `listen_ms` is over, and journals what comes.
    pub(super) async fn listen_on(
        self: &Arc<Self>,
        mut performing: Performing,
        hearing: impl Future<Output = Report> + Send,
    ) {
        // The HIS has heard: its turn and its share of memory go to the next one. What still holds something is one
        // connection of the upstream, and those are bounded.
        performing.intended.give_back_turn();
        let call = performing.intended.call();
        let left = call.upstream.listen_within.saturating_sub(patience(&call.client, &call.upstream));
        let report = tokio::select! {
            biased;
            report = hearing => report,
            () = tokio::time::sleep(left) => return,
            () = self.cut.cancelled() => return,
        };
        // Silence that turns into a broken connection says nothing new; a large late reply stands in no answer.
        let Report::Reply(heeded) = report else { return };
        self.metrics.late_answers.inc();
        let verdict = self.judge_reply(performing.intended.call(), heeded.reply.status, &heeded.understood);
        let Ok(evidence_seq) = self.journal.append(self.late_note(&performing, &heeded)).await else {
            return tracing::error!(exchange = %performing.intended.header.exchange_id, "a late answer could not be journaled");
        };
        if verdict.outcome != Outcome::Unknown {
            let told = performing.intended.call().client.unknown.told();
            self.settle(&mut performing.intended, verdict, Evidence::late(&heeded, told, evidence_seq)).await;
        }
    }

    fn late_note(&self, performing: &Performing, heeded: &Heeded) -> Draft {
        let intent = &performing.intended.header;
        let header = Header {
            kind: Kind::Note as u8,
            ref_seq: intent.seq,
            at_unix_ns: self.clock.unix_ns(),
            flags: flag::LATE,
            ..intent.clone()
        };
        let mut draft = Draft { header, facts: Default::default(), sealed: None };
        draft.facts.text(Fact::Reason, "late answer");
        draft.facts.text(Fact::Infno, &performing.intended.call().identity.infno);
        draft.facts.number(Fact::HttpStatus, u64::from(heeded.reply.status));
        draft.sealed = Some(Sealed { reply: Some(heeded.reply.clone()), ..Sealed::default() });
        draft
    }
}
