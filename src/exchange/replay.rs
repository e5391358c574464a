//! A repeat hears the recorded answer; its msgid becomes an alias of the first (`money.md` §3).

use std::sync::Arc;

use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::outcome::{Outcome, Told};
use crate::journal::draft::Draft;
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::journal::sealing::SealedError;
use crate::journal::{Place, Record};

use super::Line;
use super::answer::Hears;
use super::edits;
use super::history::History;
use super::identify::Identified;
use super::refusal::Refusal;
use super::repeat::Step;

impl Line {
    /// Replays what `history` says holds the key.
    pub(super) async fn replay_held(self: &Arc<Self>, call: &Identified, history: &History) -> Result<Hears, Refusal> {
        match history.holder.as_ref().and_then(|held| held.outcome_place) {
            Some(place) => self.replay(call, place).await,
            None => Err(Refusal::HistoryUnread),
        }
    }

    /// Replays the OUTCOME that the running one just settled.
    pub(super) async fn replay_seq(self: &Arc<Self>, call: &Identified, outcome_seq: Seq) -> Result<Hears, Refusal> {
        let places = self.journal.lookup(EntryKind::Key, call.tokens.key).map_err(|_| Refusal::HistoryUnread)?;
        match places.into_iter().find(|place| place.seq == outcome_seq) {
            Some(place) => self.replay(call, place).await,
            None => Err(Refusal::HistoryUnread),
        }
    }

    async fn replay(self: &Arc<Self>, call: &Identified, place: Place) -> Result<Hears, Refusal> {
        let record = self.journal.read(place).map_err(|_| Refusal::HistoryUnread)?;
        let sealed = self.journal.unseal(&record).map_err(|error| match error {
            // It was done, and what was answered is gone for good: sent again it would be done twice.
            SealedError::Erased(_) => Refusal::Erased { setl_ids: setl_ids(&record) },
            _ => Refusal::HistoryUnread,
        })?;
        let told = sealed.reply.map(|reply| edits::reply(reply, &sealed.edits));
        let Some(reply) = sealed.own_answer.or(told) else {
            return Err(Refusal::HistoryUnread);
        };
        self.note_alias(call, &record).await?;
        self.metrics.replays.inc();
        let told = match Outcome::from_code(record.header.outcome) {
            Some(Outcome::Confirmed) => Told::Success,
            Some(Outcome::Refused) => Told::Refused,
            _ => Told::Unknown,
        };
        let receipt = self.receipt(record.header.ref_seq, record.header.exchange_id, told);
        Ok(Some(self.answer_of(&reply, http::Extensions::new(), receipt)))
    }

    /// Durable before the HIS hears, so that a later 2601 naming this msgid is understood.
    async fn note_alias(&self, call: &Identified, first: &Record) -> Result<(), Refusal> {
        let mut draft = self.note_of(call, (first.header.ref_seq, first.header.exchange_id));
        draft.header.class = first.header.class;
        draft.facts.text(Fact::Reason, "repeat");
        draft.facts.text(Fact::Infno, &call.identity.infno);
        draft.facts.text(Fact::Msgid, first.facts.text_of(Fact::Msgid).unwrap_or_default());
        draft.facts.text(Fact::Alias, call.envelope.msgid.as_deref().unwrap_or_default());
        draft.facts.number(Fact::EvidenceSeq, first.header.seq.0);
        call.knew.add_to(&mut draft.facts, Step::Replay.word());
        self.journal.append(draft).await.map_err(|_| Refusal::JournalClosed)?;
        Ok(())
    }

    /// Notes what became of a repeat that was not sent, and what was known; never waits.
    pub(super) fn note_step(&self, call: &Identified, step: &str) {
        let mut draft = self.note_of(call, call.knew.first.unwrap_or_default());
        draft.header.class = call.identity.class as u8;
        draft.facts.text(Fact::Reason, "not sent");
        draft.facts.text(Fact::Infno, &call.identity.infno);
        draft.facts.text(Fact::Msgid, call.envelope.msgid.as_deref().unwrap_or_default());
        call.knew.add_to(&mut draft.facts, step);
        self.journal.append_unawaited(draft);
    }

    fn note_of(&self, call: &Identified, (intent_seq, first): (Seq, ExchangeId)) -> Draft {
        let mut draft = Draft::new(Kind::Note);
        draft.header.exchange_id = call.arrival.id;
        draft.header.parent_id = first;
        draft.header.ref_seq = intent_seq;
        draft.header.at_unix_ns = self.clock.unix_ns();
        draft.header.key_token = call.tokens.key;
        draft.header.profile_seq = call.arrival.policy.profile_seq;
        draft
    }
}

fn setl_ids(record: &Record) -> Vec<String> {
    record.facts.all(Fact::SetlId).map(|id| String::from_utf8_lossy(id).into_owned()).collect()
}
