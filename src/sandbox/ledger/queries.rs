//! Questions about visits, diagnoses, settlements, fee lines and sums: 5201 to 5206, and who lies in hospital (5303).

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::rows::{Before, Row};
use super::tariff::Care;
use super::visit::{FeeLine, Stage, Visit};
use super::{Ask, Deed, Ledger, Standing, named};
use crate::sandbox::institutions::Institution;
use crate::sandbox::record::{Part, Record};

const SETTLED: &[&str] = &["setl_id", "psn_no"];
const VISIT: &[&str] = &["mdtrt_id", "psn_no"];

pub(super) const ROWS: &[Row] = &[
    Row { infno: "5201", needs: &["psn_no"], before: Before::Person, act: |ledger, ask| ledger.visits_of(ask) },
    Row { infno: "5202", needs: VISIT, before: Before::Nothing, act: |ledger, ask| ledger.diagnoses_of(ask) },
    Row { infno: "5203", needs: SETTLED, before: Before::Settled, act: |ledger, ask| ledger.settlement_info(ask) },
    Row { infno: "5204", needs: SETTLED, before: Before::Settled, act: |ledger, ask| ledger.lines_of(ask) },
    Row { infno: "5205", needs: &["psn_no"], before: Before::Person, act: |ledger, ask| ledger.medication_of(ask) },
    Row { infno: "5206", needs: &["psn_no"], before: Before::Person, act: |ledger, ask| ledger.sums_of(ask) },
    Row {
        infno: "5303",
        needs: &["begntime", "endtime"],
        before: Before::Nothing,
        act: |ledger, ask| ledger.in_hospital(ask),
    },
];

impl Ledger {
    /// 5201: by person, time and kind.
    fn visits_of(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let psn_no = ask.call.need("psn_no")?;
        let (from, to) = span(ask)?;
        let (mdtrt_id, med_type) = (ask.call.field("mdtrt_id"), ask.call.field("med_type"));
        let theirs = self.visits.values().filter(|visit| {
            let begins = visit.facts.text("begntime");
            let kind = visit.facts.text("med_type");
            visit.psn_no == psn_no
                && visit.stage != Stage::Void
                && (from.as_str() <= begins && begins <= to.as_str())
                && mdtrt_id.as_deref().is_none_or(|wanted| wanted == visit.mdtrt_id)
                && med_type.as_deref().is_none_or(|wanted| kind.is_empty() || wanted == kind)
        });
        let rows = theirs.map(|visit| self.told_visit(visit, ask)).collect::<Result<Vec<_>, _>>()?;
        ask.found(vec![("mdtrtinfo", Part::Rows(rows))])
    }

    fn told_visit(&self, visit: &Visit, ask: &Ask<'_>) -> Result<Record, String> {
        let person = self.person(&visit.psn_no, ask.call)?.facts(&ask.now.year());
        let lies = visit.is_stay() && visit.stage == Stage::Open;
        let own = Record::new()
            .with("mdtrt_id", &visit.mdtrt_id)
            .with("psn_no", &visit.psn_no)
            .with("insutype", &visit.insutype)
            .with("inhosp_stas", if lies { "1" } else { "0" })
            .with("out_flag", if lies { "0" } else { "1" })
            .with("ars_year_ipt_flag", "0");
        let kind =
            Record::new().with("med_type", visit.care("").med_type()).with("endtime", visit.facts.text("begntime"));
        let told = visit.facts.clone().or(&person).or(&kind).and(&own);
        Ok(told.alias("begndate", "begntime").alias("ipt_otp_no", "ipt_no"))
    }

    /// 5202.
    fn diagnoses_of(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let (mdtrt_id, psn_no) = (ask.call.need("mdtrt_id")?, ask.call.need("psn_no")?);
        let visit = self.visits.get(&mdtrt_id).filter(|visit| visit.psn_no == psn_no);
        let visit = visit.ok_or_else(|| {
            format!("未查询到就诊信息：mdtrt_id {mdtrt_id}；请先调用 {} 或 {}", named("2201"), named("2401"))
        })?;
        if visit.diagnoses.is_empty() {
            return Err(format!("该就诊没有诊断信息；请先调用 {}", named("2203")));
        }
        let discharged = if visit.stage == Stage::Discharged { "2" } else { "1" };
        let rows = visit.diagnoses.iter().enumerate().map(|(at, diagnosis)| {
            let own = Record::new()
                .with("diag_info_id", format!("{mdtrt_id}{at:02}").chars().rev().take(30).collect::<String>())
                .with("mdtrt_id", &mdtrt_id)
                .with("psn_no", &psn_no)
                .with("inout_diag_type", discharged);
            let main = if at == 0 { "1" } else { "0" };
            diagnosis.clone().or(&Record::new().with("maindiag_flag", main)).and(&own)
        });
        ask.found(vec![("diseinfo", Part::Rows(rows.collect()))])
    }

    /// 5203: finds a settlement only by its setl_id.
    fn settlement_info(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let (setl_id, psn_no) = (ask.call.need("setl_id")?, ask.call.need("psn_no")?);
        let row = self.settlement(&setl_id).filter(|row| row.psn_no == psn_no && row.standing != Standing::Reversed);
        let row = row.ok_or("未查询到该结算信息")?;
        let person = self.person(&psn_no, ask.call)?;
        let refunded = row.undoes.is_some() || row.standing != Standing::Live;
        let flag = Record::new()
            .with("refd_setl_flag", if refunded { "1" } else { "0" })
            .with("fixmedins_name", Institution::of(&row.fixmedins_code).map_or("沙箱机构", |own| own.name));
        let told = row.told(&person, self.balance(&person)).and(&flag);
        ask.found(vec![("setlinfo", Part::One(told)), ("setldetail", Part::Rows(row.shares.funds(&row.insutype)))])
    }

    /// 5204.
    fn lines_of(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let setl_id = ask.call.need("setl_id")?;
        let row = self.settlement(&setl_id).ok_or("未查询到该结算信息")?;
        let lines = self.visits.get(&row.mdtrt_id).into_iter().flat_map(|visit| &visit.rows);
        let rows: Vec<Record> = lines
            .filter(|line| line.setl_id.as_deref() == Some(&setl_id))
            .map(|line| line.told(&row.med_type).with("setl_id", &setl_id).with("mdtrt_id", &row.mdtrt_id))
            .collect();
        if rows.is_empty() {
            return Err("该结算没有费用明细：已撤销的结算，其明细已释放".to_string());
        }
        ask.found(vec![(".", Part::Rows(rows))])
    }

    /// 5205: what was dispensed for a chronic disease.
    fn medication_of(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let psn_no = ask.call.need("psn_no")?;
        let chronic =
            self.rows_of_person(&psn_no).filter(|row| row.care == Care::Chronic && row.standing == Standing::Live);
        let rows = chronic.filter(|row| row.undoes.is_none()).flat_map(|row| {
            let lines = self.visits.get(&row.mdtrt_id).into_iter().flat_map(|visit| &visit.rows);
            let institution = Institution::of(&row.fixmedins_code).map_or("沙箱机构", |own| own.name);
            let own = Record::new()
                .with("psn_no", &psn_no)
                .with("fixmedins_code", &row.fixmedins_code)
                .with("fixmedins_name", institution);
            let of_row = lines.filter(|line| line.setl_id.as_deref() == Some(&row.setl_id));
            of_row.map(move |line| line.told(&row.med_type).and(&own))
        });
        ask.found(vec![("feedetail", Part::Rows(rows.collect()))])
    }

    /// 5206: sums of the year by insurance: Z01 fee, Z02 fund, Z03 inside the policy, Z04 deductible, Z05 account.
    fn sums_of(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let (psn_no, year) = (ask.call.need("psn_no")?, ask.now.year());
        let wanted = ask.call.field("cum_ym").unwrap_or_default();
        if !wanted.is_empty() && (wanted.len() != 6 || wanted.parse::<u32>().is_err()) {
            return Err("cum_ym 应为六位年月，如 202401".to_string());
        }
        let year = if wanted.is_empty() { year } else { wanted[..4].to_string() };
        let month = if wanted.is_empty() { ask.now.compact()[..6].to_string() } else { wanted };
        let mut sums: BTreeMap<(String, &str), Decimal> = BTreeMap::new();
        for row in self.rows_of_person(&psn_no).filter(|row| row.setl_time.starts_with(&year)) {
            for (code, amount) in [
                ("Z01", row.shares.scope.sum),
                ("Z02", row.shares.fund()),
                ("Z03", row.shares.scope.inside()),
                ("Z04", row.shares.dedc),
                ("Z05", row.shares.account),
            ] {
                *sums.entry((row.insutype.clone(), code)).or_default() += amount;
            }
        }
        let rows = sums.into_iter().map(|((insutype, code), sum)| {
            let row = Record::new().with("insutype", insutype).with("year", &year).with("cum_ym", &month);
            row.with("cum_type_code", code).with_amount("cum", sum)
        });
        ask.found(vec![("cuminfo", Part::Rows(rows.collect()))])
    }

    /// 5303: the calling institution's own patients.
    fn in_hospital(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let (from, to) = span(ask)?;
        let psn_no = ask.call.field("psn_no");
        let lying = self.visits.values().filter(|visit| {
            let begins = visit.facts.text("begntime");
            visit.is_stay()
                && visit.stage == Stage::Open
                && visit.fixmedins_code == ask.call.fixmedins_code
                && psn_no.as_deref().is_none_or(|wanted| wanted == visit.psn_no)
                && from.as_str() <= begins
                && begins <= to.as_str()
        });
        let rows = lying.map(|visit| self.told_visit(visit, ask)).collect::<Result<Vec<_>, _>>()?;
        ask.found(vec![("data", Part::Rows(rows))])
    }
}

impl FeeLine {
    /// Everything that a table may ask of a settled line.
    fn told(&self, med_type: &str) -> Record {
        let codes = Record::new()
            .with("med_type", med_type)
            .with("list_type", "101")
            .with("dosform_name", "片剂")
            .with("spec", "1");
        let facts = codes.and(&self.facts).alias("hilist_code", "med_list_codg").alias("rx_drord_no", "rxno");
        let name = format!("沙箱项目{}", facts.text("med_list_codg"));
        facts.or(&Record::new().with("hilist_name", &name).with("medins_list_name", &name).with("prodname", &name))
    }
}

/// The time that a question is about; open ends when it does not say.
fn span(ask: &Ask<'_>) -> Result<(String, String), String> {
    let from = ask.call.field("begntime").unwrap_or_default();
    let mut to = ask.call.field("endtime").unwrap_or_else(|| "9999".to_string());
    if to.len() == 10 {
        to.push_str(" 23:59:59");
    }
    if to < from { Err(format!("结束时间 {to} 早于开始时间 {from}")) } else { Ok((from, to)) }
}
