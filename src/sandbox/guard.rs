//! The box before the platform: whose signature it believes, what it tells others in plain words, and what it puts on answers.
//!
//! What is signed, and how, is the profile's `[signing]`; where a province verifies at all is known only when it is told an account.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use super::call::Call;
use super::tokens::{self, Tokens};
use super::wire::{Reply, Request};
use crate::domain::message::HeaderLines;
use crate::domain::scan::{Scanner, Wanted};
use crate::domain::terms::{Cipher, Form, Terms};
use crate::signing::apply::form_fields;
use crate::signing::check::{self, Wrong};
use crate::signing::credentials::{Credentials, needs_to_verify, of_grant};
use crate::signing::members::{self, Body};
use crate::signing::nonces::Nonces;
use crate::signing::open::{self, Side};
use crate::signing::sm2::{self, Signer};
use crate::signing::sm4;

/// Who may come in, and how answers are sealed.
pub struct Guard {
    terms: Terms,
    hospital: Credentials,
    own: Option<Arc<dyn Signer>>,
    seen: Mutex<Nonces>,
    tokens: Tokens,
}

/// A call that may not come in.
pub(super) struct Refused {
    /// What to tell who sent it.
    pub(super) why: String,
    /// The box's own answer with its status; `None` where the platform itself says it in its envelope.
    pub(super) by_box: Option<(u16, String)>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guard({} of {})", self.terms.form.word(), self.hospital.account)
    }
}

/// What a success bears where its platform seals answers.
pub(super) struct Seal {
    /// `output` as text.
    pub(super) output: String,
    /// `cainfo`; empty without a key of the platform's own.
    pub(super) cainfo: String,
}

impl Guard {
    /// Believes what `hospital` signs (account, secret, public key) and signs answers with the platform's own key.
    ///
    /// # Errors
    /// The first thing that the form needs and nobody gave, by the name of its setting.
    pub fn new(terms: Terms, hospital: Credentials, own: Option<Arc<dyn Signer>>) -> Result<Guard, &'static str> {
        let given = |name: &str| match name {
            "account" => !hospital.account.is_empty(),
            "secret_file" => !hospital.secret.is_empty(),
            "user" => !hospital.user.is_empty(),
            "password_file" => !hospital.password.is_empty(),
            _ => hospital.public.is_some(),
        };
        let needed = needs_to_verify(&terms).into_iter().chain(of_grant(&terms));
        if let Some(lack) = needed.into_iter().find(|name| !given(name)) {
            return Err(lack);
        }
        if hospital.cipher_key(&terms).is_err() {
            return Err("account (16 ASCII characters)");
        }
        Ok(Guard { terms, hospital, own, seen: Mutex::default(), tokens: Tokens::default() })
    }

    /// A token as its endpoint hands it out, for a HIS that fetches its own.
    pub fn hand_out(&self, now_unix_ns: i64) -> String {
        self.tokens.hand_out(self.terms.token.life_seconds, now_unix_ns)
    }

    /// Ends every token before its time.
    pub fn end_tokens(&self) {
        self.tokens.end();
    }

    /// Answers a request for a token.
    pub(super) fn token(&self, request: &Request, now_unix_ns: i64) -> Reply {
        tokens::answer(&self.terms.token, Some(&self.hospital), request, || self.hand_out(now_unix_ns))
    }

    /// Reads a call behind its token and its signature.
    pub(super) fn admit(&self, request: &Request, now_unix_ns: i64) -> (Call, Result<(), Refused>) {
        let born = self.terms.grant().map_or(Ok(()), |asked| self.tokens.admit(asked, request, now_unix_ns));
        if let Err(why) = born {
            let by_box = Some((401, box_says(&why)));
            return (Call::read(&request.target, &request.body), Err(Refused { why, by_box }));
        }
        let (call, verdict) = self.believe(request, now_unix_ns);
        (call, verdict.map_err(|why| Refused { by_box: self.no(&why), why }))
    }

    fn believe(&self, request: &Request, now_unix_ns: i64) -> (Call, Result<(), String>) {
        let call = Call::read(&request.target, &request.body);
        let verdict = match self.terms.form {
            Form::None => Ok(()),
            Form::XTif | Form::Csb => self.lines(request, &call.infno, now_unix_ns),
            Form::XCa => self.covered(request, now_unix_ns),
            Form::SealedInput | Form::Envelope => match self.opened(request) {
                Ok(plain) => return (Call::read(&request.target, &plain), Ok(())),
                Err(why) => Err(why),
            },
        };
        (call, verdict)
    }

    /// Header lines that do not cover a body.
    fn lines(&self, request: &Request, infno: &str, now_unix_ns: i64) -> Result<(), String> {
        let lines = lines_of(request);
        let fields = form_fields(&lines, &request.body);
        let found = check::lines(&self.terms, &self.hospital, &lines, &fields, now_unix_ns);
        let nonce = found.map_err(|wrong| self.told(wrong))?;
        let named = crate::domain::message::header(&lines, "_api_name").map(|value| String::from_utf8_lossy(value));
        if let Some(named) = named.filter(|_| self.terms.form == Form::Csb && self.terms.api_name.contains("{infno}")) {
            let expected = self.terms.api_name.replace("{infno}", infno);
            if named.trim() != expected {
                return Err(format!("服务不存在：_api_name 是 {named}，交易 {infno} 的服务名是 {expected}"));
            }
        }
        let Some(nonce) = nonce.filter(|_| self.terms.refuses_replayed_nonce) else { return Ok(()) };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = seen.is_new(&self.hospital.account, &nonce, now_unix_ns, self.terms.window_seconds);
        if is_new { Ok(()) } else { Err(self.told(Wrong::Replayed)) }
    }

    /// A header line over the whole body.
    fn covered(&self, request: &Request, now_unix_ns: i64) -> Result<(), String> {
        let told = |wrong| self.told(wrong);
        let covered = check::covered(&self.terms, &self.hospital, &lines_of(request)).map_err(told)?;
        let Some(mut covered) = covered else { return Ok(()) };
        covered.covers(&request.body);
        covered.end(&self.terms, &self.hospital, now_unix_ns).map_err(told)
    }

    /// The body with its sealed member opened, when the hospital signed it.
    fn opened(&self, request: &Request) -> Result<Vec<u8>, String> {
        let mut scanner = Scanner::new(Arc::new(Wanted::new([])), None, None);
        scanner.feed(&request.body);
        let view = scanner.finish();
        let body = Body { bytes: &request.body, view: &view };
        let name = Side::Asked.member(self.terms.form).0;
        let mode = match self.terms.cipher {
            Cipher::Ecb => "ECB，PKCS#7 填充",
            Cipher::Cbc => "CBC，PKCS#7 填充",
            Cipher::Gcm => "GCM，12 字节随机数＋密文＋16 字节校验",
        };
        let unsealed = || format!("{name} 解不开：应为 SM4 密文（{mode}），密钥为双方约定的一把；请核对账号与加密方式");
        let key = self.hospital.cipher_key(&self.terms).ok().flatten().ok_or_else(unsealed)?;
        let change = if self.terms.form == Form::Envelope || self.terms.seals(name) {
            let plain = open::side(&self.terms, &key, body, Side::Asked).ok_or_else(unsealed)?;
            open::change(&self.terms, body, Side::Asked, &plain)
        } else {
            None
        };
        let signer = self.hospital.public.as_ref().ok_or_else(|| self.told(Wrong::Account))?;
        let signed = check::sealed(&self.terms, &self.hospital, signer, body, Side::Asked);
        signed.map_err(|wrong| self.told(wrong))?;
        Ok(members::changed(&request.body, change.as_slice()))
    }

    /// What is wrong, for the people who wrote the client.
    fn told(&self, wrong: Wrong) -> String {
        let window = self.terms.window_seconds;
        match (wrong, self.terms.form) {
            (Wrong::Missing(name), _) => format!("缺少 {name}，或其内容为空"),
            (Wrong::Account, Form::XTif) => "账号不存在：x-tif-paasid 不是平台分配的账号".to_owned(),
            (Wrong::Account, Form::Csb) => "AK 不存在：_api_access_key 不是平台分配的 AK".to_owned(),
            (Wrong::Account, _) => "账号不存在：不是平台登记的账号".to_owned(),
            (Wrong::Signature, Form::XTif) => {
                "签名错误：x-tif-signature 应为 SHA-256（时间戳＋密钥＋随机数＋时间戳）的小写十六进制".to_owned()
            }
            (Wrong::Signature, Form::Csb) => {
                "签名错误：_api_signature 应为以 SK 对按名称排序的 _api_ 参数所作 HMAC-SHA1 的 Base64".to_owned()
            }
            (Wrong::Signature, Form::XCa) => {
                "签名错误：x-ca-signature 应为 秒数:HMAC-SM3（秒数＋换行＋报文）的大写十六进制，签名之后报文一个字节也不能改".to_owned()
            }
            (Wrong::Signature, _) => "签名错误：cainfo 应为对 input 原文所作 SM2 签名的 Base64，签名之后 input 不能改".to_owned(),
            (Wrong::Time, _) => "时间戳不是数字".to_owned(),
            // The real box's own words (wire.md §2.7).
            (Wrong::Expired, Form::Csb) => format!("签名时间戳超时!（与平台时间相差超过 {window} 秒）"),
            (Wrong::Expired, _) => format!("时间戳与平台时间相差超过 {window} 秒，请核对本机时钟"),
            (Wrong::Replayed, _) => "随机数已经用过：每次调用都要换新的随机数".to_owned(),
        }
    }

    /// How the box says no: a body of its own with its status, or nothing where the platform itself says it in its envelope.
    fn no(&self, message: &str) -> Option<(u16, String)> {
        let body = || box_says(message);
        match self.terms.form {
            Form::Csb => Some((200, body())), // The status is not known (wire.md §1.6); clients read only 200.
            Form::XTif => Some((401, body())),
            _ => None,
        }
    }

    /// Seals the text of an `output`; `None` where answers are plain.
    pub(super) fn seal(&self, output: &[u8]) -> Option<Seal> {
        if !self.terms.seals("output") {
            return None;
        }
        let key = self.hospital.cipher_key(&self.terms).ok()??;
        let signed = self.own.as_ref().and_then(|own| {
            let raw = sm2::sign(&**own, self.terms.user_id.as_bytes(), output).ok()?;
            sm2::encoded(&raw, self.terms.signature).ok()
        });
        let mut nonce = sm4::Nonce::default();
        getrandom::fill(&mut nonce).ok()?;
        let sealed = sm4::encrypt(self.terms.cipher, &key, &self.terms.iv, nonce, output);
        Some(Seal {
            output: BASE64_STANDARD.encode(sealed),
            cainfo: signed.map(|signature| BASE64_STANDARD.encode(signature)).unwrap_or_default(),
        })
    }
}

fn box_says(message: &str) -> String {
    serde_json::json!({"code": 401, "message": message}).to_string()
}

fn lines_of(request: &Request) -> HeaderLines {
    let line = |(name, value): &(String, Vec<u8>)| (Bytes::from(name.clone()), Bytes::from(value.clone()));
    request.headers.iter().map(line).collect()
}
