//! What the HIS hears: the platform's bytes, the recorded answer, a native refusal, or "outcome unknown".

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Origin, Seq};
use crate::domain::message::{Body, HeaderLines, Reply};
use crate::domain::outcome::{Cause, Outcome, Told};
use crate::journal::composite::Delivery;
use crate::outbound::{Flow, forwardable};
use crate::profile::{NativeBody, Refused, UnknownText};

use super::Line;
use super::check;
use super::door::{Answer, HandedOver, Receipt, RequestHead};
use super::edits;
use super::flow::flow_of;
use super::forward::{Heeded, Report};
use super::history;
use super::identify::{Identified, patience};
use super::intake::Arrival;
use super::intend::Intended;
use super::refusal::Refusal;
use super::repeat::Step;
use super::settings::WhenUnknown;
use super::settle::Verdict;

/// The reason phrase of our own words: HIS clients compare whole status lines.
const OK: Bytes = Bytes::from_static(b"OK");

/// What the HIS hears; `None` closes the connection without an answer.
pub type Hears = Option<Answer>;

/// What is to be said, before it is dressed as an answer.
#[derive(Debug)]
pub(super) enum Saying {
    /// The platform's bytes as they came.
    Relay(Box<Heeded>, Told),
    /// Nothing was sent, and why (English).
    NotSent(String),
    /// By the client's setting: hold, close, or a native envelope. What was seen of a reply is evidence only.
    Unknown(Option<Box<Heeded>>),
}

/// What the HIS hears, as a table over verdict and report (`proxy.md` 5xx, `money.md` §1 and §4).
pub(super) fn saying(class: Class, verdict: Verdict, report: Report) -> Saying {
    let heeded = match report {
        Report::NeverSent { why } => return Saying::NotSent(why),
        Report::Silence { part, .. } => return Saying::Unknown(part),
        Report::Reply(heeded) => heeded,
        Report::Streaming(_) => return Saying::Unknown(None), // `carry` takes these before they come here.
    };
    let passable = heeded.reply.status < 500;
    match (verdict.outcome, verdict.cause) {
        (Outcome::Confirmed, _) => Saying::Relay(heeded, Told::Success),
        (Outcome::Refused, _) => Saying::Relay(heeded, Told::Refused),
        // The bytes of a stranger are not handed on as the platform's, not even to who reads them only.
        (Outcome::Unknown, Cause::WrongSignature) => Saying::Unknown(Some(heeded)),
        (Outcome::Unknown, _) if class.relays_any_status() => Saying::Relay(heeded, Told::Unknown),
        (Outcome::Unknown, Cause::WithoutSubstance) if passable => Saying::Relay(heeded, Told::Success),
        (Outcome::Unknown, Cause::Unreadable) if passable => Saying::Relay(heeded, Told::Unknown),
        (Outcome::Unknown, _) => Saying::Unknown(Some(heeded)),
    }
}

impl Line {
    /// Dresses the platform's reply; its receipt reports to the deliveries.
    pub(super) fn relay(self: &Arc<Self>, intended: &Intended, heeded: Heeded, told: Told) -> Answer {
        let receipt = self.receipt(intended.seq, intended.header.exchange_id, told);
        let reply = edits::reply(heeded.reply, &heeded.understood.edits);
        telling(self.answer_of(&reply, heeded.carried, receipt), intended)
    }

    /// Gives our own words about an exchange.
    pub(super) fn say(self: &Arc<Self>, intended: &Intended, own: &Reply, told: Told) -> Answer {
        let receipt = self.receipt(intended.seq, intended.header.exchange_id, told);
        telling(self.answer_of(own, http::Extensions::new(), receipt), intended)
    }

    /// An answer that gives `reply` as it stands, without the lines that belong to one connection.
    pub(super) fn answer_of(self: &Arc<Self>, reply: &Reply, carried: http::Extensions, receipt: Receipt) -> Answer {
        Answer {
            status: reply.status,
            reason: reply.reason.clone(),
            headers: forwardable(&reply.headers),
            carried,
            body: flow_of(self, &reply.body),
            close: false,
            receipt,
        }
    }

    /// A receipt that is journaled as delivered or not.
    pub(super) fn receipt(self: &Arc<Self>, intent_seq: Seq, exchange_id: ExchangeId, told: Told) -> Receipt {
        let line = Arc::clone(self);
        Receipt::new(move |handed| {
            let (told, bytes) = match handed {
                HandedOver::All(bytes) => (told, bytes),
                HandedOver::NotAll => (Told::NotTold, 0),
            };
            line.metrics.delivered(told);
            line.metrics.answer_bytes.inc_by(bytes);
            let at_unix_ns = line.clock.unix_ns();
            line.deliveries.note(Delivery { intent: intent_seq, exchange_id, told, bytes, at_unix_ns });
        })
    }

    /// The native refusal for a call that a bound stopped before it became an arrival.
    pub(super) fn refuse_head(&self, head: &RequestHead, origin: Origin, refusal: &Refusal) -> Answer {
        self.note_refusal(Class::Unclassified, "", refusal);
        tracing::warn!(code = refusal.code(), peer = %head.peer, reason = %refusal, "refused before the line");
        let to_platform = origin == Origin::Callback;
        let err_msg = &refusal.text();
        let says = Refused { infno: "", msgid: "", err_msg, to_platform, now_unix_ns: self.clock.unix_ns() };
        native(self.policy.load().profile.native_refusal(&says), true)
    }

    /// The native refusal for an arrival that was not sent.
    pub(super) fn refuse(&self, arrival: &Arrival, refusal: &Refusal) -> Answer {
        let profile = &arrival.policy.profile;
        let identity = profile.identify(&arrival.request.target, &arrival.request.headers, &arrival.view);
        self.note_refusal(identity.class, &identity.infno, refusal);
        tracing::warn!(code = refusal.code(), exchange = %arrival.id, infno = identity.infno, reason = %refusal, "refused");
        native(profile.native_refusal(&self.says(arrival, &identity.infno, &refusal.text())), false)
    }

    fn note_refusal(&self, class: Class, infno: &str, refusal: &Refusal) {
        self.refusals.note(self.clock.unix_ns(), class, infno, refusal);
        self.metrics.refused(refusal.cause());
    }

    /// "Nothing was sent", in the platform's envelope.
    pub(super) fn not_sent_words(&self, call: &Identified, why: String) -> Reply {
        let whom = if call.arrival.origin == Origin::Callback { "医院系统" } else { "医保平台" };
        tracing::warn!(exchange = %call.arrival.id, upstream = call.upstream.name, why, "nothing was sent");
        self.own_words(call, &Refusal::NeverSent { why, whom }.text())
    }

    /// "Outcome unknown", in the platform's envelope (`money.md` §4).
    pub(super) fn unknown_words(&self, call: &Identified, cause: Cause) -> Reply {
        let which = if cause == Cause::TimedOut { UnknownText::Waiting } else { UnknownText::Lost };
        self.own_words(call, &self.unknown_text(which, call, call.arrival.at_unix_ns))
    }

    fn own_words(&self, call: &Identified, err_msg: &str) -> Reply {
        let arrival = &call.arrival;
        let body = arrival.policy.profile.native_refusal(&self.says(arrival, &call.identity.infno, err_msg));
        let headers = content_type(body.content_type);
        Reply { status: 200, reason: OK, headers, body: Body::Buffered(body.bytes.into()) }
    }

    /// "Outcome unknown", by the client's setting. Waits first when the setting is to hold.
    pub(super) async fn say_unknown(
        self: &Arc<Self>,
        call: &Identified,
        intent_seq: Seq,
        exchange_id: ExchangeId,
        own: &Reply,
    ) -> Hears {
        let setting = call.client.unknown;
        let receipt = self.receipt(intent_seq, exchange_id, setting.told());
        match setting {
            WhenUnknown::Native => return Some(self.answer_of(own, http::Extensions::new(), receipt)),
            WhenUnknown::Close => {}
            WhenUnknown::Hold => tokio::select! {
                () = tokio::time::sleep(self.patience_left(call)) => {}
                () = self.cut.cancelled() => {}
            },
        }
        None // The receipt drops untold.
    }

    /// What a repeat hears when the first one's outcome is unknown.
    pub(super) async fn tell_unknown(self: &Arc<Self>, call: &Identified, first: Option<&history::Held>) -> Hears {
        let sent_unix_ns = first.map_or(call.arrival.at_unix_ns, |first| first.at_unix_ns);
        let own = self.own_words(call, &self.unknown_text(UnknownText::Repeat, call, sent_unix_ns));
        let (intent_seq, exchange_id) = first.map_or((Seq::NONE, ExchangeId::NONE), |f| (f.intent_seq, f.exchange_id));
        self.note_step(call, Step::TellUnknown.word());
        self.say_unknown(call, intent_seq, exchange_id, &own).await
    }

    fn unknown_text(&self, which: UnknownText, call: &Identified, sent_unix_ns: i64) -> String {
        let profile = &call.arrival.policy.profile;
        let msgid = call.envelope.msgid.as_deref().unwrap_or_default();
        profile.unknown_text(which, profile.transaction(&call.identity.infno), msgid, sent_unix_ns)
    }

    fn says<'a>(&self, arrival: &'a Arrival, infno: &'a str, err_msg: &'a str) -> Refused<'a> {
        let msgid = arrival.view.top("msgid").unwrap_or_default();
        let to_platform = arrival.origin == Origin::Callback;
        Refused { infno, msgid, err_msg, to_platform, now_unix_ns: self.clock.unix_ns() }
    }

    fn patience_left(&self, call: &Identified) -> Duration {
        let waited = self.clock.unix_ns() - call.arrival.at_unix_ns;
        let waited = Duration::from_nanos(u64::try_from(waited).unwrap_or(0));
        patience(&call.client, &call.upstream).saturating_sub(waited)
    }
}

/// With what the HIS reads of broken rules.
fn telling(mut answer: Answer, intended: &Intended) -> Answer {
    let line = intended.findings_header().map(|line| (Bytes::from_static(check::HEADER.as_bytes()), Bytes::from(line)));
    answer.headers.extend(line);
    answer
}

fn native(body: NativeBody, close: bool) -> Answer {
    Answer {
        status: 200,
        reason: OK,
        headers: content_type(body.content_type),
        carried: http::Extensions::new(),
        body: Flow::Whole(body.bytes.into()),
        close,
        receipt: Receipt::none(),
    }
}

fn content_type(value: String) -> HeaderLines {
    vec![(Bytes::from_static(b"Content-Type"), Bytes::from(value))]
}
