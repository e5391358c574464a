//! Ledgers laid beside each other: `cargo bench --bench reconcile [-- ROWS]`.
//!
//! Three ledgers of a million settlements stand in one SQLite file, sorted by settlement. The merge reads them as the gateway does;
//! beside it SQLite joins the same tables in its own way. Both must find the same differences. Fails below 1.0 times SQLite.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures time and prints a table")]

use std::convert::Infallible;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use medgate::reconcile::ledger::amounts::Amounts;
use medgate::reconcile::matching::judge::Taking;
use medgate::reconcile::matching::merge::{At, Line, Lines, merge};
use rusqlite::{Connection, params};

const DAY: i64 = 20_261_121;
const RATIO_MIN: f64 = 1.0;

fn main() -> ExitCode {
    let rows = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(1_000_000u64);
    let folder = tempfile::tempdir().expect("a folder to write in");
    let path = folder.path().join("ledgers.sqlite");
    fill(&path, rows);
    // Each is run once unmeasured, so that both find the file in the memory of the machine.
    let (ours, found) = best(|| streamed(&path));
    let (theirs, expected) = best(|| joined(&path));
    assert_eq!(found, expected, "both find the same");
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    println!("{rows} x {rows} x {rows} rows, {found} differences");
    println!("| way | time | rows per second |\n|---|--:|--:|");
    for (name, time) in [("merge of sorted rows", ours), ("the same join in SQLite", theirs)] {
        println!("| {name} | {time:.2?} | {:.0} |", 3.0 * rows as f64 / time.as_secs_f64());
    }
    println!("\nratio {ratio:.2} (at least {RATIO_MIN})");
    if RATIO_MIN <= ratio { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn best(mut work: impl FnMut() -> u64) -> (Duration, u64) {
    let found = work();
    let times = (0..3).map(|_| {
        let began = Instant::now();
        assert_eq!(work(), found);
        began.elapsed()
    });
    (times.min().expect("three of them"), found)
}

/// Three tables in the order of settlements; one row in a thousand differs, one in two thousand is missing on a side.
fn fill(path: &std::path::Path, rows: u64) {
    let mut file = Connection::open(path).expect("a file");
    file.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;")
        .expect("pragmas");
    let batch = file.transaction().expect("a transaction");
    for (side, table) in ["own", "platform", "his"].into_iter().enumerate() {
        let columns =
            "setl_id TEXT PRIMARY KEY, day INTEGER NOT NULL, medfee INTEGER, fund INTEGER, acct INTEGER, cash INTEGER";
        batch.execute_batch(&format!("CREATE TABLE {table} ({columns}) STRICT, WITHOUT ROWID;")).expect("a table");
        let mut add =
            batch.prepare(&format!("INSERT INTO {table} VALUES (?1, ?2, ?3, ?4, ?5, ?6)")).expect("a statement");
        for row in 0..rows {
            if row % 2_000 == 7 * side as u64 {
                continue;
            }
            let total = (300 + row % 900) as i64 * 10_000 + i64::from(row % 1_000 == 500 && side == 2) * 100;
            let id = format!("36010020261121{row:012}");
            add.execute(params![id, DAY, total, total / 2, total / 4, total / 4]).expect("a row");
        }
    }
    batch.commit().expect("a commit");
}

/// Rows of a table as they are read.
struct Read<'s>(rusqlite::Rows<'s>);

impl Lines for Read<'_> {
    type Trouble = Infallible;

    fn next(&mut self, line: &mut Line) -> Result<bool, Infallible> {
        let Some(row) = self.0.next().expect("the next row") else { return Ok(false) };
        line.key.clear();
        line.key.push_str(row.get_ref(0).expect("a value").as_str().expect("a text"));
        line.day = row.get(1).expect("a day");
        let amount = |place| row.get(place).expect("an amount");
        line.amounts = Amounts([amount(2), amount(3), amount(4), amount(5)]);
        line.at = At { record: 1, line: 1 };
        Ok(true)
    }
}

fn open(path: &std::path::Path) -> Connection {
    let file = Connection::open(path).expect("the file");
    file.execute_batch("PRAGMA cache_size = -65536;").expect("a pragma");
    file
}

/// The way of the gateway: three sorted streams, one settlement in memory.
fn streamed(path: &std::path::Path) -> u64 {
    let file = open(path);
    let ask = |table| {
        file.prepare(&format!("SELECT setl_id, day, medfee, fund, acct, cash FROM {table} ORDER BY setl_id"))
            .expect("a question")
    };
    let (mut own, mut platform, mut his) = (ask("own"), ask("platform"), ask("his"));
    let rows = |statement| Read(rusqlite::Statement::query(statement, []).expect("rows"));
    let (mut own, mut platform, mut his) = (rows(&mut own), rows(&mut platform), rows(&mut his));
    let streams: [&mut dyn Lines<Trouble = Infallible>; 3] = [&mut own, &mut platform, &mut his];
    let mut found = 0;
    let taking = Taking { platform: true, his: true };
    let Ok(()) = merge(streams, (DAY, taking), &mut |settlement| {
        found += u64::from(settlement.difference.is_some());
        Ok(())
    });
    found
}

/// SQLite's own way: a full outer join of the three tables by their keys, and the amounts compared.
fn joined(path: &std::path::Path) -> u64 {
    let file = open(path);
    let differs = |one: &str, two: &str| {
        ["medfee", "fund", "acct", "cash"].map(|name| format!("{one}.{name} <> {two}.{name}")).join(" OR ")
    };
    let sql = format!(
        "SELECT own.setl_id, platform.setl_id, his.setl_id, own.medfee, platform.medfee, his.medfee FROM own \
         FULL OUTER JOIN platform ON platform.setl_id = own.setl_id \
         FULL OUTER JOIN his ON his.setl_id = coalesce(own.setl_id, platform.setl_id) \
         WHERE own.setl_id IS NULL OR platform.setl_id IS NULL OR his.setl_id IS NULL OR {} OR {}",
        differs("own", "platform"),
        differs("own", "his")
    );
    let mut join = file.prepare(&sql).expect("a join");
    let mut rows = join.query([]).expect("rows");
    let mut found = 0;
    while rows.next().expect("the next row").is_some() {
        found += 1;
    }
    found
}
