//! The pool key wraps every slot and every other secret of the keys folder; it lies in `keys/pool.key`, wrapped by the master
//! key. A new master key rewrites this one small file and nothing else (two levels, as LUKS has them).
//!
//! Little-endian: magic 4, version 1, zero 3, number u32, entries u32, then per entry recipe 20, id of the master key 8,
//! wrapped pool key 44; crc32c over all before. Two entries stand there while one master key takes the place of another.

use std::fs;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use super::entropy::Entropy;
use super::keys::SlotKey;
use super::master::{self, Master, NoMaster, Recipe};
use super::private_file;
use super::wrapping::{KeyId, MORE_LEN, WrappingKey, nonce};

/// Name of the file inside the keys folder.
pub const FILE: &str = "pool.key";
const MAGIC: [u8; 8] = *b"MGP1\x01\0\0\0";
const HEAD_LEN: usize = 16;
const RECIPE_LEN: usize = 20;
const KEY_LEN: usize = 16;
const ENTRY_LEN: usize = RECIPE_LEN + 8 + KEY_LEN + MORE_LEN;
const ENTRIES_MAX: usize = 2;

/// The pool key, unlocked.
#[derive(Debug)]
pub struct PoolKey {
    key: WrappingKey,
    /// Stands beside everything it wraps, so that a foreign or lost pool key is told from damage.
    pub number: u32,
}

impl PoolKey {
    fn new(key: &SlotKey) -> PoolKey {
        let key = WrappingKey::new(key);
        let number = u32::from_le_bytes([key.id.0[0], key.id.0[1], key.id.0[2], key.id.0[3]]);
        PoolKey { key, number }
    }

    /// Unlocks the pool key of a folder and changes nothing; `None` for a folder that has none: it was written before keys were
    /// wrapped.
    ///
    /// # Errors
    /// When the master key is missing or another, or the file is damaged.
    pub fn read(keys: &Path, master: &Master) -> Result<Option<PoolKey>, UnlockError> {
        let Some(file) = PoolFile::read(keys)? else { return Ok(None) };
        file.unlock(&found(keys, master)?).map(|(_, pool)| Some(pool))
    }

    /// Unlocks the pool key, making it and a master key beside it where there is none. `lost` says that the folder holds
    /// what an earlier pool key wrapped: then a missing one is never made anew.
    ///
    /// # Errors
    /// As [`PoolKey::read`]; nothing was changed then.
    pub fn open(keys: &Path, master: &Master, lost: bool, entropy: &dyn Entropy) -> Result<PoolKey, UnlockError> {
        if let Some(pool) = PoolKey::read(keys, master)? {
            return Ok(pool);
        }
        if lost {
            return Err(UnlockError::Missing);
        }
        let master = match found(keys, master) {
            Err(UnlockError::MasterMissing { .. }) => {
                let text = master::new_text(entropy)?;
                private_file::place(keys, master::BESIDE, text.as_bytes())?;
                Master::parse(text.trim_end())?
            }
            found => found?,
        };
        let mut key = Zeroizing::new([0; KEY_LEN]);
        entropy.fill(key.as_mut_slice())?;
        PoolFile::of(&key, &[&master], entropy)?.place(keys)?;
        Ok(PoolKey::new(&SlotKey::new(*key)))
    }

    /// Wraps a secret of the keys folder; `bound` names what it is.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn wrap(&self, bound: &[u8], secret: &[u8], entropy: &dyn Entropy) -> io::Result<Vec<u8>> {
        Ok(self.key.wrap(nonce(entropy)?, bound, secret))
    }

    /// The secret again; `None` when it is not what was wrapped.
    pub fn unwrap(&self, bound: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.key.unwrap(bound, wrapped).ok()
    }
}

/// Wraps the pool key of a folder anew, by these master keys and no other; whoever opens it holds `current`. Gives the ids of
/// the new ones. The file is replaced whole: after a crash the old one or the new one stands there.
///
/// # Errors
/// As [`PoolKey::read`]; nothing was changed then.
pub fn wrap_by(
    keys: &Path,
    current: &Master,
    masters: &[&Master],
    entropy: &dyn Entropy,
) -> Result<Vec<KeyId>, UnlockError> {
    let file = PoolFile::read(keys)?.ok_or(UnlockError::Missing)?;
    let (key, _) = file.unlock(&found(keys, current)?)?;
    let masters = masters.iter().map(|master| found(keys, master)).collect::<Result<Vec<_>, _>>()?;
    let file = PoolFile::of(&key, &masters.iter().collect::<Vec<_>>(), entropy)?;
    file.place(keys)?;
    Ok(file.entries.iter().map(|entry| entry.id).collect())
}

/// What the pool key of a folder is wrapped by: `a key` or `a passphrase`, and which. `None` when there is no pool key.
///
/// # Errors
/// When the file cannot be read.
pub fn wrapped_by(keys: &Path) -> Result<Option<Vec<(&'static str, KeyId)>>, UnlockError> {
    let file = PoolFile::read(keys)?;
    Ok(file.map(|file| file.entries.iter().map(|entry| (entry.recipe.form(), entry.id)).collect()))
}

/// The master key itself, where it lies beside.
fn found(keys: &Path, master: &Master) -> Result<Master, UnlockError> {
    let Master::Beside = master else { return Ok(master.clone()) };
    match fs::read_to_string(keys.join(master::BESIDE)) {
        Ok(text) => Ok(Master::parse(Zeroizing::new(text).trim_end())?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let by = PoolFile::read(keys)?.map(|file| file.names()).unwrap_or_default();
            Err(UnlockError::MasterMissing { by })
        }
        Err(error) => Err(error.into()),
    }
}

/// `keys/pool.key`.
struct PoolFile {
    number: u32,
    entries: Vec<Entry>,
}

struct Entry {
    recipe: Recipe,
    id: KeyId,
    wrapped: Vec<u8>,
}

impl Entry {
    fn bound(number: u32, recipe: Recipe, id: KeyId) -> Vec<u8> {
        [&MAGIC[..], &number.to_le_bytes(), &recipe.encode(), &id.0].concat()
    }
}

impl PoolFile {
    fn of(key: &Zeroizing<[u8; KEY_LEN]>, masters: &[&Master], entropy: &dyn Entropy) -> io::Result<PoolFile> {
        let number = PoolKey::new(&SlotKey::new(**key)).number;
        let entry = |master: &&Master| {
            let recipe = Recipe::for_master(master, entropy)?;
            let by =
                recipe.wrapping_key(master).ok_or_else(|| io::Error::other("no key can be made of this master"))?;
            let wrapped = by.wrap(nonce(entropy)?, &Entry::bound(number, recipe, by.id), key.as_slice());
            Ok(Entry { recipe, id: by.id, wrapped })
        };
        Ok(PoolFile { number, entries: masters.iter().map(entry).collect::<io::Result<_>>()? })
    }

    fn read(keys: &Path) -> Result<Option<PoolFile>, UnlockError> {
        match fs::read(keys.join(FILE)) {
            Ok(bytes) => PoolFile::decode(&bytes).ok_or(UnlockError::Damaged).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn decode(bytes: &[u8]) -> Option<PoolFile> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        let (head, rest) = body.split_first_chunk::<HEAD_LEN>()?;
        let number = u32::from_le_bytes(*head.get(8..)?.first_chunk()?);
        let (entries, left) = rest.as_chunks::<ENTRY_LEN>();
        let whole = crc32c::crc32c(body).to_le_bytes() == *crc
            && head[..8] == MAGIC
            && (1..=ENTRIES_MAX).contains(&entries.len())
            && head[12..] == (entries.len() as u32).to_le_bytes()
            && left.is_empty();
        let entry = |bytes: &[u8; ENTRY_LEN]| {
            let (recipe, rest) = bytes.split_first_chunk::<RECIPE_LEN>()?;
            let (id, wrapped) = rest.split_first_chunk::<8>()?;
            Some(Entry { recipe: Recipe::decode(recipe)?, id: KeyId(*id), wrapped: wrapped.to_vec() })
        };
        let entries = entries.iter().map(entry).collect::<Option<Vec<_>>>()?;
        whole.then_some(PoolFile { number, entries })
    }

    fn place(&self, keys: &Path) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&(self.entries.len() as u32).to_le_bytes());
        for Entry { recipe, id, wrapped } in &self.entries {
            bytes.extend_from_slice(&[&recipe.encode()[..], &id.0, wrapped].concat());
        }
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        private_file::place(keys, FILE, &bytes)
    }

    fn unlock(&self, master: &Master) -> Result<(Zeroizing<[u8; KEY_LEN]>, PoolKey), UnlockError> {
        let mut given = None;
        for entry in &self.entries {
            let Some(by) = entry.recipe.wrapping_key(master) else { continue };
            given = Some(by.id);
            if by.id != entry.id {
                continue;
            }
            let bound = Entry::bound(self.number, entry.recipe, entry.id);
            let secret = by.unwrap(&bound, &entry.wrapped).map_err(|_| UnlockError::Damaged)?;
            let mut key = Zeroizing::new([0; KEY_LEN]);
            key.copy_from_slice(&secret);
            let pool = PoolKey::new(&SlotKey::new(*key));
            return if pool.number == self.number { Ok((key, pool)) } else { Err(UnlockError::Damaged) };
        }
        let given = match (master, given) {
            (Master::Passphrase(_), Some(_)) => "another passphrase".to_owned(),
            (_, Some(id)) => format!("key {id}"),
            (master, None) => master.form().to_owned(),
        };
        Err(UnlockError::WrongMaster { by: self.names(), given })
    }

    fn names(&self) -> String {
        let name = |entry: &Entry| match entry.recipe {
            Recipe::Key => format!("key {}", entry.id),
            Recipe::Scrypt { .. } => "a passphrase".to_owned(),
        };
        self.entries.iter().map(name).collect::<Vec<_>>().join(" or ")
    }
}

/// Why a keys folder does not open. Nothing of it was changed.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// What it wrapped is there, and it is not.
    #[error("keys/pool.key is missing beside keys that it wrapped; restore the keys folder from its backup")]
    Missing,
    /// Not what was written.
    #[error("keys/pool.key is damaged or of a later version; restore the keys folder from its backup")]
    Damaged,
    /// The master key was moved, and nobody says where to.
    #[error(
        "keys/pool.key is wrapped by {by}, and there is no keys/master.key; name the file or credential that holds the \
         master key in journal.master_key, or put the file back"
    )]
    MasterMissing {
        /// What wraps it.
        by: String,
    },
    /// Another master key.
    #[error(
        "keys/pool.key is wrapped by {by}, and journal.master_key gives {given}: nothing was opened and nothing changed; \
         name the right file or credential in journal.master_key, or restore the keys folder that belongs to it"
    )]
    WrongMaster {
        /// What wraps it.
        by: String,
        /// What was given.
        given: String,
    },
    /// The file beside holds no master key.
    #[error("keys/master.key {0}; restore it from its backup")]
    NoMaster(#[from] NoMaster),
    /// The folder or a file cannot be used.
    #[error("the keys folder cannot be read or written")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entropy::{SeededEntropy, SystemEntropy};

    impl PoolKey {
        /// A pool key that no file holds.
        pub(crate) fn for_tests(byte: u8) -> std::sync::Arc<PoolKey> {
            PoolKey::new(&SlotKey::new([byte; 16])).into()
        }
    }

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        private_file::private_dir(&dir.path().join("keys")).unwrap();
        dir
    }

    fn key(byte: u8) -> Master {
        Master::Key(Zeroizing::new([byte; 16]))
    }

    #[test]
    fn without_a_word_the_master_key_lies_beside_and_can_be_kept_elsewhere_in_one_step() {
        let dir = folder();
        let keys = dir.path().join("keys");
        assert!(PoolKey::read(&keys, &Master::Beside).unwrap().is_none(), "a tool makes nothing");
        let made = PoolKey::open(&keys, &Master::Beside, false, &SystemEntropy).unwrap();
        let again = PoolKey::open(&keys, &Master::Beside, true, &SystemEntropy).unwrap();
        assert_eq!(made.number, again.number);
        let text = fs::read_to_string(keys.join(master::BESIDE)).unwrap();
        fs::remove_file(keys.join(master::BESIDE)).unwrap();
        let missing = PoolKey::open(&keys, &Master::Beside, true, &SystemEntropy).unwrap_err();
        assert!(matches!(missing, UnlockError::MasterMissing { .. }), "{missing}");
        assert!(missing.to_string().contains("journal.master_key"), "{missing}");
        let elsewhere = PoolKey::read(&keys, &Master::parse(text.trim_end()).unwrap()).unwrap().unwrap();
        assert_eq!(elsewhere.number, made.number);
        fs::remove_file(keys.join(FILE)).unwrap();
        assert!(matches!(PoolKey::open(&keys, &key(1), true, &SystemEntropy), Err(UnlockError::Missing)));
    }

    #[test]
    fn a_wrong_master_key_and_a_damaged_file_are_told_apart_and_change_nothing() {
        let dir = folder();
        let keys = dir.path().join("keys");
        PoolKey::open(&keys, &key(1), false, &SeededEntropy::new(1)).unwrap();
        assert!(!keys.join(master::BESIDE).exists());
        let good = fs::read(keys.join(FILE)).unwrap();
        let wrong = |master: &Master| PoolKey::open(&keys, master, true, &SystemEntropy).unwrap_err().to_string();
        let (id, other) = (WrappingKey::new(&SlotKey::new([1; 16])).id, WrappingKey::new(&SlotKey::new([2; 16])).id);
        assert!(wrong(&key(2)).contains(&format!("wrapped by key {id}, and journal.master_key gives key {other}")));
        assert!(wrong(&Master::parse("correct horse battery").unwrap()).contains("gives a passphrase"));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x04;
            fs::write(keys.join(FILE), &bad).unwrap();
            assert!(matches!(PoolKey::read(&keys, &key(1)), Err(UnlockError::Damaged)), "byte {at}");
            fs::write(keys.join(FILE), &good[..at]).unwrap();
            assert!(matches!(PoolKey::read(&keys, &key(1)), Err(UnlockError::Damaged)), "cut at {at}");
        }
        fs::write(keys.join(FILE), &good).unwrap();
        assert!(PoolKey::read(&keys, &key(1)).unwrap().is_some());
        assert_eq!(fs::read(keys.join(FILE)).unwrap(), good);
    }

    #[test]
    fn while_one_master_key_takes_the_place_of_another_both_open() {
        let dir = folder();
        let keys = dir.path().join("keys");
        let number = PoolKey::open(&keys, &key(1), false, &SystemEntropy).unwrap().number;
        let words = Master::parse("correct horse battery").unwrap();
        let opens = |master: &Master| PoolKey::read(&keys, master).map(|pool| pool.unwrap().number).ok();
        wrap_by(&keys, &key(1), &[&words, &key(1)], &SystemEntropy).unwrap();
        assert_eq!((opens(&key(1)), opens(&words)), (Some(number), Some(number)));
        let forms: Vec<_> = wrapped_by(&keys).unwrap().unwrap().into_iter().map(|(form, _)| form).collect();
        assert_eq!(forms, ["a passphrase", "a key"]);
        wrap_by(&keys, &words, &[&words], &SystemEntropy).unwrap();
        assert_eq!((opens(&key(1)), opens(&words)), (None, Some(number)));
        let wrong = Master::parse("correct horse batterz").unwrap();
        let said = wrap_by(&keys, &wrong, &[&wrong], &SystemEntropy).unwrap_err().to_string();
        assert!(said.contains("wrapped by a passphrase, and journal.master_key gives another passphrase"), "{said}");
        assert_eq!(opens(&words), Some(number));
    }
}
