//! The files as readers open them: read-only, beside the one who writes, one opening per question.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::domain::exchange::{ExchangeId, Seq};
use crate::journal::tokens::Tokens;

use super::columns::COLUMNS;
use super::file::{months_in, read_row};
use super::month::Month;
use super::row::Row;
use super::schema::{all_columns, version};

/// How long a reader waits for a lock; there is one only while a file is being made.
const LOCK_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// The views of a data folder.
#[derive(Clone)]
pub struct Views {
    dir: PathBuf,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadTrouble {
    /// The filter, its place and the cure.
    #[error("{what}")]
    Asked {
        /// Name of the filter.
        place: String,
        /// What is wrong.
        what: String,
        /// What to write instead.
        cure: String,
    },
    /// There are no files.
    #[error("there are no views yet; the gateway makes them, or `medgate views rebuild`")]
    None,
    /// Another version wrote them.
    #[error("the views were made by another version; the gateway rebuilds them, or `medgate views rebuild`")]
    Version,
    /// SQLite.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The folder.
    #[error("the folder of the views: {0}")]
    Io(#[from] std::io::Error),
}

/// One look at an exchange, as the views hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Number of its record.
    pub seq: u64,
    /// When.
    pub at_unix_ns: i64,
    /// Whose token.
    pub who: String,
    /// What was looked at, and how.
    pub reason: String,
}

/// Looks listed of one exchange, the last ones.
const LOOKS_MAX: i64 = 200;
/// Institutions whose persons are told apart; a hospital has a few codes at most.
const INSTITUTIONS_MAX: usize = 64;

impl Views {
    /// The views in a folder, which need not exist.
    pub fn at(dir: &Path) -> Views {
        Views { dir: dir.to_owned() }
    }

    /// Months that have a file, ascending.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn months(&self) -> Result<Vec<Month>, ReadTrouble> {
        Ok(months_in(&self.dir)?)
    }

    /// Opens a month's file for reading; `None` when it has just gone.
    ///
    /// # Errors
    /// When it is of another version or cannot be read.
    pub fn open(&self, month: Month) -> Result<Option<Connection>, ReadTrouble> {
        let path = self.dir.join(month.file_name());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if !path.exists() {
            return Ok(None);
        }
        let connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(LOCK_WAIT)?;
        let found: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match found {
            0 => Ok(None), // It is being made.
            found if found == version() => Ok(Some(connection)),
            _ => Err(ReadTrouble::Version),
        }
    }

    /// Everything up to this record is in the views; none when there are no files.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn position(&self) -> Result<Option<Seq>, ReadTrouble> {
        let Some(newest) = self.months()?.pop() else { return Ok(None) };
        let Some(file) = self.open(newest)? else { return Ok(None) };
        let cursor: Option<i64> = file.query_row("SELECT cursor FROM follower", [], |row| row.get(0)).optional()?;
        Ok(cursor.map(|cursor| Seq(cursor.cast_unsigned())))
    }

    /// The row of an exchange.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn row(&self, id: ExchangeId) -> Result<Option<Row>, ReadTrouble> {
        let Some(file) = self.open(Month::of(id))? else { return Ok(None) };
        let sql = format!("SELECT {} FROM exchange WHERE id = ?1", all_columns());
        Ok(file.query_row(&sql, params![id.0], read_row).optional()?)
    }

    /// Who looked at an exchange, oldest first.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn looks(&self, id: ExchangeId) -> Result<Vec<Look>, ReadTrouble> {
        let Some(file) = self.open(Month::of(id))? else { return Ok(Vec::new()) };
        let sql = "SELECT seq, at, who, reason FROM look WHERE id = ?1 ORDER BY seq DESC LIMIT ?2";
        let mut statement = file.prepare(sql)?;
        let looks = statement.query_map(params![id.0, LOOKS_MAX], |row| {
            let seq = row.get::<_, i64>(0)?.cast_unsigned();
            Ok(Look { seq, at_unix_ns: row.get(1)?, who: row.get(2)?, reason: row.get(3)? })
        })?;
        let mut looks = looks.collect::<Result<Vec<_>, _>>()?;
        looks.reverse();
        Ok(looks)
    }

    /// Tokens under which a person may stand: within each institution that called, and as a compared field.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn tokens_of_person(&self, number: &str, tokens: &Tokens) -> Result<Vec<Value>, ReadTrouble> {
        let mut institutions = vec![String::new()];
        for month in self.months()?.into_iter().rev() {
            let Some(file) = self.open(month)? else { continue };
            // One step in the index per institution, however many exchanges it has.
            let mut next = file.prepare("SELECT min(institution) FROM exchange WHERE institution > ?1")?;
            let mut last = String::new();
            while let Some(found) = next.query_row(params![last], |row| row.get::<_, Option<String>>(0))? {
                if INSTITUTIONS_MAX <= institutions.len() {
                    break;
                }
                if !institutions.contains(&found) {
                    institutions.push(found.clone());
                }
                last = found;
            }
        }
        let within = institutions.iter().map(|code| tokens.of(super::columns::PERSON, &format!("{code}\n{number}")));
        let compared = super::columns::PERSON_FIELDS.iter().map(|field| tokens.of(field, number));
        Ok(within.chain(compared).map(|token| Value::Blob(token.0.to_vec())).collect())
    }
}

/// A row as a JSON object: `seq`, `id`, then every column by its name.
pub fn json_of(row: &Row) -> serde_json::Map<String, serde_json::Value> {
    let mut object = serde_json::Map::new();
    object.insert("seq".to_owned(), row.seq.0.into());
    object.insert("id".to_owned(), row.id.to_string().into());
    for (column, cell) in COLUMNS.iter().zip(&row.cells) {
        object.insert(column.name.to_owned(), column.form.shown(cell));
    }
    object
}
