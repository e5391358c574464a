//! The file of the runs: a row per day, and a row per difference.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Transaction, params};

use super::super::derived::{Form, PLAIN_CACHE_KIB};
use super::super::matching::judge::{CHARGE, Leg, REFUND};
use super::super::matching::merge::{At, Settlement, Side};
use super::run::Ran;

const LOCK_WAIT: Duration = Duration::from_secs(10);

/// The form of the file.
pub(super) const FORM: Form = Form {
    name: "runs.sqlite",
    version: 1,
    cache_kib: PLAIN_CACHE_KIB,
    schema: "
CREATE TABLE run (day INTEGER PRIMARY KEY, at INTEGER NOT NULL, position INTEGER NOT NULL, imports INTEGER NOT NULL, settlements INTEGER NOT NULL,
  differences INTEGER NOT NULL, unexplained INTEGER NOT NULL, his INTEGER NOT NULL, platform INTEGER NOT NULL) STRICT;
CREATE TABLE difference (day INTEGER NOT NULL, setl_id TEXT NOT NULL, class TEXT NOT NULL, explained INTEGER NOT NULL,
  own INTEGER, own_total INTEGER, own_fund INTEGER, platform INTEGER, platform_total INTEGER, platform_fund INTEGER,
  his INTEGER, his_line INTEGER, his_total INTEGER, his_fund INTEGER, PRIMARY KEY (day, setl_id)) STRICT, WITHOUT ROWID;
",
};

/// Opens the file to write, or makes it; one of another version is made anew.
pub(super) fn open(dir: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(dir.join(FORM.name))?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version != FORM.version {
        let Form { schema, version, .. } = FORM;
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; DROP TABLE IF EXISTS run; DROP TABLE IF EXISTS difference; {schema} PRAGMA user_version = {version}; COMMIT"
        ))?;
    }
    Ok(connection)
}

/// Takes the differences of an earlier run of the day away.
pub(super) fn begin(batch: &Transaction<'_>, day: i64) -> rusqlite::Result<()> {
    batch.execute("DELETE FROM difference WHERE day = ?1", [day]).map(|_| ())
}

/// Keeps a difference.
pub(super) fn keep(batch: &Transaction<'_>, day: i64, settlement: &Settlement<'_>) -> rusqlite::Result<()> {
    let Some(difference) = settlement.difference else { return Ok(()) };
    let group = settlement.group;
    let first = |side: Side| -> Option<At> {
        let [charge, refund] = settlement.first[side as usize];
        charge.or(refund)
    };
    let record = |side| first(side).map(|at| at.record.cast_signed());
    let [own, platform, his] = [&group.own, &group.platform, &group.his].map(net);
    batch
        .prepare_cached("INSERT OR REPLACE INTO difference VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            day,
            settlement.key,
            difference.class.word(),
            difference.explained,
            record(Side::Own),
            own.0,
            own.1,
            record(Side::Platform),
            platform.0,
            platform.1,
            record(Side::His),
            first(Side::His).map(|at| at.line.cast_signed()),
            his.0,
            his.1,
        ])
        .map(|_| ())
}

/// 医疗费总额 and fund of charge and refund together; none where a side has nothing, or does not say it.
fn net(legs: &[Leg; 2]) -> (Option<i64>, Option<i64>) {
    let there: Vec<_> = [CHARGE, REFUND].into_iter().filter(|which| legs[*which].is_there()).collect();
    let sum = |place: usize| {
        let units = there.iter().map(|which| legs[*which].amounts.0[place]);
        units.collect::<Option<Vec<i64>>>().filter(|units| !units.is_empty()).map(|units| units.iter().sum())
    };
    (sum(0), sum(1))
}

/// Keeps what a run came to.
pub(super) fn end(batch: &Transaction<'_>, ran: &Ran) -> rusqlite::Result<()> {
    batch
        .execute(
            "INSERT OR REPLACE INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                ran.day.number(),
                ran.at_unix_ns,
                ran.position.cast_signed(),
                ran.imports.cast_signed(),
                ran.settlements.cast_signed(),
                ran.differences.cast_signed(),
                ran.unexplained.cast_signed(),
                ran.his,
                ran.platform
            ],
        )
        .map(|_| ())
}
