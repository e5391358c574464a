//! A body file held to what its record says of it, without a key.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sm3::{Digest, Sm3};

use crate::journal::BODIES;
use crate::journal::composite::StoredBody;

const READ_BYTES: usize = 1024 * 1024;

/// Checks length and digest of a body file of a data folder.
///
/// # Errors
/// What is wrong, with the file's name.
pub fn check_body(data: &Path, body: &StoredBody) -> Result<(), String> {
    let shown = format!("{BODIES}/{}", body.name);
    if body.name.is_empty() || body.name.contains(['/', '\0']) || body.name.starts_with('.') {
        return Err("it names no body file".to_owned());
    }
    let (len, digest) = match File::open(data.join(&shown)).and_then(digest_of) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(format!("its body {shown} is missing")),
        read => read.map_err(|error| format!("its body {shown} cannot be read: {error}"))?,
    };
    match (len == body.stored_len, digest == body.digest) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("its body {shown} has {len} bytes instead of {}", body.stored_len)),
        (true, false) => Err(format!("its body {shown} is not what was written")),
    }
}

/// Length and SM3 of all that a reader gives.
pub(super) fn digest_of(mut reader: impl Read) -> io::Result<(u64, [u8; 32])> {
    let (mut digest, mut len, mut buffer) = (Sm3::new(), 0, vec![0; READ_BYTES]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok((len, digest.finalize().into())),
            read => {
                digest.update(&buffer[..read]);
                len += read as u64;
            }
        }
    }
}
