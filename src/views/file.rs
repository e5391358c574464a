//! One month's file: made, opened for the follower, checked for being still the one that stands on the disk.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params, params_from_iter};

use crate::domain::exchange::{ExchangeId, Seq};

use super::columns::COLUMNS;
use super::month::Month;
use super::row::Row;
use super::schema::{SCHEMA, all_columns, version};
use super::store::Trouble;

/// Kept by SQLite of one file, KiB.
const CACHE_KIB: i64 = 32 * 1024;
/// Pages of 8 KiB in the write-ahead log before they move into the file.
const CHECKPOINT_PAGES: u32 = 2_000;
const STATEMENTS_KEPT: usize = 32;

/// A month's file, open for writing.
pub(super) struct File {
    path: PathBuf,
    inode: u64,
    connection: Connection,
    /// Everything up to this record is in it.
    pub(super) cursor: Seq,
    /// All months that had a file when this one last heard of it.
    pub(super) months: Vec<Month>,
}

impl File {
    /// Makes the file of a month that has none.
    pub(super) fn create(
        dir: &Path,
        month: Month,
        cursor: Seq,
        identity: &str,
        months: &[Month],
    ) -> Result<File, Trouble> {
        let path = dir.join(month.file_name());
        let mut connection = Connection::open(&path)?;
        connection.execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        let making = connection.transaction()?;
        making.execute_batch(&SCHEMA)?;
        making.execute(
            "INSERT INTO follower VALUES (1, ?1, ?2, ?3)",
            params![cursor.0.cast_signed(), identity, written(months)],
        )?;
        making.pragma_update(None, "user_version", version())?;
        making.commit()?;
        File::over(path, connection, cursor, months.to_vec())
    }

    /// Opens the file of a month; `Stale` when it is of another schema or another journal.
    pub(super) fn open(dir: &Path, month: Month, identity: &str) -> Result<File, Trouble> {
        let path = dir.join(month.file_name());
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)?;
        let found: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found != version() {
            return Err(Trouble::Stale("made by another version"));
        }
        let state = connection.query_row("SELECT cursor, identity, months FROM follower", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        });
        let (cursor, of, months) = state.optional()?.ok_or(Trouble::Stale("never begun"))?;
        if of != identity {
            return Err(Trouble::Stale("made from another journal"));
        }
        File::over(path, connection, Seq(cursor.cast_unsigned()), months.split(' ').filter_map(Month::parse).collect())
    }

    fn over(path: PathBuf, connection: Connection, cursor: Seq, months: Vec<Month>) -> Result<File, Trouble> {
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        let inode = fs::metadata(&path)?.ino();
        Ok(File { path, inode, connection, cursor, months })
    }

    /// Whether the path still leads to this file.
    pub(super) fn still_stands(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.ino() == self.inode)
    }

    /// Tells the file which months there are.
    pub(super) fn name_months(&mut self, months: &[Month]) -> Result<(), Trouble> {
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.execute("UPDATE follower SET months = ?1", params![written(months)])?;
        self.months = months.to_vec();
        Ok(())
    }

    /// The row of an exchange.
    pub(super) fn row(&self, id: ExchangeId) -> Result<Option<Row>, Trouble> {
        let sql = format!("SELECT {} FROM exchange WHERE id = ?1", all_columns());
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row(params![id.0], read_row).optional()?)
    }

    /// Writes a batch and the cursor in one transaction. With `durable` it is on the disk when this returns.
    pub(super) fn commit(
        &mut self,
        cursor: Seq,
        durable: bool,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Trouble> {
        self.connection.pragma_update(None, "synchronous", if durable { "FULL" } else { "NORMAL" })?;
        let batch = self.connection.transaction()?;
        write(&batch)?;
        batch.prepare_cached("UPDATE follower SET cursor = ?1")?.execute(params![cursor.0.cast_signed()])?;
        batch.commit()?;
        self.cursor = cursor;
        Ok(())
    }
}

/// Reads a row of `SELECT all_columns()`.
pub(super) fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let cells: Result<Vec<Value>, _> = (0..COLUMNS.len()).map(|place| row.get(place + 2)).collect();
    Ok(Row::stored(Seq(row.get::<_, i64>(0)?.cast_unsigned()), ExchangeId(row.get(1)?), cells?))
}

/// Writes a row and the search lines that came with it.
pub(super) fn write_row(batch: &Transaction<'_>, row: Row) -> rusqlite::Result<()> {
    let holes = vec!["?"; COLUMNS.len() + 2].join(", ");
    let mut whole = batch.prepare_cached(&format!("INSERT OR REPLACE INTO exchange VALUES ({holes})"))?;
    let key = [Value::Integer(row.seq.0.cast_signed()), Value::Blob(row.id.0.to_vec())];
    whole.execute(params_from_iter(key.into_iter().chain(row.cells)))?;
    let mut line = batch.prepare_cached("INSERT OR IGNORE INTO mark VALUES (?1, ?2, ?3)")?;
    for (place, value) in row.marks {
        line.execute(params![place as i64, value, row.id.0])?;
    }
    Ok(())
}

/// Months that have a file in the folder, ascending; none when there is no folder.
pub(super) fn months_in(dir: &Path) -> io::Result<Vec<Month>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut months: Vec<Month> =
        entries.filter_map(|entry| Month::of_file(entry.ok()?.file_name().to_str()?)).collect();
    months.sort_unstable();
    Ok(months)
}

fn written(months: &[Month]) -> String {
    months.iter().map(Month::to_string).collect::<Vec<_>>().join(" ")
}
