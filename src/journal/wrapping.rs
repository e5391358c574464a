//! One key wraps another: SM4-GCM under a key that is derived for nothing else.
//!
//! A wrapped secret is nonce 12 ‖ ciphertext ‖ tag 16. What it stands for is bound to it, so that none opens in another's place.

use std::fmt;
use std::io;

use zeroize::Zeroizing;

use super::cipher::{Cipher, KeyedCipher, Nonce, TAG_LEN, WrongTag};
use super::entropy::Entropy;
use super::keys::SlotKey;

/// Bytes of a nonce.
pub const NONCE_LEN: usize = 12;
/// Bytes by which a wrapped secret is longer than the secret.
pub const MORE_LEN: usize = NONCE_LEN + TAG_LEN;

const WRAP: &str = "wrap";
const NAME: &str = "key id";

/// Tells one wrapping key from another; says nothing of the key and may stand in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A key that wraps others. Wiped when dropped, never printed.
pub struct WrappingKey {
    cipher: KeyedCipher,
    /// Which key it is.
    pub id: KeyId,
}

impl WrappingKey {
    /// Prepares a key.
    pub fn new(key: &SlotKey) -> WrappingKey {
        let mut id = [0; 8];
        id.copy_from_slice(&key.derive(NAME, &[])[..8]);
        WrappingKey { cipher: Cipher::Sm4Gcm.keyed(key, WRAP, &[]), id: KeyId(id) }
    }

    /// Wraps a secret that is bound to `bound`. The nonce must be random.
    pub fn wrap(&self, nonce: Nonce, bound: &[u8], secret: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(secret.len() + MORE_LEN);
        out.extend_from_slice(&nonce);
        // Encrypted in its place: the clear bytes stand nowhere else.
        out.extend_from_slice(secret);
        let tag = self.cipher.encrypt(nonce, bound, &mut out[NONCE_LEN..]);
        out.extend_from_slice(&tag);
        out
    }

    /// The secret again.
    ///
    /// # Errors
    /// When the key, the place or a byte is another.
    pub fn unwrap(&self, bound: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, WrongTag> {
        let (nonce, rest) = wrapped.split_first_chunk::<NONCE_LEN>().ok_or(WrongTag)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(WrongTag)?;
        let mut secret = Zeroizing::new(ciphertext.to_vec());
        self.cipher.decrypt(*nonce, bound, &mut secret, *tag)?;
        Ok(secret)
    }
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappingKey({})", self.id)
    }
}

/// A random nonce.
///
/// # Errors
/// When the machine gives none.
pub fn nonce(entropy: &dyn Entropy) -> io::Result<Nonce> {
    let mut nonce = [0; NONCE_LEN];
    entropy.fill(&mut nonce)?;
    Ok(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_under_its_key_in_its_place_and_nowhere_else() {
        let key = WrappingKey::new(&SlotKey::new([1; 16]));
        let wrapped = key.wrap([7; 12], b"slot 1", b"a key of 16 byte");
        assert_eq!(wrapped.len(), 16 + MORE_LEN);
        assert_eq!(key.unwrap(b"slot 1", &wrapped).unwrap().as_slice(), b"a key of 16 byte");
        assert!(key.unwrap(b"slot 2", &wrapped).is_err());
        let other = WrappingKey::new(&SlotKey::new([2; 16]));
        assert!(other.unwrap(b"slot 1", &wrapped).is_err() && other.id != key.id);
        for at in 0..wrapped.len() {
            let mut bad = wrapped.clone();
            bad[at] ^= 1;
            assert!(key.unwrap(b"slot 1", &bad).is_err(), "byte {at}");
            assert!(key.unwrap(b"slot 1", &wrapped[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(format!("{key:?}"), format!("WrappingKey({})", key.id));
    }
}
