//! Smart audit: verdicts over orders (3101 before, 3102 in course), by a small table of rules, and what the doctor
//! answered (3103).

use rust_decimal::Decimal;
use serde_json::Value;

use super::rows::{Before, Row};
use super::{Ask, Deed, Ledger, named};
use crate::sandbox::call::text;
use crate::sandbox::record::{Part, Record};

pub(super) const ROWS: &[Row] = &[
    Row { infno: "3101", needs: &[], before: Before::Nothing, act: |ledger, ask| ledger.judge(ask) },
    Row { infno: "3102", needs: &[], before: Before::Nothing, act: |ledger, ask| ledger.judge(ask) },
    Row { infno: "3103", needs: &[], before: Before::Nothing, act: |ledger, ask| ledger.take_feedback(ask) },
];

/// One rule: what it is called, how bad a hit is (1 clear, 3 light), and whether an order breaks it.
struct Rule {
    id: &'static str,
    name: &'static str,
    severity: &'static str,
    breaks: fn(&Record, &[Record]) -> bool,
}

const RULES: [Rule; 4] = [
    Rule {
        id: "SB001",
        name: "同日重复开立",
        severity: "2",
        breaks: |order, all| {
            let same = |other: &&Record| {
                ["hilist_code", "drord_begn_date"].iter().all(|name| other.text(name) == order.text(name))
            };
            all.iter().filter(same).count() > 1
        },
    },
    Rule {
        id: "SB002", name: "数量超限", severity: "1", breaks: |order, _| order.amount("cnt") > Decimal::from(30)
    },
    Rule {
        id: "SB003",
        name: "单价超过限价",
        severity: "1",
        breaks: |order, _| {
            let ceiling = order.amount("hilist_pric");
            ceiling > Decimal::ZERO && order.amount("pric") > ceiling
        },
    },
    Rule {
        id: "SB004",
        name: "金额与数量单价不符",
        severity: "3",
        breaks: |order, _| {
            let off = order.amount("cnt") * order.amount("pric") - order.amount("sumamt");
            off.abs() > Decimal::new(1, 2)
        },
    },
];

/// Orders of one call.
const ORDERS_MAX: usize = 2000;
/// Verdicts remembered for 3103.
const VERDICTS_MAX: usize = 10_000;

impl Ledger {
    /// Verdicts given so far.
    pub fn verdicts_given(&self) -> usize {
        self.verdicts.len()
    }

    /// 3101, 3102: a verdict for each rule that an encounter breaks; no verdict is a good answer, too.
    fn judge(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let data = ask.call.rows("data").first();
        let patients = data.map(|data| rows_of(data, "patient_dtos")).filter(|rows| !rows.is_empty());
        let patients = patients.ok_or("缺少节点 patient_dtos")?;
        let mut verdicts = Vec::new();
        for patient in patients {
            let encounters = rows_of(patient, "fsi_encounter_dtos");
            if encounters.is_empty() {
                return Err("缺少节点 fsi_encounter_dtos".to_string());
            }
            for encounter in encounters {
                self.check_encounter(ask, encounter)?;
                let about = Record::new()
                    .with("patn_id", text(patient, "patn_id").ok_or("字段 patn_id 不能为空")?)
                    .with("mdtrt_id", text(encounter, "mdtrt_id").unwrap_or_default());
                let orders: Vec<Record> = rows_of(encounter, "fsi_order_dtos").iter().map(Record::of).collect();
                if orders.is_empty() || orders.len() > ORDERS_MAX {
                    return Err(format!("fsi_order_dtos 应为 1 至 {ORDERS_MAX} 行，收到 {} 行", orders.len()));
                }
                for rule in &RULES {
                    verdicts.extend(self.verdict(rule, &about, &orders));
                }
            }
        }
        if self.verdicts.len() > VERDICTS_MAX {
            self.verdicts.drain(..VERDICTS_MAX / 2);
        }
        ask.did(vec![("result", Part::Nested(verdicts))])
    }

    /// 3102 judges a visit that the platform knows.
    fn check_encounter(&self, ask: &Ask<'_>, encounter: &Value) -> Result<(), String> {
        let mdtrt_id = text(encounter, "mdtrt_id").unwrap_or_default();
        if ask.call.infno == "3102" && !self.visits.contains_key(&mdtrt_id) && !self.habits.lenient {
            return Err(format!(
                "事中审核的就诊不存在：mdtrt_id {mdtrt_id}；请先调用 {} 或 {}",
                named("2201"),
                named("2401")
            ));
        }
        Ok(())
    }

    fn verdict(
        &mut self,
        rule: &Rule,
        about: &Record,
        orders: &[Record],
    ) -> Option<(Record, &'static str, Vec<Record>)> {
        let current = |order: &&Record| order.text("curr_drord_flag") != "0";
        let broken: Vec<&Record> = orders.iter().filter(current).filter(|order| (rule.breaks)(order, orders)).collect();
        let amount: Decimal = broken.iter().map(|order| order.amount("sumamt")).sum();
        let first = broken.first()?;
        let id = self.number('J');
        let content = format!("{}：{} 等 {} 条医嘱", rule.name, first.text("hilist_name"), broken.len());
        let verdict = about
            .clone()
            .with("jr_id", &id)
            .with("rule_id", rule.id)
            .with("rule_name", rule.name)
            .with("vola_cont", &content)
            .with_amount("vola_amt", amount)
            .with("vola_amt_stas", "1")
            .with("sev_deg", rule.severity)
            .with("vola_evid", content)
            .with("vola_bhvr_type", "2");
        let details = broken.iter().enumerate().map(|(at, order)| {
            let detail = about.clone().with("jrd_id", format!("{id}{at:03}")).with("rx_id", order.text("rx_id"));
            detail.with("vola_item_type", "1").with_amount("vola_amt", order.amount("sumamt"))
        });
        self.verdicts.push(verdict.clone());
        Some((verdict, "result/judge_result_detail_dtos", details.collect()))
    }

    /// 3103: every named verdict was given here; who goes on says why.
    fn take_feedback(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let warns = ask.call.rows("data").first().map(|data| rows_of(data, "warns")).unwrap_or_default();
        if warns.is_empty() {
            return Err("缺少节点 warns".to_string());
        }
        for warn in warns {
            let id = text(warn, "warn_rslt_id").ok_or("字段 warn_rslt_id 不能为空")?;
            if !self.verdicts.iter().any(|verdict| verdict.text("jr_id") == id) {
                let (before, course) = (named("3101"), named("3102"));
                return Err(format!("未查询到审核结果：warn_rslt_id {id}；请先调用 {before} 或 {course}"));
            }
            if text(warn, "dspo_way").as_deref() == Some("1") && text(warn, "dspo_way_rea").is_none() {
                return Err("继续执行（dspo_way=1）应填写 dspo_way_rea".to_string());
            }
        }
        ask.did_silently()
    }
}

fn rows_of<'a>(node: &'a Value, name: &str) -> &'a [Value] {
    match &node[name] {
        Value::Array(rows) => rows,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}
