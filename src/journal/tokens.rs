//! Tokens under the index secret: what stands outside the sealed part for a person, a key, a number to be found again.

use std::fs;
use std::io;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sm3::Sm3;
use zeroize::Zeroizing;

use crate::domain::token::Token;

use super::entropy::Entropy;
use super::private_file;

/// Domain of 发送方报文ID: `Tokens::of(MSGID, msgid)`.
pub const MSGID: &str = "msgid";

/// Name of the file inside the keys folder.
const FILE: &str = "index.secret";
/// magic 4 ‖ version 1 ‖ zero 3 ‖ secret 32 ‖ crc32c of all before, 4.
const FILE_LEN: usize = 44;
const MAGIC: [u8; 8] = *b"MGS1\x01\0\0\0";
const SECRET_LEN: usize = 32;

/// Makes tokens: HMAC-SM3 under the index secret, cut to 16 bytes. Cheap; shared by reference.
#[derive(Clone)]
pub struct Tokens {
    keyed: Hmac<Sm3>,
}

impl Tokens {
    /// Reads the secret of the keys folder; at the first start makes it.
    ///
    /// `first_start` says that the journal holds no record yet. Later a missing secret must stop the start: with a new one no
    /// earlier business key would be found again, and a repeat would be performed twice.
    ///
    /// # Errors
    /// When the secret is missing after the first start, or damaged, or cannot be read or made.
    pub fn open(keys: &Path, first_start: bool, entropy: &dyn Entropy) -> Result<Tokens, SecretError> {
        private_file::private_dir(keys)?;
        let bytes = match fs::read(keys.join(FILE)) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound && first_start => make(keys, entropy)?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Err(SecretError::Missing),
            Err(cause) => return Err(cause.into()),
        };
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(SecretError::Damaged)?;
        let secret =
            body.strip_prefix(&MAGIC).filter(|secret| secret.len() == SECRET_LEN).ok_or(SecretError::Damaged)?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return Err(SecretError::Damaged);
        }
        Ok(Tokens { keyed: Hmac::new_from_slice(secret).expect("HMAC takes a key of any length") })
    }

    /// The token of `text` in `domain`; equal texts of different domains have different tokens.
    pub fn of(&self, domain: &str, text: &str) -> Token {
        let mut mac = self.keyed.clone();
        mac.update(domain.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        let full = mac.finalize().into_bytes();
        let mut token = Token::NONE;
        token.0.copy_from_slice(&full[..16]);
        token
    }

    /// Tells one secret from another; may stand in the clear. A journal that names another one has lost its keys folder.
    pub fn identity(&self) -> Token {
        self.of("index secret", "")
    }
}

fn make(keys: &Path, entropy: &dyn Entropy) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_LEN));
    bytes.extend_from_slice(&MAGIC);
    bytes.resize(MAGIC.len() + SECRET_LEN, 0);
    entropy.fill(&mut bytes[MAGIC.len()..])?;
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    private_file::place(keys, FILE, &bytes)?;
    Ok(bytes)
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The journal has records, but the secret that finds them is gone.
    #[error("index.secret is missing beside a journal that has records; restore the keys folder from its backup")]
    Missing,
    /// The file is not what was written.
    #[error("index.secret is damaged; restore the keys folder from its backup")]
    Damaged,
    /// The folder or file cannot be used.
    #[error("index.secret cannot be read or made")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entropy::{SeededEntropy, SystemEntropy};

    #[test]
    fn tokens_outlive_a_restart_and_tell_domains_apart() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        assert!(matches!(Tokens::open(&keys, false, &SystemEntropy), Err(SecretError::Missing)));
        let first = Tokens::open(&keys, true, &SystemEntropy).unwrap();
        let again = Tokens::open(&keys, false, &SystemEntropy).unwrap();
        assert_eq!(first.of("msgid", "H1"), again.of("msgid", "H1"));
        assert_eq!(first.identity(), again.identity());
        assert_ne!(first.of("msgid", "H1"), first.of("person", "H1"));
        assert_ne!(first.of("a", "bc"), first.of("ab", "c"));
    }

    #[test]
    fn a_damaged_secret_is_never_used() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        Tokens::open(&keys, true, &SeededEntropy::new(1)).map(drop).unwrap();
        let good = fs::read(keys.join(FILE)).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(keys.join(FILE), &bad).unwrap();
            assert!(matches!(Tokens::open(&keys, true, &SystemEntropy), Err(SecretError::Damaged)), "byte {at}");
        }
        fs::write(keys.join(FILE), &good[..20]).unwrap();
        assert!(matches!(Tokens::open(&keys, true, &SystemEntropy), Err(SecretError::Damaged)));
    }

    #[test]
    fn a_token_is_the_front_of_hmac_sm3() {
        // HMAC by its definition, from the digest alone.
        use sm3::Digest;
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        let tokens = Tokens::open(&keys, true, &SeededEntropy::new(7)).unwrap();
        let file = fs::read(keys.join(FILE)).unwrap();
        let pad = |with: u8| {
            let mut block = [with; 64];
            block.iter_mut().zip(&file[8..40]).for_each(|(byte, secret)| *byte ^= secret);
            block
        };
        let inner = Sm3::digest([&pad(0x36)[..], b"msgid\0H1"].concat());
        let outer = Sm3::digest([&pad(0x5c)[..], &inner[..]].concat());
        assert_eq!(tokens.of("msgid", "H1").0, outer[..16]);
    }
}
