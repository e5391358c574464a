//! Connections to one upstream: how many there may be, who waits for one, and which may be used again.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::connect::Dial;
use super::heard::Unsent;
use super::tls::kept::Renews;
use super::wired::Wired;

/// Connections of one upstream.
pub(super) struct Pool {
    dial: Dial,
    resting: Mutex<Resting>,
    room: Arc<Semaphore>,
    waiting: AtomicUsize,
    bounds: PoolBounds,
    dialled: AtomicU64,
    reused: AtomicU64,
}

/// Bounds of a pool.
pub(super) struct PoolBounds {
    pub(super) connect: Duration,
    pub(super) idle: Duration,
    pub(super) connections_max: usize,
    pub(super) waiting_max: usize,
}

/// Idle connections, the freshest last.
#[derive(Default)]
struct Resting {
    idle: Vec<Wired>,
    swept: bool,
}

/// A connection in use. Given back it rests; dropped it closes.
pub(super) struct Lease {
    wired: Wired,
    pool: Arc<Pool>,
    _room: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(dial: Dial, bounds: PoolBounds) -> Arc<Pool> {
        Arc::new(Pool {
            dial,
            resting: Mutex::default(),
            room: Arc::new(Semaphore::new(bounds.connections_max)),
            waiting: AtomicUsize::new(0),
            bounds,
            dialled: AtomicU64::new(0),
            reused: AtomicU64::new(0),
        })
    }

    /// A connection: the freshest idle one that is still good, else a new one, within `connect_ms` in all.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, Unsent> {
        let deadline = Instant::now() + self.bounds.connect;
        let room = self.room(deadline).await?;
        let wired = match self.reuse() {
            Some(wired) => wired,
            None => self.fresh(deadline).await?,
        };
        Ok(Lease { wired, pool: Arc::clone(self), _room: room })
    }

    /// What TLS to this upstream is made of; `None` without TLS.
    pub(super) fn certificates(&self) -> Option<Arc<dyn Renews>> {
        self.dial.certificates()
    }

    /// Connections made since the start.
    pub(super) fn dialled(&self) -> u64 {
        self.dialled.load(Ordering::Relaxed)
    }

    /// Calls that found an idle connection.
    pub(super) fn reused(&self) -> u64 {
        self.reused.load(Ordering::Relaxed)
    }

    /// Calls that wait for a connection to come free.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Connections in use.
    pub(super) fn in_use(&self) -> usize {
        self.bounds.connections_max - self.room.available_permits()
    }

    async fn room(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Unsent> {
        if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
            return Ok(room);
        }
        let waiting = Waiting::join(&self.waiting, self.bounds.waiting_max).ok_or(Unsent::TooManyWaiting)?;
        let room = timeout_at(deadline, Arc::clone(&self.room).acquire_owned()).await;
        drop(waiting);
        room.map_err(|_| Unsent::NoConnectionFree)?.map_err(|_| Unsent::NoConnectionFree)
    }

    fn reuse(&self) -> Option<Wired> {
        loop {
            let wired = self.resting().idle.pop()?;
            // One that rested too long, or that the peer has closed, is dropped here, outside the lock.
            if wired.idle() < self.bounds.idle && wired.is_quiet() {
                self.reused.fetch_add(1, Ordering::Relaxed);
                return Some(wired);
            }
        }
    }

    async fn fresh(&self, deadline: Instant) -> Result<Wired, Unsent> {
        let wired = timeout_at(deadline, self.dial.connect()).await.map_err(|_| Unsent::ConnectTimedOut)??;
        self.dialled.fetch_add(1, Ordering::Relaxed);
        Ok(wired)
    }

    fn rest(self: &Arc<Self>, mut wired: Wired) {
        wired.rest();
        let mut resting = self.resting();
        resting.idle.push(wired);
        if !resting.swept {
            resting.swept = true;
            tokio::spawn(sweep(Arc::downgrade(self), self.bounds.idle));
        }
    }

    /// Closes what rested too long; false when nothing rests any more.
    fn sweep(&self) -> bool {
        let mut resting = self.resting();
        let (fresh, stale) = resting.idle.drain(..).partition(|wired| wired.idle() < self.bounds.idle);
        resting.idle = fresh;
        resting.swept = !resting.idle.is_empty();
        let goes_on = resting.swept;
        drop(resting);
        let _closed_outside_the_lock: Vec<Wired> = stale;
        goes_on
    }

    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes idle connections while any rest; ends with the pool.
async fn sweep(pool: Weak<Pool>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        match pool.upgrade() {
            Some(pool) if pool.sweep() => {}
            _ => return,
        }
    }
}

impl Lease {
    /// Replaces the connection by a new one; for a request that came back untouched.
    pub(super) async fn redial(&mut self) -> Result<(), Unsent> {
        self.wired = self.pool.fresh(Instant::now() + self.pool.bounds.connect).await?;
        Ok(())
    }

    /// Lets the connection rest for the next call when it is good for one.
    pub(super) fn give_back(self) {
        if self.wired.is_ready() {
            self.pool.rest(self.wired);
        }
    }
}

impl Deref for Lease {
    type Target = Wired;

    fn deref(&self) -> &Wired {
        &self.wired
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Wired {
        &mut self.wired
    }
}

/// A place in the queue; leaving gives it back.
struct Waiting<'a>(&'a AtomicUsize);

impl Waiting<'_> {
    fn join(waiting: &AtomicUsize, max: usize) -> Option<Waiting<'_>> {
        let place = Waiting(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < max).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
