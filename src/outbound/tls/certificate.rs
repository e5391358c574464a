//! What one certificate says: whom it names, who issued it, from when until when, and its fingerprint.

use sha2::{Digest, Sha256};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

/// Common name of the authority of `certs/`. Its key is public, so what it signs proves nothing.
pub const DEVELOPMENT_CA: &str = "medgate development CA, trust it nowhere";

/// The facts of one certificate. Nothing here is verified; that is the handshake's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Common name of the subject first, then the DNS names, in lower case.
    pub names: Vec<String>,
    /// SHA-256 over the DER form, in lower-case hexadecimal digits.
    pub fingerprint: String,
    /// The number that its authority gave it, hexadecimal digits.
    pub serial: String,
    /// Signed by the authority of `certs/`.
    pub for_development: bool,
    /// Valid from, seconds since 1970.
    pub not_before_unix_s: i64,
    /// Valid until, seconds since 1970.
    pub not_after_unix_s: i64,
}

impl Certificate {
    /// Reads the DER form; `None` when it is none.
    pub fn read(der: &[u8]) -> Option<Certificate> {
        let read = x509_cert::Certificate::from_der(der).ok()?;
        let tbs = read.tbs_certificate();
        let mut names: Vec<String> = cn(tbs.subject()).into_iter().collect();
        if let Ok(Some((_, alternatives))) = tbs.get_extension::<SubjectAltName>() {
            names.extend(alternatives.0.iter().filter_map(|name| match name {
                GeneralName::DnsName(name) => Some(name.as_str().to_lowercase()),
                _ => None,
            }));
        }
        let seconds =
            |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
        Some(Certificate {
            names,
            fingerprint: hex::encode(Sha256::digest(der)),
            serial: hex::encode(tbs.serial_number().as_bytes()),
            for_development: cn(tbs.issuer()).is_some_and(|name| name == DEVELOPMENT_CA.to_lowercase()),
            not_before_unix_s: seconds(tbs.validity().not_before),
            not_after_unix_s: seconds(tbs.validity().not_after),
        })
    }

    /// How it is called in lists and logs: its first name, else its fingerprint.
    pub fn title(&self) -> &str {
        self.names.first().unwrap_or(&self.fingerprint)
    }

    /// True when `name` is one of its names, or its fingerprint with or without colons.
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.names.contains(&name) || self.fingerprint == name.replace(':', "")
    }
}

/// The CN of a distinguished name, in lower case; `None` when it has none that is text.
fn cn(name: &Name) -> Option<String> {
    name.common_name().ok().flatten().map(|name| name.value().to_lowercase())
}
