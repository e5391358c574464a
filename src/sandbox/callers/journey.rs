//! One visit, from the card to the receipt, with the habits of real clients: what was not heard is sent again under a
//! new msgid, with a newly scanned voucher and a new invoice number, for the same visit and batch.

use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::books::{Belief, Bill, Books, Paid};
use super::dialect::{Desk, Dialect};
use super::post::{Heard, Post};
use crate::domain::clock::Clock;
use crate::sandbox::call::text;
use crate::sandbox::draw::Draw;
use crate::sandbox::people::Person;

/// How often a call is sent before the clerk gives up.
const TRIES: usize = 3;
/// Beginning of every text that says "unknown, do not charge again".
const UNKNOWN_MARK: &str = "结果未知";

/// One simulated HIS.
pub struct Caller {
    desk: Desk,
    post: Post,
    draw: Draw,
    books: Books,
}

/// What the HIS makes of an answer.
enum Told {
    Granted(Value),
    Refused(String),
    Unknown,
    Silence,
}

/// A patient at the desk, as far as 1101 and 2201 told.
struct Patient {
    certno: String,
    psn_no: String,
    insutype: String,
    psn_type: String,
    insuplc_admdvs: String,
    psn_name: String,
    mdtrt_id: String,
}

/// A bill about to be settled.
struct Due {
    chrg_bchno: String,
    sum: Decimal,
    trial: Value,
}

impl Caller {
    /// A HIS that calls `gateway` (`http://HOST:PORT`) and waits `patience` for each answer.
    ///
    /// # Errors
    /// When the address has another form.
    pub fn new(
        dialect: Dialect,
        gateway: &str,
        patience: Duration,
        seed: u64,
        clock: Arc<dyn Clock>,
    ) -> Result<Caller, String> {
        let draw = Draw::from_seed(seed ^ (dialect as u64 + 1));
        let post = Post::new(gateway, patience)?;
        Ok(Caller { desk: Desk::new(dialect, clock), post, draw, books: Books::default() })
    }

    /// What this hospital believes.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// Signs in (9001).
    pub async fn sign_in(&mut self) {
        let input = json!({"signIn": {"opter_no": "sb01", "mac": "00-00-5E-00-53-01", "ip": "192.0.2.1"}});
        if let Told::Granted(output) = self.insist("9001", "", &input).await {
            self.desk.sign_no = text(&output["signinoutb"], "sign_no").unwrap_or_default();
        }
    }

    /// Signs out (9002).
    pub async fn sign_out(&mut self) {
        let input = json!({"signOut": {"sign_no": self.desk.sign_no, "opter_no": "sb01"}});
        self.insist("9002", "", &input).await;
    }

    /// One outpatient visit of this person; every seventh bill is taken back at the end.
    pub async fn visit(&mut self, person: &Person) {
        let Some(mut patient) = self.identify(person).await else { return self.give_up() };
        let Some(mdtrt_id) = self.register(&patient).await else { return self.give_up() };
        patient.mdtrt_id = mdtrt_id;
        let Some(due) = self.charge(&patient).await else { return self.give_up() };
        let mut bill = Bill {
            fixmedins_code: self.desk.dialect.fixmedins_code().to_string(),
            mdtrt_id: patient.mdtrt_id.clone(),
            chrg_bchno: due.chrg_bchno.clone(),
            msgids: Vec::new(),
            belief: Belief::NotCharged,
        };
        self.settle(&patient, &due, &mut bill).await;
        if self.books.bills.len() % 7 == 6 {
            self.cancel(&patient, &mut bill).await;
        }
        self.books.bills.push(bill);
    }

    fn give_up(&mut self) {
        self.books.given_up += 1;
    }

    /// 1101.
    async fn identify(&mut self, person: &Person) -> Option<Patient> {
        let input = json!({"data": {
            "mdtrt_cert_type": "02", "mdtrt_cert_no": person.certno, "card_sn": "", "begntime": "",
            "psn_cert_type": "01", "certno": person.certno, "psn_name": person.psn_name,
        }});
        let Told::Granted(output) = self.insist("1101", "", &input).await else { return None };
        let (base, insurance) = (&output["baseinfo"], &output["insuinfo"][0]);
        Some(Patient {
            certno: person.certno.clone(),
            psn_no: text(base, "psn_no")?,
            psn_name: text(base, "psn_name")?,
            insutype: text(insurance, "insutype")?,
            psn_type: text(insurance, "psn_type")?,
            insuplc_admdvs: text(insurance, "insuplc_admdvs")?,
            mdtrt_id: String::new(),
        })
    }

    /// 2201; the visit's number.
    async fn register(&mut self, patient: &Patient) -> Option<String> {
        let now = self.desk.now();
        let input = json!({"data": {
            "psn_no": patient.psn_no, "insutype": patient.insutype, "begntime": now.second(),
            "mdtrt_cert_type": "02", "mdtrt_cert_no": patient.certno,
            "ipt_otp_no": format!("MZ{}{:03}", now.compact(), self.desk.sent() % 1000),
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
        let chrg_bchno = format!("{}{:04}", self.desk.now().compact(), self.desk.sent() % 10_000);
        let (rows, sum) = self.fee_rows(patient, &chrg_bchno);
        // Rows that are already there were uploaded by the try whose answer was not heard.
        match self.insist("2204", &patient.insuplc_admdvs, &json!({"feedetail": rows})).await {
            Told::Granted(_) => {}
            Told::Refused(err_msg) if err_msg.contains("已存在") => {}
            _ => return None,
        }
        let mut input = self.bill_input(patient, &chrg_bchno, sum);
        input["psn_type"] = json!(patient.psn_type);
        input["psn_name"] = json!(patient.psn_name);
        match self.insist("2206", &patient.insuplc_admdvs, &json!({"data": input})).await {
            Told::Granted(output) => Some(Due { chrg_bchno, sum, trial: output["setlinfo"].clone() }),
            _ => None,
        }
    }

    /// 2207, with the habits of a cashier: not heard = once more; refused = once more; "unknown" = to the office.
    async fn settle(&mut self, patient: &Patient, due: &Due, bill: &mut Bill) {
        for attempt in 1..=TRIES {
            let mut input = self.bill_input(patient, &due.chrg_bchno, due.sum);
            input["invono"] = json!(format!("{:010}", self.draw.below(10_000_000_000)));
            for name in ["fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"] {
                input[name] = due.trial[name].clone();
            }
            let (msgid, told) = self.call("2207", &patient.insuplc_admdvs, &json!({"data": input})).await;
            bill.msgids.push(msgid);
            let (belief, again) = match told {
                Told::Granted(output) => (charged(&output["setlinfo"]), false),
                Told::Refused(err_msg) if err_msg.contains("已结算") => (Belief::Pending, false),
                Told::Refused(_) => (Belief::NotCharged, true),
                Told::Unknown => (Belief::Pending, false),
                Told::Silence => (Belief::Pending, true),
            };
            bill.belief = belief;
            if !again {
                return;
            }
            self.books.repeats += u64::from(attempt < TRIES);
        }
    }

    /// 2208.
    async fn cancel(&mut self, patient: &Patient, bill: &mut Bill) {
        let Belief::Charged { setl_id, paid } = bill.belief.clone() else { return };
        let input = json!({"data": {"setl_id": setl_id, "mdtrt_id": patient.mdtrt_id, "psn_no": patient.psn_no}});
        bill.belief = Belief::CancelPending { setl_id: setl_id.clone(), paid };
        for _ in 0..TRIES {
            let (msgid, told) = self.call("2208", &patient.insuplc_admdvs, &input).await;
            bill.msgids.push(msgid);
            match told {
                Told::Granted(_) => bill.belief = Belief::Cancelled { setl_id: setl_id.clone() },
                Told::Refused(err_msg) if err_msg.contains("已撤销") => {
                    bill.belief = Belief::Cancelled { setl_id: setl_id.clone() };
                }
                // A repeated cancel is harmless: the platform refuses the second.
                Told::Unknown | Told::Silence => {
                    self.books.repeats += 1;
                    continue;
                }
                Told::Refused(_) => {}
            }
            return;
        }
    }

    /// Five rows at most, of a catalogue in which the code's last digit is the class.
    fn fee_rows(&mut self, patient: &Patient, chrg_bchno: &str) -> (Vec<Value>, Decimal) {
        let dialect = self.desk.dialect;
        let time = self.desk.now().second();
        let mut sum = Decimal::ZERO;
        let mut rows = Vec::new();
        for row in 0..1 + self.draw.below(5) {
            let price = Decimal::new(i64::try_from(100 + self.draw.below(25_000)).unwrap_or(100), 2);
            let count = Decimal::from(1 + self.draw.below(3));
            sum += price * count;
            let code = format!("XSB{:08}A{}", self.draw.below(100_000_000), self.draw.below(10));
            rows.push(json!({
                "feedetl_sn": format!("{chrg_bchno}{row}"), "mdtrt_id": patient.mdtrt_id, "psn_no": patient.psn_no,
                "chrg_bchno": chrg_bchno, "dise_codg": "", "rxno": format!("{chrg_bchno}R"), "rx_circ_flag": "0",
                "fee_ocur_time": time, "med_list_codg": code, "medins_list_codg": format!("Y{code}"),
                "det_item_fee_sumamt": dialect.amount(price * count), "cnt": dialect.amount(count),
                "pric": dialect.amount(price), "bilg_dept_codg": "A03", "bilg_dept_name": "沙箱内科",
                "bilg_dr_codg": "D990000000001", "bilg_dr_name": "沙箱医师", "hosp_appr_flag": "1",
            }));
        }
        (rows, sum)
    }

    /// What trial and settlement share; the voucher is scanned anew each time.
    fn bill_input(&mut self, patient: &Patient, chrg_bchno: &str, sum: Decimal) -> Value {
        json!({
            "psn_no": patient.psn_no, "mdtrt_cert_type": "01",
            "mdtrt_cert_no": format!("990000ec{:016x}", self.draw.bits()), "card_sn": "", "psn_cert_type": "01",
            "certno": patient.certno, "med_type": "11", "medfee_sumamt": self.desk.dialect.amount(sum),
            "psn_setlway": "01", "mdtrt_id": patient.mdtrt_id, "chrg_bchno": chrg_bchno, "acct_used_flag": "1",
            "insutype": patient.insutype, "exp_content": "",
        })
    }

    /// Sends a call again, under a new msgid, as long as no usable answer is heard.
    async fn insist(&mut self, infno: &str, insuplc_admdvs: &str, input: &Value) -> Told {
        for _ in 1..TRIES {
            match self.call(infno, insuplc_admdvs, input).await.1 {
                Told::Silence => self.books.repeats += 1,
                told => return told,
            }
        }
        self.call(infno, insuplc_admdvs, input).await.1
    }

    /// One call; its msgid and what was heard. A status other than 200 is not read further, as real clients do.
    async fn call(&mut self, infno: &str, insuplc_admdvs: &str, input: &Value) -> (String, Told) {
        let message = self.desk.wrap(infno, insuplc_admdvs, input.clone());
        *self.books.calls.entry(infno.to_string()).or_default() += 1;
        let told = match self.post.send("POST", &message.target, &message.headers, &message.body).await {
            Heard::Answer(answer) if answer.status == 200 => told(&answer.body),
            Heard::Answer(_) | Heard::NotSent(_) | Heard::Silence(_) => Told::Silence,
        };
        match &told {
            Told::Granted(_) => {}
            Told::Refused(_) => self.books.refusals += 1,
            Told::Unknown => self.books.unknowns += 1,
            Told::Silence => self.books.silences += 1,
        }
        (message.msgid, told)
    }
}

/// Reads an answer leniently: infcode as number or text.
fn told(body: &[u8]) -> Told {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return Told::Silence };
    match text(&answer, "infcode").as_deref() {
        Some("0") => Told::Granted(answer["output"].clone()),
        Some(_) => match text(&answer, "err_msg").unwrap_or_default() {
            err_msg if err_msg.contains(UNKNOWN_MARK) => Told::Unknown,
            err_msg => Told::Refused(err_msg),
        },
        None => Told::Silence,
    }
}

fn charged(setlinfo: &Value) -> Belief {
    let Some(setl_id) = text(setlinfo, "setl_id") else { return Belief::Pending };
    let amount = |name: &str| text(setlinfo, name).and_then(|text| text.parse().ok()).unwrap_or_default();
    let paid = Paid {
        medfee_sumamt: amount("medfee_sumamt"),
        fund_pay_sumamt: amount("fund_pay_sumamt"),
        acct_pay: amount("acct_pay"),
        psn_cash_pay: amount("psn_cash_pay"),
        hosp_part_amt: amount("hosp_part_amt"),
    };
    Belief::Charged { setl_id, paid }
}
