//! Encryption of sealed parts and body files: SM4-GCM or AES-256-GCM, each use under a key derived for it alone.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, AesGcm};
use serde::Deserialize;
use sm4::Sm4;
use sm4::cipher::consts::U12;

use super::keys::SlotKey;

/// Bytes of an authentication tag.
pub const TAG_LEN: usize = 16;

/// Unique for each use of one derived key.
pub type Nonce = [u8; 12];

/// How parts are encrypted. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[repr(u8)]
pub enum Cipher {
    /// GB/T 32907 block cipher in GCM.
    #[serde(rename = "sm4-gcm")]
    Sm4Gcm = 1,
    /// AES with a key of 256 bits in GCM.
    #[serde(rename = "aes-256-gcm")]
    Aes256Gcm = 2,
}

impl Cipher {
    /// The cipher a stored byte means; `None` for none or a later format.
    pub fn from_code(code: u8) -> Option<Cipher> {
        [Cipher::Sm4Gcm, Cipher::Aes256Gcm].into_iter().find(|cipher| *cipher as u8 == code)
    }

    /// The cipher under the key that `slot` gives for `purpose` and `context`.
    pub fn keyed(self, slot: &SlotKey, purpose: &str, context: &[&[u8]]) -> KeyedCipher {
        let key = slot.derive(purpose, context);
        let long_enough = "a derived key of 32 bytes holds both key lengths";
        match self {
            Cipher::Sm4Gcm => KeyedCipher::Sm4(AesGcm::new_from_slice(&key[..16]).expect(long_enough)),
            Cipher::Aes256Gcm => KeyedCipher::Aes(Aes256Gcm::new_from_slice(key.as_slice()).expect(long_enough)),
        }
    }
}

/// A cipher with its key schedule.
#[expect(clippy::large_enum_variant, reason = "one per record, on the stack; a box would cost an allocation each")]
pub enum KeyedCipher {
    /// See [`Cipher::Sm4Gcm`].
    Sm4(AesGcm<Sm4, U12>),
    /// See [`Cipher::Aes256Gcm`].
    Aes(Aes256Gcm),
}

impl KeyedCipher {
    /// Encrypts in place and returns the tag. `bound` is authenticated with it but not stored here.
    pub fn encrypt(&self, nonce: Nonce, bound: &[u8], data: &mut [u8]) -> [u8; TAG_LEN] {
        let tag = match self {
            KeyedCipher::Sm4(gcm) => gcm.encrypt_inout_detached(&nonce.into(), bound, data.into()),
            KeyedCipher::Aes(gcm) => gcm.encrypt_inout_detached(&nonce.into(), bound, data.into()),
        };
        tag.expect("GCM refuses only beyond 64 GiB").into()
    }

    /// Decrypts in place.
    ///
    /// # Errors
    /// When data, tag, nonce, `bound` or key is not what it was.
    pub fn decrypt(&self, nonce: Nonce, bound: &[u8], data: &mut [u8], tag: [u8; TAG_LEN]) -> Result<(), WrongTag> {
        match self {
            KeyedCipher::Sm4(gcm) => gcm.decrypt_inout_detached(&nonce.into(), bound, data.into(), &tag.into()),
            KeyedCipher::Aes(gcm) => gcm.decrypt_inout_detached(&nonce.into(), bound, data.into(), &tag.into()),
        }
        .map_err(|_| WrongTag)
    }
}

/// The ciphertext is not what was written, or the key is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("authentication tag differs")]
pub struct WrongTag;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sm4_gcm_gives_the_published_vector() {
        // RFC 8998, appendix A.1.
        let hex = |text: &str| hex::decode(text).unwrap();
        let gcm = AesGcm::<Sm4, U12>::new_from_slice(&hex("0123456789abcdeffedcba9876543210")).unwrap();
        let mut data = hex(concat!(
            "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd",
            "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"
        ));
        let nonce: Nonce = hex("00001234567800000000abcd").try_into().unwrap();
        let bound = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let tag = KeyedCipher::Sm4(gcm).encrypt(nonce, &bound, &mut data);
        let expected = concat!(
            "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735",
            "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        );
        assert_eq!(
            (hex::encode(&data).as_str(), hex::encode(tag).as_str()),
            (expected, "83de3541e4c2b58177e065a9bf7b62ec")
        );
    }

    #[test]
    fn only_the_same_key_purpose_context_nonce_and_bound_bytes_open() {
        let key = SlotKey::new([1; 16]);
        for cipher in [Cipher::Sm4Gcm, Cipher::Aes256Gcm] {
            let mut data = *b"person";
            let tag = cipher.keyed(&key, "record", &[b"x"]).encrypt([7; 12], b"bound", &mut data);
            let opens = |keyed: KeyedCipher, nonce, bound: &[u8]| {
                let mut copy = data;
                keyed.decrypt(nonce, bound, &mut copy, tag).map(|()| copy).ok()
            };
            assert_eq!(opens(cipher.keyed(&key, "record", &[b"x"]), [7; 12], b"bound"), Some(*b"person"));
            assert_eq!(opens(cipher.keyed(&key, "record", &[b"x"]), [8; 12], b"bound"), None);
            assert_eq!(opens(cipher.keyed(&key, "record", &[b"x"]), [7; 12], b"other"), None);
            assert_eq!(opens(cipher.keyed(&key, "record", &[b"y"]), [7; 12], b"bound"), None);
            assert_eq!(opens(cipher.keyed(&key, "body", &[b"x"]), [7; 12], b"bound"), None);
            assert_eq!(opens(cipher.keyed(&SlotKey::new([2; 16]), "record", &[b"x"]), [7; 12], b"bound"), None);
            assert_eq!(Cipher::from_code(cipher as u8), Some(cipher));
        }
    }
}
