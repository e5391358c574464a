//! Money laws: which amounts must add up to which, and what a refund says of its settlement (`money.md` §7). Rows of `[law.*]`.

use crate::domain::money::units_of;
use crate::domain::scan::View;

use super::Profile;

/// A row of `[law.*]`; it says one of `parts`, `lines` and `mirrors`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Law {
    /// The amount that is the sum of the others; none where amounts are mirrored.
    pub whole: String,
    /// The amounts of the answer that add up to it; a `?` behind a name: it may be missing and counts as nothing then.
    pub parts: Vec<String>,
    /// The field of the fee lines in the call that adds up to it, as the call says it and as the answer does.
    pub lines: String,
    /// Amounts of a refund's answer: each of the size that the settlement had which it takes back, and of the opposite sign, be
    /// it written so or not.
    pub mirrors: Vec<String>,
    /// Transactions whose answers must obey; empty: all that say these amounts.
    pub infno: Vec<String>,
    /// It was seen to hold in this province: a broken one is a case, and not only a finding.
    pub proven: bool,
}

/// (field, raw text) of amounts outside of rows.
type Amounts = [(String, String)];

/// What is known of the money of an exchange when its answer is weighed.
#[derive(Debug, Clone, Copy)]
pub struct Money<'a> {
    /// The call.
    pub call: &'a View,
    /// What it asks for.
    pub asked: &'a Amounts,
    /// What the answer says.
    pub answered: &'a Amounts,
    /// What the answer said of the settlement that it takes back; empty where it takes none back, or nothing is known of it.
    pub undone: &'a Amounts,
}

/// A law that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenLaw {
    /// `LAW.` and the name of its row.
    pub rule: String,
    /// The amount that is not what it must be.
    pub amount: String,
    /// Whether that is a case.
    pub proven: bool,
}

impl Profile {
    /// The laws that an exchange breaks. A law whose amounts are not all there says nothing.
    pub fn broken_laws(&self, infno: &str, money: Money<'_>) -> Vec<BrokenLaw> {
        let broken = |(name, law): (&String, &Law)| {
            let (rule, proven) = (format!("LAW.{name}"), law.proven);
            Some(BrokenLaw { rule, amount: self.broken_by(law, money)?.to_owned(), proven })
        };
        self.laws_of(infno).filter_map(broken).collect()
    }

    /// Whether a law compares the answer with that of the settlement which is taken back.
    pub fn mirrors(&self, infno: &str) -> bool {
        self.laws_of(infno).any(|(_, law)| !law.mirrors.is_empty())
    }

    fn laws_of<'a>(&'a self, infno: &'a str) -> impl Iterator<Item = (&'a String, &'a Law)> {
        let laws = self.rules.laws.iter().map(|(name, (_, law))| (name, law));
        laws.filter(move |(_, law)| law.infno.is_empty() || law.infno.iter().any(|one| one == infno))
    }

    /// The amount of `law` that is not what it must be.
    fn broken_by<'l>(&self, law: &'l Law, money: Money<'_>) -> Option<&'l str> {
        if !law.mirrors.is_empty() {
            return law.unlike(money.answered, money.undone);
        }
        let is_broken = if law.lines.is_empty() {
            law.difference(money.answered).is_some_and(|difference| difference != 0)
        } else {
            let lines = self.line_total(&law.lines, money.call);
            let differs = |amounts| Some(units(amounts, &law.whole)? != lines?);
            [money.asked, money.answered].into_iter().any(|amounts| differs(amounts) == Some(true))
        };
        is_broken.then_some(&law.whole)
    }
}

impl Law {
    /// The whole less its parts, in ten-thousandths of a yuan.
    fn difference(&self, amounts: &Amounts) -> Option<i64> {
        let mut left = units(amounts, &self.whole)?;
        for part in &self.parts {
            let value = match part.strip_suffix('?') {
                Some(name) => said(amounts, name).map_or(Some(0), units_of),
                None => units(amounts, part),
            };
            left = left.checked_sub(value?)?;
        }
        Some(left)
    }

    /// The first amount of a refund that is not what the settlement says, turned round: platforms write refunds with either sign,
    /// but all amounts of one with the same.
    fn unlike(&self, refund: &Amounts, settlement: &Amounts) -> Option<&str> {
        let both = |name: &'_ String| Some((units(refund, name)?, units(settlement, name)?));
        let pairs: Vec<_> = self.mirrors.iter().filter_map(|name| Some((name, both(name)?))).collect();
        let signs = pairs.iter().map(|(_, (back, paid))| back.signum() * paid.signum());
        let sign = signs.into_iter().find(|sign| *sign != 0).unwrap_or(1);
        let is_like = |(back, paid): (i64, i64)| paid.checked_mul(sign) == Some(back);
        pairs.into_iter().find(|(_, pair)| !is_like(*pair)).map(|(name, _)| name.as_str())
    }
}

fn said<'a>(amounts: &'a Amounts, name: &str) -> Option<&'a str> {
    amounts.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// In ten-thousandths of a yuan.
fn units(amounts: &Amounts, name: &str) -> Option<i64> {
    units_of(said(amounts, name)?)
}

#[cfg(test)]
mod tests {
    use super::super::Texts;
    use super::*;
    use crate::domain::scan::Scanner;

    fn baseline() -> Profile {
        Profile::load("baseline", &Texts::embedded()).unwrap()
    }

    fn owned(amounts: &[(&str, &str)]) -> Vec<(String, String)> {
        amounts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Each broken law with the amount that is wrong.
    fn broken(profile: &Profile, infno: &str, money: Money<'_>) -> String {
        let laws = profile.broken_laws(infno, money).into_iter();
        laws.map(|law| format!("{} {}", law.rule, law.amount)).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn what_does_not_add_up_is_named_and_what_is_not_said_is_not_judged() {
        let profile = baseline();
        let broken = |infno: &str, answered: &[(&str, &str)]| {
            let money = Money { call: &View::empty(), asked: &[], answered: &owned(answered), undone: &[] };
            broken(&profile, infno, money)
        };
        let good = [
            ("medfee_sumamt", "300.00"),
            ("fund_pay_sumamt", "210"),
            ("psn_part_amt", "90.0"),
            ("acct_pay", "30"),
            ("psn_cash_pay", "60.00"),
        ];
        assert_eq!(broken("2207", &good), "");
        let with =
            |name: &str, value: &'static str| good.map(|(one, old)| (one, if one == name { value } else { old }));
        assert_eq!(broken("2207", &with("fund_pay_sumamt", "210.01")), "LAW.total medfee_sumamt");
        assert_eq!(broken("2207", &with("psn_cash_pay", "60.01")), "LAW.person psn_part_amt");
        assert_eq!(broken("2207", &good[..1]), "", "nothing to add up");
        assert_eq!(broken("2206", &with("psn_cash_pay", "60.01")), "", "a trial moves no money");
        let hospital: Vec<_> = with("fund_pay_sumamt", "200").into_iter().chain([("hosp_part_amt", "10")]).collect();
        assert_eq!(broken("2207", &hospital), "");
    }

    #[test]
    fn a_refund_says_what_its_settlement_said_with_one_sign_throughout() {
        let profile = baseline();
        let check = |refund: [&str; 3], expected: &str| {
            let paid =
                owned(&[("medfee_sumamt", "300.00"), ("acct_pay", "0"), ("psn_cash_pay", "90.5"), ("balc", "7")]);
            let names = ["medfee_sumamt", "acct_pay", "psn_cash_pay"];
            let said = names.into_iter().zip(refund).filter(|(_, value)| !value.is_empty());
            let answered = owned(&said.chain([("balc", "97.5")]).collect::<Vec<_>>());
            let money = Money { call: &View::empty(), asked: &[], answered: &answered, undone: &paid };
            assert_eq!(broken(&profile, "2208", money), expected, "{refund:?}");
            assert_eq!(broken(&profile, "2601", money), "", "{refund:?}");
            assert_eq!(broken(&profile, "2208", Money { undone: &[], ..money }), "", "{refund:?}");
        };
        check(["-300", "0", "-90.50"], "");
        check(["300.0000", "0.00", "90.50"], "");
        check(["", "", "-90.50"], "");
        check(["", "", ""], "");
        check(["-300", "many", "-90.50"], "");
        check(["-299.99", "0", "-90.50"], "LAW.refund medfee_sumamt");
        check(["-300", "0", "-90.5001"], "LAW.refund psn_cash_pay");
        check(["-300", "0.01", "-90.50"], "LAW.refund acct_pay");
        check(["-300", "0", "90.50"], "LAW.refund psn_cash_pay");
        check(["0", "0", "0"], "LAW.refund medfee_sumamt");
        check(["-922337203685477.5807", "0", "-90.50"], "LAW.refund medfee_sumamt");
        assert!(profile.mirrors("2305") && !profile.mirrors("2304"));
    }

    #[test]
    fn fee_lines_in_the_call_add_up_to_what_is_asked_and_to_what_is_answered() {
        let profile = baseline();
        let check = |infno: &str, lines: &str, asked: &str, answered: &str, expected: &str| {
            let mut scanner = Scanner::new(profile.wanted(), None, None);
            scanner.feed(format!(r#"{{"infno":"{infno}","input":{{"data":{{}},{lines}}}}}"#).as_bytes());
            let sum = |text| owned(&[("medfee_sumamt", text)]);
            let (call, asked, answered) = (&scanner.finish(), &sum(asked), &sum(answered));
            assert_eq!(broken(&profile, infno, Money { call, asked, answered, undone: &[] }), expected, "{lines}");
        };
        let two = r#""drugdetail":[{"med_list_codg":"X","cnt":1,"pric":10,"det_item_fee_sumamt":"10.00",
            "durg_trac_info":[{"drug_trac_codg":"8","det_item_fee_sumamt":99}]},
            {"med_list_codg":"Y","cnt":"2","pric":"1.05","det_item_fee_sumamt":2.1}]"#;
        let of_visit = &two.replace("drugdetail", "feedetail");
        check("2102", two, "12.10", "12.1", "");
        check("2102", two, "12.10", "12.11", "LAW.lines medfee_sumamt");
        check("2102", two, "12.00", "12.10", "LAW.lines medfee_sumamt");
        check("2102", two, "", "12", "LAW.lines medfee_sumamt");
        check("2207", of_visit, "12", "12", "LAW.lines medfee_sumamt");
        check("2304", of_visit, "12", "12", "");
        check("2204", of_visit, "12", "12", "");
        // What is not said is not judged: no sum, no line, a line without its own, another list, a body that breaks off.
        check("2102", two, "", "", "");
        check("2102", r#""drugdetail":[]"#, "12", "12", "");
        check("2102", r#""drugdetail":{"det_item_fee_sumamt":12}"#, "12", "12", "");
        check("2102", r#""drugdetail":{"det_item_fee_sumamt":12}"#, "13", "12", "LAW.lines medfee_sumamt");
        check("2102", &two.replace(r#","det_item_fee_sumamt":2.1"#, ""), "12", "12", "");
        check("2102", &two.replace("drugdetail", "others"), "12", "12", "");
        check("2102", &format!("{two}]"), "12", "12", "");
    }

    #[test]
    fn a_law_says_one_thing() {
        let check = |law: &str, what: &str| {
            let text = format!("title = \"T\"\ninherits = \"baseline\"\n[law.mine]\n{law}\n");
            let texts = Texts::with(vec![("city.toml".to_owned(), text)]);
            let complaints = Profile::load("city", &texts).err().unwrap_or_default();
            let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
            let is_so = if what.is_empty() { said.is_empty() } else { said.iter().any(|said| said.contains(what)) };
            assert!(is_so, "{law}: {said:?}");
        };
        check("whole = \"medfee_sumamt\"\nlines = \"fee\"", "");
        check("mirrors = [\"medfee_sumamt\"]", "");
        check("mirrors = [\"medfee\"]", "`medfee` is no amount");
        check("lines = \"fee\"", "`` is no amount");
        check("whole = \"medfee_sumamt\"", "must say one of `parts`, `lines` and `mirrors`");
        check("parts = [\"acct_pay\"]\nmirrors = [\"acct_pay\"]", "must say one of");
    }
}
