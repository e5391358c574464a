//! SM4 (GB/T 32907) in the modes of sealed members: ECB and CBC with PKCS#7 padding, GCM with its nonce in front.

use aes_gcm::AesGcm;
use aes_gcm::aead::AeadInOut;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit};
use sm4::Sm4;
use sm4::cipher::consts::U12;

use crate::domain::terms::Cipher;

/// A key of 128 bits.
pub type Key = [u8; 16];

/// Comes once under one key: a second use gives both texts away.
pub type Nonce = [u8; 12];

/// Bytes of GCM's tag.
const TAG_LEN: usize = 16;

/// Encrypts in the mode that a platform has; the IV counts in the chained mode only, the nonce in GCM only.
pub fn encrypt(cipher: Cipher, key: &Key, iv: &[u8; 16], nonce: Nonce, plain: &[u8]) -> Vec<u8> {
    match cipher {
        Cipher::Ecb => encrypt_ecb(key, plain),
        Cipher::Cbc => encrypt_cbc(key, iv, plain),
        Cipher::Gcm => encrypt_gcm(key, nonce, plain),
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
        Cipher::Gcm => decrypt_gcm(key, stored),
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

/// GCM: nonce, ciphertext, tag.
pub fn encrypt_gcm(key: &Key, nonce: Nonce, plain: &[u8]) -> Vec<u8> {
    let mut stored = [&nonce, plain].concat();
    let sealing = gcm(key).encrypt_inout_detached(&nonce.into(), &[], (&mut stored[nonce.len()..]).into());
    stored.extend_from_slice(&sealing.expect("GCM refuses only beyond 64 GiB"));
    stored
}

/// GCM.
///
/// # Errors
/// When any bit is not what was written under this key.
pub fn decrypt_gcm(key: &Key, stored: &[u8]) -> Result<Vec<u8>, NotDecrypted> {
    let (nonce, rest) = stored.split_first_chunk::<12>().ok_or(NotDecrypted)?;
    let (sealed, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(NotDecrypted)?;
    let mut plain = sealed.to_vec();
    let opening = gcm(key).decrypt_inout_detached(nonce.into(), &[], plain.as_mut_slice().into(), tag.into());
    opening.map(|()| plain).map_err(|_| NotDecrypted)
}

fn gcm(key: &Key) -> AesGcm<Sm4, U12> {
    AesGcm::new(key.into())
}

/// The ciphertext was not made under this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ciphertext was not made under this key, or was changed")]
pub struct NotDecrypted;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gcm_opens_only_what_was_sealed_to_the_last_bit() {
        let key = [7; 16];
        for len in [0, 1, 15, 16, 17, 100] {
            let plain = vec![b'x'; len];
            let stored = encrypt(Cipher::Gcm, &key, &[0; 16], [5; 12], &plain);
            assert_eq!((stored.len(), &stored[..12]), (12 + len + 16, &[5; 12][..]));
            assert_eq!(decrypt(Cipher::Gcm, &key, &[0; 16], &stored), Ok(plain));
            assert_eq!(decrypt_gcm(&[8; 16], &stored), Err(NotDecrypted));
            for bit in 0..stored.len() * 8 {
                let mut changed = stored.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(decrypt_gcm(&key, &changed), Err(NotDecrypted), "bit {bit} of {len}");
            }
            for cut in 0..stored.len() {
                assert_eq!(decrypt_gcm(&key, &stored[..cut]), Err(NotDecrypted), "{cut} of {len}");
            }
        }
    }

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
