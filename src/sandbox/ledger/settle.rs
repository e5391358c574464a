//! Money: a bill priced for trial or settlement, booked, and told as the tables want it.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::shares::{Entitled, Scope, Shares};
use super::tariff::{Care, Per, Tariff};
use super::visit::{Visit, takes_part};
use super::{Ask, Deed, Ledger, named};
use crate::sandbox::call::Call;
use crate::sandbox::institutions::tier;
use crate::sandbox::moment::Moment;
use crate::sandbox::people::Person;
use crate::sandbox::record::{Part, Record};

/// What has become of a settlement row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It stands.
    Live,
    /// A second row with this setl_id took it back.
    Cancelled(String),
    /// 2601 removed it; it counts no more.
    Reversed,
}

/// One row of the settlement book: a settlement, or the cancellation of one with every sign turned.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// Kind of care.
    pub care: Care,
    /// 中途结算: the stay goes on.
    pub mid: bool,
    /// The shares.
    pub shares: Shares,
    /// Platform time, `yyyy-MM-dd HH:mm:ss`.
    pub setl_time: String,
    /// What the request said besides: invoice, diseases, vouchers.
    pub facts: Record,
    /// What became of it.
    pub standing: Standing,
}

/// A trial or settlement, computed and not yet booked.
pub(super) struct Priced {
    pub(super) person: Person,
    pub(super) row: Settlement,
}

impl Ledger {
    /// 2206 and 2303: computed, not booked.
    pub(super) fn presettle(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let Priced { person, row } = self.price(ask)?;
        if let Some(visit) = self.visits.get_mut(&row.mdtrt_id) {
            visit.tried = row.shares.scope.sum;
        }
        let left = self.balance(&person) - row.shares.account;
        Ok(Deed::query(self.tell(ask, &row, &person, left, Vec::new())))
    }

    /// 2207 and 2304.
    pub(super) fn settle(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        if let Some(row) = self.recorded(ask.call) {
            let person = self.person(&row.psn_no, ask.call)?;
            let output = self.tell(ask, &row, &person, self.balance(&person), Vec::new());
            return Ok(Deed { setl_id: Some(row.setl_id.clone()), ..Deed::query(output) });
        }
        let priced = self.price(ask)?;
        if self.habits.strict {
            let tried = self.visits.get(&priced.row.mdtrt_id).map(|visit| visit.tried);
            if tried != Some(priced.row.shares.scope.sum) {
                let trial = if priced.row.care == Care::Stay { "2303" } else { "2206" };
                return Err(format!("该费用尚未预结算；请先调用 {}", named(trial)));
            }
        }
        self.book_priced(ask, priced, Vec::new())
    }

    /// Gives a priced bill its number and enters it.
    pub(super) fn book_priced(
        &mut self,
        ask: &Ask<'_>,
        priced: Priced,
        more: Vec<(&'static str, Part)>,
    ) -> Result<Deed, String> {
        let Priced { person, mut row } = priced;
        let setl_id = self.number('S');
        row.setl_id.clone_from(&setl_id);
        let left = self.balance(&person) - row.shares.account;
        if let Some(visit) = self.visits.get_mut(&row.mdtrt_id) {
            for line in visit.rows.iter_mut().filter(|line| takes_part(&line.chrg_bchno, &row.chrg_bchno)) {
                line.setl_id.get_or_insert_with(|| setl_id.clone());
            }
        }
        let output = self.tell(ask, &row, &person, left, more);
        self.book(row);
        Ok(Deed::settled(output, setl_id))
    }

    /// The live settlement of the same batch, where the platform answers a repeat with it.
    fn recorded(&self, call: &Call) -> Option<Settlement> {
        let (mdtrt_id, batch) = (call.field("mdtrt_id")?, call.field("chrg_bchno").unwrap_or_default());
        let due = self.visits.get(&mdtrt_id).is_some_and(|visit| visit.due(&batch).next().is_some());
        let mid = call.field("mid_setl_flag").as_deref() == Some("1");
        let row = self.live(&mdtrt_id).filter(|row| row.chrg_bchno == batch && row.mid == mid).last();
        row.filter(|_| self.habits.replays && !due).cloned()
    }

    /// Computes what a trial and a settlement share: visit, lines, stated sum, shares.
    fn price(&self, ask: &Ask<'_>) -> Result<Priced, String> {
        let call = ask.call;
        let (mdtrt_id, psn_no) = (call.need("mdtrt_id")?, call.need("psn_no")?);
        let stated = call.need_amount("medfee_sumamt")?;
        let chrg_bchno = if call.infno.starts_with("22") { call.need("chrg_bchno")? } else { String::new() };
        let person = self.person(&psn_no, call)?;
        let visit = self.visits.get(&mdtrt_id);
        let sum = visit.map(|visit| sum(visit, &chrg_bchno)).unwrap_or_default();
        let scope = match sum {
            Some(sum) => sum,
            None if self.is_settled(&mdtrt_id, &chrg_bchno) && !self.habits.settles_twice => {
                return Err("该收费批次费用已结算，请勿重复结算".to_string());
            }
            None if self.habits.lenient || self.habits.settles_twice => Scope { sum: stated, ..Scope::default() },
            None => return Err(self.no_lines(&mdtrt_id, &chrg_bchno, &call.infno)),
        };
        if scope.sum != stated {
            return Err(format!("医疗费总额 {stated} 与费用明细合计 {} 不一致", scope.sum));
        }
        let mid = call.infno.starts_with("23") && call.field("mid_setl_flag").as_deref() == Some("1");
        let opened_by = visit.map_or(call.infno.as_str(), |visit| &visit.opened_by).to_string();
        let draft = Draft { mdtrt_id, chrg_bchno, scope, mid, opened_by };
        self.price_scope(ask, person, draft, visit)
    }

    fn no_lines(&self, mdtrt_id: &str, batch: &str, infno: &str) -> String {
        let upload = if infno.starts_with("22") { "2204" } else { "2301" };
        let batches = self.visits.get(mdtrt_id).into_iter().flat_map(|visit| &visit.rows);
        let mut open: Vec<&str> = batches.filter(|line| line.setl_id.is_none()).map(|line| &*line.chrg_bchno).collect();
        open.dedup();
        let other =
            if open.is_empty() { String::new() } else { format!("（未结算的批次有 {}）", open.join("、")) };
        let batch = if batch.is_empty() { String::new() } else { format!("批次 {batch} ") };
        format!("未查询到可结算的费用明细：{batch}没有未结算的费用{other}；{infno} 之前请先调用 {}", named(upload))
    }

    /// Splits a scope by the law and makes the row of it.
    pub(super) fn price_scope(
        &self,
        ask: &Ask<'_>,
        person: Person,
        draft: Draft,
        visit: Option<&Visit>,
    ) -> Result<Priced, String> {
        let call = ask.call;
        let said = visit.map(|visit| visit.facts.text("med_type")).filter(|text| !text.is_empty());
        let med_type = call.field("med_type").or_else(|| said.map(str::to_string));
        let care = Care::of(&draft.opened_by, med_type.as_deref().unwrap_or_default());
        let med_type = med_type.unwrap_or_else(|| care.med_type().to_string());
        let insutype = call.field("insutype").or_else(|| visit.map(|visit| visit.insutype.clone()));
        let insutype = insutype.unwrap_or_else(|| person.insutype.to_string());
        let disease = call.field("dise_codg").or_else(|| visit.map(|visit| visit.facts.text("dise_codg").to_string()));
        if let Some(why) = self.not_entitled(&person, &insutype, &med_type, &disease.unwrap_or_default()) {
            return Err(why);
        }
        let law = Tariff::of(&insutype, care, tier(&call.fixmedins_code));
        let entitled = self.entitled(&person, &insutype, &draft.mdtrt_id, law, ask.now);
        let uses_account = call.field("acct_used_flag").as_deref() == Some("1");
        let balance = if uses_account { self.balance(&person).max(Decimal::ZERO) } else { Decimal::ZERO };
        let shares = Shares::split(draft.scope, law, &Entitled { balance, ..entitled });
        let facts = ["data", "druginfo"].iter().filter_map(|node| call.rows(node).first()).map(Record::of);
        let row = Settlement {
            setl_id: String::new(),
            undoes: None,
            infno: call.infno.clone(),
            msgid: call.msgid.clone(),
            fixmedins_code: call.fixmedins_code.clone(),
            mdtrt_id: draft.mdtrt_id,
            chrg_bchno: draft.chrg_bchno,
            psn_no: person.psn_no.clone(),
            insutype,
            med_type,
            care,
            mid: draft.mid,
            shares,
            setl_time: ask.now.second(),
            facts: facts.fold(Record::new(), |all, facts| all.and(&facts)),
            standing: Standing::Live,
        };
        Ok(Priced { person, row })
    }

    /// What the law counts for this person so far.
    fn entitled(&self, person: &Person, insutype: &str, mdtrt_id: &str, law: &Tariff, now: Moment) -> Entitled {
        let year = now.year();
        let rows = || self.rows_of_person(&person.psn_no).filter(|row| row.setl_time.starts_with(&year));
        let own = || rows().filter(|row| row.insutype == insutype);
        let dedc_paid = match law.per {
            Per::Bill => Decimal::ZERO,
            Per::Stay => own().filter(|row| row.mdtrt_id == mdtrt_id).map(|row| row.shares.dedc).sum(),
            Per::Year => own().filter(|row| row.care == law.care).map(|row| row.shares.dedc).sum(),
        };
        let pool_paid = own().map(|row| row.shares.pool).sum();
        let (civil, aided) = (person.civil, person.idet_type == "23");
        Entitled { dedc_paid, pool_paid, civil, aided, balance: Decimal::ZERO }
    }

    /// The settlement of this number.
    pub(super) fn settlement(&self, setl_id: &str) -> Option<&Settlement> {
        self.index.setl_id.get(setl_id).and_then(|at| self.settlements.get(*at))
    }

    /// What of a visit is settled now.
    pub(super) fn live(&self, mdtrt_id: &str) -> impl Iterator<Item = &Settlement> {
        let rows = self.index.visit.get(mdtrt_id).into_iter().flatten().filter_map(|at| self.settlements.get(*at));
        rows.filter(|row| row.standing == Standing::Live && row.undoes.is_none())
    }

    fn is_settled(&self, mdtrt_id: &str, chrg_bchno: &str) -> bool {
        self.live(mdtrt_id).any(|row| row.chrg_bchno == chrg_bchno)
    }

    pub(super) fn book(&mut self, row: Settlement) {
        self.index_row(self.settlements.len(), &row);
        self.settlements.push(row);
    }

    pub(super) fn index_row(&mut self, at: usize, row: &Settlement) {
        self.index.setl_id.insert(row.setl_id.clone(), at);
        self.index.msgid.entry(row.msgid.clone()).or_default().push(at);
        self.index.visit.entry(row.mdtrt_id.clone()).or_default().push(at);
        self.index.person.entry(row.psn_no.clone()).or_default().push(at);
    }

    /// The answer of a money call.
    pub(super) fn tell(
        &self,
        ask: &Ask<'_>,
        row: &Settlement,
        person: &Person,
        left: Decimal,
        more: Vec<(&'static str, Part)>,
    ) -> crate::sandbox::tree::Node {
        let mut parts = vec![
            ("setlinfo", Part::One(row.told(person, left))),
            ("setldetail", Part::Rows(row.shares.funds(&row.insutype))),
        ];
        parts.extend(more);
        ask.output(parts)
    }
}

/// What is known of a bill before it is split.
pub(super) struct Draft {
    pub(super) mdtrt_id: String,
    pub(super) chrg_bchno: String,
    pub(super) scope: Scope,
    pub(super) mid: bool,
    /// The transaction that opened the visit.
    pub(super) opened_by: String,
}

/// Sum of the lines that are due; none when no line is.
fn sum(visit: &Visit, batch: &str) -> Option<Scope> {
    let scopes = visit.due(batch).map(|line| line.scope);
    scopes.reduce(Scope::plus)
}

impl Settlement {
    /// Everything that a table may ask of a settlement.
    pub(super) fn told(&self, person: &Person, left: Decimal) -> Record {
        let clock = Record::new()
            .with("setl_time", &self.setl_time)
            .with("begndate", &self.setl_time)
            .with("enddate", &self.setl_time)
            .with("opt_time", &self.setl_time)
            .with("year", self.setl_time.get(..4).unwrap_or_default());
        let law = Tariff::of(&self.insutype, self.care, tier(&self.fixmedins_code));
        let own = Record::new()
            .with("setl_id", &self.setl_id)
            .with("mdtrt_id", &self.mdtrt_id)
            .with("insutype", &self.insutype)
            .with("med_type", &self.med_type)
            .with("pool_prop_selfpay", law.ratio().to_string())
            .with_amount("balc", left)
            .with("medins_setl_id", &self.msgid)
            .with("clr_optins", "990100")
            .with("clr_way", "1")
            .with("clr_type", self.care.clr_type())
            .with("setl_type", "2")
            .with("pay_loc", "1")
            .with("fixmedins_code", &self.fixmedins_code);
        let facts = self.facts.clone().and(&person.facts(self.setl_time.get(..4).unwrap_or_default()));
        facts.and(&clock).and(&self.shares.facts()).and(&own)
    }
}
