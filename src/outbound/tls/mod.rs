//! Certificates and keys as files: read, judged, made into TLS, and replaced while calls run. Both doors use it.

pub mod certificate; // What one certificate says.
pub mod files; // Chain, key and roots from PEM files, and what may be wrong with them.
pub mod kept; // What was made of a set of files, replaced when they change.
pub mod platform; // TLS towards a platform.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use crate::domain::clock::Clock;

/// The protocol spoken inside. h2 is never offered: it loses the case of header names and the reason phrase.
pub const ALPN: &[u8] = b"http/1.1";

/// Ciphers, key exchanges and signatures.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The gateway's clock, as rustls asks for it.
pub struct Hours(pub Arc<dyn Clock>);

impl TimeProvider for Hours {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.unix_ns() / 1_000_000_000).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

impl fmt::Debug for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hours")
    }
}
