//! The master key of the journal's keys: read from where `[journal] master_key` says, made, and put in the place of another.

use std::error::Error;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::journal::entropy::SystemEntropy;
use crate::journal::key_folder::wrap_clear;
use crate::journal::master::{self, Master};
use crate::journal::pool_key::{UnlockError, wrap_by};
use crate::journal::wrapping::KeyId;

use super::source::{Sources, Trouble};
use super::store;

/// What a master key beside the data means.
pub const BESIDE_REMARK: &str = "the master key lies in the data folder (keys/master.key): whoever copies the folder can read every exchange; 主密钥与数据放在一起";
/// And what to do about it.
pub const BESIDE_CURE: &str = "move keys/master.key to a place that backups of the data folder do not take along, and name it in journal.master_key";

/// The master key that the setting names; empty for the one beside the keys.
///
/// # Errors
/// When its file is not there, others may read it, or it holds neither a key nor a passphrase.
pub fn read(setting: &str, sources: &Sources) -> Result<Master, Trouble> {
    if setting.is_empty() {
        return Ok(Master::Beside);
    }
    let text = sources.secret(setting)?;
    let cure = "name a file that `medgate keys master new` made, or one with a passphrase";
    Master::parse(&text).map_err(|error| Trouble::new(setting, error.to_string(), cure))
}

/// Makes a new master key in a file of its own.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn new(path: &Path) -> Result<(), Trouble> {
    if path.exists() {
        let cure = "name a new file; `medgate keys master rotate` puts a new key in the place of an old one";
        return Err(Trouble::new(path.display().to_string(), "exists already", cure));
    }
    store::place(path, &new_text(path)?)
}

/// Whose place the new master key takes.
pub enum Change<'a> {
    /// A new random key takes the place of the one in this file, which stays beside it under the date.
    InPlace {
        /// The file of the old one.
        file: &'a Path,
        /// `yyyy-mm-dd`
        date: &'a str,
    },
    /// This one takes its place; the setting is changed by hand.
    By(Master),
}

/// Wraps the pool key of a keys folder by a new master key and no other, and whatever still stands in the clear by the pool
/// key. Gives the id of the new master key, and the file that the old one stands in now.
///
/// After a crash the old master key opens the folder, or the new one, or both; run again, it comes to its end.
///
/// # Errors
/// When the old one does not open the folder, or a file cannot be written.
pub fn rotate(keys: &Path, old: &Master, change: Change<'_>) -> Result<(KeyId, Option<PathBuf>), RotateError> {
    let entropy = SystemEntropy;
    let (new, kept) = match change {
        Change::By(new) => (new, None),
        Change::InPlace { file, date } => {
            let text = new_text(file)?;
            let kept = free_name(file, date);
            let new = Master::parse(text.trim_end()).map_err(|error| trouble(file, &error))?;
            let before = Sources::default().private(&file.display().to_string())?;
            // Both open the folder until the file holds the new one.
            wrap_by(keys, old, &[&new, old], &entropy)?;
            store::place(&kept, &before)?;
            store::place(file, &text)?;
            (new, Some(kept))
        }
    };
    let ids = match kept {
        Some(_) => wrap_by(keys, &new, &[&new], &entropy)?,
        None => wrap_by(keys, old, &[&new], &entropy)?,
    };
    wrap_clear(keys, &new, &entropy)?;
    Ok((ids[0], kept))
}

fn new_text(path: &Path) -> Result<Zeroizing<String>, Trouble> {
    master::new_text(&SystemEntropy).map_err(|error| trouble(path, &error))
}

fn trouble(path: &Path, error: &dyn Error) -> Trouble {
    Trouble::new(path.display().to_string(), error.to_string(), "try again")
}

/// `FILE.2026-11-22`, or `FILE.2026-11-22.2` when there was a rotation that day.
fn free_name(file: &Path, date: &str) -> PathBuf {
    let dated = format!("{}.{date}", file.display());
    let names = std::iter::once(dated.clone()).chain((2..).map(|copy| format!("{dated}.{copy}")));
    names.map(PathBuf::from).find(|path| !path.exists()).unwrap_or_else(|| PathBuf::from(dated))
}

/// The file of the master key in force, where it is one that can be replaced: not a passphrase, which people know, nor a
/// credential, which systemd keeps.
pub fn file_of(setting: &str, keys: &Path, in_force: &Master) -> Option<PathBuf> {
    match in_force {
        Master::Beside => Some(keys.join(master::BESIDE)),
        Master::Key(_) if setting.starts_with('/') => Some(PathBuf::from(setting)),
        Master::Key(_) | Master::Passphrase(_) => None,
    }
}

/// Why a rotation did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The keys folder.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The file of a master key.
    #[error(transparent)]
    File(#[from] Trouble),
}
