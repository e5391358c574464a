//! The socket wrapper of the way out: when the first byte left, how many left, and the raw head of the reply.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::domain::clock::Clock;

use super::head::RawHead;
use super::socket::Socket;

/// What the wrapper saw since the last request began; shared with whoever drives the connection, in the same task.
pub(super) struct Seen {
    clock: Arc<dyn Clock>,
    call: Mutex<Call>,
}

#[derive(Default)]
struct Call {
    written: u64,
    sent_at_unix_ns: i64,
    head: RawHead,
}

impl Seen {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Seen {
        Seen { clock, call: Mutex::default() }
    }

    fn call(&self) -> MutexGuard<'_, Call> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new request begins.
    pub(super) fn begin(&self) {
        let mut call = self.call();
        call.written = 0;
        call.head.begin();
    }

    /// Bytes of this request that the kernel took, or that TLS took and may have given to it.
    pub(super) fn written(&self) -> u64 {
        self.call().written
    }

    /// When the first byte left; 0 when none did.
    pub(super) fn sent_at_unix_ns(&self) -> i64 {
        let call = self.call();
        if call.written == 0 { 0 } else { call.sent_at_unix_ns }
    }

    /// The raw head of the reply, or what came of it.
    pub(super) fn take_head(&self) -> Bytes {
        self.call().head.take()
    }

    fn wrote(&self, bytes: usize) {
        let mut call = self.call();
        if call.written == 0 {
            call.sent_at_unix_ns = self.clock.unix_ns();
        }
        call.written += bytes as u64;
    }
}

/// A stream that tells `Seen` what passes.
pub(super) struct Tap {
    stream: Socket,
    seen: Arc<Seen>,
}

impl Tap {
    pub(super) fn new(stream: Socket, seen: Arc<Seen>) -> Tap {
        Tap { stream, seen }
    }

    /// A stream that takes ahead may have sent some of what was offered even when it fails: then all of it counts.
    fn note(&self, result: Poll<io::Result<usize>>, offered: usize) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Ready(Ok(bytes)) => self.seen.wrote(*bytes),
            Poll::Ready(Err(_)) if self.stream.takes_ahead() => self.seen.wrote(offered),
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
        result
    }
}

impl AsyncRead for Tap {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        let arrived = &buf.filled()[before..];
        if !arrived.is_empty() {
            self.seen.call().head.see(arrived);
        }
        result
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(result, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note(result, parts.iter().map(|part| part.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
