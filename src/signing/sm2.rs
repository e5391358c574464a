//! SM2 signatures (GB/T 32918.2): keys as clients write them, r ‖ s and DER, a signer that may live in a box of its own.

use std::fmt;

use getrandom::SysRng;
use sm2::dsa::signature::hazmat::{PrehashVerifier, RandomizedPrehashSigner};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};
use sm2::elliptic_curve::Generate;
use sm2::elliptic_curve::sec1::ToSec1Point;
use sm2::{PublicKey, Scalar, SecretKey};
use zeroize::Zeroizing;

use super::digest::{self, UserIdTooLong};
use crate::domain::terms::Encoding;

/// r ‖ s.
pub type RawSignature = [u8; 64];

/// Signs a digest; a software key, or a box that holds one.
pub trait Signer: Send + Sync {
    /// x ‖ y of the public key.
    fn public(&self) -> [u8; 64];

    /// Signs e.
    ///
    /// # Errors
    /// When the key cannot be used now.
    fn sign_digest(&self, e: &[u8; 32]) -> Result<RawSignature, SignError>;
}

/// Signs a message under a user id.
///
/// # Errors
/// When the user id is too long or the key cannot be used.
pub fn sign(signer: &dyn Signer, user_id: &[u8], message: &[u8]) -> Result<RawSignature, SignError> {
    let identity = digest::identity(user_id, &signer.public())?;
    signer.sign_digest(&digest::message(&identity, message))
}

/// A key in this process. Wiped when dropped; its signatures are hedged: random, and safe where randomness fails.
#[derive(Clone)]
pub struct SoftKey {
    pub(super) secret: SecretKey,
    /// Made once: it costs as much as a signature.
    public: [u8; 64],
}

impl SoftKey {
    /// Reads a private key: 32 bytes, or 33 with a leading zero, as Base64 or hex.
    ///
    /// # Errors
    /// When it is no such text, or no private key of the curve.
    pub fn parse(text: &str) -> Result<SoftKey, KeyError> {
        let bytes = Zeroizing::new(key_bytes(text)?);
        let scalar = match bytes.as_slice() {
            [0, scalar @ ..] if scalar.len() == 32 => scalar,
            scalar => scalar,
        };
        let secret = SecretKey::from_slice(scalar).map_err(|_| KeyError::Private(bytes.len()))?;
        SoftKey::of(secret).ok_or(KeyError::Private(bytes.len()))
    }

    /// A new key.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<SoftKey, KeyError> {
        let secret = SecretKey::try_generate_from_rng(&mut SysRng).map_err(|_| KeyError::NoRandomness)?;
        SoftKey::of(secret).ok_or(KeyError::NoRandomness)
    }

    /// `None` for the one scalar, n - 1, that is a key of the curve and cannot sign.
    pub(super) fn of(secret: SecretKey) -> Option<SoftKey> {
        let signs = !bool::from((*secret.to_nonzero_scalar() + Scalar::ONE).is_zero());
        signs.then(|| SoftKey { public: coordinates(&secret.public_key()), secret })
    }
}

impl fmt::Debug for SoftKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SoftKey(***)")
    }
}

impl Signer for SoftKey {
    fn public(&self) -> [u8; 64] {
        self.public
    }

    fn sign_digest(&self, e: &[u8; 32]) -> Result<RawSignature, SignError> {
        // Made anew each time: the crate wipes a SecretKey, and not a SigningKey that is kept.
        let key = SigningKey::new("", &self.secret).map_err(|_| SignError::Refused)?;
        let signature: Signature = key.sign_prehash_with_rng(&mut SysRng, e).map_err(|_| SignError::Refused)?;
        Ok(signature.to_bytes().into())
    }
}

/// Somebody's public key.
#[derive(Debug, Clone)]
pub struct Verifier(VerifyingKey);

impl Verifier {
    /// Reads a public key: 64 bytes x ‖ y, or 65 with the tag 04, as Base64 or hex; or PEM.
    ///
    /// # Errors
    /// When it is no such text, or no point of the curve.
    pub fn parse(text: &str) -> Result<Verifier, KeyError> {
        if text.trim_start().starts_with("-----BEGIN") {
            return super::pem::public(text);
        }
        let bytes = key_bytes(text)?;
        let tagged = if bytes.len() == 64 { [&[4], bytes.as_slice()].concat() } else { bytes };
        if tagged.first() != Some(&4) {
            return Err(KeyError::Public(tagged.len()));
        }
        let key = VerifyingKey::from_sec1_bytes("", &tagged).map_err(|_| KeyError::Public(tagged.len()))?;
        Ok(Verifier(key))
    }

    /// The key of x ‖ y.
    ///
    /// # Errors
    /// When it is no point of the curve.
    pub fn of(public: &[u8; 64]) -> Result<Verifier, KeyError> {
        let tagged = [&[4], public.as_slice()].concat();
        VerifyingKey::from_sec1_bytes("", &tagged).map(Verifier).map_err(|_| KeyError::Public(tagged.len()))
    }

    /// x ‖ y.
    pub fn public(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(&self.0.to_sec1_bytes()[1..]);
        bytes
    }

    /// Whether this key signed the message under this user id. Takes r ‖ s of 64 bytes, or strict DER; nothing else verifies.
    pub fn verifies(&self, user_id: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let signature = match signature.len() {
            64 => Signature::from_slice(signature),
            _ => Signature::from_der(signature),
        };
        let Ok(identity) = digest::identity(user_id, &self.public()) else { return false };
        signature.is_ok_and(|signature| self.0.verify_prehash(&digest::message(&identity, message), &signature).is_ok())
    }
}

/// A signature as a platform wants it written.
///
/// # Errors
/// As [`der`].
pub fn encoded(signature: &RawSignature, encoding: Encoding) -> Result<Vec<u8>, SignError> {
    match encoding {
        Encoding::Raw => Ok(signature.to_vec()),
        Encoding::Der => der(signature),
    }
}

/// The same signature as an ASN.1 SEQUENCE.
///
/// # Errors
/// When r or s is out of its range.
pub fn der(signature: &RawSignature) -> Result<Vec<u8>, SignError> {
    let signature = Signature::from_slice(signature).map_err(|_| SignError::Refused)?;
    Ok(signature.to_der().as_bytes().to_vec())
}

fn coordinates(key: &PublicKey) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes.copy_from_slice(&key.to_sec1_point(false).as_bytes()[1..]);
    bytes
}

fn key_bytes(text: &str) -> Result<Vec<u8>, KeyError> {
    use base64::Engine;
    let text = text.trim();
    let hex_lengths = [64, 66, 128, 130];
    match hex::decode(text) {
        Ok(bytes) if hex_lengths.contains(&text.len()) => Ok(bytes),
        _ => base64::prelude::BASE64_STANDARD.decode(text).map_err(|_| KeyError::Text),
    }
}

/// Why a key cannot be read. Never shows the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither form.
    #[error("a key is Base64 or hex")]
    Text,
    /// No private key.
    #[error("{0} bytes are no SM2 private key: 32 bytes, or 33 with a leading zero, below the order of the curve")]
    Private(usize),
    /// No public key.
    #[error("{0} bytes are no SM2 public key: x and y of 32 bytes each, with or without the tag 04, on the curve")]
    Public(usize),
    /// A PEM block that is damaged, or of another kind.
    #[error("the PEM block is damaged or is no {0}")]
    Pem(&'static str),
    /// A key that stands in the file as it is.
    #[error("the private key is not encrypted")]
    NotEncrypted,
    /// No passphrase, or another one's.
    #[error("the passphrase does not open the key, or the file was changed")]
    Passphrase,
    /// A cipher that cannot be read.
    #[error(
        "the key is encrypted in a way that is not known here (known: PBES2 with AES-CBC, PBKDF2 with SHA-2 or scrypt)"
    )]
    Encryption,
    /// A key of another curve.
    #[error("the key is no SM2 key")]
    OtherCurve,
    /// The system's randomness failed.
    #[error("the system has no randomness to give")]
    NoRandomness,
}

/// Why nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The user id.
    #[error(transparent)]
    UserId(#[from] UserIdTooLong),
    /// The key or its box.
    #[error("the signer refused")]
    Refused,
}
