//! Visits and their fee lines: registered, uploaded, removed; the same for outpatients and inpatients.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shares::{Level, PRICE_CEILING, Scope};
use super::tariff::Care;
use super::{Ask, Deed, Ledger, named};
use crate::sandbox::call::{Call, text};
use crate::sandbox::record::{Part, Record};
use crate::sandbox::yuan;

/// Rows of one 2204 or 2301, as the specification limits them.
pub(super) const ROWS_MAX: usize = 100;
/// Stands for "every unsettled row" in 2205 and 2302.
const ALL_ROWS: &str = "0000";

/// Where a visit stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Registered or admitted.
    #[default]
    Open,
    /// Discharged (inpatients).
    Discharged,
    /// Its registration or admission was taken back.
    Void,
}

/// One visit, outpatient (2201), inpatient (2401) or at a pharmacy (2102).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Visit {
    pub(super) mdtrt_id: String,
    pub(super) psn_no: String,
    pub(super) insutype: String,
    pub(super) fixmedins_code: String,
    /// The sender's msgid of the registration, for 2601.
    pub(super) msgid: String,
    /// Who registers decides what kind of visit it is: 2201, 2401, 2102.
    pub(super) opened_by: String,
    pub(super) stage: Stage,
    /// What registration and later changes said.
    pub(super) facts: Record,
    pub(super) diagnoses: Vec<Record>,
    pub(super) rows: Vec<FeeLine>,
    /// Sum of the last trial, for the strict.
    #[serde(with = "yuan")]
    pub(super) tried: Decimal,
}

/// One fee line (费用明细).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FeeLine {
    pub(super) feedetl_sn: String,
    pub(super) chrg_bchno: String,
    pub(super) scope: Scope,
    pub(super) setl_id: Option<String>,
    /// The line as uploaded, and how it was priced.
    pub(super) facts: Record,
}

impl Visit {
    pub(super) fn is_stay(&self) -> bool {
        self.opened_by == "2401"
    }

    pub(super) fn care(&self, med_type: &str) -> Care {
        Care::of(&self.opened_by, med_type)
    }

    /// A line that a settlement of this batch takes in; an inpatient's settlement (no batch) takes every one.
    pub(super) fn due<'a>(&'a self, batch: &'a str) -> impl Iterator<Item = &'a FeeLine> {
        self.rows.iter().filter(move |line| takes_part(&line.chrg_bchno, batch) && line.setl_id.is_none())
    }
}

/// Whether a line of `line_batch` belongs to a settlement of `batch`.
pub(super) fn takes_part(line_batch: &str, batch: &str) -> bool {
    batch.is_empty() || line_batch == batch
}

impl Ledger {
    /// Visits that were not taken back, newest first: number, person, who opened it, lines, unsettled lines.
    pub fn visits_open(&self) -> impl Iterator<Item = [String; 5]> {
        let open = self.visits.values().rev().filter(|visit| visit.stage != Stage::Void);
        open.map(|visit| {
            let (lines, due) = (visit.rows.len().to_string(), visit.due("").count().to_string());
            [visit.mdtrt_id.clone(), visit.psn_no.clone(), visit.opened_by.clone(), lines, due]
        })
    }

    /// Opens a visit for the person of the call.
    pub(super) fn open(&mut self, ask: &Ask<'_>) -> Result<String, String> {
        let call = ask.call;
        let person = self.person(&call.need("psn_no")?, call)?;
        let opened_by = call.infno.trim_end_matches('A').to_string();
        let mdtrt_id = self.number('M');
        let node = |path: &str| call.rows(path).first().map(Record::of).unwrap_or_default();
        let facts = node("data").and(&node("mdtrtinfo")).and(&node("druginfo"));
        let visit = Visit {
            mdtrt_id: mdtrt_id.clone(),
            psn_no: person.psn_no.clone(),
            insutype: call.field("insutype").unwrap_or_else(|| person.insutype.to_string()),
            fixmedins_code: call.fixmedins_code.clone(),
            msgid: call.msgid.clone(),
            opened_by,
            stage: Stage::Open,
            facts: facts.or(&Record::new().with("begntime", ask.now.second())),
            diagnoses: call.rows("diseinfo").iter().map(Record::of).collect(),
            rows: Vec::new(),
            tried: Decimal::ZERO,
        };
        self.visits.insert(mdtrt_id.clone(), visit);
        Ok(mdtrt_id)
    }

    /// The visit that the call names. A lenient stand-in opens an unknown one on the spot.
    pub(super) fn visit_mut(&mut self, call: &Call) -> Result<&mut Visit, String> {
        let (mdtrt_id, psn_no) = (call.need("mdtrt_id")?, call.need("psn_no")?);
        if self.habits.lenient {
            let stay = ["23", "24"].contains(&call.infno.get(..2).unwrap_or_default());
            let opened = Visit {
                mdtrt_id: mdtrt_id.clone(),
                psn_no,
                insutype: call.field("insutype").unwrap_or_else(|| "390".to_string()),
                fixmedins_code: call.fixmedins_code.clone(),
                msgid: call.msgid.clone(),
                opened_by: if stay { "2401" } else { "2201" }.to_string(),
                stage: Stage::Open,
                facts: Record::new(),
                diagnoses: Vec::new(),
                rows: Vec::new(),
                tried: Decimal::ZERO,
            };
            self.visits.entry(mdtrt_id.clone()).or_insert(opened);
        }
        self.visits.get_mut(&mdtrt_id).ok_or_else(|| format!("未查询到就诊信息：mdtrt_id {mdtrt_id}"))
    }

    /// 2202 and 2404: only while nothing of the visit is settled.
    pub(super) fn void(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let undo = if ask.call.infno == "2202" { "2208" } else { "2305" };
        let visit = self.visit_mut(ask.call)?;
        if visit.rows.iter().any(|row| row.setl_id.is_some()) {
            return Err(format!("该就诊已有结算，不能撤销登记；请先调用 {}", named(undo)));
        }
        visit.stage = Stage::Void;
        ask.did_silently()
    }

    /// 2204 and 2301: one bad row fails all, a second row with the same feedetl_sn is bad.
    pub(super) fn add_lines(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let (strict, takes_twice) = (self.habits.strict, self.habits.takes_lines_twice);
        let rows = ask.call.rows("feedetail");
        if rows.is_empty() || rows.len() > ROWS_MAX {
            return Err(format!("费用明细应为 1 至 {ROWS_MAX} 行，收到 {} 行", rows.len()));
        }
        let mut lines = rows.iter().map(fee_line).collect::<Result<Vec<_>, _>>()?;
        let visit = self.visit_mut(ask.call)?;
        if strict && visit.diagnoses.is_empty() {
            return Err(format!("该就诊没有诊断信息；请先调用 {}", named("2203")));
        }
        let results = lines.iter().map(|line| line.facts.clone()).collect();
        for (at, line) in lines.iter().enumerate() {
            let taken = |other: &FeeLine| other.feedetl_sn == line.feedetl_sn;
            let twice = lines.iter().take(at).any(taken) || !takes_twice && visit.rows.iter().any(taken);
            if twice {
                return Err(format!("费用明细流水号 {} 已存在；如需重传，请先调用 2205 或 2302 撤销", line.feedetl_sn));
            }
        }
        lines.retain(|line| !visit.rows.iter().any(|other| other.feedetl_sn == line.feedetl_sn));
        visit.rows.extend(lines);
        ask.did(vec![("result", Part::Rows(results))])
    }

    /// 2205 by batch, 2302 by row; "0000" removes every unsettled row of the visit.
    pub(super) fn remove_lines(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let by_batch = ask.call.infno == "2205";
        let field = if by_batch { "chrg_bchno" } else { "feedetl_sn" };
        let named: Vec<String> = ask.call.rows("data").iter().filter_map(|row| text(row, field)).collect();
        let named = if named.is_empty() { vec![ask.call.need(field)?] } else { named };
        let visit = self.visit_mut(ask.call)?;
        let before = visit.rows.len();
        visit.rows.retain(|row| {
            let own = if by_batch { &row.chrg_bchno } else { &row.feedetl_sn };
            row.setl_id.is_some() || !named.iter().any(|which| which == ALL_ROWS || which == own)
        });
        if visit.rows.len() == before {
            return Err("根据传来的参数在费用明细表中未查询到任何有效相关的记录".to_string());
        }
        ask.did_silently()
    }

    /// 2203, 2402, 2403: what a later call says of a visit, and its diagnoses when it names any.
    pub(super) fn enrich(&mut self, ask: &Ask<'_>, node: &str) -> Result<(), String> {
        let facts = ask.call.rows(node).first().map(Record::of).unwrap_or_default();
        let diagnoses: Vec<Record> = ask.call.rows("diseinfo").iter().map(Record::of).collect();
        let visit = self.visit_mut(ask.call)?;
        visit.facts = std::mem::take(&mut visit.facts).and(&facts);
        let valid = diagnoses.into_iter().filter(|diagnosis| diagnosis.text("vali_flag") != "0").collect::<Vec<_>>();
        if !valid.is_empty() {
            visit.diagnoses = valid;
        }
        Ok(())
    }
}

/// Reads one fee line and prices it.
pub(super) fn fee_line(row: &Value) -> Result<FeeLine, String> {
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
    let ceiling = if level == Level::A { PRICE_CEILING } else { Decimal::from(999_999) };
    let facts = Record::of(row)
        .with("pric_uplmt_amt", ceiling.to_string())
        .with("selfpay_prop", level.own_share().to_string())
        .with_amount("fulamt_ownpay_amt", scope.own)
        .with_amount("overlmt_amt", scope.over)
        .with_amount("preselfpay_amt", scope.first)
        .with_amount("inscp_scp_amt", scope.inside())
        .with("chrgitm_lv", level.code())
        .with("med_chrgitm_type", if code.starts_with('X') { "09" } else { "05" });
    let flags = ["bas_medn_flag", "hi_nego_drug_flag", "chld_medc_flag", "list_sp_item_flag", "lmt_used_flag"];
    let facts = flags.iter().fold(facts, |facts, flag| facts.with(flag, "0")).with("drt_reim_flag", "0");
    let chrg_bchno = text(row, "chrg_bchno").unwrap_or_default();
    Ok(FeeLine { feedetl_sn, chrg_bchno, scope, setl_id: None, facts })
}
