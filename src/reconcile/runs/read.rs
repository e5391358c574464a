//! What runs have kept, as readers open it: read-only, one opening per question.

use std::path::{Path, PathBuf};

use rusqlite::{Row, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::money::written;

use super::super::derived::{ReadTrouble, open_to_read};
use super::super::ledger::day::Day;
use super::super::ledger::store::day_of;
use super::super::matching::Class;
use super::kept::FORM;
use super::run::{Ran, RanShown};

/// Differences that one answer lists.
pub const LISTED_MAX: u32 = 10_000;

/// What runs have kept in a folder, which need not exist.
#[derive(Debug, Clone)]
pub struct Runs {
    dir: PathBuf,
}

/// One side of a difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Where it stands: the INTENT of an own row, else the record that holds the file; none where the side has nothing.
    pub record: Option<u64>,
    /// Line in the file, of a row of the HIS.
    pub line: Option<u64>,
    /// 医疗费总额, charge and refund together.
    pub total: Option<i64>,
    /// 基金支付总额, likewise.
    pub fund: Option<i64>,
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The day of its run.
    pub day: Day,
    /// 结算ID.
    pub setl_id: String,
    /// What it is.
    pub class: Class,
    /// Both have the same money.
    pub explained: bool,
    /// The gateway's side.
    pub own: Held,
    /// The platform's.
    pub platform: Held,
    /// The HIS's.
    pub his: Held,
}

/// A difference as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DifferenceShown {
    /// The day of its run.
    pub day: String,
    /// Days since then.
    pub age_days: i64,
    /// 结算ID.
    pub setl_id: String,
    /// The class as a word.
    pub class: &'static str,
    /// As hospital people say it.
    pub class_text: &'static str,
    /// Both have the same money.
    pub explained: bool,
    /// 医疗费总额 of the journal, in yuan.
    pub journal: Option<String>,
    /// Of the platform's own list.
    pub platform: Option<String>,
    /// Of the HIS.
    pub his: Option<String>,
    /// INTENT of the exchange; none where the journal never sent it.
    pub intent_record: Option<u64>,
    /// The record that holds the HIS's file.
    pub his_record: Option<u64>,
    /// The line in it.
    pub his_line: Option<u64>,
    /// What is to be done.
    pub next_step: &'static str,
}

impl Difference {
    /// What it is about, ten-thousandths of a yuan: what the platform has, else what the journal or the HIS has.
    pub fn at_stake(&self) -> Option<i64> {
        self.platform.total.or(self.own.total).or(self.his.total).map(i64::abs)
    }

    /// As people see it on a day.
    pub fn shown(&self, today: Day) -> DifferenceShown {
        let yuan = |held: Held| held.total.map(written);
        DifferenceShown {
            day: self.day.to_string(),
            age_days: self.day.days_until(today),
            setl_id: self.setl_id.clone(),
            class: self.class.word(),
            class_text: self.class.chinese(),
            explained: self.explained,
            journal: yuan(self.own),
            platform: yuan(self.platform),
            his: yuan(self.his),
            intent_record: self.own.record,
            his_record: self.his.record,
            his_line: self.his.line,
            next_step: self.class.advice(),
        }
    }
}

/// How the ledgers of some days stand to each other, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DaysShown {
    /// Each day that was run.
    pub days: Vec<RanShown>,
    /// What differs.
    pub differences: Vec<DifferenceShown>,
}

impl Runs {
    /// In the folder of the ledgers.
    pub fn at(dir: &Path) -> Runs {
        Runs { dir: dir.to_owned() }
    }

    /// The last run of each of some days.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn of_days(&self, (first, last): (Day, Day)) -> Result<Vec<Ran>, ReadTrouble> {
        let connection = open_to_read(&self.dir, FORM)?;
        let mut found = connection.prepare(
            "SELECT day, at, position, imports, settlements, differences, unexplained, his, platform FROM run \
             WHERE day BETWEEN ?1 AND ?2 ORDER BY day",
        )?;
        let runs = found.query_map([first.number(), last.number()], |row| {
            let count = |place| row.get::<_, i64>(place).map(i64::cast_unsigned);
            Ok(Ran {
                day: day_of(row, 0)?,
                at_unix_ns: row.get(1)?,
                position: count(2)?,
                imports: count(3)?,
                settlements: count(4)?,
                differences: count(5)?,
                unexplained: count(6)?,
                his: row.get(7)?,
                platform: row.get(8)?,
            })
        })?;
        Ok(runs.collect::<Result<_, _>>()?)
    }

    /// Differences of some days, the oldest first, at most [`LISTED_MAX`].
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn differences(&self, (first, last): (Day, Day)) -> Result<Vec<Difference>, ReadTrouble> {
        let connection = open_to_read(&self.dir, FORM)?;
        let mut found = connection.prepare(&format!(
            "SELECT day, setl_id, class, explained, own, own_total, own_fund, platform, platform_total, platform_fund, his, his_line, \
             his_total, his_fund FROM difference WHERE day BETWEEN ?1 AND ?2 ORDER BY day, explained, class, setl_id LIMIT {LISTED_MAX}"
        ))?;
        let differences = found.query_map(params![first.number(), last.number()], read_difference)?;
        Ok(differences.collect::<Result<_, _>>()?)
    }

    /// Runs and differences of some days, as people see them today.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn shown(&self, days: (Day, Day), today: Day) -> Result<DaysShown, ReadTrouble> {
        let (ran, differences) = (self.of_days(days)?, self.differences(days)?);
        let differences = differences.iter().map(|one| one.shown(today)).collect();
        Ok(DaysShown { days: ran.iter().map(Ran::shown).collect(), differences })
    }

    /// How many differences there are by class, explained ones left out.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn count(&self, (first, last): (Day, Day)) -> Result<Vec<(Class, u64)>, ReadTrouble> {
        let connection = open_to_read(&self.dir, FORM)?;
        let mut found = connection.prepare(
            "SELECT class, count(*) FROM difference WHERE day BETWEEN ?1 AND ?2 AND NOT explained GROUP BY class ORDER BY class",
        )?;
        let counts = found.query_map([first.number(), last.number()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
        })?;
        let counts: Vec<(String, u64)> = counts.collect::<Result<_, _>>()?;
        Ok(counts.into_iter().filter_map(|(word, count)| Some((Class::named(&word)?, count))).collect())
    }
}

fn read_difference(row: &Row<'_>) -> rusqlite::Result<Difference> {
    let number = |place| row.get::<_, Option<i64>>(place).map(|number| number.map(i64::cast_unsigned));
    let word: String = row.get(2)?;
    Ok(Difference {
        day: day_of(row, 0)?,
        setl_id: row.get(1)?,
        class: Class::named(&word).ok_or(rusqlite::Error::InvalidQuery)?,
        explained: row.get(3)?,
        own: Held { record: number(4)?, line: None, total: row.get(5)?, fund: row.get(6)? },
        platform: Held { record: number(7)?, line: None, total: row.get(8)?, fund: row.get(9)? },
        his: Held { record: number(10)?, line: number(11)?, total: row.get(12)?, fund: row.get(13)? },
    })
}
