//! The ledgers as readers open them: read-only, beside the one who writes, one opening per question.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::exchange::{ExchangeId, Seq};

use super::super::derived::{ReadTrouble, open_to_read};
use super::amounts::{Amounts, Shown};
use super::day::Day;
use super::imported::Import;
use super::own::{Own, Place};
use super::stated::{Scope, Statement};
use super::store::{COLUMNS, FORM, day_of, read_own};

/// Lines of one answer: more combinations of institution and dimensions than any hospital has.
const LINES_MAX: u32 = 10_000;

/// Own rows that the platform's lists of this place have.
pub(in crate::reconcile) const LISTED_HERE: &str =
    "outcome <> 0 AND place <> 3 AND clr_optins <> '' AND clr_type <> ''";
/// Days in which a scope counts as one of late: what is unknown may be in any of them.
pub(in crate::reconcile) const OF_LATE_DAYS: i64 = 31;
/// Scopes of the days ?1 to ?2: each 清算机构 with each 清算类别 that an institution has, whether or not they were seen together.
pub(in crate::reconcile) const SCOPES: &str = "SELECT institution, clr_optins, clr_type FROM \
    (SELECT DISTINCT institution, clr_optins FROM own WHERE outcome <> 0 AND place <> 3 AND clr_optins <> '' AND clr_type <> '' AND day BETWEEN ?1 AND ?2) \
    JOIN (SELECT DISTINCT institution, clr_type FROM own WHERE outcome <> 0 AND place <> 3 AND clr_optins <> '' AND clr_type <> '' AND day BETWEEN ?1 AND ?2) \
    USING (institution)";
/// True of a settlement that was taken back by a call which leaves no row (2601).
pub(in crate::reconcile) const TAKEN_BACK: &str = "(own.undone <> 0 AND NOT EXISTS (SELECT 1 FROM own AS back \
    WHERE back.original = own.setl_id AND back.original <> '' AND back.outcome <> 0))";

/// Settlements that are tried for an envelope.
const TRIED_MAX: u32 = 20;

/// A row that only the HIS has: 结算ID, 就诊ID, whether it is a refund, amounts.
pub type OnlyHis = (String, String, bool, Amounts);

/// The ledgers in a folder, which need not exist.
#[derive(Debug, Clone)]
pub struct Ledgers {
    dir: PathBuf,
}

/// What the rows of one combination of dimensions come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// 定点医药机构编号.
    pub institution: String,
    /// 清算机构, 险种, 清算类别, 清算方式.
    pub dimensions: [String; 4],
    /// Where the persons are insured.
    pub place: Place,
    /// Refunds, which stand apart.
    pub refund: bool,
    /// Rows.
    pub count: u64,
    /// Their sums; rows that do not say an amount add nothing to it.
    pub amounts: Amounts,
}

/// What a day comes to: rows, and their sums with refunds taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayTotal {
    /// The day.
    pub day: Day,
    /// Of the own ledger.
    pub own: (u64, Amounts),
    /// Of the HIS.
    pub his: (u64, Amounts),
}

impl Ledgers {
    /// The ledgers in a folder.
    pub fn at(dir: &Path) -> Ledgers {
        Ledgers { dir: dir.to_owned() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens the file.
    pub(in crate::reconcile) fn open(&self) -> Result<Connection, ReadTrouble> {
        open_to_read(&self.dir, FORM)
    }

    /// Everything up to this record is in the ledgers.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn position(&self) -> Result<Seq, ReadTrouble> {
        let cursor: i64 = self.open()?.query_row("SELECT cursor FROM follower", [], |row| row.get(0))?;
        Ok(Seq(cursor.cast_unsigned()))
    }

    /// Sums of the own ledger over some days, by institution, dimensions and place; refunds apart.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn sums(&self, (first, last): (Day, Day)) -> Result<Vec<Sum>, ReadTrouble> {
        let connection = self.open()?;
        let mut summed = connection.prepare(&format!(
            "SELECT institution, clr_optins, insutype, clr_type, clr_way, place, refund, count(*), sum(medfee), sum(fund), sum(acct), sum(cash) \
             FROM own WHERE outcome <> 0 AND day BETWEEN ?1 AND ?2 GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7 LIMIT {LINES_MAX}"
        ))?;
        let sums = summed.query_map(params![first.number(), last.number()], |row| {
            Ok(Sum {
                institution: row.get(0)?,
                dimensions: [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?],
                place: Place::from_code(row.get(5)?),
                refund: row.get(6)?,
                count: row.get::<_, i64>(7)?.cast_unsigned(),
                amounts: Amounts([row.get(8)?, row.get(9)?, row.get(10)?, row.get(11)?]),
            })
        })?;
        Ok(sums.collect::<Result<_, _>>()?)
    }

    /// Rows and net sums of own ledger and HIS, day by day; a day without any is left out.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn day_totals(&self, (first, last): (Day, Day)) -> Result<Vec<DayTotal>, ReadTrouble> {
        let connection = self.open()?;
        let mut days: BTreeMap<Day, DayTotal> = BTreeMap::new();
        for (table, which) in [("own", "outcome <> 0 AND"), ("his", "")] {
            let mut summed = connection.prepare(&format!(
                "SELECT day, count(*), sum(medfee), sum(fund), sum(acct), sum(cash) FROM {table} WHERE {which} day BETWEEN ?1 AND ?2 GROUP BY day"
            ))?;
            let mut rows = summed.query([first.number(), last.number()])?;
            while let Some(row) = rows.next()? {
                let day = day_of(row, 0)?;
                let amounts = Amounts([row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?]);
                let sum = (row.get::<_, i64>(1)?.cast_unsigned(), amounts);
                let total = days.entry(day).or_insert(DayTotal {
                    day,
                    own: (0, Amounts::default()),
                    his: (0, Amounts::default()),
                });
                *(if table == "own" { &mut total.own } else { &mut total.his }) = sum;
            }
        }
        Ok(days.into_values().collect())
    }

    /// Files that were imported for some days, with those that were replaced since.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn imports(&self, (first, last): (Day, Day)) -> Result<Vec<Import>, ReadTrouble> {
        let connection = self.open()?;
        let mut found = connection.prepare(&format!(
            "SELECT record, day, institution, name, rows, at, who, in_force, unread FROM import WHERE day BETWEEN ?1 AND ?2 \
             ORDER BY day, record LIMIT {LINES_MAX}"
        ))?;
        let imports = found.query_map(params![first.number(), last.number()], |row| {
            Ok(Import {
                record: row.get::<_, i64>(0)?.cast_unsigned(),
                day: day_of(row, 1)?,
                institution: row.get(2)?,
                name: row.get(3)?,
                rows: row.get::<_, i64>(4)?.cast_unsigned(),
                at_unix_ns: row.get(5)?,
                who: row.get(6)?,
                in_force: row.get(7)?,
                unread: row.get(8)?,
            })
        })?;
        Ok(imports.collect::<Result<_, _>>()?)
    }

    /// Scopes that a list of a day is asked for: those of the month before it. Who is insured in another province is listed by
    /// transactions of its own (3260), not here.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn scopes(&self, day: Day) -> Result<Vec<Scope>, ReadTrouble> {
        let connection = self.open()?;
        let mut found = connection.prepare(&format!("{SCOPES} ORDER BY 1, 2, 3 LIMIT {LINES_MAX}"))?;
        let days = params![day.later(-OF_LATE_DAYS).number(), day.number()];
        let scopes = found.query_map(days, |row| read_scope(row, 0))?;
        Ok(scopes.collect::<Result<_, _>>()?)
    }

    /// The platform's lists of some days.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn statements(&self, (first, last): (Day, Day)) -> Result<Vec<Statement>, ReadTrouble> {
        let connection = self.open()?;
        let mut found = connection.prepare(&format!(
            "SELECT record, day, institution, clr_optins, clr_type, by_rows FROM statement WHERE day BETWEEN ?1 AND ?2 \
             ORDER BY day, record LIMIT {LINES_MAX}"
        ))?;
        let statements = found.query_map(params![first.number(), last.number()], |row| {
            Ok(Statement {
                record: row.get::<_, i64>(0)?.cast_unsigned(),
                day: day_of(row, 1)?,
                scope: read_scope(row, 2)?,
                by_rows: row.get(5)?,
            })
        })?;
        Ok(statements.collect::<Result<_, _>>()?)
    }

    /// The own rows of a day and scope, without those that were taken back by a call which leaves no row.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn own_of(&self, day: Day, scope: &Scope) -> Result<Vec<Own>, ReadTrouble> {
        let connection = self.open()?;
        let mut found = connection.prepare(&format!(
            "SELECT {COLUMNS} FROM own WHERE {LISTED_HERE} AND day = ?1 AND institution = ?2 AND clr_optins = ?3 AND clr_type = ?4 \
             AND NOT {TAKEN_BACK} ORDER BY intent"
        ))?;
        let of = params![day.number(), scope.institution, scope.clr_optins, scope.clr_type];
        Ok(found.query_map(of, read_own)?.collect::<Result<_, _>>()?)
    }

    /// The newest INTENT of an institution that has no end which the journal knows: of a settlement or refund of these days, or of what
    /// takes one of them back.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn waited_for(&self, institution: &str, (first, last): (Day, Day)) -> Result<Option<Seq>, ReadTrouble> {
        let waited = "SELECT max(own.intent) FROM own LEFT JOIN own AS charge ON charge.intent = own.undoes \
            WHERE own.outcome = 0 AND own.undone = 0 AND own.institution = ?1 AND (own.day BETWEEN ?2 AND ?3 OR charge.day BETWEEN ?2 AND ?3)";
        let of = params![institution, first.number(), last.number()];
        let newest: Option<i64> = self.open()?.query_row(waited, of, |row| row.get(0))?;
        Ok(newest.map(|intent| Seq(intent.cast_unsigned())))
    }

    /// The newest settlements of an institution up to a day, of persons insured here before others: in their envelopes the gateway
    /// may ask. Twenty at most.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn latest_of(&self, scope: &Scope, day: Day) -> Result<Vec<ExchangeId>, ReadTrouble> {
        let connection = self.open()?;
        let mut newest = connection.prepare(&format!(
            "SELECT id FROM own WHERE outcome <> 0 AND institution = ?1 AND refund = 0 AND place <> 3 AND day BETWEEN ?3 AND ?4 \
             ORDER BY place <> 1, clr_optins <> ?2, intent DESC LIMIT {TRIED_MAX}"
        ))?;
        let of = params![scope.institution, scope.clr_optins, day.later(-OF_LATE_DAYS).number(), day.number()];
        let ids = newest.query_map(of, |row| row.get(0).map(ExchangeId))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Rows of the HIS's ledger of a day that the own ledger knows nothing of: 结算ID, 就诊ID, refund, amounts.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn only_his(&self, day: Day, institution: &str) -> Result<Vec<OnlyHis>, ReadTrouble> {
        let connection = self.open()?;
        let mut found = connection.prepare(
            "SELECT his.setl_id, his.mdtrt_id, his.refund, his.medfee, his.fund, his.acct, his.cash FROM his \
             JOIN import ON import.record = his.record WHERE his.day = ?1 AND import.institution IN ('', ?2) \
             AND NOT EXISTS (SELECT 1 FROM own WHERE own.setl_id = his.setl_id) \
             AND NOT EXISTS (SELECT 1 FROM own WHERE own.msgid = his.msgid AND his.msgid <> '') ORDER BY his.setl_id, his.line",
        )?;
        let rows = found.query_map(params![day.number(), institution], |row| {
            let amounts = Amounts([row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?]);
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, amounts))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The INTENTs of exchanges that the own ledger knows.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn intents(&self, ids: &[ExchangeId]) -> Result<HashMap<u64, ExchangeId>, ReadTrouble> {
        Ok(intents(&self.open()?, ids)?)
    }

    /// The own rows of a settlement: itself and what takes it back, by either 结算ID.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn of_settlement(&self, setl_id: &str) -> Result<Vec<Own>, ReadTrouble> {
        self.rows("(setl_id = ?1 AND setl_id <> '') OR (original = ?1 AND original <> '')", setl_id)
    }

    /// The own rows of a msgid, or of the first one where a repeat bore it.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn of_msgid(&self, msgid: &str) -> Result<Vec<Own>, ReadTrouble> {
        self.rows("msgid = ?1 OR intent IN (SELECT intent FROM alias WHERE alias.msgid = ?1)", msgid)
    }

    fn rows(&self, which: &str, value: &str) -> Result<Vec<Own>, ReadTrouble> {
        let connection = self.open()?;
        let mut found = connection
            .prepare(&format!("SELECT {COLUMNS} FROM own WHERE {which} ORDER BY intent LIMIT {LINES_MAX}"))?;
        Ok(found.query_map([value], read_own)?.collect::<Result<_, _>>()?)
    }
}

/// The INTENTs of exchanges that the own ledger knows.
pub(in crate::reconcile) fn intents(
    connection: &Connection,
    ids: &[ExchangeId],
) -> rusqlite::Result<HashMap<u64, ExchangeId>> {
    let mut found = connection.prepare("SELECT intent FROM own WHERE id = ?1")?;
    let mut intents = HashMap::new();
    for id in ids {
        let mut rows = found.query([&id.0[..]])?;
        if let Some(row) = rows.next()? {
            intents.insert(row.get::<_, i64>(0)?.cast_unsigned(), *id);
        }
    }
    Ok(intents)
}

fn read_scope(row: &Row<'_>, from: usize) -> rusqlite::Result<Scope> {
    Ok(Scope { institution: row.get(from)?, clr_optins: row.get(from + 1)?, clr_type: row.get(from + 2)? })
}

/// One line of sums as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SumShown {
    /// 定点医药机构编号.
    pub fixmedins_code: String,
    /// 清算机构.
    pub clr_optins: String,
    /// 险种.
    pub insutype: String,
    /// 清算类别.
    pub clr_type: String,
    /// 清算方式.
    pub clr_way: String,
    /// Where the persons are insured: local, province, cross_province or unsaid.
    pub place: &'static str,
    /// Refunds, which stand apart and are negative.
    pub refund: bool,
    /// Rows.
    pub count: u64,
    /// Sums in yuan.
    #[serde(flatten)]
    pub amounts: Shown,
}

impl SumShown {
    /// Of a sum.
    pub fn of(sum: &Sum) -> SumShown {
        let [clr_optins, insutype, clr_type, clr_way] = sum.dimensions.clone();
        SumShown {
            fixmedins_code: sum.institution.clone(),
            clr_optins,
            insutype,
            clr_type,
            clr_way,
            place: sum.place.word(),
            refund: sum.refund,
            count: sum.count,
            amounts: sum.amounts.shown(),
        }
    }
}
