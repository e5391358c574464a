//! Money: trial, settlement, cancellation, reversal, and the query of one settlement.

use rust_decimal::Decimal;

use super::shares::{Scope, Shares, person_members};
use super::{Deed, Ledger};
use crate::sandbox::call::Call;
use crate::sandbox::moment::Moment;
use crate::sandbox::people::Person;
use crate::sandbox::tree::Node;

/// What 2601 may undo (national baseline).
const REVERSIBLE: [&str; 7] = ["2102", "2103", "2207", "2208", "2304", "2305", "2401"];

/// What has become of a settlement row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It stands.
    Live,
    /// A second row with this setl_id took it back.
    Cancelled(String),
    /// 2601 removed it; it counts no more.
    Reversed,
}

/// One row of the settlement book: a settlement, or the cancellation of one with every sign turned.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// 结算ID.
    pub setl_id: String,
    /// For a cancellation: the settlement that it takes back.
    pub undoes: Option<String>,
    /// The transaction that made it.
    pub infno: String,
    /// The sender's msgid; answered as `medins_setl_id`.
    pub msgid: String,
    /// Who settled.
    pub fixmedins_code: String,
    /// The visit.
    pub mdtrt_id: String,
    /// The batch; empty for inpatients.
    pub chrg_bchno: String,
    /// For whom.
    pub psn_no: String,
    /// Under which insurance.
    pub insutype: String,
    /// 医疗类别.
    pub med_type: String,
    /// The shares.
    pub shares: Shares,
    /// Platform time, `yyyy-MM-dd HH:mm:ss`.
    pub setl_time: String,
    /// What became of it.
    pub standing: Standing,
}

/// A trial or settlement, computed and not yet booked.
struct Priced {
    person: Person,
    insutype: String,
    mdtrt_id: String,
    chrg_bchno: String,
    shares: Shares,
}

impl Ledger {
    /// 2206 and 2303: computed, not booked.
    pub(super) fn presettle(&self, call: &Call, now: Moment) -> Result<Deed, String> {
        let priced = self.price(call)?;
        let row = priced.row(call, now, String::new());
        let left = self.balance(&priced.person) - priced.shares.account;
        Ok(Deed::query(answer(&row, &priced.person, left, "psn_cash_pay")))
    }

    /// 2207 and 2304.
    pub(super) fn settle(&mut self, call: &Call, now: Moment) -> Result<Deed, String> {
        let priced = self.price(call)?;
        let setl_id = self.number('S');
        let row = priced.row(call, now, setl_id.clone());
        let left = self.balance(&priced.person) - priced.shares.account;
        self.balances.insert(priced.person.psn_no.clone(), left);
        if let Some(visit) = self.visits.get_mut(&priced.mdtrt_id) {
            for line in visit.rows.iter_mut().filter(|line| takes_part(&line.chrg_bchno, &priced.chrg_bchno)) {
                line.setl_id.get_or_insert_with(|| setl_id.clone());
            }
        }
        let output = answer(&row, &priced.person, left, "psn_cash_pay");
        self.book(row);
        Ok(Deed::settled(output, setl_id))
    }

    /// 2208 and 2305: a second row with its own setl_id and every sign turned; the lines are free again.
    pub(super) fn cancel(&mut self, call: &Call, now: Moment) -> Result<Deed, String> {
        let (target, psn_no) = (call.need("setl_id")?, call.need("psn_no")?);
        let original = self.by_setl_id.get(&target).and_then(|at| self.settlements.get(*at));
        let original = original.filter(|row| row.psn_no == psn_no && row.undoes.is_none());
        let original = original.ok_or("未查询到该结算信息")?.clone();
        match original.standing {
            Standing::Live => {}
            Standing::Cancelled(_) => return Err("该笔结算已撤销，请勿重复办理".to_string()),
            Standing::Reversed => return Err("该笔结算已冲正，请勿重复办理".to_string()),
        }
        let person = self.person(&psn_no, call).ok_or("该参保人的参保信息为空")?;
        let setl_id = self.number('S');
        let row = Settlement {
            setl_id: setl_id.clone(),
            undoes: Some(target.clone()),
            infno: call.infno.clone(),
            msgid: call.msgid.clone(),
            shares: original.shares.negated(),
            setl_time: now.second(),
            ..original
        };
        let left = self.give_back(&person, row.shares.account);
        self.stand(&target, Standing::Cancelled(setl_id.clone()));
        self.free_lines(&row.mdtrt_id, &target);
        let cash_name = if call.infno == "2208" { "pdn_cash_pay" } else { "psn_cash_pay" };
        let output = answer(&row, &person, left, cash_name);
        self.book(row);
        Ok(Deed::settled(output, setl_id))
    }

    /// 2601. Success for a msgid that was never seen, too: "nothing to undo" looks like "undone", as on real platforms.
    pub(super) fn reverse(&mut self, call: &Call) -> Result<Deed, String> {
        let (omsgid, oinfno, psn_no) = (call.need("omsgid")?, call.need("oinfno")?, call.need("psn_no")?);
        if !REVERSIBLE.contains(&oinfno.as_str()) {
            return Err(format!("交易 {oinfno} 不支持冲正"));
        }
        let places = self.by_msgid.get(&omsgid).into_iter().flatten();
        let mut rows = places.filter_map(|at| self.settlements.get(*at));
        let Some(row) = rows.find(|row| row.psn_no == psn_no && row.infno.trim_end_matches('A') == oinfno).cloned()
        else {
            return Ok(Deed { result: Ok(Node::Null), setl_id: None, committed: false });
        };
        match row.standing {
            Standing::Reversed => return Err("原交易已冲正，请勿重复办理".to_string()),
            Standing::Cancelled(_) => return Err("该笔结算已撤销，请勿重复办理".to_string()),
            Standing::Live => {}
        }
        if let Some(person) = self.person(&psn_no, call) {
            self.give_back(&person, -row.shares.account);
        }
        self.stand(&row.setl_id, Standing::Reversed);
        match &row.undoes {
            // A reversed cancellation puts the settlement back, with its lines.
            Some(original) => {
                self.stand(original, Standing::Live);
                self.take_lines(&row, original);
            }
            None => self.free_lines(&row.mdtrt_id, &row.setl_id),
        }
        Ok(Deed { result: Ok(Node::Null), setl_id: Some(row.setl_id), committed: true })
    }

    /// 5203: finds a settlement only by its setl_id.
    pub(super) fn settlement_info(&self, call: &Call) -> Result<Deed, String> {
        let (setl_id, psn_no) = (call.need("setl_id")?, call.need("psn_no")?);
        let row = self.by_setl_id.get(&setl_id).and_then(|at| self.settlements.get(*at));
        let row = row.filter(|row| row.psn_no == psn_no && row.standing != Standing::Reversed);
        let row = row.ok_or("未查询到该结算信息")?;
        let person = self.person(&psn_no, call).ok_or("该参保人的参保信息为空")?;
        let mut members = setlinfo(row, &person, self.balance(&person), "cash_payamt");
        let refunded = row.undoes.is_some() || row.standing != Standing::Live;
        members.push(("refd_setl_flag", Node::text(if refunded { "1" } else { "0" })));
        Ok(Deed::query(Node::Object(vec![
            ("setlinfo", Node::Object(members)),
            ("setldetail", row.shares.detail(&row.insutype)),
        ])))
    }

    /// Computes what a trial and a settlement share: visit, lines, stated sum, shares.
    fn price(&self, call: &Call) -> Result<Priced, String> {
        let (mdtrt_id, psn_no) = (call.need("mdtrt_id")?, call.need("psn_no")?);
        let stated = call.need_amount("medfee_sumamt")?;
        let outpatient = call.infno.starts_with("2206") || call.infno.starts_with("2207");
        let chrg_bchno = if outpatient { call.need("chrg_bchno")? } else { String::new() };
        let person = self.person(&psn_no, call).ok_or("该参保人的参保信息为空")?;
        let visit = self.visits.get(&mdtrt_id).filter(|visit| visit.open && visit.psn_no == psn_no);
        if visit.is_none() && !self.habits.lenient {
            return Err(format!("未查询到就诊信息：mdtrt_id {mdtrt_id}"));
        }
        let lines = visit.into_iter().flat_map(|visit| &visit.rows);
        let mut lines =
            lines.filter(|line| takes_part(&line.chrg_bchno, &chrg_bchno) && line.setl_id.is_none()).peekable();
        let scope = if lines.peek().is_some() {
            lines.fold(Scope::default(), |sum, line| sum.plus(line.scope))
        } else if self.is_settled(&mdtrt_id, &chrg_bchno) && !self.habits.settles_twice {
            return Err("该收费批次费用已结算，请勿重复结算".to_string());
        } else if self.habits.lenient || self.habits.settles_twice {
            Scope { sum: stated, ..Scope::default() }
        } else {
            return Err("未查询到可结算的费用明细".to_string());
        };
        if scope.sum != stated {
            return Err(format!("医疗费总额 {stated} 与费用明细合计 {} 不一致", scope.sum));
        }
        let insutype = call.field("insutype").or_else(|| visit.map(|visit| visit.insutype.clone()));
        let insutype = insutype.unwrap_or_else(|| person.insutype.to_string());
        let uses_account = call.field("acct_used_flag").as_deref() == Some("1");
        let balance = if uses_account { self.balance(&person).max(Decimal::ZERO) } else { Decimal::ZERO };
        let shares = Shares::split(scope, &insutype, balance);
        Ok(Priced { person, insutype, mdtrt_id, chrg_bchno, shares })
    }

    fn is_settled(&self, mdtrt_id: &str, chrg_bchno: &str) -> bool {
        let mut rows = self.by_visit.get(mdtrt_id).into_iter().flatten().filter_map(|at| self.settlements.get(*at));
        rows.any(|row| row.standing == Standing::Live && row.undoes.is_none() && row.chrg_bchno == chrg_bchno)
    }

    fn book(&mut self, row: Settlement) {
        let at = self.settlements.len();
        self.by_setl_id.insert(row.setl_id.clone(), at);
        self.by_msgid.entry(row.msgid.clone()).or_default().push(at);
        self.by_visit.entry(row.mdtrt_id.clone()).or_default().push(at);
        self.settlements.push(row);
    }

    fn stand(&mut self, setl_id: &str, standing: Standing) {
        let row = self.by_setl_id.get(setl_id).and_then(|at| self.settlements.get_mut(*at));
        if let Some(row) = row {
            row.standing = standing;
        }
    }

    /// Books the (negative) account share of an undoing row; the balance that is left.
    fn give_back(&mut self, person: &Person, account: Decimal) -> Decimal {
        let left = self.balance(person) - account;
        self.balances.insert(person.psn_no.clone(), left);
        left
    }

    fn free_lines(&mut self, mdtrt_id: &str, setl_id: &str) {
        let lines = self.visits.get_mut(mdtrt_id).into_iter().flat_map(|visit| &mut visit.rows);
        for line in lines.filter(|line| line.setl_id.as_deref() == Some(setl_id)) {
            line.setl_id = None;
        }
    }

    fn take_lines(&mut self, cancellation: &Settlement, original: &str) {
        let lines = self.visits.get_mut(&cancellation.mdtrt_id).into_iter().flat_map(|visit| &mut visit.rows);
        for line in lines.filter(|line| takes_part(&line.chrg_bchno, &cancellation.chrg_bchno)) {
            line.setl_id.get_or_insert_with(|| original.to_string());
        }
    }
}

/// An inpatient settlement (no batch) takes every line of the stay.
fn takes_part(line_batch: &str, batch: &str) -> bool {
    batch.is_empty() || line_batch == batch
}

impl Priced {
    fn row(&self, call: &Call, now: Moment, setl_id: String) -> Settlement {
        Settlement {
            setl_id,
            undoes: None,
            infno: call.infno.clone(),
            msgid: call.msgid.clone(),
            fixmedins_code: call.fixmedins_code.clone(),
            mdtrt_id: self.mdtrt_id.clone(),
            chrg_bchno: self.chrg_bchno.clone(),
            psn_no: self.person.psn_no.clone(),
            insutype: self.insutype.clone(),
            med_type: call.field("med_type").unwrap_or_else(|| "11".to_string()),
            shares: self.shares,
            setl_time: now.second(),
            standing: Standing::Live,
        }
    }
}

fn answer(row: &Settlement, person: &Person, left: Decimal, cash_name: &'static str) -> Node {
    Node::Object(vec![
        ("setlinfo", Node::Object(setlinfo(row, person, left, cash_name))),
        ("setldetail", row.shares.detail(&row.insutype)),
    ])
}

fn setlinfo(row: &Settlement, person: &Person, left: Decimal, cash_name: &'static str) -> Vec<(&'static str, Node)> {
    let mut members = vec![("mdtrt_id", Node::text(&row.mdtrt_id))];
    if !row.setl_id.is_empty() {
        members.push(("setl_id", Node::text(&row.setl_id)));
    }
    let person = Person { insutype: insurance(&row.insutype), ..person.clone() };
    members.extend(person_members(&person));
    members.extend([
        ("setl_time", Node::text(&row.setl_time)),
        ("mdtrt_cert_type", Node::text("01")),
        ("med_type", Node::text(&row.med_type)),
    ]);
    members.extend(row.shares.members(&row.insutype, left, cash_name));
    members.extend([
        ("medins_setl_id", Node::text(&row.msgid)),
        ("clr_optins", Node::text("990100")),
        ("clr_way", Node::text("1")),
        ("clr_type", Node::text(if row.chrg_bchno.is_empty() { "21" } else { "11" })),
        ("exp_content", Node::Null),
    ]);
    members
}

/// The two insurances of the stand-in.
fn insurance(insutype: &str) -> &'static str {
    if insutype == "310" { "310" } else { "390" }
}
