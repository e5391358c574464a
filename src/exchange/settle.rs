//! Makes the outcome durable, before the HIS can have a complete answer.

use std::time::Duration;

use crate::domain::causes::with_causes;
use crate::domain::exchange::Seq;
use crate::domain::message::{Body, Reply};
use crate::domain::outcome::{Cause, Outcome, Told};
use crate::journal::draft::{Draft, Edit, Sealed};
use crate::journal::facts::{Fact, Facts};
use crate::journal::record::flag;
use crate::profile::cure::kind_of_text;
use crate::profile::{Money, Profile, ReplyView};

use super::Line;
use super::forward::{Heeded, Report};
use super::history;
use super::identify::Identified;
use super::intend::{Intended, outcome_header};
use super::judge::{Asked, HeardFacts, judge};
use super::reading;
use super::understood::Understood;

/// Characters of the token of a text that no entry of the dictionary fits.
const SAYING_CHARS: usize = 12;
/// What a finding says in the place of a field where the law is proven to hold: it is a case.
pub const BREAKS_PROVEN: &[u8] = b"proven";

/// What the judge said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Confirmed, Refused or Unknown.
    pub outcome: Outcome,
    /// Why.
    pub cause: Cause,
}

impl Verdict {
    /// Unknown for this cause.
    pub fn unknown(cause: Cause) -> Verdict {
        Verdict { outcome: Outcome::Unknown, cause }
    }

    /// The platform says that it is done: by this call, or that it was done before.
    pub(super) fn proves_done(self) -> bool {
        self.outcome == Outcome::Confirmed || self.cause == Cause::AlreadyDone
    }
}

impl Line {
    /// Judges what one send brought back.
    pub(super) fn judge(&self, call: &Identified, report: &Report) -> Verdict {
        match report {
            Report::NeverSent { .. } => judge_of(call, &Heard::NeverSent),
            Report::Silence { cause, .. } => {
                call.upstream.metrics.silence(*cause);
                judge_of(call, &Heard::Silence(*cause))
            }
            Report::Reply(heeded) => self.judge_reply(call, heeded.reply.status, &heeded.understood),
            // `carry` streams these, and judges what `stream` stored.
            Report::Streaming(_) => Verdict::unknown(Cause::NotStored),
        }
    }

    /// Judges a complete reply.
    pub(super) fn judge_reply(&self, call: &Identified, status: u16, understood: &Understood) -> Verdict {
        judge_of(call, &Heard::Reply(status, understood))
    }
}

fn judge_of(call: &Identified, heard: &Heard<'_>) -> Verdict {
    verdict_of(&call.arrival.policy.profile, &asked(call), heard)
}

fn asked(call: &Identified) -> Asked<'_> {
    let (identity, envelope) = (&call.identity, &call.envelope);
    Asked::of(&call.arrival.policy.profile, identity.class, &identity.infno, envelope)
}

/// What one send brought back, as far as it decides.
pub enum Heard<'a> {
    /// Nothing left.
    NeverSent,
    /// No whole reply came, for this cause.
    Silence(Cause),
    /// A complete reply: its status and what it says.
    Reply(u16, &'a Understood),
}

/// The verdict, of values alone.
pub fn verdict_of(profile: &Profile, asked: &Asked<'_>, heard: &Heard<'_>) -> Verdict {
    let heard = match *heard {
        Heard::NeverSent => HeardFacts::NeverSent,
        Heard::Silence(cause) => HeardFacts::Silence(cause),
        // Nobody knows who speaks: neither success nor refusal is proven (`money.md` §1).
        Heard::Reply(_, understood) if understood.forged => return Verdict::unknown(Cause::WrongSignature),
        Heard::Reply(status, Understood { view, said, .. }) => HeardFacts::Reply { status, view, said, complete: true },
    };
    let (outcome, cause) = judge(profile, asked, &heard);
    Verdict { outcome, cause }
}

/// What an OUTCOME is to hold.
pub(super) struct Evidence<'a> {
    reply: Option<&'a Reply>,
    edits: &'a [Edit],
    said: Option<&'a ReplyView>,
    own_answer: Option<&'a Reply>,
    told: Told,
    flags: u32,
    evidence_seq: Seq,
}

impl<'a> Evidence<'a> {
    /// Nothing was heard, and nothing can be said of what was told.
    pub(super) fn none() -> Evidence<'a> {
        let told = Told::UnknownWhatTold;
        Evidence { reply: None, edits: &[], said: None, own_answer: None, told, flags: 0, evidence_seq: Seq::NONE }
    }

    /// The platform's reply, which the HIS gets as it came, or opened.
    pub(super) fn relayed(heeded: &'a Heeded, told: Told) -> Evidence<'a> {
        let (said, edits) = (Some(&heeded.understood.said), heeded.understood.edits.as_slice());
        Evidence { reply: Some(&heeded.reply), edits, said, told, ..Evidence::none() }
    }

    /// Our own words; what was seen of a reply beside them.
    pub(super) fn own_words(seen: Option<&'a Heeded>, own: &'a Reply, told: Told) -> Evidence<'a> {
        let (reply, said) = (seen.map(|seen| &seen.reply), seen.map(|seen| &seen.understood.said));
        Evidence { reply, said, own_answer: Some(own), told, ..Evidence::none() }
    }

    /// What the gateway asked for itself; nobody is told.
    pub(super) fn asked(heeded: Option<&'a Heeded>) -> Evidence<'a> {
        let (reply, said) = (heeded.map(|heeded| &heeded.reply), heeded.map(|heeded| &heeded.understood.said));
        Evidence { reply, said, told: Told::NotTold, ..Evidence::none() }
    }

    /// A large reply that streamed with its tail held.
    pub(super) fn streamed(reply: Option<&'a Reply>, said: Option<&'a ReplyView>, told: Told) -> Evidence<'a> {
        Evidence { reply, said, told, flags: flag::TAIL_HELD, ..Evidence::none() }
    }

    /// A reply that came after the HIS was told "unknown"; the Note `evidence_seq` holds it too.
    pub(super) fn late(heeded: &'a Heeded, told: Told, evidence_seq: Seq) -> Evidence<'a> {
        Evidence { flags: flag::LATE, evidence_seq, ..Evidence::relayed(heeded, told) }
    }
}

impl Line {
    /// Journals what became of the call. `None` when the journal failed: the record waits there, and the HIS still
    /// gets its answer (`decisions.md` 7).
    pub(super) async fn settle(
        &self,
        intended: &mut Intended,
        verdict: Verdict,
        evidence: Evidence<'_>,
    ) -> Option<Seq> {
        let draft = self.outcome_of(intended, verdict, &evidence);
        let settled = match intended.room.take() {
            Some(room) => self.journal.settle(draft, room).await.ok(),
            // A query that went through unjournaled, or a later OUTCOME that ends an Unknown.
            None if intended.seq != Seq::NONE => self.journal.append(draft).await.ok(),
            None => None,
        };
        if let (Some(seq), Some(claim)) = (settled, &intended.call().claim) {
            claim.settled(seq, verdict.outcome);
        }
        self.count(intended.call(), verdict);
        settled
    }

    fn count(&self, call: &Identified, verdict: Verdict) {
        let ns = self.clock.unix_ns().saturating_sub(call.arrival.at_unix_ns);
        let seconds = Duration::from_nanos(u64::try_from(ns).unwrap_or(0)).as_secs_f64();
        self.metrics.exchange_ended(&call.identity.infno, call.identity.class, verdict.outcome, seconds);
    }

    /// The OUTCOME as a draft.
    pub(super) fn outcome_of(&self, intended: &Intended, verdict: Verdict, evidence: &Evidence<'_>) -> Draft {
        let call = intended.call();
        let mut header = outcome_header(&intended.header, verdict.outcome);
        header.cause = verdict.cause as u8;
        header.at_unix_ns = self.clock.unix_ns();
        header.flags = evidence.flags;
        if evidence.reply.is_some_and(|reply| matches!(reply.body, Body::Spooled(_))) {
            header.flags |= flag::SPOOLED;
        }
        let mut facts = Facts::default();
        facts.text(Fact::Infno, &call.identity.infno);
        facts.text(Fact::Msgid, call.envelope.msgid.as_deref().unwrap_or_default());
        facts.text(Fact::FixmedinsCode, call.envelope.fixmedins_code.as_deref().unwrap_or_default());
        facts.number(Fact::HeardAt, header.at_unix_ns.cast_unsigned());
        facts.bytes(Fact::Told, [evidence.told as u8]);
        if evidence.evidence_seq != Seq::NONE {
            facts.number(Fact::EvidenceSeq, evidence.evidence_seq.0);
        }
        if let Some(reply) = evidence.reply {
            facts.number(Fact::HttpStatus, u64::from(reply.status));
        }
        if let Some(said) = evidence.said {
            reading::add_reply_facts(&mut facts, said);
            reading::name_what_it_made(&mut header, self.journal.tokens(), &call.envelope, said);
            self.add_broken_laws(&mut facts, call, verdict, said);
            self.add_saying(&mut facts, call, verdict, said);
        }
        if !header.visit_token.is_none() {
            header.flags |= flag::ERASABLE;
        }
        if header.visit_token != intended.header.visit_token {
            facts.number(Fact::LinkedSlot, header.key_slot);
        }
        facts.text(Fact::ChrgBchno, call.envelope.chrg_bchno.as_deref().unwrap_or_default());
        if let Some(undone) = &call.undone {
            facts.token(Fact::FreesKey, undone.key_token);
            if undone.is_provable && verdict.proves_done() {
                facts.number(Fact::FreesSeq, undone.intent_seq.0);
            }
        }
        if !evidence.edits.is_empty() {
            header.flags |= flag::EDITED;
        }
        let (reply, own_answer) = (evidence.reply.cloned(), evidence.own_answer.cloned());
        let sealed = Sealed { reply, own_answer, edits: evidence.edits.to_vec(), ..Sealed::default() };
        Draft { header, facts, sealed: Some(sealed) }
    }
}

impl Line {
    /// What kind of refusal it is, so that refusals are counted by kind and shown with their cure; never the text itself.
    fn add_saying(&self, facts: &mut Facts, call: &Identified, verdict: Verdict, said: &ReplyView) {
        let Some(err_msg) = said.err_msg.as_deref().filter(|text| !text.is_empty()) else { return };
        if verdict.outcome == Outcome::Confirmed {
            return;
        }
        match call.arrival.policy.profile.cure_of(&call.identity.infno, err_msg) {
            Some((name, _)) => facts.text(Fact::Saying, name),
            None => {
                let token = self.journal.tokens().of("saying", &kind_of_text(err_msg)).to_string();
                facts.text(Fact::Saying, &format!("#{}", &token[..SAYING_CHARS]));
            }
        }
    }

    /// A settlement whose amounts do not add up is done all the same; somebody must look at it (`money.md` §7).
    fn add_broken_laws(&self, facts: &mut Facts, call: &Identified, verdict: Verdict, said: &ReplyView) {
        if verdict.outcome != Outcome::Confirmed {
            return;
        }
        let (profile, infno) = (&call.arrival.policy.profile, &call.identity.infno);
        let mirrored = call.undone.as_ref().filter(|_| !said.amounts.is_empty() && profile.mirrors(infno));
        let undone = mirrored.map(|undone| history::amounts_of(&self.journal, undone)).transpose();
        let undone = undone.unwrap_or_else(|error| {
            tracing::warn!(exchange = %call.arrival.id, error = with_causes(&error), "a refund is not compared with its settlement");
            None
        });
        let (asked, answered) = (&call.envelope.amounts, &said.amounts);
        let undone = &undone.unwrap_or_default();
        for law in profile.broken_laws(infno, Money { call: &call.arrival.view, asked, answered, undone }) {
            tracing::warn!(exchange = %call.arrival.id, rule = law.rule, "the amounts of an answer do not add up");
            facts.named(Fact::Finding, &law.rule, if law.proven { BREAKS_PROVEN } else { law.amount.as_bytes() });
        }
    }
}
