//! Whether a message is signed by who it says, and now. Secrets and signatures are compared in a time that tells nothing.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use subtle::ConstantTimeEq;

use crate::domain::message::{HeaderLines, header};
use crate::domain::terms::{Form, Terms};

use super::canonical;
use super::credentials::Credentials;
use super::headers::{Csb, XCa, csb, csb_is_doubled, tif};
use super::members::Body;
use super::open::{self, Side};
use super::sm2::Verifier;

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// A line or member is not there, or empty.
    #[error("no {0}")]
    Missing(&'static str),
    /// Another account.
    #[error("another account")]
    Account,
    /// Not made with this secret or key, or over another text; or sealed under another key.
    #[error("wrong signature")]
    Signature,
    /// A time that is no time.
    #[error("an unreadable time")]
    Time,
    /// A time outside the window.
    #[error("the time is outside the window")]
    Expired,
    /// A nonce that was seen before.
    #[error("the nonce was seen before")]
    Replayed,
}

/// Checks header lines that do not cover a body: x-tif and CSB. Gives the nonce, where there is one.
///
/// # Errors
/// What is wrong; the signature is looked at before its time, so that a stranger learns nothing of the clock.
pub fn lines(
    terms: &Terms,
    of: &Credentials,
    lines: &HeaderLines,
    fields: &[(String, String)],
    now_unix_ns: i64,
) -> Result<Option<String>, Wrong> {
    match terms.form {
        Form::XTif => {
            let (account, time) = (text(lines, "x-tif-paasid")?, text(lines, "x-tif-timestamp")?);
            let (nonce, signature) = (text(lines, "x-tif-nonce")?, text(lines, "x-tif-signature")?);
            is_account(of, account)?;
            let signed = tif(account, &of.secret, time, nonce);
            if !signed.is(signature) {
                return Err(Wrong::Signature);
            }
            is_timely(terms, time, now_unix_ns).map(|()| Some(nonce.to_owned()))
        }
        Form::Csb => {
            let call = Csb {
                access_key: text(lines, "_api_access_key")?,
                name: text(lines, "_api_name")?,
                version: text(lines, "_api_version")?,
                timestamp: text(lines, "_api_timestamp")?,
            };
            let signature = text(lines, "_api_signature")?;
            is_account(of, call.access_key)?;
            let signed = csb(call, of.secret.as_bytes(), fields);
            if !signed.is(signature) && !csb_is_doubled(&signed, of.secret.as_bytes(), signature) {
                return Err(Wrong::Signature);
            }
            is_timely(terms, call.timestamp, now_unix_ns).map(|()| text(lines, "_api_nonce").ok().map(str::to_owned))
        }
        _ => Ok(None),
    }
}

/// A signature over a body that is taken as it comes.
pub struct Covered {
    mac: XCa,
    time: String,
    signature: String,
}

/// Begins to check a signature over a body: x-ca; `None` for any other form.
///
/// # Errors
/// When a line is missing or another account is named.
pub fn covered(terms: &Terms, of: &Credentials, lines: &HeaderLines) -> Result<Option<Covered>, Wrong> {
    if terms.form != Form::XCa {
        return Ok(None);
    }
    let (account, signature) = (text(lines, "x-ca-key")?, text(lines, "x-ca-signature")?);
    is_account(of, account)?;
    let (time, _) = signature.split_once(':').ok_or(Wrong::Time)?;
    let mac = XCa::at(time, of.secret.as_bytes());
    Ok(Some(Covered { mac, time: time.to_owned(), signature: signature.to_owned() }))
}

impl Covered {
    /// The next bytes of the body.
    pub fn covers(&mut self, bytes: &[u8]) {
        self.mac.covers(bytes);
    }

    /// The body is over.
    ///
    /// # Errors
    /// When the signature is not over this body, or its time is outside the window.
    pub fn end(self, terms: &Terms, of: &Credentials, now_unix_ns: i64) -> Result<(), Wrong> {
        if !self.mac.sign(&of.account).is(&self.signature) {
            return Err(Wrong::Signature);
        }
        is_timely(terms, &self.time, now_unix_ns)
    }
}

/// Checks what is signed inside a body, by the key of who sent it: `cainfo` over `input` or `output`, `signData` over the rest.
///
/// # Errors
/// What is wrong.
pub fn sealed(terms: &Terms, of: &Credentials, signer: &Verifier, body: Body<'_>, side: Side) -> Result<(), Wrong> {
    let named = match terms.form {
        Form::SealedInput => "cainfo",
        Form::Envelope => "signData",
        _ => return Ok(()),
    };
    let signature = body.text(named).filter(|text| !text.is_empty()).ok_or(Wrong::Missing(named))?;
    let key = of.cipher_key(terms).ok().flatten().ok_or(Wrong::Signature)?;
    let opened = open::side(terms, &key, body, side);
    let signed = match terms.form {
        Form::SealedInput if terms.seals(side.member(terms.form).0) => opened.ok_or(Wrong::Signature)?,
        Form::SealedInput => body.raw(side.member(terms.form).0).map_err(|_| Wrong::Signature)?.to_vec().into(),
        _ => {
            // The signature is over the text before `data` was sealed.
            let change = opened.and_then(|plain| open::change(terms, body, side, &plain)).ok_or(Wrong::Signature)?;
            let whole = super::members::changed(body.bytes, &[change]);
            let whole = std::str::from_utf8(&whole).map_err(|_| Wrong::Signature)?;
            let text = canonical::signing_text(terms.canonical, whole, &of.secret).map_err(|_| Wrong::Signature)?;
            text.as_bytes().to_vec().into()
        }
    };
    if text_is_signed(terms, signer, &signed, &signature) { Ok(()) } else { Err(Wrong::Signature) }
}

/// Whether a Base64 signature is this signer's over a text.
pub fn text_is_signed(terms: &Terms, signer: &Verifier, text: &[u8], signature: &str) -> bool {
    let signature: String = signature.split_ascii_whitespace().collect();
    let signature = BASE64_STANDARD.decode(signature);
    signature.is_ok_and(|signature| signer.verifies(terms.user_id.as_bytes(), text, &signature))
}

fn text<'a>(lines: &'a HeaderLines, name: &'static str) -> Result<&'a str, Wrong> {
    let value = header(lines, name).and_then(|value| std::str::from_utf8(value).ok()).map(str::trim);
    value.filter(|value| !value.is_empty()).ok_or(Wrong::Missing(name))
}

fn is_account(of: &Credentials, named: &str) -> Result<(), Wrong> {
    let same: bool = of.account.as_bytes().ct_eq(named.as_bytes()).into();
    if same { Ok(()) } else { Err(Wrong::Account) }
}

/// Within the window, either way; every time is, where the profile knows of none.
fn is_timely(terms: &Terms, written: &str, now_unix_ns: i64) -> Result<(), Wrong> {
    if terms.window_seconds == 0 {
        return Ok(());
    }
    let at_ms = unix_ms(written).ok_or(Wrong::Time)?;
    let window_ms = terms.window_seconds.saturating_mul(1000);
    let off = now_unix_ns.div_euclid(1_000_000).abs_diff(at_ms);
    if off <= window_ms { Ok(()) } else { Err(Wrong::Expired) }
}

/// A time in any of the units seen in the field: seconds, milliseconds, milliseconds since the year 1 (`wire.md` §1.6).
fn unix_ms(written: &str) -> Option<i64> {
    const YEAR_1970_MS: i64 = 62_135_596_800_000;
    let number: i64 = written.parse().ok().filter(|number| *number >= 0)?;
    match written.len() {
        ..=11 => Some(number * 1000),
        12..=13 => Some(number),
        _ => number.checked_sub(YEAR_1970_MS),
    }
}
