//! Money laws: which amounts of an answer must add up to which (`money.md` §7). Rows of `[law.*]`.

use crate::domain::money::units_of;

use super::Profile;

/// A row of `[law.*]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Law {
    /// The amount that is the sum of the others.
    pub whole: String,
    /// The amounts that add up to it; a `?` behind a name: it may be missing and counts as nothing then.
    pub parts: Vec<String>,
    /// Transactions whose answers must obey; empty: all that say these amounts.
    pub infno: Vec<String>,
    /// It was seen to hold in this province: a broken one is a case, and not only a finding.
    pub proven: bool,
}

/// A law that an answer breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenLaw {
    /// `LAW.` and the name of its row.
    pub rule: String,
    /// The amount that is not the sum.
    pub whole: String,
    /// Whether that is a case.
    pub proven: bool,
}

impl Profile {
    /// The laws that amounts of an answer break. A law whose amounts are not all there says nothing.
    pub fn broken_laws(&self, infno: &str, amounts: &[(String, String)]) -> Vec<BrokenLaw> {
        let laws = self.rules.laws.iter().map(|(name, (_, law))| (name, law));
        let meant = laws.filter(|(_, law)| law.infno.is_empty() || law.infno.iter().any(|one| one == infno));
        let broken = meant.filter(|(_, law)| law.difference(amounts).is_some_and(|difference| difference != 0));
        let of = |(name, law): (&String, &Law)| BrokenLaw {
            rule: format!("LAW.{name}"),
            whole: law.whole.clone(),
            proven: law.proven,
        };
        broken.map(of).collect()
    }
}

impl Law {
    /// The whole less its parts, in ten-thousandths of a yuan.
    fn difference(&self, amounts: &[(String, String)]) -> Option<i64> {
        let said = |name: &str| amounts.iter().find(|(found, _)| found == name).map(|(_, value)| value);
        let mut left = units_of(said(&self.whole)?)?;
        for part in &self.parts {
            let value = match part.strip_suffix('?') {
                Some(name) => said(name).map_or(Some(0), |value| units_of(value)),
                None => units_of(said(part)?),
            };
            left = left.checked_sub(value?)?;
        }
        Some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Texts;
    use super::*;

    #[test]
    fn what_does_not_add_up_is_named_and_what_is_not_said_is_not_judged() {
        let profile = Profile::load("baseline", &Texts::embedded()).unwrap();
        let broken = |infno: &str, amounts: &[(&str, &str)]| -> Vec<String> {
            let owned: Vec<_> = amounts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            profile.broken_laws(infno, &owned).into_iter().map(|law| law.rule).collect()
        };
        let good = [
            ("medfee_sumamt", "300.00"),
            ("fund_pay_sumamt", "210"),
            ("psn_part_amt", "90.0"),
            ("acct_pay", "30"),
            ("psn_cash_pay", "60.00"),
        ];
        assert!(broken("2207", &good).is_empty());
        let with =
            |name: &str, value: &'static str| good.map(|(one, old)| (one, if one == name { value } else { old }));
        assert_eq!(broken("2207", &with("fund_pay_sumamt", "210.01")), ["LAW.total"]);
        assert_eq!(broken("2207", &with("psn_cash_pay", "60.01")), ["LAW.person"]);
        assert!(broken("2207", &good[..1]).is_empty(), "nothing to add up");
        assert!(broken("2206", &with("psn_cash_pay", "60.01")).is_empty(), "a trial moves no money");
        let hospital: Vec<_> = with("fund_pay_sumamt", "200").into_iter().chain([("hosp_part_amt", "10")]).collect();
        assert!(broken("2207", &hospital).is_empty());
    }
}
