//! What one identity signs with: account, secret, key; and whose signatures it believes.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::domain::terms::{CipherKey, Form, Terms};

use super::mobile;
use super::sm2::{Signer, Verifier};
use super::sm4::Key;

/// One identity. Wiped when dropped; `Debug` shows its name.
#[derive(Default)]
pub struct Credentials {
    /// Name of its settings section.
    pub name: String,
    /// paasid, access key, institution code, client_id or appId.
    pub account: String,
    /// The shared secret; empty for none.
    pub secret: Zeroizing<String>,
    /// Signs with its SM2 key, which may live in a box of its own.
    pub signer: Option<Arc<dyn Signer>>,
    /// Its own public key: who signs as this identity.
    pub public: Option<Verifier>,
    /// The platform's public key: who signs the answers.
    pub platform: Option<Verifier>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} ***)", self.name)
    }
}

/// What an identity needs for a form, by the setting that gives it.
pub fn needs(form: Form, cipher_key: CipherKey, signs: bool) -> &'static [&'static str] {
    match (form, signs) {
        (Form::None, _) => &[],
        (Form::XTif | Form::Csb | Form::XCa, _) => &["account", "secret_file"],
        (Form::SealedInput, true) if cipher_key == CipherKey::Account => &["account", "key_file"],
        (Form::SealedInput, false) if cipher_key == CipherKey::Account => &["account", "public_key_file"],
        (Form::SealedInput | Form::Envelope, true) => &["account", "secret_file", "key_file"],
        (Form::SealedInput | Form::Envelope, false) => &["account", "secret_file", "public_key_file"],
    }
}

impl Credentials {
    /// True when both sign with the same and believe the same.
    pub fn is_same(&self, other: &Credentials) -> bool {
        let secrets: bool = self.secret.as_bytes().ct_eq(other.secret.as_bytes()).into();
        let publics = |of: &Credentials| [&of.public, &of.platform].map(|key| key.as_ref().map(Verifier::public));
        let signs = |of: &Credentials| of.signer.as_ref().map(|signer| signer.public());
        secrets && self.account == other.account && publics(self) == publics(other) && signs(self) == signs(other)
    }

    /// The SM4 key of the terms; `None` where nothing is sealed.
    ///
    /// # Errors
    /// When account or secret do not have the length that the key is made of.
    pub fn cipher_key(&self, terms: &Terms) -> Result<Option<Zeroizing<Key>>, NoCipherKey> {
        let of = |text: &str| -> Result<Key, NoCipherKey> { text.as_bytes().try_into().map_err(|_| NoCipherKey) };
        if !terms.form.seals() {
            return Ok(None);
        }
        let key = match terms.cipher_key {
            CipherKey::Account => of(&self.account)?,
            CipherKey::Secret => of(&self.secret)?,
            CipherKey::Derived => mobile::key(&self.account, &self.secret).map_err(|_| NoCipherKey)?,
        };
        Ok(Some(Zeroizing::new(key)))
    }
}

/// Account or secret make no SM4 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("account or secret do not have the 16 ASCII characters that the SM4 key is made of")]
pub struct NoCipherKey;
