//! The platform's own lists of days, as `Kind::Statement` records hold them; a later one of the same scope and day replaces it.

use rusqlite::{Connection, params};

use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::views::Trouble;

use super::super::his::import::Files;
use super::super::statement::listed::{BY_ROWS, Listed, each};
use super::day::Day;
use super::own::said;
use super::store::stored;

/// What one list of a day is of: the platform is asked for each institution, 清算机构 and 清算类别 by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// 定点医药机构编号.
    pub institution: String,
    /// 清算机构.
    pub clr_optins: String,
    /// 清算类别.
    pub clr_type: String,
}

/// A list as the ledgers know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its record.
    pub record: u64,
    /// Its day.
    pub day: Day,
    /// Its scope.
    pub scope: Scope,
    /// Rows were compared and not only sums.
    pub by_rows: bool,
}

/// Takes up a `Kind::Statement` record.
pub(super) fn stated(batch: &Connection, record: &Record, files: &dyn Files) -> Result<(), Trouble> {
    let text = |fact| record.facts.text_of(fact).unwrap_or_default();
    let Some(day) = Day::read(text(Fact::LedgerDay)) else { return Ok(()) };
    let (institution, seq) = (text(Fact::FixmedinsCode), stored(record.header.seq));
    let [clr_optins, clr_type] = ["clr_optins", "clr_type"].map(|name| said(&record.facts, name));
    let same = "day = ?1 AND institution = ?2 AND clr_optins = ?3 AND clr_type = ?4";
    let of = params![day.number(), institution, clr_optins, clr_type];
    batch.execute(&format!("DELETE FROM listed WHERE record IN (SELECT record FROM statement WHERE {same})"), of)?;
    batch.execute(&format!("DELETE FROM statement WHERE {same}"), of)?;
    let mut trouble = None;
    let read = files.open(record).and_then(|list| {
        each(list, &mut |line, row| {
            if trouble.is_none() {
                trouble = save(batch, (seq, line, day), &row).err();
            }
        })
    });
    if let Some(trouble) = trouble {
        return Err(trouble.into());
    }
    if let Err(why) = read {
        // As if it had never been asked for: it can be asked for again.
        tracing::warn!(record = record.header.seq.0, why, "the rows of a list of the platform cannot be read");
        batch.execute("DELETE FROM listed WHERE record = ?1", [seq])?;
        return Ok(());
    }
    batch.execute(
        "INSERT INTO statement VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            seq,
            day.number(),
            day.later(-1).number(),
            institution,
            clr_optins,
            clr_type,
            text(Fact::Name) == BY_ROWS
        ],
    )?;
    Ok(())
}

fn save(batch: &Connection, (record, line, day): (i64, u64, Day), row: &Listed) -> rusqlite::Result<()> {
    let [medfee, fund, acct, _] = row.amounts.0;
    batch
        .prepare_cached("INSERT INTO listed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            record,
            line.cast_signed(),
            day.number(),
            row.word.word(),
            row.setl_id,
            row.msgid,
            row.is_ours,
            row.refund,
            medfee,
            fund,
            acct
        ])
        .map(|_| ())
}
