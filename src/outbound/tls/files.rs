//! Chain, key and roots from PEM files, and what may be wrong with them: file, trouble and cure, never a word of a key.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};
use zeroize::Zeroizing;

use crate::domain::moment::china_time;

use super::certificate::Certificate;
use super::provider;

/// A bundle of every public authority has a quarter of this.
const FILE_BYTES_MAX: u64 = 1 << 20;
const SECOND_NS: i64 = 1_000_000_000;

/// What is wrong with a file that a setting names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what} (cure: {cure})")]
pub struct Trouble {
    /// The setting: `certificate`, `key`, `client_ca`, `ca` or `server_name`.
    pub key: &'static str,
    /// The file, or what the setting says when it names none.
    pub file: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub cure: String,
}

impl Trouble {
    /// Trouble with a file.
    pub fn of(key: &'static str, file: &Path, what: impl Into<String>, cure: impl Into<String>) -> Trouble {
        Trouble { key, file: file.display().to_string(), what: what.into(), cure: cure.into() }
    }
}

/// A file in use, as far as its end is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// The setting that names the file.
    pub key: &'static str,
    /// Title of the certificate that ends first.
    pub title: String,
    /// Its number, hexadecimal digits.
    pub serial: String,
    /// Until when, seconds since 1970.
    pub not_after_unix_s: i64,
    /// One of them was signed by the authority of `certs/`.
    pub for_development: bool,
}

/// An own chain with its key, judged: they belong together, and the own certificate is valid at `now_unix_ns`.
///
/// # Errors
/// The first thing that does not hold.
pub fn identity(certificate: &Path, key: &Path, now_unix_ns: i64) -> Result<(CertifiedKey, Dated), Trouble> {
    let chain = chain("certificate", certificate)?;
    let read: Vec<Certificate> = chain.iter().filter_map(|der| Certificate::read(der)).collect();
    let Some(own) = read.first().filter(|_| read.len() == chain.len()) else {
        return Err(unreadable("certificate", certificate));
    };
    valid(own, certificate, now_unix_ns / SECOND_NS)?;
    let made = CertifiedKey::from_der(chain, private_key(key)?, &provider());
    let made = made.map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let what = format!("the key does not belong to the certificate in {}", certificate.display());
            Trouble::of("key", key, what, "name the key that the certificate was requested with")
        }
        error => Trouble::of("key", key, format!("cannot be used: {error}"), "use an RSA or ECDSA key in PKCS#8 form"),
    })?;
    let dated =
        first_to_end("certificate", &read, now_unix_ns).ok_or_else(|| unreadable("certificate", certificate))?;
    Ok((made, dated))
}

/// The authorities of a file.
///
/// # Errors
/// The first thing that does not hold.
pub fn roots(key: &'static str, file: &Path, now_unix_ns: i64) -> Result<(Arc<RootCertStore>, Dated), Trouble> {
    let mut store = RootCertStore::empty();
    let mut read = Vec::new();
    for der in chain(key, file)? {
        read.push(Certificate::read(&der).ok_or_else(|| unreadable(key, file))?);
        store.add(der).map_err(|_| unreadable(key, file))?;
    }
    let dated = first_to_end(key, &read, now_unix_ns).ok_or_else(|| unreadable(key, file))?;
    Ok((Arc::new(store), dated))
}

/// Of those that have not ended, the first to end gives the date: bundles carry old ones along.
fn first_to_end(key: &'static str, read: &[Certificate], now_unix_ns: i64) -> Option<Dated> {
    let now_unix_s = now_unix_ns / SECOND_NS;
    let by_end = |one: &&Certificate| (one.not_after_unix_s < now_unix_s, one.not_after_unix_s);
    let first = read.iter().min_by_key(by_end)?;
    Some(Dated {
        key,
        title: first.title().to_owned(),
        serial: first.serial.clone(),
        not_after_unix_s: first.not_after_unix_s,
        for_development: read.iter().any(|one| one.for_development),
    })
}

/// A file's bytes, within bounds; wiped when dropped, because a key file is read by the same way.
///
/// # Errors
/// When it cannot be read, or is no file of this kind.
pub fn read(key: &'static str, file: &Path) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let cannot = |error: std::io::Error| {
        Trouble::of(key, file, format!("cannot be read: {error}"), "name a PEM file that the gateway may read")
    };
    let open = File::open(file).map_err(cannot)?;
    // Room for all of it from the start: a vector that grows leaves copies behind that nobody wipes.
    let len = open.metadata().map_err(cannot)?.len().min(FILE_BYTES_MAX) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(len).unwrap_or_default()));
    open.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Trouble::of(key, file, "is larger than 1 MiB", "name a PEM file"));
    }
    Ok(bytes)
}

fn chain(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let bytes = read(key, file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) if says(&bytes, "PRIVATE KEY") => {
            let cure = "the certificate's file comes here, the key's file belongs to `key`";
            Err(Trouble::of(key, file, "holds a key and no certificate", cure))
        }
        Ok(_) | Err(_) => Err(unreadable(key, file)),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Trouble> {
    let bytes = read("key", file)?;
    only_ours(file)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
        let (what, cure) = if says(&bytes, "ENCRYPTED") {
            (
                "the key is encrypted with a passphrase",
                "write it without one (openssl pkey -in FILE -out NEW), mode 0600",
            )
        } else if says(&bytes, "BEGIN CERTIFICATE") {
            (
                "holds a certificate and no key",
                "the key's file comes here, the certificate's file belongs to `certificate`",
            )
        } else {
            ("holds no private key in PEM form", "write the key as PEM (-----BEGIN PRIVATE KEY-----)")
        };
        Trouble::of("key", file, what, cure)
    })
}

/// A key that others can read is no secret. A systemd credential has its rights by ACL, which shows as the group's.
fn only_ours(file: &Path) -> Result<(), Trouble> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let others = if credentials.is_some() && file.parent() == credentials.as_deref() { 0o007 } else { 0o077 };
    let cannot = |error| Trouble::of("key", file, format!("cannot be looked at: {error}"), "name a file");
    let mode = fs::metadata(file).map_err(cannot)?.permissions().mode();
    if mode & others == 0 {
        return Ok(());
    }
    let what = format!("the key is readable by others (mode {:04o})", mode & 0o7777);
    Err(Trouble::of("key", file, what, format!("chmod 600 {}", file.display())))
}

fn valid(link: &Certificate, file: &Path, now_unix_s: i64) -> Result<(), Trouble> {
    let day = |unix_s: i64| china_time(unix_s.saturating_mul(SECOND_NS));
    if link.not_after_unix_s < now_unix_s {
        let what = format!("the certificate of {} ended at {}", link.title(), day(link.not_after_unix_s));
        return Err(Trouble::of("certificate", file, what, "put a renewed certificate in its place"));
    }
    if link.not_before_unix_s > now_unix_s {
        let what = format!("the certificate of {} begins only at {}", link.title(), day(link.not_before_unix_s));
        return Err(Trouble::of("certificate", file, what, "look at this machine's clock, or wait"));
    }
    Ok(())
}

fn unreadable(key: &'static str, file: &Path) -> Trouble {
    let cure =
        "write certificates as PEM (-----BEGIN CERTIFICATE-----), the own one first, then those that vouch for it";
    Trouble::of(key, file, "holds no certificates that can be read", cure)
}

fn says(bytes: &[u8], words: &str) -> bool {
    bytes.windows(words.len()).any(|window| window == words.as_bytes())
}
