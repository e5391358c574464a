//! Inpatients: admission to discharge (2401 to 2405), fee lines, trials and settlements in the middle of a stay and at
//! its end (2301 to 2304). The cancellation (2305) stands with the other undoings.

use super::rows::{Before, Row};
use super::visit::Stage;
use super::{Ask, Deed, Ledger, named};
use crate::sandbox::record::{Part, Record};

const STAY: &[&str] = &["mdtrt_id", "psn_no"];
const BILL: &[&str] = &["mdtrt_id", "psn_no", "medfee_sumamt"];

pub(super) const ROWS: &[Row] = &[
    Row { infno: "2301", needs: STAY, before: Before::Admitted, act: |ledger, ask| ledger.add_stay_lines(ask) },
    Row { infno: "2302", needs: STAY, before: Before::Admitted, act: |ledger, ask| ledger.remove_lines(ask) },
    Row { infno: "2303", needs: BILL, before: Before::Admitted, act: |ledger, ask| ledger.presettle(ask) },
    Row { infno: "2303A", needs: BILL, before: Before::Admitted, act: |ledger, ask| ledger.presettle(ask) },
    Row { infno: "2304", needs: BILL, before: Before::Admitted, act: |ledger, ask| ledger.settle_stay(ask) },
    Row { infno: "2304A", needs: BILL, before: Before::Admitted, act: |ledger, ask| ledger.settle_stay(ask) },
    Row { infno: "2401", needs: &["psn_no"], before: Before::Person, act: |ledger, ask| ledger.admit(ask) },
    Row { infno: "2402", needs: STAY, before: Before::InHospital, act: |ledger, ask| ledger.discharge(ask) },
    Row { infno: "2403", needs: STAY, before: Before::InHospital, act: |ledger, ask| ledger.change_stay(ask) },
    Row { infno: "2404", needs: STAY, before: Before::InHospital, act: |ledger, ask| ledger.unadmit(ask) },
    Row { infno: "2405", needs: STAY, before: Before::Discharged, act: |ledger, ask| ledger.undischarge(ask) },
];

impl Ledger {
    /// 2401: nobody lies in two hospitals at once.
    fn admit(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let psn_no = ask.call.need("psn_no")?;
        let lies = |visit: &&super::Visit| visit.is_stay() && visit.stage == Stage::Open && visit.psn_no == psn_no;
        if let Some(visit) = self.visits.values().find(lies).filter(|_| !self.habits.lenient) {
            return Err(format!(
                "该参保人已在 {} 住院，mdtrt_id {}；请先调用 {} 或 {}",
                visit.fixmedins_code,
                visit.mdtrt_id,
                named("2402"),
                named("2404")
            ));
        }
        let mdtrt_id = self.open(ask)?;
        ask.did(vec![("result", Part::One(Record::new().with("mdtrt_id", mdtrt_id)))])
    }

    /// 2301, until the stay's last settlement.
    fn add_stay_lines(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let mdtrt_id = ask.call.need("mdtrt_id")?;
        if self.live(&mdtrt_id).any(|row| !row.mid) && !self.habits.lenient {
            return Err(format!("该次住院已做出院结算；如需补传费用，请先调用 {}", named("2305")));
        }
        self.add_lines(ask)
    }

    /// 2304: the last one of a stay needs the discharge, one in the middle does not.
    fn settle_stay(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let mid = ask.call.field("mid_setl_flag").as_deref() == Some("1");
        let visit = self.visits.get(&ask.call.need("mdtrt_id")?);
        let lies = visit.is_some_and(|visit| visit.stage == Stage::Open);
        if lies && !mid && !self.habits.lenient {
            return Err(format!("该就诊尚未出院；出院结算请先调用 {}，中途结算请填 mid_setl_flag=1", named("2402")));
        }
        self.settle(ask)
    }

    /// 2402.
    fn discharge(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        self.enrich(ask, "dscginfo")?;
        self.visit_mut(ask.call)?.stage = Stage::Discharged;
        ask.did_silently()
    }

    /// 2403.
    fn change_stay(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        if ask.call.rows("adminfo").is_empty() && !self.habits.lenient {
            return Err("缺少节点 adminfo".to_string());
        }
        self.enrich(ask, "adminfo")?;
        ask.did_silently()
    }

    /// 2404: only while the stay has no fee lines at all.
    fn unadmit(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let lines = self.visit_mut(ask.call)?.rows.len();
        if lines > 0 && !self.habits.lenient {
            return Err(format!("该次住院还有 {lines} 行费用，不能撤销入院；请先调用 {}", named("2302")));
        }
        self.void(ask)
    }

    /// 2405: only while the stay's end is not settled.
    fn undischarge(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let mdtrt_id = ask.call.need("mdtrt_id")?;
        if self.live(&mdtrt_id).any(|row| !row.mid) {
            return Err(format!("该次住院已做出院结算，不能撤销出院；请先调用 {}", named("2305")));
        }
        self.visit_mut(ask.call)?.stage = Stage::Open;
        ask.did_silently()
    }
}
