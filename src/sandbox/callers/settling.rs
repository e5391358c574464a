//! Bills: settled with the habits of a cashier, taken back with those of a clerk.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::books::{Belief, Bill, Paid};
use super::desk_calls::{Caller, Patient, TRIES};
use super::heard::Told;
use crate::sandbox::call::text;

impl Caller {
    /// Settles: not heard = once more; refused = once more; "unknown" = to the office. `input` scans the voucher anew each time.
    pub(super) async fn settle(
        &mut self,
        infno: &'static str,
        patient: &Patient,
        input: impl Fn(&mut Caller) -> Value,
    ) -> Bill {
        let mut bill = Bill {
            fixmedins_code: self.desk.dialect.fixmedins_code.to_string(),
            number: self.books.bills.len() + 1,
            infno,
            msgids: BTreeSet::new(),
            belief: Belief::NotCharged,
        };
        let first = input(self);
        let mut message = self.desk.wrap(infno, &patient.insuplc_admdvs, first);
        for attempt in 1..=TRIES {
            bill.msgids.insert(message.msgid.clone());
            let (belief, again) = match self.send(infno, &message).await {
                Told::Granted(output) => (charged(&output["setlinfo"]), false),
                Told::Refused(err_msg) if err_msg.contains("已结算") => (Belief::Pending, false),
                Told::Refused(_) => (Belief::NotCharged, true),
                Told::Unknown => (Belief::Pending, false),
                Told::Silence => (Belief::Pending, true),
            };
            bill.belief = belief;
            if !again || attempt == TRIES {
                break;
            }
            self.books.repeats += 1;
            let next = input(self);
            message = self.again(message, infno, &patient.insuplc_admdvs, || next);
        }
        bill
    }

    /// Takes a charged bill back. A repeated cancel is harmless: the platform refuses the second.
    pub(super) async fn take_back(&mut self, infno: &'static str, patient: &Patient, bill: &mut Bill) {
        let Belief::Charged { setl_id, mdtrt_id, paid } = bill.belief.clone() else { return };
        let input = json!({"data": {"setl_id": setl_id, "mdtrt_id": mdtrt_id, "psn_no": patient.psn_no}});
        let charged = std::mem::replace(&mut bill.belief, Belief::CancelPending { setl_id: setl_id.clone(), paid });
        let mut message = self.desk.wrap(infno, &patient.insuplc_admdvs, input.clone());
        for attempt in 1..=TRIES {
            bill.msgids.insert(message.msgid.clone());
            match self.send(infno, &message).await {
                Told::Granted(_) => bill.belief = Belief::Cancelled { setl_id },
                Told::Refused(err_msg) if err_msg.contains("已撤销") => bill.belief = Belief::Cancelled { setl_id },
                Told::Refused(_) if attempt == 1 => bill.belief = charged,
                // What became of the tries before is not known.
                Told::Refused(_) => {}
                Told::Unknown | Told::Silence => {
                    self.books.repeats += 1;
                    message = self.again(message, infno, &patient.insuplc_admdvs, || input.clone());
                    continue;
                }
            }
            return;
        }
    }

    /// What trial and settlement share; the voucher is scanned anew each time.
    pub(super) fn voucher(&mut self, patient: &Patient) -> Value {
        json!({
            "psn_no": patient.psn_no, "mdtrt_cert_type": "01",
            "mdtrt_cert_no": format!("990000ec{:016x}", self.draw.bits()), "card_sn": "", "psn_cert_type": "01",
            "certno": patient.certno, "psn_type": patient.psn_type, "psn_name": patient.psn_name,
            "insutype": patient.insutype, "acct_used_flag": "1", "exp_content": "",
        })
    }

    /// A new invoice number.
    pub(super) fn invoice(&mut self) -> Value {
        json!(format!("{:010}", self.draw.below(10_000_000_000)))
    }
}

/// Copies the amounts that a trial told into the settlement.
pub(super) fn as_tried(input: &mut Value, trial: &Value) {
    for name in ["fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"] {
        input[name] = trial[name].clone();
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
    Belief::Charged { setl_id, mdtrt_id: text(setlinfo, "mdtrt_id").unwrap_or_default(), paid }
}
