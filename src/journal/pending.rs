//! A record on its way to the writer, how it fails, how soon it must go, and what its caller hears.

use tokio::sync::oneshot;

use crate::domain::exchange::Seq;

use super::frame::Frame;

/// What becomes of a record when the journal fails under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Refused: nothing was sent yet.
    Intent,
    /// Kept and written first after reopening: the platform acted.
    Outcome,
    /// Refused.
    Other,
}

/// A record on its way to the writer. Dropping the receiver withdraws nothing.
#[derive(Debug)]
pub struct Pending {
    /// The record.
    pub frame: Frame,
    /// How it fails.
    pub role: Role,
    /// Bytes that the room account holds for it; 0 for what did not come through the queue.
    pub charged: u64,
    pub(super) waiter: Option<oneshot::Sender<Written>>,
}

/// What a caller hears: the number of the durable record, or why there is none.
pub type Written = Result<Seq, NotWritten>;

/// Why a record is not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotWritten {
    /// It will not be written.
    #[error("the journal is closed")]
    Closed,
    /// It waits in memory and is written first when the journal opens again.
    #[error("the journal failed; the record waits in memory")]
    Waiting,
    /// The journal failed and too much waits already.
    #[error("the journal failed, and too many records wait already")]
    NotKept,
    /// Larger than a frame may be.
    #[error("the record is larger than a frame may be")]
    TooLarge,
    /// No room for it now.
    #[error("no room on disk for the record and what must follow it")]
    Full,
}

impl Pending {
    /// A record of the journal's own: nobody waits for it, and the room account does not know it.
    pub fn own(frame: Frame, role: Role) -> Pending {
        Pending { frame, role, charged: 0, waiter: None }
    }

    /// Tells the caller.
    pub fn answer(&mut self, written: Written) {
        if let Some(waiter) = self.waiter.take() {
            // A caller that went away withdrew nothing; there is just nobody to tell.
            let _ = waiter.send(written);
        }
    }

    /// Bytes of the frame.
    pub fn len(&self) -> u64 {
        self.frame.bytes.len() as u64
    }

    /// True for a frame without bytes, which nobody makes.
    pub fn is_empty(&self) -> bool {
        self.frame.bytes.is_empty()
    }
}

/// Whether the writer is woken for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// Someone waits for it.
    Now,
    /// It goes with the next record that someone waits for, or when the writer looks by itself: no sync of its own
    /// stands before that next record.
    WithNext,
}
