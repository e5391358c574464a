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
    /// The exact bytes under the digest or MAC; hold the secret in the x-tif form.
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
pub fn tif(paasid: &str, secret: &str, timestamp_s: u64, nonce: &str) -> Signed {
    let timestamp = timestamp_s.to_string();
    let text = Zeroizing::new([&timestamp, secret, nonce, &timestamp].concat().into_bytes());
    let signature = hex::encode(Sha256::digest(&text));
    let lines = vec![
        ("x-tif-paasid", paasid.to_owned()),
        ("x-tif-timestamp", timestamp),
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
    pub timestamp_ms: u64,
}

/// CSB: Base64 of HMAC-SHA1 over the sorted `name=value` pairs joined by `&`. A JSON or text body is not covered; the decoded
/// fields of a form join the list.
pub fn csb(csb: Csb<'_>, secret_key: &[u8], form: &[(String, String)]) -> Signed {
    let own = [
        ("_api_access_key", csb.access_key.to_owned()),
        ("_api_name", csb.name.to_owned()),
        ("_api_timestamp", csb.timestamp_ms.to_string()),
        ("_api_version", csb.version.to_owned()),
    ];
    let mut pairs: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    pairs.extend(form.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    pairs.sort_unstable();
    let text = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&").into_bytes();
    let mut mac = Hmac::<Sha1>::new_from_slice(secret_key).expect("HMAC takes a key of any length");
    mac.update(&text);
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let lines = own.into_iter().chain([("_api_signature", signature)]).collect();
    Signed { text: Zeroizing::new(text), lines }
}

/// x-ca: `<unix seconds>:<upper-case hex of HMAC-SM3>` over unix seconds ‖ LF ‖ body. The body is covered, byte for byte.
pub fn x_ca(key: &str, secret: &[u8], timestamp_s: u64, body: &[u8]) -> Signed {
    let timestamp = timestamp_s.to_string();
    let text = [timestamp.as_bytes(), b"\n", body].concat();
    let mut mac = Hmac::<Sm3>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&text);
    let signature = format!("{timestamp}:{}", hex::encode_upper(mac.finalize().into_bytes()));
    let lines = vec![("x-ca-key", key.to_owned()), ("x-ca-signature", signature)];
    Signed { text: Zeroizing::new(text), lines }
}
