//! Records in, rows of the ledgers out.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::moment::days_ns;
use crate::domain::token::Token;
use crate::exchange::decision::Evidence;
use crate::exchange::stand::Platform;
use crate::journal::facts::Fact;
use crate::journal::reader::FollowError;
use crate::journal::record::Kind;
use crate::journal::{Journal, Record};
use crate::views::Trouble;
use crate::views::follower::{Derived, Taking};

use super::super::derived::{DerivedFile, Form};
use super::super::his::import::Files;
use super::amounts::Amounts;
use super::day::Day;
use super::imported::imported;
use super::own::{Ended, Own, Place};
use super::stated::stated;

/// An exchange whose outcome stays open is let go after this time: a settlement year and a month.
const KEPT_DAYS: u64 = 400;
/// Rows of one batch where nobody else writes.
const BATCH_ROWS: usize = 4_096;

/// The file of the ledgers.
pub(super) const FORM: Form = Form {
    name: "ledgers.sqlite",
    version: 2,
    cache_kib: 65_536,
    schema: "
CREATE TABLE own (intent INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, refund INTEGER NOT NULL, infno TEXT NOT NULL, msgid TEXT NOT NULL,
  institution TEXT NOT NULL, mdtrt_id TEXT NOT NULL, setl_id TEXT NOT NULL, original TEXT NOT NULL, undoes INTEGER NOT NULL,
  outcome INTEGER NOT NULL, undone INTEGER NOT NULL, day INTEGER NOT NULL, setl_time TEXT NOT NULL, clr_optins TEXT NOT NULL,
  insutype TEXT NOT NULL, clr_type TEXT NOT NULL, clr_way TEXT NOT NULL, place INTEGER NOT NULL,
  medfee INTEGER, fund INTEGER, acct INTEGER, cash INTEGER) STRICT;
CREATE INDEX own_by_day ON own (day) WHERE outcome <> 0;
CREATE INDEX own_by_setl_id ON own (setl_id) WHERE setl_id <> '';
CREATE INDEX own_by_original ON own (original) WHERE original <> '';
CREATE INDEX own_by_msgid ON own (msgid);
CREATE INDEX own_open ON own (intent) WHERE outcome = 0;
CREATE TABLE alias (msgid TEXT PRIMARY KEY, intent INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE import (record INTEGER PRIMARY KEY, day INTEGER NOT NULL, institution TEXT NOT NULL, name TEXT NOT NULL, rows INTEGER NOT NULL,
  at INTEGER NOT NULL, who TEXT NOT NULL, in_force INTEGER NOT NULL, unread TEXT NOT NULL) STRICT;
CREATE INDEX import_by_day ON import (day);
CREATE TABLE his (setl_id TEXT NOT NULL, record INTEGER NOT NULL, line INTEGER NOT NULL, day INTEGER NOT NULL, refund INTEGER NOT NULL,
  msgid TEXT NOT NULL, mdtrt_id TEXT NOT NULL, bill_no TEXT NOT NULL, medfee INTEGER, fund INTEGER, acct INTEGER, cash INTEGER,
  PRIMARY KEY (day, setl_id, record, line)) STRICT, WITHOUT ROWID;
CREATE INDEX his_by_setl_id ON his (setl_id);
CREATE INDEX his_by_msgid ON his (msgid) WHERE msgid <> '';
CREATE TABLE statement (record INTEGER PRIMARY KEY, day INTEGER NOT NULL, day_before INTEGER NOT NULL, institution TEXT NOT NULL,
  clr_optins TEXT NOT NULL, clr_type TEXT NOT NULL, by_rows INTEGER NOT NULL) STRICT;
CREATE INDEX statement_by_day ON statement (day);
CREATE TABLE listed (record INTEGER NOT NULL, line INTEGER NOT NULL, day INTEGER NOT NULL, word TEXT NOT NULL, setl_id TEXT NOT NULL,
  msgid TEXT NOT NULL, is_ours INTEGER NOT NULL, refund INTEGER NOT NULL, medfee INTEGER, fund INTEGER, acct INTEGER,
  PRIMARY KEY (record, line)) STRICT, WITHOUT ROWID;
CREATE INDEX listed_by_day ON listed (day);
CREATE INDEX listed_by_msgid ON listed (msgid) WHERE is_ours;
",
};

/// All columns of an own row, in the order in which they are read and written.
pub(super) const COLUMNS: &str = "intent, id, refund, infno, msgid, institution, mdtrt_id, setl_id, original, undoes, outcome, undone, \
    day, setl_time, clr_optins, insutype, clr_type, clr_way, place, medfee, fund, acct, cash";

/// Where the ledgers stand, and what of the profile they need.
pub struct Folder {
    /// The folder.
    pub dir: PathBuf,
    /// Where the files of imported ledgers are read again.
    pub files: Arc<dyn Files>,
    /// Leading digits by which two areas name one pooling area (`cross_region_digits` of the profile).
    pub local_digits: usize,
}

impl Derived for Folder {
    type Store = Store;
    const NAME: &'static str = "ledgers";

    fn open(&self, identity: Token, durable: Seq) -> Result<Store, Trouble> {
        let identity = format!("{identity} {}", self.local_digits);
        let file = DerivedFile::open(&self.dir, FORM, &identity, durable)?;
        Ok(Store { file, files: Arc::clone(&self.files), local_digits: self.local_digits, touched: 0 })
    }

    fn wipe(&self) -> io::Result<()> {
        DerivedFile::wipe(&self.dir, FORM)
    }
}

/// The ledgers, open for the one who writes them.
pub struct Store {
    file: DerivedFile,
    files: Arc<dyn Files>,
    local_digits: usize,
    touched: usize,
}

impl Store {
    fn ended(&mut self, record: &Record) -> Result<(), Trouble> {
        let batch = self.file.batch()?;
        if let Some(mut own) = by_intent(batch, record.header.ref_seq)? {
            let undone = undone_by(batch, &own)?;
            match own.end(record, undone.as_ref()) {
                Ended::Row => save(batch, &own)?,
                Ended::NoRow => {
                    batch.prepare_cached("DELETE FROM own WHERE intent = ?1")?.execute([stored(own.intent)])?;
                }
                Ended::Open => {}
            }
        }
        if let Some(undone) = record.facts.number_of(Fact::FreesSeq) {
            let mut mark = batch.prepare_cached("UPDATE own SET undone = ?2 WHERE intent = ?1 AND undone = 0")?;
            mark.execute([undone.cast_signed(), stored(record.header.seq)])?;
        }
        Ok(())
    }

    /// Proof from outside the line says that a call was not done, or that what it did was taken back. The row stays: a later list that
    /// names it all the same must find it.
    fn freed(&mut self, intent: u64, by: Seq) -> Result<(), Trouble> {
        let mut mark =
            self.file.batch()?.prepare_cached("UPDATE own SET undone = ?2 WHERE intent = ?1 AND undone = 0")?;
        mark.execute([intent.cast_signed(), stored(by)])?;
        Ok(())
    }

    /// Proof from outside the line: what was not done stands no longer, and what was done is a row where the proof names its settlement.
    fn decided(&mut self, record: &Record) -> Result<(), Trouble> {
        if let Some(intent) = record.facts.number_of(Fact::FreesSeq) {
            self.touched += 1;
            return self.freed(intent, record.header.seq);
        }
        let was_done = Evidence::of(record).is_some_and(|evidence| evidence.platform == Some(Platform::Did));
        if let Some(setl_id) = record.facts.text_of(Fact::SetlId).filter(|setl_id| was_done && !setl_id.is_empty()) {
            self.touched += 1;
            let mut name = self.file.batch()?.prepare_cached(
                "UPDATE own SET setl_id = ?2, outcome = ?3 WHERE intent = ?1 AND outcome = 0 AND undone = 0 AND refund = 0",
            )?;
            name.execute(params![stored(record.header.ref_seq), setl_id, stored(record.header.seq)])?;
        }
        Ok(())
    }

    /// A repeat was answered from the record: its msgid stands for the first one's.
    fn repeated(&mut self, alias: &str, first: ExchangeId) -> Result<(), Trouble> {
        let add = "INSERT OR IGNORE INTO alias SELECT ?1, intent FROM own WHERE id = ?2";
        self.file.batch()?.prepare_cached(add)?.execute(params![alias, first.0])?;
        Ok(())
    }

    /// What never ended is not waited for for ever.
    fn let_go(&mut self, now_unix_ns: i64) -> Result<(), Trouble> {
        let before = Day::at(now_unix_ns - days_ns(KEPT_DAYS)).number();
        self.file.batch()?.execute("DELETE FROM own WHERE outcome = 0 AND day < ?1", [before])?;
        Ok(())
    }
}

impl Taking for Store {
    fn position(&self) -> Seq {
        self.file.position()
    }

    fn touched(&self) -> usize {
        self.touched
    }

    fn still_stands(&self) -> bool {
        self.file.still_stands()
    }

    fn take(&mut self, record: &Record) -> Result<(), Trouble> {
        let books = [Class::Money as u8, Class::Reversal as u8].contains(&record.header.class);
        match record.header.known_kind() {
            Some(Kind::Intent) if books => {
                if let Some(own) = Own::begin(record, self.local_digits) {
                    self.touched += 1;
                    save(self.file.batch()?, &own)?;
                }
                Ok(())
            }
            Some(Kind::Outcome) if books => {
                self.touched += 1;
                self.ended(record)
            }
            Some(Kind::Note) => match record.facts.text_of(Fact::Alias) {
                Some(alias) => {
                    self.touched += 1;
                    self.repeated(alias, record.header.parent_id)
                }
                None => Ok(()),
            },
            Some(Kind::Decision) => self.decided(record),
            Some(Kind::Ledger) => {
                self.touched += 1;
                imported(self.file.batch()?, record, &*self.files)
            }
            Some(Kind::Statement) => {
                self.touched += 1;
                stated(self.file.batch()?, record, &*self.files)
            }
            Some(Kind::SegmentOpen) => self.let_go(record.header.at_unix_ns),
            _ => Ok(()),
        }
    }

    fn commit(&mut self, position: Seq) -> Result<(), Trouble> {
        self.touched = 0;
        self.file.commit(position)
    }
}

pub(super) fn stored(seq: Seq) -> i64 {
    seq.0.cast_signed()
}

fn by_intent(batch: &Connection, intent: Seq) -> Result<Option<Own>, Trouble> {
    let mut found = batch.prepare_cached(&format!("SELECT {COLUMNS} FROM own WHERE intent = ?1"))?;
    Ok(found.query_row([stored(intent)], read_own).optional()?)
}

/// The row that a refund takes back: by its INTENT where the line knew it, else by the settlement that it names.
fn undone_by(batch: &Connection, own: &Own) -> Result<Option<Own>, Trouble> {
    if own.undoes != Seq::NONE {
        return by_intent(batch, own.undoes);
    }
    if !own.refund || own.original.is_empty() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM own WHERE setl_id = ?1 AND setl_id <> '' AND institution = ?2 AND refund = 0 ORDER BY intent LIMIT 1"
    );
    Ok(batch.prepare_cached(&sql)?.query_row(params![own.original, own.institution], read_own).optional()?)
}

fn save(batch: &Connection, own: &Own) -> Result<(), Trouble> {
    let [clr_optins, insutype, clr_type, clr_way] = &own.dimensions;
    let [medfee, fund, acct, cash] = own.amounts.0;
    let holes = vec!["?"; COLUMNS.split(',').count()].join(", ");
    batch.prepare_cached(&format!("INSERT OR REPLACE INTO own ({COLUMNS}) VALUES ({holes})"))?.execute(params![
        stored(own.intent),
        own.id.0,
        own.refund,
        own.infno,
        own.msgid,
        own.institution,
        own.mdtrt_id,
        own.setl_id,
        own.original,
        stored(own.undoes),
        stored(own.outcome),
        stored(own.undone),
        own.day.number(),
        own.setl_time,
        clr_optins,
        insutype,
        clr_type,
        clr_way,
        own.place as u8,
        medfee,
        fund,
        acct,
        cash,
    ])?;
    Ok(())
}

/// A day as it is stored.
pub(in crate::reconcile) fn day_of(row: &Row<'_>, place: usize) -> rusqlite::Result<Day> {
    let number = row.get(place)?;
    Day::of_number(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(place, number))
}

/// Reads a row of `SELECT COLUMNS`.
pub(super) fn read_own(row: &Row<'_>) -> rusqlite::Result<Own> {
    let seq = |place| row.get::<_, i64>(place).map(|seq| Seq(seq.cast_unsigned()));
    Ok(Own {
        intent: seq(0)?,
        id: ExchangeId(row.get(1)?),
        refund: row.get(2)?,
        infno: row.get(3)?,
        msgid: row.get(4)?,
        institution: row.get(5)?,
        mdtrt_id: row.get(6)?,
        setl_id: row.get(7)?,
        original: row.get(8)?,
        undoes: seq(9)?,
        outcome: seq(10)?,
        undone: seq(11)?,
        day: day_of(row, 12)?,
        setl_time: row.get(13)?,
        dimensions: [row.get(14)?, row.get(15)?, row.get(16)?, row.get(17)?],
        place: Place::from_code(row.get(18)?),
        amounts: Amounts([row.get(19)?, row.get(20)?, row.get(21)?, row.get(22)?]),
    })
}

/// Brings the ledgers up to the last durable record, where no follower runs. Blocks.
///
/// # Errors
/// When the journal or the file cannot be read or written.
pub fn catch_up(folder: &Folder, journal: &Journal) -> Result<(), CatchUp> {
    let (identity, durable) = (journal.tokens().identity(), *journal.durable().borrow());
    let mut store = match folder.open(identity, durable) {
        Err(trouble) if trouble.asks_for_rebuild() => {
            folder.wipe().map_err(Trouble::Io)?;
            folder.open(identity, durable)?
        }
        opened => opened?,
    };
    let mut reader = journal.records(Seq(store.position().0 + 1).max(journal.trimmed_to()));
    while let Some(record) = reader.next_record()? {
        store.take(&record)?;
        if BATCH_ROWS <= store.touched() {
            store.commit(record.header.seq)?;
        }
    }
    Ok(store.commit(durable)?)
}

/// Why the ledgers are not up to date.
#[derive(Debug, thiserror::Error)]
pub enum CatchUp {
    /// The file.
    #[error(transparent)]
    Derived(#[from] Trouble),
    /// The journal.
    #[error("the journal cannot be followed: {0}")]
    Journal(#[from] FollowError),
}
