//! A small secret of the keys folder in a file of its own, wrapped by the pool key.
//!
//! Little-endian: magic 4, version 1, zero 3; version 1: the secret in the clear, as it was before keys were wrapped; version 2:
//! number of the pool key u32, wrapped secret. Then crc32c over all before. The name of the file is bound to the secret.

use std::fs;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use super::entropy::Entropy;
use super::pool_key::PoolKey;
use super::private_file;

const CLEAR: [u8; 8] = *b"MGS1\x01\0\0\0";
const WRAPPED: [u8; 8] = *b"MGS1\x02\0\0\0";

/// A secret that was read.
pub struct Kept {
    /// The secret.
    pub secret: Zeroizing<Vec<u8>>,
    /// It stands in the clear.
    pub clear: bool,
}

/// Reads a secret; `None` when there is no such file. `pool` is none for a folder that was written before keys were wrapped.
///
/// # Errors
/// When it is damaged, wrapped by another pool key, or cannot be read.
pub fn read(keys: &Path, name: &'static str, pool: Option<&PoolKey>) -> Result<Option<Kept>, SecretError> {
    let bytes = match fs::read(keys.join(name)) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SecretError::Io { name, source }),
    };
    let damaged = || SecretError::Damaged { name };
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
    if crc32c::crc32c(body).to_le_bytes() != *crc {
        return Err(damaged());
    }
    if let Some(secret) = body.strip_prefix(&CLEAR) {
        return Ok(Some(Kept { secret: Zeroizing::new(secret.to_vec()), clear: true }));
    }
    let (number, wrapped) = body.strip_prefix(&WRAPPED).and_then(<[u8]>::split_first_chunk::<4>).ok_or_else(damaged)?;
    let pool = pool.filter(|pool| pool.number.to_le_bytes() == *number).ok_or(SecretError::Foreign { name })?;
    let secret = pool.unwrap(name.as_bytes(), wrapped).ok_or_else(damaged)?;
    Ok(Some(Kept { secret, clear: false }))
}

/// Whether a secret is wrapped, so that a pool key must be there too; `None` when there is no such file.
///
/// # Errors
/// When it cannot be read.
pub fn is_wrapped(keys: &Path, name: &'static str) -> Result<Option<bool>, SecretError> {
    match fs::read(keys.join(name)).map(Zeroizing::new) {
        Ok(bytes) => Ok(Some(bytes.starts_with(&WRAPPED))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SecretError::Io { name, source }),
    }
}

/// Puts a secret in place, wrapped; what stood there before is replaced whole.
///
/// # Errors
/// When the machine gives no randomness or the disk refuses.
pub fn place(keys: &Path, name: &str, secret: &[u8], pool: &PoolKey, entropy: &dyn Entropy) -> io::Result<()> {
    let wrapped = pool.wrap(name.as_bytes(), secret, entropy)?;
    let mut bytes = [&WRAPPED[..], &pool.number.to_le_bytes(), &wrapped].concat();
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    private_file::place(keys, name, &bytes)
}

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The journal has records that need it.
    #[error("keys/{name} is missing beside a journal that has records; restore the keys folder from its backup")]
    Missing {
        /// The file.
        name: &'static str,
    },
    /// The file is not what was written.
    #[error("keys/{name} is damaged; restore the keys folder from its backup")]
    Damaged {
        /// The file.
        name: &'static str,
    },
    /// Wrapped by a pool key that is not the one of this folder.
    #[error("keys/{name} is wrapped by a pool key that is not here; restore the whole keys folder from one backup")]
    Foreign {
        /// The file.
        name: &'static str,
    },
    /// The folder or file cannot be used.
    #[error("keys/{name} cannot be read or made")]
    Io {
        /// The file.
        name: &'static str,
        /// What the disk said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entropy::SystemEntropy;

    #[test]
    fn a_secret_opens_under_its_name_and_its_pool_key() {
        let dir = tempfile::tempdir().unwrap();
        let (pool, other) = (PoolKey::for_tests(1), PoolKey::for_tests(2));
        let read = |name, pool: Option<&PoolKey>| read(dir.path(), name, pool);
        assert!(read("a", Some(&pool)).unwrap().is_none() && is_wrapped(dir.path(), "a").unwrap().is_none());
        place(dir.path(), "a", b"secret", &pool, &SystemEntropy).unwrap();
        let kept = read("a", Some(&pool)).unwrap().unwrap();
        assert!(
            kept.secret.as_slice() == b"secret" && !kept.clear && is_wrapped(dir.path(), "a").unwrap() == Some(true)
        );
        assert!(matches!(read("a", Some(&other)), Err(SecretError::Foreign { .. })));
        assert!(matches!(read("a", None), Err(SecretError::Foreign { .. })));
        let bytes = fs::read(dir.path().join("a")).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
        fs::write(dir.path().join("b"), &bytes).unwrap();
        assert!(matches!(read("b", Some(&pool)), Err(SecretError::Damaged { .. })), "under another name");
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            fs::write(dir.path().join("a"), bad).unwrap();
            assert!(matches!(read("a", Some(&pool)), Err(SecretError::Damaged { .. })), "byte {at}");
        }
    }
}
