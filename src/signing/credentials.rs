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
    /// Who asks for a token, where the platform hands one out; empty for nobody.
    pub user: String,
    /// That user's password.
    pub password: Zeroizing<String>,
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

/// What an identity needs to sign, and to fetch the token where calls bear one; by the setting that gives it.
pub fn needs(terms: &Terms) -> Vec<&'static str> {
    let mut needed = of_form(terms, "key_file");
    for name in of_grant(terms) {
        if !needed.contains(&name) {
            needed.push(name);
        }
    }
    needed
}

/// What must be known of an identity to tell whether it signed.
pub fn needs_to_verify(terms: &Terms) -> Vec<&'static str> {
    of_form(terms, "public_key_file")
}

/// What must be known of an identity to hand out a token to it, and what it needs to ask for one.
pub fn of_grant(terms: &Terms) -> Vec<&'static str> {
    let Some(grant) = terms.grant() else { return Vec::new() };
    let mut needed = vec!["account", "secret_file"];
    let words = [("{user}", "user"), ("{password}", "password_file")];
    needed.extend(words.iter().filter(|(word, _)| grant.asks_for(word)).map(|(_, setting)| *setting));
    needed
}

fn of_form(terms: &Terms, key: &'static str) -> Vec<&'static str> {
    match terms.form {
        Form::None => Vec::new(),
        Form::XTif | Form::Csb | Form::XCa => vec!["account", "secret_file"],
        Form::SealedInput if terms.cipher_key == CipherKey::Account => vec!["account", key],
        Form::SealedInput | Form::Envelope => vec!["account", "secret_file", key],
    }
}

impl Credentials {
    /// True when both sign with the same and believe the same.
    pub fn is_same(&self, other: &Credentials) -> bool {
        let same = |one: &str, another: &str| bool::from(one.as_bytes().ct_eq(another.as_bytes()));
        let secrets = same(&self.secret, &other.secret) && same(&self.password, &other.password);
        let named = self.account == other.account && self.user == other.user;
        let publics = |of: &Credentials| [&of.public, &of.platform].map(|key| key.as_ref().map(Verifier::public));
        let signs = |of: &Credentials| of.signer.as_ref().map(|signer| signer.public());
        secrets && named && publics(self) == publics(other) && signs(self) == signs(other)
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
