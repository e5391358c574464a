//! The books as JSON: every settlement row, and totals that count what stands.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Ledger, Settlement, Standing};
use crate::sandbox::yuan;

/// Sums over the rows that stand; a cancellation counts with its turned signs, a reversed row not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Rows that count, cancellations included.
    pub rows: u64,
    /// 医疗费总额.
    #[serde(with = "yuan")]
    pub medfee_sumamt: Decimal,
    /// 基金支付总额.
    #[serde(with = "yuan")]
    pub fund_pay_sumamt: Decimal,
    /// 个人账户.
    #[serde(with = "yuan")]
    pub acct_pay: Decimal,
    /// 现金.
    #[serde(with = "yuan")]
    pub psn_cash_pay: Decimal,
    /// 医院负担.
    #[serde(with = "yuan")]
    pub hosp_part_amt: Decimal,
}

impl Ledger {
    /// Totals over everything, or over one institution.
    pub fn totals(&self, fixmedins_code: Option<&str>) -> Totals {
        let mut totals = Totals::default();
        let theirs = |row: &&Settlement| fixmedins_code.is_none_or(|code| row.fixmedins_code == code);
        for row in self.settlements.iter().filter(theirs).filter(|row| row.standing != Standing::Reversed) {
            totals.rows += 1;
            totals.medfee_sumamt += row.shares.scope.sum;
            totals.fund_pay_sumamt += row.shares.fund();
            totals.acct_pay += row.shares.account;
            totals.psn_cash_pay += row.shares.cash;
            totals.hosp_part_amt += row.shares.hospital;
        }
        totals
    }

    /// The books without the requests: counts, totals, settlement rows from place `from`, at most `rows_max`.
    pub fn statement(&self, from: usize, rows_max: usize) -> Value {
        let rows: Vec<Value> = self.settlements.iter().skip(from).take(rows_max).map(row).collect();
        json!({
            "visits": self.visits.len(),
            "fee_lines": self.visits.values().map(|visit| visit.rows.len()).sum::<usize>(),
            "filings": self.filings_standing(),
            "mappings": self.mapped(),
            "goods": self.goods.len(),
            "lists": self.lists_uploaded(),
            "files": self.files_kept(),
            "verdicts": self.verdicts_given(),
            "days_closed": self.days_closed(),
            "settlements_count": self.settlements.len(),
            "totals": self.totals(None),
            "settlements": rows,
        })
    }
}

fn row(row: &Settlement) -> Value {
    let standing = match &row.standing {
        Standing::Live => "live",
        Standing::Cancelled(_) => "cancelled",
        Standing::Reversed => "reversed",
    };
    json!({
        "setl_id": row.setl_id,
        "undoes": row.undoes,
        "infno": row.infno,
        "msgid": row.msgid,
        "fixmedins_code": row.fixmedins_code,
        "mdtrt_id": row.mdtrt_id,
        "chrg_bchno": row.chrg_bchno,
        "psn_no": row.psn_no,
        "insutype": row.insutype,
        "setl_time": row.setl_time,
        "medfee_sumamt": yuan::text(row.shares.scope.sum),
        "fund_pay_sumamt": yuan::text(row.shares.fund()),
        "psn_part_amt": yuan::text(row.shares.person()),
        "acct_pay": yuan::text(row.shares.account),
        "psn_cash_pay": yuan::text(row.shares.cash),
        "hosp_part_amt": yuan::text(row.shares.hospital),
        "standing": standing,
    })
}
