//! What a hospital believes: one entry for each bill, and how its calls went.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::sandbox::yuan;

/// The shares as the answer said them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Paid {
    /// 医疗费总额.
    #[serde(with = "yuan")]
    pub medfee_sumamt: Decimal,
    /// 基金支付总额.
    #[serde(with = "yuan")]
    pub fund_pay_sumamt: Decimal,
    /// 个人账户.
    #[serde(with = "yuan")]
    pub acct_pay: Decimal,
    /// 现金.
    #[serde(with = "yuan")]
    pub psn_cash_pay: Decimal,
    /// 医院负担.
    #[serde(with = "yuan")]
    pub hosp_part_amt: Decimal,
}

impl Paid {
    /// The same with every sign turned.
    pub fn negated(self) -> Paid {
        Paid {
            medfee_sumamt: -self.medfee_sumamt,
            fund_pay_sumamt: -self.fund_pay_sumamt,
            acct_pay: -self.acct_pay,
            psn_cash_pay: -self.psn_cash_pay,
            hosp_part_amt: -self.hosp_part_amt,
        }
    }

    /// Both together.
    pub fn plus(self, other: Paid) -> Paid {
        Paid {
            medfee_sumamt: self.medfee_sumamt + other.medfee_sumamt,
            fund_pay_sumamt: self.fund_pay_sumamt + other.fund_pay_sumamt,
            acct_pay: self.acct_pay + other.acct_pay,
            psn_cash_pay: self.psn_cash_pay + other.psn_cash_pay,
            hosp_part_amt: self.hosp_part_amt + other.hosp_part_amt,
        }
    }
}

/// What the hospital believes about one bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Belief {
    /// Settled.
    Charged {
        /// 结算ID.
        setl_id: String,
        /// Who paid how much.
        paid: Paid,
    },
    /// Settled and taken back.
    Cancelled {
        /// The settlement that was taken back.
        setl_id: String,
    },
    /// Settled; whether it was taken back is not known.
    CancelPending {
        /// The settlement.
        setl_id: String,
        /// Who paid how much.
        paid: Paid,
    },
    /// The result is unknown; the bill lies with the insurance office.
    Pending,
    /// Refused; the patient was not charged.
    NotCharged,
}

/// One bill: a batch of one visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// Who bills.
    pub fixmedins_code: String,
    /// The visit.
    pub mdtrt_id: String,
    /// The batch.
    pub chrg_bchno: String,
    /// Every msgid under which 2207 or 2208 was sent for it.
    pub msgids: Vec<String>,
    /// What the hospital believes.
    pub belief: Belief,
}

/// The books of one hospital.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Books {
    /// The bills in order.
    pub bills: Vec<Bill>,
    /// Calls sent, by transaction.
    pub calls: BTreeMap<String, u64>,
    /// Answers with infcode -1 that name a reason.
    pub refusals: u64,
    /// Answers that said "result unknown".
    pub unknowns: u64,
    /// Calls without a usable answer.
    pub silences: u64,
    /// Calls sent again under a new msgid.
    pub repeats: u64,
    /// Visits given up before they reached a bill.
    pub given_up: u64,
}

impl Books {
    /// Sum of what the hospital believes charged.
    pub fn charged(&self) -> Paid {
        let paid = self.bills.iter().filter_map(|bill| match &bill.belief {
            Belief::Charged { paid, .. } | Belief::CancelPending { paid, .. } => Some(*paid),
            _ => None,
        });
        paid.fold(Paid::default(), Paid::plus)
    }
}
