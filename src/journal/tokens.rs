//! Tokens under the index secret: what stands outside the sealed part for a person, a key, a number to be found again.

use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sm3::Sm3;
use zeroize::Zeroizing;

use crate::domain::token::Token;

use super::entropy::Entropy;
use super::pool_key::PoolKey;
use super::secret_file;

pub use super::secret_file::SecretError;

/// Domain of 发送方报文ID: `Tokens::of(MSGID, msgid)`.
pub const MSGID: &str = "msgid";
/// Domain of 就诊ID where the key slots of a visit are looked for, whatever institution called.
pub const VISIT_SLOTS: &str = "visit slots";

/// Name of the file inside the keys folder.
pub const FILE: &str = "index.secret";
const SECRET_LEN: usize = 32;

/// Makes tokens: HMAC-SM3 under the index secret, cut to 16 bytes. Cheap; shared by reference.
#[derive(Clone)]
pub struct Tokens {
    keyed: Hmac<Sm3>,
}

impl Tokens {
    /// Reads the secret of the keys folder; at the first start makes it. One that stands in the clear, as it did before keys
    /// were wrapped, is wrapped.
    ///
    /// `first_start` says that the journal holds no record yet. Later a missing secret must stop the start: with a new one no
    /// earlier business key would be found again, and a repeat would be performed twice.
    ///
    /// # Errors
    /// When the secret is missing after the first start, or damaged, or cannot be read or made.
    pub fn open(keys: &Path, first_start: bool, pool: &PoolKey, entropy: &dyn Entropy) -> Result<Tokens, SecretError> {
        let io = |source| SecretError::Io { name: FILE, source };
        let kept = secret_file::read(keys, FILE, Some(pool))?;
        if let Some(kept) = &kept {
            let tokens = Tokens::of_secret(&kept.secret)?;
            if kept.clear {
                secret_file::place(keys, FILE, &kept.secret, pool, entropy).map_err(io)?;
            }
            return Ok(tokens);
        }
        if !first_start {
            return Err(SecretError::Missing { name: FILE });
        }
        let mut secret = Zeroizing::new([0; SECRET_LEN]);
        entropy.fill(secret.as_mut_slice()).map_err(io)?;
        secret_file::place(keys, FILE, secret.as_slice(), pool, entropy).map_err(io)?;
        Tokens::of_secret(secret.as_slice())
    }

    /// Reads the secret and changes nothing; for tools. `pool` is none for a folder that was written before keys were wrapped.
    ///
    /// # Errors
    /// When it is missing, damaged or cannot be read.
    pub fn read(keys: &Path, pool: Option<&PoolKey>) -> Result<Tokens, SecretError> {
        let kept = secret_file::read(keys, FILE, pool)?.ok_or(SecretError::Missing { name: FILE })?;
        Tokens::of_secret(&kept.secret)
    }

    fn of_secret(secret: &[u8]) -> Result<Tokens, SecretError> {
        match secret.len() {
            SECRET_LEN => Ok(Tokens { keyed: Hmac::new_from_slice(secret).expect("HMAC takes a key of any length") }),
            _ => Err(SecretError::Damaged { name: FILE }),
        }
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::journal::entropy::{SeededEntropy, SystemEntropy};
    use crate::journal::private_file;

    #[test]
    fn tokens_outlive_a_restart_and_tell_domains_apart() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, pool) = (dir.path(), PoolKey::for_tests(1));
        assert!(matches!(Tokens::open(keys, false, &pool, &SystemEntropy), Err(SecretError::Missing { .. })));
        let first = Tokens::open(keys, true, &pool, &SystemEntropy).unwrap();
        let again = Tokens::open(keys, false, &pool, &SystemEntropy).unwrap();
        assert_eq!(first.of("msgid", "H1"), again.of("msgid", "H1"));
        assert_eq!(first.identity(), again.identity());
        assert_eq!(first.identity(), Tokens::read(keys, Some(&pool)).unwrap().identity());
        assert_ne!(first.of("msgid", "H1"), first.of("person", "H1"));
        assert_ne!(first.of("a", "bc"), first.of("ab", "c"));
    }

    /// The file as it was before keys were wrapped.
    fn clear(secret: &[u8; 32]) -> Vec<u8> {
        let mut bytes = [b"MGS1\x01\0\0\0".as_slice(), secret].concat();
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    #[test]
    fn a_secret_in_the_clear_is_read_and_wrapped_by_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, pool) = (dir.path(), PoolKey::for_tests(1));
        private_file::place(keys, FILE, &clear(&[5; 32])).unwrap();
        let before = Tokens::read(keys, None).unwrap().identity();
        assert_eq!(secret_file::is_wrapped(keys, FILE).unwrap(), Some(false), "a tool changes nothing");
        assert_eq!(Tokens::open(keys, false, &pool, &SystemEntropy).unwrap().identity(), before);
        assert_eq!(secret_file::is_wrapped(keys, FILE).unwrap(), Some(true));
        assert!(!fs::read(keys.join(FILE)).unwrap().windows(4).any(|window| window == [5; 4]));
        assert_eq!(Tokens::open(keys, false, &pool, &SystemEntropy).unwrap().identity(), before);
    }

    #[test]
    fn a_token_is_the_front_of_hmac_sm3() {
        // HMAC by its definition, from the digest alone.
        use sm3::Digest;
        let dir = tempfile::tempdir().unwrap();
        let (keys, pool) = (dir.path(), PoolKey::for_tests(1));
        let tokens = Tokens::open(keys, true, &pool, &SeededEntropy::new(7)).unwrap();
        let secret = secret_file::read(keys, FILE, Some(&pool)).unwrap().unwrap().secret;
        let pad = |with: u8| {
            let mut block = [with; 64];
            block.iter_mut().zip(&secret[..]).for_each(|(byte, secret)| *byte ^= secret);
            block
        };
        let inner = Sm3::digest([&pad(0x36)[..], b"msgid\0H1"].concat());
        let outer = Sm3::digest([&pad(0x5c)[..], &inner[..]].concat());
        assert_eq!(tokens.of("msgid", "H1").0, outer[..16]);
    }
}
