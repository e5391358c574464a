//! The token that calls bear where the gateway signs (`[signing.token]`): fetched over the same upstream, kept until shortly before
//! its end, forgotten when a call is refused for it. No call is sent again for its sake: the next one fetches anew.
//!
//! It is fetched above the intent, by one caller at a time; whoever waited for a fetch has what it brought, good or bad.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use crate::domain::message::{HeaderLines, header};
use crate::outbound::{Flow, Heard, Outgoing, ReplyBody, Unsent, rewrite_target};
use crate::signing::credentials::Credentials;
use crate::signing::grant::{self, NoGrant};

use super::Line;
use super::forward::Report;
use super::identify::{Identified, patience};
use super::intend::Intended;
use super::policy::{Policy, Upstream};
use super::refusal::Refusal;
use super::sign::signer;

/// A call waits no longer for a token, its turn included; sooner, when its HIS does.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// A token is not used in the last of its life, or the last tenth when that is shorter: calls must arrive before it ends.
const LAST: Duration = Duration::from_secs(30);

/// The token of one upstream. `Debug` shows nothing of it.
#[derive(Default)]
pub struct Bearer {
    kept: Mutex<Option<Kept>>,
    /// Held by who fetches; what the last fetch failed for.
    turn: tokio::sync::Mutex<Option<NoToken>>,
    /// Fetches that ended.
    ended: AtomicU64,
}

struct Kept {
    line: (String, String),
    until_mono_ns: u64,
}

/// Why a call has no token; none of them holds a byte of question or answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// The platform cannot be reached.
    #[error("the platform cannot be reached")]
    Unreachable,
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// It broke off.
    #[error("the connection broke off")]
    Broken,
    /// An answer with a status that brings none.
    #[error("the platform answers with status {0}")]
    Status(u16),
    /// An answer without a token.
    #[error("{0}")]
    NoGrant(NoGrant),
}

impl NoToken {
    /// What happened and what to do, in Chinese.
    pub fn text(self) -> String {
        let check = "请联系信息科核对账号、密钥、用户名与密码";
        match self {
            NoToken::Unreachable => "连不上医保平台，请检查网络后重试".to_owned(),
            NoToken::TimedOut => "平台未在限定时间内应答，请稍后重试".to_owned(),
            NoToken::Broken => "连接中断，请稍后重试".to_owned(),
            NoToken::Status(status) => format!("平台应答 HTTP {status}，{check}"),
            NoToken::NoGrant(NoGrant::Refused(why)) => format!("平台拒绝（{why}），{check}"),
            NoToken::NoGrant(NoGrant::Absent) => format!("平台的应答中没有令牌，{check}"),
        }
    }
}

impl Bearer {
    /// The line with the token, while it is good.
    fn good(&self, now_mono_ns: u64) -> Option<(String, String)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|kept| now_mono_ns < kept.until_mono_ns).map(|kept| kept.line.clone())
    }

    fn keep(&self, line: (String, String), life: Duration, since_mono_ns: u64) {
        let used = life - LAST.min(life / 10);
        let until_mono_ns = since_mono_ns.saturating_add(u64::try_from(used.as_nanos()).unwrap_or(u64::MAX));
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Kept { line, until_mono_ns });
    }

    /// Forgets the token when it is still the one that a call bore.
    fn forget(&self, worn: &[u8]) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take_if(|kept| kept.line.1.as_bytes() == worn).is_some()
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(***)")
    }
}

impl Line {
    /// The header line with the token that this call is to bear; `None` where its platform asks for none.
    ///
    /// # Errors
    /// When the identity lacks something, or no token comes in time; nothing was sent of the call.
    pub(super) async fn bearer(
        &self,
        call: &Identified,
        by: &Credentials,
    ) -> Result<Option<(String, String)>, Refusal> {
        let signing = &call.upstream.signing;
        if signing.terms.grant().is_none() {
            return Ok(None);
        }
        if let Some(line) = signing.bearer.good(self.clock.mono_ns()) {
            return Ok(Some(line));
        }
        let question = grant::question(&signing.terms, by).map_err(Refusal::CannotSign)?;
        let deadline = Instant::now() + WAIT_MAX.min(patience(&call.client, &call.upstream));
        let fetched = self.fetched(&call.upstream, question, deadline).await;
        fetched.map(Some).map_err(Refusal::NoToken)
    }

    async fn fetched(
        &self,
        upstream: &Upstream,
        question: grant::Question,
        deadline: Instant,
    ) -> Result<(String, String), NoToken> {
        let bearer = &upstream.signing.bearer;
        let ended = bearer.ended.load(Ordering::Acquire);
        let mut failed = timeout_at(deadline, bearer.turn.lock()).await.map_err(|_| NoToken::TimedOut)?;
        let since_mono_ns = self.clock.mono_ns();
        if let Some(line) = bearer.good(since_mono_ns) {
            return Ok(line);
        }
        if let Some(why) = failed.filter(|_| bearer.ended.load(Ordering::Acquire) != ended) {
            return Err(why);
        }
        let asked = tokio::select! {
            biased;
            asked = timeout_at(deadline, ask(upstream, question)) => asked.unwrap_or(Err(NoToken::TimedOut)),
            () = self.cut.cancelled() => Err(NoToken::Broken),
        };
        *failed = asked.as_ref().err().copied();
        let kept = asked.map(|(line, life)| {
            bearer.keep(line.clone(), life, since_mono_ns);
            tracing::info!(upstream = upstream.name, seconds = life.as_secs(), "a token was fetched");
            line
        });
        if let Err(why) = &kept {
            tracing::warn!(upstream = upstream.name, reason = %why, "no token");
        }
        bearer.ended.fetch_add(1, Ordering::Release);
        kept
    }
}

/// Asks once.
async fn ask(upstream: &Upstream, question: grant::Question) -> Result<((String, String), Duration), NoToken> {
    let token = &upstream.signing.terms.token;
    let mut headers = HeaderLines::new();
    let mut put = |name: &'static str, value: &str| {
        headers.push((Bytes::from(name), Bytes::copy_from_slice(value.as_bytes())));
    };
    put("Authorization", &question.basic);
    put("Content-Type", "application/x-www-form-urlencoded");
    put("Accept", "application/json");
    let outgoing = Outgoing {
        method: "POST".to_owned(),
        target: rewrite_target(token.path.as_bytes(), &upstream.base_path),
        headers,
        carried: http::Extensions::new(),
        body: Flow::Whole(Bytes::copy_from_slice(question.form.as_bytes())),
    };
    let replied = match upstream.platform.call(outgoing).await {
        Heard::Reply(replied) => replied,
        Heard::NeverSent(never) => return Err(never_sent(&never.why)),
        Heard::Silence(_) => return Err(NoToken::Broken),
    };
    let ReplyBody::Whole(body) = &replied.body else { return Err(NoToken::NoGrant(NoGrant::Absent)) };
    match (replied.head.status, grant::read(token, body)) {
        (200..300, Ok((text, life))) => Ok((grant::line(token, &text), life)),
        (_, Err(why @ NoGrant::Refused(_))) | (200..300, Err(why)) => Err(NoToken::NoGrant(why)),
        (status, _) => Err(NoToken::Status(status)),
    }
}

fn never_sent(why: &Unsent) -> NoToken {
    match why {
        Unsent::ConnectTimedOut | Unsent::NoConnectionFree | Unsent::TooManyWaiting => NoToken::TimedOut,
        _ => NoToken::Unreachable,
    }
}

/// The token that one call bore; nothing where the gateway put none on it.
pub(super) struct Worn(Option<Box<Bore>>);

struct Bore {
    value: Bytes,
    upstream: Arc<Upstream>,
    policy: Arc<Policy>,
}

impl Worn {
    /// By this call.
    pub(super) fn by(intended: &Intended) -> Worn {
        let call = intended.call();
        let bore = || {
            signer(call)?;
            let (name, _) = &call.upstream.signing.terms.grant()?.header;
            let value = header(intended.headers(), name)?.clone();
            let (upstream, policy) = (Arc::clone(&call.upstream), Arc::clone(&call.arrival.policy));
            Some(Box::new(Bore { value, upstream, policy }))
        };
        Worn(bore())
    }

    /// Forgets the token when the call was refused as one without the right to come in.
    pub(super) fn heed(&self, report: &Report) {
        let Some(bore) = &self.0 else { return };
        let refused = match report {
            Report::Reply(heeded) => {
                let said = &heeded.understood.said;
                let code = said.code.as_deref().filter(|_| said.infcode.is_none());
                heeded.reply.status == 401 || code.is_some_and(|code| bore.policy.profile.refuses_by_code(code))
            }
            Report::Streaming(replied) => replied.head.status == 401,
            Report::NeverSent { .. } | Report::Silence { .. } => false,
        };
        if refused && bore.upstream.signing.bearer.forget(&bore.value) {
            tracing::warn!(
                upstream = bore.upstream.name,
                "a call was refused for its token: the next one fetches anew"
            );
        }
    }
}
