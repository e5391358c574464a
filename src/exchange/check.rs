//! Holds a call to the rules before anything is sent: what refuses, what the HIS may read of, what is only counted.
//!
//! Only calls of the HIS are held to rules; what takes something back is never refused by one (`money.md` §8).

use std::borrow::Cow;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::domain::exchange::{Origin, Seq};
use crate::domain::message::Body;
use crate::journal::draft::Draft;
use crate::journal::facts::{Fact, Facts};
use crate::journal::record::Kind;
use crate::profile::{Envelope, Identity};
use crate::rules::compile::Rules;
use crate::rules::finding::{Finding, Findings};
use crate::rules::mode::Mode;

use super::Line;
use super::identify::Identified;
use super::refusal::{Broken, Refusal};

/// Findings of one call that its INTENT names; all are counted.
const NOTED_MAX: usize = 8;
/// Bytes of the header line that tells the HIS.
const HEADER_BYTES_MAX: usize = 1_000;
/// Bytes of a body on disk that is read whole to be held to rules.
const LARGE_BYTES_MAX: u64 = 16 << 20;
/// The header line.
pub const HEADER: &str = "X-Medgate-Findings";

/// The rules that a call is held to; in force as one with profile and routes.
#[derive(Debug, Default)]
pub struct InForce {
    /// The packs in force, compiled.
    pub rules: Arc<Rules>,
    /// The HIS reads of warnings in a header line.
    pub tells: bool,
    /// One body that stands on disk is read at a time.
    large: Mutex<()>,
}

impl InForce {
    /// These rules.
    pub fn of(rules: Rules, tells: bool) -> InForce {
        InForce { rules: Arc::new(rules), tells, large: Mutex::default() }
    }
}

/// A call that may go on, with what was noticed.
pub struct Checked {
    /// The call.
    pub identified: Box<Identified>,
    /// What was noticed but does not refuse.
    pub findings: Vec<Noted>,
}

/// A broken rule as a record names it: never a value of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Id of the rule.
    pub rule: Cow<'static, str>,
    /// What it does; none for what the line itself notices, which does nothing.
    pub mode: Option<Mode>,
    /// Where: a field path.
    pub place: Cow<'static, str>,
}

impl Noted {
    /// What the line itself notices.
    pub fn own(rule: &'static str, place: &'static str) -> Noted {
        Noted { rule: rule.into(), mode: None, place: place.into() }
    }

    fn of(finding: &Finding) -> Noted {
        Noted { rule: finding.rule.clone().into(), mode: Some(finding.mode), place: finding.place.clone().into() }
    }

    /// Adds it to the facts of a call.
    pub fn add_to(&self, facts: &mut Facts) {
        let value = match self.mode {
            Some(mode) => format!("{}\0{}", mode.word(), self.place),
            None => self.place.clone().into_owned(),
        };
        facts.named(Fact::Finding, &self.rule, value.as_bytes());
    }
}

impl Checked {
    /// What the HIS reads of warnings; none where there is none, or where it is not told.
    pub fn header(&self) -> Option<String> {
        let in_force = &self.identified.arrival.policy.rules;
        let warns: Vec<&Noted> = self.findings.iter().filter(|noted| noted.mode == Some(Mode::Warn)).collect();
        if warns.is_empty() || !in_force.tells {
            return None;
        }
        let mut line = warns.len().to_string();
        for Noted { rule, place, .. } in warns {
            let more = format!("; {rule} at {place}");
            let is_header = more.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            if is_header && line.len() + more.len() <= HEADER_BYTES_MAX {
                line.push_str(&more);
            }
        }
        Some(line)
    }
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
pub fn envelope_findings(identity: &Identity, envelope: &Envelope, rule_without_key: bool) -> Vec<Noted> {
    let broken = ENVELOPE.iter().filter(|(_, _, is_broken)| is_broken(identity, envelope, rule_without_key));
    broken.map(|(rule, place, _)| Noted::own(rule, place)).collect()
}

/// True for a rule that what was read of a call decides alone.
pub fn is_of_envelope(rule: &str) -> bool {
    ENVELOPE.iter().any(|(id, ..)| *id == rule)
}

impl Line {
    /// Holds a call to the rules.
    ///
    /// # Errors
    /// The call comes back with what refuses it; that is journaled under the number that the refusal names.
    pub(super) async fn check(&self, identified: Box<Identified>) -> Result<Checked, (Box<Identified>, Refusal)> {
        let mut checked = noticed(identified);
        let call = &checked.identified;
        if call.arrival.origin != Origin::His {
            return Ok(checked);
        }
        let findings = self.held_to_rules(call).await;
        let by_mode = Mode::ALL.map(|mode| (mode.word(), findings.count_of(mode)));
        self.metrics.rules.found(&call.identity.infno, by_mode, findings.unread);
        if findings.refuse() {
            let broken = self.refused_by_rules(call, &findings).await;
            return Err((checked.identified, Refusal::Rules(Box::new(broken))));
        }
        let warns = findings.by_weight().into_iter().filter(|finding| finding.mode == Mode::Warn);
        checked.findings.extend(warns.take(NOTED_MAX).map(Noted::of));
        Ok(checked)
    }

    /// What is broken in a call; nothing is known of one whose body is too large to be read whole.
    async fn held_to_rules(&self, call: &Identified) -> Findings {
        let (in_force, infno) = (&call.arrival.policy.rules, &call.identity.infno);
        match (&call.arrival.opened, &call.arrival.request.body) {
            (Some(plain), _) => in_force.rules.check(infno, plain),
            (None, Body::Buffered(bytes)) => in_force.rules.check(infno, bytes),
            (None, Body::Spooled(file)) if file.raw_len <= LARGE_BYTES_MAX && call.identity.class.acts() => {
                let _one = in_force.large.lock().await;
                let mut whole = Vec::new();
                match Box::pin(self.each_chunk(file, |chunk| whole.extend_from_slice(chunk))).await {
                    Ok(()) => in_force.rules.check(infno, &whole),
                    Err(_) => Findings::nothing_read(),
                }
            }
            (None, Body::Spooled(_)) => Findings::nothing_read(),
        }
    }

    /// Journals why a call is refused; the number of the record is the reference that the HIS reads.
    async fn refused_by_rules(&self, call: &Identified, findings: &Findings) -> Broken {
        let mut draft = Draft::new(Kind::Note);
        draft.header.exchange_id = call.arrival.id;
        draft.header.at_unix_ns = call.arrival.at_unix_ns;
        draft.header.class = call.identity.class as u8;
        draft.header.origin = call.arrival.origin as u8;
        draft.header.profile_seq = call.arrival.policy.profile_seq;
        draft.facts.text(Fact::Reason, REASON);
        draft.facts.text(Fact::Infno, &call.identity.infno);
        draft.facts.text(Fact::Msgid, call.envelope.msgid.as_deref().unwrap_or_default());
        draft.facts.text(Fact::FixmedinsCode, call.envelope.fixmedins_code.as_deref().unwrap_or_default());
        draft.facts.number(Fact::Count, findings.count());
        let worst = findings.by_weight();
        for finding in &worst {
            let Finding { rule, mode, place, .. } = finding;
            let value = format!("{}\0{place}\0{}", mode.word(), finding.sentence());
            draft.facts.named(Fact::Finding, rule, value.as_bytes());
        }
        let reference = self.journal.append(draft).await.unwrap_or_else(|error| {
            tracing::warn!(exchange = %call.arrival.id, %error, "what a call was refused for could not be journaled");
            Seq::NONE
        });
        let refusing = worst.iter().filter(|finding| finding.mode == Mode::Enforce);
        let sentences = refusing.map(|finding| finding.sentence()).collect();
        Broken { count: findings.count_of(Mode::Enforce), sentences, reference }
    }
}

/// The word under which a Note says that rules refused a call.
pub const REASON: &str = "rules";

/// What the line itself notices; all of it only observes: what the platform would accept is not ours to refuse (`wire.md` §7).
pub(super) fn noticed(mut identified: Box<Identified>) -> Checked {
    let mut findings = std::mem::take(&mut identified.findings);
    let Identified { identity, envelope, rule_without_key, .. } = &*identified;
    findings.extend(envelope_findings(identity, envelope, *rule_without_key));
    Checked { identified, findings }
}
