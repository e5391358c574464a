//! SM4 (GB/T 32907) in the modes that platforms use: ECB and CBC with PKCS#7 padding. GCM is `journal/cipher`'s and TLS's.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit};
use sm4::Sm4;

use crate::domain::terms::Cipher;

/// A key of 128 bits.
pub type Key = [u8; 16];

/// Encrypts in the mode that a platform has; the IV counts in chained modes only.
pub fn encrypt(cipher: Cipher, key: &Key, iv: &[u8; 16], plain: &[u8]) -> Vec<u8> {
    match cipher {
        Cipher::Ecb => encrypt_ecb(key, plain),
        Cipher::Cbc => encrypt_cbc(key, iv, plain),
    }
}

/// Decrypts likewise.
///
/// # Errors
/// As [`decrypt_ecb`].
pub fn decrypt(cipher: Cipher, key: &Key, iv: &[u8; 16], stored: &[u8]) -> Result<Vec<u8>, NotDecrypted> {
    match cipher {
        Cipher::Ecb => decrypt_ecb(key, stored),
        Cipher::Cbc => decrypt_cbc(key, iv, stored),
    }
}

/// ECB: the `appId` family and Jilin.
pub fn encrypt_ecb(key: &Key, plain: &[u8]) -> Vec<u8> {
    ecb::Encryptor::<Sm4>::new(key.into()).encrypt_padded_vec::<Pkcs7>(plain)
}

/// ECB.
///
/// # Errors
/// When the length or the padding is not what was written under this key.
pub fn decrypt_ecb(key: &Key, stored: &[u8]) -> Result<Vec<u8>, NotDecrypted> {
    ecb::Decryptor::<Sm4>::new(key.into()).decrypt_padded_vec::<Pkcs7>(stored).map_err(|_| NotDecrypted)
}

/// CBC.
pub fn encrypt_cbc(key: &Key, iv: &[u8; 16], plain: &[u8]) -> Vec<u8> {
    cbc::Encryptor::<Sm4>::new(key.into(), iv.into()).encrypt_padded_vec::<Pkcs7>(plain)
}

/// CBC.
///
/// # Errors
/// As [`decrypt_ecb`].
pub fn decrypt_cbc(key: &Key, iv: &[u8; 16], stored: &[u8]) -> Result<Vec<u8>, NotDecrypted> {
    cbc::Decryptor::<Sm4>::new(key.into(), iv.into()).decrypt_padded_vec::<Pkcs7>(stored).map_err(|_| NotDecrypted)
}

/// The ciphertext was not made under this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ciphertext was not made under this key, or was changed")]
pub struct NotDecrypted;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encrypted_comes_back_and_nothing_else_does() {
        let (key, iv) = ([7; 16], [9; 16]);
        for len in [0, 1, 15, 16, 17, 100] {
            let plain = vec![b'x'; len];
            let (ecb, cbc) = (encrypt_ecb(&key, &plain), encrypt_cbc(&key, &iv, &plain));
            assert_eq!((ecb.len(), cbc.len()), (len / 16 * 16 + 16, len / 16 * 16 + 16));
            assert_eq!(decrypt_ecb(&key, &ecb).as_deref(), Ok(plain.as_slice()));
            assert_eq!(decrypt_cbc(&key, &iv, &cbc).as_deref(), Ok(plain.as_slice()));
            assert_eq!(decrypt_ecb(&key, &ecb[1..]), Err(NotDecrypted));
            assert_ne!(decrypt_ecb(&[8; 16], &ecb).ok(), Some(plain));
        }
        assert_eq!(decrypt_ecb(&key, &[]), Err(NotDecrypted));
        assert_eq!(decrypt_cbc(&key, &iv, &[]), Err(NotDecrypted));
    }
}
