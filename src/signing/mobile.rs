//! The `appId` envelope of mobile payment, e-voucher, public site and e-prescription (`wire.md` §3.1, §3.2): key and cipher.
//!
//! Order: sign the plain text, then encrypt `data` into `encData`, then remove `data`.

use zeroize::Zeroizing;

use crate::domain::terms::Terms;

use super::sm4::{self, Key, Nonce, NotDecrypted};

/// The SM4 key of an application: the first 16 characters of the upper-case hex of SM4-ECB(first 16 characters of `app_id`,
/// `app_secret`), used as ASCII.
///
/// # Errors
/// When `app_id` has fewer than 16 bytes, or is not ASCII there.
pub fn key(app_id: &str, app_secret: &str) -> Result<Key, AppIdTooShort> {
    let first = app_id.get(..16).filter(|first| first.is_ascii()).ok_or(AppIdTooShort)?;
    let mut key = Key::default();
    key.copy_from_slice(first.as_bytes());
    let hex = Zeroizing::new(hex::encode_upper(sm4::encrypt_ecb(&key, app_secret.as_bytes())));
    key.copy_from_slice(&hex.as_bytes()[..16]);
    Ok(key)
}

/// `encData` of a plain `data`.
pub fn encrypt(terms: &Terms, key: &Key, nonce: Nonce, data: &[u8]) -> String {
    hex::encode_upper(sm4::encrypt(terms.cipher, key, &terms.iv, nonce, data))
}

/// The plain `data` of an `encData`.
///
/// # Errors
/// When it is no hex, or was not made under this key.
pub fn decrypt(terms: &Terms, key: &Key, enc_data: &str) -> Result<Vec<u8>, NotDecrypted> {
    sm4::decrypt(terms.cipher, key, &terms.iv, &hex::decode(enc_data).map_err(|_| NotDecrypted)?)
}

/// An `appId` that gives no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an appId has at least 16 ASCII characters")]
pub struct AppIdTooShort;
