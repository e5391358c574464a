//! Calls that the gateway makes itself: questions and undos. The same line as for the HIS: journaled, signed, sent once,
//! settled; nobody is told of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::domain::exchange::{ExchangeId, Origin, Seq};
use crate::domain::message::{HeaderLines, Reply, Request, header};
use crate::domain::outcome::{Cause, Outcome};
use crate::domain::scan::{Scanner, View};
use crate::domain::terms::Verify;
use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::profile::own::own_msgid;
use crate::profile::{Envelope, KeyParts, OwnCall, Profile};

use super::door::RequestHead;
use super::forward::Report;
use super::held::Claimed;
use super::history::Undone;
use super::identify::Identified;
use super::intake::Arrival;
use super::knew::Knew;
use super::opening;
use super::policy::{Policy, Upstream};
use super::reading::{self, Reading};
use super::refusal::Refusal;
use super::repeat::{Step, decide};
use super::settings::{Client, WhenUnknown};
use super::settle::{Evidence, Verdict};
use super::{Line, Performing, check};

/// A call of the HIS in whose envelope the gateway speaks, and where it goes.
pub struct Template {
    /// As it left.
    pub request: Request,
    /// What it says.
    pub view: View,
    /// The judgement in force now.
    pub policy: Arc<Policy>,
    /// Who is asked.
    pub upstream: Arc<Upstream>,
    /// The case map of the HIS's own header names.
    pub carried: http::Extensions,
}

/// One call of the gateway's own, ready to be journaled and sent.
pub struct OwnRequest {
    /// Its id.
    pub id: ExchangeId,
    /// For whose sake.
    pub parent_id: ExchangeId,
    /// Its bytes, before they are signed.
    pub request: Request,
    /// It acts, so its business key is claimed; a question has none.
    pub acts: bool,
    /// What a confirmed answer undoes, where it is known to be done.
    pub undoes: Option<Undone>,
    /// How long its answer is waited for.
    pub patience: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct OwnReport {
    /// The verdict.
    pub verdict: Verdict,
    /// Its OUTCOME; none when the journal failed: then nothing may be decided by it.
    pub outcome_seq: Option<Seq>,
    /// What a complete reply says.
    pub view: Option<View>,
    /// The reply itself.
    pub reply: Option<Reply>,
}

/// Why it was not sent.
#[derive(Debug, thiserror::Error)]
pub enum NotCalled {
    /// The body of the template is no envelope that can be written anew.
    #[error("the envelope of the original call cannot be written anew")]
    NoEnvelope,
    /// The original's bytes are gone.
    #[error("the original call cannot be read: {0}")]
    Original(String),
    /// The upstream of the original is no longer set up.
    #[error("upstream {0} of the original call is not set up any more")]
    NoUpstream(String),
    /// Another call with the same key is under way, or was done.
    #[error("a call with the same key stands against it ({0:?})")]
    Stands(Step),
    /// The line refused it.
    #[error("{0}")]
    Refused(Refusal),
}

/// Who the gateway is where a client is asked for.
static OURSELVES: LazyLock<Arc<Client>> = LazyLock::new(|| {
    Arc::new(Client {
        peers: Vec::new(),
        certificates: Vec::new(),
        institutions: Vec::new(),
        unknown: WhenUnknown::Native,
        patience_ms: 0,
        verify: Verify::Off,
        identity: None,
    })
});

impl Template {
    /// The call that an INTENT holds, as it left.
    ///
    /// # Errors
    /// When its bytes or its upstream are gone.
    pub fn of_intent(line: &Line, intent: &Record) -> Result<Template, NotCalled> {
        let policy = line.policy.load_full();
        let named = intent.facts.text_of(Fact::Upstream).unwrap_or_default();
        let upstream = policy.upstreams.iter().find(|upstream| upstream.name == named);
        let upstream = Arc::clone(upstream.ok_or_else(|| NotCalled::NoUpstream(named.to_owned()))?);
        let sealed = line.journal.unseal(intent).map_err(|error| NotCalled::Original(error.to_string()))?;
        let request = sealed.request.ok_or_else(|| NotCalled::Original("it holds no request".to_owned()))?;
        let mut view = read(&policy.profile, &request).ok_or(NotCalled::NoEnvelope)?;
        opening::read_again(&policy, &upstream, intent, (&request.body, &mut view));
        Ok(Template { request, view, policy, upstream, carried: http::Extensions::new() })
    }

    /// What its envelope says.
    pub fn envelope(&self) -> Envelope {
        self.policy.profile.envelope(&self.view)
    }
}

/// What the scanner sees in a request whose body is in memory.
fn read(profile: &Profile, request: &Request) -> Option<View> {
    let content_type = header(&request.headers, "content-type").map(|value| &value[..]);
    let mut scanner = Scanner::of_content_type(profile.wanted(), content_type);
    scanner.feed(request.body.buffered()?);
    Some(scanner.finish())
}

impl Line {
    /// Writes a call of our own in the envelope of `template`, under a msgid of its own; `anew` are members that the
    /// envelope is to say anew.
    ///
    /// # Errors
    /// When the envelope is none that can be written.
    pub fn compose(
        &self,
        template: &Template,
        id: ExchangeId,
        (infno, input): (&str, &str),
        anew: &[(&str, &str)],
    ) -> Result<Request, NotCalled> {
        let profile = &template.policy.profile;
        let fixmedins_code = template.envelope().fixmedins_code.ok_or(NotCalled::NoEnvelope)?;
        let tail = u16::from_be_bytes([id.0[14], id.0[15]]);
        let msgid = own_msgid(&fixmedins_code, self.clock.unix_ns(), tail);
        let own = OwnCall { infno, msgid: &msgid, input, anew };
        profile.own_call(&template.request, &template.view, &own).ok_or(NotCalled::NoEnvelope)
    }

    /// An id for a call of our own.
    pub fn own_id(&self) -> ExchangeId {
        self.ids.next(self.clock.unix_ns())
    }

    /// Journals the call, sends it once and settles it.
    ///
    /// # Errors
    /// Why nothing was sent.
    pub async fn perform(self: &Arc<Self>, template: &Template, own: OwnRequest) -> Result<OwnReport, NotCalled> {
        let (acts, patience, undoes) = (own.acts, own.patience, own.undoes.clone());
        let (mut call, parts) = self.own_call(template, own)?;
        call.undone = undoes;
        if let Some(parts) = parts.filter(|_| acts) {
            self.claim_own(&mut call, &parts)?;
        }
        let refused = |(_, refusal)| NotCalled::Refused(refusal);
        let intended =
            self.intend(self.sign(check::noticed(Box::new(call))).await.map_err(refused)?).await.map_err(refused)?;
        let mut performing = Performing { line: Arc::clone(self), intended };

        // From here on it settles.
        let report = tokio::select! {
            biased;
            report = self.send(&performing.intended) => report,
            () = tokio::time::sleep(patience) => Report::silent(Cause::TimedOut),
            () = self.cut.cancelled() => Report::silent(Cause::Stop),
        };
        let verdict = self.judge(performing.intended.call(), &report);
        let heeded = match report {
            Report::Reply(heeded) => Some(heeded),
            Report::Silence { part, .. } => part,
            Report::NeverSent { .. } | Report::Streaming(_) => None,
        };
        let outcome_seq = self.settle(&mut performing.intended, verdict, Evidence::asked(heeded.as_deref())).await;
        let (view, reply) = heeded.map(|heeded| (heeded.understood.view, heeded.reply)).unzip();
        Ok(OwnReport { verdict, outcome_seq, view, reply })
    }

    fn own_call(&self, template: &Template, own: OwnRequest) -> Result<(Identified, Option<KeyParts>), NotCalled> {
        let profile = &template.policy.profile;
        let view = read(profile, &own.request).ok_or(NotCalled::NoEnvelope)?;
        let identity = profile.identify(&own.request.target, &own.request.headers, &view);
        let Reading { envelope, tokens, called, rule_without_key, parts } = match own.acts {
            true => reading::read(profile, self.journal.tokens(), &identity, &view),
            false => reading::read_question(profile, self.journal.tokens(), &view),
        };
        let call = Identified {
            identity,
            tokens,
            envelope,
            client: Arc::clone(&OURSELVES),
            upstream: Arc::clone(&template.upstream),
            called,
            generation: 0,
            claim: None,
            like_claim: None,
            fence_claim: None,
            undone: None,
            findings: Vec::new(),
            rule_without_key,
            knew: Knew::default(),
            parent_id: own.parent_id,
            arrival: Arrival {
                id: own.id,
                head: head_of(&own.request, template.carried.clone()),
                request: own.request,
                view,
                opened: None,
                at_unix_ns: self.clock.unix_ns(),
                policy: Arc::clone(&template.policy),
                key_slot: 0,
                origin: Origin::Reconcile,
            },
        };
        Ok((call, parts))
    }

    /// An undo of our own is held to the same table as one of the HIS: never twice.
    fn claim_own(&self, call: &mut Identified, parts: &KeyParts) -> Result<(), NotCalled> {
        match self.held.claim(call.tokens.key, &call.called) {
            Claimed::Mine(claim) => call.claim = Some(claim),
            Claimed::Others(_) => return Err(NotCalled::Stands(Step::TellUnknown)),
        }
        let history = self.history(call).map_err(NotCalled::Refused)?;
        call.generation = history.generation;
        let holder = self.holder(call, &history, &parts.on_repeat).map_err(NotCalled::Refused)?;
        match decide(&parts.on_repeat, holder, self.settings.replay_fresh_seconds) {
            Step::Forward => Ok(()),
            step => Err(NotCalled::Stands(step)),
        }
    }
}

impl OwnReport {
    /// What the reply says, if it is a success that the journal holds: only that may decide over money.
    pub fn proof(&self) -> Option<(&View, Seq)> {
        let confirmed = self.verdict.outcome == Outcome::Confirmed;
        Some((self.view.as_ref().filter(|_| confirmed)?, self.outcome_seq?))
    }
}

/// The head's extras; permit and budget are those of callers from outside.
fn head_of(request: &Request, carried: http::Extensions) -> RequestHead {
    RequestHead {
        method: request.method.clone(),
        target: request.target.clone(),
        http_minor: request.http_minor,
        headers: HeaderLines::new(),
        carried,
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        certificate: None,
        content_length: None,
        permit: None,
        budget: None,
    }
}
