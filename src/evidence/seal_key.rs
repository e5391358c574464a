//! The journal's own SM2 key: made at the first start, its private half in the keys folder, its public half beside the journal.

use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::journal::KEYS;
use crate::journal::private_file;
use crate::signing::pem;
use crate::signing::sm2::{KeyError, Signer, SoftKey};

/// The private half, in the keys folder.
const PRIVATE: &str = "seal.pem";
/// The public half, in the data folder: for whoever verifies, to be compared with the one he was given at first.
pub const PUBLIC: &str = "seal.pub";

/// Reads the key of a data folder; makes it when there is none.
///
/// # Errors
/// When it cannot be read, made or stored. The message names the file.
pub fn open(data: &Path) -> Result<SoftKey, SealKeyError> {
    let keys = data.join(KEYS);
    let path = keys.join(PRIVATE);
    let io = |path: &Path| {
        let path = path.to_owned();
        |source| SealKeyError::Io { path, source }
    };
    let bad = |source| SealKeyError::Key { path: path.clone(), source };
    let key = match std::fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(text) => SoftKey::from_plain_pem(&text).map_err(bad)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = SoftKey::generate().map_err(bad)?;
            let text = key.to_plain_pem().map_err(bad)?;
            private_file::private_dir(&keys).map_err(io(&keys))?;
            private_file::place(&keys, PRIVATE, text.as_bytes()).map_err(io(&path))?;
            key
        }
        Err(error) => return Err(io(&path)(error)),
    };
    let public = pem::of_public(&key.public()).map_err(bad)?;
    let shown = data.join(PUBLIC);
    if std::fs::read_to_string(&shown).ok().as_ref() != Some(&public) {
        std::fs::write(&shown, public).map_err(io(&shown))?;
    }
    Ok(key)
}

/// Why nothing can be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealKeyError {
    /// The file.
    #[error("{path} cannot be read or made; give the gateway's user the right to it")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the machine said.
        source: io::Error,
    },
    /// What stands in it.
    #[error("{path} is not the key that seals this journal; restore the keys folder from its backup")]
    Key {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: KeyError,
    },
}
