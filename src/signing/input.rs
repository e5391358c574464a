//! The fsi envelope whose `input` is signed and encrypted (Jilin, `wire.md` §3.3): `cainfo` = Base64 of SM2's r ‖ s over the exact
//! text of `input`, `input` = Base64 of SM4-ECB. Answers likewise, with `output`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::sm2::{self, SignError, Signer, Verifier};
use super::sm4::{self, Key, NotDecrypted};

/// The two members that replace a plain `input`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// `cainfo`.
    pub cainfo: String,
    /// `input`, or `output`.
    pub text: String,
}

/// Signs, then encrypts the exact text of `input`.
///
/// # Errors
/// When the key cannot be used.
pub fn seal(signer: &dyn Signer, user_id: &[u8], key: &Key, input: &[u8]) -> Result<Sealed, SignError> {
    let cainfo = BASE64_STANDARD.encode(sm2::sign(signer, user_id, input)?);
    Ok(Sealed { cainfo, text: BASE64_STANDARD.encode(sm4::encrypt_ecb(key, input)) })
}

/// The plain text of an encrypted `input` or `output`.
///
/// # Errors
/// When it is no Base64, or was not made under this key.
pub fn open(key: &Key, text: &str) -> Result<Vec<u8>, NotDecrypted> {
    sm4::decrypt_ecb(key, &BASE64_STANDARD.decode(text).map_err(|_| NotDecrypted)?)
}

/// Whether `cainfo` is this signer's over the plain text.
pub fn verifies(verifier: &Verifier, user_id: &[u8], cainfo: &str, plain: &[u8]) -> bool {
    BASE64_STANDARD.decode(cainfo).is_ok_and(|signature| verifier.verifies(user_id, plain, &signature))
}
