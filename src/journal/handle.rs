//! The journal as everyone else holds it: drafts in, durable numbers out; cheap to clone, no type parameter.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::clock::Clock;
use crate::domain::exchange::Seq;
use crate::domain::token::Token;

use super::bodies::Bodies;
use super::disk::Disk;
use super::draft::{Draft, Sealed};
use super::entropy::{Entropy, SystemEntropy};
use super::entry::{EntryKind, index_entries};
use super::facts::Fact;
use super::gauges::Gauges;
use super::here::Here;
use super::keys::{KeyError, KeyPool};
use super::kind::Kind;
use super::lock::{Lock, LockError};
use super::master::Master;
use super::open::{self, EntriesOf, Fresh, Opening};
use super::place::{Place, Record};
use super::pool_key::{PoolKey, UnlockError};
use super::private_file;
use super::queue::{Health, NotWritten, OutcomeRoom};
use super::reader::Reader;
use super::running::{CloseError, Running, fresh};
use super::sealing::{FrameError, SealedError, Sealer};
use super::secret_file;
use super::segment;
use super::settings::{Bounds, Settings};
use super::shelf::{Extent, ReadError};
use super::table::OpenExchange;
use super::tokens::{self, SecretError, Tokens};
use super::tree::Frontier;

/// Slots of one block of the key pool: 64 KiB, synced ahead of need.
const BLOCK_SLOTS: u32 = 4_096;
/// Folder of keys, beside `journal/`.
pub const KEYS: &str = "keys";
/// Folder of body files.
pub const BODIES: &str = "journal/bodies";

/// An open journal.
#[derive(Clone)]
pub struct Journal(Arc<Parts>);

struct Parts {
    running: Running,
    sealer: Sealer,
    tokens: Arc<Tokens>,
    pool: Arc<KeyPool>,
    bodies: Bodies,
    opened_after: Seq,
}

/// An intent that is durable.
#[derive(Debug)]
pub struct Kept {
    /// Its number.
    pub seq: Seq,
    /// The key slot that its exchange uses.
    pub key_slot: u64,
    /// Room that is kept for its outcome.
    pub room: OutcomeRoom,
}

impl Journal {
    /// Locks the data folder, recovers what stands there, settles what was left open. Blocks; call it off the runtime.
    ///
    /// # Errors
    /// When it is locked, damaged, incomplete or foreign, or its secrets are missing or under another master key; the message
    /// names the cure.
    pub fn open(
        settings: &Settings,
        data: &Path,
        master: &Master,
        clock: Arc<dyn Clock>,
    ) -> Result<(Journal, Opening), OpenError> {
        let lock = Lock::take(data)?;
        let first_start = !segment::any_in(data).map_err(OpenError::Folder)?;
        let fresh = fresh()?;
        let unlocked =
            Unlocked::open(data, master, first_start, settings, fresh.open_salt, &clock, Arc::new(SystemEntropy))?;
        let (running, opening) = Running::open(lock, settings, data, fresh, clock, &unlocked.entries_of())?;
        Ok((unlocked.over(running, &opening), opening))
    }

    /// Opens it on any disk without a thread: nothing is written but by the [`Here`] that comes with it, which a task of the
    /// caller's own thread runs. Keys and bodies stand in `data`. For simulation, so that a whole world can be repeated.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_here<D: Disk>(
        disk: Arc<D>,
        settings: (&Settings, Bounds),
        data: &Path,
        master: &Master,
        fresh: Fresh,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Journal, Opening, Here<D>), OpenError> {
        let (settings, bounds) = settings;
        let first_start = disk.list(segment::FOLDER).map_err(OpenError::Folder)?.is_empty();
        let unlocked = Unlocked::open(data, master, first_start, settings, fresh.open_salt, &clock, entropy)?;
        let (core, opening) = open::open(disk, bounds, fresh, clock, &unlocked.entries_of())?;
        let (running, here) = Running::here(core, settings);
        Ok((unlocked.over(running, &opening), opening, here))
    }

    /// Makes tokens under the index secret.
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// The last record that an earlier opening left behind.
    pub fn opened_after(&self) -> Seq {
        self.0.opened_after
    }

    /// Large bodies.
    pub fn bodies(&self) -> &Bodies {
        &self.0.bodies
    }

    /// A key slot for a body that is spooled before its INTENT is drafted.
    ///
    /// # Errors
    /// When the pool is empty and cannot be refilled.
    pub fn take_slot(&self) -> Result<u64, KeyError> {
        self.0.sealer.take_slot()
    }

    /// Makes an intent durable; room for its outcome comes with it.
    ///
    /// # Errors
    /// Nothing may be sent then.
    pub async fn intend(&self, draft: Draft) -> Result<Kept, IntendError> {
        let frame = self.0.sealer.frame(draft).await?;
        let key_slot = frame.header.key_slot;
        let (seq, room) = self.0.running.intend(frame).await?;
        if key_slot % u64::from(BLOCK_SLOTS) == 1 {
            self.announce_slots();
        }
        Ok(Kept { seq, key_slot, room })
    }

    /// Makes an outcome durable in the room that its intent reserved.
    ///
    /// # Errors
    /// `Waiting` when the journal failed and the record waits in memory; the others when it does not.
    pub async fn settle(&self, draft: Draft, room: OutcomeRoom) -> Result<Seq, SettleError> {
        let frame = self.0.sealer.frame(draft).await.map_err(SettleError::Frame)?;
        self.0.running.settle(frame, room).await.map_err(SettleError::NotWritten)
    }

    /// Makes any other record durable.
    ///
    /// # Errors
    /// When there is no room, or the journal is closed.
    pub async fn append(&self, draft: Draft) -> Result<Seq, AppendError> {
        let frame = self.0.sealer.frame(draft).await?;
        Ok(self.0.running.append(frame).await?)
    }

    /// Makes a record that nobody waits for durable together with the next one, or after the idle time: it costs no sync
    /// of its own while there is work.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub async fn append_with_next(&self, draft: Draft) -> Result<Seq, AppendError> {
        let frame = self.0.sealer.frame(draft).await?;
        Ok(self.0.running.append_with_next(frame).await?)
    }

    /// Hands a small record over without waiting; counted when it is dropped.
    pub fn append_unawaited(&self, draft: Draft) {
        match self.0.sealer.frame_at_once(draft) {
            Ok(frame) => self.0.running.append_unawaited(frame),
            Err(error) => tracing::error!(%error, "a record could not be made"),
        }
    }

    /// Places of the records found by a token, ascending by number.
    ///
    /// # Errors
    /// When an index run cannot be read.
    pub fn lookup(&self, kind: EntryKind, token: Token) -> io::Result<Vec<Place>> {
        self.0.running.store().lookup(kind, token)
    }

    /// The record at a place.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn read(&self, place: Place) -> Result<Record, ReadError> {
        self.0.running.store().read(place)
    }

    /// Opens the sealed part of a record.
    ///
    /// # Errors
    /// When its key is gone or its bytes are not what was sealed.
    pub fn unseal(&self, record: &Record) -> Result<Sealed, SealedError> {
        self.0.sealer.open(&record.header, &record.payload)
    }

    /// Where keys are found again.
    pub fn keys(&self) -> &KeyPool {
        &self.0.pool
    }

    /// Exchanges whose end is not known, oldest first.
    pub fn open_exchanges(&self) -> Vec<OpenExchange> {
        self.0.running.store().open_exchanges()
    }

    /// Follows the records from a number on, up to the durable position.
    pub fn records(&self, from: Seq) -> Reader {
        self.0.running.records(from)
    }

    /// Which journal it is: random, made at the first start.
    pub fn id(&self) -> [u8; 16] {
        self.0.running.store().journal_id()
    }

    /// The segments that stand here, ascending; the last one is written now.
    pub fn segments(&self) -> Vec<Extent> {
        self.0.running.store().extents()
    }

    /// Number of the first record that a trim left; none when there was no trim.
    pub fn trimmed_to(&self) -> Seq {
        self.0.running.store().trimmed_to()
    }

    /// The snapshot in force under a name.
    pub fn snapshot(&self, name: &str) -> Option<Seq> {
        self.0.running.store().snapshot(name)
    }

    /// Takes away what a durable record says was trimmed, as far as it still stands; gives the numbers of the segments.
    /// Blocks. Where it fails, or after a crash, the next call goes on.
    ///
    /// # Errors
    /// What the disk says.
    pub fn finish_trim(&self) -> io::Result<Vec<u32>> {
        self.0.running.store().finish_trim()
    }

    /// The segment that is written now.
    pub fn segment_no(&self) -> u32 {
        self.0.running.store().segment_no()
    }

    /// The tree over what is durable: as many leaves as records.
    pub fn tree(&self) -> Frontier {
        self.0.running.store().tree()
    }

    /// The highest durable record, as it moves.
    pub fn durable(&self) -> watch::Receiver<Seq> {
        self.0.running.store().durable()
    }

    /// Whether intents are taken.
    pub fn health(&self) -> Health {
        self.0.running.health()
    }

    /// What it counts.
    pub fn gauges(&self) -> &Gauges {
        self.0.running.gauges()
    }

    /// Bytes that may still be promised to intents and their outcomes.
    pub fn room_free(&self) -> u64 {
        self.0.running.room_free()
    }

    /// Names the blocks of keys that came into use: a `KeySlots` record each.
    fn announce_slots(&self) {
        for (first, last) in self.0.pool.unannounced() {
            let mut draft = Draft::new(Kind::KeySlots);
            draft.facts.bytes(Fact::Slots, [first.to_le_bytes(), last.to_le_bytes()].concat());
            self.append_unawaited(draft);
        }
    }

    /// Seals the last segment, ends the threads and unlocks.
    ///
    /// # Errors
    /// When something that was handed over is not durable.
    pub async fn close(&self) -> Result<(), CloseError> {
        self.0.running.close().await
    }
}

/// The keys folder opened, and what is made with its secrets.
struct Unlocked {
    sealer: Sealer,
    tokens: Arc<Tokens>,
    pool: Arc<KeyPool>,
    bodies: Bodies,
}

impl Unlocked {
    fn open(
        data: &Path,
        master: &Master,
        first_start: bool,
        settings: &Settings,
        open_salt: u32,
        clock: &Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Unlocked, OpenError> {
        let keys = data.join(KEYS);
        private_file::private_dir(&keys).map_err(OpenError::Keys)?;
        let wrapped = secret_file::is_wrapped(&keys, tokens::FILE)?;
        if wrapped.is_none() && !first_start {
            return Err(SecretError::Missing { name: tokens::FILE }.into());
        }
        let pool_key = Arc::new(PoolKey::open(&keys, master, wrapped == Some(true), &*entropy)?);
        let tokens = Arc::new(Tokens::open(&keys, first_start, &pool_key, &*entropy)?);
        let pool = KeyPool::open(&keys, BLOCK_SLOTS, pool_key, entropy.clone()).map_err(OpenError::Keys)?;
        let pool = Arc::new(pool);
        let (cipher, level) = (settings.cipher, settings.compression_level);
        let bodies = Bodies::open(&data.join(BODIES), cipher, Arc::clone(&pool), entropy).map_err(OpenError::Folder)?;
        let sealer = Sealer::new(open_salt, cipher, level, Arc::clone(&pool), Arc::clone(&tokens), Arc::clone(clock));
        Ok(Unlocked { sealer, tokens, pool, bodies })
    }

    fn entries_of(&self) -> EntriesOf {
        let tokens = Arc::clone(&self.tokens);
        Arc::new(move |header, facts| index_entries(header, facts, &tokens))
    }

    fn over(self, running: Running, opening: &Opening) -> Journal {
        let Unlocked { sealer, tokens, pool, bodies } = self;
        let parts = Parts { running, sealer, tokens, pool, bodies, opened_after: opening.last_seq };
        let journal = Journal(Arc::new(parts));
        journal.announce_slots();
        journal
    }
}

/// Why a journal does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The master key and what it wraps.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The index secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The keys folder.
    #[error("the keys cannot be opened or made, so nothing could be sealed")]
    Keys(#[source] io::Error),
    /// A folder.
    #[error("a folder of the journal cannot be read or made")]
    Folder(#[source] io::Error),
    /// The segments.
    #[error(transparent)]
    Segments(#[from] open::OpenError),
}

/// Why an intent is not durable.
#[derive(Debug, thiserror::Error)]
pub enum IntendError {
    /// The record cannot be made.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The record is not written.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
}

/// Why a record is not durable.
pub type AppendError = IntendError;

/// Why an outcome is not durable.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The record cannot be made.
    #[error(transparent)]
    Frame(FrameError),
    /// The record is not written, or not yet.
    #[error(transparent)]
    NotWritten(NotWritten),
}
