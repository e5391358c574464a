//! The record of what a person did: who, what, why, before and after. Never a secret, never a person's data.

use crate::domain::exchange::Origin;
use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;

/// Longest text of a reason, in bytes.
pub const REASON_BYTES_MAX: usize = 400;

/// One act of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act<'a> {
    /// Who.
    pub who: &'a str,
    /// What: a few fixed words and what they are about.
    pub what: &'a str,
    /// Why, in the person's own words.
    pub why: &'a str,
    /// How it was before.
    pub before: &'a str,
    /// How it is after.
    pub after: &'a str,
}

impl Act<'_> {
    /// Its record.
    pub fn draft(&self) -> Draft {
        let mut draft = Draft::new(Kind::OperatorAct);
        draft.header.origin = Origin::Operator as u8;
        draft.facts.text(Fact::Who, self.who);
        draft.facts.text(Fact::Name, self.what);
        draft.facts.text(Fact::Reason, short(self.why));
        draft.facts.text(Fact::Before, self.before);
        draft.facts.text(Fact::After, self.after);
        draft
    }
}

/// A reason within its bound.
pub fn short(why: &str) -> &str {
    &why[..why.floor_char_boundary(REASON_BYTES_MAX)]
}
