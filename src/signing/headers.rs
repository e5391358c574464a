//! Signatures that travel in headers: x-tif (`wire.md` §1.5), CSB (§1.6), x-ca (§1.7).
//!
//! Each gives the exact bytes that are signed beside the header lines, so that a person can compare them with another program's.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use sm3::Sm3;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Header lines with what was signed to make them.
pub struct Signed {
    /// The exact bytes under the digest or MAC; they hold the secret in the x-tif form, and lack the body in the x-ca form.
    pub text: Zeroizing<Vec<u8>>,
    /// Names and values, in the order they are sent.
    pub lines: Vec<(&'static str, String)>,
}

impl Signed {
    /// The last line: the signature itself.
    pub fn signature(&self) -> &str {
        self.lines.last().map_or("", |(_, value)| value)
    }

    /// Whether another's signature is this one, in a time that does not tell where it differs.
    pub fn is(&self, signature: &str) -> bool {
        self.signature().as_bytes().ct_eq(signature.as_bytes()).into()
    }
}

/// x-tif: lower-case hex of SHA-256 over timestamp ‖ secret ‖ nonce ‖ timestamp. The body is not covered.
pub fn tif(paasid: &str, secret: &str, timestamp: &str, nonce: &str) -> Signed {
    let text = Zeroizing::new([timestamp, secret, nonce, timestamp].concat().into_bytes());
    let signature = hex::encode(Sha256::digest(&text));
    let lines = vec![
        ("x-tif-paasid", paasid.to_owned()),
        ("x-tif-timestamp", timestamp.to_owned()),
        ("x-tif-nonce", nonce.to_owned()),
        ("x-tif-signature", signature),
    ];
    Signed { text, lines }
}

/// What CSB knows of a caller and a service.
#[derive(Debug, Clone, Copy)]
pub struct Csb<'a> {
    /// `_api_access_key`.
    pub access_key: &'a str,
    /// `_api_name`: the transaction, `hsa-fsi-<infno>`, or a fixed word, as the province has it.
    pub name: &'a str,
    /// `_api_version`.
    pub version: &'a str,
    /// `_api_timestamp`: Unix milliseconds.
    pub timestamp: &'a str,
}

/// CSB: Base64 of HMAC-SHA1 over the sorted `name=value` pairs joined by `&`. A JSON or text body is not covered; the decoded
/// fields of a form join the list.
pub fn csb(csb: Csb<'_>, secret_key: &[u8], form: &[(String, String)]) -> Signed {
    let own = [
        ("_api_access_key", csb.access_key.to_owned()),
        ("_api_name", csb.name.to_owned()),
        ("_api_timestamp", csb.timestamp.to_owned()),
        ("_api_version", csb.version.to_owned()),
    ];
    let mut pairs: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    pairs.extend(form.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    pairs.sort_unstable();
    let text = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&").into_bytes();
    let signature = csb_mac(secret_key, &text);
    let lines = own.into_iter().chain([("_api_signature", signature)]).collect();
    Signed { text: Zeroizing::new(text), lines }
}

/// True for the text with `&&` before `_api_version` that the specification prints and one old client really signs (`wire.md`
/// §1.6). It is only understood, never made.
pub fn csb_is_doubled(signed: &Signed, secret_key: &[u8], signature: &str) -> bool {
    const VERSION: &[u8] = b"&_api_version=";
    let Some(at) = signed.text.windows(VERSION.len()).position(|part| part == VERSION) else { return false };
    let doubled = [&signed.text[..at], b"&", &signed.text[at..]].concat();
    csb_mac(secret_key, &doubled).as_bytes().ct_eq(signature.as_bytes()).into()
}

fn csb_mac(secret_key: &[u8], text: &[u8]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret_key).expect("HMAC takes a key of any length");
    mac.update(text);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// x-ca: `<unix seconds>:<upper-case hex of HMAC-SM3>` over unix seconds ‖ LF ‖ body. The body is covered, byte for byte, and is
/// taken as it comes.
pub struct XCa {
    timestamp: String,
    mac: Hmac<Sm3>,
}

impl XCa {
    /// Begins with the time.
    pub fn at(timestamp: &str, secret: &[u8]) -> XCa {
        let mut mac = Hmac::<Sm3>::new_from_slice(secret).expect("HMAC takes a key of any length");
        mac.update(timestamp.as_bytes());
        mac.update(b"\n");
        XCa { timestamp: timestamp.to_owned(), mac }
    }

    /// The next bytes of the body.
    pub fn covers(&mut self, bytes: &[u8]) {
        self.mac.update(bytes);
    }

    /// The body is over. What was signed before it is given as the text.
    pub fn sign(self, key: &str) -> Signed {
        let signature = format!("{}:{}", self.timestamp, hex::encode_upper(self.mac.finalize().into_bytes()));
        let lines = vec![("x-ca-key", key.to_owned()), ("x-ca-signature", signature)];
        Signed { text: Zeroizing::new(format!("{}\n", self.timestamp).into_bytes()), lines }
    }
}
