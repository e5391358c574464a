//! The book of cases as readers open it: read-only, beside the one who writes, one opening per question.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::moment::{china_time, days_ns};
use crate::domain::money::written;
use crate::domain::outcome::{Cause as Why, Told};

use super::advice::next_step;
use super::book::{COLUMNS, FORM, read_side};
use super::derived::{ReadTrouble, open_to_read};
use crate::exchange::decision::Step;
use crate::exchange::side::Side;
use crate::exchange::stand::Cause;

/// Cases that one answer lists.
pub const LISTED_MAX: u32 = 1_000;
/// Open cases of a class that are looked after: more than a hospital settles in a week.
const OPEN_MAX: u32 = 100_000;
/// Decisions of one case that are shown.
const DECISIONS_MAX: u32 = 200;

/// The book of cases in a folder.
#[derive(Debug, Clone)]
pub struct Cases {
    dir: PathBuf,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CasesTrouble {
    /// There is no book.
    #[error("there is no book of cases yet; the gateway makes it")]
    None,
    /// Another version wrote it.
    #[error("the book of cases was made by another version; the gateway makes it anew")]
    Version,
    /// A filter, its place and the cure.
    #[error("{what}")]
    Asked {
        /// Name of the filter.
        place: String,
        /// What is wrong.
        what: String,
        /// What to write instead.
        cure: String,
    },
    /// SQLite.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Which cases.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Closed ones, too.
    pub closed: bool,
    /// Only those of this cause.
    pub cause: Option<Cause>,
    /// The page of the list, from 0; [`LISTED_MAX`] cases each.
    pub page: u32,
}

/// What may be asked of the list: name, form, meaning.
pub const ASKED: &[(&str, &str, &str)] = &[
    ("cause", "a word", "only cases of this cause"),
    ("closed", "true or false", "closed cases, too; only open ones by default"),
    ("page", "a number", "1000 cases each, from 1"),
];

impl Wanted {
    /// Reads a question.
    ///
    /// # Errors
    /// `Asked` with the place.
    pub fn read<'a>(asked: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Wanted, CasesTrouble> {
        let mut wanted = Wanted::default();
        for (name, value) in asked {
            let wrong =
                |what: &str, cure: String| CasesTrouble::Asked { place: name.to_owned(), what: what.to_owned(), cure };
            match (name, value) {
                ("closed", "true") => wanted.closed = true,
                ("closed", "false") => wanted.closed = false,
                ("closed", _) => return Err(wrong("it is neither true nor false", "closed=true".to_owned())),
                ("page", number) => {
                    let page = number.parse::<u32>().ok().and_then(|page| page.checked_sub(1));
                    wanted.page = page.ok_or_else(|| wrong("it is no number from 1", "page=2".to_owned()))?;
                }
                ("cause", word) => {
                    let words = Cause::ALL.map(Cause::word);
                    let cause = Cause::named(word);
                    let cure = || format!("one of {}", words.join(", "));
                    wanted.cause = Some(cause.ok_or_else(|| wrong("there is no such cause", cure()))?);
                }
                _ => {
                    let names: Vec<_> = ASKED.iter().map(|(name, ..)| *name).collect();
                    return Err(wrong("there is no such filter", format!("one of {}", names.join(", "))));
                }
            }
        }
        Ok(wanted)
    }
}

/// One case as people see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CaseShown {
    /// The case, known by its exchange.
    #[schema(example = "019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e")]
    pub id: String,
    /// Its cause, a word.
    pub cause: &'static str,
    /// Its cause in Chinese.
    pub cause_text: &'static str,
    /// Whether it is open.
    pub open: bool,
    /// When it was opened, China's time.
    pub opened_at: String,
    /// When it was closed.
    pub closed_at: Option<String>,
    /// Number of the record that closed it.
    pub closing_record: Option<u64>,
    /// 交易编号.
    pub infno: String,
    /// Its class.
    pub class: &'static str,
    /// 发送方报文ID.
    pub msgid: String,
    /// 定点医药机构编号.
    pub fixmedins_code: String,
    /// 就诊ID.
    pub mdtrt_id: String,
    /// 结算ID.
    pub setl_id: String,
    /// 医疗费总额 in yuan.
    pub at_stake: Option<String>,
    /// What the platform holds.
    pub platform: &'static str,
    /// Why the outcome is what it is.
    pub why: &'static str,
    /// What the HIS was handed.
    pub told: &'static str,
    /// What the HIS has shown since.
    pub shown: &'static str,
    /// Number of the last record that said something of it.
    pub evidence_record: u64,
    /// Number of the call by which the HIS said, while this was open, that the person paid in cash: look at it first.
    pub self_paid_record: Option<u64>,
    /// What kind of refusal its last answer holds: an entry of the dictionary, or `#` and a token of its text.
    pub saying: String,
    /// When it is to be closed, China's time: a day after it was opened.
    pub due_at: String,
    /// What is to be done.
    pub next_step: &'static str,
    /// Who takes care of it; empty when nobody does.
    pub owner: String,
    /// What was asked, proposed, agreed to and proven, the oldest first.
    pub decisions: Vec<DecisionShown>,
}

/// One step of a case.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DecisionShown {
    /// Number of its record.
    pub record: u64,
    /// When, China's time.
    pub at: String,
    /// What, a word.
    pub step: String,
    /// What, in Chinese.
    pub step_text: &'static str,
    /// Who; `medgate` for the gateway itself.
    pub who: String,
    /// What was said.
    pub says: String,
    /// Number of the record it rests on.
    pub evidence_record: Option<u64>,
}

impl CaseShown {
    fn of(side: &Side, decisions: Vec<DecisionShown>) -> Option<CaseShown> {
        let case = side.case?;
        let assigned = decisions.iter().rev().find(|decision| decision.step == Step::Assign.word());
        Some(CaseShown {
            id: side.id.to_string(),
            cause: case.cause.word(),
            cause_text: case.cause.chinese(),
            open: case.closed.is_none(),
            opened_at: china_time(case.opened_unix_ns),
            closed_at: case.closed.map(|(at, _)| china_time(at)),
            closing_record: case.closed.map(|(_, seq)| seq.0),
            infno: side.infno.clone(),
            class: side.class.word(),
            msgid: side.msgid.clone(),
            fixmedins_code: side.fixmedins_code.clone(),
            mdtrt_id: side.mdtrt_id.clone(),
            setl_id: side.setl_id.clone(),
            at_stake: side.at_stake.map(written),
            platform: side.platform.word(),
            why: Why::from_code(side.why).map_or("", Why::word),
            told: side.told.map_or("not_reported_yet", Told::word),
            shown: side.shown.word(),
            evidence_record: side.evidence.0,
            self_paid_record: Some(side.self_paid.0).filter(|seq| *seq != 0),
            saying: side.saying.clone(),
            due_at: china_time(case.opened_unix_ns.saturating_add(days_ns(1))),
            owner: assigned
                .map_or_else(String::new, |assign| assign.says.split('；').next().unwrap_or_default().to_owned()),
            next_step: if case.closed.is_some() { "" } else { next_step(side.class, case.cause) },
            decisions,
        })
    }
}

/// Closed cases of one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Why they were cases.
    pub cause: Cause,
    /// How many.
    pub closed: u64,
    /// How long they were open, together, ns.
    pub open_ns: i64,
}

/// Open cases of one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Why they are cases.
    pub cause: Cause,
    /// How many.
    pub open: u64,
    /// What is at stake, ten-thousandths of a yuan.
    pub at_stake: i64,
    /// When the oldest was opened, unix ns.
    pub oldest_unix_ns: i64,
}

impl Cases {
    /// The book in a folder, which need not exist.
    pub fn at(dir: &Path) -> Cases {
        Cases { dir: dir.to_owned() }
    }

    fn open(&self) -> Result<Connection, CasesTrouble> {
        open_to_read(&self.dir, FORM).map_err(|trouble| match trouble {
            ReadTrouble::None => CasesTrouble::None,
            ReadTrouble::Version => CasesTrouble::Version,
            ReadTrouble::Sqlite(trouble) => CasesTrouble::Sqlite(trouble),
        })
    }

    /// Everything up to this record is in the book.
    ///
    /// # Errors
    /// When there is no book, or it cannot be read.
    pub fn position(&self) -> Result<Seq, CasesTrouble> {
        let cursor: i64 = self.open()?.query_row("SELECT cursor FROM follower", [], |row| row.get(0))?;
        Ok(Seq(cursor.cast_unsigned()))
    }

    /// The last record that the book needs no more: it has taken it up, and no open case begins before its end.
    ///
    /// # Errors
    /// When there is no book, or it cannot be read.
    pub fn done_with(&self) -> Result<Seq, CasesTrouble> {
        let connection = self.open()?;
        let oldest = "SELECT min(cursor, coalesce((SELECT min(intent) - 1 FROM side WHERE cause IS NOT NULL AND closed IS NULL), \
                      cursor)) FROM follower";
        let last: i64 = connection.query_row(oldest, [], |row| row.get(0))?;
        Ok(Seq(last.cast_unsigned()))
    }

    /// Cases, the oldest first, a page of at most [`LISTED_MAX`].
    ///
    /// # Errors
    /// When there is no book, or it cannot be read.
    pub fn list(&self, wanted: &Wanted) -> Result<Vec<CaseShown>, CasesTrouble> {
        let connection = self.open()?;
        let mut found = connection.prepare(&format!(
            "SELECT {COLUMNS} FROM side WHERE cause IS NOT NULL AND (?1 OR closed IS NULL) AND (?2 IS NULL OR cause = ?2) \
             ORDER BY self_paid = 0, opened, intent LIMIT {LISTED_MAX} OFFSET ?3"
        ))?;
        let sides = found.query_map(
            params![
                wanted.closed,
                wanted.cause.map(|cause| cause as u8),
                i64::from(wanted.page) * i64::from(LISTED_MAX)
            ],
            read_side,
        )?;
        let sides: Vec<Side> = sides.collect::<Result<_, _>>()?;
        sides.iter().filter_map(|side| shown(&connection, side).transpose()).collect()
    }

    /// Ids of the open cases of a class, the oldest first, at most a hundred thousand: each of them gets its turn in a round.
    ///
    /// # Errors
    /// When there is no book, or it cannot be read.
    pub fn open_of(&self, class: Class) -> Result<Vec<ExchangeId>, CasesTrouble> {
        let connection = self.open()?;
        let mut found = connection.prepare(&format!(
            "SELECT id FROM side WHERE cause IS NOT NULL AND closed IS NULL AND class = ?1 ORDER BY opened, intent LIMIT {OPEN_MAX}"
        ))?;
        let ids = found.query_map([class as u8], |row| row.get(0).map(ExchangeId))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// One case; `None` when this exchange is none.
    ///
    /// # Errors
    /// When there is no book, or it cannot be read.
    pub fn one(&self, id: ExchangeId) -> Result<Option<CaseShown>, CasesTrouble> {
        let connection = self.open()?;
        let side = connection
            .query_row(&format!("SELECT {COLUMNS} FROM side WHERE id = ?1"), params![id.0], read_side)
            .optional()?;
        side.map_or(Ok(None), |side| shown(&connection, &side))
    }

    /// Closed cases by cause; a cause without any is not listed.
    ///
    /// # Errors
    /// When there is no book, or it cannot be read.
    pub fn closed(&self) -> Result<Vec<Closed>, CasesTrouble> {
        let connection = self.open()?;
        let mut found = connection.prepare(
            "SELECT cause, count(*), sum(closed - opened) FROM side WHERE closed IS NOT NULL AND cause IS NOT NULL GROUP BY cause",
        )?;
        let rows = found.query_map([], |row| {
            let (code, closed): (u8, i64) = (row.get(0)?, row.get(1)?);
            let open_ns = row.get(2)?;
            Ok(Cause::from_code(code).map(|cause| Closed { cause, closed: closed.cast_unsigned(), open_ns }))
        })?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Open cases whose person paid in cash meanwhile.
    ///
    /// # Errors
    /// When there is no book, or it cannot be read.
    pub fn self_paid(&self) -> Result<u64, CasesTrouble> {
        let count = "SELECT count(*) FROM side WHERE cause IS NOT NULL AND closed IS NULL AND self_paid <> 0";
        Ok(self.open()?.query_row(count, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    /// Open cases by cause; a cause without any is not listed.
    ///
    /// # Errors
    /// When there is no book, or it cannot be read.
    pub fn count(&self) -> Result<Vec<Count>, CasesTrouble> {
        let connection = self.open()?;
        let mut found = connection.prepare(
            "SELECT cause, count(*), coalesce(sum(at_stake), 0), min(opened) FROM side \
             WHERE cause IS NOT NULL AND closed IS NULL GROUP BY cause ORDER BY cause",
        )?;
        let rows = found.query_map([], |row| {
            let (code, open): (u8, i64) = (row.get(0)?, row.get(1)?);
            let cause = Cause::from_code(code);
            let (at_stake, oldest_unix_ns) = (row.get(2)?, row.get(3)?);
            Ok(cause.map(|cause| Count { cause, open: open.cast_unsigned(), at_stake, oldest_unix_ns }))
        })?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}

/// A case with its decisions; `None` for a side that is no case.
fn shown(connection: &Connection, side: &Side) -> Result<Option<CaseShown>, CasesTrouble> {
    if side.case.is_none() {
        return Ok(None);
    }
    let mut found = connection.prepare_cached(&format!(
        "SELECT seq, at, step, who, says, evidence FROM decided WHERE intent = ?1 ORDER BY seq LIMIT {DECISIONS_MAX}"
    ))?;
    let decisions = found.query_map([side.intent.0.cast_signed()], |row| {
        let step: String = row.get(2)?;
        Ok(DecisionShown {
            record: row.get::<_, i64>(0)?.cast_unsigned(),
            at: china_time(row.get(1)?),
            step_text: Step::ALL.into_iter().find(|one| one.word() == step).map_or("", Step::chinese),
            step,
            who: row.get(3)?,
            says: row.get(4)?,
            evidence_record: Some(row.get::<_, i64>(5)?.cast_unsigned()).filter(|seq| *seq != 0),
        })
    })?;
    Ok(CaseShown::of(side, decisions.collect::<Result<_, _>>()?))
}
