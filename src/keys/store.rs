//! Key files written: encrypted, for their owner only, on disk whole or not at all, and never over another one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::journal::private_file;
use crate::signing::pem;
use crate::signing::sm2::{Signer, SoftKey};

use super::load::key_trouble;
use super::source::{Sources, Trouble};

/// Shortest passphrase; an empty one would leave the key as good as open.
pub const PASSPHRASE_CHARS_MIN: usize = 8;

/// Writes a key under a passphrase into a new file.
///
/// # Errors
/// When the file exists, cannot be written, or the passphrase is too short.
pub fn write(path: &Path, key: &SoftKey, passphrase: &str) -> Result<(), Trouble> {
    if path.exists() {
        let cure = "name a new file; `medgate keys rotate` puts a new key in the place of an old one";
        return Err(trouble(path, "exists already", cure));
    }
    if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
        let cure = format!("use {PASSPHRASE_CHARS_MIN} characters or more");
        return Err(trouble(path, "the passphrase is too short", &cure));
    }
    let text =
        key.to_encrypted_pem(passphrase.as_bytes()).map_err(|error| trouble(path, &error.to_string(), "try again"))?;
    place(path, &text)
}

/// Reads a private key in any of the forms that platforms and programs hand out: PEM, or Base64 or hex of 32 or 33 bytes.
///
/// # Errors
/// When it is none of them, or the passphrase does not open it.
pub fn read_any(place: &str, text: &str, passphrase: Option<&str>) -> Result<SoftKey, Trouble> {
    let read = if pem::is_encrypted(text) {
        SoftKey::from_encrypted_pem(text, passphrase.unwrap_or_default().as_bytes())
    } else if text.contains("-----BEGIN") {
        SoftKey::from_plain_pem(text)
    } else {
        SoftKey::parse(text)
    };
    read.map_err(|error| key_trouble(place, error))
}

/// Puts a new key in the place of the old one, which stays beside it under the date. Gives the new public key and the old file.
///
/// # Errors
/// When the old key does not open under the passphrase, or a file cannot be written.
pub fn rotate(path: &Path, passphrase: &Zeroizing<String>, date: &str) -> Result<([u8; 64], PathBuf), Trouble> {
    let name = path.display().to_string();
    let text = Sources::default().private(&name)?;
    SoftKey::from_encrypted_pem(&text, passphrase.as_bytes()).map_err(|error| key_trouble(&name, error))?;
    let old = PathBuf::from(format!("{name}.{date}"));
    if old.exists() {
        return Err(trouble(
            &old,
            "exists already: the key was rotated today",
            "rotate tomorrow, or move it away first",
        ));
    }
    let new = SoftKey::generate().map_err(|error| trouble(path, &error.to_string(), "try again"))?;
    let encrypted =
        new.to_encrypted_pem(passphrase.as_bytes()).map_err(|error| trouble(path, &error.to_string(), "try again"))?;
    // The old key is safe under its new name before anything stands in its place.
    place(&old, &text)?;
    place(path, &encrypted)?;
    Ok((new.public(), old))
}

/// Writes a file for its owner only, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn place(path: &Path, text: &str) -> Result<(), Trouble> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| trouble(path, "is no file name", "name a file"))?;
    private_file::place(dir, name, text.as_bytes()).map_err(|error| {
        let cure = match error.kind() {
            ErrorKind::NotFound => "make the folder first: mkdir -m 700",
            _ => "name a folder that you may write",
        };
        trouble(path, &format!("cannot be written: {}", error.kind()), cure)
    })
}

fn trouble(path: &Path, what: &str, cure: &str) -> Trouble {
    Trouble::new(path.display().to_string(), what, cure)
}
