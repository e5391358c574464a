//! A body file held to what its record says of it, without a key.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sm3::{Digest, Sm3};

use crate::journal::BODIES;
use crate::journal::composite::StoredBody;
use crate::journal::facts::Facts;

const READ_BYTES: usize = 1024 * 1024;

/// Checks length and digest of a body file of a data folder; gives what it comes to.
///
/// # Errors
/// What is wrong, with the file's name.
pub fn check_body(data: &Path, body: &StoredBody) -> Result<Sums, String> {
    let shown = format!("{BODIES}/{}", body.name);
    if body.name.is_empty() || body.name.contains(['/', '\0']) || body.name.starts_with('.') {
        return Err("it names no body file".to_owned());
    }
    let sums = match File::open(data.join(&shown)).and_then(|mut file| sums_of(&mut file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(format!("its body {shown} is missing")),
        read => read.map_err(|error| format!("its body {shown} cannot be read: {error}"))?,
    };
    match (sums.len == body.stored_len, sums.digest == body.digest) {
        (true, true) => Ok(sums),
        (false, _) => Err(format!("its body {shown} has {} bytes instead of {}", sums.len, body.stored_len)),
        (true, false) => Err(format!("its body {shown} is not what was written")),
    }
}

/// The body files that records name: each once, in the order of their first naming.
#[derive(Debug, Default)]
pub(super) struct Named {
    all: Vec<StoredBody>,
    names: BTreeSet<String>,
}

impl Named {
    /// Takes those of one record.
    pub(super) fn take(&mut self, facts: &Facts) {
        for body in StoredBody::all(facts) {
            if self.names.insert(body.name.clone()) {
                self.all.push(body);
            }
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> &[StoredBody] {
        &self.all
    }
}

/// What bytes come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// How many.
    pub len: u64,
    /// SM3 over them.
    pub digest: [u8; 32],
    /// CRC-32 over them.
    pub crc: u32,
}

/// Reads to the end.
///
/// # Errors
/// What the machine says.
pub fn sums_of(from: &mut dyn Read) -> io::Result<Sums> {
    let (mut digest, mut crc, mut len) = (Sm3::new(), crc32fast::Hasher::new(), 0);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(Sums { len, digest: digest.finalize().into(), crc: crc.finalize() }),
            read => {
                digest.update(&buffer[..read]);
                crc.update(&buffer[..read]);
                len += read as u64;
            }
        }
    }
}
