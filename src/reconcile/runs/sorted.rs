//! Rows of the ledgers in the order of settlements, as the merge wants them. A refund stands under what it takes back, also where
//! the HIS names it by its own number.

use rusqlite::{Row, Rows, Statement};

use super::super::ledger::amounts::Amounts;
use super::super::ledger::day::Day;
use super::super::ledger::read::TAKEN_BACK;
use super::super::matching::merge::{At, Line, Lines, Mark};

/// Own rows of the days ?1 to ?2, and what was sent without an end that a row of the HIS, or of the platform's list, names by its
/// msgid. ?3 is the day whose imports are looked for.
pub(super) fn own() -> String {
    format!(
        "
SELECT CASE WHEN refund AND original <> '' THEN original ELSE setl_id END AS account, refund, medfee, fund, acct, cash, day, intent, 0,
  0 AS sent, {TAKEN_BACK} AS taken_back,
  NOT EXISTS (SELECT 1 FROM import WHERE import.day = ?3 AND in_force AND import.institution IN ('', own.institution)) AS no_his, 0
FROM own WHERE outcome <> 0 AND day BETWEEN ?1 AND ?2
UNION ALL
SELECT his.setl_id, own.refund, own.medfee, own.fund, own.acct, own.cash, his.day, own.intent, 0, 1, 0, 0, 0
FROM his JOIN own ON own.msgid = his.msgid WHERE his.msgid <> '' AND his.day BETWEEN ?1 AND ?2 AND own.outcome = 0
UNION ALL
SELECT {ALONE}, own.refund, own.medfee, own.fund, own.acct, own.cash, listed.day, own.intent, 0, 1, 0, 0, 0
FROM listed JOIN own ON own.msgid = listed.msgid WHERE listed.is_ours AND listed.day BETWEEN ?1 AND ?2 AND own.outcome = 0
  AND NOT EXISTS (SELECT 1 FROM his WHERE his.msgid = listed.msgid AND his.msgid <> '' AND his.day BETWEEN ?1 AND ?2)
ORDER BY 1, 2, 8"
    )
}

/// Under what a row stands that only the platform has: it names no settlement, so what its msgid made, or its msgid.
const ALONE: &str = "CASE WHEN listed.setl_id <> '' THEN listed.setl_id ELSE coalesce(
  (SELECT CASE WHEN made.refund AND made.original <> '' THEN made.original ELSE made.setl_id END FROM own AS made
    WHERE made.msgid = listed.msgid AND listed.is_ours AND made.setl_id <> ''),
  (SELECT setl_id FROM his WHERE his.msgid = listed.msgid AND listed.msgid <> ''), CASE WHEN listed.msgid <> '' THEN '报文 ' || listed.msgid
    ELSE '平台明细 ' || listed.record || '-' || listed.line END) END";

/// Rows of the platform of the days ?1 to ?2: its lists, and where it was not asked, what it answered. A row that it says it does not
/// have is missing only when the list of the next day is in (`money.md` §5).
pub(super) fn platform() -> String {
    format!(
        "
SELECT CASE WHEN word = 'alone' THEN {ALONE} ELSE coalesce(
    (SELECT original FROM own WHERE own.setl_id = listed.setl_id AND own.refund AND own.original <> ''), listed.setl_id) END,
  refund, medfee, fund, acct, NULL, listed.day, listed.record, listed.line, 0, 0, 0, word = 'differs'
FROM listed JOIN statement ON statement.record = listed.record WHERE listed.day BETWEEN ?1 AND ?2
  AND NOT (word = 'absent' AND EXISTS (SELECT 1 FROM statement AS next WHERE next.day_before = statement.day
    AND next.institution = statement.institution AND next.clr_optins = statement.clr_optins AND next.clr_type = statement.clr_type))
  AND NOT EXISTS (SELECT 1 FROM own WHERE own.setl_id = listed.setl_id AND own.setl_id <> '' AND own.undone > listed.record AND {TAKEN_BACK})
UNION ALL
SELECT CASE WHEN refund AND original <> '' THEN original ELSE setl_id END, refund, medfee, fund, acct, cash, day, intent, 0, 0, 0, 0, 0
FROM own WHERE outcome <> 0 AND day BETWEEN ?1 AND ?2 AND NOT {TAKEN_BACK}
  AND NOT EXISTS (SELECT 1 FROM statement WHERE statement.day = own.day AND statement.institution = own.institution
    AND statement.clr_optins = own.clr_optins AND statement.clr_type = own.clr_type AND own.outcome < statement.record AND own.place <> 3)
ORDER BY 1, 2, 8, 9"
    )
}

/// Rows of the HIS of the days ?1 to ?2.
pub(super) const HIS: &str = "
SELECT coalesce((SELECT original FROM own WHERE own.setl_id = his.setl_id AND own.setl_id <> '' AND own.refund AND own.original <> ''), his.setl_id),
  refund, medfee, fund, acct, cash, day, record, line, 0, 0, 0, 0
FROM his WHERE day BETWEEN ?1 AND ?2 ORDER BY 1, 2, 8, 9";

/// The rows of one question.
pub(super) struct Sorted<'s>(Rows<'s>);

impl<'s> Sorted<'s> {
    /// Asks for the rows of some days; `day` where the question names one more.
    pub(super) fn of(
        question: &'s mut Statement<'_>,
        (first, last): (Day, Day),
        day: Option<Day>,
    ) -> rusqlite::Result<Sorted<'s>> {
        let (first, last) = (first.number(), last.number());
        let rows = match day {
            Some(day) => question.query([first, last, day.number()]),
            None => question.query([first, last]),
        };
        rows.map(Sorted)
    }
}

impl Lines for Sorted<'_> {
    type Trouble = rusqlite::Error;

    fn next(&mut self, line: &mut Line) -> rusqlite::Result<bool> {
        match self.0.next()? {
            Some(row) => read(row, line).map(|()| true),
            None => Ok(false),
        }
    }
}

fn read(row: &Row<'_>, line: &mut Line) -> rusqlite::Result<()> {
    line.key.clear();
    line.key.push_str(row.get_ref(0)?.as_str()?);
    line.refund = row.get(1)?;
    line.amounts = Amounts([row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?]);
    line.day = row.get(6)?;
    let number = |place| row.get::<_, i64>(place).map(i64::cast_unsigned);
    line.at = At { record: number(7)?, line: number(8)? };
    line.mark = Mark { sent: row.get(9)?, taken_back: row.get(10)?, no_his: row.get(11)?, differs: row.get(12)? };
    Ok(())
}
