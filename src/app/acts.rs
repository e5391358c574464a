//! What is changed in a running gateway, as the journal keeps it: who, why, what, before and after.

use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::operator::act::Act;

/// The signal that asks for everything to be read anew.
pub(super) const SIGNAL: &str = "signal HUP";
/// A new day has begun.
pub(super) const DAY: &str = "medgate: a new day";
/// Nobody but the gateway itself.
pub(super) const SELF: &str = "medgate";

/// The record of one act; `lines` say what was before and what is after, and never a secret.
pub(super) fn draft(who: &str, reason: &str, name: &str, lines: &[String], at_unix_ns: i64) -> Draft {
    let mut draft = Act { who, what: name, why: reason, before: "", after: "" }.draft();
    draft.header.at_unix_ns = at_unix_ns;
    draft.facts.text(Fact::Text, &lines.join("\n"));
    draft
}
