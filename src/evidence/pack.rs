//! Evidence to be carried away: one zip with records as they are stored, their way up to a signed checkpoint, and, where the
//! keys were at hand, what they say in clear. It is checked with nothing but the public key, on any machine.
//!
//! | name in the zip | what it is | what proves it |
//! |---|---|---|
//! | `checkpoint.txt` | the signed checkpoint | its signature |
//! | `proofs.json` | chain value before, and audit path, of each record | the checkpoint's root |
//! | `records/NUMBER.record` | a record as it is stored | its path |
//! | `plain/NUMBER.sealed` | its sealed part in clear, salt first | the commitment in its header |
//! | `bodies/NAME` | a body file as it is stored | the digest in its record |
//! | everything else | pages and words for people | the seal of the whole pack |
//!
//! The archive's comment is the seal: SM2 over every byte before it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::journal::tree::Hash;
use crate::signing::digest::DEFAULT_USER_ID;
use crate::signing::sm2::{self, SignError, Signer, Verifier};

use super::bodies::sums_of;

/// Words before the seal, and the seal in Base64: the whole comment has always this length.
pub(super) const COMMENT_FRONT: &str = "medgate-pack/1 ";
const SEAL_BASE64: usize = 88;
/// Length of the comment.
pub(super) const COMMENT_LEN: usize = COMMENT_FRONT.len() + SEAL_BASE64;
pub(super) const CHECKPOINT: &str = "checkpoint.txt";
pub(super) const PROOFS: &str = "proofs.json";
pub(super) const RECORDS: &str = "records/";
pub(super) const PLAIN: &str = "plain/";
pub(super) const BODIES: &str = "bodies/";

/// How one record is proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Number of the record.
    pub record: u64,
    /// Chain value of the record before, hexadecimal.
    pub prev_chain: String,
    /// Audit path, lowest sibling first, hexadecimal.
    pub path: Vec<String>,
}

impl Proof {
    /// The proof of a record.
    pub fn new(record: u64, prev_chain: &[u8; 32], path: &[Hash]) -> Proof {
        Proof { record, prev_chain: hex::encode(prev_chain), path: path.iter().map(hex::encode).collect() }
    }
}

/// What goes into a pack, by name.
#[derive(Debug, Default)]
pub struct Contents(BTreeMap<String, Vec<u8>>);

impl Contents {
    /// With the checkpoint that everything leads to, and how.
    ///
    /// # Errors
    /// When the proofs cannot be written as JSON.
    pub fn new(checkpoint: &str, proofs: &[Proof]) -> Result<Contents, serde_json::Error> {
        let mut contents = Contents::default();
        contents.0.insert(CHECKPOINT.to_owned(), checkpoint.as_bytes().to_vec());
        contents.0.insert(PROOFS.to_owned(), serde_json::to_vec_pretty(proofs)?);
        Ok(contents)
    }

    /// A record as it is stored.
    pub fn record(&mut self, seq: u64, frame: Vec<u8>) {
        self.0.insert(format!("{RECORDS}{seq:012}.record"), frame);
    }

    /// The sealed part of a record in clear, its salt first.
    pub fn plain(&mut self, seq: u64, plain: Vec<u8>) {
        self.0.insert(format!("{PLAIN}{seq:012}.sealed"), plain);
    }

    /// A body file as it is stored.
    pub fn body(&mut self, name: &str, stored: Vec<u8>) {
        self.0.insert(format!("{BODIES}{name}"), stored);
    }

    /// A page or words for people.
    pub fn page(&mut self, name: &str, text: String) {
        self.0.insert(name.to_owned(), text.into_bytes());
    }

    /// Writes the pack and seals it. Equal contents make equal bytes, except for the seal.
    ///
    /// # Errors
    /// When the file is there already, cannot be written, or the key cannot sign.
    pub fn write(&self, path: &Path, signer: &dyn Signer) -> Result<(), PackError> {
        // Only its owner may read it: it holds what a patient told a hospital.
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        let mut zip = ZipWriter::new(file);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o600);
        for (name, bytes) in &self.0 {
            zip.start_file(name, options)?;
            zip.write_all(bytes)?;
        }
        zip.set_comment(format!("{COMMENT_FRONT}{}", "=".repeat(SEAL_BASE64)))?;
        let mut file = zip.finish()?;
        let end = file.seek(SeekFrom::End(0))? - SEAL_BASE64 as u64;
        let seal = sm2::sign(signer, DEFAULT_USER_ID, &digest_of_front(&mut file, end)?)?;
        file.seek(SeekFrom::Start(end))?;
        file.write_all(BASE64.encode(seal).as_bytes())?;
        Ok(file.sync_all()?)
    }
}

/// SM3 over the first `end` bytes.
fn digest_of_front(file: &mut File, end: u64) -> io::Result<[u8; 32]> {
    file.seek(SeekFrom::Start(0))?;
    let sums = sums_of(&mut file.take(end))?;
    if sums.len == end { Ok(sums.digest) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// True when one of the keys sealed the file, to its last byte.
///
/// # Errors
/// When it cannot be read.
pub(super) fn is_sealed(file: &mut File, keys: &[Verifier]) -> io::Result<bool> {
    let len = file.seek(SeekFrom::End(0))?;
    let Some(end) = len.checked_sub(SEAL_BASE64 as u64) else { return Ok(false) };
    let mut text = [0; SEAL_BASE64];
    file.seek(SeekFrom::Start(end))?;
    file.read_exact(&mut text)?;
    let seal = BASE64.decode(text).ok().filter(|seal| BASE64.encode(seal).as_bytes() == text);
    let Some(seal) = seal.filter(|seal| seal.len() == 64) else { return Ok(false) };
    let digest = digest_of_front(file, end)?;
    Ok(keys.iter().any(|key| key.verifies(DEFAULT_USER_ID, &digest, &seal)))
}

/// Why there is no pack.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The file.
    #[error("the pack cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The archive.
    #[error("the pack cannot be written: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The key.
    #[error("the pack cannot be sealed: {0}")]
    Sign(#[from] SignError),
}
