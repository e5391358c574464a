//! From an identity's settings to what it signs with; every trouble names the file and the cure.

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::signing::credentials::Credentials;
use crate::signing::sm2::{KeyError, Signer, SoftKey, Verifier};

use super::settings::Settings;
use super::source::{Sources, Trouble};

/// Identities by the name of their section.
pub type Identities = BTreeMap<String, Arc<Credentials>>;

/// Reads every identity.
///
/// # Errors
/// Every trouble with every one, each with the name of the identity.
pub fn load(all: &BTreeMap<String, Settings>, sources: &Sources) -> Result<Identities, Vec<(String, Trouble)>> {
    let (mut identities, mut troubles) = (Identities::new(), Vec::new());
    for (name, settings) in all {
        match one(name, settings, sources) {
            Ok(credentials) => {
                identities.insert(name.clone(), Arc::new(credentials));
            }
            Err(found) => troubles.extend(found.into_iter().map(|trouble| (name.clone(), trouble))),
        }
    }
    if troubles.is_empty() { Ok(identities) } else { Err(troubles) }
}

/// Reads one identity.
///
/// # Errors
/// Every trouble with it.
pub fn one(name: &str, settings: &Settings, sources: &Sources) -> Result<Credentials, Vec<Trouble>> {
    let mut troubles = Vec::new();
    let mut note = |trouble: Trouble| troubles.push(trouble);
    let mut secret = |place: &str| {
        let found = filled(place).map(|place| sources.secret(place));
        found.transpose().unwrap_or_else(|trouble| (note(trouble), None).1).unwrap_or_default()
    };
    let (secret, password) = (secret(&settings.secret_file), secret(&settings.password_file));
    let key = filled(&settings.key_file).map(|place| key(place, &settings.passphrase_file, sources));
    let key = key.transpose().unwrap_or_else(|trouble| (note(trouble), None).1);
    let mut public = |place: &str| {
        let found = filled(place).map(|place| verifier(place, sources));
        found.transpose().unwrap_or_else(|trouble| (note(trouble), None).1)
    };
    let (named, platform) = (public(&settings.public_key_file), public(&settings.platform_key_file));
    let own = key.as_ref().and_then(|key| Verifier::of(&key.public()).ok());
    if let (Some(named), Some(own)) = (&named, &own)
        && named.public() != own.public()
    {
        let what = "is not the public key of key_file";
        troubles.push(Trouble::new(
            &settings.public_key_file,
            what,
            "leave public_key_file out, or name the right one",
        ));
    }
    if !troubles.is_empty() {
        return Err(troubles);
    }
    Ok(Credentials {
        name: name.to_owned(),
        account: settings.account.clone(),
        secret,
        user: settings.user.clone(),
        password,
        signer: key.map(|key| Arc::new(key) as Arc<dyn Signer>),
        public: own.or(named),
        platform,
    })
}

fn filled(place: &str) -> Option<&str> {
    Some(place).filter(|place| !place.is_empty())
}

fn key(place: &str, passphrase: &str, sources: &Sources) -> Result<SoftKey, Trouble> {
    let text = sources.private(place)?;
    let passphrase = match filled(passphrase) {
        Some(place) => sources.secret(place)?,
        None => Zeroizing::default(),
    };
    SoftKey::from_encrypted_pem(&text, passphrase.as_bytes()).map_err(|error| key_trouble(place, error))
}

/// What to do about a private key that does not open.
pub fn key_trouble(place: &str, error: KeyError) -> Trouble {
    let cure = match error {
        KeyError::NotEncrypted => "encrypt it: medgate keys import --in FILE --out NEW",
        KeyError::Passphrase => "name the passphrase of this very key in passphrase_file",
        KeyError::Encryption => "encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEW",
        _ => "name an encrypted PKCS#8 PEM file of an SM2 key; `medgate keys import` makes one of Base64, hex or PEM",
    };
    Trouble::new(place, error.to_string(), cure)
}

fn verifier(place: &str, sources: &Sources) -> Result<Verifier, Trouble> {
    let text = sources.public(place)?;
    let cure = "the file holds a public key: PEM, or Base64 or hex of 64 bytes, or of 65 that begin with 04";
    Verifier::parse(&text).map_err(|error| Trouble::new(place, error.to_string(), cure))
}
