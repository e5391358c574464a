//! One SQLite file that is derived from the journal: its version, whose journal it was made from, and how far it has come.
//!
//! A batch is one transaction with the cursor in it, so that a record counts once or, after a crash, is taken again.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::domain::exchange::Seq;
use crate::views::Trouble;

/// How long a reader, or the one who writes, waits for a lock.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const FOLLOWER: &str = "CREATE TABLE follower (one INTEGER PRIMARY KEY CHECK (one = 1), cursor INTEGER NOT NULL, \
                        identity TEXT NOT NULL) STRICT;";

/// The form of a file.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Its name in the folder.
    pub name: &'static str,
    /// Moves when tables or folding change.
    pub version: i32,
    /// Its tables and indexes, without the cursor's.
    pub schema: &'static str,
    /// Pages that the one who writes it keeps in memory, KiB.
    pub cache_kib: u32,
}

/// What SQLite keeps where nobody says otherwise.
pub const PLAIN_CACHE_KIB: u32 = 2_000;

/// The file, open for the one who writes it.
pub struct DerivedFile {
    path: PathBuf,
    inode: u64,
    connection: Connection,
    position: Seq,
    writing: bool,
}

impl DerivedFile {
    /// Opens it, or makes it. `identity` says from what it is made: under another one it is another file.
    ///
    /// # Errors
    /// `Stale` when it must be wiped first; others when the disk says no.
    pub fn open(dir: &Path, form: Form, identity: &str, durable: Seq) -> Result<DerivedFile, Trouble> {
        fs::create_dir_all(dir)?;
        let path = dir.join(form.name);
        let connection = Connection::open(&path)?;
        connection.busy_timeout(LOCK_WAIT)?;
        let cache_kib = form.cache_kib;
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -{cache_kib};"
        ))?;
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            let Form { schema, version, .. } = form;
            connection.execute_batch(&format!("BEGIN; {FOLLOWER} {schema} PRAGMA user_version = {version};"))?;
            connection.execute("INSERT INTO follower VALUES (1, 0, ?1)", params![identity])?;
            connection.execute_batch("COMMIT")?;
        }
        let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version != form.version {
            return Err(Trouble::Stale("made by another version"));
        }
        let (cursor, of): (i64, String) = connection
            .query_row("SELECT cursor, identity FROM follower", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?
            .ok_or(Trouble::Stale("never begun"))?;
        let position = Seq(cursor.cast_unsigned());
        if of != identity {
            return Err(Trouble::Stale("made from another journal, or under another profile"));
        }
        if durable < position {
            return Err(Trouble::Stale("ahead of the journal"));
        }
        connection.set_prepared_statement_cache_capacity(32);
        let inode = fs::metadata(&path)?.ino();
        Ok(DerivedFile { path, inode, connection, position, writing: false })
    }

    /// Removes it.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn wipe(dir: &Path, form: Form) -> io::Result<()> {
        for ending in ["", "-wal", "-shm"] {
            match fs::remove_file(dir.join(format!("{}{ending}", form.name))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The batch that is being written; one is begun where there is none.
    ///
    /// # Errors
    /// When the file is locked or fails.
    pub fn batch(&mut self) -> Result<&Connection, Trouble> {
        if !self.writing {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.writing = true;
        }
        Ok(&self.connection)
    }

    /// The file as the batch that is being written has it.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Writes the batch, and that everything up to `position` was taken up.
    ///
    /// # Errors
    /// When the file fails; it must be opened again.
    pub fn commit(&mut self, position: Seq) -> Result<(), Trouble> {
        if self.writing || self.position < position {
            let cursor = position.0.cast_signed();
            self.batch()?.prepare_cached("UPDATE follower SET cursor = ?1")?.execute([cursor])?;
            self.connection.execute_batch("COMMIT")?;
        }
        (self.position, self.writing) = (position, false);
        Ok(())
    }

    /// Everything up to this record is committed.
    pub fn position(&self) -> Seq {
        self.position
    }

    /// Whether the file still stands where it was.
    pub fn still_stands(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.ino() == self.inode)
    }
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadTrouble {
    /// There is no file.
    #[error("there are no ledgers yet; the gateway makes them. 尚无账目，网关运行后自动生成")]
    None,
    /// Another version wrote it.
    #[error("the ledgers were made by another version; the gateway makes them anew")]
    Version,
    /// SQLite.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Opens a file read-only, beside the one who writes it.
///
/// # Errors
/// When there is none, it is of another version, or it cannot be read.
pub fn open_to_read(dir: &Path, form: Form) -> Result<Connection, ReadTrouble> {
    let path = dir.join(form.name);
    if !path.exists() {
        return Err(ReadTrouble::None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(LOCK_WAIT)?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => Err(ReadTrouble::None), // It is being made.
        found if found == form.version => Ok(connection),
        _ => Err(ReadTrouble::Version),
    }
}
