//! The decisions of the line again, over what a journal holds of an exchange, and what of it comes out otherwise.
//!
//! The same functions decide as when the call came; the profile is the one that the record names, or another to compare.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::class::Class;
use crate::domain::exchange::{Origin, Seq};
use crate::domain::message::{HeaderLines, Reply, Request, header};
use crate::domain::outcome::{Cause, Outcome};
use crate::domain::scan::{Scanner, View};
use crate::domain::token::Token;
use crate::journal::facts::{Fact, Facts};
use crate::journal::record::{Header, flag};
use crate::journal::tokens::Tokens as Secret;
use crate::profile::{Envelope, Profile};
use crate::rules::compile::Rules;
use crate::rules::finding::Findings;
use crate::rules::mode::Mode;
use crate::signing::credentials::Credentials;

use super::check::{envelope_findings, is_of_envelope};
use super::judge::Asked;
use super::knew::{Knew, Weighed, proves_undone, rule_word};
use super::opening::{Plain, Seals};
use super::reading::{self, Reading};
use super::repeat::Step;
use super::settle::{Heard, Verdict, verdict_of};
use super::understood::Understood;

/// What decides again.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The index secret.
    pub secret: &'a Secret,
    /// Identities whose keys are at hand, by name.
    pub identities: &'a BTreeMap<String, Arc<Credentials>>,
    /// Rules that calls of the HIS are held to beside; what they find is compared with what the record names.
    pub rules: Option<&'a Rules>,
}

/// Something that was journaled otherwise than it comes out now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs: `class`, `outcome`, `Amount medfee_sumamt`.
    pub field: String,
    /// As it was journaled; empty for nothing.
    pub was: String,
    /// As it comes out; empty for nothing.
    pub now: String,
}

/// A call decided again: what its later records are compared with.
pub struct Call {
    class: Class,
    infno: String,
    /// Without the person: only what judge and tokens ask for.
    envelope: Envelope,
    visit: Token,
    handle: Token,
    undoes: Option<u64>,
    opened_as: Vec<(String, String)>,
    origin: Origin,
}

/// Keys without which nobody can say what a seal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoKeys {
    /// Name of the identity.
    pub identity: String,
}

/// Facts that what was read of a call decides.
const OF_CALL: [Fact; 12] = [
    Fact::Infno,
    Fact::Msgid,
    Fact::FixmedinsCode,
    Fact::MdtrtareaAdmvs,
    Fact::InsuplcAdmdvs,
    Fact::MdtrtId,
    Fact::SetlId,
    Fact::ChrgBchno,
    Fact::Amount,
    Fact::Dimension,
    Fact::Fingerprint,
    Fact::LikeKey,
];
/// Facts that what was read of a reply decides.
const OF_REPLY: [Fact; 7] =
    [Fact::Infcode, Fact::MdtrtId, Fact::MedinsSetlId, Fact::SetlId, Fact::Amount, Fact::Dimension, Fact::FreesSeq];

impl<'a> Bench<'a> {
    /// Scans a request for what this profile wants to know.
    pub fn request_scanner(&self, headers: &HeaderLines) -> Scanner {
        Scanner::of_content_type(self.profile.wanted(), content_type(headers))
    }

    /// Scans a reply for what this profile wants to know.
    pub fn reply_scanner(&self, headers: &HeaderLines) -> Scanner {
        Scanner::of_content_type(self.profile.reply_wanted(), content_type(headers))
    }

    /// The plain text of a call that came sealed.
    ///
    /// # Errors
    /// When it is sealed under keys that are not at hand.
    pub fn opened(&self, intent: &Header, facts: &Facts, request: &Request) -> Result<Option<Plain>, NoKeys> {
        let seals = self.seals(&opened_as(facts), origin_of(intent))?;
        Ok(seals.and_then(|seals| {
            let mut scanner = self.request_scanner(&request.headers);
            scanner.feed(request.body.buffered()?);
            seals.read_request(&request.body, &mut scanner.finish())
        }))
    }

    /// Decides a call again and says what its INTENT holds otherwise.
    ///
    /// # Errors
    /// When it is sealed under keys that are not at hand.
    pub fn call(
        &self,
        intent: &Header,
        facts: &Facts,
        request: &Request,
        mut view: View,
    ) -> Result<(Call, Vec<Difference>), NoKeys> {
        let origin = origin_of(intent);
        let identity = self.profile.identify(&request.target, &request.headers, &view);
        let opened_as = opened_as(facts);
        let seals = self.seals(&opened_as, origin)?;
        let opened = seals.and_then(|seals| seals.read_request(&request.body, &mut view));
        let Reading { envelope, tokens, called, rule_without_key, .. } = match origin {
            Origin::Reconcile => reading::read_question(self.profile, self.secret, &view),
            _ => reading::read(self.profile, self.secret, &identity, &view),
        };
        let mut now = reading::call_facts(&identity, &envelope, &tokens, &called);
        for finding in envelope_findings(&identity, &envelope, rule_without_key) {
            finding.add_to(&mut now);
        }
        let mut differences = Differences::default();
        differences.words("class", class_word(intent.class), identity.class.word());
        differences.tokens("key", intent.key_token, tokens.key);
        differences.tokens("fence", intent.fence_token, tokens.person);
        differences.tokens("visit", intent.visit_token, tokens.visit);
        differences.tokens("settlement", intent.settlement_token, tokens.handle);
        differences.facts(&OF_CALL, facts, &now);
        differences.findings(facts, &now);
        let plain = opened.as_ref().map(|opened| opened.as_slice());
        let plain = plain.or_else(|| request.body.buffered().map(|bytes| &bytes[..]));
        if let (Some(rules), Some(plain), Origin::His) = (self.rules, plain, origin) {
            differences.rules(facts, &rules.check(&identity.infno, plain));
        }
        let call = Call {
            class: identity.class,
            infno: identity.infno,
            envelope: Envelope {
                msgid: envelope.msgid,
                fixmedins_code: envelope.fixmedins_code,
                cross_region: envelope.cross_region,
                ..Envelope::default()
            },
            visit: tokens.visit,
            handle: tokens.handle,
            undoes: facts.number_of(Fact::UndoesSeq).filter(|_| proves_undone(facts)),
            opened_as,
            origin,
        };
        Ok((call, differences.0))
    }

    /// Judges again what came of a call and says what its OUTCOME holds otherwise. `reply`: what it holds, scanned.
    ///
    /// # Errors
    /// When the reply is sealed under keys that are not at hand.
    pub fn outcome(
        &self,
        call: &Call,
        outcome: &Header,
        facts: &Facts,
        reply: Option<(&Reply, View)>,
    ) -> Result<(Verdict, Vec<Difference>), NoKeys> {
        let mut understood = reply.map(|(reply, view)| (reply, Understood::of(self.profile, view)));
        // What streams is neither opened nor checked.
        if let (Some((reply, understood)), false) = (&mut understood, outcome.has(flag::TAIL_HELD))
            && let Some(seals) = self.seals(&call.opened_as, call.origin)?
        {
            seals.read_reply(&reply.body, understood);
        }
        let cause = Cause::from_code(outcome.cause);
        let heard = match (cause, &understood) {
            (Some(Cause::NeverSent), _) => Heard::NeverSent,
            (Some(silence), _) if is_silence(silence) => Heard::Silence(silence),
            (_, Some((reply, understood))) => Heard::Reply(reply.status, understood),
            (_, None) => Heard::Silence(Cause::Broken),
        };
        let asked = Asked::of(self.profile, call.class, &call.infno, &call.envelope);
        let verdict = verdict_of(self.profile, &asked, &heard);
        let mut differences = Differences::default();
        differences.words("outcome", outcome_word(outcome.outcome), verdict.outcome.word());
        differences.words("cause", cause.map_or("", Cause::word), verdict.cause.word());
        // Of a reply that broke off less may be kept than was heard.
        if let Heard::Reply(_, understood) = heard {
            let mut made = Header { visit_token: call.visit, settlement_token: call.handle, ..outcome.clone() };
            reading::name_what_it_made(&mut made, self.secret, &call.envelope, &understood.said);
            differences.tokens("visit", outcome.visit_token, made.visit_token);
            differences.tokens("settlement", outcome.settlement_token, made.settlement_token);
            let mut now = Facts::default();
            reading::add_reply_facts(&mut now, &understood.said);
            if let Some(undoes) = call.undoes.filter(|_| verdict.proves_done()) {
                now.number(Fact::FreesSeq, undoes);
            }
            differences.facts(&OF_REPLY, facts, &now);
        }
        Ok((verdict, differences.0))
    }

    /// Weighs again what became of a repeat, by the key rule of this profile; `None` where the record tells of no such step, or
    /// of one that the table of repeats did not decide.
    pub fn step(&self, facts: &Facts) -> Option<Vec<Difference>> {
        let knew = Knew::of(facts)?;
        let infno = facts.text_of(Fact::Infno).unwrap_or_default();
        let rule = self.profile.transaction(infno).key.as_ref().map(|key| &key.on_repeat);
        let step = match rule {
            Some(rule) => knew.step(rule)?,
            None if knew.weighed.is_some() || knew.joined.is_some() => Step::Forward,
            None => return None,
        };
        let mut differences = Differences::default();
        if let Some(Weighed { rule: was, .. }) = &knew.weighed {
            differences.words("rule", was, &rule.map(rule_word).unwrap_or_default());
        }
        let taken = facts.text_of(Fact::Step).unwrap_or_default();
        // What the table lets go on or be answered may still meet a like call, an erased answer or a journal that is closed.
        let met =
            matches!(step, Step::Forward | Step::Replay) && matches!(taken, "GW304" | "GW305" | "GW402" | "GW403");
        if !met {
            differences.words("step", taken, step.word());
        }
        Some(differences.0)
    }

    fn seals<'b>(&'b self, opened_as: &[(String, String)], origin: Origin) -> Result<Option<Seals<'b>>, NoKeys> {
        let variant = opened_as.first().map_or("", |(_, variant)| variant.as_str());
        let Some(terms) = self.profile.signing(variant).filter(|terms| terms.form.seals()) else { return Ok(None) };
        if origin == Origin::Callback || opened_as.is_empty() {
            return Ok(None);
        }
        let known = opened_as
            .iter()
            .map(|(name, _)| self.identities.get(name).ok_or_else(|| NoKeys { identity: name.clone() }));
        Ok(Some(Seals { terms, known: known.collect::<Result<_, _>>()?, profile: self.profile, plain: false }))
    }
}

impl Call {
    /// 交易编号, as it comes out now.
    pub fn infno(&self) -> &str {
        &self.infno
    }
}

/// The differences found so far.
#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn words(&mut self, field: &str, was: &str, now: &str) {
        if was != now {
            self.0.push(Difference { field: field.to_owned(), was: was.to_owned(), now: now.to_owned() });
        }
    }

    fn tokens(&mut self, field: &str, was: Token, now: Token) {
        let word = |token: Token| if token.is_none() { String::new() } else { token.to_string() };
        self.words(field, &word(was), &word(now));
    }

    fn facts(&mut self, compared: &[Fact], was: &Facts, now: &Facts) {
        let (was, now) = (said(compared, was), said(compared, now));
        let fields: BTreeSet<&String> = was.keys().chain(now.keys()).collect();
        for field in fields {
            let of = |said: &BTreeMap<String, String>| said.get(field).cloned().unwrap_or_default();
            self.words(field, &of(&was), &of(&now));
        }
    }

    fn findings(&mut self, was: &Facts, now: &Facts) {
        let rules = |facts: &Facts| {
            let all = facts.all_named(Fact::Finding).map(|(rule, _)| rule.to_owned());
            all.filter(|rule| is_of_envelope(rule)).collect::<Vec<_>>().join(" ")
        };
        self.words("findings", &rules(was), &rules(now));
    }

    /// Rules that warned then, and those that would warn or refuse now.
    fn rules(&mut self, was: &Facts, now: &Findings) {
        let warned = was.all_named(Fact::Finding).filter(|(_, said)| said.starts_with(b"warn\0"));
        let warned: BTreeSet<String> = warned.map(|(rule, _)| format!("warn {rule}")).collect();
        let broken = now.kept().iter().filter(|finding| finding.mode > Mode::Observe);
        let broken: BTreeSet<String> =
            broken.map(|finding| format!("{} {}", finding.mode.word(), finding.rule)).collect();
        let listed = |rules: BTreeSet<String>| rules.into_iter().collect::<Vec<_>>().join(", ");
        self.words("rules", &listed(warned), &listed(broken));
    }
}

/// Facts as texts by what they are about; several values of one stand beside each other.
fn said(compared: &[Fact], facts: &Facts) -> BTreeMap<String, String> {
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    let mut add = |field: String, value: String| {
        let known = said.entry(field).or_default();
        if !known.is_empty() {
            known.push(' ');
        }
        known.push_str(&value);
    };
    for fact in compared {
        let name = format!("{fact:?}");
        match fact {
            Fact::Amount | Fact::Dimension => {
                for (of, value) in facts.all_named(*fact) {
                    add(format!("{name} {of}"), String::from_utf8_lossy(value).into_owned());
                }
            }
            Fact::Fingerprint => {
                facts.all_named(*fact).for_each(|(of, value)| add(format!("{name} {of}"), hex::encode(value)))
            }
            Fact::LikeKey => facts.all(*fact).for_each(|value| add(name.clone(), hex::encode(value))),
            Fact::FreesSeq => add(name, facts.number_of(*fact).map_or(String::new(), |seq| Seq(seq).to_string())),
            _ => facts.all(*fact).for_each(|value| add(name.clone(), String::from_utf8_lossy(value).into_owned())),
        }
    }
    said
}

/// No whole reply came: the cause is what was heard, and nothing judges it.
fn is_silence(cause: Cause) -> bool {
    use Cause::*;
    matches!(cause, TimedOut | Broken | Cut | Stop | Restart | Panic | NotStored)
}

fn opened_as(facts: &Facts) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    facts.all_named(Fact::OpenedAs).map(|(name, variant)| (name.to_owned(), text(variant))).collect()
}

fn origin_of(header: &Header) -> Origin {
    let all = [Origin::His, Origin::Callback, Origin::Split, Origin::Reconcile, Origin::Fanout, Origin::Operator];
    all.into_iter().find(|origin| *origin as u8 == header.origin).unwrap_or_default()
}

fn class_word(code: u8) -> &'static str {
    Class::from_code(code).map_or("", Class::word)
}

fn outcome_word(code: u8) -> &'static str {
    Outcome::from_code(code).map_or("", Outcome::word)
}

fn content_type(headers: &HeaderLines) -> Option<&[u8]> {
    header(headers, "content-type").map(|value| &value[..])
}
