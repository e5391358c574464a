//! A filing for a chronic disease: filed, looked up, every fourth revoked.

use serde_json::json;

use super::desk_calls::Caller;
use super::heard::Told;
use crate::sandbox::call::text;
use crate::sandbox::people::Person;

/// Diseases of the simulated filings: code, name.
const DISEASES: [(&str, &str); 4] =
    [("M03900", "沙箱高血压"), ("M01600", "沙箱糖尿病"), ("M04600", "沙箱冠心病"), ("M00500", "沙箱肿瘤")];

impl Caller {
    /// One filing. `None` when it was not filed.
    pub(super) async fn filing(&mut self, person: &Person) -> Option<()> {
        let patient = self.identify(person).await?;
        let (code, name) = *self.draw.one(&DISEASES);
        let dialect = self.desk.dialect;
        let today = self.desk.now().second().split(' ').next().unwrap_or_default().to_string();
        let input = json!({"data": {
            "psn_no": patient.psn_no, "insutype": patient.insutype, "opsp_dise_code": code, "opsp_dise_name": name,
            "insu_optins": patient.insuplc_admdvs, "ide_fixmedins_no": dialect.fixmedins_code,
            "ide_fixmedins_name": dialect.fixmedins_name, "hosp_ide_date": today, "diag_dr_codg": "D990000000001",
            "diag_dr_name": "沙箱医师", "begndate": today,
        }});
        let filed = match self.insist("2503", &patient.insuplc_admdvs, &input).await {
            Told::Granted(output) => text(&output["result"], "trt_dcla_detl_sn")?,
            _ => return None,
        };
        self.insist("5301", &patient.insuplc_admdvs, &json!({"data": {"psn_no": patient.psn_no}})).await;
        if self.draw.below(4) == 0 {
            let input = json!({"data": {"trt_dcla_detl_sn": filed, "psn_no": patient.psn_no, "memo": "沙箱撤销"}});
            self.insist("2504", &patient.insuplc_admdvs, &input).await;
        }
        Some(())
    }
}
