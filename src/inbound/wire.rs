//! The socket wrapper of the way in: ends slow clients, counts what was written, sees that an answer was handed over.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Settings;
use super::link::{Link, Phase};
use super::patience::Patience;

/// A client's stream. In TLS the bytes are those inside: what moves, moves by whole records.
pub(super) struct Wire<S> {
    stream: S,
    link: Arc<Link>,
    idle: Duration,
    head: Duration,
    reading: Patience,
    writing: Patience,
    /// The message that the two above count.
    message: u64,
    idle_since: Option<Instant>,
    head_since: Option<Instant>,
    /// Armed at the first need and moved only when it has fired or fires too late.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S, link: Arc<Link>, settings: &Settings) -> Wire<S> {
        let stall = Duration::from_secs(settings.body_stall_seconds);
        let patience = || Patience::new(stall, settings.body_bytes_per_second_min);
        Wire {
            stream,
            link,
            idle: Duration::from_secs(settings.idle_seconds),
            head: Duration::from_secs(settings.head_seconds),
            reading: patience(),
            writing: patience(),
            message: 0,
            idle_since: None,
            head_since: None,
            alarm: None,
        }
    }

    /// Until when the client may keep us waiting for its next byte; `None` while we keep it waiting.
    fn reading_deadline(&mut self) -> Option<Instant> {
        let (phase, message, begun) = self.link.phase();
        self.turn_to(message);
        match phase {
            Phase::Us => None,
            Phase::Body => Some(self.reading.deadline()),
            Phase::Head if begun => Some(*self.head_since.get_or_insert_with(Instant::now) + self.head),
            Phase::Head => Some(*self.idle_since.get_or_insert_with(Instant::now) + self.idle),
        }
    }

    fn turn_to(&mut self, message: u64) {
        if self.message != message {
            self.message = message;
            self.reading.reset();
            self.writing.reset();
            self.head_since = None;
            self.idle_since = None;
        }
    }

    /// Pending until the deadline, an error from then on.
    fn wait(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Error> {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        while alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                self.link.too_slow();
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    fn wait_to_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let (_, message, _) = self.link.phase();
        self.turn_to(message);
        let deadline = self.writing.deadline();
        self.wait(cx, deadline)
    }

    fn note(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.link.wrote(bytes);
                self.writing.moved(bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.wait_to_write(cx).map(Err),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let arrived = &buf.filled()[before..];
                this.link.arrived(arrived);
                this.reading.moved(arrived.len());
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => match this.reading_deadline() {
                Some(deadline) => this.wait(cx, deadline).map(Err),
                None => Poll::Pending,
            },
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes the stream only when it has written all it has; so the flush after an answer's end hands it over.
    /// TLS may still hold bytes then, and gives them to the kernel as fast as the client reads.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(flushed) => flushed?,
            Poll::Pending => return self.wait_to_write(cx).map(Err),
        }
        self.writing.moved(0); // the client has read: its turn is over
        if self.link.flushed() {
            // hyper may not read again before the next byte comes: the idle alarm is armed here.
            let now = Instant::now();
            self.idle_since = Some(now);
            self.head_since = None;
            let deadline = now + self.idle;
            let _armed = self.wait(cx, deadline);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(cx) {
            Poll::Pending => self.wait_to_write(cx).map(Err),
            ended => ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter, DuplexStream, duplex};
    use tokio::sync::oneshot;

    use super::*;
    use crate::exchange::door::{HandedOver, Receipt};

    const ANSWER: [u8; 32] = [b'x'; 32];

    /// A client behind a stream that takes ahead, as TLS does: an answer has been written, and waits to be flushed.
    async fn answered() -> (Wire<BufWriter<DuplexStream>>, Arc<Link>, DuplexStream, oneshot::Receiver<HandedOver>) {
        let file: toml::Table = include_str!("../../config/medgate.toml").parse().unwrap();
        let settings: Settings = file["inbound"].clone().try_into().unwrap();
        let ((ours, theirs), link) = (duplex(8), Arc::new(Link::default()));
        let mut wire = Wire::new(BufWriter::with_capacity(64, ours), Arc::clone(&link), &settings);
        let (tell, told) = oneshot::channel();
        link.take_head();
        link.heard_all();
        link.answer_begins(Receipt::new(|word| _ = tell.send(word)));
        wire.write_all(&ANSWER).await.unwrap();
        link.answer_ended();
        (wire, link, theirs, told)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_handed_over_when_the_flush_has_returned() {
        let (mut wire, _, mut theirs, mut told) = answered().await;
        let reading = async {
            theirs.read_exact(&mut [0; 16]).await.unwrap();
            assert!(told.try_recv().is_err(), "half of it is still here");
            theirs.read_exact(&mut [0; 16]).await.unwrap();
        };
        tokio::join!(async { wire.flush().await.unwrap() }, reading);
        assert_eq!(told.await, Ok(HandedOver::All(ANSWER.len() as u64)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_ends_the_flush() {
        let (mut wire, link, _theirs, told) = answered().await;
        let flushed = tokio::time::timeout(Duration::from_secs(3600), wire.flush()).await.expect("no flush for ever");
        assert_eq!(flushed.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(link.was_slow());
        drop((wire, link));
        assert_eq!(told.await, Ok(HandedOver::NotAll));
    }
}
