//! Sign-in, person query, registration and fee lines: everything before money.

use rust_decimal::Decimal;
use serde_json::Value;

use super::shares::{Level, PRICE_CEILING, Scope, person_members};
use super::{Deed, FeeLine, Ledger, Visit};
use crate::sandbox::call::{Call, text};
use crate::sandbox::moment::Moment;
use crate::sandbox::tree::Node;

/// Rows of one 2204 or 2301, as the specification limits them.
const ROWS_MAX: usize = 100;
/// Stands for "every unsettled row" in 2205 and 2302.
const ALL_ROWS: &str = "0000";

impl Ledger {
    /// 9001: the same operator on several terminals gets the same sign_no.
    pub(super) fn sign_in(&mut self, call: &Call, now: Moment) -> Result<Deed, String> {
        let who = (call.fixmedins_code.clone(), call.need("opter_no")?);
        let sign_no = match self.signed_in.get(&who) {
            Some(sign_no) => sign_no.clone(),
            None => self.number('Q'),
        };
        self.signed_in.insert(who, sign_no.clone());
        let members = vec![("sign_time", Node::text(now.second())), ("sign_no", Node::text(sign_no))];
        Ok(Deed::done(Node::Object(vec![("signinoutb", Node::Object(members))])))
    }

    /// 9002.
    pub(super) fn sign_out(&mut self, call: &Call, now: Moment) -> Result<Deed, String> {
        let who = (call.fixmedins_code.clone(), call.need("opter_no")?);
        let sign_no = call.need("sign_no")?;
        if self.signed_in.get(&who) != Some(&sign_no) {
            return Err("该经办人今日未签到，不能签退".to_string());
        }
        self.signed_in.remove(&who);
        let members = vec![("sign_time", Node::text(now.second()))];
        Ok(Deed::done(Node::Object(vec![("signoutoutb", Node::Object(members))])))
    }

    /// 1101.
    pub(super) fn person_info(&self, call: &Call) -> Result<Deed, String> {
        let number = call.field("certno").or_else(|| call.field("mdtrt_cert_no"));
        let number = number.ok_or("字段 mdtrt_cert_no 不能为空")?;
        let person = self.people.by_certno(&number).ok_or("该参保人的基本信息为空")?;
        let mut baseinfo = person_members(person);
        // The insurance stands in its own node, one row for each.
        baseinfo.truncate(8);
        let insuinfo = vec![
            ("balc", Node::Money(self.balance(person))),
            ("insutype", Node::text(person.insutype)),
            ("psn_type", Node::text(person.psn_type)),
            ("psn_insu_stas", Node::text("1")),
            ("psn_insu_date", Node::text("2020-01-01")),
            ("paus_insu_date", Node::Null),
            ("cvlserv_flag", Node::text("0")),
            ("insuplc_admdvs", Node::text(person.insuplc_admdvs)),
            ("emp_name", Node::text("沙箱单位")),
        ];
        Ok(Deed::query(Node::Object(vec![
            ("baseinfo", Node::Object(baseinfo)),
            ("insuinfo", Node::List(vec![Node::Object(insuinfo)])),
            ("idetinfo", Node::List(Vec::new())),
        ])))
    }

    /// 2201 and 2401.
    pub(super) fn register(&mut self, call: &Call) -> Result<Deed, String> {
        let psn_no = call.need("psn_no")?;
        let person = self.person(&psn_no, call).ok_or("该参保人的参保信息为空")?;
        let insutype = call.field("insutype").unwrap_or_else(|| person.insutype.to_string());
        let mdtrt_id = self.number('M');
        let visit = Visit { psn_no: psn_no.clone(), insutype, rows: Vec::new(), open: true };
        self.visits.insert(mdtrt_id.clone(), visit);
        if call.infno == "2401" {
            let result = Node::Object(vec![("mdtrt_id", Node::text(mdtrt_id))]);
            return Ok(Deed::done(Node::Object(vec![("result", result)])));
        }
        let data = vec![
            ("mdtrt_id", Node::text(mdtrt_id)),
            ("psn_no", Node::text(psn_no)),
            ("ipt_otp_no", Node::text(call.field("ipt_otp_no").unwrap_or_default())),
            ("exp_content", Node::Null),
        ];
        Ok(Deed::done(Node::Object(vec![("data", Node::Object(data))])))
    }

    /// 2202 and 2404: only while nothing of the visit is settled.
    pub(super) fn unregister(&mut self, call: &Call) -> Result<Deed, String> {
        let visit = self.open_visit(call)?;
        if visit.rows.iter().any(|row| row.setl_id.is_some()) {
            return Err("该就诊已有结算，不能撤销登记".to_string());
        }
        visit.open = false;
        Ok(Deed::done(Node::Null))
    }

    /// 2204 and 2301: one bad row fails all, a second row with the same feedetl_sn is bad.
    pub(super) fn add_lines(&mut self, call: &Call) -> Result<Deed, String> {
        let rows = call.rows("feedetail");
        if rows.is_empty() || rows.len() > ROWS_MAX {
            return Err(format!("费用明细应为 1 至 {ROWS_MAX} 行，收到 {} 行", rows.len()));
        }
        let mut lines = Vec::with_capacity(rows.len());
        let mut results = Vec::with_capacity(rows.len());
        for row in rows {
            let (line, result) = fee_line(row)?;
            lines.push(line);
            results.push(result);
        }
        let visit = self.open_visit(call)?;
        for (at, line) in lines.iter().enumerate() {
            let taken = |other: &FeeLine| other.feedetl_sn == line.feedetl_sn;
            if visit.rows.iter().any(taken) || lines.iter().take(at).any(taken) {
                return Err(format!("费用明细流水号 {} 已存在", line.feedetl_sn));
            }
        }
        visit.rows.extend(lines);
        Ok(Deed::done(Node::Object(vec![("result", Node::List(results))])))
    }

    /// 2205 by batch, 2302 by row; "0000" removes every unsettled row of the visit.
    pub(super) fn remove_lines(&mut self, call: &Call) -> Result<Deed, String> {
        let by_batch = call.infno == "2205";
        let which = call.need(if by_batch { "chrg_bchno" } else { "feedetl_sn" })?;
        let visit = self.open_visit(call)?;
        let before = visit.rows.len();
        visit.rows.retain(|row| {
            let named = which == ALL_ROWS || which == if by_batch { &*row.chrg_bchno } else { &*row.feedetl_sn };
            row.setl_id.is_some() || !named
        });
        if visit.rows.len() == before {
            return Err("根据传来的参数在费用明细表中未查询到任何有效相关的记录".to_string());
        }
        Ok(Deed::done(Node::Null))
    }

    /// The visit that the call names. A lenient stand-in opens an unknown one on the spot.
    pub(super) fn open_visit(&mut self, call: &Call) -> Result<&mut Visit, String> {
        let mdtrt_id = call.need("mdtrt_id")?;
        let psn_no = call.need("psn_no")?;
        if self.habits.lenient {
            let insutype = call.field("insutype").unwrap_or_else(|| "390".to_string());
            let opened = Visit { psn_no: psn_no.clone(), insutype, rows: Vec::new(), open: true };
            self.visits.entry(mdtrt_id.clone()).or_insert(opened);
        }
        let visit = self.visits.get_mut(&mdtrt_id).filter(|visit| visit.open);
        let visit = visit.ok_or_else(|| format!("未查询到就诊信息：mdtrt_id {mdtrt_id}"))?;
        if visit.psn_no != psn_no {
            return Err("就诊信息与人员编号不一致".to_string());
        }
        Ok(visit)
    }
}

/// Reads one fee line and writes its result row.
fn fee_line(row: &Value) -> Result<(FeeLine, Node), String> {
    let need = |name: &str| text(row, name).ok_or_else(|| format!("费用明细字段 {name} 不能为空"));
    let amount = |name: &str| -> Result<Decimal, String> {
        need(name)?.parse().map_err(|_| format!("费用明细字段 {name} 不是金额"))
    };
    let feedetl_sn = need("feedetl_sn")?;
    let (sum, count, price) = (amount("det_item_fee_sumamt")?, amount("cnt")?, amount("pric")?);
    if (price * count - sum).abs() > Decimal::new(1, 2) {
        return Err(format!("费用明细 {feedetl_sn}：det_item_fee_sumamt 不等于 cnt × pric"));
    }
    let code = need("med_list_codg")?;
    let level = Level::of_code(&code);
    let scope = Scope::of_line(&code, price, count, sum);
    let own_share = match level {
        Level::A => Decimal::ZERO,
        Level::B => Decimal::new(1, 1),
        Level::C => Decimal::ONE,
    };
    let result = Node::Object(vec![
        ("feedetl_sn", Node::text(&feedetl_sn)),
        ("det_item_fee_sumamt", Node::Money(sum)),
        ("cnt", Node::Money(count)),
        ("pric", Node::Money(price)),
        ("pric_uplmt_amt", Node::Money(if level == Level::A { PRICE_CEILING } else { Decimal::from(999_999) })),
        ("selfpay_prop", Node::Money(own_share)),
        ("fulamt_ownpay_amt", Node::Money(scope.own)),
        ("overlmt_amt", Node::Money(scope.over)),
        ("preselfpay_amt", Node::Money(scope.first)),
        ("inscp_scp_amt", Node::Money(scope.inside())),
        ("chrgitm_lv", Node::text(level.code())),
        ("med_chrgitm_type", Node::text("09")),
        ("bas_medn_flag", Node::text("0")),
        ("hi_nego_drug_flag", Node::text("0")),
        ("lmt_used_flag", Node::text("0")),
        ("drt_reim_flag", Node::text("0")),
        ("memo", Node::text("")),
    ]);
    let chrg_bchno = text(row, "chrg_bchno").unwrap_or_default();
    Ok((FeeLine { feedetl_sn, chrg_bchno, scope, setl_id: None }, result))
}
