//! One request at the door: its head, the bounds, its body chunk by chunk to the line, and the answer back.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::{Method, Version, request};
use hyper::body::{Body, Frame, Incoming};
use hyper::{Request, Response};

use crate::domain::message::header;
use crate::exchange::door::{Answer, Bound, Exchanges, Intake, RequestHead};
use crate::outbound::flow::next_data;
use crate::outbound::head::{lines_of, request_head};
use crate::outbound::tls::certificate::Certificate;

use super::Door;
use super::link::Link;
use super::respond::{Leaving, respond};

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
pub(super) struct Closed;

/// One connection's view of the door.
pub(super) struct Caller<E> {
    pub(super) door: Arc<Door<E>>,
    pub(super) link: Arc<Link>,
    pub(super) peer: SocketAddr,
    /// What it showed in the handshake.
    pub(super) certificate: Option<Arc<Certificate>>,
}

/// How the reading of a body ended.
enum Read {
    Complete,
    Refused(Box<Answer>),
    TooLarge,
    Broken,
}

impl<E: Exchanges> Caller<E> {
    /// Hears one request out and gives its answer.
    pub(super) async fn hear(&self, request: Request<Incoming>) -> Result<Response<Leaving>, Closed> {
        let (parts, mut body) = request.into_parts();
        if parts.method == Method::CONNECT {
            return Err(Closed);
        }
        let head_only = parts.method == Method::HEAD;
        let head = self.head(parts, &body);
        let answer = match self.admit(head).await {
            Ok(head) => self.take(head, &mut body).await?,
            Err((head, bound)) => {
                let expects = head.http_minor > 0 && header(&head.headers, "expect").is_some();
                let answer = self.door.exchanges.refuse_unheard(&head, bound);
                self.turn_away(answer, &mut body, expects, bound == Bound::BodyTooLarge).await
            }
        };
        respond(answer, Arc::clone(&self.link), head_only).ok_or(Closed)
    }

    fn head(&self, parts: request::Parts, body: &Incoming) -> RequestHead {
        let raw = self.link.take_head();
        let (target, lines) = request_head(&raw).unzip();
        let headers = lines_of(lines, &parts.headers);
        // hyper and we read the same bytes; only a pipelined head is not ours to see.
        let target = target.unwrap_or_else(|| Bytes::from(parts.uri.to_string()));
        RequestHead {
            method: parts.method.as_str().to_owned(),
            target,
            http_minor: u8::from(parts.version != Version::HTTP_10),
            headers,
            carried: parts.extensions,
            peer: self.peer,
            certificate: self.certificate.clone(),
            content_length: body.size_hint().exact(),
            permit: None,
            budget: None,
        }
    }

    /// Applies the bounds that need no byte of the body.
    async fn admit(&self, mut head: RequestHead) -> Result<RequestHead, (RequestHead, Bound)> {
        let door = &self.door;
        if head.content_length.is_some_and(|len| len > door.settings.body_bytes_max) {
            return Err((head, Bound::BodyTooLarge));
        }
        match door.bounds.admit(&door.stop).await {
            Ok(permit) => head.permit = Some(permit),
            Err(bound) => return Err((head, bound)),
        }
        match door.bounds.charge(head.content_length) {
            Ok(budget) => head.budget = Some(budget),
            Err(bound) => {
                head.permit = None;
                return Err((head, bound));
            }
        }
        Ok(head)
    }

    /// Gives the body to the line, then waits for what the HIS is to hear.
    async fn take(&self, head: RequestHead, body: &mut Incoming) -> Result<Answer, Closed> {
        let first = at_once(body).await;
        // A body that is all here needs no refusal later on.
        let spare = (!body.is_end_stream()).then(|| without_rights(&head));
        let mut intake = self.door.exchanges.intake(head);
        let read = self.read(&mut intake, first, body).await;
        if matches!(read, Read::Complete) {
            self.link.heard_all();
            return intake.carry().await.ok_or(Closed);
        }
        drop(intake);
        let refuse = |bound| spare.as_ref().map(|head| self.door.exchanges.refuse_unheard(head, bound)).ok_or(Closed);
        match read {
            Read::Refused(answer) => Ok(self.turn_away(*answer, body, false, false).await),
            Read::TooLarge => Ok(self.turn_away(refuse(Bound::BodyTooLarge)?, body, false, true).await),
            Read::Broken if self.link.was_slow() => refuse(Bound::TooSlow).map(closing),
            Read::Broken | Read::Complete => Err(Closed),
        }
    }

    async fn read(&self, intake: &mut E::Intake, first: Option<hyper::Result<Bytes>>, body: &mut Incoming) -> Read {
        let mut left = self.door.settings.body_bytes_max;
        let mut next = first;
        loop {
            let chunk = match next.take() {
                Some(chunk) => chunk,
                None if body.is_end_stream() => return Read::Complete,
                None => match self.wait_for_data(body).await {
                    Some(chunk) => chunk,
                    None => return Read::Complete,
                },
            };
            let Ok(chunk) = chunk else { return Read::Broken };
            let Some(rest) = left.checked_sub(chunk.len() as u64) else { return Read::TooLarge };
            left = rest;
            if let Err(answer) = intake.feed(chunk).await {
                return Read::Refused(answer);
            }
        }
    }

    /// The next bytes of the body. Only while we wait here can the client be too slow.
    async fn wait_for_data(&self, body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
        let mut waits = false;
        let mut next = pin!(next_data(body));
        let data = poll_fn(|cx| {
            let polled = next.as_mut().poll(cx);
            if polled.is_pending() && !waits {
                waits = true;
                self.link.wants_body(true);
                cx.waker().wake_by_ref(); // hyper reads once more, and the socket wrapper sees whose turn it is
            }
            polled
        })
        .await;
        if waits {
            self.link.wants_body(false);
        }
        data
    }

    /// Reads away what is left of a body nobody wants, within bounds, so that the client gets to hear the refusal.
    async fn turn_away(&self, answer: Answer, body: &mut Incoming, unsent: bool, close: bool) -> Answer {
        // A client that waits for `100 Continue` has sent nothing and shall send nothing.
        let drained = !unsent && self.drain(body).await;
        if drained {
            self.link.heard_all();
        }
        if close || !drained { closing(answer) } else { answer }
    }

    async fn drain(&self, body: &mut Incoming) -> bool {
        let mut left = self.door.settings.drain_bytes_max;
        while !body.is_end_stream() {
            match self.wait_for_data(body).await {
                None => return true,
                Some(Err(_)) => return false,
                Some(Ok(chunk)) => match left.checked_sub(chunk.len() as u64) {
                    Some(rest) => left = rest,
                    None => return false,
                },
            }
        }
        true
    }
}

fn closing(answer: Answer) -> Answer {
    Answer { close: true, ..answer }
}

/// What of the body came together with the head. hyper has read it already; nothing is waited for.
async fn at_once(body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
    if body.is_end_stream() {
        return None;
    }
    poll_fn(|cx| match Pin::new(&mut *body).poll_frame(cx) {
        Poll::Ready(Some(Ok(frame))) => Poll::Ready(Frame::into_data(frame).ok().map(Ok)),
        Poll::Ready(Some(Err(broken))) => Poll::Ready(Some(Err(broken))), // it is not told twice
        Poll::Ready(None) | Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// The words of a head, to refuse it when the line already has the original.
fn without_rights(head: &RequestHead) -> RequestHead {
    RequestHead {
        method: head.method.clone(),
        target: head.target.clone(),
        http_minor: head.http_minor,
        headers: head.headers.clone(),
        carried: http::Extensions::new(),
        peer: head.peer,
        certificate: None,
        content_length: head.content_length,
        permit: None,
        budget: None,
    }
}
