//! Pharmacies: trial and sale in one call (2101, 2102), without a registration before. The cancellation (2103) stands
//! with the other undoings.

use super::rows::{Before, Row};
use super::settle::{Draft, Priced};
use super::shares::Scope;
use super::visit::{FeeLine, ROWS_MAX, fee_line};
use super::{Ask, Deed, Ledger};
use crate::sandbox::record::Part;

const SALE: &[&str] = &["psn_no", "medfee_sumamt"];

pub(super) const ROWS: &[Row] = &[
    Row { infno: "2101", needs: SALE, before: Before::Person, act: |ledger, ask| ledger.try_sale(ask) },
    Row { infno: "2102", needs: SALE, before: Before::Person, act: |ledger, ask| ledger.sell(ask) },
];

impl Ledger {
    /// 2101: computed, not booked; the visit's number is one that nobody will meet again.
    fn try_sale(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let lines = sale_lines(ask)?;
        let mdtrt_id = self.number('M');
        let Priced { person, row } = self.price_sale(ask, &lines, mdtrt_id)?;
        let left = self.balance(&person) - row.shares.account;
        Ok(Deed::query(self.tell(ask, &row, &person, left, vec![detail(&lines)])))
    }

    /// 2102: opens the visit, takes the lines, settles. A second one is a second sale: nobody can tell them apart.
    fn sell(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let lines = sale_lines(ask)?;
        let mut priced = self.price_sale(ask, &lines, String::new())?;
        let mdtrt_id = self.open(ask)?;
        let more = vec![detail(&lines)];
        if let Some(visit) = self.visits.get_mut(&mdtrt_id) {
            visit.rows = lines;
        }
        priced.row.mdtrt_id = mdtrt_id;
        self.book_priced(ask, priced, more)
    }

    fn price_sale(&self, ask: &Ask<'_>, lines: &[FeeLine], mdtrt_id: String) -> Result<Priced, String> {
        let person = self.person(&ask.call.need("psn_no")?, ask.call)?;
        let stated = ask.call.need_amount("medfee_sumamt")?;
        let scope = lines.iter().fold(Scope::default(), |sum, line| sum.plus(line.scope));
        if scope.sum != stated {
            return Err(format!("医疗费总额 {stated} 与药品明细合计 {} 不一致", scope.sum));
        }
        let opened_by = "2102".to_string();
        let draft = Draft { mdtrt_id, chrg_bchno: String::new(), scope, mid: false, opened_by };
        self.price_scope(ask, person, draft, None)
    }
}

fn sale_lines(ask: &Ask<'_>) -> Result<Vec<FeeLine>, String> {
    let rows = ask.call.rows("drugdetail");
    if rows.is_empty() || rows.len() > ROWS_MAX {
        return Err(format!("药品明细 drugdetail 应为 1 至 {ROWS_MAX} 行，收到 {} 行", rows.len()));
    }
    rows.iter().map(fee_line).collect()
}

fn detail(lines: &[FeeLine]) -> (&'static str, Part) {
    ("detlcutinfo", Part::Rows(lines.iter().map(|line| line.facts.clone()).collect()))
}
