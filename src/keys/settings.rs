//! `[identity.*]`: who the gateway, or a HIS, is towards a platform. Secrets stand elsewhere: here are only their places.

use serde::Deserialize;

/// One identity. Every `_file` is an absolute path, or `credential:NAME` for a systemd credential; empty for none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// paasid, access key, institution code, client_id or appId.
    pub account: String,
    /// The shared secret, as text.
    pub secret_file: String,
    /// Who asks for a token, where the platform hands one out (OAuth2).
    pub user: String,
    /// That user's password, as text.
    pub password_file: String,
    /// Its SM2 private key: encrypted PKCS#8 PEM.
    pub key_file: String,
    /// What opens the key.
    pub passphrase_file: String,
    /// Its SM2 public key, where the private one is somebody else's.
    pub public_key_file: String,
    /// The platform's SM2 public key.
    pub platform_key_file: String,
}

impl Settings {
    /// Every place with the name of its setting.
    pub fn places(&self) -> [(&'static str, &str); 6] {
        [
            ("secret_file", &self.secret_file),
            ("password_file", &self.password_file),
            ("key_file", &self.key_file),
            ("passphrase_file", &self.passphrase_file),
            ("public_key_file", &self.public_key_file),
            ("platform_key_file", &self.platform_key_file),
        ]
    }

    /// What of these settings nobody says. A private key tells its public one.
    pub fn lacks(&self, needed: &[&'static str]) -> Vec<&'static str> {
        let said = |name: &str| match name {
            "account" => !self.account.is_empty(),
            "user" => !self.user.is_empty(),
            "public_key_file" => !self.public_key_file.is_empty() || !self.key_file.is_empty(),
            name => self.places().iter().any(|(place, value)| *place == name && !value.is_empty()),
        };
        needed.iter().copied().filter(|name| !said(name)).collect()
    }
}
