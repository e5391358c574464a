//! Between callers and the writer: admission, the queue, and what callers hear back.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::domain::exchange::Seq;

pub use super::pending::{Haste, NotWritten, Pending, Role, Written};

use super::frame::Frame;
use super::room::{Room, Spare};
use super::settings::Bounds;
use super::table::CARRY_ENTRY_LEN;

/// Room that an admitted intent holds for its outcome; given back when dropped.
#[derive(Debug)]
pub struct OutcomeRoom {
    queue: Arc<Queue>,
    bytes: u64,
}

impl OutcomeRoom {
    fn take(mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for OutcomeRoom {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.queue.lock().room.release(self.bytes);
            self.queue.changed.notify_waiters();
        }
    }
}

/// Whether the journal takes intents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Open,
    /// No room on disk for another intent with its outcome.
    NoRoom,
    /// A write or sync failed, and no new segment could be opened yet.
    Failed(String),
    /// It is being opened or was stopped.
    Closed,
}

/// What the writer finds when it looks.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// Records were handed over.
    Work,
    /// Nothing came for as long as it wanted to wait.
    Silence,
    /// Nothing is left, and nothing will come.
    Stop,
}

/// Why a record was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// Room or memory may come: worth waiting.
    Later,
    /// For good.
    Never(NotWritten),
}

/// The queue before the writer.
#[derive(Debug)]
pub struct Queue {
    bounds: Bounds,
    state: Mutex<State>,
    arrived: Condvar,
    /// As `arrived`, for a writer that is a task (`here.rs`).
    called: Notify,
    chore: Condvar,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    pending: VecDeque<Pending>,
    room: Room,
    door: Health,
    writer: WriterIs,
    /// Someone waits for one of `pending`.
    urgent: bool,
    stopping: bool,
    chore_wanted: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum WriterIs {
    Awake,
    /// Waiting, but not for long.
    Dozing,
    /// Waiting for the next record, however long that takes.
    Asleep,
}

impl Queue {
    /// A closed queue; the writer opens it.
    pub fn new(bounds: Bounds) -> Arc<Queue> {
        let state = State {
            pending: VecDeque::new(),
            room: Room::new(bounds),
            door: Health::Closed,
            writer: WriterIs::Awake,
            urgent: false,
            stopping: false,
            chore_wanted: false,
        };
        let (arrived, called) = (Condvar::new(), Notify::new());
        let (chore, changed) = (Condvar::new(), Notify::new());
        Arc::new(Queue { bounds, state: Mutex::new(state), arrived, called, chore, changed })
    }

    /// Queues an intent, if there is room for it and its outcome; the frame is taken only then.
    ///
    /// # Errors
    /// Whether waiting may help.
    pub fn admit(
        self: &Arc<Self>,
        frame: &mut Option<Frame>,
    ) -> Result<(oneshot::Receiver<Written>, OutcomeRoom), NotAdmitted> {
        let reserve = self.bounds.outcome_room_bytes + CARRY_ENTRY_LEN;
        let receiver = self.push_if_it_fits(frame, reserve, Role::Intent, Haste::Now)?;
        Ok((receiver, OutcomeRoom { queue: self.clone(), bytes: reserve }))
    }

    /// Queues any other record, if there is room; the frame is taken only then.
    ///
    /// # Errors
    /// Whether waiting may help.
    pub fn offer(&self, frame: &mut Option<Frame>, haste: Haste) -> Result<oneshot::Receiver<Written>, NotAdmitted> {
        self.push_if_it_fits(frame, 0, Role::Other, haste)
    }

    fn push_if_it_fits(
        &self,
        frame: &mut Option<Frame>,
        reserve: u64,
        role: Role,
        haste: Haste,
    ) -> Result<oneshot::Receiver<Written>, NotAdmitted> {
        let len = frame.as_ref().map_or(0, |frame| frame.bytes.len() as u64);
        if len > self.bounds.frame_bytes {
            return Err(NotAdmitted::Never(NotWritten::TooLarge));
        }
        let mut state = self.lock();
        if state.door != Health::Open {
            return Err(NotAdmitted::Never(NotWritten::Closed));
        }
        let fits = state.room.queued() + len <= self.bounds.memory_bytes && state.room.admit(len, reserve);
        match (fits, state.room.spare()) {
            (true, _) => {}
            (false, Spare::NoRoom) => return Err(NotAdmitted::Never(NotWritten::Full)),
            (false, Spare::Ready | Spare::Taken | Spare::Making) => return Err(NotAdmitted::Later),
        }
        let frame = frame.take().ok_or(NotAdmitted::Never(NotWritten::Closed))?;
        Ok(self.push(state, frame, role, haste))
    }

    /// Admits an intent and waits until it is durable; waits for room at most `longest`.
    ///
    /// # Errors
    /// `Full`, `Closed` or `TooLarge`; nothing may be sent then.
    pub async fn intend(self: &Arc<Self>, frame: Frame, longest: Duration) -> Result<(Seq, OutcomeRoom), NotWritten> {
        let (receiver, room) = self.admitted(frame, longest, |frame| self.admit(frame)).await?;
        let seq = receiver.await.unwrap_or(Err(NotWritten::Closed))?;
        Ok((seq, room))
    }

    /// Queues an outcome into the room its intent reserved. Never refused for lack of room.
    pub fn redeem(&self, frame: Frame, room: OutcomeRoom) -> oneshot::Receiver<Written> {
        let len = frame.bytes.len() as u64;
        let reserve = room.take();
        let mut state = self.lock();
        let refusal = match state.door {
            Health::Closed => Some(NotWritten::Closed),
            _ if len > self.bounds.frame_bytes => Some(NotWritten::TooLarge),
            _ => None,
        };
        if let Some(why) = refusal {
            state.room.release(reserve);
            return answered(Err(why));
        }
        state.room.redeem(reserve, len);
        self.push(state, frame, Role::Outcome, Haste::Now)
    }

    /// Queues any other record and waits until it is durable; waits for room at most `longest`.
    ///
    /// # Errors
    /// `Full`, `Closed` or `TooLarge`.
    pub async fn append(&self, frame: Frame, longest: Duration, haste: Haste) -> Written {
        let receiver = self.admitted(frame, longest, |frame| self.offer(frame, haste)).await?;
        receiver.await.unwrap_or(Err(NotWritten::Closed))
    }

    async fn admitted<T>(
        &self,
        frame: Frame,
        longest: Duration,
        admit: impl Fn(&mut Option<Frame>) -> Result<T, NotAdmitted>,
    ) -> Result<T, NotWritten> {
        let mut frame = Some(frame);
        match admit(&mut frame) {
            Ok(admitted) => return Ok(admitted),
            Err(NotAdmitted::Never(why)) => return Err(why),
            Err(NotAdmitted::Later) => {}
        }
        let deadline = tokio::time::Instant::now() + longest;
        loop {
            // Registered before the look, so that a change between look and wait is not missed.
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match admit(&mut frame) {
                Ok(admitted) => return Ok(admitted),
                Err(NotAdmitted::Never(why)) => return Err(why),
                Err(NotAdmitted::Later) => {}
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return Err(NotWritten::Full);
            }
        }
    }

    fn push(
        &self,
        mut state: MutexGuard<'_, State>,
        frame: Frame,
        role: Role,
        haste: Haste,
    ) -> oneshot::Receiver<Written> {
        let (sender, receiver) = oneshot::channel();
        let charged = frame.bytes.len() as u64;
        state.pending.push_back(Pending { frame, role, charged, waiter: Some(sender) });
        state.urgent |= haste == Haste::Now;
        let wake = match state.writer {
            WriterIs::Awake => false,
            WriterIs::Dozing => haste == Haste::Now,
            WriterIs::Asleep => true,
        };
        if wake {
            state.writer = WriterIs::Awake;
        }
        drop(state);
        if wake {
            self.arrived.notify_one();
            self.called.notify_one();
        }
        receiver
    }

    /// Whether intents are taken.
    pub fn health(&self) -> Health {
        let state = self.lock();
        let one = self.bounds.outcome_room_bytes + self.bounds.frame_bytes;
        match &state.door {
            Health::Open if state.room.spare() == Spare::NoRoom && state.room.free() < one => Health::NoRoom,
            door => door.clone(),
        }
    }

    /// Bytes that may still be promised.
    pub fn free(&self) -> u64 {
        self.lock().room.free()
    }

    /// Nothing new is taken; the writer ends when the queue is empty.
    pub fn stop(&self) {
        self.lock().stopping = true;
        self.arrived.notify_all();
        self.called.notify_one();
        self.chore.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn hand_over(&mut self, into: &mut VecDeque<Pending>) -> Turn {
        self.urgent = false;
        std::mem::swap(&mut self.pending, into);
        match (into.is_empty(), self.stopping) {
            (false, _) => Turn::Work,
            (true, true) => Turn::Stop,
            (true, false) => Turn::Silence,
        }
    }
}

/// The writer's side.
impl Queue {
    /// Swaps the queue with an empty one; waits for the first record that someone waits for, at most `longest`.
    pub fn take(&self, into: &mut VecDeque<Pending>, longest: Option<Duration>) -> Turn {
        let mut state = self.lock();
        let idle =
            |state: &mut State| !state.stopping && !state.urgent && (longest.is_some() || state.pending.is_empty());
        if idle(&mut state) {
            state.writer = if longest.is_some() { WriterIs::Dozing } else { WriterIs::Asleep };
            state = match longest {
                Some(longest) => {
                    let waited = self.arrived.wait_timeout_while(state, longest, idle);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.arrived.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
            };
            state.writer = WriterIs::Awake;
        }
        state.hand_over(into)
    }

    /// As [`Queue::take`], for a writer that is a task beside its callers: while it waits the thread is theirs.
    pub async fn take_here(&self, into: &mut VecDeque<Pending>, longest: Option<Duration>) -> Turn {
        let until = longest.map(|longest| tokio::time::Instant::now() + longest);
        loop {
            {
                let mut state = self.lock();
                let over = until.is_some_and(|until| until <= tokio::time::Instant::now());
                if state.stopping || state.urgent || over || (until.is_none() && !state.pending.is_empty()) {
                    state.writer = WriterIs::Awake;
                    return state.hand_over(into);
                }
                state.writer = if longest.is_some() { WriterIs::Dozing } else { WriterIs::Asleep };
            }
            match until {
                // Whether it was called or the time is over, it looks.
                Some(until) => _ = tokio::time::timeout_at(until, self.called.notified()).await,
                None => self.called.notified().await,
            }
        }
    }

    /// Opens or closes the door for new records.
    pub fn door(&self, door: Health) {
        self.lock().door = door;
        self.changed.notify_waiters();
    }

    /// Room for a record of the journal's own, if nobody is promised it.
    pub fn own_room(&self, len: u64) -> bool {
        self.lock().room.admit(len, 0)
    }

    /// Frames left the queue, and this is what the writer has now.
    pub fn left(&self, frames: u64, live_left: u64, next_first_batch: u64) {
        let mut state = self.lock();
        state.room.left_queue(frames);
        state.room.measured(live_left, next_first_batch);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Closes for good; gives back what came too late.
    pub fn shut(&self) -> VecDeque<Pending> {
        let mut state = self.lock();
        state.stopping = true;
        state.door = Health::Closed;
        std::mem::take(&mut state.pending)
    }

    /// Takes the spare, if there is one.
    pub fn take_spare(&self) -> bool {
        let mut state = self.lock();
        let ready = state.room.spare() == Spare::Ready;
        if ready {
            state.room.spare_is(Spare::Taken);
        }
        ready
    }
}

/// The helper's side.
impl Queue {
    /// Says what became of the spare.
    pub fn spare_is(&self, spare: Spare) {
        let mut state = self.lock();
        state.room.spare_is(spare);
        drop(state);
        self.changed.notify_waiters();
    }

    /// There is something to do: a spare to make or a run to write.
    pub fn want_chores(&self) {
        let mut state = self.lock();
        if state.room.spare() == Spare::Taken {
            state.room.spare_is(Spare::Making);
        }
        state.chore_wanted = true;
        drop(state);
        self.chore.notify_all();
    }

    /// True while a spare is wanted and not there.
    pub fn wants_spare(&self) -> bool {
        matches!(self.lock().room.spare(), Spare::Making | Spare::NoRoom)
    }

    /// True once [`Queue::stop`] was called.
    pub fn stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Waits until there is something to do, at most `longest`.
    pub fn await_chore(&self, longest: Option<Duration>) {
        let idle = |state: &mut State| !state.chore_wanted && !state.stopping;
        let state = self.lock();
        let mut state = match longest {
            Some(longest) => {
                self.chore.wait_timeout_while(state, longest, idle).unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.chore.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
        };
        state.chore_wanted = false;
    }
}

fn answered(written: Written) -> oneshot::Receiver<Written> {
    let (sender, receiver) = oneshot::channel();
    // The receiver is alive: it is returned.
    let _ = sender.send(written);
    receiver
}
