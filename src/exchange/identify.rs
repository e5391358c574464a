//! Tells what a call is: transaction, class, business key, visit, route; and whether it is a repeat.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::outcome::Outcome;
use crate::domain::token::Token;
use crate::journal::entry::EntryKind;
use crate::profile::transaction::OnRepeat;
use crate::profile::{Envelope, Identity, KeyParts, Profile};

use super::Line;
use super::answer::Hears;
use super::check::Noted;
use super::held::{Called, Claim, Claimed, Standing, Waiting};
use super::history::{self, History, Sent, Undone};
use super::intake::Arrival;
use super::knew::{Joined, Knew, Weighed, rule_word};
use super::opening;
use super::policy::Upstream;
use super::reading::{self, Reading, Tokens};
use super::refusal::Refusal;
use super::repeat::{Holder, Step, after_asking, decide};
use super::settings::Client;

/// A repeat gives up looking for its place after so many performers came and went.
const CLAIMS_MAX: usize = 8;

/// A call that is known, and is the first of its key.
pub struct Identified {
    /// As it came.
    pub arrival: Arrival,
    /// Transaction and class.
    pub identity: Identity,
    /// The fields of the envelope and of the first nodes.
    pub envelope: Envelope,
    /// Who called.
    pub client: Arc<Client>,
    /// Who is asked.
    pub upstream: Arc<Upstream>,
    /// What it is known by outside the sealed part.
    pub tokens: Tokens,
    /// Its msgid and the compared fields of its key.
    pub called: Called,
    /// Generation of the key.
    pub generation: u32,
    /// The right to perform the key; `None` when it has none.
    pub claim: Option<Claim>,
    /// The right to perform the key without the fields that a HIS changes on a retry (2102).
    pub like_claim: Option<Claim>,
    /// The right to settle such a sum for the person, where the transaction is fenced.
    pub fence_claim: Option<Claim>,
    /// What a confirmed answer frees.
    pub undone: Option<Undone>,
    /// What was noticed of its signature.
    pub findings: Vec<Noted>,
    /// True when the transaction has a key rule and the call lacks a part of it.
    pub rule_without_key: bool,
    /// What was known of a call before it with the same key.
    pub knew: Knew,
    /// The exchange for whose sake the gateway asks.
    pub parent_id: ExchangeId,
}

/// Whether the line goes on.
pub enum Known {
    /// The first of its key, or a call without one.
    First(Box<Identified>),
    /// A repeat: answered without sending anything.
    Repeat(Hears),
}

impl Line {
    /// Tells what the call is.
    ///
    /// # Errors
    /// A refusal that names what stands against the call.
    pub(super) async fn identify(self: &Arc<Self>, mut arrival: Arrival) -> Result<Known, (Arrival, Refusal)> {
        let policy = Arc::clone(&arrival.policy);
        let profile = &policy.profile;
        let identity = profile.identify(&arrival.request.target, &arrival.request.headers, &arrival.view);
        let certificate = arrival.head.certificate.as_deref();
        let Some(client) = policy.client(arrival.origin, arrival.head.peer.ip(), certificate) else {
            return Err((arrival, Refusal::UnknownClient));
        };
        // Before all else: a repeat would hear what the institution heard.
        if let Some(foreign) = client.foreign(|| profile.institutions(&arrival.view)).map(str::to_owned) {
            return Err((arrival, Refusal::ForeignInstitution { fixmedins_code: foreign }));
        }
        let Some(upstream) = policy.upstream(arrival.origin, &arrival.request.target, &identity.infno) else {
            return Err((arrival, Refusal::NoRoute { infno: identity.infno }));
        };
        let (client, upstream) = (Arc::clone(client), Arc::clone(upstream));
        opening::read_request(&mut arrival, &client, &upstream);
        let Reading { envelope, tokens, called, parts, rule_without_key } =
            reading::read(profile, self.journal.tokens(), &identity, &arrival.view);
        let mut call = Identified {
            tokens,
            called,
            rule_without_key,
            client,
            upstream,
            findings: Vec::new(),
            undone: None,
            claim: None,
            like_claim: None,
            fence_claim: None,
            generation: 0,
            knew: Knew::default(),
            parent_id: ExchangeId::NONE,
            arrival,
            identity,
            envelope,
        };
        if let Err(refusal) = self.verify(&mut call).await {
            return Err((call.arrival, refusal));
        }
        let placed = match self.place(&mut call, parts.as_ref()).await {
            Ok(None) => self.fence(&mut call).await.map(|()| None),
            placed => placed,
        };
        match placed {
            Ok(None) => Ok(Known::First(Box::new(call))),
            Ok(Some(told)) => Ok(Known::Repeat(told)),
            Err(refusal) => {
                self.note_step(&call, refusal.code());
                Err((call.arrival, refusal))
            }
        }
    }

    /// Finds the call's place among those before it; `Some` means that it is a repeat.
    async fn place(
        self: &Arc<Self>,
        call: &mut Identified,
        parts: Option<&KeyParts>,
    ) -> Result<Option<Hears>, Refusal> {
        let reverses = self.until_quiet(call).await?;
        call.undone = self.original_of(call, reverses)?;
        let Some(parts) = parts else { return Ok(None) };
        for _ in 0..CLAIMS_MAX {
            match self.held.claim(call.tokens.key, &call.called) {
                Claimed::Mine(claim) => {
                    call.claim = Some(claim);
                    return self.judge_repeat(call, parts).await;
                }
                Claimed::Others(_) if parts.on_repeat == OnRepeat::CancelInquiry && self.is_told_unknown(call) => {
                    call.knew.joined = Some(Joined { outcome: Outcome::Unknown, moved: false });
                    return Ok(None);
                }
                Claimed::Others(waiting) => {
                    if let Some(told) = Box::pin(self.join(call, waiting)).await? {
                        return Ok(Some(told));
                    }
                }
            }
        }
        Ok(Some(self.tell_unknown(call, None).await))
    }

    /// A repeat while the first one is under way hears what that one hears.
    async fn join(self: &Arc<Self>, call: &mut Identified, waiting: Waiting) -> Result<Option<Hears>, Refusal> {
        let mut joined = Joined { outcome: Outcome::Unknown, moved: false };
        call.knew.joined = Some(joined);
        if let Some(field) = moved(&waiting.called.fingerprint, &call.called.fingerprint) {
            call.knew.joined = Some(Joined { moved: true, ..joined });
            return Err(Refusal::Moved { field, first_msgid: waiting.called.msgid.clone() });
        }
        let standing = tokio::time::timeout(patience(&call.client, &call.upstream), waiting.end()).await;
        match standing {
            Ok(Standing::Settled(outcome_seq, outcome @ (Outcome::Confirmed | Outcome::Refused))) => {
                joined.outcome = outcome;
                call.knew.joined = Some(joined);
                self.replay_seq(call, outcome_seq).await.map(Some)
            }
            Ok(Standing::Withdrawn | Standing::UnderWay) => {
                call.knew.joined = None;
                Ok(None)
            }
            Ok(Standing::Settled(_, Outcome::Unknown)) | Err(_) => {
                let history = self.history(call).unwrap_or_default();
                if history.holder.as_ref().is_some_and(|first| first.reversing) {
                    return Err(reversing(&history));
                }
                // A late answer may have just been journaled, and its performer not yet have said so.
                if history.holder.as_ref().is_some_and(|first| first.standing() == Outcome::Confirmed) {
                    joined.outcome = Outcome::Confirmed;
                    call.knew.joined = Some(joined);
                    return self.replay_held(call, &history).await.map(Some);
                }
                Ok(Some(self.tell_unknown(call, history.holder.as_ref()).await))
            }
        }
    }

    /// The key is ours: what does the journal hold against it?
    async fn judge_repeat(self: &Arc<Self>, call: &mut Identified, parts: &KeyParts) -> Result<Option<Hears>, Refusal> {
        let history = self.history(call)?;
        call.generation = history.generation;
        let holder = self.holder(call, &history, &parts.on_repeat)?;
        let fresh_seconds = self.settings.replay_fresh_seconds;
        call.knew.weighed = holder.map(|holder| Weighed { rule: rule_word(&parts.on_repeat), holder, fresh_seconds });
        call.knew.first = history.holder.as_ref().map(|held| (held.intent_seq, held.exchange_id));
        match decide(&parts.on_repeat, holder, fresh_seconds) {
            Step::Forward => self.like_unresolved(call).map(|()| None),
            Step::Replay => Box::pin(self.replay_held(call, &history)).await.map(Some),
            Step::TellUnknown => Ok(Some(self.tell_unknown(call, history.holder.as_ref()).await)),
            Step::AskThenReplay => Box::pin(self.ask_then_replay(call, &history, parts)).await,
            Step::RefuseMoved => Err(refuse_moved(&history, &call.called.fingerprint)),
            Step::RefuseReversing => Err(reversing(&history)),
            Step::RefuseSettledBefore => Err(Refusal::HistoryUnread), // The table asks first.
        }
    }

    /// What stands against the call, as the table weighs it.
    pub(super) fn holder(
        &self,
        call: &Identified,
        history: &History,
        on_repeat: &OnRepeat,
    ) -> Result<Option<Holder>, Refusal> {
        let Some(held) = &history.holder else { return Ok(None) };
        let visit_settled = match on_repeat {
            OnRepeat::ReplayWhileFresh { .. } => self.visit_settled(call, held)?,
            _ => false,
        };
        Ok(Some(Holder {
            outcome: held.standing(),
            age_seconds: u64::try_from((self.clock.unix_ns() - held.at_unix_ns) / 1_000_000_000).unwrap_or(0),
            moved: moved(&held.fingerprint, &call.called.fingerprint).is_some(),
            settled: !held.setl_ids.is_empty(),
            visit_settled,
            reversing: held.reversing,
        }))
    }

    /// The recorded answer again if the platform says that it still stands; forwarded if it was taken back elsewhere.
    async fn ask_then_replay(
        self: &Arc<Self>,
        call: &mut Identified,
        history: &History,
        parts: &KeyParts,
    ) -> Result<Option<Hears>, Refusal> {
        let Some(held) = &history.holder else { return Err(Refusal::HistoryUnread) };
        call.knew.asked = match &parts.ask {
            Some(inquiry) => self.inquire(call, held, inquiry).await,
            None => None,
        };
        let stands = call.knew.asked.map(|(stands, _)| stands);
        match after_asking(stands, held.standing() == Outcome::Confirmed) {
            Step::RefuseSettledBefore => Err(Refusal::SettledBefore {
                setl_ids: held.setl_ids.clone(),
                ask: parts.ask.as_ref().map(|inquiry| inquiry.infno.clone()).unwrap_or_default(),
            }),
            Step::Replay => self.replay_held(call, history).await.map(Some),
            Step::Forward => {
                call.generation = history.generation + 1;
                self.like_unresolved(call).map(|()| None)
            }
            _ => Ok(Some(self.tell_unknown(call, Some(held)).await)),
        }
    }

    /// Whether money was taken for the visit that `held` made.
    fn visit_settled(&self, call: &Identified, held: &history::Held) -> Result<bool, Refusal> {
        let Some(mdtrt_id) = &held.mdtrt_id else { return Ok(false) };
        let visit = reading::within(self.journal.tokens(), &call.envelope, "mdtrt_id", mdtrt_id);
        let places = self.journal.lookup(EntryKind::Visit, visit).map_err(|_| Refusal::HistoryUnread)?;
        for place in places {
            let record = self.journal.read(place).map_err(|_| Refusal::HistoryUnread)?;
            if Class::from_code(record.header.class) == Some(Class::Money) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// 2102: a call that differs from an unresolved one only in `begntime` or `invono` is held back.
    fn like_unresolved(&self, call: &mut Identified) -> Result<(), Refusal> {
        if call.tokens.loose.is_none() {
            return Ok(());
        }
        match self.held.claim(call.tokens.loose, &call.called) {
            Claimed::Mine(claim) => call.like_claim = Some(claim),
            Claimed::Others(first) => return Err(Refusal::LikeUnresolved { first_msgid: first.called.msgid }),
        }
        let places = self.journal.lookup(EntryKind::Like, call.tokens.loose).map_err(|_| Refusal::HistoryUnread)?;
        for place in places.into_iter().rev() {
            let key = self.journal.read(place).map_err(|_| Refusal::HistoryUnread)?.header.key_token;
            let profile = &call.arrival.policy.profile;
            let like = history::of_key(&self.journal, profile, key).map_err(|_| Refusal::HistoryUnread)?;
            if let Some(first) = like.holder.filter(|held| held.outcome == Outcome::Unknown) {
                return Err(Refusal::LikeUnresolved { first_msgid: first.msgid });
            }
        }
        Ok(())
    }

    /// Holds a 2601 back until nobody listens any more for the answer of what it names: the platform may still commit it.
    /// Gives what it names, as the journal has it then.
    async fn until_quiet(&self, call: &Identified) -> Result<Option<Sent>, Refusal> {
        let reverses = self.reverses(call)?;
        let key_token = match &reverses {
            Some(Sent::AsItself { key_token, .. }) if !key_token.is_none() => *key_token,
            _ => return Ok(reverses),
        };
        let first = match self.held.claim(key_token, &Called::default()) {
            Claimed::Mine(_) => return Ok(reverses),
            Claimed::Others(first) => first,
        };
        let first_msgid = first.called.msgid.clone();
        let quiet = tokio::time::timeout(patience(&call.client, &call.upstream), first.gone()).await;
        quiet.map_err(|_| Refusal::NotQuiet { first_msgid })?;
        // The journal went on meanwhile.
        self.reverses(call)
    }

    /// What a 2601 names, as our journal sent it.
    fn reverses(&self, call: &Identified) -> Result<Option<Sent>, Refusal> {
        let (Some(omsgid), Some(oinfno)) = (&call.envelope.omsgid, &call.envelope.oinfno) else { return Ok(None) };
        let profile = &call.arrival.policy.profile;
        let msgid = reading::of_msgid(self.journal.tokens(), omsgid);
        // 2601 names a 2207A as 2207.
        let is_meant = |infno: &str| infno == oinfno || profile.transaction(infno).oinfno == *oinfno;
        history::sent_as(&self.journal, msgid, is_meant).map_err(|_| Refusal::HistoryUnread)
    }

    /// What a confirmed answer of this call would free, and whether a 2601 names an alias.
    fn original_of(&self, call: &Identified, reverses: Option<Sent>) -> Result<Option<Undone>, Refusal> {
        let profile = &call.arrival.policy.profile;
        match reverses {
            Some(Sent::AsAlias { first }) => return Err(Refusal::ReversesAlias { first_msgid: first }),
            Some(Sent::AsItself { intent_seq, key_token, .. }) => return self.reversed(profile, intent_seq, key_token),
            None if call.envelope.omsgid.is_some() && call.envelope.oinfno.is_some() => return Ok(None),
            None => {}
        }
        let freed = profile.frees(&call.identity.infno);
        let (kind, handle) = match freed.first() {
            None => return Ok(None),
            Some((_, by)) if by == "mdtrt_id" => (EntryKind::Visit, call.tokens.visit),
            Some(_) => (EntryKind::Settlement, call.tokens.handle),
        };
        let is_meant = |infno: &str| {
            let family = profile.transaction(infno).key.as_ref().map(|key| key.family.as_str());
            freed.iter().any(|(freed, _)| family == Some(freed))
        };
        history::original_of(&self.journal, kind, handle, is_meant).map_err(|_| Refusal::HistoryUnread)
    }

    /// What a 2601 may undo: whoever holds the key. It proves that only of what was Confirmed before it left; an unknown original
    /// may have been undone all the same, so that its success, when it comes late, is no success to hand over.
    fn reversed(&self, profile: &Profile, intent_seq: Seq, key_token: Token) -> Result<Option<Undone>, Refusal> {
        if key_token.is_none() {
            return Ok(None);
        }
        let history = history::of_key(&self.journal, profile, key_token).map_err(|_| Refusal::HistoryUnread)?;
        let holder = history.holder.filter(|held| held.intent_seq == intent_seq);
        let undone =
            |held: history::Held| Undone { intent_seq, key_token, is_provable: held.outcome == Outcome::Confirmed };
        Ok(holder.map(undone))
    }

    fn is_told_unknown(&self, call: &Identified) -> bool {
        let history = self.history(call).unwrap_or_default();
        history.holder.is_some_and(|held| held.outcome == Outcome::Unknown && held.outcome_place.is_some())
    }

    pub(super) fn history(&self, call: &Identified) -> Result<History, Refusal> {
        let profile = &call.arrival.policy.profile;
        history::of_key(&self.journal, profile, call.tokens.key).map_err(|_| Refusal::HistoryUnread)
    }
}

/// How long the HIS waits for its answer.
pub(super) fn patience(client: &Client, upstream: &Upstream) -> Duration {
    match client.patience_ms {
        0 => upstream.answer_within,
        patience_ms => upstream.answer_within.min(Duration::from_millis(patience_ms)),
    }
}

fn moved(first: &[(String, Token)], now: &[(String, Token)]) -> Option<String> {
    let differs = |(name, token): &&(String, Token)| now.iter().any(|(n, t)| n == name && t != token);
    first.iter().find(differs).map(|(name, _)| name.clone())
}

fn reversing(history: &History) -> Refusal {
    let first_msgid = history.holder.as_ref().map_or_else(String::new, |held| held.msgid.clone());
    Refusal::Reversing { first_msgid }
}

fn refuse_moved(history: &History, now: &[(String, Token)]) -> Refusal {
    let held = history.holder.as_ref();
    let field = held.and_then(|held| moved(&held.fingerprint, now)).unwrap_or_default();
    Refusal::Moved { field, first_msgid: held.map(|held| held.msgid.clone()).unwrap_or_default() }
}
