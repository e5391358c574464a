//! What one identity puts on a call: header lines, or members of the body. Pure: time and nonce are passed in.

use ::sm3::{Digest, Sm3};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use crate::domain::message::{HeaderLines, header};
use crate::domain::terms::{Form, Terms, Unit};

use super::canonical::{self, CanonicalError};
use super::credentials::{Credentials, NoCipherKey};
use super::headers::{Csb, Signed, XCa, csb, tif};
use super::members::{Body, Change, NoMember, quoted};
use super::sm2::{self, SignError};
use super::{mobile, sm4};

/// When, and a text that comes once.
#[derive(Debug, Clone, Default)]
pub struct Now {
    /// Nanoseconds since 1970.
    pub unix_ns: i64,
    /// A nonce of letters and digits.
    pub nonce: String,
}

impl Now {
    /// A nonce for GCM, which comes as rarely twice as the text does.
    fn of_gcm(&self) -> sm4::Nonce {
        let made = Sm3::new().chain_update(self.unix_ns.to_be_bytes()).chain_update(&self.nonce).finalize();
        std::array::from_fn(|at| made[at])
    }
}

/// A body that is sealed.
pub struct Sealed {
    /// The exact bytes under the signature; they hold the secret in the `appId` family.
    pub text: Zeroizing<Vec<u8>>,
    /// Its signature, as it stands in the body.
    pub signature: String,
    /// What changes in the body.
    pub changes: Vec<Change>,
}

/// Why a call is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    /// The identity lacks something.
    #[error("the identity has no {0}")]
    Lacks(&'static str),
    /// A member of the body.
    #[error(transparent)]
    Member(#[from] NoMember),
    /// It is sealed as it comes.
    #[error("the call comes with a sealed {0}: the HIS signs already")]
    AlreadySealed(&'static str),
    /// The body names another account.
    #[error("the body names another account than the identity's")]
    OtherAccount,
    /// The body is no UTF-8, which the signed text is made of.
    #[error("the body is no UTF-8")]
    NotUtf8,
    /// No signed text can be made.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The SM4 key.
    #[error(transparent)]
    CipherKey(#[from] NoCipherKey),
    /// The signer.
    #[error(transparent)]
    Signer(#[from] SignError),
    /// The body is too large to be sealed in memory.
    #[error("the body is too large to be sealed")]
    TooLarge,
    /// A part of the body cannot be read back.
    #[error("the stored body cannot be read")]
    Unread,
}

/// The time as a header says it.
pub fn timestamp(terms: &Terms, unix_ns: i64) -> String {
    match terms.timestamp {
        Unit::Seconds => unix_ns.div_euclid(1_000_000_000).to_string(),
        Unit::Milliseconds => unix_ns.div_euclid(1_000_000).to_string(),
    }
}

/// Header lines that do not cover a body: x-tif and CSB; `None` for any other form. `fields` are a form post's.
pub fn lines(terms: &Terms, by: &Credentials, infno: &str, fields: &[(String, String)], now: &Now) -> Option<Signed> {
    let timestamp = timestamp(terms, now.unix_ns);
    match terms.form {
        Form::XTif => Some(tif(&by.account, &by.secret, &timestamp, &now.nonce)),
        Form::Csb => {
            let name = terms.api_name.replace("{infno}", infno);
            let call = Csb { access_key: &by.account, name: &name, version: &terms.api_version, timestamp: &timestamp };
            Some(csb(call, by.secret.as_bytes(), fields))
        }
        _ => None,
    }
}

/// Begins the signature over a body that is taken as it comes: x-ca; `None` for any other form.
pub fn covering(terms: &Terms, by: &Credentials, now: &Now) -> Option<XCa> {
    let begin = || XCa::at(&timestamp(terms, now.unix_ns), by.secret.as_bytes());
    (terms.form == Form::XCa).then(begin)
}

/// Signs and seals members of a body: the fsi envelope's `input`, or the `appId` envelope's `data`; `None` for any other form.
///
/// # Errors
/// When the body is not the plain one that the form asks for, or the identity lacks something.
pub fn sealed(terms: &Terms, by: &Credentials, body: Body<'_>, now: &Now) -> Result<Option<Sealed>, CannotSign> {
    match terms.form {
        Form::SealedInput => input(terms, by, body, now).map(Some),
        Form::Envelope => envelope(terms, by, body, now).map(Some),
        _ => Ok(None),
    }
}

/// Signs the exact text of `input`, then encrypts it (Jilin, `wire.md` §3.3).
fn input(terms: &Terms, by: &Credentials, body: Body<'_>, now: &Now) -> Result<Sealed, CannotSign> {
    let text = Zeroizing::new(plain("input", body.raw("input")?)?);
    let signature = signed(terms, by, &text)?;
    let mut changes = Vec::new();
    let mut set = |name, value: &str| body.set(&mut changes, name, &quoted(value), "input");
    if terms.seals("input") {
        let key = by.cipher_key(terms)?.ok_or(NoCipherKey)?;
        let stored = sm4::encrypt(terms.cipher, &key, &terms.iv, now.of_gcm(), &text);
        set("input", &BASE64_STANDARD.encode(stored))?;
        set("enc_type", "SM4")?;
    }
    set("cainfo", &signature)?;
    set("signtype", "SM2")?;
    Ok(Sealed { text, signature, changes })
}

/// Signs the plain text, encrypts `data` into `encData`, removes `data` (`wire.md` §3.1). What else stands there is the HIS's.
fn envelope(terms: &Terms, by: &Credentials, body: Body<'_>, now: &Now) -> Result<Sealed, CannotSign> {
    if body.place("encData")?.is_some() {
        return Err(CannotSign::AlreadySealed("encData"));
    }
    if body.text("appId").or_else(|| body.text("appCode")).is_some_and(|named| named != by.account) {
        return Err(CannotSign::OtherAccount);
    }
    let place = body.place("data")?.ok_or(NoMember::Absent("data"))?;
    let whole = std::str::from_utf8(body.bytes).map_err(|_| CannotSign::NotUtf8)?;
    let whole = whole.trim_start_matches('\u{feff}').trim_end_matches('\0');
    let text = canonical::signing_text(terms.canonical, whole, &by.secret)?;
    let text = Zeroizing::new(text.as_bytes().to_vec());
    let signature = signed(terms, by, &text)?;
    let key = by.cipher_key(terms)?.ok_or(NoCipherKey)?;
    let data = mobile::encrypt(terms, &key, now.of_gcm(), body.raw("data")?);
    let data = Change { at: place.from..place.value.end, insert: format!("\"encData\":\"{data}\"").into_bytes() };
    let mut changes = vec![data];
    body.set(&mut changes, "signData", &quoted(&signature), "data")?;
    Ok(Sealed { text, signature, changes })
}

/// The signature of a text in Base64.
fn signed(terms: &Terms, by: &Credentials, text: &[u8]) -> Result<String, CannotSign> {
    let signer = by.signer.as_ref().ok_or(CannotSign::Lacks("key_file"))?;
    let raw = sm2::sign(&**signer, terms.user_id.as_bytes(), text)?;
    Ok(BASE64_STANDARD.encode(sm2::encoded(&raw, terms.signature)?))
}

/// What is signed of a member: its raw JSON, or the JSON that stands in it as text (`wire.md` §2.4).
fn plain(name: &'static str, raw: &[u8]) -> Result<Vec<u8>, CannotSign> {
    if raw.first() != Some(&b'"') {
        return Ok(raw.to_vec());
    }
    let text: String = serde_json::from_slice(raw).map_err(|_| CannotSign::NotUtf8)?;
    if !text.trim_start().starts_with(['{', '[']) {
        return Err(CannotSign::AlreadySealed(name));
    }
    Ok(text.into_bytes())
}

/// The decoded fields of a form post; none for any other body.
pub fn form_fields(headers: &HeaderLines, body: &[u8]) -> Vec<(String, String)> {
    let form = header(headers, "content-type")
        .is_some_and(|value| value.to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded"));
    if !form {
        return Vec::new();
    }
    let decoded = |part: &[u8]| {
        let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        percent_encoding::percent_decode(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            (decoded(&pair[..at]), decoded(pair.get(at + 1..).unwrap_or_default()))
        })
        .collect()
}
