//! The table of every transaction that the stand-in performs: what a call needs in it, and what must have happened
//! before. Refusals name what is missing and which transaction brings it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::visit::Stage;
use super::{Ask, Deed, Ledger, Standing, named};
use super::{
    catalogue, clearing, files, filings, goods, goods_queries, inpatient, lists, mapping, outpatient, persons,
    pharmacy, queries, undo, verdicts,
};
use crate::sandbox::call::Call;
use crate::sandbox::spec;

/// One transaction.
pub(super) struct Row {
    pub(super) infno: &'static str,
    /// Fields without which the call means nothing, however kind the stand-in is.
    pub(super) needs: &'static [&'static str],
    pub(super) before: Before,
    pub(super) act: fn(&mut Ledger, &Ask<'_>) -> Result<Deed, String>,
}

/// What must have happened before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// `psn_no` is somebody's.
    Person,
    /// 2201: an outpatient visit that was not cancelled.
    Registered,
    /// 2401 and not yet 2402: the patient is in hospital.
    InHospital,
    /// 2401, discharged or not.
    Admitted,
    /// 2402.
    Discharged,
    /// A settlement of this person.
    Settled,
}

const FAMILIES: [&[Row]; 15] = [
    persons::ROWS,
    catalogue::ROWS,
    outpatient::ROWS,
    pharmacy::ROWS,
    inpatient::ROWS,
    undo::ROWS,
    filings::ROWS,
    verdicts::ROWS,
    clearing::ROWS,
    mapping::ROWS,
    goods::ROWS,
    goods_queries::ROWS,
    lists::ROWS,
    queries::ROWS,
    files::ROWS,
];

static ROWS: LazyLock<BTreeMap<&'static str, &'static Row>> =
    LazyLock::new(|| FAMILIES.iter().flat_map(|rows| rows.iter()).map(|row| (row.infno, row)).collect());

pub(super) fn row(infno: &str) -> Option<&'static Row> {
    ROWS.get(infno).copied()
}

/// Every transaction that the stand-in performs.
pub fn known_numbers() -> impl Iterator<Item = &'static str> {
    ROWS.keys().copied()
}

impl Before {
    /// Whether it happened.
    ///
    /// # Errors
    /// A sentence that says what is missing and which transaction brings it.
    pub(super) fn check(self, ledger: &Ledger, call: &Call) -> Result<(), String> {
        match self {
            Before::Nothing => Ok(()),
            Before::Person => ledger.person(&call.need("psn_no")?, call).map(|_| ()),
            Before::Registered => self.check_visit(ledger, call, "2201"),
            Before::InHospital | Before::Admitted | Before::Discharged => self.check_visit(ledger, call, "2401"),
            Before::Settled => {
                let (setl_id, psn_no) = (call.need("setl_id")?, call.need("psn_no")?);
                let row = ledger.settlement(&setl_id).filter(|row| row.standing != Standing::Reversed);
                let row = row.ok_or_else(|| {
                    format!("未查询到该结算信息：setl_id {setl_id}；请先调用 2207、2304 或 2102 完成结算")
                })?;
                if row.psn_no == psn_no {
                    Ok(())
                } else {
                    Err("未查询到该结算信息：结算与人员编号不一致".to_string())
                }
            }
        }
    }

    fn check_visit(self, ledger: &Ledger, call: &Call, opens: &str) -> Result<(), String> {
        let (mdtrt_id, psn_no) = (call.need("mdtrt_id")?, call.need("psn_no")?);
        let inpatient = opens == "2401";
        let visit =
            ledger.visits.get(&mdtrt_id).filter(|visit| visit.is_stay() == inpatient && visit.stage != Stage::Void);
        let visit = visit.ok_or_else(|| format!("未查询到就诊信息：mdtrt_id {mdtrt_id}；请先调用 {}", named(opens)))?;
        if visit.psn_no != psn_no {
            return Err("就诊信息与人员编号不一致".to_string());
        }
        match (self, visit.stage) {
            (Before::InHospital, Stage::Discharged) => {
                Err(format!("该就诊已办理出院；如需继续，请先调用 {}", named("2405")))
            }
            (Before::Discharged, Stage::Open) => Err(format!("该就诊尚未出院；请先调用 {}", named("2402"))),
            _ => Ok(()),
        }
    }
}

/// Every field that the specification requires is there: in each object, and in each row of a list that is there.
///
/// # Errors
/// The first that is missing.
pub(super) fn check_complete(call: &Call) -> Result<(), String> {
    let nodes = spec::table(&call.infno).map_or(&[][..], |table| &table.input);
    for node in nodes.iter().filter(|node| !node.path.contains('/')) {
        let rows = call.rows(node.path);
        if rows.is_empty() && !node.is_list && node.fields.iter().any(|field| field.must) {
            return Err(format!("缺少节点 {}", node.path));
        }
        for row in rows {
            let there = |name: &str| row.get(name).is_some_and(|value| !value.is_null() && value != "");
            if let Some(field) = node.fields.iter().find(|field| field.must && !there(field.name)) {
                return Err(format!("字段 {} 不能为空（节点 {}）", field.name, node.path));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_transaction_of_the_specification_and_stands_once() {
        let rows: usize = FAMILIES.iter().map(|rows| rows.len()).sum();
        assert_eq!(rows, ROWS.len(), "a number stands twice");
        for infno in known_numbers() {
            assert!(spec::table(infno).is_some(), "{infno} is not in the specification's tables");
        }
    }
}
