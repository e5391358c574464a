//! One connection to the platform: hyper's two halves, driven by whoever uses them, and the socket under them.
//!
//! No task stands behind a connection. The call that holds it drives it, so a reply costs no hop between tasks, and a
//! dropped call closes its connection.

use std::future::{Future, poll_fn};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{Connection, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::flow::Flow;
use super::tap::{Seen, Tap};

/// hyper's side that reads and writes the socket.
pub(super) type Driver = Connection<TokioIo<Tap>, Flow>;

/// A connection.
pub(super) struct Wired {
    sender: SendRequest<Flow>,
    driver: Option<Box<Driver>>,
    /// A second name for the socket, to ask the kernel whether the peer has hung up.
    witness: socket2::Socket,
    seen: Arc<Seen>,
    idle_since: Instant,
}

/// What became of one attempt to send.
pub(super) enum Sent {
    /// The head of a reply came.
    Head(Response<Incoming>),
    /// The connection was closing: the request comes back untouched, no byte of it was written.
    HandedBack(Request<Flow>, hyper::Error),
    /// The connection failed after it took the request.
    Lost(hyper::Error),
}

impl Wired {
    pub(super) fn new(
        (sender, driver): (SendRequest<Flow>, Driver),
        witness: socket2::Socket,
        seen: Arc<Seen>,
    ) -> Wired {
        Wired { sender, driver: Some(Box::new(driver)), witness, seen, idle_since: Instant::now() }
    }

    /// What the socket wrapper saw of the running call.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Sends one request and waits for the head of its reply.
    pub(super) async fn send(&mut self, request: Request<Flow>) -> Sent {
        self.seen.begin();
        let mut head = pin!(self.sender.try_send_request(request));
        let result = poll_fn(|cx| {
            turn(&mut self.driver, cx);
            head.as_mut().poll(cx)
        });
        match result.await {
            Ok(head) => Sent::Head(head),
            Err(mut failed) => match failed.take_message() {
                Some(request) => Sent::HandedBack(request, failed.into_error()),
                None => Sent::Lost(failed.into_error()),
            },
        }
    }

    /// The next bytes of a reply's body; `None` at its end.
    pub(super) fn poll_data(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Bytes>>> {
        let mut turned = false;
        loop {
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) if !bytes.is_empty() => return Poll::Ready(Some(Ok(bytes))),
                    Ok(_) | Err(_) => {} // trailers do not cross
                },
                Poll::Ready(Some(Err(broken))) => return Poll::Ready(Some(Err(broken))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending if turned => return Poll::Pending,
                Poll::Pending => {
                    turn(&mut self.driver, cx);
                    turned = true;
                }
            }
        }
    }

    /// True when the exchange is over on both sides and the connection stays open.
    pub(super) fn is_ready(&self) -> bool {
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Nobody uses it from now on.
    pub(super) fn rest(&mut self) {
        self.idle_since = Instant::now();
    }

    /// How long nobody has used it.
    pub(super) fn idle(&self) -> std::time::Duration {
        self.idle_since.elapsed()
    }

    /// Asks the kernel: an idle connection has nothing to read; an end, an error or stray bytes make it useless.
    pub(super) fn is_quiet(&self) -> bool {
        let peeked = self.witness.peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }
}

/// Lets the connection read and write. One that has ended is dropped, which hands back a request that it never took.
fn turn(driver: &mut Option<Box<Driver>>, cx: &mut Context<'_>) {
    if let Some(running) = driver
        && Pin::new(running).poll(cx).is_ready()
    {
        *driver = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::HandClock;
    use crate::outbound::connect::Dial;

    #[tokio::test]
    async fn a_closing_connection_hands_the_request_back_untouched() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let dial = Dial::new("127.0.0.1".to_owned(), port, None, Arc::new(HandClock::at(7)));
        let mut wired = dial.connect().await.unwrap();
        assert!(wired.is_quiet());
        drop(listener.accept().await.unwrap());
        assert!(!wired.is_quiet(), "the kernel knows at once");
        // The reactor learns it with its next round, at the latest when another connection is made.
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = Request::post("/x").body(Flow::Whole(Bytes::from_static(b"{}"))).unwrap();
        match wired.send(request).await {
            Sent::HandedBack(request, _) => assert_eq!((request.uri().path(), request.body().len()), ("/x", Some(2))),
            Sent::Head(_) | Sent::Lost(_) => panic!("the peer had closed before"),
        }
        assert_eq!(wired.seen().written(), 0);
        assert!(!wired.is_ready());
    }
}
