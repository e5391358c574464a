//! Records in, committed batches out: which file a record belongs to, what it changes, and in what order files are written.
//!
//! Every file has its own cursor, in the transaction that holds its rows. In each batch the newest month is written last and
//! always, so its cursor is the position of the whole: after a crash records are read again from there, and a file that
//! had already taken one skips it. A file that is missing, of another version or of another journal means: all anew.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, Transaction, params};

use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::token::Token;
use crate::journal::Record;
use crate::journal::composite::{Delivery, RefusedCall, erased};
use crate::journal::facts::Fact;
use crate::journal::record::Kind;

use super::file::{File, months_in, write_row};
use super::follower::{Derived, Taking};
use super::month::{Month, day_at};
use super::row::Row;
use super::tally::Tally;

/// Months that stay open at a time; a late outcome may belong to last month's file.
const OPEN_MAX: usize = 3;

/// What keeps the views from going on.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// They must be built anew.
    #[error("the views are {0}")]
    Stale(&'static str),
    /// SQLite.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The folder.
    #[error("the folder of the views: {0}")]
    Io(#[from] io::Error),
}

impl Trouble {
    /// True when trying again cannot help, but building anew does.
    pub fn asks_for_rebuild(&self) -> bool {
        match self {
            Trouble::Stale(_) => true,
            Trouble::Sqlite(error) => {
                matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
            }
            Trouble::Io(_) => false,
        }
    }
}

/// The files, open for the one who writes them.
pub struct Store {
    dir: PathBuf,
    identity: String,
    months: Vec<Month>,
    open: BTreeMap<Month, File>,
    position: Seq,
    pending: BTreeMap<Month, Change>,
    touched: usize,
}

/// What a batch changes in one file.
#[derive(Default)]
struct Change {
    rows: HashMap<ExchangeId, Changed>,
    looks: Vec<Look>,
    refusals: BTreeMap<(i64, String, u8, String), u64>,
}

struct Changed {
    before: Option<Row>,
    row: Row,
}

struct Look {
    seq: Seq,
    id: ExchangeId,
    at_unix_ns: i64,
    who: String,
    reason: String,
}

/// The views of a folder, for the follower.
pub struct Folder(pub PathBuf);

impl Derived for Folder {
    type Store = Store;
    const NAME: &'static str = "views";

    fn open(&self, identity: Token, durable: Seq) -> Result<Store, Trouble> {
        Store::open(&self.0, identity, durable)
    }

    fn wipe(&self) -> io::Result<()> {
        Store::wipe(&self.0)
    }
}

impl Store {
    /// Opens the views of the journal that `identity` names and whose last durable record is `durable`; an empty folder
    /// begins at the first record.
    ///
    /// # Errors
    /// `Stale` when they must be wiped first; others when the disk says no.
    pub fn open(dir: &Path, identity: Token, durable: Seq) -> Result<Store, Trouble> {
        fs::create_dir_all(dir)?;
        let (months, identity) = (months_in(dir)?, identity.to_string());
        let mut store = Store {
            dir: dir.to_owned(),
            identity,
            months: months.clone(),
            open: BTreeMap::new(),
            position: Seq::NONE,
            pending: BTreeMap::new(),
            touched: 0,
        };
        for month in &months {
            let file = File::open(dir, *month, &store.identity)?;
            if file.months != months {
                return Err(Trouble::Stale("not complete: a month's file is missing"));
            }
            store.position = file.cursor;
            store.keep_open(*month, file);
        }
        if durable < store.position {
            return Err(Trouble::Stale("ahead of the journal"));
        }
        Ok(store)
    }

    /// Removes every file of the views; the journal stays.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn wipe(dir: &Path) -> io::Result<()> {
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if let Some((stem, _)) = name.split_once(".sqlite")
                && Month::parse(stem).is_some()
            {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn fold(&mut self, record: &Record, id: ExchangeId, fold: impl FnOnce(&mut Row)) -> Result<(), Trouble> {
        let month = Month::of(id);
        // An exchange whose INTENT is not in the journal any more has no row.
        if !self.months.contains(&month) || record.header.seq <= self.file(month)?.cursor {
            return Ok(());
        }
        let known = self.pending.get_mut(&month).and_then(|change| change.rows.get_mut(&id));
        if let Some(changed) = known {
            fold(&mut changed.row);
        } else if let Some(before) = self.file(month)?.row(id)? {
            let mut row = before.clone();
            fold(&mut row);
            self.touched += 1;
            let changed = Changed { before: Some(before), row };
            self.pending.entry(month).or_default().rows.insert(id, changed);
        }
        Ok(())
    }

    fn change(&mut self, record: &Record, month: Month, make: impl FnOnce(&mut Change)) -> Result<(), Trouble> {
        if self.file(month)?.cursor < record.header.seq {
            self.touched += 1;
            make(self.pending.entry(month).or_default());
        }
        Ok(())
    }

    /// The file of a month, made when there is none.
    fn file(&mut self, month: Month) -> Result<&mut File, Trouble> {
        if !self.open.contains_key(&month) {
            let file = match self.months.contains(&month) {
                true => File::open(&self.dir, month, &self.identity)?,
                false => self.create(month)?,
            };
            self.keep_open(month, file);
        }
        Ok(self.open.get_mut(&month).expect("it was just put there"))
    }

    /// All other files hear of the new month first: a crash between leaves one that is missing, and so is noticed.
    fn create(&mut self, month: Month) -> Result<File, Trouble> {
        let mut months = self.months.clone();
        months.push(month);
        months.sort_unstable();
        for other in self.months.clone() {
            self.file(other)?.name_months(&months)?;
        }
        self.months = months;
        File::create(&self.dir, month, self.position, &self.identity, &self.months)
    }

    fn keep_open(&mut self, month: Month, file: File) {
        self.open.insert(month, file);
        while self.open.len() > OPEN_MAX {
            let oldest = self.open.keys().copied().find(|other| *other != month);
            oldest.and_then(|oldest| self.open.remove(&oldest));
        }
    }
}

impl Taking for Store {
    fn position(&self) -> Seq {
        self.position
    }

    fn touched(&self) -> usize {
        self.touched
    }

    fn still_stands(&self) -> bool {
        self.open.values().all(File::still_stands)
    }

    fn take(&mut self, record: &Record) -> Result<(), Trouble> {
        let id = record.header.exchange_id;
        match record.header.known_kind() {
            Some(Kind::Intent) => {
                self.change(record, Month::of(id), |change| {
                    let row = Row::of_intent(record);
                    change.rows.insert(id, Changed { before: None, row });
                })?;
            }
            Some(Kind::Outcome) => self.fold(record, id, |row| row.end(record))?,
            // A repeat has an id of its own, and belongs to the first one.
            Some(Kind::Note) if record.facts.text_of(Fact::Alias).is_some() => {
                self.fold(record, record.header.parent_id, |row| row.repeat(record))?;
            }
            Some(Kind::Note) => self.fold(record, id, |row| row.touched(record))?,
            Some(Kind::Deliveries) => {
                for delivery in Delivery::all(&record.facts) {
                    self.fold(record, delivery.exchange_id, |row| row.hand_over(&delivery, record))?;
                }
            }
            Some(Kind::Refusals) => {
                for call in RefusedCall::all(&record.facts) {
                    let key = (day_at(call.at_unix_ns), call.infno, call.class as u8, call.rule);
                    let count = |change: &mut Change| *change.refusals.entry(key).or_default() += call.count;
                    self.change(record, Month::at(call.at_unix_ns), count)?;
                }
            }
            Some(Kind::Erasure) => {
                for id in erased(&record.facts) {
                    self.fold(record, id, |row| row.erased(record))?;
                }
            }
            Some(Kind::OperatorAct) if id != ExchangeId::NONE => {
                let text = |fact| record.facts.text_of(fact).unwrap_or_default().to_owned();
                let (seq, at_unix_ns) = (record.header.seq, record.header.at_unix_ns);
                let look = Look { seq, id, at_unix_ns, who: text(Fact::Who), reason: text(Fact::Reason) };
                self.change(record, Month::of(id), |change| change.looks.push(look))?;
                self.fold(record, id, |row| row.touched(record))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn commit(&mut self, position: Seq) -> Result<(), Trouble> {
        let mut pending = std::mem::take(&mut self.pending);
        self.touched = 0;
        if pending.is_empty() {
            return Ok(());
        }
        let newest = *self.months.last().expect("a change made its month");
        pending.entry(newest).or_default();
        for (month, change) in pending {
            // What an older month holds must be on the disk before the position says so.
            self.file(month)?.commit(position, month != newest, |batch| write(batch, change))?;
        }
        self.position = position;
        Ok(())
    }
}

fn write(batch: &Transaction<'_>, change: Change) -> rusqlite::Result<()> {
    let mut tally = Tally::default();
    let mut rows: Vec<Changed> = change.rows.into_values().collect();
    rows.sort_unstable_by_key(|changed| changed.row.seq); // In the order of the primary key, which is the cheapest.
    for Changed { before, row } in rows {
        if let Some(before) = &before {
            tally.take_back(before);
        }
        tally.add(&row);
        write_row(batch, row)?;
    }
    tally.write(batch)?;
    let mut looked = batch.prepare_cached("INSERT OR REPLACE INTO look VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for look in change.looks {
        looked.execute(params![look.seq.0.cast_signed(), look.id.0, look.at_unix_ns, look.who, look.reason])?;
    }
    let mut refused = batch.prepare_cached(
        "INSERT INTO refusal VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET count = count + excluded.count",
    )?;
    for ((day, infno, class, rule), count) in change.refusals {
        refused.execute(params![day, infno, class, rule, count.cast_signed()])?;
    }
    Ok(())
}
