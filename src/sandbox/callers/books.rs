//! What an institution believes: one entry for each bill, and how its calls went.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

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

/// What the institution believes about one bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Belief {
    /// Settled.
    Charged {
        /// 结算ID.
        setl_id: String,
        /// 就诊ID, as the settlement told it.
        mdtrt_id: String,
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

/// One bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// Who bills.
    pub fixmedins_code: String,
    /// Which of the institution's bills: 1, 2, …
    pub number: usize,
    /// The transaction that settles it: 2207, 2304, 2102.
    pub infno: &'static str,
    /// Every msgid under which its settlement or cancellation was sent.
    pub msgids: BTreeSet<String>,
    /// What the institution believes.
    pub belief: Belief,
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} 第 {} 笔 bill {} ({})", self.fixmedins_code, self.number, self.number, self.infno)
    }
}

/// The books of one institution.
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
    /// Calls sent again.
    pub repeats: u64,
    /// Visits given up before they reached a bill.
    pub given_up: u64,
    /// Visits played, by what the patient came for.
    pub journeys: BTreeMap<&'static str, u64>,
}

impl Books {
    /// Sum of what the institution believes charged.
    pub fn charged(&self) -> Paid {
        let paid = self.bills.iter().filter_map(|bill| match &bill.belief {
            Belief::Charged { paid, .. } | Belief::CancelPending { paid, .. } => Some(*paid),
            _ => None,
        });
        paid.fold(Paid::default(), Paid::plus)
    }
}
