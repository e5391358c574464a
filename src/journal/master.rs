//! The master key: what the pool key is wrapped by, and so the one secret that opens a keys folder.
//!
//! Where it comes from is the caller's affair (`keys/master.rs`); without a word it lies beside the keys it wraps, which
//! protects nothing yet, but makes keeping it elsewhere one step.

use std::fmt;
use std::io;

use scrypt::Params;
use zeroize::Zeroizing;

use super::entropy::Entropy;
use super::keys::SlotKey;
use super::wrapping::WrappingKey;

/// Name of the file inside the keys folder that holds the master key when nobody names another place.
pub const BESIDE: &str = "master.key";
/// Shortest passphrase. Unlike a random key it can be guessed, so the shortest one must be worth the guessing.
pub const PASSPHRASE_CHARS_MIN: usize = 12;
/// Begins the text of a random key.
const KEY_TEXT: &str = "medgate-master-1:";
const KEY_LEN: usize = 16;

/// A master key, as it was found.
#[derive(Clone)]
pub enum Master {
    /// In `keys/master.key`, made at the first start.
    Beside,
    /// A random key.
    Key(Zeroizing<[u8; KEY_LEN]>),
    /// Words; the key is made of them by scrypt.
    Passphrase(Zeroizing<String>),
}

impl Master {
    /// Reads the text of a key, as [`new_text`] made it; any other text is a passphrase.
    ///
    /// # Errors
    /// When a key is cut or a passphrase too short.
    pub fn parse(text: &str) -> Result<Master, NoMaster> {
        let Some(digits) = text.strip_prefix(KEY_TEXT) else {
            let long_enough = PASSPHRASE_CHARS_MIN <= text.chars().count();
            let passphrase = || Master::Passphrase(Zeroizing::new(text.to_owned()));
            return if long_enough { Ok(passphrase()) } else { Err(NoMaster::Short) };
        };
        let mut key = Zeroizing::new([0; KEY_LEN]);
        hex::decode_to_slice(digits, key.as_mut_slice()).map_err(|_| NoMaster::Cut)?;
        Ok(Master::Key(key))
    }

    /// `a key` or `a passphrase`.
    pub fn form(&self) -> &'static str {
        match self {
            Master::Beside | Master::Key(_) => "a key",
            Master::Passphrase(_) => "a passphrase",
        }
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Master({})", self.form())
    }
}

/// The text of a new random key, one line.
///
/// # Errors
/// When the machine gives no randomness.
pub fn new_text(entropy: &dyn Entropy) -> io::Result<Zeroizing<String>> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    entropy.fill(key.as_mut_slice())?;
    let digits = Zeroizing::new(hex::encode(key.as_slice()));
    Ok(Zeroizing::new(format!("{KEY_TEXT}{}\n", digits.as_str())))
}

/// How a wrapping key is made of a master key; stored beside what it wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipe {
    /// Taken as it is.
    Key,
    /// Made of a passphrase by scrypt: log2 of the cost, block size, lanes, salt.
    Scrypt {
        /// Cost as a power of two.
        log_n: u8,
        /// Block size.
        r: u8,
        /// Lanes.
        p: u8,
        /// Random.
        salt: [u8; 16],
    },
}

/// What a stored recipe may ask for at most, so that a changed file cannot ask for all memory.
const LOG_N_MAX: u8 = 20;
const LANES_MAX: u8 = 16;
/// 32 MiB and a few tenths of a second, once per opening.
const COST: (u8, u8, u8) = (15, 8, 3);

impl Recipe {
    /// The recipe for a new wrapping by this master key.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn for_master(master: &Master, entropy: &dyn Entropy) -> io::Result<Recipe> {
        let Master::Passphrase(_) = master else { return Ok(Recipe::Key) };
        let (mut salt, (log_n, r, p)) = ([0; 16], COST);
        entropy.fill(&mut salt)?;
        Ok(Recipe::Scrypt { log_n, r, p, salt })
    }

    /// `a key` or `a passphrase`, as [`Master::form`].
    pub fn form(self) -> &'static str {
        match self {
            Recipe::Key => "a key",
            Recipe::Scrypt { .. } => "a passphrase",
        }
    }

    /// kind u8, log_n u8, r u8, p u8, salt 16.
    pub fn encode(self) -> [u8; 20] {
        let mut out = [0; 20];
        if let Recipe::Scrypt { log_n, r, p, salt } = self {
            out[..4].copy_from_slice(&[1, log_n, r, p]);
            out[4..].copy_from_slice(&salt);
        }
        out
    }

    /// Reads it back; `None` for what this version does not know or would not pay for.
    pub fn decode(bytes: &[u8; 20]) -> Option<Recipe> {
        let (&[kind, log_n, r, p], salt) = bytes.split_first_chunk::<4>()?;
        let bearable = (1..=LOG_N_MAX).contains(&log_n) && (1..=LANES_MAX).contains(&r) && (1..=LANES_MAX).contains(&p);
        match kind {
            0 if bytes[1..].iter().all(|byte| *byte == 0) => Some(Recipe::Key),
            1 if bearable => Some(Recipe::Scrypt { log_n, r, p, salt: salt.try_into().ok()? }),
            _ => None,
        }
    }

    /// The wrapping key; `None` when the master key is not of this form.
    pub fn wrapping_key(self, master: &Master) -> Option<WrappingKey> {
        match (self, master) {
            (Recipe::Key, Master::Key(key)) => Some(WrappingKey::new(&SlotKey::new(**key))),
            (Recipe::Scrypt { log_n, r, p, salt }, Master::Passphrase(words)) => {
                let mut key = Zeroizing::new([0; KEY_LEN]);
                let params = Params::new(log_n, r.into(), p.into()).ok()?;
                scrypt::scrypt(words.as_bytes(), &salt, &params, key.as_mut_slice()).ok()?;
                Some(WrappingKey::new(&SlotKey::new(*key)))
            }
            _ => None,
        }
    }
}

/// Why a text is no master key. Shows nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoMaster {
    /// It begins as a key.
    #[error("begins as a master key and is not whole")]
    Cut,
    /// It is a passphrase.
    #[error("is neither a master key nor a passphrase of {PASSPHRASE_CHARS_MIN} characters or more")]
    Short,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entropy::SeededEntropy;

    #[test]
    fn a_key_a_passphrase_and_neither_are_told_apart_and_never_printed() {
        let text = new_text(&SeededEntropy::new(1)).unwrap();
        let Master::Key(key) = Master::parse(text.trim_end()).unwrap() else { panic!("a key") };
        assert!(text.contains(&hex::encode(*key)));
        assert!(matches!(Master::parse("correct horse battery"), Ok(Master::Passphrase(_))));
        assert!(matches!(Master::parse("密码密码密码密码密码密码"), Ok(Master::Passphrase(_))));
        assert_eq!(Master::parse("too short").unwrap_err(), NoMaster::Short);
        assert_eq!(Master::parse(&text.trim_end()[..40]).unwrap_err(), NoMaster::Cut);
        let shown = format!("{:?}{:?}", Master::Key(key), Master::parse("correct horse battery"));
        assert_eq!(shown, "Master(a key)Ok(Master(a passphrase))");
    }

    #[test]
    fn a_recipe_reads_back_and_never_asks_for_more_than_is_bearable() {
        let words = Master::parse("correct horse battery").unwrap();
        let dear = Recipe::for_master(&words, &SeededEntropy::new(2)).unwrap();
        for recipe in [Recipe::Key, dear] {
            assert_eq!(Recipe::decode(&recipe.encode()), Some(recipe));
        }
        for (at, byte) in [(0, 2), (1, 21), (1, 0), (2, 17), (3, 0)] {
            let mut bytes = dear.encode();
            bytes[at] = byte;
            assert_eq!(Recipe::decode(&bytes), None, "byte {at} = {byte}");
        }
    }

    #[test]
    fn the_words_and_the_salt_make_the_key() {
        let words = |text: &str| Master::Passphrase(Zeroizing::new(text.to_owned()));
        let recipe = |salt| Recipe::Scrypt { log_n: 4, r: 8, p: 1, salt: [salt; 16] };
        let id = |salt, text| recipe(salt).wrapping_key(&words(text)).unwrap().id;
        assert_eq!(id(1, "one"), id(1, "one"));
        assert_ne!(id(1, "one"), id(2, "one"));
        assert_ne!(id(1, "one"), id(1, "two"));
        let key = Master::Key(Zeroizing::new([3; 16]));
        assert!(recipe(1).wrapping_key(&key).is_none() && Recipe::Key.wrapping_key(&words("one")).is_none());
    }
}
