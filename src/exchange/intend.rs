//! Makes the intent durable: the point below which somebody must finish.

use std::time::Duration;

use bytes::Bytes;

use crate::domain::class::Class;
use crate::domain::exchange::Seq;
use crate::domain::message::{Body, HeaderLines};
use crate::domain::outcome::Outcome;
use crate::journal::draft::{Draft, Sealed};
use crate::journal::facts::{Fact, Facts};
use crate::journal::queue::NotWritten;
use crate::journal::record::{Header, Kind, flag};
use crate::journal::{IntendError, OutcomeRoom};

use super::Line;
use super::identify::Identified;
use super::knew;
use super::opening;
use super::reading;
use super::refusal::Refusal;
use super::settings::WithoutJournal;
use super::sign::Signed;

/// A call whose INTENT is durable. Only this step makes one, so an unjournaled send does not type-check.
pub struct Intended {
    // Private, so that nobody else makes one.
    signed: Signed,
    /// Its INTENT; `NONE` for a query that goes through while the journal is closed.
    pub seq: Seq,
    /// Header of the INTENT; the OUTCOME repeats ids, tokens and snapshots.
    pub header: Header,
    /// Room kept for the OUTCOME; taken by the step that settles.
    pub room: Option<OutcomeRoom>,
}

impl Intended {
    /// Lets the next exchange under way although this one still listens.
    pub(super) fn give_back_turn(&mut self) {
        let head = &mut self.signed.checked.identified.arrival.head;
        head.permit = None;
        head.budget = None;
    }

    /// Path and query as they leave.
    pub fn target(&self) -> &Bytes {
        &self.signed.target
    }

    /// Header lines as they leave; those of the connection are left to it.
    pub fn headers(&self) -> &HeaderLines {
        self.signed.headers.as_ref().unwrap_or(&self.call().arrival.request.headers)
    }

    /// The body as it leaves.
    pub fn body(&self) -> &Body {
        self.signed.body.as_ref().unwrap_or(&self.call().arrival.request.body)
    }

    /// What the HIS reads of broken rules.
    pub fn findings_header(&self) -> Option<String> {
        self.signed.checked.header()
    }

    /// The call.
    pub fn call(&self) -> &Identified {
        &self.signed.checked.identified
    }
}

impl Line {
    /// Journals the intent; returns once it survives a power cut.
    ///
    /// # Errors
    /// The call comes back with the refusal; nothing was sent.
    pub(super) async fn intend(&self, signed: Signed) -> Result<Intended, (Box<Identified>, Refusal)> {
        let header = header_of(&signed);
        let draft = Draft { header: header.clone(), facts: facts_of(&signed), sealed: Some(sealed_of(&signed)) };
        let handed_mono_ns = self.clock.mono_ns();
        match self.journal.intend(draft).await {
            Ok(kept) => {
                let took = Duration::from_nanos(self.clock.mono_ns().saturating_sub(handed_mono_ns));
                self.metrics.journal.append.observe(took.as_secs_f64());
                let header = Header { key_slot: kept.key_slot, seq: kept.seq, ..header };
                Ok(Intended { signed, seq: kept.seq, header, room: Some(kept.room) })
            }
            Err(_) if self.may_pass(&signed.checked.identified) => {
                Ok(Intended { signed, seq: Seq::NONE, header, room: None })
            }
            Err(error) => Err((signed.checked.identified, refusal_of(&error))),
        }
    }

    fn may_pass(&self, call: &Identified) -> bool {
        call.identity.class == Class::Query && self.settings.query_without_journal == WithoutJournal::Pass
    }
}

fn refusal_of(error: &IntendError) -> Refusal {
    match error {
        IntendError::NotWritten(NotWritten::Full) => Refusal::NoRoom,
        IntendError::NotWritten(NotWritten::TooLarge) | IntendError::Frame(_) => Refusal::NotStored,
        IntendError::NotWritten(_) => Refusal::JournalClosed,
    }
}

fn header_of(signed: &Signed) -> Header {
    let call = &signed.checked.identified;
    let arrival = &call.arrival;
    let spooled = if matches!(arrival.request.body, Body::Spooled(_)) { flag::SPOOLED } else { 0 };
    let edited = if signed.edits.is_empty() { 0 } else { flag::EDITED };
    let erasable = if call.tokens.visit.is_none() { 0 } else { flag::ERASABLE };
    Header {
        exchange_id: arrival.id,
        at_unix_ns: arrival.at_unix_ns,
        class: call.identity.class as u8,
        origin: arrival.origin as u8,
        parent_id: call.parent_id,
        flags: spooled | edited | erasable,
        key_slot: arrival.key_slot,
        profile_seq: arrival.policy.profile_seq,
        generation: call.generation,
        key_token: call.tokens.key,
        fence_token: call.tokens.person,
        visit_token: call.tokens.visit,
        settlement_token: call.tokens.handle,
        ..Header::new(Kind::Intent)
    }
}

fn facts_of(signed: &Signed) -> Facts {
    let call = &signed.checked.identified;
    let mut facts = reading::call_facts(&call.identity, &call.envelope, &call.tokens, &call.called);
    facts.text(Fact::Upstream, &call.upstream.name);
    facts.text(Fact::Peer, &call.arrival.head.peer.to_string());
    facts.number(Fact::ArrivedAt, call.arrival.at_unix_ns.cast_unsigned());
    opening::add_facts(&mut facts, call);
    call.knew.add_forwarded(&mut facts);
    signed.checked.findings.iter().for_each(|noted| noted.add_to(&mut facts));
    if let Some(undone) = &call.undone {
        facts.number(Fact::UndoesSeq, undone.intent_seq.0);
        facts.token(Fact::FreesKey, undone.key_token);
        if !undone.is_provable {
            knew::add_unproven(&mut facts);
        }
    }
    facts
}

fn sealed_of(signed: &Signed) -> Sealed {
    let request = signed.checked.identified.arrival.request.clone();
    Sealed { request: Some(request), edits: signed.edits.clone(), ..Sealed::default() }
}

/// The OUTCOME's header: ids, tokens and snapshots of the INTENT.
pub(super) fn outcome_header(intent: &Header, outcome: Outcome) -> Header {
    Header {
        kind: Kind::Outcome as u8,
        ref_seq: intent.seq,
        seq: Seq::NONE,
        outcome: outcome as u8,
        flags: 0,
        ..intent.clone()
    }
}
