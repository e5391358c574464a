//! Checks a call before anything is sent. For now the envelope only; field rules join here.

use super::identify::Identified;
use super::refusal::Refusal;

/// A call that may go on, with what was noticed.
pub struct Checked {
    /// The call.
    pub identified: Box<Identified>,
    /// What was noticed but does not refuse.
    pub findings: Vec<Finding>,
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Id of the rule.
    pub rule: &'static str,
    /// Where: a field path.
    pub place: &'static str,
}

/// The envelope rules, one row each: id, place, and when the row is broken.
type EnvelopeRule = (&'static str, &'static str, fn(&Identified) -> bool);

const ENVELOPE: [EnvelopeRule; 4] = [
    ("ENV01", "infno", |call| call.identity.disagreement),
    ("ENV02", "msgid", |call| call.identity.class.acts() && call.envelope.msgid.is_none()),
    ("ENV03", "fixmedins_code", |call| call.identity.class.acts() && call.envelope.fixmedins_code.is_none()),
    ("ENV04", "input", |call| call.rule_without_key),
];

/// Checks the envelope. All rows warn: what the platform would accept is not ours to refuse (`wire.md` §7).
///
/// # Errors
/// The call comes back with a finding that refuses; none of the envelope's does.
pub fn check(mut identified: Box<Identified>) -> Result<Checked, (Box<Identified>, Refusal)> {
    let mut findings = std::mem::take(&mut identified.findings);
    let broken = ENVELOPE.iter().filter(|(_, _, is_broken)| is_broken(&identified));
    findings.extend(broken.map(|(rule, place, _)| Finding { rule, place }));
    Ok(Checked { identified, findings })
}
