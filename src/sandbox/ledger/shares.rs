//! Who pays how much: a believable split that always adds up.
//!
//! total = fund + person's part + hospital's part; person's part = account + cash; every amount exact to the fen.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::sandbox::people::Person;
use crate::sandbox::tree::Node;

/// How much of a fee the insurance looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scope {
    /// Sum of the fee.
    pub sum: Decimal,
    /// 全自费: class C items.
    pub own: Decimal,
    /// 超限价自费: above the price ceiling.
    pub over: Decimal,
    /// 先行自付: first share of class B items.
    pub first: Decimal,
}

impl Scope {
    /// Splits one fee line. The stand-in's catalogue tells the class from the code's last character.
    pub fn of_line(med_list_codg: &str, price: Decimal, count: Decimal, sum: Decimal) -> Scope {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shares {
    /// What the insurance looked at.
    pub scope: Scope,
    /// 起付线.
    pub dedc: Decimal,
    /// 统筹基金.
    pub pool: Decimal,
    /// 职工大额.
    pub large: Decimal,
    /// 医院负担.
    pub hospital: Decimal,
    /// 个人账户.
    pub account: Decimal,
    /// 现金.
    pub cash: Decimal,
}

impl Shares {
    /// Settles a scope for a person whose account holds `balance`.
    pub fn split(scope: Scope, insutype: &str, balance: Decimal) -> Shares {
        let dedc = scope.inside().min(Decimal::from(20));
        let rest = scope.inside() - dedc;
        let reached = fen(rest * pool_rate(insutype));
        // Above 100 yuan the hospital carries one in a hundred, so that the third part of the sum is not always zero.
        let hospital = if reached > Decimal::ONE_HUNDRED { fen(reached / Decimal::ONE_HUNDRED) } else { Decimal::ZERO };
        let large = match insutype {
            "310" if rest > Decimal::from(200) => fen((rest - reached) / Decimal::from(4)),
            _ => Decimal::ZERO,
        };
        let pool = reached - hospital;
        let person = scope.sum - pool - large - hospital;
        let account = person.min(balance);
        Shares { scope, dedc, pool, large, hospital, account, cash: person - account }
    }

    /// 基金支付总额.
    pub fn fund(&self) -> Decimal {
        self.pool + self.large
    }

    /// 个人负担总金额.
    pub fn person(&self) -> Decimal {
        self.account + self.cash
    }

    /// The same with every sign turned: the row of a cancellation.
    pub fn negated(&self) -> Shares {
        let Scope { sum, own, over, first } = self.scope;
        Shares {
            scope: Scope { sum: -sum, own: -own, over: -over, first: -first },
            dedc: -self.dedc,
            pool: -self.pool,
            large: -self.large,
            hospital: -self.hospital,
            account: -self.account,
            cash: -self.cash,
        }
    }

    /// The amounts of `setlinfo`, in the specification's order, with the balance that is left.
    pub fn members(&self, insutype: &str, balance: Decimal, cash_name: &'static str) -> Vec<(&'static str, Node)> {
        let amounts = [
            ("medfee_sumamt", self.scope.sum),
            ("fulamt_ownpay_amt", self.scope.own),
            ("overlmt_selfpay", self.scope.over),
            ("preselfpay_amt", self.scope.first),
            ("inscp_scp_amt", self.scope.inside()),
            ("act_pay_dedc", self.dedc),
            ("hifp_pay", self.pool),
            ("pool_prop_selfpay", pool_rate(insutype)),
            ("cvlserv_pay", Decimal::ZERO),
            ("hifes_pay", Decimal::ZERO),
            ("hifmi_pay", Decimal::ZERO),
            ("hifob_pay", self.large),
            ("maf_pay", Decimal::ZERO),
            ("hifdm_pay", Decimal::ZERO),
            ("oth_pay", Decimal::ZERO),
            ("fund_pay_sumamt", self.fund()),
            ("psn_part_amt", self.person()),
            ("acct_pay", self.account),
            (cash_name, self.cash),
            ("hosp_part_amt", self.hospital),
            ("balc", balance),
            ("acct_mulaid_pay", Decimal::ZERO),
        ];
        amounts.into_iter().map(|(name, amount)| (name, Node::Money(amount))).collect()
    }

    /// The rows of `setldetail`: one for each fund that pays.
    pub fn detail(&self, insutype: &str) -> Node {
        let pool = if insutype == "310" {
            ("310100", "城镇职工基本医疗保险统筹基金")
        } else {
            ("390100", "城乡居民基本医疗保险基金")
        };
        let funds = [(pool, self.pool), (("330100", "大额医疗费用补助基金"), self.large)];
        let rows = funds.into_iter().filter(|(_, paid)| !paid.is_zero()).map(|((code, name), paid)| {
            Node::Object(vec![
                ("fund_pay_type", Node::text(code)),
                ("inscp_scp_amt", Node::Money(self.scope.inside())),
                ("crt_payb_lmt_amt", Node::Money(Decimal::from(100_000))),
                ("fund_payamt", Node::Money(paid)),
                ("fund_pay_type_name", Node::text(name)),
                ("setl_proc_info", Node::text("")),
            ])
        });
        Node::List(rows.collect())
    }
}

/// The person's part of an answer, with what the request said where nobody is known.
pub fn person_members(person: &Person) -> Vec<(&'static str, Node)> {
    vec![
        ("psn_no", Node::text(&person.psn_no)),
        ("psn_name", Node::text(&person.psn_name)),
        ("psn_cert_type", Node::text("01")),
        ("certno", Node::text(&person.certno)),
        ("gend", Node::text(person.gend)),
        ("naty", Node::text("01")),
        ("brdy", Node::text(&person.brdy)),
        ("age", Node::Count(2025 - person.brdy.get(..4).and_then(|year| year.parse().ok()).unwrap_or(2025))),
        ("insutype", Node::text(person.insutype)),
        ("psn_type", Node::text(person.psn_type)),
        ("cvlserv_flag", Node::text("0")),
    ]
}

fn pool_rate(insutype: &str) -> Decimal {
    if insutype == "310" { Decimal::new(70, 2) } else { Decimal::new(55, 2) }
}

/// Down to the fen, always to the payer's advantage.
fn fen(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::ToZero)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::draw::Draw;

    #[test]
    fn shares_add_up() {
        let mut draw = Draw::from_seed(3);
        let mut amount = |limit| Decimal::new(i64::try_from(draw.below(limit)).unwrap_or(0), 2);
        for round in 0..2000 {
            let (price, count) = (amount(90_000), Decimal::from(1 + round % 5));
            let code = format!("X{}", round % 10);
            let scope =
                Scope::of_line(&code, price, count, price * count).plus(Scope::of_line("X1", price, count, price));
            let insutype = if round % 2 == 0 { "310" } else { "390" };
            let shares = Shares::split(scope, insutype, amount(30_000));
            assert_eq!(shares.scope.sum, shares.fund() + shares.person() + shares.hospital);
            for part in [scope.inside(), shares.pool, shares.large, shares.hospital, shares.account, shares.cash] {
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
        let shares = Shares::split(scope, "310", Decimal::from(50));
        assert_eq!(shares.pool, Decimal::new(19404, 2));
        assert_eq!(shares.large, Decimal::from(21));
        assert_eq!(shares.hospital, Decimal::new(196, 2));
        assert_eq!((shares.account, shares.cash), (Decimal::from(50), Decimal::from(33)));
    }
}
