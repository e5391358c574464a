//! SM2 keys as files hold them: encrypted PKCS#8 PEM, as OpenSSL reads and writes it (`crypto.md` §6); plain forms for import.

use sm2::elliptic_curve::sec1::ToSec1Point;
use sm2::pkcs8::der::ErrorKind;
use sm2::pkcs8::spki::{DecodePublicKey, EncodePublicKey};
use sm2::pkcs8::{
    self, DecodePrivateKey, EncodePrivateKey, EncryptedPrivateKeyInfoRef, LineEnding, SecretDocument, pkcs5,
};
use sm2::{PublicKey, SecretKey};
use zeroize::Zeroizing;

use super::sm2::{KeyError, SoftKey, Verifier};

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PLAIN: &str = "PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
/// What newer OpenSSL writes over the same bytes.
const SEC1_SM2: &str = "SM2 PRIVATE KEY";

impl SoftKey {
    /// Reads an encrypted private key.
    ///
    /// # Errors
    /// When there is none, it is not encrypted, the passphrase does not open it, or it is of another curve.
    pub fn from_encrypted_pem(text: &str, passphrase: &[u8]) -> Result<SoftKey, KeyError> {
        if [PLAIN, SEC1, SEC1_SM2].iter().any(|label| block(text, label).is_some()) {
            return Err(KeyError::NotEncrypted);
        }
        let pem = block(text, ENCRYPTED).ok_or(KeyError::Pem("encrypted private key"))?;
        let (_, sealed) = SecretDocument::from_pem(pem).map_err(|_| KeyError::Pem("encrypted private key"))?;
        let sealed = EncryptedPrivateKeyInfoRef::try_from(sealed.as_bytes()).map_err(|error| of_pkcs8(&error))?;
        let opened = sealed.decrypt(passphrase).map_err(|error| of_opened(&error))?;
        let secret = SecretKey::from_pkcs8_der(opened.as_bytes()).map_err(|error| of_opened(&error))?;
        SoftKey::of(secret).ok_or(KeyError::Private(32))
    }

    /// Reads a private key that is not encrypted: PKCS#8 or SEC1 PEM.
    ///
    /// # Errors
    /// When there is none, or it is of another curve.
    pub fn from_plain_pem(text: &str) -> Result<SoftKey, KeyError> {
        let secret = if let Some(pem) = block(text, PLAIN) {
            SecretKey::from_pkcs8_pem(pem).map_err(|error| of_pkcs8(&error))?
        } else {
            let pem = block(text, SEC1).or(block(text, SEC1_SM2)).ok_or(KeyError::Pem("private key"))?;
            let pem = Zeroizing::new(pem.replace(SEC1_SM2, SEC1));
            SecretKey::from_sec1_pem(&pem).map_err(|_| KeyError::OtherCurve)?
        };
        SoftKey::of(secret).ok_or(KeyError::Private(32))
    }

    /// The key as it is, PKCS#8: for a file that is protected otherwise.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn to_plain_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.secret.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Pem("private key"))
    }

    /// The key under a passphrase: PBES2 with scrypt and AES-256-CBC.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn to_encrypted_pem(&self, passphrase: &[u8]) -> Result<Zeroizing<String>, KeyError> {
        self.secret.to_pkcs8_encrypted_pem(passphrase, LineEnding::LF).map_err(|_| KeyError::NoRandomness)
    }
}

/// True for a text that holds an encrypted private key.
pub fn is_encrypted(text: &str) -> bool {
    block(text, ENCRYPTED).is_some()
}

/// Reads a public key.
///
/// # Errors
/// When the block is damaged, or the key is of another curve.
pub fn public(text: &str) -> Result<Verifier, KeyError> {
    let pem = block(text, "PUBLIC KEY").ok_or(KeyError::Pem("public key"))?;
    let key = PublicKey::from_public_key_pem(pem).map_err(|_| KeyError::OtherCurve)?;
    let mut bytes = [0; 64];
    bytes.copy_from_slice(&key.to_sec1_point(false).as_bytes()[1..]);
    Verifier::of(&bytes)
}

/// A public key of x ‖ y as PEM.
///
/// # Errors
/// When it is no point of the curve.
pub fn of_public(public: &[u8; 64]) -> Result<String, KeyError> {
    let tagged = [&[4], public.as_slice()].concat();
    let key = PublicKey::from_sec1_bytes(&tagged).map_err(|_| KeyError::Public(tagged.len()))?;
    key.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Public(tagged.len()))
}

/// The block of this kind, without what stands around it (OpenSSL puts the curve before a key).
fn block<'t>(text: &'t str, label: &str) -> Option<&'t str> {
    let from = text.find(&format!("-----BEGIN {label}-----"))?;
    let end = format!("-----END {label}-----");
    let until = from + text[from..].find(&end)? + end.len();
    Some(&text[from..until])
}

/// Under a wrong passphrase one text in 256 has a good padding by chance; what it opens to is no ASN.1.
fn of_opened(error: &pkcs8::Error) -> KeyError {
    if matches!(error, pkcs8::Error::Asn1(_)) { KeyError::Passphrase } else { of_pkcs8(error) }
}

fn of_pkcs8(error: &pkcs8::Error) -> KeyError {
    match error {
        pkcs8::Error::EncryptedPrivateKey(pkcs5::Error::DecryptFailed) => KeyError::Passphrase,
        pkcs8::Error::EncryptedPrivateKey(_) => KeyError::Encryption,
        pkcs8::Error::Asn1(error) if matches!(error.kind(), ErrorKind::OidUnknown { .. }) => KeyError::Encryption,
        pkcs8::Error::KeyMalformed(_) | pkcs8::Error::PublicKey(_) | pkcs8::Error::ParametersMalformed => {
            KeyError::OtherCurve
        }
        _ => KeyError::Pem("private key"),
    }
}
