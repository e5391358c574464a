//! Takes a request body: scanned as it comes, kept in memory up to a bound, beyond it on disk.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::domain::exchange::{ExchangeId, Origin};
use crate::domain::limits::BUFFERED_BYTES_MAX;
use crate::domain::message::{Body, Request, header};
use crate::domain::scan::{Scanner, View};
use crate::journal::bodies::{BodyWriter, Side};

use super::Line;
use super::carrying::Carrying;
use super::door::{Answer, Intake, RequestHead};
use super::opening::Plain;
use super::policy::Policy;
use super::refusal::Refusal;

/// A request whose body is complete; what the line begins with.
pub struct Arrival {
    /// Made at arrival.
    pub id: ExchangeId,
    /// Exactly as it came.
    pub request: Request,
    /// The head's extras: permit, budget, hyper's case map, peer.
    pub head: RequestHead,
    /// What the scanner saw.
    pub view: View,
    /// The plain text of what was sealed, where a key opened it.
    pub opened: Option<Plain>,
    /// First byte, unix ns.
    pub at_unix_ns: i64,
    /// The judgement this exchange keeps.
    pub policy: Arc<Policy>,
    /// Slot of the key that already encrypts a spooled body, else 0.
    pub key_slot: u64,
    /// The HIS, the platform, or the gateway itself.
    pub origin: Origin,
}

/// A request whose body is still coming.
pub struct Arriving {
    line: Arc<Line>,
    id: ExchangeId,
    at_unix_ns: i64,
    policy: Arc<Policy>,
    head: RequestHead,
    scanner: Scanner,
    kept: Kept,
    origin: Origin,
}

enum Kept {
    Nothing,
    One(Bytes),
    Many(BytesMut),
    OnDisk { writer: Box<BodyWriter>, key_slot: u64 },
}

impl Arriving {
    pub(super) fn new(line: Arc<Line>, head: RequestHead, origin: Origin) -> Arriving {
        let policy = line.policy.load_full();
        let content_type = header(&head.headers, "content-type").map(|value| &value[..]);
        let scanner = Scanner::of_content_type(policy.profile.wanted(), content_type);
        let at_unix_ns = line.clock.unix_ns();
        let id = line.ids.next(at_unix_ns);
        Arriving { line, id, at_unix_ns, policy, head, scanner, kept: Kept::Nothing, origin }
    }

    async fn keep(&mut self, chunk: Bytes) -> Result<(), Refusal> {
        let kept = std::mem::replace(&mut self.kept, Kept::Nothing);
        self.kept = match kept {
            Kept::Nothing if chunk.len() <= BUFFERED_BYTES_MAX => Kept::One(chunk),
            Kept::One(first) if first.len() + chunk.len() <= BUFFERED_BYTES_MAX => {
                let announced = self.head.content_length.unwrap_or(0).min(BUFFERED_BYTES_MAX as u64) as usize;
                let mut all = BytesMut::with_capacity(announced.max(first.len() + chunk.len()));
                all.extend_from_slice(&first);
                all.extend_from_slice(&chunk);
                Kept::Many(all)
            }
            Kept::Many(mut all) if all.len() + chunk.len() <= BUFFERED_BYTES_MAX => {
                all.extend_from_slice(&chunk);
                Kept::Many(all)
            }
            Kept::OnDisk { mut writer, key_slot } => {
                writer.write(&chunk).await.map_err(|_| Refusal::NotStored)?;
                Kept::OnDisk { writer, key_slot }
            }
            small => self.spool(small, &chunk).await?,
        };
        Ok(())
    }

    async fn spool(&mut self, small: Kept, chunk: &[u8]) -> Result<Kept, Refusal> {
        let journal = &self.line.journal;
        let key_slot = journal.take_slot().map_err(|_| Refusal::NotStored)?;
        let begun = journal.bodies().create(self.id, Side::Req, key_slot).await;
        let mut writer = begun.map_err(|_| Refusal::NotStored)?;
        let first: &[u8] = match &small {
            Kept::One(first) => first,
            Kept::Many(all) => all,
            Kept::Nothing | Kept::OnDisk { .. } => b"",
        };
        for part in [first, chunk] {
            writer.write(part).await.map_err(|_| Refusal::NotStored)?;
        }
        Ok(Kept::OnDisk { writer: Box::new(writer), key_slot })
    }

    /// Ends the body and makes it an arrival.
    async fn arrive(mut self) -> Result<(Arc<Line>, Arrival), (Arc<Line>, RequestHead, Refusal)> {
        let (body, key_slot) = match self.kept {
            Kept::Nothing => (Body::Buffered(Bytes::new()), 0),
            Kept::One(all) => (Body::Buffered(all), 0),
            Kept::Many(all) => (Body::Buffered(all.freeze()), 0),
            Kept::OnDisk { writer, key_slot } => match Box::pin(writer.finish()).await {
                Ok(file) => (Body::Spooled(Arc::new(file)), key_slot),
                Err(_) => return Err((self.line, self.head, Refusal::NotStored)),
            },
        };
        self.line.metrics.request_bytes.inc_by(body.len());
        let request = Request {
            method: std::mem::take(&mut self.head.method),
            target: self.head.target.clone(),
            http_minor: self.head.http_minor,
            headers: std::mem::take(&mut self.head.headers),
            body,
        };
        let arrival = Arrival {
            id: self.id,
            request,
            head: self.head,
            view: self.scanner.finish(),
            opened: None,
            at_unix_ns: self.at_unix_ns,
            policy: self.policy,
            key_slot,
            origin: self.origin,
        };
        Ok((self.line, arrival))
    }
}

impl Intake for Arriving {
    async fn feed(&mut self, chunk: Bytes) -> Result<(), Box<Answer>> {
        self.scanner.feed(&chunk);
        match self.keep(chunk).await {
            Ok(()) => Ok(()),
            Err(refusal) => Err(Box::new(self.line.refuse_head(&self.head, self.origin, &refusal))),
        }
    }

    fn carry(self) -> impl Future<Output = Option<Answer>> + Send {
        let tasks = self.line.tasks.clone();
        let origin = self.origin;
        Carrying::begin(&tasks, async move |hearer| match self.arrive().await {
            Ok((line, arrival)) => line.carry(arrival, hearer).await,
            Err((line, head, refusal)) => hearer.hear(Some(line.refuse_head(&head, origin, &refusal))),
        })
    }
}
