//! A row as the hospital submits it, and the file of all of them.

use crate::domain::money::written;

use super::super::ledger::amounts::Amounts;

/// A row of the hospital: of the journal, or of the HIS alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// 结算ID.
    pub setl_id: String,
    /// 就诊ID.
    pub mdtrt_id: String,
    /// 人员编号; empty of a row that only the HIS has.
    pub psn_no: String,
    /// 险种; empty likewise.
    pub insutype: String,
    /// It takes another one back.
    pub refund: bool,
    /// With their sign.
    pub amounts: Amounts,
}

/// What rows come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Rows; a settlement and its refund are two.
    pub rows: u64,
    /// Sums, refunds taken off; what a row does not say adds nothing.
    pub amounts: Amounts,
}

impl Totals {
    /// Of rows.
    pub fn of<'e>(rows: impl Iterator<Item = &'e Entry>) -> Totals {
        let zero = Totals { rows: 0, amounts: Amounts([Some(0); 4]) };
        rows.fold(zero, |so_far, row| Totals {
            rows: so_far.rows + 1,
            amounts: so_far.amounts.plus(row.amounts.or(Amounts([Some(0); 4]))),
        })
    }
}

/// The file: the columns that the profile names, TAB between them, one row a line.
pub fn file_of(rows: &[Entry], columns: &[String]) -> String {
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = columns.iter().map(|column| cell(row, column)).collect();
        text += &cells.join("\t");
        text.push('\n');
    }
    text
}

fn cell(row: &Entry, column: &str) -> String {
    let [total, fund, account, cash] = row.amounts.0.map(|units| written(units.unwrap_or(0)));
    // A cell cannot end a cell.
    let plain = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    match column {
        "setl_id" => plain(&row.setl_id),
        "mdtrt_id" => plain(&row.mdtrt_id),
        "psn_no" => plain(&row.psn_no),
        "insutype" => plain(&row.insutype),
        "medfee_sumamt" => total,
        "fund_pay_sumamt" => fund,
        "acct_pay" => account,
        "cash_payamt" => cash,
        "refd_setl_flag" => if row.refund { "1" } else { "0" }.to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settlement_and_its_refund_are_two_rows_whose_sum_is_nothing() {
        let row = |setl_id: &str, refund: bool, units: i64| Entry {
            setl_id: setl_id.to_owned(),
            mdtrt_id: "D1".to_owned(),
            psn_no: "P1".to_owned(),
            insutype: "310".to_owned(),
            refund,
            amounts: Amounts([Some(units), Some(units / 2), None, Some(units / 2)]),
        };
        let rows = [row("S1", false, 3_000_000), row("S2", true, -3_000_000)];
        let columns = "setl_id mdtrt_id psn_no medfee_sumamt fund_pay_sumamt acct_pay refd_setl_flag".split(' ');
        let columns: Vec<String> = columns.map(str::to_owned).collect();
        let expected = "S1\tD1\tP1\t300.00\t150.00\t0.00\t0\nS2\tD1\tP1\t-300.00\t-150.00\t0.00\t1\n";
        assert_eq!(file_of(&rows, &columns), expected);
        let totals = Totals::of(rows.iter());
        assert_eq!((totals.rows, totals.amounts.0), (2, [Some(0); 4]));
    }
}
