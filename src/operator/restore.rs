//! A backup laid into an empty data folder, every file held to the list that was made with it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::evidence::seal_key;
use crate::journal::recovery::QUARANTINE;
use crate::journal::{BODIES, KEYS, segment};

use super::backup::{Filed, MANIFEST, Manifest, names_in, private_dir, write_whole};

/// What was laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the backup says of itself; its list is what was found where it has none.
    pub manifest: Manifest,
    /// Files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Copies a backup to `data`, which must be empty or absent. A backup that was never finished has no list: with `unfinished`
/// what stands there is taken as it is.
///
/// # Errors
/// When it is not whole, `data` holds something, or a file cannot be read or written.
pub fn restore(from: &Path, data: &Path, unfinished: bool) -> Result<Restored, RestoreError> {
    let manifest = match fs::read_to_string(from.join(MANIFEST)) {
        Ok(text) => Manifest::parse(&text).ok_or_else(|| RestoreError::Manifest(from.join(MANIFEST)))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound && unfinished => found_in(from)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(RestoreError::Unfinished(from.to_owned())),
        Err(error) => return Err(RestoreError::io(&from.join(MANIFEST))(error)),
    };
    private_dir(data).map_err(RestoreError::io(data))?;
    if fs::read_dir(data).map_err(RestoreError::io(data))?.next().is_some() {
        return Err(RestoreError::NotEmpty(data.to_owned()));
    }
    for folder in [BODIES, QUARANTINE, KEYS] {
        private_dir(&data.join(folder)).map_err(RestoreError::io(&data.join(folder)))?;
    }
    let mut restored = Restored { files: 0, bytes: 0, manifest };
    for (name, filed) in &restored.manifest.files {
        if !is_ours(name) {
            return Err(RestoreError::Manifest(from.join(MANIFEST)));
        }
        let path = from.join(name);
        let mut file = File::open(&path).map_err(RestoreError::io(&path))?;
        let sums = write_whole(&mut file, &data.join(name)).map_err(RestoreError::io(&data.join(name)))?;
        let whole = (sums.len, sums.digest) == (filed.len, filed.digest);
        if !whole && filed.digest != UNKNOWN {
            return Err(RestoreError::Changed { file: path, len: sums.len, expected: filed.len });
        }
        restored.files += 1;
        restored.bytes += sums.len;
    }
    Ok(restored)
}

/// Stands for the digest of a file that no list names.
const UNKNOWN: [u8; 32] = [0; 32];

/// True for the names that a backup holds: none leads out of the folder.
fn is_ours(name: &str) -> bool {
    let plain = |rest: &str| !rest.is_empty() && !rest.contains('/') && !rest.starts_with('.');
    let inside = |folder: &str| name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).is_some_and(plain);
    name == seal_key::PUBLIC || [segment::FOLDER, BODIES, QUARANTINE, KEYS].into_iter().any(inside)
}

/// The files that stand in a backup without a list.
fn found_in(from: &Path) -> Result<Manifest, RestoreError> {
    let mut manifest = Manifest::default();
    for folder in ["", segment::FOLDER, BODIES, QUARANTINE, KEYS] {
        let path = from.join(folder);
        for name in names_in(&path).map_err(RestoreError::io(&path))? {
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if is_ours(&name) && !name.ends_with(".part") {
                manifest.files.insert(name, Filed { len: 0, digest: UNKNOWN });
            }
        }
    }
    Ok(manifest)
}

/// Why nothing can be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// No list.
    #[error(
        "{path} holds no {MANIFEST}: it is no backup, or one that was interrupted; run `medgate journal backup` again, or take what \
         stands there with --unfinished. 备份未完成",
        path = .0.display()
    )]
    Unfinished(PathBuf),
    /// The list.
    #[error("{path} is not a list of a backup; take another backup", path = .0.display())]
    Manifest(PathBuf),
    /// A file.
    #[error(
        "{file} is not what was backed up (offset 0: {len} bytes instead of {expected}, or another digest); what was restored so far is \
         not whole; take another backup. 备份文件被改动",
        file = .file.display()
    )]
    Changed {
        /// The file.
        file: PathBuf,
        /// Bytes that it has.
        len: u64,
        /// Bytes that it had.
        expected: u64,
    },
    /// The target.
    #[error("{path} is not empty, and nothing is written over; name a new folder. 目标目录非空", path = .0.display())]
    NotEmpty(PathBuf),
    /// The disk.
    #[error("{file} cannot be read or written, so the restore is not whole: {source}", file = .file.display())]
    Io {
        /// Which.
        file: PathBuf,
        /// What the machine said.
        source: io::Error,
    },
}

impl RestoreError {
    fn io(file: &Path) -> impl Fn(io::Error) -> RestoreError {
        let file = file.to_owned();
        move |source| RestoreError::Io { file: file.clone(), source }
    }
}
