//! A copy of a data folder while the gateway writes it, from which another machine can go on.
//!
//! Nothing is locked and nothing waits: files are read. What is copied is always at least as complete as what refers to it:
//! checkpoints first, then segments (the one that is written as far as its records are whole), then the body files that records
//! name, the keys last. The manifest comes when all of it is there; a run that was interrupted goes on where it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::evidence::bodies::{Sums, sums_of};
use crate::evidence::{log, seal_key};
use crate::journal::lock::{Lock, LockError};
use crate::journal::recovery::QUARANTINE;
use crate::journal::segment::{self, SEGMENT_HEADER_LEN, SegmentHeader, read_header};
use crate::journal::walk::{Step, Walk};
use crate::journal::{BODIES, KEYS};

/// The list of everything that belongs to a backup.
pub const MANIFEST: &str = "manifest.txt";
const FORM: &str = "medgate-backup/1";
/// Ending of a file that is not whole yet; of body files too, that the gateway is writing.
const UNFINISHED: &str = "part";
/// Times that segments are looked at again because the gateway began a new one.
const LOOKS_MAX: usize = 64;

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// Length in bytes.
    pub len: u64,
    /// SM3 over them.
    pub digest: [u8; 32],
}

/// What stands in a backup, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Which journal, hexadecimal.
    pub journal: String,
    /// The last record in it.
    pub last: u64,
    /// When it was made, for people.
    pub made: String,
    /// The files.
    pub files: BTreeMap<String, Filed>,
}

impl Manifest {
    /// The text.
    pub fn text(&self) -> String {
        let mut out = format!("{FORM}\njournal {}\nmade {}\nlast {}\n", self.journal, self.made, self.last);
        for (name, Filed { len, digest }) in &self.files {
            let _ = writeln!(out, "file {len} {} {name}", hex::encode(digest));
        }
        out
    }

    /// Reads the text. Strict: what would be written otherwise is none.
    pub fn parse(text: &str) -> Option<Manifest> {
        let mut lines = text.lines();
        let form = lines.next()? == FORM;
        let mut said = |word: &str| lines.next()?.strip_prefix(word)?.strip_prefix(' ').map(str::to_owned);
        let (journal, made, last) = (said("journal")?, said("made")?, said("last")?.parse().ok()?);
        let mut files = BTreeMap::new();
        for line in lines {
            let mut words = line.strip_prefix("file ")?.splitn(3, ' ');
            let (len, digest) = (words.next()?.parse().ok()?, hex::decode(words.next()?).ok()?.try_into().ok()?);
            files.insert(words.next()?.to_owned(), Filed { len, digest });
        }
        let read = Manifest { journal, last, made, files };
        (form && read.text() == text).then_some(read)
    }
}

/// What a backup came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Files that were copied now.
    pub copied: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were there already, the same.
    pub same: usize,
    /// The last record in it.
    pub last: u64,
    /// The master key stands among the keys and went along.
    pub with_master: bool,
}

/// Hears of each file: its name, and whether it had to be copied.
pub type Told<'a> = &'a mut dyn FnMut(&str, bool);

/// Copies a data folder to `to`.
///
/// # Errors
/// When something cannot be read or written; the next run goes on.
pub fn backup(data: &Path, to: &Path, made: &str, told: Told<'_>) -> Result<BackedUp, BackupError> {
    private_dir(to).map_err(BackupError::io(to))?;
    let _one_at_a_time = Lock::take(to).map_err(BackupError::Busy)?;
    let mut copying = Copying { data, to, told, done: BackedUp::default(), files: BTreeMap::new() };
    for folder in [BODIES, QUARANTINE, KEYS] {
        private_dir(&to.join(folder)).map_err(BackupError::io(&to.join(folder)))?;
    }
    // While files change, the list of before is no longer true.
    remove(&to.join(MANIFEST)).map_err(BackupError::io(&to.join(MANIFEST)))?;
    copying.one(log::FILE, None, true)?;
    copying.one(seal_key::PUBLIC, None, true)?;
    let (journal, last) = copying.segments()?;
    copying.folder(BODIES)?;
    copying.folder(QUARANTINE)?;
    copying.forget_trimmed()?;
    copying.folder(KEYS)?;
    let Copying { mut done, files, .. } = copying;
    done.last = last;
    done.with_master = files.contains_key(&format!("{KEYS}/master.key"));
    let manifest = Manifest { journal, last, made: made.to_owned(), files };
    let text = manifest.text();
    write_whole(&mut text.as_bytes(), &to.join(MANIFEST)).map_err(BackupError::io(&to.join(MANIFEST)))?;
    Ok(done)
}

struct Copying<'a> {
    data: &'a Path,
    to: &'a Path,
    told: Told<'a>,
    done: BackedUp,
    files: BTreeMap<String, Filed>,
}

impl Copying<'_> {
    /// Every segment, until no new one was begun meanwhile. Gives the journal's id and the last record.
    fn segments(&mut self) -> Result<(String, u64), BackupError> {
        let (mut next, mut found) = (0, None);
        for _ in 0..LOOKS_MAX {
            let numbers: Vec<u32> = self.standing()?.into_iter().filter(|number| *number >= next).collect();
            let Some(newest) = numbers.last().copied() else { break };
            for number in numbers {
                if let Some((header, last)) = self.segment(number)? {
                    found = Some((hex::encode(header.journal_id), last));
                }
            }
            // The newest one may have grown and been sealed: it is looked at again as soon as there is another one.
            next = newest;
            if self.standing()?.last() == Some(&newest) {
                break;
            }
        }
        found.ok_or_else(|| BackupError::NoJournal { data: self.data.to_owned() })
    }

    fn standing(&self) -> Result<Vec<u32>, BackupError> {
        let folder = self.data.join(segment::FOLDER);
        let names = names_in(&folder).map_err(BackupError::io(&folder))?;
        Ok(names.iter().filter_map(|name| segment::number_in(name)).collect())
    }

    /// One segment, as far as its records are whole; `None` when a trim took it away, or it is being begun.
    fn segment(&mut self, number: u32) -> Result<Option<(SegmentHeader, u64)>, BackupError> {
        let name = segment::path(number);
        let path = self.data.join(&name);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(BackupError::io(&path))?,
        };
        let len = file.metadata().map_err(BackupError::io(&path))?.len();
        let header = match read_header(&file).map_err(BackupError::io(&path))? {
            Ok(header) => header,
            Err(why) => return Err(BackupError::Damaged { file: name, offset: 0, why: why.to_string() }),
        };
        let (end, last) = match self.header_of(number + 1)? {
            // As it is, damage included: the verifier tells that of the copy as it does of this one.
            Some(next) => (next.prev_valid_len, next.first_seq.0.saturating_sub(1)),
            None => whole_records(&file, &header, len).map_err(BackupError::io(&path))?,
        };
        self.one(&name, Some(end), false)?;
        Ok(Some((header, last)))
    }

    /// The header of a segment that stands and is whole.
    fn header_of(&self, number: u32) -> Result<Option<SegmentHeader>, BackupError> {
        let path = self.data.join(segment::path(number));
        let read = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.and_then(|file| read_header(&file)),
        };
        Ok(read.map_err(BackupError::io(&path))?.ok())
    }

    /// Every plain file of a folder.
    fn folder(&mut self, folder: &str) -> Result<(), BackupError> {
        let path = self.data.join(folder);
        for name in names_in(&path).map_err(BackupError::io(&path))? {
            if !name.ends_with(&format!(".{UNFINISHED}")) && !name.ends_with(".tmp") {
                self.one(&format!("{folder}/{name}"), None, true)?;
            }
        }
        Ok(())
    }

    /// One file, its first `len` bytes where it grows; copied only when the copy is not the same. May be gone where it `may_go`.
    fn one(&mut self, name: &str, len: Option<u64>, may_go: bool) -> Result<(), BackupError> {
        let (from, to) = (self.data.join(name), self.to.join(name));
        let open = || File::open(&from).map(|file| file.take(len.unwrap_or(u64::MAX)));
        let mut file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound && (may_go || len.is_some()) => return Ok(()),
            file => file.map_err(BackupError::io(&from))?,
        };
        let stands = sums(&to).map_err(BackupError::io(&to))?;
        let mut filed = None;
        if let Some(stands) = stands {
            let is = sums_of(&mut file).map_err(BackupError::io(&from))?;
            if (is.len, is.digest) == (stands.len, stands.digest) {
                filed = Some(is);
            }
        }
        let copied = filed.is_none();
        let is = match filed {
            Some(is) => is,
            None => {
                let mut file = open().map_err(BackupError::io(&from))?;
                let is = write_whole(&mut file, &to).map_err(BackupError::io(&to))?;
                self.done.bytes += is.len;
                is
            }
        };
        *if copied { &mut self.done.copied } else { &mut self.done.same } += 1;
        self.files.insert(name.to_owned(), Filed { len: is.len, digest: is.digest });
        (self.told)(name, copied);
        Ok(())
    }

    /// A segment that a trim took away meanwhile does not belong to the backup: its body files may be missing.
    fn forget_trimmed(&mut self) -> Result<(), BackupError> {
        let standing = self.standing()?;
        self.files.retain(|name, _| {
            let number = name.strip_prefix("journal/").and_then(segment::number_in);
            number.is_none_or(|number| standing.contains(&number))
        });
        Ok(())
    }
}

/// Where the whole records of the segment that is written end, and the last of them. Behind them stand zeros, or a batch that is
/// being written: half of it would look like damage.
fn whole_records(file: &File, header: &SegmentHeader, len: u64) -> io::Result<(u64, u64)> {
    let mut walk = Walk::new(file, SEGMENT_HEADER_LEN as u64, len);
    let mut last = header.first_seq.0.saturating_sub(1);
    while let Step::Frame { header, .. } = walk.step()? {
        last = header.seq.0;
    }
    Ok((walk.at(), last))
}

/// What a file comes to; `None` when it is not there.
fn sums(path: &Path) -> io::Result<Option<Sums>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => sums_of(&mut file?).map(Some),
    }
}

/// Writes a file so that after a crash either the old or the new one stands there; says what was written.
pub(super) fn write_whole(from: &mut dyn Read, path: &Path) -> io::Result<Sums> {
    let mut ending = path.file_name().unwrap_or_default().to_owned();
    ending.push(format!(".{UNFINISHED}"));
    let unfinished = path.with_file_name(ending);
    remove(&unfinished)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let mut copying = Through { from, out: file };
    let sums = sums_of(&mut copying)?;
    copying.out.sync_all()?;
    fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all().map(|()| sums),
        None => Ok(sums),
    }
}

/// Hands on what it reads.
struct Through<'r> {
    from: &'r mut dyn Read,
    out: File,
}

impl Read for Through<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.out.write_all(&into[..read])?;
        Ok(read)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Names of the plain files in a folder, sorted; none when there is no folder.
pub(super) fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Makes a folder that only its owner may enter; one that stands keeps its rights.
pub(super) fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Why there is no backup, or not a whole one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Another backup runs into the same folder.
    #[error("another backup or a gateway uses this folder: {0}")]
    Busy(#[source] LockError),
    /// Nothing to copy.
    #[error("{data} holds no journal; name the gateway's data folder with --data", data = .data.display())]
    NoJournal {
        /// The data folder.
        data: PathBuf,
    },
    /// A segment.
    #[error("{file} is damaged at offset {offset} ({why}); the backup is not whole; run `medgate-verify journal`")]
    Damaged {
        /// The file.
        file: String,
        /// Where.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// The disk.
    #[error("{file} cannot be read or written, so the backup is not whole; run it again: {source}", file = .file.display())]
    Io {
        /// Which.
        file: PathBuf,
        /// What the machine said.
        source: io::Error,
    },
}

impl BackupError {
    pub(super) fn io(file: &Path) -> impl Fn(io::Error) -> BackupError {
        let file = file.to_owned();
        move |source| BackupError::Io { file: file.clone(), source }
    }
}
