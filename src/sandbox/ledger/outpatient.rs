//! Outpatients: 2201 to 2207. The cancellation (2208) stands with the other undoings.

use super::rows::{Before, Row};
use super::{Ask, Deed, Ledger};
use crate::sandbox::record::{Part, Record};

const BILL: &[&str] = &["mdtrt_id", "psn_no", "medfee_sumamt", "chrg_bchno"];
const VISIT: &[&str] = &["mdtrt_id", "psn_no"];

pub(super) const ROWS: &[Row] = &[
    Row { infno: "2201", needs: &["psn_no"], before: Before::Person, act: |ledger, ask| ledger.register(ask) },
    Row { infno: "2202", needs: VISIT, before: Before::Registered, act: |ledger, ask| ledger.void(ask) },
    Row { infno: "2203", needs: VISIT, before: Before::Registered, act: |ledger, ask| ledger.diagnose(ask) },
    Row { infno: "2203A", needs: VISIT, before: Before::Registered, act: |ledger, ask| ledger.diagnose(ask) },
    Row { infno: "2204", needs: VISIT, before: Before::Registered, act: |ledger, ask| ledger.add_lines(ask) },
    Row { infno: "2205", needs: VISIT, before: Before::Registered, act: |ledger, ask| ledger.remove_lines(ask) },
    Row { infno: "2206", needs: BILL, before: Before::Registered, act: |ledger, ask| ledger.presettle(ask) },
    Row { infno: "2206A", needs: BILL, before: Before::Registered, act: |ledger, ask| ledger.presettle(ask) },
    Row { infno: "2207", needs: BILL, before: Before::Registered, act: |ledger, ask| ledger.settle(ask) },
    Row { infno: "2207A", needs: BILL, before: Before::Registered, act: |ledger, ask| ledger.settle(ask) },
];

impl Ledger {
    /// 2201.
    fn register(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let mdtrt_id = self.open(ask)?;
        let data = Record::new()
            .with("mdtrt_id", mdtrt_id)
            .with("psn_no", ask.call.need("psn_no")?)
            .with("ipt_otp_no", ask.call.field("ipt_otp_no").unwrap_or_default());
        ask.did(vec![("data", Part::One(data))])
    }

    /// 2203: what kind of visit it is, and its diagnoses.
    fn diagnose(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        if ask.call.rows("diseinfo").is_empty() && !self.habits.lenient {
            return Err("缺少节点 diseinfo：门诊就诊信息至少要有一条诊断".to_string());
        }
        self.enrich(ask, "mdtrtinfo")?;
        ask.did_silently()
    }
}
