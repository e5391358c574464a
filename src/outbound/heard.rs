//! The words of this folder: what goes out, what was heard, and who can be asked.

use std::future::Future;
use std::io;
use std::pin::Pin;

use bytes::Bytes;

use crate::domain::message::HeaderLines;
use crate::domain::outcome::Cause;

use super::flow::Flow;

/// One request to be sent once.
#[derive(Debug)]
pub struct Outgoing {
    /// `POST` and its like.
    pub method: String,
    /// Path and query in origin form, the upstream's base path already joined (`rewrite_target`).
    pub target: Bytes,
    /// Header lines as they arrived, or as edited; hop-by-hop lines are left out and `Host` and `Content-Length` set here.
    pub headers: HeaderLines,
    /// hyper's keeping of the arrived names in their original case.
    pub carried: http::Extensions,
    /// The body.
    pub body: Flow,
}

/// The head of a reply.
#[derive(Debug, Clone)]
pub struct ReplyHead {
    /// HTTP status; 0 when the head itself was cut or unreadable, and then the heard bytes are raw.
    pub status: u16,
    /// Reason phrase as sent; may be empty.
    pub reason: Bytes,
    /// Header lines in the order they came, names in their original case.
    pub headers: HeaderLines,
    /// hyper's keeping of the names and of the reason phrase, for writing them again.
    pub carried: http::Extensions,
    /// Length of the body, when the head tells it.
    pub len: Option<u64>,
}

/// A reply whose head, at least, is complete.
#[derive(Debug)]
pub struct Replied {
    /// Its head.
    pub head: ReplyHead,
    /// Its body.
    pub body: ReplyBody,
    /// When the first byte of the request left, unix ns.
    pub sent_at_unix_ns: i64,
}

/// The body of a reply.
#[derive(Debug)]
pub enum ReplyBody {
    /// Complete, within `BUFFERED_BYTES_MAX`.
    Whole(Bytes),
    /// Larger, or of a length beyond that: what came so far (may be empty), and the rest as it comes.
    More {
        /// Bytes already here.
        first: Bytes,
        /// The rest; an error in it is a cut reply.
        rest: Flow,
    },
}

/// No byte of the request left this machine.
#[derive(Debug, thiserror::Error)]
#[error("nothing was sent")]
pub struct NeverSent {
    /// Why not.
    #[source]
    pub why: Unsent,
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum Unsent {
    /// The name does not resolve, the connection is refused, there is no route.
    #[error("the platform cannot be reached")]
    Unreachable(#[source] io::Error),
    /// The two could not agree on TLS: a certificate that one of them does not accept, mostly.
    #[error("no TLS with the platform: {0}")]
    NoTls(io::Error),
    /// No connection within `connect_ms`.
    #[error("the platform cannot be reached in time")]
    ConnectTimedOut,
    /// `connections_max` are in use and `connections_waiting_max` calls wait already.
    #[error("too many calls wait for a connection")]
    TooManyWaiting,
    /// Every connection stayed in use for `connect_ms`.
    #[error("no connection came free in time")]
    NoConnectionFree,
    /// Method, target or a header line cannot be written as HTTP.
    #[error("the request cannot be written as HTTP")]
    Unwritable(#[source] http::Error),
    /// The connection ended before it took a byte.
    #[error("the connection ended before it took a byte")]
    NothingTaken(#[source] hyper::Error),
}

/// The request left, in whole or in part, and no complete reply came.
#[derive(Debug)]
pub struct Silence {
    /// `Broken` (no byte of a reply) or `Cut` (some); `TimedOut` is said by whoever holds the deadline.
    pub cause: Cause,
    /// What was heard before the cut, at most `BUFFERED_BYTES_MAX`; evidence, never an answer.
    pub part: Option<(ReplyHead, Bytes)>,
    /// When the first byte of the request left, unix ns.
    pub sent_at_unix_ns: i64,
}

/// What became of one send.
#[derive(Debug)]
pub enum Heard {
    /// A reply came.
    Reply(Box<Replied>),
    /// Nothing was sent; it is safe to send again.
    NeverSent(NeverSent),
    /// It may have been performed.
    Silence(Box<Silence>),
}

/// How often what happened, since the start, and what is so now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections made.
    pub dialled: u64,
    /// Calls that found an idle connection.
    pub reused: u64,
    /// Requests that a closing connection handed back untouched and a new one took.
    pub handed_back: u64,
    /// Connections in use now.
    pub in_use: usize,
    /// Calls that wait for a connection now.
    pub waiting: usize,
}

/// Someone who can be asked: the real platform, or a stand-in for simulation.
pub trait Platform: Send + Sync {
    /// Sends once. There is no deadline inside except the one for reaching the platform; dropping the future closes
    /// the connection.
    fn call<'a>(&'a self, out: Outgoing) -> Pin<Box<dyn Future<Output = Heard> + Send + 'a>>;

    /// For metrics.
    fn counts(&self) -> Counts;
}
