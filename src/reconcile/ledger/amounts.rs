//! What a row of a ledger sums up, in whole ten-thousandths of a yuan. The sign comes from the class of the transaction.

use serde::Serialize;

use crate::domain::money::{units_of, written};
use crate::journal::facts::{Fact, Facts};

/// How many amounts a row has.
pub const COUNT: usize = 4;
/// Their names: 医疗费总额, 基金支付总额, 个人账户支出, 现金.
pub const NAMES: [&str; COUNT] = ["medfee_sumamt", "fund_pay_sumamt", "acct_pay", "psn_cash_pay"];
/// What hospital people call them.
pub const CHINESE: [&str; COUNT] = ["医疗费总额", "基金支付", "个人账户", "现金"];
/// Names on the wire of each, the first that is said counts (`wire.md`: cash has three spellings).
const WIRE: [&[&str]; COUNT] =
    [&["medfee_sumamt"], &["fund_pay_sumamt"], &["acct_pay"], &["psn_cash_pay", "pdn_cash_pay", "cash_payamt"]];

/// The amounts of a row; `None` where nobody says one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Amounts(pub [Option<i64>; COUNT]);

impl Amounts {
    /// What a record says; what cannot be kept exactly is not said.
    pub fn of(facts: &Facts) -> Amounts {
        let said = |name: &str| {
            let (_, value) = facts.all_named(Fact::Amount).find(|(found, _)| *found == name)?;
            units_of(std::str::from_utf8(value).ok()?)
        };
        Amounts(WIRE.map(|names| names.iter().find_map(|name| said(name))))
    }

    /// With the sign of a refund, or of a charge, whatever sign the text had: what a refund says of the total is negative.
    pub fn signed(self, refund: bool) -> Amounts {
        let total = self.0[0].unwrap_or(0);
        let flip = if total == 0 { refund } else { (total < 0) != refund };
        if flip { Amounts(self.0.map(|units| units.map(|units| -units))) } else { self }
    }

    /// Where nothing is said, what another says.
    pub fn or(self, other: Amounts) -> Amounts {
        let mut all = self.0;
        all.iter_mut().zip(other.0).for_each(|(units, other)| *units = units.or(other));
        Amounts(all)
    }

    /// The sum; what one of both does not say, the sum does not say either.
    pub fn plus(self, other: Amounts) -> Amounts {
        let mut sums = [None; COUNT];
        for (sum, (one, two)) in sums.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            *sum = one.zip(two).and_then(|(one, two)| i64::checked_add(one, two));
        }
        Amounts(sums)
    }

    /// The same as far as both say it. No tolerance.
    pub fn agrees(self, other: Amounts) -> bool {
        self.0.into_iter().zip(other.0).all(|pair| !matches!(pair, (Some(one), Some(two)) if one != two))
    }

    /// 医疗费总额.
    pub fn total(self) -> Option<i64> {
        self.0[0]
    }

    /// As people read them.
    pub fn shown(self) -> Shown {
        let text = |units: Option<i64>| units.map(written);
        let [medfee_sumamt, fund_pay_sumamt, acct_pay, psn_cash_pay] = self.0.map(text);
        Shown { medfee_sumamt, fund_pay_sumamt, acct_pay, psn_cash_pay }
    }
}

/// Amounts in yuan, as decimal text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Shown {
    /// 医疗费总额.
    pub medfee_sumamt: Option<String>,
    /// 基金支付总额.
    pub fund_pay_sumamt: Option<String>,
    /// 个人账户支出.
    pub acct_pay: Option<String>,
    /// 现金.
    pub psn_cash_pay: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(said: &[(&str, &str)]) -> Facts {
        let mut facts = Facts::default();
        said.iter().for_each(|(name, text)| facts.named(Fact::Amount, name, text.as_bytes()));
        facts
    }

    #[test]
    fn the_sign_comes_from_the_class_and_never_from_the_text() {
        let charge =
            Amounts::of(&facts(&[("medfee_sumamt", "300.00"), ("fund_pay_sumamt", "310"), ("psn_cash_pay", "-10")]));
        assert_eq!(charge.0, [Some(3_000_000), Some(3_100_000), None, Some(-100_000)]);
        assert_eq!(charge.signed(false), charge);
        let refund = Amounts([Some(-3_000_000), Some(-3_100_000), None, Some(100_000)]);
        assert_eq!(charge.signed(true), refund, "a platform that writes refunds without a sign");
        assert_eq!(refund.signed(true), refund, "and one that writes it");
        assert_eq!(refund.signed(false), charge);
        let nothing = Amounts::of(&facts(&[("medfee_sumamt", "0"), ("acct_pay", "5"), ("pdn_cash_pay", "1")]));
        assert_eq!(nothing.signed(true).0, [Some(0), None, Some(-50_000), Some(-10_000)]);
    }

    #[test]
    fn what_is_not_said_is_not_compared_and_not_summed() {
        let some = Amounts([Some(3), None, Some(0), None]);
        assert!(some.agrees(Amounts([Some(3), Some(9), None, None])));
        assert!(!some.agrees(Amounts([Some(2), None, None, None])), "no tolerance, not of a ten-thousandth");
        assert_eq!(some.plus(Amounts([Some(4), Some(1), Some(1), None])).0, [Some(7), None, Some(1), None]);
        assert_eq!(some.or(Amounts([Some(9), Some(8), None, None])).0, [Some(3), Some(8), Some(0), None]);
    }
}
