//! The rows of a file that was imported, as its record holds it; a corrected file of the same day and institution replaces it.

use rusqlite::{Connection, params};

use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::views::Trouble;

use super::super::his::check::each;
use super::super::his::import::Files;
use super::super::his::mapping::Mapping;
use super::super::his::row::HisRow;
use super::day::Day;
use super::store::stored;

/// A file as the ledgers list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its record.
    pub record: u64,
    /// The day that it is of.
    pub day: Day,
    /// 定点医药机构编号; empty where nobody says.
    pub institution: String,
    /// Its name.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// When it was imported, unix ns.
    pub at_unix_ns: i64,
    /// By whom.
    pub who: String,
    /// No later file replaces it.
    pub in_force: bool,
    /// Why its rows are not here: its key is gone, say. Empty when they are.
    pub unread: String,
}

/// Takes up a `Kind::Ledger` record.
pub(super) fn imported(batch: &Connection, record: &Record, files: &dyn Files) -> Result<(), Trouble> {
    let text = |fact| record.facts.text_of(fact).unwrap_or_default();
    let Some(day) = Day::read(text(Fact::LedgerDay)) else { return Ok(()) };
    let institution = text(Fact::FixmedinsCode);
    batch.execute(
        "DELETE FROM his WHERE day = ?1 AND record IN (SELECT record FROM import WHERE day = ?1 AND institution = ?2)",
        params![day.number(), institution],
    )?;
    batch.execute(
        "UPDATE import SET in_force = 0 WHERE day = ?1 AND institution = ?2",
        params![day.number(), institution],
    )?;
    let mut trouble = None;
    let read = rows(record, files, &mut |row| {
        if trouble.is_none() {
            trouble = save(batch, record, day, &row).err();
        }
    });
    if let Some(trouble) = trouble {
        return Err(trouble.into());
    }
    let (rows, unread) = match read {
        Ok(rows) => (rows, String::new()),
        Err(why) => {
            tracing::warn!(record = record.header.seq.0, why, "the rows of an imported ledger cannot be read");
            batch
                .execute("DELETE FROM his WHERE day = ?1 AND record = ?2", [day.number(), stored(record.header.seq)])?;
            (0, why)
        }
    };
    batch.execute(
        "INSERT OR REPLACE INTO import VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8)",
        params![
            stored(record.header.seq),
            day.number(),
            institution,
            text(Fact::Name),
            rows.cast_signed(),
            record.header.at_unix_ns,
            text(Fact::Who),
            unread
        ],
    )?;
    Ok(())
}

fn rows(record: &Record, files: &dyn Files, visit: &mut dyn FnMut(HisRow)) -> Result<u64, String> {
    let mapping = record.facts.text_of(Fact::Text).and_then(Mapping::parse);
    let mapping = mapping.ok_or("its mapping cannot be read")?;
    let checked = each(files.open(record)?, &mapping, visit).map_err(|error| error.to_string())?;
    Ok(checked.rows)
}

fn save(batch: &Connection, record: &Record, day: Day, row: &HisRow) -> rusqlite::Result<()> {
    let [medfee, fund, acct, cash] = row.amounts.0;
    let columns = "setl_id, record, line, day, refund, msgid, mdtrt_id, bill_no, medfee, fund, acct, cash";
    let sql = format!("INSERT OR REPLACE INTO his ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    batch.prepare_cached(&sql)?.execute(params![
        row.setl_id,
        stored(record.header.seq),
        row.line.cast_signed(),
        day.number(),
        row.refund,
        row.msgid,
        row.mdtrt_id,
        row.bill_no,
        medfee,
        fund,
        acct,
        cash
    ])?;
    Ok(())
}
