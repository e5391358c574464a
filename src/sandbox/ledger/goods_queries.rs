//! What was uploaded of goods, asked back: 3508 to 3513.

use super::goods::Movement;
use super::rows::{Before, Row};
use super::{Ask, Deed, Ledger, named};
use crate::sandbox::record::{Part, Record};

const fn query(infno: &'static str) -> Row {
    Row { infno, needs: &["fixmedins_code"], before: Before::Nothing, act: |ledger, ask| ledger.ask_goods(ask) }
}

pub(super) const ROWS: &[Row] =
    &[query("3508"), query("3509"), query("3510"), query("3511"), query("3512"), query("3513")];

/// Which uploads a query shows, and whether a row stands for a movement or for a trace code.
struct Kind {
    asks: &'static str,
    shows: &'static [&'static str],
    by_code: bool,
}

const KINDS: [Kind; 6] = [
    Kind { asks: "3508", shows: &["3501"], by_code: false },
    Kind { asks: "3509", shows: &["3502"], by_code: false },
    Kind { asks: "3510", shows: &["3503", "3504"], by_code: false },
    Kind { asks: "3511", shows: &["3505", "3505A", "3506"], by_code: false },
    Kind { asks: "3512", shows: &["3501", "3502", "3503"], by_code: true },
    Kind { asks: "3513", shows: &["3505", "3505A", "3506"], by_code: true },
];

/// Fields of the question that narrow the answer, when they are filled.
const NARROWS: [&str; 8] = [
    "fixmedins_code",
    "medins_list_codg",
    "fixmedins_bchno",
    "med_list_codg",
    "mdtrt_id",
    "psn_no",
    "certno",
    "setl_id",
];

impl Ledger {
    fn ask_goods(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let kind = KINDS.iter().find(|kind| kind.asks == ask.call.infno).ok_or("沙箱没有这个商品查询")?;
        let wanted = ask.facts();
        let (from, to) = (wanted.text("begndate"), wanted.text("enddate"));
        if !from.is_empty() && !to.is_empty() && to < from {
            return Err(format!("结束日期 {to} 早于开始日期 {from}"));
        }
        let fits = |movement: &&Movement| {
            let day = movement.facts.text("crte_time").get(..10).unwrap_or_default();
            let narrows = |name: &str| {
                let text = wanted.text(name);
                text.is_empty() || text == movement.facts.text(name)
            };
            !movement.gone
                && kind.shows.contains(&movement.infno.as_str())
                && NARROWS.iter().all(|name| narrows(name))
                && (from.is_empty() || from <= day)
                && (to.is_empty() || day <= to)
        };
        let code = wanted.text("drug_trac_codg");
        let mut rows: Vec<Record> = Vec::new();
        for movement in self.goods.iter().filter(fits) {
            if kind.by_code {
                let codes = movement.codes.iter().filter(|own| code.is_empty() || *own == code);
                rows.extend(codes.map(|own| movement.facts.clone().with("drug_trac_codg", own)));
            } else {
                rows.push(movement.facts.clone());
            }
        }
        if rows.is_empty() {
            let uploads: Vec<String> = kind.shows.iter().map(|infno| named(infno)).collect();
            return Err(format!("未查询到商品信息；请先调用 {}", uploads.join("、")));
        }
        ask.found(vec![(".", Part::Rows(rows))])
    }
}
