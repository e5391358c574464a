//! A copy of what is sealed, to read: so that key, class and outcome are known of calls whose bytes pass untouched.
//!
//! Where no key opens it, nothing is known of it, and the line works as it does with any body that it cannot read.

use std::sync::Arc;

use crate::domain::exchange::Origin;
use crate::domain::limits::SEALED_BODY_BYTES_MAX;
use crate::domain::message::Body;
use crate::domain::scan::{Charset, Found, Scanner, Shape, View, Wanted};
use crate::domain::terms::{Mode, Terms};
use crate::journal::Record;
use crate::journal::draft::Edit;
use crate::journal::facts::{Fact, Facts};
use crate::profile::Profile;
use crate::signing::check;
use crate::signing::credentials::Credentials;
use crate::signing::members;
use crate::signing::open::{self, Side};
use crate::signing::sm2::Verifier;

use super::edits;
use super::forward::{Heeded, Report};
use super::identify::Identified;
use super::intake::Arrival;
use super::policy::{Policy, Upstream};
use super::settings::Client;
use super::understood::Understood;

/// What opens the seals of one call and of its reply: values alone, so that a replay of the journal opens them again.
pub struct Seals<'a> {
    /// What the platform asks.
    pub terms: &'a Terms,
    /// Whose keys are tried, in this order.
    pub known: Vec<&'a Arc<Credentials>>,
    /// What to look for.
    pub profile: &'a Profile,
    /// Who asked hears plain text.
    pub plain: bool,
}

impl<'a> Seals<'a> {
    /// Of a call; `None` where nothing is sealed. What the platform asks of the hospital has no seal of this kind.
    fn of(origin: Origin, client: &'a Client, upstream: &'a Upstream, policy: &'a Policy) -> Option<Seals<'a>> {
        let signing = &upstream.signing;
        let sealed = signing.terms.form.seals() && origin != Origin::Callback;
        sealed.then(|| Seals {
            terms: &signing.terms,
            known: known_keys(client, upstream).collect(),
            profile: &policy.profile,
            plain: signing.mode == Mode::Sign && origin == Origin::His,
        })
    }

    /// Adds to what was seen of a request what its sealed part says.
    ///
    /// Gives the plain text.
    pub fn read_request(&self, body: &Body, view: &mut View) -> Option<Plain> {
        let body = members::Body { bytes: body.buffered()?, view };
        let (plain, _) = self.known.iter().find_map(|keys| opened(self.terms, keys, body, Side::Asked))?;
        let (_, name) = Side::Asked.member(self.terms.form);
        view.found.extend(found_in(name, &plain, self.profile.wanted()).unwrap_or_default());
        Some(plain)
    }

    /// Reads what is sealed in a reply, and asks who signed it.
    pub fn read_reply(&self, body: &Body, understood: &mut Understood) {
        let said = &understood.said;
        // A refusal is not sealed by any platform we know: there is nothing to sign. A success must be signed, or whoever
        // stands between could take the seal off and write one.
        let says_success = said.infcodes.iter().any(|code| code == "0");
        let read = match body.buffered() {
            Some(bytes) => self.read_body(members::Body { bytes, view: &understood.view }, says_success),
            // Too large to be opened: nobody can say who signed it.
            None => Read { forged: self.signer().is_some(), ..Read::default() },
        };
        (understood.forged, understood.edits) = (read.forged, read.edits);
        if !read.found.is_empty() {
            understood.view.found.extend(read.found);
            understood.said = self.profile.envelope_of_reply(&understood.view);
        }
    }

    fn read_body(&self, body: members::Body<'_>, says_success: bool) -> Read {
        let terms = self.terms;
        let plain = self.known.iter().find_map(|keys| opened(terms, keys, body, Side::Answered));
        let signer = match &plain {
            Some((_, keys)) => keys.platform.as_ref().map(|platform| (*keys, platform)),
            None => self.signer(),
        };
        let proven = |(keys, platform): (&Arc<Credentials>, &Verifier)| {
            check::sealed(terms, keys, platform, body, Side::Answered).is_ok()
        };
        let forged = (plain.is_some() || says_success) && !signer.is_none_or(proven);
        let Some((plain, _)) = plain else { return Read { forged, ..Read::default() } };
        let tells = self.plain && !forged && body.bytes.len() <= SEALED_BODY_BYTES_MAX;
        let change = tells.then(|| open::change(terms, body, Side::Answered, &plain)).flatten();
        let (_, name) = Side::Answered.member(terms.form);
        let found = found_in(name, &plain, self.profile.reply_wanted()).unwrap_or_default();
        Read { forged, edits: edits::of_body(change.into_iter().collect()), found }
    }

    fn signer(&self) -> Option<(&Arc<Credentials>, &Verifier)> {
        self.known.iter().find_map(|keys| Some((*keys, keys.platform.as_ref()?)))
    }
}

/// Adds to what was seen of a request what its sealed part says.
pub(super) fn read_request(arrival: &mut Arrival, client: &Client, upstream: &Upstream) {
    if let Some(seals) = Seals::of(arrival.origin, client, upstream, &arrival.policy) {
        arrival.opened = seals.read_request(&arrival.request.body, &mut arrival.view);
    }
}

/// Adds to what was seen of a call of the journal what its sealed part says, by the keys that its INTENT names.
pub(super) fn read_again(policy: &Policy, upstream: &Upstream, intent: &Record, (body, view): (&Body, &mut View)) {
    let opened_as: Vec<&str> = intent.facts.all_named(Fact::OpenedAs).map(|(name, _)| name).collect();
    let all = policy.clients.iter().filter_map(|client| client.identity.as_ref()).chain(&upstream.signing.own);
    let known = all.filter(|keys| opened_as.contains(&&*keys.name)).collect();
    Seals { terms: &upstream.signing.terms, known, profile: &policy.profile, plain: false }.read_request(body, view);
}

/// Whose keys open the seals of a call, as its INTENT says it: name of the identity, variant of the profile's signing.
pub(super) fn add_facts(facts: &mut Facts, call: &Identified) {
    let Some(seals) = Seals::of(call.arrival.origin, &call.client, &call.upstream, &call.arrival.policy) else {
        return;
    };
    for keys in seals.known {
        facts.named(Fact::OpenedAs, &keys.name, call.upstream.signing.variant.as_bytes());
    }
}

fn known_keys<'a>(client: &'a Client, upstream: &'a Upstream) -> impl Iterator<Item = &'a Arc<Credentials>> {
    client.identity.iter().chain(&upstream.signing.own)
}

/// A plain text that is wiped when it goes.
pub type Plain = zeroize::Zeroizing<Vec<u8>>;

/// The plain text, where this identity's key opens it and it is JSON.
fn opened<'a>(
    terms: &Terms,
    keys: &'a Arc<Credentials>,
    body: members::Body<'_>,
    side: Side,
) -> Option<(Plain, &'a Arc<Credentials>)> {
    let key = keys.cipher_key(terms).ok()??;
    let plain = open::side(terms, &key, body, side)?;
    let mut scanner = Scanner::new(Arc::new(Wanted::new([])), None, None);
    scanner.feed(&plain);
    // A wrong key gives a good padding once in 256 times, and then no JSON.
    (scanner.finish().shape == Shape::Json).then_some((plain, keys))
}

/// The values of a plain text, as if it stood under `name` in its body.
fn found_in(name: &str, plain: &[u8], wanted: Arc<Wanted>) -> Option<Vec<Found>> {
    let mut scanner = Scanner::new(wanted, Some(Charset::Utf8), None);
    scanner.feed(format!("{{\"{name}\":").as_bytes());
    scanner.feed(plain);
    scanner.feed(b"}");
    let View { shape, found, .. } = scanner.finish();
    // They stand nowhere in the body that came.
    (shape == Shape::Json).then(|| found.into_iter().map(|found| Found { at: 0..0, ..found }).collect())
}

/// What was read of a reply beside its own bytes.
#[derive(Default)]
struct Read {
    forged: bool,
    edits: Vec<Edit>,
    found: Vec<Found>,
}

/// Opens the reply to one call; nothing where its platform seals nothing.
pub(super) struct Opener(Option<Box<Keys>>);

/// Owned, so that they outlive the HIS.
struct Keys {
    upstream: Arc<Upstream>,
    client: Arc<Client>,
    policy: Arc<Policy>,
    origin: Origin,
}

impl Opener {
    /// For the reply to this call.
    pub(super) fn of(call: &Identified) -> Opener {
        let keys = || Keys {
            upstream: Arc::clone(&call.upstream),
            client: Arc::clone(&call.client),
            policy: Arc::clone(&call.arrival.policy),
            origin: call.arrival.origin,
        };
        Opener(call.upstream.signing.terms.form.seals().then(|| Box::new(keys())))
    }

    /// Reads what is sealed in a reply, and asks who signed it.
    pub(super) fn open(&self, mut report: Report) -> Report {
        if let (Some(keys), Report::Reply(heeded)) = (&self.0, &mut report)
            && let Some(seals) = Seals::of(keys.origin, &keys.client, &keys.upstream, &keys.policy)
        {
            let Heeded { reply, understood, .. } = &mut **heeded;
            seals.read_reply(&reply.body, understood);
        }
        report
    }
}
