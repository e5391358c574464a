//! Settlement lists (基金结算清单): 4101 and 4101A up, 4102 state, 4103 back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rows::{Before, Row};
use super::{Ask, Deed, Ledger, Standing, named};
use crate::sandbox::call::text;
use crate::sandbox::record::{Part, Record};

pub(super) const ROWS: &[Row] = &[
    Row { infno: "4101", needs: &["setl_id"], before: Before::Nothing, act: |ledger, ask| ledger.take_list(ask) },
    Row { infno: "4101A", needs: &["setl_id"], before: Before::Nothing, act: |ledger, ask| ledger.take_list(ask) },
    Row { infno: "4102", needs: &[], before: Before::Nothing, act: |ledger, ask| ledger.move_lists(ask) },
    Row {
        infno: "4103",
        needs: &["setl_id", "psn_no"],
        before: Before::Settled,
        act: |ledger, ask| ledger.show_list(ask),
    },
];

/// Nodes that hold rows of a list, and the row's own number in 4103.
const NODES: [(&str, &str); 6] = [
    ("opspdiseinfo", "setl_list_opsp_trt_id"),
    ("diseinfo", "setl_list_diag_id"),
    ("iteminfo", "etl_list_chrgitm_id"),
    ("oprninfo", "setl_list_oprn_id"),
    ("icuinfo", "setl_list_scs_cutd_id"),
    ("bldinfo", "setl_List_bld_Id"),
];

/// From which states a list may go where (0 saved, 1 submitted, 2 approved, 3 sent back).
const MOVES: [(&str, &str); 3] = [("0", "1"), ("3", "0"), ("3", "1")];

/// One list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct List {
    id: String,
    facts: Record,
    rows: Vec<(String, Vec<Record>)>,
    state: String,
}

impl Ledger {
    /// How many lists were uploaded.
    pub fn lists_uploaded(&self) -> usize {
        self.lists.len()
    }

    /// 4101, 4101A: of a settlement that stands; a second upload replaces the first until it is submitted.
    fn take_list(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let setl_id = ask.call.need("setl_id")?;
        let settled = self.settlement(&setl_id).filter(|row| row.standing == Standing::Live && row.undoes.is_none());
        if settled.is_none() && !self.habits.lenient {
            return Err(format!(
                "未查询到有效的结算：setl_id {setl_id}；请先调用 {} 或 {}",
                named("2304"),
                named("2207")
            ));
        }
        let before = self.lists.get(&setl_id);
        if before.is_some_and(|list| list.state == "1" || list.state == "2") {
            return Err("该结算清单已提交，不能再次上传".to_string());
        }
        let id = match before {
            Some(list) => list.id.clone(),
            None => {
                self.numbers += 1;
                format!("{:09}", self.numbers)
            }
        };
        let facts = ask.call.rows("setlinfo").first().map(Record::of).unwrap_or_default();
        let rows =
            NODES.iter().map(|(node, _)| ((*node).to_string(), ask.call.rows(node).iter().map(Record::of).collect()));
        let told = Record::new().with("setl_list_id", &id);
        let list = List { id, facts, rows: rows.collect(), state: "0".to_string() };
        self.lists.insert(setl_id, list);
        ask.did(vec![("data", Part::One(told))])
    }

    /// 4102: every named list makes its move, or none.
    fn move_lists(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let rows = ask.call.rows("data").first().map(|data| &data["stastinfo"]);
        let rows = rows.and_then(Value::as_array).filter(|rows| !rows.is_empty()).ok_or("缺少节点 stastinfo")?;
        let mut moves = Vec::with_capacity(rows.len());
        for row in rows {
            let (setl_id, to) = (text(row, "setl_id"), text(row, "stas_type"));
            let (setl_id, to) = setl_id.zip(to).ok_or("字段 setl_id 与 stas_type 不能为空")?;
            let list = self.lists.get(&setl_id);
            let list =
                list.ok_or_else(|| format!("未查询到结算清单：setl_id {setl_id}；请先调用 {}", named("4101")))?;
            if !MOVES.contains(&(list.state.as_str(), to.as_str())) {
                return Err(format!("结算清单状态 {} 不能改为 {to}", list.state));
            }
            moves.push((setl_id, to));
        }
        for (setl_id, to) in moves {
            if let Some(list) = self.lists.get_mut(&setl_id) {
                list.state = to;
            }
        }
        ask.did_silently()
    }

    /// 4103.
    fn show_list(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let (setl_id, psn_no) = (ask.call.need("setl_id")?, ask.call.need("psn_no")?);
        let list = self.lists.get(&setl_id);
        let list = list.ok_or_else(|| format!("未查询到结算清单：setl_id {setl_id}；请先调用 {}", named("4101")))?;
        let person = self.person(&psn_no, ask.call)?;
        let row = self.settlement(&setl_id).ok_or("未查询到该结算信息")?;
        let known = row.told(&person, self.balance(&person)).and(&list.facts);
        let own = Record::new()
            .with("setl_list_sn", &list.id)
            .with("stas_type", &list.state)
            .with("mdtrt_id", &row.mdtrt_id)
            .with("psn_no", &psn_no)
            .with("fixmedins_code", &row.fixmedins_code)
            .with_amount("psn_selfpay", row.shares.person())
            .with_amount("psn_ownpay", row.shares.scope.own)
            .with_amount("psn_cashpay", row.shares.cash)
            .with("setl_id", &setl_id);
        let funds = row.shares.funds(&row.insutype).into_iter().map(|fund| {
            let pool = fund.text("fund_pay_type").to_string();
            own.clone().and(&fund).with("poolarea_fund_pay_type", pool)
        });
        let mut parts = vec![("payinfo", Part::Rows(funds.collect()))];
        for (node, number) in NODES {
            let rows = list.rows.iter().find(|(own, _)| own == node).map_or(&[][..], |(_, rows)| rows);
            let numbered = rows.iter().enumerate().map(|(at, row)| {
                let row = row.clone().and(&own).with(number, format!("{}{at:03}", list.id));
                let row = row.alias("med_chrgitm_type", "med_chrgitm").alias("item_sumamt", "amt");
                let row = row.alias("item_claa_sumfee", "claa_sumfee").alias("item_clab_amt", "clab_amt");
                row.alias("item_fulamt_ownpay_amt", "fulamt_ownpay_amt").alias("item_ownpay_amt", "oth_amt")
            });
            parts.push((node, Part::Rows(numbered.collect())));
        }
        // The table requires an outpatient's chronic disease of every list; a list without one says so.
        let disease = list.rows.first().and_then(|(_, rows)| rows.first()).cloned().unwrap_or_default();
        let known = known.or(&disease.alias("opsp_dise_code", "diag_code").alias("opsp_dise_name", "diag_name"));
        let known = known.or(&Record::new().with("opsp_dise_code", "-").with("opsp_dise_name", "-"));
        parts.push(("setlinfo", Part::One(known.and(&own).alias("patn_cert_type", "psn_cert_type"))));
        ask.found(parts)
    }
}
