//! Checks a call before anything is sent. For now the envelope only; field rules join here.

use crate::profile::{Envelope, Identity};

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
type EnvelopeRule = (&'static str, &'static str, fn(&Identity, &Envelope, bool) -> bool);

const ENVELOPE: [EnvelopeRule; 4] = [
    ("ENV01", "infno", |identity, _, _| identity.disagreement),
    ("ENV02", "msgid", |identity, envelope, _| identity.class.acts() && envelope.msgid.is_none()),
    ("ENV03", "fixmedins_code", |identity, envelope, _| identity.class.acts() && envelope.fixmedins_code.is_none()),
    ("ENV04", "input", |_, _, rule_without_key| rule_without_key),
];

/// The broken rules of the envelope.
pub fn envelope_findings(identity: &Identity, envelope: &Envelope, rule_without_key: bool) -> Vec<Finding> {
    let broken = ENVELOPE.iter().filter(|(_, _, is_broken)| is_broken(identity, envelope, rule_without_key));
    broken.map(|(rule, place, _)| Finding { rule, place }).collect()
}

/// True for a rule that what was read of a call decides alone.
pub fn is_of_envelope(rule: &str) -> bool {
    ENVELOPE.iter().any(|(id, ..)| *id == rule)
}

/// Checks the envelope. All rows warn: what the platform would accept is not ours to refuse (`wire.md` §7).
///
/// # Errors
/// The call comes back with a finding that refuses; none of the envelope's does.
pub fn check(mut identified: Box<Identified>) -> Result<Checked, (Box<Identified>, Refusal)> {
    let mut findings = std::mem::take(&mut identified.findings);
    let Identified { identity, envelope, rule_without_key, .. } = &*identified;
    findings.extend(envelope_findings(identity, envelope, *rule_without_key));
    Ok(Checked { identified, findings })
}
