//! Reconciliation: the hospital's sums (3201) and rows (3202) laid beside ours.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::rows::{Before, Row};
use super::settle::Settlement;
use super::{Ask, Deed, Ledger, Standing, named};
use crate::domain::zipped as archive;
use crate::sandbox::record::{Part, Record};
use crate::sandbox::yuan;

const SPAN: [&str; 3] = ["clr_type", "stmt_begndate", "stmt_enddate"];

pub(super) const ROWS: &[Row] = &[
    Row { infno: "3201", needs: &SPAN, before: Before::Nothing, act: |ledger, ask| ledger.compare_sums(ask) },
    Row { infno: "3202", needs: &SPAN, before: Before::Nothing, act: |ledger, ask| ledger.compare_rows(ask) },
];

/// Columns of the hospital's file.
const COLUMNS: usize = 7;

/// A row of the hospital's file.
struct Theirs {
    setl_id: String,
    mdtrt_id: String,
    psn_no: String,
    refund: String,
    amounts: [Decimal; 3],
}

impl Ledger {
    /// Our rows of the span that the call names.
    fn rows_of_span(&self, ask: &Ask<'_>) -> Result<Vec<&Settlement>, String> {
        let wanted = ask.facts();
        let (from, to) = (wanted.text("stmt_begndate"), wanted.text("stmt_enddate"));
        if to < from {
            return Err(format!("对账结束日期 {to} 早于开始日期 {from}"));
        }
        let insutype = wanted.text("insutype");
        let without_refunds = wanted.text("refd_setl_flag") == "0";
        let theirs = |row: &&Settlement| {
            let day = row.setl_time.get(..10).unwrap_or_default();
            let refunded = row.undoes.is_some() || row.standing != Standing::Live;
            row.standing != Standing::Reversed
                && row.fixmedins_code == ask.call.fixmedins_code
                && row.care.clr_type() == wanted.text("clr_type")
                && (insutype.is_empty() || row.insutype == insutype)
                && (from <= day && day <= to)
                && !(without_refunds && refunded)
        };
        Ok(self.settlements.iter().filter(theirs).collect())
    }

    /// 3201.
    fn compare_sums(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let rows = self.rows_of_span(ask)?;
        let sum = |part: fn(&Settlement) -> Decimal| rows.iter().map(|row| part(row)).sum::<Decimal>();
        let ours = [
            sum(|row| row.shares.scope.sum),
            sum(|row| row.shares.fund()),
            sum(|row| row.shares.account),
            Decimal::from(rows.len()),
        ];
        let names = ["medfee_sumamt", "fund_pay_sumamt", "acct_pay", "fixmedins_setl_cnt"];
        let mut theirs = [Decimal::ZERO; 4];
        for (sum, name) in theirs.iter_mut().zip(names) {
            *sum = ask.call.need_amount(name)?;
        }
        let verdict = match (theirs == ours, self.habits.tells_who_has_more) {
            (true, _) => "0",
            (false, false) => "1",
            (false, true) if ours[3] > theirs[3] => "1",
            (false, true) if ours[3] < theirs[3] => "2",
            (false, true) => "3",
        };
        let told = format!(
            "平台：{} 笔，医疗费 {}，基金 {}，个账 {}",
            rows.len(),
            yuan::text(ours[0]),
            yuan::text(ours[1]),
            yuan::text(ours[2])
        );
        let info = Record::new()
            .with("setl_optins", ask.call.field("setl_optins").unwrap_or_else(|| "990100".to_string()))
            .with("stmt_rslt", verdict)
            .with("stmt_rslt_dscr", told);
        ask.found(vec![("stmtinfo", Part::One(info))])
    }

    /// 3202: a file with the rows that differ; rows that only we have come without setl_id and mdtrt_id.
    fn compare_rows(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let bytes = self.file_bytes(&ask.call.field("file_qury_no").unwrap_or_default());
        let bytes = bytes.map_err(|why| format!("{why}（对账文件用 {} 上传）", named("9101")))?;
        let theirs = read(&archive::unpack(&bytes)?)?;
        let ours = self.rows_of_span(ask)?;
        let known: BTreeMap<&str, &Settlement> = ours.iter().map(|row| (row.setl_id.as_str(), *row)).collect();
        let mut lines = Vec::new();
        for row in &theirs {
            let found = known.get(row.setl_id.as_str());
            let verdict = match found {
                Some(own) if amounts(own) == row.amounts => continue,
                Some(_) => ("3", "金额不一致"),
                None => ("2", "平台没有"),
            };
            let msgid = found.map_or("", |own| own.msgid.as_str());
            let names = [row.psn_no.as_str(), &row.mdtrt_id, &row.setl_id, msgid];
            lines.push(line(names, verdict, &row.refund, found.map_or(row.amounts, |own| amounts(own))));
        }
        for own in ours.iter().filter(|own| !theirs.iter().any(|row| row.setl_id == own.setl_id)) {
            let refund = if own.undoes.is_some() { "1" } else { "0" };
            lines.push(line([&own.psn_no, "", "", &own.msgid], ("1", "机构没有"), refund, amounts(own)));
        }
        let name = format!("3202_{}.txt", ask.now.compact());
        let file = archive::pack(&name, &lines.concat());
        let told = self.keep_file(&format!("{name}.zip"), file, ask.now);
        Ok(Deed::query(ask.output(vec![("fileinfo", Part::One(told))])))
    }
}

fn amounts(row: &Settlement) -> [Decimal; 3] {
    [row.shares.scope.sum, row.shares.fund(), row.shares.account]
}

/// Reads setl_id, mdtrt_id, psn_no, medfee_sumamt, fund_pay_sumamt, acct_pay, refd_setl_flag.
fn read(text: &str) -> Result<Vec<Theirs>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row = |(at, line): (usize, &str)| {
        let cells: Vec<&str> = line.trim_end_matches('\t').split('\t').map(str::trim).collect();
        let wrong = |what: &str| format!("对账文件第 {} 行：{what}", at + 1);
        let [setl_id, mdtrt_id, psn_no, fee, fund, account, refund] = cells[..] else {
            return Err(wrong(&format!("应有 {COLUMNS} 列，收到 {} 列", cells.len())));
        };
        let amount = |text: &str| text.parse::<Decimal>().map_err(|_| wrong("金额不是数字"));
        let amounts = [amount(fee)?, amount(fund)?, amount(account)?];
        let own = |text: &str| text.to_string();
        Ok(Theirs { setl_id: own(setl_id), mdtrt_id: own(mdtrt_id), psn_no: own(psn_no), refund: own(refund), amounts })
    };
    lines.map(row).collect()
}

/// psn_no, mdtrt_id, setl_id, msgid, stmt_rslt, refd_setl_flag, memo, then the amounts.
fn line(names: [&str; 4], (verdict, memo): (&str, &str), refund: &str, amounts: [Decimal; 3]) -> String {
    let [psn_no, mdtrt_id, setl_id, msgid] = names;
    let [fee, fund, account] = amounts.map(yuan::text);
    format!("{psn_no}\t{mdtrt_id}\t{setl_id}\t{msgid}\t{verdict}\t{refund}\t{memo}\t{fee}\t{fund}\t{account}\n")
}
