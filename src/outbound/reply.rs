//! Reads a reply: whole when it is small, as a stream when it is large, as evidence when it is cut.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming};
use hyper::ext::ReasonPhrase;
use hyper::{Response, http};

use crate::domain::limits::BUFFERED_BYTES_MAX;
use crate::domain::outcome::Cause;

use super::flow::{Flow, FlowBroken};
use super::head::{lines_of, reply_head};
use super::heard::{Heard, Replied, ReplyBody, ReplyHead, Silence};
use super::pool::Lease;

/// Reads the body of a reply whose head came.
pub(super) async fn hear(mut lease: Lease, response: Response<Incoming>, bytes_max: u64) -> Heard {
    let (parts, mut incoming) = response.into_parts();
    let len = incoming.size_hint().exact();
    let head = head_of(parts, reply_head(&lease.seen().take_head()), len);
    let sent_at_unix_ns = lease.seen().sent_at_unix_ns();
    let body = if len.is_some_and(|len| len > BUFFERED_BYTES_MAX as u64) {
        Ok(ReplyBody::More { first: Bytes::new(), rest: rest_of(lease, incoming, bytes_max) })
    } else {
        match gather(&mut lease, &mut incoming, len).await {
            Gathered::Whole(bytes) => {
                lease.give_back();
                Ok(ReplyBody::Whole(bytes))
            }
            Gathered::Full(first) => {
                let rest = rest_of(lease, incoming, bytes_max.saturating_sub(first.len() as u64));
                Ok(ReplyBody::More { first, rest })
            }
            Gathered::Cut(part) => Err(part),
        }
    };
    match body {
        Ok(body) => Heard::Reply(Box::new(Replied { head, body, sent_at_unix_ns })),
        Err(part) => Heard::Silence(Box::new(Silence { cause: Cause::Cut, part: Some((head, part)), sent_at_unix_ns })),
    }
}

/// What is known when no reply head could be read: the raw bytes that came, if any, are kept as evidence.
pub(super) fn silence(lease: &Lease) -> Silence {
    let raw = lease.seen().take_head();
    let unread =
        ReplyHead { status: 0, reason: Bytes::new(), headers: Vec::new(), carried: http::Extensions::new(), len: None };
    Silence {
        cause: if raw.is_empty() { Cause::Broken } else { Cause::Cut },
        part: (!raw.is_empty()).then_some((unread, raw)),
        sent_at_unix_ns: lease.seen().sent_at_unix_ns(),
    }
}

fn head_of(
    parts: http::response::Parts,
    raw: Option<crate::domain::message::HeaderLines>,
    len: Option<u64>,
) -> ReplyHead {
    let reason = match parts.extensions.get::<ReasonPhrase>() {
        Some(reason) => Bytes::copy_from_slice(reason.as_bytes()),
        None => Bytes::from_static(parts.status.canonical_reason().unwrap_or("").as_bytes()),
    };
    let headers = lines_of(raw, &parts.headers);
    ReplyHead { status: parts.status.as_u16(), reason, headers, carried: parts.extensions, len }
}

enum Gathered {
    Whole(Bytes),
    Full(Bytes),
    Cut(Bytes),
}

/// Takes chunks until the body ends, breaks, or passes `BUFFERED_BYTES_MAX`. A body that came in one piece is not copied.
async fn gather(lease: &mut Lease, incoming: &mut Incoming, len: Option<u64>) -> Gathered {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    loop {
        if incoming.is_end_stream() {
            break;
        }
        match poll_fn(|cx| lease.poll_data(incoming, cx)).await {
            Some(Ok(chunk)) if first.is_empty() && all.is_empty() => first = chunk,
            Some(Ok(chunk)) => {
                if all.is_empty() {
                    let known = len.map_or(0, |len| usize::try_from(len).unwrap_or(0));
                    all.reserve(known.max(first.len() + chunk.len()));
                    all.extend_from_slice(&std::mem::take(&mut first));
                }
                all.extend_from_slice(&chunk);
            }
            Some(Err(_)) => return Gathered::Cut(joined(first, all)),
            None => break,
        }
        if first.len().max(all.len()) > BUFFERED_BYTES_MAX {
            return Gathered::Full(joined(first, all));
        }
    }
    Gathered::Whole(joined(first, all))
}

fn joined(first: Bytes, all: BytesMut) -> Bytes {
    if all.is_empty() { first } else { all.freeze() }
}

/// The rest of a large reply: read from the socket only as fast as it is taken.
struct Rest {
    lease: Option<Lease>,
    incoming: Incoming,
    left: u64,
}

fn rest_of(lease: Lease, incoming: Incoming, left: u64) -> Flow {
    let len = incoming.size_hint().exact();
    Flow::streamed(len, Rest { lease: Some(lease), incoming, left })
}

impl Rest {
    fn end(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

impl Body for Rest {
    type Data = Bytes;
    type Error = FlowBroken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, FlowBroken>>> {
        let Rest { lease, incoming, left } = &mut *self;
        let Some(connection) = lease else { return Poll::Ready(None) };
        let next = match ready!(connection.poll_data(incoming, cx)) {
            Some(Ok(chunk)) if chunk.len() as u64 > *left => Some(Err(FlowBroken::TooLarge)),
            Some(Ok(chunk)) => {
                *left -= chunk.len() as u64;
                Some(Ok(Frame::data(chunk)))
            }
            Some(Err(broken)) => Some(Err(FlowBroken::Cut(Box::new(broken)))),
            None => None,
        };
        match &next {
            Some(Err(_)) => self.lease = None, // closes the connection
            Some(Ok(_)) if self.incoming.is_end_stream() => self.end(),
            Some(Ok(_)) => {}
            None => self.end(),
        }
        Poll::Ready(next)
    }
}
