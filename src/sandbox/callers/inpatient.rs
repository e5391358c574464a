//! A stay: admission, fees, now and then a settlement in the middle, discharge, the last settlement.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::books::Belief;
use super::desk_calls::{Caller, Patient};
use super::heard::Told;
use super::settling::as_tried;
use crate::sandbox::call::text;
use crate::sandbox::people::Person;

impl Caller {
    /// One stay; every third is settled once in the middle, every fifth has its last settlement taken back and made again.
    /// `None` when no bill was reached.
    pub(super) async fn inpatient(&mut self, person: &Person) -> Option<()> {
        let mut patient = self.identify(person).await?;
        patient.mdtrt_id = self.admit(&patient).await?;
        if self.draw.below(3) == 0 {
            let sum = self.upload(&patient).await?;
            self.settle_stay(&patient, sum, "1").await?;
        }
        let sum = self.upload(&patient).await?;
        let taken_back = self.draw.below(5) == 0;
        self.discharge(&patient).await?;
        self.settle_stay(&patient, sum, "0").await?;
        if taken_back {
            let mut bill = self.books.bills.pop()?;
            self.take_back("2305", &patient, &mut bill).await;
            let cancelled = matches!(bill.belief, Belief::Cancelled { .. });
            self.books.bills.push(bill);
            if !cancelled {
                return Some(());
            }
            self.settle_stay(&patient, sum, "0").await?;
        }
        Some(())
    }

    /// 2401; the visit's number.
    async fn admit(&mut self, patient: &Patient) -> Option<String> {
        let now = self.desk.now().second();
        let input = json!({
            "mdtrtinfo": {
                "psn_no": patient.psn_no, "insutype": patient.insutype, "coner_name": "沙箱联系人", "tel": "00000000000",
                "begntime": now, "mdtrt_cert_type": "02", "mdtrt_cert_no": patient.certno, "cert_type": "01",
                "certno": patient.certno, "med_type": "21", "ipt_no": format!("ZY{}", self.own_number()),
                "atddr_no": "D990000000001", "chfpdr_name": "沙箱医师", "adm_diag_dscr": "沙箱诊断", "adm_dept_codg": "A03",
                "adm_dept_name": "沙箱内科", "adm_bed": "1", "dscg_maindiag_code": "I10.x00", "dscg_maindiag_name": "沙箱高血压",
                "insuplc_admdvs": patient.insuplc_admdvs, "mdtrtarea_admvs": "990100",
            },
            "diseinfo": [diagnosis(&patient.psn_no, &now)],
        });
        match self.insist("2401", &patient.insuplc_admdvs, &input).await {
            Told::Granted(output) => text(&output["result"], "mdtrt_id"),
            _ => None,
        }
    }

    /// 2301; the sum of the rows.
    async fn upload(&mut self, patient: &Patient) -> Option<Decimal> {
        let batch = self.own_number();
        let (mut rows, sum) = self.fee_rows(&batch, 12);
        for row in &mut rows {
            row["mdtrt_id"] = json!(patient.mdtrt_id);
            row["psn_no"] = json!(patient.psn_no);
            row["med_type"] = json!("21");
        }
        self.insist_done("2301", &patient.insuplc_admdvs, &json!({"feedetail": rows}), "已存在").await?;
        Some(sum)
    }

    /// 2303 and 2304; `None` when the bill is not settled, so that the stay stays open.
    async fn settle_stay(&mut self, patient: &Patient, sum: Decimal, mid_setl_flag: &str) -> Option<()> {
        let input = self.stay_input(patient, sum, mid_setl_flag);
        let Told::Granted(output) = self.insist("2303", &patient.insuplc_admdvs, &json!({"data": input})).await else {
            return None;
        };
        let trial = output["setlinfo"].clone();
        let bill = self
            .settle("2304", patient, |caller| {
                let mut input = caller.stay_input(patient, sum, mid_setl_flag);
                input["invono"] = caller.invoice();
                as_tried(&mut input, &trial);
                json!({"data": input})
            })
            .await;
        let charged = matches!(bill.belief, Belief::Charged { .. });
        self.books.bills.push(bill);
        charged.then_some(())
    }

    fn stay_input(&mut self, patient: &Patient, sum: Decimal, mid_setl_flag: &str) -> Value {
        let mut input = self.voucher(patient);
        input["medfee_sumamt"] = self.desk.dialect.amount(sum);
        input["psn_setlway"] = json!("01");
        input["mdtrt_id"] = json!(patient.mdtrt_id);
        input["mid_setl_flag"] = json!(mid_setl_flag);
        input["insuplc_admdvs"] = json!(patient.insuplc_admdvs);
        input["mdtrtarea_admvs"] = json!("990100");
        input
    }

    /// 2402.
    async fn discharge(&mut self, patient: &Patient) -> Option<()> {
        let now = self.desk.now().second();
        let mut diagnosis = diagnosis(&patient.psn_no, &now);
        diagnosis["mdtrt_id"] = json!(patient.mdtrt_id);
        let input = json!({
            "dscginfo": {
                "mdtrt_id": patient.mdtrt_id, "psn_no": patient.psn_no, "insutype": patient.insutype, "endtime": now,
                "dscg_dept_codg": "A03", "dscg_dept_name": "沙箱内科", "dscg_bed": "1", "dscg_way": "1",
            },
            "diseinfo": [diagnosis],
        });
        self.insist_done("2402", &patient.insuplc_admdvs, &input, "已出院").await
    }
}

fn diagnosis(psn_no: &str, time: &str) -> Value {
    json!({
        "psn_no": psn_no, "diag_type": "1", "maindiag_flag": "1", "diag_srt_no": "1", "diag_code": "I10.x00",
        "diag_name": "沙箱高血压", "diag_dept": "A03", "dise_dor_no": "D990000000001", "dise_dor_name": "沙箱医师",
        "diag_time": time,
    })
}
