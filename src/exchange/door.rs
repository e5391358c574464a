//! What the line and a door say to each other. The line knows no HTTP; a door knows no money.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::domain::message::HeaderLines;
use crate::outbound::Flow;
use crate::outbound::tls::certificate::Certificate;

/// The head of a request, as the door read it.
#[derive(Debug)]
pub struct RequestHead {
    /// `POST` and its like.
    pub method: String,
    /// Path and query exactly as sent, absolute form included.
    pub target: Bytes,
    /// Minor version of HTTP/1.
    pub http_minor: u8,
    /// All header lines, names in their original case.
    pub headers: HeaderLines,
    /// hyper keeps the original case for its own writing in here; carried to the other side.
    pub carried: http::Extensions,
    /// Who calls.
    pub peer: SocketAddr,
    /// The certificate that the caller showed, proven by the door.
    pub certificate: Option<Arc<Certificate>>,
    /// Length of the body, when the head tells it.
    pub content_length: Option<u64>,
    /// The right to be under way; held by the line until the exchange has ended, not by the connection.
    pub permit: Option<OwnedSemaphorePermit>,
    /// Bytes of the memory budget charged for this body; given back with the exchange.
    pub budget: Option<OwnedSemaphorePermit>,
}

/// What the HIS is to hear.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Reason phrase as it is written; a platform's may be empty.
    pub reason: Bytes,
    /// Header lines to write.
    pub headers: HeaderLines,
    /// The platform's head in hyper's own keeping, for the original case.
    pub carried: http::Extensions,
    /// The body.
    pub body: Flow,
    /// True when the connection must end after it.
    pub close: bool,
    /// To be told whether the answer was handed over.
    pub receipt: Receipt,
}

/// Tells the line whether an answer was handed over; dropped untold means that it was not.
#[derive(Default)]
pub struct Receipt(Option<Box<dyn FnOnce(HandedOver) + Send + Sync>>);

/// What a door knows of an answer's way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandedOver {
    /// The body ended and the flush after it returned; so many bytes of the connection were written.
    All(u64),
    /// It did not come that far.
    NotAll,
}

impl Receipt {
    /// A receipt whose word goes to `tell`, which must not block.
    pub fn new(tell: impl FnOnce(HandedOver) + Send + Sync + 'static) -> Receipt {
        Receipt(Some(Box::new(tell)))
    }

    /// A receipt that nobody waits for.
    pub fn none() -> Receipt {
        Receipt(None)
    }

    /// The body ended and the flush after it returned: `bytes` were written.
    pub fn handed(mut self, bytes: u64) {
        if let Some(tell) = self.0.take() {
            tell(HandedOver::All(bytes));
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell(HandedOver::NotAll);
        }
    }
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receipt")
    }
}

/// A bound of the door that stopped a call before the line saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// The request body is larger than the setting allows.
    BodyTooLarge,
    /// Too many exchanges are under way and waiting.
    TooManyWaiting,
    /// The memory budget for bodies is used up.
    MemoryFull,
    /// The gateway is stopping.
    Draining,
    /// The client sent its body too slowly, or stopped.
    TooSlow,
}

/// The line, as a door sees it.
pub trait Exchanges: Send + Sync + 'static {
    /// Takes the body of one request.
    type Intake: Intake + 'static;

    /// Begins an exchange.
    fn intake(&self, head: RequestHead) -> Self::Intake;

    /// The native refusal for a call that a bound of the door stopped.
    fn refuse_unheard(&self, head: &RequestHead, why: Bound) -> Answer;
}

/// Takes a request body, then carries the exchange to its end.
pub trait Intake: Send {
    /// Takes the next bytes. An `Answer` means that the exchange ends here, refused.
    fn feed(&mut self, chunk: Bytes) -> impl Future<Output = Result<(), Box<Answer>>> + Send;

    /// The body is complete: carries the exchange to its answer, and goes on to its end by itself when the future is
    /// dropped. `None` means: close the connection without an answer.
    fn carry(self) -> impl Future<Output = Option<Answer>> + Send;
}
