//! One signature step by step: the exact text, the digests over it, and what stands in the message at the end.

use std::io::Write;

use crate::domain::terms::{Cipher, CipherKey, Encoding, Form, Terms};
use crate::signing::apply::{self, CannotSign, Now};
use crate::signing::check;
use crate::signing::credentials::Credentials;
use crate::signing::digest;
use crate::signing::headers::Signed;
use crate::signing::members::changed;
use crate::signing::open::Side;

use super::message::Message;

/// Stands for a secret.
const MASK: &str = "***";

/// What is explained.
pub(super) struct Explaining<'a> {
    pub(super) terms: &'a Terms,
    pub(super) by: &'a Credentials,
    pub(super) message: &'a Message,
    pub(super) infno: &'a str,
    pub(super) now: &'a Now,
    /// Print each step, not only the result.
    pub(super) steps: bool,
}

/// Writing into memory does not fail.
fn put(out: &mut Vec<u8>, line: &str) {
    let _in_memory = writeln!(out, "{line}");
}

/// A value of the profile with a mask where something of the identity, or the token, will stand.
fn masked(value: &str) -> String {
    ["{user}", "{password}", "{token}"].iter().fold(value.to_owned(), |text, word| text.replace(word, MASK))
}

/// What the profile says.
pub(super) fn head(out: &mut Vec<u8>, title: &str, name: &str, terms: &Terms, infno: &str) {
    put(out, &format!("profile 省份    {title} ({name})"));
    put(out, &format!("form 签名方式   {}", terms.form.word()));
    if let Some(grant) = terms.grant() {
        let fields: Vec<String> =
            grant.fields.iter().map(|(name, value)| format!("{name}={}", masked(value))).collect();
        let (line, value) = &grant.header;
        put(out, &format!("token 令牌      POST {}, Basic account:{MASK}, {}", grant.path, fields.join("&")));
        put(out, &format!("                then 随后 {line}: {} for {} s", masked(value), grant.life_seconds));
    }
    put(out, &format!("infno 交易      {}", if infno.is_empty() { "-" } else { infno }));
}

impl Explaining<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), CannotSign> {
        if self.steps {
            self.own_signature(out);
        }
        match self.terms.form {
            Form::None => Ok(()),
            Form::XTif | Form::Csb => {
                let fields = apply::form_fields(&self.message.headers, &self.message.body);
                if let Some(signed) = apply::lines(self.terms, self.by, self.infno, &fields, self.now) {
                    self.lines(out, &signed);
                }
                Ok(())
            }
            Form::XCa => {
                if let Some(mut covering) = apply::covering(self.terms, self.by, self.now) {
                    covering.covers(&self.message.body);
                    self.lines(out, &covering.sign(&self.by.account));
                }
                Ok(())
            }
            Form::SealedInput | Form::Envelope => self.members(out),
        }
    }

    /// Whether the signature that the message carries is this identity's; the window is not looked at.
    fn own_signature(&self, out: &mut Vec<u8>) {
        let terms = &Terms { window_seconds: 0, ..self.terms.clone() };
        let message = self.message;
        let found = match terms.form {
            Form::None => Ok(()),
            Form::XTif | Form::Csb => {
                let fields = apply::form_fields(&message.headers, &message.body);
                check::lines(terms, self.by, &message.headers, &fields, 0).map(|_| ())
            }
            Form::XCa => check::covered(terms, self.by, &message.headers).and_then(|covered| match covered {
                Some(mut covered) => {
                    covered.covers(&message.body);
                    covered.end(terms, self.by, 0)
                }
                None => Ok(()),
            }),
            Form::SealedInput | Form::Envelope => match &self.by.public {
                Some(public) => check::sealed(terms, self.by, public, message.body(), Side::Asked),
                None => return,
            },
        };
        let says = found.map_or_else(|wrong| wrong.to_string(), |()| "good 正确".to_owned());
        put(out, &format!("its own 原签名  {says}"));
    }

    fn lines(&self, out: &mut Vec<u8>, signed: &Signed) {
        if self.steps {
            let (how, text) = match self.terms.form {
                Form::XTif => {
                    ("SHA-256 over timestamp + secret + nonce + timestamp, lower-case hex", self.tif_text(signed))
                }
                Form::Csb => ("HMAC-SHA1 under the secret, Base64", readable(&signed.text)),
                _ => {
                    let text = [signed.text.as_slice(), &self.message.body].concat();
                    ("HMAC-SM3 under the secret over seconds, LF and the body, upper-case hex", readable(&text))
                }
            };
            put(out, &format!("\n1. signed text 待签名串 ({} bytes)\n{text}", self.bytes_signed(signed)));
            put(out, &format!("\n2. {how}\n{}", signed.signature()));
            put(out, "\n3. header lines 请求头");
        }
        for (name, value) in &signed.lines {
            put(out, &format!("{name}: {value}"));
        }
    }

    fn bytes_signed(&self, signed: &Signed) -> usize {
        signed.text.len() + if self.terms.form == Form::XCa { self.message.body.len() } else { 0 }
    }

    /// The text is made of known parts, so that only the secret is masked whatever it is.
    fn tif_text(&self, signed: &Signed) -> String {
        let value = |name: &str| signed.lines.iter().find(|(own, _)| *own == name).map_or("", |(_, value)| value);
        let (time, nonce) = (value("x-tif-timestamp"), value("x-tif-nonce"));
        format!("{time}{MASK}{nonce}{time}")
    }

    fn members(&self, out: &mut Vec<u8>) -> Result<(), CannotSign> {
        let Some(sealed) = apply::sealed(self.terms, self.by, self.message.body(), self.now)? else { return Ok(()) };
        let body = changed(&self.message.body, &sealed.changes);
        if self.steps {
            let secret_len = if self.terms.form == Form::Envelope { self.by.secret.len() } else { 0 };
            let shown = &sealed.text[..sealed.text.len() - secret_len];
            let mask = if secret_len > 0 { MASK } else { "" };
            put(out, &format!("\n1. signed text 待签名串 ({} bytes)\n{}{mask}", sealed.text.len(), readable(shown)));
            if let Some(signer) = &self.by.signer {
                let identity = digest::identity(self.terms.user_id.as_bytes(), &signer.public()).unwrap_or_default();
                put(
                    out,
                    &format!(
                        "\n2. Z = SM3(ENTL + user id + curve + public key), user id \"{}\"\n{}",
                        self.terms.user_id,
                        hex::encode(identity)
                    ),
                );
                put(out, &format!("\n3. e = SM3(Z + text)\n{}", hex::encode(digest::message(&identity, &sealed.text))));
            }
            let encoding = if self.terms.signature == Encoding::Raw { "r + s of 64 bytes" } else { "DER" };
            put(out, &format!("\n4. SM2 signature, {encoding}, Base64 (another one each time)\n{}", sealed.signature));
            let key = match self.terms.cipher_key {
                CipherKey::Account => "the account's 16 ASCII bytes",
                CipherKey::Secret => "the secret's 16 ASCII bytes",
                CipherKey::Derived => {
                    "first 16 characters of the upper-case hex of SM4-ECB(key = first 16 characters of the account, secret)"
                }
            };
            let mode = match self.terms.cipher {
                Cipher::Ecb => "ECB, PKCS#7",
                Cipher::Cbc => "CBC from the profile's iv, PKCS#7",
                Cipher::Gcm => "GCM: nonce of 12 bytes, ciphertext, tag of 16 bytes",
            };
            put(out, &format!("\n5. SM4 key 密钥: {key}\nmode 模式: {mode}"));
            put(out, "\n6. body 报文体");
        }
        put(out, &readable(&body));
        Ok(())
    }
}

/// Text as it is; what is no UTF-8 in hexadecimal.
fn readable(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| hex::encode(bytes), str::to_owned)
}
