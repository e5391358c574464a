//! An outpatient visit, from the card to the receipt.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::desk_calls::{Caller, Patient};
use super::heard::Told;
use super::settling::as_tried;
use crate::sandbox::call::text;
use crate::sandbox::people::Person;

/// A bill about to be settled.
struct Due {
    chrg_bchno: String,
    sum: Decimal,
    trial: Value,
}

impl Caller {
    /// One visit; every seventh bill is taken back at the end. `None` when no bill was reached.
    pub(super) async fn outpatient(&mut self, person: &Person) -> Option<()> {
        let mut patient = self.identify(person).await?;
        patient.mdtrt_id = self.register(&patient).await?;
        let due = self.charge(&patient).await?;
        let mut bill = self
            .settle("2207", &patient, |caller| {
                let mut input = caller.bill_input(&patient, &due.chrg_bchno, due.sum);
                input["invono"] = caller.invoice();
                as_tried(&mut input, &due.trial);
                json!({"data": input})
            })
            .await;
        if self.books.bills.len() % 7 == 6 {
            self.take_back("2208", &patient, &mut bill).await;
        }
        self.books.bills.push(bill);
        Some(())
    }

    /// 2201; the visit's number.
    async fn register(&mut self, patient: &Patient) -> Option<String> {
        let input = json!({"data": {
            "psn_no": patient.psn_no, "insutype": patient.insutype, "begntime": self.desk.now().second(),
            "mdtrt_cert_type": "02", "mdtrt_cert_no": patient.certno, "ipt_otp_no": format!("MZ{}", self.own_number()),
            "psn_cert_type": "01", "certno": patient.certno, "psn_type": patient.psn_type, "psn_name": patient.psn_name,
            "atddr_no": "D990000000001", "dr_name": "沙箱医师", "dept_code": "A03", "dept_name": "沙箱内科", "caty": "A03",
        }});
        match self.insist("2201", &patient.insuplc_admdvs, &input).await {
            Told::Granted(output) => text(&output["data"], "mdtrt_id"),
            _ => None,
        }
    }

    /// 2204 and 2206; the bill with its trial.
    async fn charge(&mut self, patient: &Patient) -> Option<Due> {
        let chrg_bchno = self.own_number();
        let (mut rows, sum) = self.fee_rows(&chrg_bchno, 5);
        for row in &mut rows {
            row["mdtrt_id"] = json!(patient.mdtrt_id);
            row["psn_no"] = json!(patient.psn_no);
            row["chrg_bchno"] = json!(chrg_bchno);
            row["dise_codg"] = json!("");
        }
        self.insist_done("2204", &patient.insuplc_admdvs, &json!({"feedetail": rows}), "已存在").await?;
        let input = self.bill_input(patient, &chrg_bchno, sum);
        match self.insist("2206", &patient.insuplc_admdvs, &json!({"data": input})).await {
            Told::Granted(output) => Some(Due { chrg_bchno, sum, trial: output["setlinfo"].clone() }),
            _ => None,
        }
    }

    fn bill_input(&mut self, patient: &Patient, chrg_bchno: &str, sum: Decimal) -> Value {
        let mut input = self.voucher(patient);
        input["med_type"] = json!("11");
        input["medfee_sumamt"] = self.desk.dialect.amount(sum);
        input["psn_setlway"] = json!("01");
        input["mdtrt_id"] = json!(patient.mdtrt_id);
        input["chrg_bchno"] = json!(chrg_bchno);
        input
    }
}
