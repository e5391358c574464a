//! The platform's result, and what it makes of each row: only rows that differ stand in it (`wire.md` §5.5). Pure.

use std::collections::{HashMap, HashSet};

use crate::domain::money::units_of;
use crate::profile::wire::Statement;

use super::super::ledger::amounts::Amounts;
use super::entry::Entry;
use super::listed::{Listed, Word};

/// Rows of one result.
pub const ROWS_MAX: usize = 1_000_000;

/// A row of the result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResultRow {
    /// 人员编号.
    pub psn_no: String,
    /// 结算ID; empty when only the platform has it.
    pub setl_id: String,
    /// 发送方报文ID, which a 2601 would name.
    pub msgid: String,
    /// 对账结果.
    pub stmt_rslt: String,
    /// It is a refund.
    pub refund: bool,
    /// Older editions do not say them.
    pub amounts: Amounts,
}

/// Reads a result. Cells are trimmed, `null` is empty, what stands behind the last column is not looked at.
///
/// # Errors
/// The line that is no row: nothing of such a result is taken.
pub fn read(text: &str, columns: &[String]) -> Result<Vec<ResultRow>, String> {
    let place = |name: &str| columns.iter().position(|column| column == name);
    let [psn_no, setl_id, msgid, result, refund] =
        ["psn_no", "setl_id", "msgid", "stmt_rslt", "refd_setl_flag"].map(place);
    let amounts = ["medfee_sumamt", "fund_pay_sumamt", "acct_pay"].map(place);
    let must = result.ok_or("the profile names no column stmt_rslt")?;
    let mut rows = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
        let cell = |place: Option<usize>| {
            let cell = place.and_then(|place| cells.get(place)).copied().unwrap_or_default();
            if cell == "null" { "" } else { cell }
        };
        if cells.len() <= must || cell(Some(must)).is_empty() {
            return Err(format!("对账结果第 {} 行没有 stmt_rslt", at + 1));
        }
        if ROWS_MAX <= rows.len() {
            return Err(format!("对账结果超过 {ROWS_MAX} 行"));
        }
        let mut said = [None; 4];
        for (slot, place) in said.iter_mut().zip(amounts) {
            let text = cell(place);
            let wrong = || format!("对账结果第 {} 行有一项金额不是数字", at + 1);
            *slot = if text.is_empty() { None } else { Some(units_of(text).ok_or_else(wrong)?) };
        }
        let is_refund = cell(refund) == "1";
        rows.push(ResultRow {
            psn_no: cell(psn_no).to_owned(),
            setl_id: cell(setl_id).to_owned(),
            msgid: cell(msgid).to_owned(),
            stmt_rslt: cell(Some(must)).to_owned(),
            refund: is_refund || said[0].is_some_and(|total| total < 0),
            amounts: Amounts(said),
        });
    }
    Ok(rows)
}

/// The platform's list: what was submitted, as the result changes it. `is_ours` says of a row that only the platform has whether our
/// journal sent it for that person.
pub fn listed(
    entries: &[Entry],
    results: &[ResultRow],
    (statement, only_here): (&Statement<'_>, &[String]),
    is_ours: &dyn Fn(&ResultRow) -> bool,
) -> Vec<Listed> {
    let differs = |row: &&ResultRow| statement.is_balanced(&row.stmt_rslt) != Some(true);
    let submitted: HashSet<&str> = entries.iter().map(|entry| &*entry.setl_id).collect();
    let is_submitted = |row: &&ResultRow| !row.setl_id.is_empty() && submitted.contains(&*row.setl_id);
    // A platform may write a refund under the number of what it takes back: what fits no row of ours stands by itself.
    let refunds: HashMap<&str, bool> = entries.iter().map(|entry| (&*entry.setl_id, entry.refund)).collect();
    let mut named: HashMap<&str, &ResultRow> = HashMap::new();
    let mut others: Vec<&ResultRow> = Vec::new();
    for row in results.iter().filter(differs) {
        let fits = is_submitted(&row) && refunds.get(&*row.setl_id) == Some(&row.refund);
        if !fits || named.insert(&row.setl_id, row).is_some() {
            others.push(row);
        }
    }
    let ours = entries.iter().map(|entry| {
        let result = named.get(&*entry.setl_id);
        let word = match result {
            None => Word::Agrees,
            Some(row) if only_here.contains(&row.stmt_rslt) => Word::Absent,
            Some(_) => Word::Differs,
        };
        let said = result.filter(|_| word == Word::Differs).map(|row| row.amounts.signed(entry.refund));
        Listed {
            word,
            setl_id: entry.setl_id.clone(),
            msgid: result.map(|row| row.msgid.clone()).unwrap_or_default(),
            is_ours: false,
            refund: entry.refund,
            amounts: said.unwrap_or(entry.amounts),
        }
    });
    let alone = others.into_iter().map(|row| Listed {
        word: Word::Alone,
        setl_id: row.setl_id.clone(),
        msgid: row.msgid.clone(),
        is_ours: is_ours(row),
        refund: row.refund,
        amounts: row.amounts.signed(row.refund),
    });
    ours.chain(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Profile, Texts};

    fn entry(setl_id: &str, units: i64) -> Entry {
        let own = |text: &str| text.to_owned();
        Entry {
            setl_id: own(setl_id),
            mdtrt_id: own("D"),
            psn_no: own("P"),
            insutype: own("310"),
            refund: units < 0,
            amounts: Amounts([Some(units), Some(0), None, Some(units)]),
        }
    }

    /// What each row becomes: 结算ID or msgid, word, total.
    fn made(profile: &str, text: &str) -> Vec<String> {
        let profile = Profile::load(profile, &Texts::embedded()).unwrap();
        let (submission, statement) = (profile.submission().unwrap(), profile.statement("3202").unwrap());
        let entries = [entry("S1", 3_000_000), entry("S2", 2_000_000), entry("S3", -2_000_000)];
        let results = match read(text, &submission.result_columns) {
            Ok(results) => results,
            Err(why) => return vec![why],
        };
        let is_ours = |row: &ResultRow| row.msgid == "M9" && row.psn_no == "P9";
        let rows = listed(&entries, &results, (&statement, &submission.only_here), &is_ours);
        let shown = |row: &Listed| {
            let name = if row.setl_id.is_empty() { &row.msgid } else { &row.setl_id };
            let total = row.amounts.0[0].map_or("?".to_owned(), |units| (units / 10_000).to_string());
            format!("{name} {} {total}{}", row.word.word(), if row.is_ours { " ours" } else { "" })
        };
        rows.iter().map(shown).collect()
    }

    #[test]
    fn only_what_the_result_names_differs() {
        let agree = ["S1 agrees 300", "S2 agrees 200", "S3 agrees -200"];
        assert_eq!(made("baseline", ""), agree);
        assert_eq!(made("baseline", "P\tD\tS1\tM\t0\t0\tnull\t300.00\t0.00\t0.00\n"), agree, "balanced, yet listed");
        let more = "P9\tnull\tnull\tM9\t1\t0\t机构没有\t77.00\t0.00\t0.00\t\r\nP8\t\t\tM9\t1\t1\t\t5.00\n";
        let alone = ["M9 alone 77 ours", "M9 alone -5"];
        assert_eq!(made("jiangxi", more), [&agree[..], &alone].concat());
        let named = "P\tD\tS7\tM7\t1\t0\t\t7\n";
        assert_eq!(
            made("hunan", named),
            [&agree[..], &["S7 alone 7"]].concat(),
            "a platform that names it all the same"
        );
        let two = "P\tD\tS2\tM\t2\t0\t平台没有\t200.00\t0.00\t0.00\n";
        assert_eq!(made("jiangxi", two)[1], "S2 absent 200");
        assert_eq!(made("hunan", two)[1], "S2 differs 200", "where no code says what it means, it only differs");
        let seven = "P\tD\tS3\tM\t1\t1\tmemo\n";
        assert_eq!(made("hunan", seven)[2], "S3 differs ?", "the older edition says no amounts");
        assert_eq!(made("hunan", "P\tD\tS3\tM\t1\t1\tmemo\t200.00\n")[2], "S3 differs -200", "the sign is the class's");
    }

    #[test]
    fn a_result_that_cannot_be_read_is_not_taken_in_part() {
        assert_eq!(made("hunan", "P\tD\tS1\tM\t0\nfoo\n"), ["对账结果第 2 行没有 stmt_rslt"]);
        assert_eq!(made("hunan", "P\tD\tS1\tM\t1\t0\t\t1,000\n"), ["对账结果第 1 行有一项金额不是数字"]);
    }
}
