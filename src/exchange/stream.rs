//! A large answer of class query or file streams to the HIS while it is stored; its tail waits for the OUTCOME.
//!
//! Nobody can hold a complete answer that is not in the journal (`journal.md`, Large bodies).

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::domain::limits::TAIL_HELD_BYTES;
use crate::domain::message::{Body, BodyFile};
use crate::domain::outcome::{Cause, Outcome, Told};
use crate::journal::bodies::Side;
use crate::outbound::{Flow, FlowBroken, Replied, ReplyBody, ReplyHead, forwardable};

use super::carrying::Hearer;
use super::door::Answer;
use super::flow::CHUNKS_WAITING_MAX;
use super::forward::reply_of;
use super::settle::{Evidence, Verdict};
use super::understood::{Listening, Understood};
use super::{Line, Performing};

/// The way to the HIS, with the last bytes held back.
struct Tail {
    chunks: mpsc::Sender<Result<Bytes, FlowBroken>>,
    held: VecDeque<Bytes>,
    held_bytes: usize,
    hearing: bool,
}

impl Tail {
    /// Sends on whatever is not among the last bytes; a HIS that is gone does not stop the storing.
    async fn push(&mut self, chunk: Bytes) {
        self.held_bytes += chunk.len();
        self.held.push_back(chunk);
        while let Some(first) = self.held.front() {
            let spare = self.held_bytes.saturating_sub(TAIL_HELD_BYTES);
            if spare == 0 {
                break;
            }
            let part = if first.len() <= spare { self.held.pop_front() } else { self.cut_front(spare) };
            let Some(part) = part else { break };
            self.held_bytes -= part.len();
            self.send(Ok(part)).await;
        }
    }

    fn cut_front(&mut self, spare: usize) -> Option<Bytes> {
        self.held.front_mut().map(|first| first.split_to(spare))
    }

    async fn release(mut self) {
        while let Some(part) = self.held.pop_front() {
            self.send(Ok(part)).await;
        }
        self.send(Ok(Bytes::new())).await; // the end is said, never guessed
    }

    async fn send(&mut self, chunk: Result<Bytes, FlowBroken>) {
        if self.hearing {
            self.hearing = self.chunks.send(chunk).await.is_ok();
        }
    }
}

impl Line {
    /// Streams a large answer and settles it before its tail leaves.
    pub(super) async fn stream(self: &Arc<Self>, mut performing: Performing, replied: Replied, hearer: Hearer) {
        let Replied { head, body, .. } = replied;
        let (chunks, flow) = Flow::channel(head.len, CHUNKS_WAITING_MAX);
        let mut tail = Tail { chunks, held: VecDeque::new(), held_bytes: 0, hearing: true };
        let intended = &performing.intended;
        let receipt = self.receipt(intended.seq, intended.header.exchange_id, Told::Success);
        hearer.hear(Some(Answer {
            status: head.status,
            reason: head.reason.clone(),
            headers: forwardable(&head.headers),
            carried: head.carried.clone(),
            body: flow,
            close: false,
            receipt,
        }));
        let stored = tokio::select! {
            biased;
            stored = self.store(&performing, &head, body, &mut tail) => stored,
            () = self.cut.cancelled() => Err(Cause::Stop),
        };
        let (verdict, reply, understood) = match stored {
            Ok((file, understood)) => {
                let reply = reply_of(&head, Body::Spooled(Arc::new(file)));
                (self.judge_reply(performing.intended.call(), head.status, &understood), Some(reply), Some(understood))
            }
            Err(cause) => (Verdict::unknown(cause), None, None),
        };
        let told = if verdict.outcome == Outcome::Refused { Told::Refused } else { Told::Success };
        let evidence = Evidence::streamed(reply.as_ref(), understood.as_ref().map(|understood| &understood.said), told);
        self.settle(&mut performing.intended, verdict, evidence).await;
        if reply.is_some() {
            tail.release().await;
        } // else the tail drops without its end, and the HIS has a cut answer: it may not be reading any more
    }

    async fn store(
        &self,
        performing: &Performing,
        head: &ReplyHead,
        body: ReplyBody,
        tail: &mut Tail,
    ) -> Result<(BodyFile, Understood), Cause> {
        let intended = &performing.intended;
        let call = intended.call();
        let mut listening = Listening::to(Arc::clone(&call.arrival.policy), &head.headers);
        let (mut chunk, mut rest) = match body {
            ReplyBody::Whole(bytes) => (bytes, Flow::empty()),
            ReplyBody::More { first, rest } => (first, rest),
        };
        let slot = intended.header.key_slot;
        let created = self.journal.bodies().create(call.arrival.id, Side::Ans, slot).await;
        let mut writer = created.map_err(|_| Cause::NotStored)?;
        loop {
            listening.feed(&chunk);
            writer.write(&chunk).await.map_err(|_| Cause::NotStored)?;
            tail.push(chunk).await;
            // Nobody waits longer for the next bytes than for the first ones.
            chunk = match tokio::time::timeout(call.upstream.answer_within, rest.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(_))) => return Err(Cause::Cut),
                Ok(None) => break,
                Err(_) => return Err(Cause::TimedOut),
            };
        }
        let file = writer.finish().await.map_err(|_| Cause::NotStored)?;
        Ok((file, listening.finish()))
    }
}
