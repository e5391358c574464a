//! Who pays how much: a believable split that always adds up.
//!
//! total = fund + person's part + hospital's part; person's part = account + cash; every amount exact to the fen.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use super::tariff::Tariff;
use crate::sandbox::record::Record;
use crate::sandbox::yuan;

/// How much of a fee the insurance looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scope {
    /// Sum of the fee.
    #[serde(with = "yuan")]
    pub sum: Decimal,
    /// 全自费: class C items.
    #[serde(with = "yuan")]
    pub own: Decimal,
    /// 超限价自费: above the price ceiling.
    #[serde(with = "yuan")]
    pub over: Decimal,
    /// 先行自付: first share of class B items.
    #[serde(with = "yuan")]
    pub first: Decimal,
}

impl Scope {
    /// Splits one fee line. The stand-in's catalogue tells the class from the code's last character.
    pub fn of_line(med_list_codg: &str, price: Decimal, count: Decimal, sum: Decimal) -> Scope {
        if sum < Decimal::ZERO {
            // A returned line takes back what the line before gave.
            return Scope::default().minus(Scope::of_line(med_list_codg, price, -count, -sum));
        }
        match Level::of_code(med_list_codg) {
            Level::A => {
                let over = ((price - PRICE_CEILING).max(Decimal::ZERO) * count).min(sum);
                Scope { sum, over: fen(over), ..Scope::default() }
            }
            Level::B => Scope { sum, first: fen(sum * Decimal::new(1, 1)), ..Scope::default() },
            Level::C => Scope { sum, own: sum, ..Scope::default() },
        }
    }

    /// 符合政策范围金额.
    pub fn inside(&self) -> Decimal {
        self.sum - self.own - self.over - self.first
    }

    /// Both together.
    pub fn plus(self, other: Scope) -> Scope {
        Scope {
            sum: self.sum + other.sum,
            own: self.own + other.own,
            over: self.over + other.over,
            first: self.first + other.first,
        }
    }
}

impl Scope {
    fn minus(self, other: Scope) -> Scope {
        Scope {
            sum: self.sum - other.sum,
            own: self.own - other.own,
            over: self.over - other.over,
            first: self.first - other.first,
        }
    }
}

/// The ceiling for class A items of the stand-in's catalogue, yuan.
pub const PRICE_CEILING: Decimal = Decimal::from_parts(500, 0, 0, false, 0);

/// 收费项目等级.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// 甲类.
    A,
    /// 乙类.
    B,
    /// 丙类.
    C,
}

impl Level {
    /// Last character 9: class C; 6 to 8: class B; else class A.
    pub fn of_code(med_list_codg: &str) -> Level {
        match med_list_codg.bytes().last() {
            Some(b'9') => Level::C,
            Some(b'6'..=b'8') => Level::B,
            _ => Level::A,
        }
    }

    /// The person's first share, as `selfpay_prop` says it.
    pub fn own_share(self) -> Decimal {
        match self {
            Level::A => Decimal::ZERO,
            Level::B => Decimal::new(1, 1),
            Level::C => Decimal::ONE,
        }
    }

    /// The code of `chrgitm_lv`.
    pub fn code(self) -> &'static str {
        match self {
            Level::A => "01",
            Level::B => "02",
            Level::C => "03",
        }
    }
}

/// The shares of one settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shares {
    /// What the insurance looked at.
    pub scope: Scope,
    /// 起付线.
    #[serde(with = "yuan")]
    pub dedc: Decimal,
    /// 统筹基金.
    #[serde(with = "yuan")]
    pub pool: Decimal,
    /// 职工大额.
    #[serde(with = "yuan")]
    pub large: Decimal,
    /// 公务员医疗补助.
    #[serde(with = "yuan")]
    pub civil: Decimal,
    /// 医疗救助.
    #[serde(with = "yuan")]
    pub aid: Decimal,
    /// 医院负担.
    #[serde(with = "yuan")]
    pub hospital: Decimal,
    /// 个人账户.
    #[serde(with = "yuan")]
    pub account: Decimal,
    /// 现金.
    #[serde(with = "yuan")]
    pub cash: Decimal,
}

/// What a person has behind them and is entitled to when a bill is split.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entitled {
    /// Deductible already paid, as the law counts it.
    pub dedc_paid: Decimal,
    /// What the pool has paid in this year.
    pub pool_paid: Decimal,
    /// Civil servants get a tenth of what is left.
    pub civil: bool,
    /// Persons in need get half of what is left.
    pub aided: bool,
    /// What the personal account may pay.
    pub balance: Decimal,
}

impl Shares {
    /// Settles a scope by a law.
    pub fn split(scope: Scope, law: &Tariff, entitled: &Entitled) -> Shares {
        let percent = |amount: Decimal, of_hundred: i64| fen(amount * Decimal::new(of_hundred, 2));
        let dedc = scope.inside().min((Decimal::from(law.deductible) - entitled.dedc_paid).max(Decimal::ZERO));
        let rest = scope.inside() - dedc;
        let ceiling = (Decimal::from(law.ceiling) - entitled.pool_paid).max(Decimal::ZERO);
        let reached = percent(rest, law.rate).min(ceiling);
        // Above 100 yuan the hospital carries one in a hundred, so that the third part of the sum is not always zero.
        let hospital = if reached > Decimal::ONE_HUNDRED { percent(reached, law.hospital) } else { Decimal::ZERO };
        let large = if rest > Decimal::from(200) { percent(rest - reached, law.large) } else { Decimal::ZERO };
        let left = rest - reached - large;
        let civil = if entitled.civil { percent(left, 10) } else { Decimal::ZERO };
        let aid = if entitled.aided { percent(left - civil, 50) } else { Decimal::ZERO };
        let pool = reached - hospital;
        let person = scope.sum - pool - large - civil - aid - hospital;
        let account = person.min(entitled.balance);
        Shares { scope, dedc, pool, large, civil, aid, hospital, account, cash: person - account }
    }

    /// 基金支付总额.
    pub fn fund(&self) -> Decimal {
        self.pool + self.large + self.civil + self.aid
    }

    /// 个人负担总金额.
    pub fn person(&self) -> Decimal {
        self.account + self.cash
    }

    /// The same with every sign turned: the row of a cancellation.
    pub fn negated(&self) -> Shares {
        Shares {
            scope: Scope::default().minus(self.scope),
            dedc: -self.dedc,
            pool: -self.pool,
            large: -self.large,
            civil: -self.civil,
            aid: -self.aid,
            hospital: -self.hospital,
            account: -self.account,
            cash: -self.cash,
        }
    }

    /// The amounts of a settlement under every name that a table gives them.
    pub fn facts(&self) -> Record {
        let amounts = [
            ("medfee_sumamt", self.scope.sum),
            ("fulamt_ownpay_amt", self.scope.own),
            ("overlmt_selfpay", self.scope.over),
            ("preselfpay_amt", self.scope.first),
            ("inscp_scp_amt", self.scope.inside()),
            ("act_pay_dedc", self.dedc),
            ("crt_dedc", self.dedc),
            ("hifp_pay", self.pool),
            ("cvlserv_pay", self.civil),
            ("hifes_pay", Decimal::ZERO),
            ("hifmi_pay", Decimal::ZERO),
            ("hifob_pay", self.large),
            ("maf_pay", self.aid),
            ("hifdm_pay", Decimal::ZERO),
            ("oth_pay", Decimal::ZERO),
            ("fund_pay_sumamt", self.fund()),
            ("psn_part_amt", self.person()),
            ("psn_pay", self.person()),
            ("acct_pay", self.account),
            ("psn_cash_pay", self.cash),
            ("pdn_cash_pay", self.cash),
            ("cash_payamt", self.cash),
            ("hosp_part_amt", self.hospital),
            ("acct_mulaid_pay", Decimal::ZERO),
            ("pref_fund_pay", Decimal::ZERO),
        ];
        amounts.into_iter().fold(Record::new(), |facts, (name, amount)| facts.with_amount(name, amount))
    }

    /// `setldetail`: one row for each fund that pays.
    pub fn funds(&self, insutype: &str) -> Vec<Record> {
        let basic = if insutype == "310" {
            ("310100", "城镇职工基本医疗保险统筹基金")
        } else {
            ("390100", "城乡居民基本医疗保险基金")
        };
        let row = |(code, name): (&str, &str), amount: Decimal| {
            Record::new()
                .with("fund_pay_type", code)
                .with_amount("inscp_scp_amt", self.scope.inside())
                .with_amount("crt_payb_lmt_amt", self.scope.inside())
                .with_amount("fund_payamt", amount)
                .with("fund_pay_type_name", name)
        };
        let others = [
            (("330100", "大额医疗费用补助基金"), self.large),
            (("320100", "公务员医疗补助基金"), self.civil),
            (("610100", "医疗救助基金"), self.aid),
        ];
        let paying = others.into_iter().filter(|(_, amount)| !amount.is_zero());
        std::iter::once(row(basic, self.pool)).chain(paying.map(|(fund, amount)| row(fund, amount))).collect()
    }
}

/// Down to the fen, always to the payer's advantage.
fn fen(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::ToZero)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::draw::Draw;
    use crate::sandbox::ledger::Care;

    #[test]
    fn shares_add_up() {
        let mut draw = Draw::from_seed(3);
        let mut amount = |limit| Decimal::new(i64::try_from(draw.below(limit)).unwrap_or(0), 2);
        for round in 0..2000 {
            let (price, count) = (amount(90_000), Decimal::from(1 + round as i64 % 5));
            let code = format!("X{}", round % 10);
            let scope =
                Scope::of_line(&code, price, count, price * count).plus(Scope::of_line("X1", price, count, price));
            let insutype = if round % 2 == 0 { "310" } else { "390" };
            let care = [Care::Clinic, Care::Chronic, Care::Stay, Care::Pharmacy][round % 4];
            let entitled = Entitled {
                civil: round % 3 == 0,
                aided: round % 5 == 0,
                balance: amount(30_000),
                pool_paid: amount(30_000_000),
                dedc_paid: amount(100_000),
            };
            let shares = Shares::split(scope, Tariff::of(insutype, care, u8::try_from(round % 4).unwrap()), &entitled);
            assert_eq!(shares.scope.sum, shares.fund() + shares.person() + shares.hospital);
            for part in [
                scope.inside(),
                shares.pool,
                shares.large,
                shares.civil,
                shares.aid,
                shares.hospital,
                shares.account,
                shares.cash,
            ] {
                assert!(part >= Decimal::ZERO && part.scale() <= 2, "{shares:?}");
            }
            let back = shares.negated();
            assert_eq!(back.scope.sum, back.fund() + back.person() + back.hospital);
        }
    }

    #[test]
    fn a_split_that_can_be_checked_by_hand() {
        // 300.00 of class A for an employee: 20 deductible, 280 × 0.70 = 196.00 reached, of it 1.96 the hospital's;
        // (280 − 196) / 4 = 21.00 from the large-amount fund; 300 − 194.04 − 21.00 − 1.96 = 83.00 the person's.
        let scope = Scope::of_line("X1", Decimal::from(300), Decimal::ONE, Decimal::from(300));
        let entitled = Entitled { balance: Decimal::from(50), ..Entitled::default() };
        let shares = Shares::split(scope, Tariff::of("310", Care::Clinic, 3), &entitled);
        assert_eq!(shares.pool, Decimal::new(19404, 2));
        assert_eq!(shares.large, Decimal::from(21));
        assert_eq!(shares.hospital, Decimal::new(196, 2));
        assert_eq!((shares.account, shares.cash), (Decimal::from(50), Decimal::from(33)));
    }
}
