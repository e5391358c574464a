//! The journal's own SM2 key: made at the first start, its private half wrapped in the keys folder, its public half beside the
//! journal.

use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::journal::entropy::SystemEntropy;
use crate::journal::key_folder::{KeyFolder, TokensError};
use crate::journal::secret_file::{self, SecretError};
use crate::journal::{Journal, KEYS};
use crate::signing::pem;
use crate::signing::sm2::{KeyError, Signer, SoftKey};

/// The private half, in the keys folder.
const PRIVATE: &str = "seal.secret";
/// The public half, in the data folder: for whoever verifies, to be compared with the one he was given at first.
pub const PUBLIC: &str = "seal.pub";

/// Reads the key of an open journal; makes it when there is none.
///
/// # Errors
/// When it cannot be read, made or stored. The message names the file.
pub fn open(data: &Path, journal: &Journal) -> Result<SoftKey, SealKeyError> {
    let (keys, pool) = (data.join(KEYS), journal.keys().pool_key());
    let key = match secret_file::read(&keys, PRIVATE, Some(pool))? {
        Some(kept) => of_secret(&kept.secret)?,
        None => {
            let key = SoftKey::generate()?;
            let text = key.to_plain_pem()?;
            let placed = secret_file::place(&keys, PRIVATE, text.as_bytes(), pool, &SystemEntropy);
            placed.map_err(|source| SealKeyError::Io { path: keys.join(PRIVATE), source })?;
            tracing::info!(
                public = hex::encode(key.public()),
                "a key that seals the journal was made; give seal.pub to whoever will verify"
            );
            key
        }
    };
    let public = pem::of_public(&key.public())?;
    let shown = data.join(PUBLIC);
    if std::fs::read_to_string(&shown).ok().as_ref() != Some(&public) {
        std::fs::write(&shown, public).map_err(|source| SealKeyError::Io { path: shown, source })?;
    }
    Ok(key)
}

/// Reads the key for a tool that stands beside the gateway.
///
/// # Errors
/// When there is none, or it cannot be opened.
pub fn read(keys: &KeyFolder) -> Result<SoftKey, SealKeyError> {
    let secret = keys.secret(PRIVATE)?.ok_or(SecretError::Missing { name: PRIVATE })?;
    of_secret(&secret)
}

fn of_secret(secret: &Zeroizing<Vec<u8>>) -> Result<SoftKey, SealKeyError> {
    let text = std::str::from_utf8(secret).map_err(|_| SecretError::Damaged { name: PRIVATE })?;
    Ok(SoftKey::from_plain_pem(text)?)
}

/// Why nothing can be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealKeyError {
    /// The file of the private half.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The folder of keys.
    #[error(transparent)]
    Folder(#[from] TokensError),
    /// A file.
    #[error("{path} cannot be made; give the gateway's user the right to it")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the machine said.
        source: io::Error,
    },
    /// What stands in it.
    #[error("keys/seal.secret is not the key that seals this journal; restore the keys folder from its backup")]
    Key(#[from] KeyError),
}
