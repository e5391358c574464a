//! Words of platform signing: what a province asks of a signature. A profile says them, `signing/` applies them.

use serde::Deserialize;

/// How a call proves who sent it (`wire.md` §1.5–1.7, §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Not at all.
    #[default]
    None,
    /// `x-tif-*` header lines: SHA-256 over time, secret and nonce.
    XTif,
    /// `_api_*` header lines: HMAC-SHA1 over their names and values.
    Csb,
    /// `x-ca-*` header lines: HMAC-SM3 over time and body.
    XCa,
    /// The envelope's `input` signed by SM2 and encrypted by SM4.
    SealedInput,
    /// The `appId` envelope of mobile payment, e-voucher and e-prescription.
    Envelope,
}

impl Form {
    /// All forms.
    pub const ALL: [Form; 6] = [Form::None, Form::XTif, Form::Csb, Form::XCa, Form::SealedInput, Form::Envelope];

    /// The word in a profile.
    pub fn word(self) -> &'static str {
        match self {
            Form::None => "none",
            Form::XTif => "x-tif",
            Form::Csb => "csb",
            Form::XCa => "x-ca",
            Form::SealedInput => "sealed-input",
            Form::Envelope => "envelope",
        }
    }

    /// True where the calls that the gateway makes by itself go, and are refused without a signature.
    fn asks_for_own_identity(self) -> bool {
        matches!(self, Form::XTif | Form::Csb | Form::XCa | Form::SealedInput)
    }

    /// True where the body is replaced by a sealed one.
    pub fn seals(self) -> bool {
        matches!(self, Form::SealedInput | Form::Envelope)
    }
}

/// The unit of a time in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Ten digits.
    #[default]
    Seconds,
    /// Thirteen digits.
    Milliseconds,
}

/// How an SM2 signature is written before Base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// r ‖ s, 64 bytes.
    #[default]
    Raw,
    /// An ASN.1 SEQUENCE.
    Der,
}

/// The mode of SM4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cipher {
    /// Block by block, padded by PKCS#7.
    #[default]
    Ecb,
    /// Chained from the IV that the profile says, padded by PKCS#7.
    Cbc,
    /// Counter mode with a tag, which alone of the three says when a text was changed. The sealed text is nonce (12 bytes),
    /// ciphertext, tag (16 bytes), nothing else is bound: proposed (P), the specification knows of no platform with it.
    Gcm,
}

/// Where the SM4 key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CipherKey {
    /// The account's 16 ASCII bytes (Jilin's client_id).
    #[default]
    Account,
    /// The secret's 16 ASCII bytes.
    Secret,
    /// Made of account and secret as in the `appId` family (`wire.md` §3.1).
    Derived,
}

/// How values that are no strings stand in the signed text of the `appId` family (`wire.md` §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Canonical {
    /// A: numbers and booleans stay what they are; whatever is empty is dropped at every depth.
    #[default]
    Kept,
    /// B: nested scalars become strings; an empty object is kept, an empty list is dropped; members sorted without regard to case.
    Texts,
    /// B': the first level below `data` becomes strings, deeper ones stay; whatever is empty is dropped.
    FirstLevelTexts,
}

/// A token that a platform hands out and that every call bears until its end: OAuth2, asked for by Basic account:secret (`wire.md` §1.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Path behind the platform's base address; empty = calls bear no token.
    pub path: String,
    /// Fields of the form that asks for it: name, and value with `{user}` and `{password}`.
    pub fields: Vec<(String, String)>,
    /// The header line that bears it: name in lower case, and value with `{token}`.
    pub header: (String, String),
    /// How long it is good, seconds; a shorter time in the answer counts.
    pub life_seconds: u64,
}

impl Default for Grant {
    /// None; what RFC 6749 §4.3 and RFC 6750 §2.1 say where a platform says nothing else.
    fn default() -> Grant {
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Grant {
            path: String::new(),
            fields: [("username", "{user}"), ("password", "{password}"), ("grant_type", "password")].map(pair).to_vec(),
            header: pair(("authorization", "Bearer {token}")),
            life_seconds: 600,
        }
    }
}

impl Grant {
    /// True when a field of the form holds this word.
    pub fn asks_for(&self, word: &str) -> bool {
        self.fields.iter().any(|(_, value)| value.contains(word))
    }
}

/// What one platform asks of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How.
    pub form: Form,
    /// The token that calls bear beside it; see [`Terms::grant`].
    pub token: Grant,
    /// CSB's `_api_name`; `{infno}` stands for the transaction number.
    pub api_name: String,
    /// CSB's `_api_version`.
    pub api_version: String,
    /// Unit of the time in a header.
    pub timestamp: Unit,
    /// How far a time may be from ours, either way; 0 = not looked at.
    pub window_seconds: u64,
    /// A nonce that was seen before is refused.
    pub refuses_replayed_nonce: bool,
    /// SM2's user id.
    pub user_id: String,
    /// How an SM2 signature is written.
    pub signature: Encoding,
    /// The mode of SM4.
    pub cipher: Cipher,
    /// IV of a chained mode.
    pub iv: [u8; 16],
    /// Where the SM4 key comes from.
    pub cipher_key: CipherKey,
    /// The signed text of the `appId` family.
    pub canonical: Canonical,
    /// Members of request and reply that are sealed.
    pub sealed: Vec<String>,
}

impl Default for Terms {
    /// Nothing is signed; what a form needs beyond that is what most platforms with that form have.
    fn default() -> Terms {
        Terms {
            form: Form::None,
            token: Grant::default(),
            api_name: "{infno}".to_owned(),
            api_version: "1.0.0".to_owned(),
            timestamp: Unit::Seconds,
            window_seconds: 0,
            refuses_replayed_nonce: false,
            user_id: "1234567812345678".to_owned(),
            signature: Encoding::Raw,
            cipher: Cipher::Ecb,
            iv: [0; 16],
            cipher_key: CipherKey::Account,
            canonical: Canonical::Kept,
            sealed: vec!["input".to_owned(), "output".to_owned()],
        }
    }
}

impl Terms {
    /// True when a member of this name is sealed.
    pub fn seals(&self, member: &str) -> bool {
        self.form == Form::SealedInput && self.sealed.iter().any(|sealed| sealed == member)
    }

    /// The token that calls bear, where they bear one.
    pub fn grant(&self) -> Option<&Grant> {
        Some(&self.token).filter(|token| !token.path.is_empty())
    }

    /// True where nobody proves anything.
    pub fn ask_nothing(&self) -> bool {
        self.form == Form::None && self.grant().is_none()
    }

    /// True where the calls that the gateway makes by itself (2601, 5203, 3201) go, and are refused without its own name.
    pub fn ask_for_own_identity(&self) -> bool {
        self.form.asks_for_own_identity() || self.grant().is_some()
    }

    /// The form's word in a profile, or what stands in its place.
    pub fn word(&self) -> &'static str {
        if self.form == Form::None && self.grant().is_some() { "token" } else { self.form.word() }
    }
}

/// Who signs what goes to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The HIS: its bytes pass untouched.
    #[default]
    Pass,
    /// The gateway, as one of its identities.
    Sign,
}

/// What becomes of a call whose signature is not its caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// Nobody looks.
    #[default]
    Off,
    /// It goes on, with a finding.
    Warn,
    /// It is refused, and nothing is sent.
    Refuse,
}
