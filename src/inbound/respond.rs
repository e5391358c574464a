//! The only place that writes an answer's HTTP shape.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use hyper::ext::ReasonPhrase;

use crate::domain::message::HeaderLines;
use crate::exchange::door::Answer;
use crate::outbound::fields::HopByHop;
use crate::outbound::{Flow, FlowBroken};

use super::link::Link;

/// An answer's body on its way out; tells the link when its last byte has been given.
pub(super) struct Leaving {
    flow: Flow,
    link: Arc<Link>,
}

/// Writes an answer: its lines and reason as they are, nothing added but the framing. `None` when its status is none
/// that may be written as a final one.
pub(super) fn respond(answer: Answer, link: Arc<Link>, asked_head_only: bool) -> Option<Response<Leaving>> {
    let status = StatusCode::from_u16(answer.status).ok().filter(|status| !status.is_informational())?;
    let bodiless = asked_head_only || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let flow = if bodiless { Flow::empty() } else { answer.body };
    let framing = if asked_head_only { Framing::AsSaid } else { Framing::Len(flow.len().filter(|_| !bodiless)) };
    link.answer_begins(answer.receipt);
    if flow.is_empty() {
        link.answer_ended(); // hyper will not ask for a body
    }
    let mut response = Response::new(Leaving { flow, link });
    *response.status_mut() = status;
    *response.headers_mut() = fields(&answer.headers, framing);
    *response.extensions_mut() = answer.carried;
    if answer.close {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let own = status.canonical_reason().unwrap_or("").as_bytes();
    response.extensions_mut().remove::<ReasonPhrase>();
    if answer.reason != own
        && let Ok(reason) = ReasonPhrase::try_from(answer.reason)
    {
        response.extensions_mut().insert(reason);
    }
    Some(response)
}

enum Framing {
    /// The length of the body, or none when hyper frames it by itself.
    Len(Option<u64>),
    /// The answer to HEAD keeps the length that its lines say.
    AsSaid,
}

fn fields(lines: &HeaderLines, framing: Framing) -> HeaderMap {
    let hop = HopByHop::of(lines);
    let mut fields = HeaderMap::with_capacity(lines.len() + 2);
    for (name, value) in lines.iter().filter(|(name, _)| !hop.stops(name)) {
        // Lines come from a parsed reply or from our own texts; one that is no HTTP cannot be written anyway.
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_maybe_shared(value.clone()))
        else {
            continue;
        };
        match framing {
            Framing::Len(len) if name == header::CONTENT_LENGTH => {
                if let Some(len) = len {
                    fields.insert(name, HeaderValue::from(len)); // in its place
                }
            }
            _ => {
                fields.append(name, value);
            }
        }
    }
    fields
}

impl Body for Leaving {
    type Data = Bytes;
    type Error = FlowBroken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, FlowBroken>>> {
        let chunk = ready!(self.flow.poll_chunk(cx));
        // A stream that ends short of its length is a cut answer, and hyper cuts it.
        let at_end = self.flow.is_end_stream() || (chunk.is_none() && self.flow.len().is_none());
        if at_end && !matches!(chunk, Some(Err(_))) {
            self.link.answer_ended();
        }
        Poll::Ready(chunk.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.flow.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.flow.size_hint()
    }
}
