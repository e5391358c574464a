//! The dictionary of refusals: what an `err_msg` means to a hospital, and what cures it. Rows of `[cure.*]`.
//!
//! It says nothing about the outcome of a call: that is `[err.*]`.

use super::Profile;

/// A row of `[cure.*]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cure {
    /// Transactions it speaks of; empty: any.
    pub infno: Vec<String>,
    /// Parts of the text, one of which it must hold.
    pub contains: Vec<String>,
    /// What to do, in Chinese.
    pub cure: String,
    /// Who wrote it.
    pub by: String,
    /// Where the text was seen.
    pub source: String,
}

impl Profile {
    /// The entry that fits a refusal, with its name; one that names the transaction goes first.
    pub fn cure_of(&self, infno: &str, err_msg: &str) -> Option<(&str, &Cure)> {
        let text = err_msg.to_lowercase();
        let fits = |cure: &Cure| cure.contains.iter().any(|part| text.contains(&part.to_lowercase()));
        let named = |cure: &Cure| cure.infno.iter().any(|one| one == infno);
        let all = || self.cures().filter(|(_, cure)| fits(cure));
        all().find(|(_, cure)| named(cure)).or_else(|| all().find(|(_, cure)| cure.infno.is_empty()))
    }

    /// Every entry with its name, in the order of the names.
    pub fn cures(&self) -> impl Iterator<Item = (&str, &Cure)> {
        self.rules.cures.iter().map(|(name, (_, cure))| (name.as_str(), cure))
    }
}

/// A text without what differs from call to call: digits, latin letters and punctuation. Two refusals of one kind come out alike.
pub fn kind_of_text(err_msg: &str) -> String {
    err_msg.chars().filter(|c| !c.is_ascii() && c.is_alphabetic()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Texts;
    use super::*;

    #[test]
    fn a_refusal_finds_its_cure_and_like_refusals_are_of_one_kind() {
        let profile = Profile::load("baseline", &Texts::embedded()).unwrap();
        let name = |infno, text| profile.cure_of(infno, text).map(|(name, _)| name);
        assert_eq!(name("2208", "该笔结算已撤销，请勿重复办理"), Some("settlement_cancelled_before"));
        assert_eq!(name("2207", "该单据已经结算"), Some("settled_before"));
        assert_eq!(name("2208", "该单据已经结算"), None, "it speaks of settlements only");
        assert_eq!(name("1101", "FSI-该参保人的参保信息为空[x_1]"), Some("person_unknown"));
        assert!(profile.cures().all(|(_, cure)| !cure.cure.is_empty() && !cure.by.is_empty()));
        let kinds = ["第3行药品X0021数量超限[fileBO_156]", "第17行药品B99数量超限"].map(kind_of_text);
        assert_eq!(kinds[0], kinds[1]);
    }
}
