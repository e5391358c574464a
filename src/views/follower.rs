//! The thread that follows the journal. It reads what is durable, writes batches, and rests; nothing ever waits for it.
//! What is derived from the journal is all written so: the views, the book of cases.
//!
//! Whatever fails here is counted, logged once and tried again: the line never hears of it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::domain::clock::Clock;
use crate::domain::exchange::Seq;
use crate::domain::token::Token;
use crate::journal::facts::Fact;
use crate::journal::reader::FollowError;
use crate::journal::record::Kind;
use crate::journal::{Journal, Record};

use super::settings::Settings;
use super::store::Trouble;

/// Records of one batch.
const BATCH_RECORDS_MAX: u64 = 8_192;
/// Rows that one batch holds in memory.
const BATCH_ROWS_MAX: usize = 4_096;
/// How long a stop waits for the rest to be taken up; what is left then comes at the next start.
const CATCH_UP_AT_STOP: Duration = Duration::from_secs(3);

/// What is derived from the journal, on disk: where it stands, and how it begins anew.
pub trait Derived: Send + 'static {
    /// It, open for the one who writes it.
    type Store: Taking;
    /// What it is called in logs and of threads.
    const NAME: &'static str;

    /// Opens it over the journal that `identity` names and whose last durable record is `durable`; where there is nothing it
    /// begins at the first record.
    ///
    /// # Errors
    /// `Stale` when it must be wiped first; others when the disk says no.
    fn open(&self, identity: Token, durable: Seq) -> Result<Self::Store, Trouble>;

    /// Removes all of it; the journal stays.
    ///
    /// # Errors
    /// When a file cannot be removed.
    fn wipe(&self) -> io::Result<()>;
}

/// Records in, committed batches out.
pub trait Taking {
    /// Everything up to this record is committed.
    fn position(&self) -> Seq;

    /// Rows that wait for a commit.
    fn touched(&self) -> usize;

    /// Whether its files still stand where they were.
    fn still_stands(&self) -> bool;

    /// Takes a record up; it is written by the next commit.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    fn take(&mut self, record: &Record) -> Result<(), Trouble>;

    /// Writes what was taken, and that everything up to `position` was.
    ///
    /// # Errors
    /// When a file cannot be written; it must be opened again.
    fn commit(&mut self, position: Seq) -> Result<(), Trouble>;
}

/// What the follower counts of itself.
#[derive(Debug, Default)]
pub struct Gauges {
    /// The last record that was taken up.
    pub position: AtomicU64,
    /// Records taken up.
    pub records: AtomicU64,
    /// Time spent on them, without rests.
    pub busy_ns: AtomicU64,
    /// Failures.
    pub failures: AtomicU64,
    /// Times the views were built anew.
    pub rebuilds: AtomicU64,
    state: AtomicU8,
}

/// What the follower is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Up to date, or about to be.
    Following = 0,
    /// Building anew from the first record.
    Rebuilding = 1,
    /// Failing; it tries again.
    Failing = 2,
    /// Ended.
    Stopped = 3,
}

impl State {
    /// All of them.
    pub const ALL: [State; 4] = [State::Following, State::Rebuilding, State::Failing, State::Stopped];

    /// The word used in metrics and answers.
    pub fn word(self) -> &'static str {
        match self {
            State::Following => "following",
            State::Rebuilding => "rebuilding",
            State::Failing => "failing",
            State::Stopped => "stopped",
        }
    }
}

impl Gauges {
    /// What it is doing.
    pub fn state(&self) -> State {
        let code = self.state.load(Ordering::Relaxed);
        State::ALL.into_iter().find(|state| *state as u8 == code).unwrap_or(State::Stopped)
    }

    /// Records it takes up per second of its own time: what it could do if it never rested.
    pub fn capacity(&self) -> f64 {
        let busy = self.busy_ns.load(Ordering::Relaxed) as f64 / 1e9;
        if busy == 0.0 { 0.0 } else { self.records.load(Ordering::Relaxed) as f64 / busy }
    }

    fn set(&self, state: State) {
        self.state.store(state as u8, Ordering::Relaxed);
    }
}

/// A running follower. Dropped, it ends after the batch it is at.
pub struct Follower {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    gauges: Gauges,
    stop: AtomicBool,
    rebuild: AtomicBool,
}

struct Work<D> {
    derived: D,
    journal: Journal,
    settings: Settings,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    failing: bool,
    /// Where the rebuild under way ends.
    anew_until: Option<Seq>,
}

/// Why a round ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Derived(#[from] Trouble),
    #[error("the journal cannot be followed: {0}")]
    Journal(#[from] FollowError),
    #[error("asked to build it anew")]
    Asked,
    #[error("the journal was trimmed, and they hold what is not in it any more")]
    Trimmed,
}

impl Follower {
    /// Starts the thread over an open journal.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub fn start<D: Derived>(
        derived: D,
        journal: Journal,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Follower> {
        let shared = Arc::new(Shared::default());
        let work =
            Work { derived, journal, settings, clock, shared: Arc::clone(&shared), failing: false, anew_until: None };
        let thread = thread::Builder::new().name(D::NAME.to_owned()).spawn(move || work.run())?;
        Ok(Follower { shared, thread: Mutex::new(Some(thread)) })
    }

    /// What it counts.
    pub fn gauges(&self) -> &Gauges {
        &self.shared.gauges
    }

    /// What it is doing, or was just asked to do.
    pub fn state(&self) -> State {
        let asked = self.shared.rebuild.load(Ordering::SeqCst);
        if asked { State::Rebuilding } else { self.shared.gauges.state() }
    }

    /// Has it built anew from the first record.
    pub fn rebuild(&self) {
        self.shared.rebuild.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Takes up what is durable, as far as a few seconds allow, and ends the thread. Blocks; call it off the runtime.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.wake();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("a follower of the journal panicked");
        }
    }

    fn wake(&self) {
        if let Some(thread) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.thread().unpark();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.wake();
    }
}

impl<D: Derived> Work<D> {
    fn run(mut self) {
        loop {
            match self.follow() {
                Ok(()) => break,
                Err(ended) => self.recover(&ended),
            }
            if self.told_to_stop() {
                break;
            }
        }
        self.shared.gauges.set(State::Stopped);
    }

    /// Wipes what cannot be used, and rests after a failure.
    fn recover(&mut self, ended: &Ended) {
        let anew = match ended {
            Ended::Asked | Ended::Trimmed => true,
            Ended::Derived(trouble) => trouble.asks_for_rebuild(),
            Ended::Journal(_) => false,
        };
        if anew {
            tracing::warn!(what = D::NAME, reason = %ended, "what is derived is built anew from the journal");
            self.shared.gauges.set(State::Rebuilding);
            self.shared.gauges.position.store(0, Ordering::Relaxed);
            self.shared.gauges.rebuilds.fetch_add(1, Ordering::Relaxed);
            self.anew_until = Some(self.durable());
            match self.derived.wipe() {
                Ok(()) => return,
                Err(error) => tracing::error!(what = D::NAME, %error, "what is there cannot be removed"),
            }
        }
        self.shared.gauges.failures.fetch_add(1, Ordering::Relaxed);
        self.shared.gauges.set(State::Failing);
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(what = D::NAME, error = %ended, "the journal is not followed; calls go on, and it is tried again");
        }
        thread::park_timeout(Duration::from_millis(self.settings.retry_ms));
    }

    /// Follows until told to stop, or until something fails.
    fn follow(&mut self) -> Result<(), Ended> {
        let mut store = self.derived.open(self.journal.tokens().identity(), self.durable())?;
        if store.position() == Seq::NONE && self.anew_until.is_none() {
            self.anew_until = Some(self.durable());
        }
        let trimmed_to = self.journal.trimmed_to();
        // Segments that a trim has yet to take away are not taken up again.
        let built_from = if store.position() == Seq::NONE { trimmed_to } else { Seq::NONE };
        if store.position() != Seq::NONE && store.position().0 + 1 < trimmed_to.0 {
            return Err(Trouble::Stale("behind the front of a journal that was trimmed").into());
        }
        let mut reader = self.journal.records(Seq(store.position().0 + 1).max(built_from));
        let mut stop_by = None;
        loop {
            if self.shared.rebuild.load(Ordering::SeqCst) {
                self.shared.gauges.set(State::Rebuilding);
                self.shared.rebuild.store(false, Ordering::SeqCst);
                return Err(Ended::Asked);
            }
            if !store.still_stands() {
                return Err(Trouble::Stale("gone from the disk").into());
            }
            let began = self.clock.mono_ns();
            let (mut taken, mut last) = (0, reader.from().0.saturating_sub(1));
            while taken < BATCH_RECORDS_MAX && store.touched() < BATCH_ROWS_MAX {
                let Some(record) = reader.next_record()? else { break };
                if trimmed_by(&record).is_some_and(|to| built_from < to) {
                    return Err(Ended::Trimmed);
                }
                store.take(&record)?;
                (taken, last) = (taken + 1, record.header.seq.0);
            }
            store.commit(Seq(last))?;
            let busy_ns = self.clock.mono_ns().saturating_sub(began);
            self.count(taken, last, busy_ns);
            let caught_up = self.durable().0 <= last;
            if self.told_to_stop() {
                let stop_by = *stop_by.get_or_insert(self.clock.mono_ns() + CATCH_UP_AT_STOP.as_nanos() as u64);
                if caught_up || stop_by < self.clock.mono_ns() {
                    return Ok(());
                }
            } else {
                self.rest(caught_up, busy_ns);
            }
        }
    }

    fn count(&mut self, taken: u64, last: u64, busy_ns: u64) {
        let gauges = &self.shared.gauges;
        gauges.position.store(last, Ordering::Relaxed);
        if 0 < taken {
            gauges.records.fetch_add(taken, Ordering::Relaxed);
            gauges.busy_ns.fetch_add(busy_ns, Ordering::Relaxed);
        }
        self.anew_until = self.anew_until.filter(|until| last < until.0);
        gauges.set(if self.anew_until.is_some() { State::Rebuilding } else { State::Following });
        if std::mem::take(&mut self.failing) {
            tracing::info!(what = D::NAME, position = last, "the journal is followed again");
        }
    }

    /// Behind, it works for no more than its share of the time; caught up, it lets a batch gather.
    fn rest(&self, caught_up: bool, busy_ns: u64) {
        let share = self.settings.busy_percent_max.clamp(1, 100);
        let by_share = Duration::from_nanos(busy_ns.saturating_mul(100 - share) / share);
        let gathering = Duration::from_millis(if caught_up { self.settings.rest_ms } else { 0 });
        let rest = by_share.max(gathering);
        if !rest.is_zero() {
            thread::park_timeout(rest);
        }
    }

    fn durable(&self) -> Seq {
        *self.journal.durable().borrow()
    }

    fn told_to_stop(&self) -> bool {
        self.shared.stop.load(Ordering::SeqCst)
    }
}

/// The first record that a trim left, when this record is one.
fn trimmed_by(record: &Record) -> Option<Seq> {
    let act = record.header.known_kind() == Some(Kind::OperatorAct);
    record.facts.number_of(Fact::TrimmedTo).filter(|_| act).map(Seq)
}
