//! Tokens that the stand-in hands out where its province asks for one: OAuth2 by Basic and a form, as a resource box checks them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::platform::{json_reply, plain_reply};
use super::wire::{Manner, Reply, Request};
use crate::domain::terms::Grant;
use crate::signing::credentials::Credentials;
use crate::signing::grant;

/// Tokens that are good at a time; beyond that the oldest ends.
const TOKENS_MAX: usize = 1024;

/// What was handed out: each token, and when it ends (unix ns).
#[derive(Default)]
pub(super) struct Tokens(Mutex<VecDeque<(String, i64)>>);

impl Tokens {
    /// A new one.
    pub(super) fn hand_out(&self, life_seconds: u64, now_unix_ns: i64) -> String {
        let mut random = [0; 16];
        // A token that nobody could make would only be refused.
        let token = getrandom::fill(&mut random).map(|()| hex::encode(random)).unwrap_or_default();
        let life_ns = i64::try_from(life_seconds.saturating_mul(1_000_000_000)).unwrap_or(i64::MAX);
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.push_back((token.clone(), now_unix_ns.saturating_add(life_ns)));
        if tokens.len() > TOKENS_MAX {
            tokens.pop_front();
        }
        token
    }

    /// Whether the call bears one that is good; the error is what to tell who sent it.
    pub(super) fn admit(&self, asked: &Grant, request: &Request, now_unix_ns: i64) -> Result<(), String> {
        let (name, value) = &asked.header;
        let (before, after) = value.split_once("{token}").unwrap_or((value, ""));
        let line =
            line(request, name).ok_or_else(|| format!("缺少令牌：请先到 {} 取得，再放入请求头 {name}", asked.path))?;
        let token = line.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|(_, until)| now_unix_ns < *until);
        let known = token.is_some_and(|token| !token.is_empty() && tokens.iter().any(|(own, _)| own == token));
        if known { Ok(()) } else { Err(format!("令牌无效或已过期：请到 {} 重新取得", asked.path)) }
    }

    /// Ends all of them.
    pub(super) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// True for a request for a token.
pub(super) fn asks(asked: &Grant, request: &Request) -> bool {
    let path = request.target.split('?').next().unwrap_or_default();
    request.method == "POST" && path.ends_with(&asked.path)
}

/// The answer to a request for a token; without a hospital to know, everybody gets one.
pub(super) fn answer(
    asked: &Grant,
    hospital: Option<&Credentials>,
    request: &Request,
    token: impl FnOnce() -> String,
) -> Reply {
    if let Some(hospital) = hospital {
        let basic = BASE64_STANDARD.encode(format!("{}:{}", hospital.account, *hospital.secret));
        if line(request, "authorization").as_deref() != Some(&format!("Basic {basic}")) {
            return no(401, "invalid_client", "账号或密钥不正确：Authorization 应为 Basic（账号:密钥）的 Base64");
        }
        let expected = grant::form(asked, &hospital.user, &hospital.password);
        if fields(request.body.as_ref()) != fields(expected.as_bytes()) {
            return no(400, "invalid_grant", "用户名、密码或表单内容不正确");
        }
    }
    let body = json!({"access_token": token(), "token_type": "bearer", "expires_in": asked.life_seconds});
    json_reply(body.to_string().into_bytes(), Manner::Whole)
}

fn no(status: u16, error: &str, description: &str) -> Reply {
    let body = json!({"error": error, "error_description": description}).to_string();
    plain_reply(status, "application/json;charset=UTF-8", body)
}

/// Decoded fields of a form, in whatever order they came.
fn fields(form: &[u8]) -> Vec<Vec<u8>> {
    let decoded = |field: &[u8]| {
        let spaced: Vec<u8> = field.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        percent_encoding::percent_decode(&spaced).collect()
    };
    let mut fields: Vec<Vec<u8>> = form.split(|byte| *byte == b'&').map(decoded).collect();
    fields.sort_unstable();
    fields
}

fn line(request: &Request, name: &str) -> Option<String> {
    let found = request.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
    found.map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned())
}
