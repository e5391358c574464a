//! What a call says and is known by, of values alone: a profile, the index secret, and what the scanner saw.
//!
//! No journal, no clock: the line calls this when the call comes, a replay of the journal calls it again years later.

use crate::domain::scan::View;
use crate::domain::token::Token;
use crate::journal::facts::{Fact, Facts};
use crate::journal::record::Header;
use crate::journal::tokens::{MSGID, Tokens as Secret};
use crate::profile::{Envelope, Identity, KeyParts, Profile, ReplyView};

use super::held::Called;

/// Tokens of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Business key.
    pub key: Token,
    /// The key without the fields that a HIS changes on a retry (2102).
    pub loose: Token,
    /// Person within the institution.
    pub person: Token,
    /// Visit.
    pub visit: Token,
    /// The settlement, visit or filing number that the call names.
    pub handle: Token,
    /// The set of fee lines, where a call that the fence looks at carries them (2102).
    pub lines: Token,
}

/// A call as it was read.
pub struct Reading {
    /// The fields of the envelope and of the first nodes.
    pub envelope: Envelope,
    /// What it is known by outside the sealed part.
    pub tokens: Tokens,
    /// Its msgid and the compared fields of its key.
    pub called: Called,
    /// Its business key, where it has one.
    pub parts: Option<KeyParts>,
    /// True when the transaction has a key rule and the call lacks a part of it.
    pub rule_without_key: bool,
}

/// Reads a call whose transaction is known.
pub fn read(profile: &Profile, secret: &Secret, identity: &Identity, view: &View) -> Reading {
    let transaction = profile.transaction(&identity.infno);
    let envelope = profile.envelope(view);
    let parts = profile.key(transaction, view);
    let lines = transaction.fenced.then(|| profile.similar(view).lines).flatten();
    let lines = lines.map_or(Token::NONE, |lines| secret.of("lines", &lines));
    Reading {
        tokens: Tokens { lines, ..tokens_of(secret, &envelope, parts.as_ref()) },
        called: called_of(secret, &envelope, parts.as_ref()),
        rule_without_key: transaction.key.is_some() && parts.is_none(),
        envelope,
        parts,
    }
}

/// Reads a question of the gateway's own: it has no key, whatever its transaction.
pub fn read_question(profile: &Profile, secret: &Secret, view: &View) -> Reading {
    let envelope = profile.envelope(view);
    let tokens = tokens_of(secret, &envelope, None);
    Reading { envelope, tokens, called: Called::default(), parts: None, rule_without_key: false }
}

fn tokens_of(secret: &Secret, envelope: &Envelope, parts: Option<&KeyParts>) -> Tokens {
    let within =
        |domain: &str, value: Option<&str>| value.map_or(Token::NONE, |value| within(secret, envelope, domain, value));
    let person = envelope.certno.as_deref().or(envelope.psn_no.as_deref());
    // A call names a settlement or a filing, never both.
    let handle = match &envelope.setl_id {
        Some(setl_id) => within("setl_id", Some(setl_id)),
        None => within("trt_dcla_detl_sn", envelope.trt_dcla_detl_sn.as_deref()),
    };
    Tokens {
        key: parts.map_or(Token::NONE, |parts| secret.of("key", &parts.text)),
        loose: parts.and_then(|parts| parts.loose.as_deref()).map_or(Token::NONE, |text| secret.of("like", text)),
        person: within("person", person),
        visit: within("mdtrt_id", envelope.mdtrt_id.as_deref()),
        handle,
        lines: Token::NONE,
    }
}

/// Token of a value within the institution: what an answer made and what a later call names must be the same token.
pub fn within(secret: &Secret, envelope: &Envelope, domain: &str, value: &str) -> Token {
    let institution = envelope.fixmedins_code.as_deref().unwrap_or_default();
    secret.of(domain, &format!("{institution}\n{value}"))
}

/// Token of a msgid.
pub(super) fn of_msgid(secret: &Secret, msgid: &str) -> Token {
    secret.of(MSGID, msgid)
}

fn called_of(secret: &Secret, envelope: &Envelope, parts: Option<&KeyParts>) -> Called {
    let token = |(name, value): &(String, String)| (name.clone(), secret.of(name, value));
    Called {
        msgid: envelope.msgid.clone().unwrap_or_default(),
        fingerprint: parts.map_or_else(Vec::new, |parts| parts.fingerprint.iter().map(token).collect()),
    }
}

/// What an INTENT says in clear of what was read of the call.
pub fn call_facts(identity: &Identity, envelope: &Envelope, tokens: &Tokens, called: &Called) -> Facts {
    let mut facts = Facts::default();
    facts.text(Fact::Infno, &identity.infno);
    let texts = [
        (Fact::Msgid, &envelope.msgid),
        (Fact::FixmedinsCode, &envelope.fixmedins_code),
        (Fact::MdtrtareaAdmvs, &envelope.mdtrtarea_admvs),
        (Fact::InsuplcAdmdvs, &envelope.insuplc_admdvs),
        (Fact::MdtrtId, &envelope.mdtrt_id),
        (Fact::SetlId, &envelope.setl_id),
        (Fact::ChrgBchno, &envelope.chrg_bchno),
    ];
    for (fact, value) in texts {
        facts.text(fact, value.as_deref().unwrap_or_default());
    }
    add_named(&mut facts, Fact::Amount, &envelope.amounts);
    add_named(&mut facts, Fact::Dimension, &envelope.dimensions);
    for (name, token) in &called.fingerprint {
        facts.named(Fact::Fingerprint, name, &token.0);
    }
    facts.token(Fact::LikeKey, tokens.loose);
    facts.token(Fact::LineSet, tokens.lines);
    facts
}

/// What an OUTCOME says in clear of what the reply says.
pub fn add_reply_facts(facts: &mut Facts, heard: &ReplyView) {
    facts.text(Fact::Infcode, heard.infcode.as_ref().map_or("", |found| &found.text));
    facts.text(Fact::MdtrtId, heard.mdtrt_id.as_deref().unwrap_or_default());
    facts.text(Fact::MedinsSetlId, heard.medins_setl_id.as_deref().unwrap_or_default());
    for setl_id in &heard.setl_ids {
        facts.text(Fact::SetlId, setl_id);
    }
    add_named(facts, Fact::Amount, &heard.amounts);
    add_named(facts, Fact::Dimension, &heard.dimensions);
}

/// The visit and the settlement or filing that the answer made are what later calls name.
pub fn name_what_it_made(header: &mut Header, secret: &Secret, envelope: &Envelope, heard: &ReplyView) {
    let within = |domain: &str, value: &str| within(secret, envelope, domain, value);
    if let Some(mdtrt_id) = &heard.mdtrt_id {
        header.visit_token = within("mdtrt_id", mdtrt_id);
    }
    if let Some(setl_id) = heard.setl_ids.first() {
        header.settlement_token = within("setl_id", setl_id);
    } else if let Some(filing) = &heard.trt_dcla_detl_sn {
        header.settlement_token = within("trt_dcla_detl_sn", filing);
    }
}

/// Adds (name, text) pairs.
fn add_named(facts: &mut Facts, fact: Fact, pairs: &[(String, String)]) {
    for (name, value) in pairs {
        facts.named(fact, name, value.as_bytes());
    }
}
