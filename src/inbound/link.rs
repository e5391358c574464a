//! What the service and the socket wrapper of one connection tell each other. Both run in the connection's own task.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::exchange::door::Receipt;
use crate::outbound::head::RawHead;

/// What the connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// A request head: its first byte, or the rest of it.
    #[default]
    Head,
    /// More of a request body.
    Body,
    /// Us: the line, or our bounds. The client has nothing to do but to wait.
    Us,
}

/// Shared by one connection's service and socket wrapper.
#[derive(Default)]
pub(super) struct Link(Mutex<Talk>);

#[derive(Default)]
struct Talk {
    phase: Phase,
    message: u64,
    head: RawHead,
    body_open: bool,
    written: u64,
    ended: bool,
    receipt: Option<Receipt>,
    slow: bool,
}

impl Link {
    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wrapper: bytes came.
    pub(super) fn arrived(&self, bytes: &[u8]) {
        self.talk().head.see(bytes);
    }

    /// Wrapper: what is waited for, in which message, and whether its head has begun.
    pub(super) fn phase(&self) -> (Phase, u64, bool) {
        let talk = self.talk();
        (talk.phase, talk.message, talk.head.is_begun())
    }

    /// Wrapper: the kernel took bytes.
    pub(super) fn wrote(&self, bytes: usize) {
        self.talk().written += bytes as u64;
    }

    /// Wrapper: everything written so far is out. True when that was the end of an answer.
    pub(super) fn flushed(&self) -> bool {
        let mut talk = self.talk();
        if !talk.ended {
            return false;
        }
        talk.ended = false;
        if std::mem::take(&mut talk.body_open) {
            talk.head.begin(); // refused before its body was read
        }
        talk.phase = Phase::Head;
        let (receipt, bytes) = (talk.receipt.take(), talk.written);
        drop(talk);
        if let Some(receipt) = receipt {
            receipt.handed(bytes);
        }
        true
    }

    /// Wrapper: the client kept us waiting too long. Between two requests that is no fault.
    pub(super) fn too_slow(&self) {
        let mut talk = self.talk();
        talk.slow = talk.phase != Phase::Head || talk.head.is_begun();
    }

    /// True when the wrapper ended the connection for slowness.
    pub(super) fn was_slow(&self) -> bool {
        self.talk().slow
    }

    /// Service: hyper has read a head; here are its raw bytes.
    pub(super) fn take_head(&self) -> Bytes {
        let mut talk = self.talk();
        talk.phase = Phase::Us;
        talk.message += 1;
        talk.body_open = true;
        talk.head.take()
    }

    /// Service: it is the client's turn to send more of the body, or it was.
    pub(super) fn wants_body(&self, wants: bool) {
        self.talk().phase = if wants { Phase::Body } else { Phase::Us };
    }

    /// Service: the request body is complete; bytes from now on belong to a next request.
    pub(super) fn heard_all(&self) {
        let mut talk = self.talk();
        if std::mem::take(&mut talk.body_open) {
            talk.head.begin();
        }
    }

    /// Service: an answer begins.
    pub(super) fn answer_begins(&self, receipt: Receipt) {
        let mut talk = self.talk();
        talk.written = 0;
        talk.receipt = Some(receipt);
    }

    /// Answer body: its last byte was given to hyper; the next flush that returns hands it over.
    pub(super) fn answer_ended(&self) {
        self.talk().ended = true;
    }
}
