//! A cashier's side: envelopes as a HIS writes them, each with its own msgid, time, sign-in and operator.

use std::sync::atomic::{AtomicU64, Ordering};

use medgate::sandbox::people::{Person, Population};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::doors_rig::Raw;
use crate::rig::{self, TestGateway};

/// One URL for every transaction.
pub const URL: &str = "/fsi/api/rsfComIfsService/callService";
/// The sandbox hospital.
pub const HOSPITAL: &str = "H99000000001";

static SENT: AtomicU64 = AtomicU64::new(0);

/// One bill of one visit, as 2206 and 2207 carry it.
#[derive(Debug, Clone)]
pub struct Bill {
    /// 就诊ID.
    pub mdtrt_id: String,
    /// The fields of `data`.
    pub data: Value,
}

/// A call with a msgid of its own; everything that a retry changes is new each time.
pub fn body(infno: &str, input: &Value) -> String {
    let nth = SENT.fetch_add(1, Ordering::Relaxed) + 1;
    let msgid = format!("{HOSPITAL}2024010203{:08}", nth);
    body_as(&msgid, infno, input)
}

/// A call under a msgid of the test's choice.
pub fn body_as(msgid: &str, infno: &str, input: &Value) -> String {
    let nth = SENT.fetch_add(1, Ordering::Relaxed);
    json!({
        "infno": infno, "msgid": msgid, "mdtrtarea_admvs": "990100", "insuplc_admdvs": "990100",
        "recer_sys_code": "FSI", "infver": "V1.0", "opter_type": "1", "opter": format!("op{}", nth % 7),
        "opter_name": "收费员", "inf_time": format!("2024-01-02 03:{:02}:{:02}", nth / 60 % 60, nth % 60),
        "fixmedins_code": HOSPITAL, "fixmedins_name": "沙箱第一医院", "sign_no": format!("Q{nth}"), "input": input,
    })
    .to_string()
}

/// One call at [`URL`].
pub async fn call(gate: &TestGateway, infno: &str, input: &Value) -> Raw {
    gate.call(URL, &body(infno, input)).await
}

/// One call that the platform must grant.
pub async fn granted(gate: &TestGateway, infno: &str, input: &Value) -> Value {
    let answer = rig::json(&call(gate, infno, input).await);
    assert_eq!(answer["infcode"], 0, "{infno}: {answer}");
    answer
}

/// A person of the stand-in with money on the account.
pub fn somebody() -> Person {
    persons().swap_remove(0)
}

/// All persons of the stand-in with money on the account.
pub fn persons() -> Vec<Person> {
    let people = Population::from_seed(1);
    let insured = |person: &&Person| (person.insu_stas, person.insutype) == ("1", "310");
    let first = people.all().iter().find(insured).unwrap().insuplc_admdvs;
    let alike = |person: &&Person| person.balc > Decimal::ONE_HUNDRED && person.insuplc_admdvs == first;
    people.all().iter().filter(insured).filter(alike).cloned().collect()
}

impl Bill {
    /// Registers an outpatient and charges 300.00 in batch `b1`; each time somebody else, whom no fence holds.
    pub async fn charged(gate: &TestGateway) -> Bill {
        let persons = persons();
        let nth = SENT.fetch_add(1, Ordering::Relaxed) as usize;
        Bill::charged_of(gate, &persons[nth % persons.len()]).await
    }

    /// The same for a person of the test's choice.
    pub async fn charged_of(gate: &TestGateway, person: &Person) -> Bill {
        let nth = SENT.fetch_add(1, Ordering::Relaxed);
        let visit = json!({"data": {"psn_no": person.psn_no, "insutype": "310", "ipt_otp_no": format!("O{nth}"),
            "begntime": "2024-01-02 03:00:00"}});
        let registered = granted(gate, "2201", &visit).await;
        let mdtrt_id = registered["output"]["data"]["mdtrt_id"].as_str().unwrap().to_owned();
        let bill = Bill { data: outpatient(person, &mdtrt_id), mdtrt_id };
        bill.charge(gate, "b1").await;
        bill
    }

    /// Admits an inpatient and charges 300.00.
    pub async fn admitted(gate: &TestGateway) -> Bill {
        let person = somebody();
        let nth = SENT.fetch_add(1, Ordering::Relaxed);
        let stay = json!({"mdtrtinfo": {"psn_no": person.psn_no, "insutype": "310", "med_type": "21",
            "ipt_no": format!("Z{nth}"), "begntime": "2024-01-02 03:00:00"}});
        let admitted = granted(gate, "2401", &stay).await;
        let mdtrt_id = admitted["output"]["result"]["mdtrt_id"].as_str().unwrap().to_owned();
        let mut data = outpatient(&person, &mdtrt_id);
        data["chrg_bchno"] = Value::Null;
        data["mid_setl_flag"] = "1".into();
        let bill = Bill { data, mdtrt_id };
        bill.charge(gate, "").await;
        bill
    }

    /// Adds a fee line of 300.00; `batch` is empty for an inpatient.
    pub async fn charge(&self, gate: &TestGateway, batch: &str) {
        let nth = SENT.fetch_add(1, Ordering::Relaxed);
        let mut row = json!({"feedetl_sn": format!("F{nth}"), "mdtrt_id": self.mdtrt_id, "psn_no": self.data["psn_no"],
            "det_item_fee_sumamt": 300, "cnt": "1", "pric": 300.0, "med_list_codg": "X1"});
        let infno = if batch.is_empty() { "2301" } else { "2204" };
        if !batch.is_empty() {
            row["chrg_bchno"] = batch.into();
        }
        granted(gate, infno, &json!({"feedetail": [row]})).await;
    }

    /// The same bill asked for again, with everything new that a retry makes new.
    pub fn input(&self) -> Value {
        let nth = SENT.fetch_add(1, Ordering::Relaxed);
        let mut data = self.data.clone();
        for field in ["mdtrt_cert_no", "card_sn", "invono"] {
            data[field] = format!("{field}{nth}").into();
        }
        json!({"data": data})
    }

    /// The bill with one field changed.
    pub fn with(&self, field: &str, value: &str) -> Value {
        let mut input = self.input();
        input["data"][field] = value.into();
        input
    }

    /// 2207 of this bill.
    pub async fn settle(&self, gate: &TestGateway) -> Raw {
        call(gate, "2207", &self.input()).await
    }

    /// 2207 of this bill, which the platform must grant; its answer and setl_id.
    pub async fn settled(&self, gate: &TestGateway) -> (Raw, String) {
        let answer = self.settle(gate).await;
        let setl_id = setl_id(&answer);
        (answer, setl_id)
    }

    /// What 2208, 2305 and 5203 name.
    pub fn named(&self, setl_id: &str) -> Value {
        json!({"data": {"setl_id": setl_id, "mdtrt_id": self.mdtrt_id, "psn_no": self.data["psn_no"]}})
    }

    /// What 2601 names.
    pub fn reversal(&self, omsgid: &str, oinfno: &str) -> Value {
        json!({"data": {"psn_no": self.data["psn_no"], "omsgid": omsgid, "oinfno": oinfno}})
    }
}

fn outpatient(person: &Person, mdtrt_id: &str) -> Value {
    json!({"psn_no": person.psn_no, "mdtrt_cert_type": "01", "mdtrt_cert_no": "T0", "certno": person.certno,
        "mdtrt_id": mdtrt_id, "chrg_bchno": "b1", "medfee_sumamt": "300.00", "insutype": "310", "med_type": "11",
        "psn_setlway": "01", "acct_used_flag": "1", "invono": "I0"})
}

/// 结算ID of a settlement's answer.
pub fn setl_id(answer: &Raw) -> String {
    let answer = rig::json(answer);
    answer["output"]["setlinfo"]["setl_id"].as_str().unwrap_or_else(|| panic!("no settlement: {answer}")).to_owned()
}

/// The err_msg of an answer that is no success.
pub fn err_msg(answer: &Raw) -> String {
    let answer = rig::json(answer);
    assert_eq!(answer["infcode"], -1, "{answer}");
    answer["err_msg"].as_str().unwrap().to_owned()
}

/// The HIS reads that the outcome is unknown.
pub fn assert_unknown(answer: &Raw) {
    let says = err_msg(answer);
    assert!(says.starts_with("【结果未知】勿重收、勿转自费"), "{says}");
}
