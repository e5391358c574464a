//! Sends once and hears what comes back: a report of facts, never an error.

use std::sync::Arc;

use std::time::Duration;

use bytes::Bytes;

use crate::domain::exchange::{ExchangeId, Origin};
use crate::domain::message::{Body, HeaderLines, Reply};
use crate::domain::outcome::Cause;
use crate::journal::bodies::Side;
use crate::outbound::{Flow, Heard, Outgoing, Replied, ReplyBody, ReplyHead, Silence};

use super::Line;
use super::bearer::Worn;
use super::flow::flow_of;
use super::intend::Intended;
use super::opening::Opener;
use super::understood::{Listening, Understood};

/// What one send brought back.
#[derive(Debug)]
pub enum Report {
    /// No byte left this machine.
    NeverSent {
        /// English reason.
        why: String,
    },
    /// Sent, and no complete reply.
    Silence {
        /// What the wire said.
        cause: Cause,
        /// What came before it broke off; evidence, never relayed.
        part: Option<Box<Heeded>>,
    },
    /// A complete reply.
    Reply(Box<Heeded>),
    /// A large reply that the HIS is to get while it is being stored.
    Streaming(Box<Replied>),
}

impl Report {
    /// Nothing came for this cause.
    pub fn silent(cause: Cause) -> Report {
        Report::Silence { cause, part: None }
    }
}

/// A reply and what the scanner saw in it.
#[derive(Debug)]
pub struct Heeded {
    /// As it came.
    pub reply: Reply,
    /// hyper's own keeping of the head.
    pub carried: http::Extensions,
    /// What it says.
    pub understood: Understood,
}

/// What the hearing of a large reply needs to know of its exchange; owned, so that it outlives the HIS.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hearing {
    pub(super) id: ExchangeId,
    /// A large answer flows to the HIS while it is stored; there is none behind a call of our own.
    pub(super) streams: bool,
    pub(super) key_slot: u64,
}

impl Line {
    /// Sends the request once; the future ends when the reply is whole, or never came.
    pub(super) fn send(self: &Arc<Self>, intended: &Intended) -> impl Future<Output = Report> + Send + use<> {
        let call = intended.call();
        let request = &call.arrival.request;
        let outgoing = Outgoing {
            method: request.method.clone(),
            target: intended.target().clone(),
            headers: intended.headers().clone(),
            carried: call.arrival.head.carried.clone(),
            body: flow_of(self, intended.body()),
        };
        let upstream = Arc::clone(&call.upstream);
        let policy = Arc::clone(&call.arrival.policy);
        let (opener, worn) = (Opener::of(call), Worn::by(intended));
        let streams = call.identity.class.streams_large_answers() && call.arrival.origin != Origin::Reconcile;
        let hearing = Hearing { id: call.arrival.id, streams, key_slot: intended.header.key_slot };
        let line = Arc::clone(self);
        async move {
            let listening = |headers: &HeaderLines| Listening::to(policy, headers);
            let sent_mono_ns = line.clock.mono_ns();
            let heard = upstream.platform.call(outgoing).await;
            let took = Duration::from_nanos(line.clock.mono_ns().saturating_sub(sent_mono_ns));
            if !matches!(heard, Heard::NeverSent(_)) {
                upstream.metrics.duration.observe(took.as_secs_f64());
            }
            let report = match heard {
                Heard::NeverSent(never) => Report::NeverSent { why: never.why.to_string() },
                Heard::Silence(silence) => {
                    let Silence { cause, part, .. } = *silence;
                    let part = part.map(|(head, bytes)| Box::new(heed(listening(&head.headers), head, bytes)));
                    Report::Silence { cause, part }
                }
                Heard::Reply(replied) => line.take_reply(hearing, *replied, listening).await,
            };
            worn.heed(&report);
            opener.open(report)
        }
    }

    async fn take_reply(
        &self,
        hearing: Hearing,
        replied: Replied,
        listening: impl FnOnce(&HeaderLines) -> Listening,
    ) -> Report {
        let listening = listening(&replied.head.headers);
        match replied.body {
            ReplyBody::Whole(bytes) => Report::Reply(Box::new(heed(listening, replied.head, bytes))),
            ReplyBody::More { .. } if hearing.streams => Report::Streaming(Box::new(replied)),
            ReplyBody::More { first, rest } => {
                // Rare and large: in a box, so that the future of every other call stays small.
                Box::pin(self.spool_reply(hearing, replied.head, listening, first, rest)).await
            }
        }
    }

    /// A large reply of a class that acts goes wholly to disk before anybody hears it.
    async fn spool_reply(
        &self,
        hearing: Hearing,
        head: ReplyHead,
        mut listening: Listening,
        first: Bytes,
        mut rest: Flow,
    ) -> Report {
        let Ok(mut writer) = self.journal.bodies().create(hearing.id, Side::Ans, hearing.key_slot).await else {
            return not_stored(listening, head, first);
        };
        let mut chunk = first.clone();
        loop {
            listening.feed(&chunk);
            if writer.write(&chunk).await.is_err() {
                return not_stored(listening, head, first);
            }
            chunk = match rest.next().await {
                Some(Ok(chunk)) => chunk,
                Some(Err(_)) => return cut_short(listening, head, first),
                None => break,
            };
        }
        match writer.finish().await {
            Ok(file) => {
                let reply = reply_of(&head, Body::Spooled(Arc::new(file)));
                Report::Reply(Box::new(Heeded { reply, carried: head.carried, understood: listening.finish() }))
            }
            Err(_) => not_stored(listening, head, first),
        }
    }
}

fn heed(mut listening: Listening, head: ReplyHead, bytes: Bytes) -> Heeded {
    listening.feed(&bytes);
    let reply = reply_of(&head, Body::Buffered(bytes));
    Heeded { reply, carried: head.carried, understood: listening.finish() }
}

/// The reply as the journal keeps it.
pub(super) fn reply_of(head: &ReplyHead, body: Body) -> Reply {
    Reply { status: head.status, reason: head.reason.clone(), headers: head.headers.clone(), body }
}

fn not_stored(listening: Listening, head: ReplyHead, first: Bytes) -> Report {
    silence(Cause::NotStored, listening, head, first)
}

fn cut_short(listening: Listening, head: ReplyHead, first: Bytes) -> Report {
    silence(Cause::Cut, listening, head, first)
}

fn silence(cause: Cause, listening: Listening, head: ReplyHead, first: Bytes) -> Report {
    let reply = reply_of(&head, Body::Buffered(first));
    let part = Heeded { reply, carried: head.carried, understood: listening.finish() };
    Report::Silence { cause, part: Some(Box::new(part)) }
}
