//! One sealed segment as one file that proves itself: a zip that anybody can open, with nothing in it but stored bytes.
//!
//! | name in the zip | what it is | what proves it |
//! |---|---|---|
//! | `archive/NUMBER/manifest.txt` | what the other entries are (`archive_text`) | its own values, each held to the entries |
//! | `journal/NUMBER.seg` | the segment as far as the next one vouches for it | the chain up to its last record |
//! | `journal/bodies/NAME` | the body files that its records name | length and digest in the record |
//! | `archive/NUMBER/checkpoint.txt` | the first checkpoint that counts its last record | its signature |
//! | `archive/NUMBER/seal.pub` | the public key | the key that the verifier was given |
//!
//! The chain value of the last record commits to every record before it; its path leads to the root that was signed. The bytes
//! are a function of the journal alone: two machines make the same file. Unpacked over a data folder, archives give back the
//! front that a trim took away.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::journal::BODIES;
use crate::journal::disk::{Disk, RealDisk};
use crate::journal::facts::{Fact, Facts};
use crate::journal::record::{Header, Kind, flag};
use crate::journal::recovery::misplaced;
use crate::journal::segment::{self, SEGMENT_HEADER_LEN, SegmentHeader, read_header};
use crate::journal::tree::{Frontier, Hash};
use crate::journal::verify::{Watch, verify_alone};
use crate::journal::walk::{Step, Walk};
use crate::signing::pem;
use crate::signing::sm2::Verifier;

use super::archive_text::{self, Filed, Manifest};
use super::bodies::{Named, Sums, check_body, sums_of};
use super::checkpoint::{Checkpoint, Note};
use super::log;
use super::part::Part;
use super::prove::Paths;
use super::stored_zip::{self, Entry};
use super::verify_archive::{BadArchive, verify_archive};

/// Ending of an archive that is not whole yet.
const UNFINISHED: &str = "part";

/// `019a…-0000000007.zip`: sorted by name, they are in the order of their records.
pub fn file_name(journal_id: [u8; 16], segment_no: u32) -> String {
    format!("{}-{segment_no:010}.zip", hex::encode(journal_id))
}

/// What became of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It was archived now.
    Now,
    /// Its archive stands, and verifies.
    Before,
    /// Its archive stood and did not verify; it was made anew.
    Again,
}

/// Archives one sealed segment of a data folder into `dir`, and verifies what was written, or what stands there already.
///
/// # Errors
/// When it is not sealed or not signed yet, is damaged, or cannot be read or written; nothing stands under its name then that
/// did not before.
pub fn archive(data: &Path, segment_no: u32, key: &Verifier, dir: &Path) -> Result<Kept, NotArchived> {
    let sealed = Sealed::open(data, segment_no)?;
    let path = dir.join(file_name(sealed.header.journal_id, segment_no));
    let keys = std::slice::from_ref(key);
    let stood = match verify_archive(&path, keys) {
        Ok(_) => return Ok(Kept::Before),
        Err(BadArchive::Io(error)) if error.kind() == io::ErrorKind::NotFound => false,
        Err(BadArchive::Io(error)) => return Err(NotArchived::io(&path)(error)),
        Err(_) => true,
    };
    let whole = sealed.gather(data, key)?;
    let unfinished = path.with_extension(UNFINISHED);
    whole.write(data, &unfinished)?;
    verify_archive(&unfinished, keys)
        .map_err(|bad| NotArchived::ReadBack { file: path.clone(), why: bad.to_string() })?;
    fs::rename(&unfinished, &path).map_err(NotArchived::io(&path))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(NotArchived::io(dir))?;
    Ok(if stood { Kept::Again } else { Kept::Now })
}

/// A segment that a next one continues.
struct Sealed {
    header: SegmentHeader,
    next: SegmentHeader,
}

/// Everything that its archive will hold.
struct Whole {
    manifest: Manifest,
    entries: Vec<Entry>,
    checkpoint: String,
    key: String,
}

impl Sealed {
    fn open(data: &Path, segment_no: u32) -> Result<Sealed, NotArchived> {
        let header = |number: u32| {
            let (name, path) = (segment::path(number), data.join(segment::path(number)));
            let file = File::open(&path).map_err(NotArchived::io(&path))?;
            let read = read_header(&file).map_err(NotArchived::io(&path))?;
            read.map_err(|why| NotArchived::Damaged { file: name, offset: 0, why: why.to_string() })
        };
        let sealed = Sealed { header: header(segment_no)?, next: header(segment_no + 1)? };
        match misplaced(&sealed.header, &sealed.next) {
            None => Ok(sealed),
            Some(why) => Err(NotArchived::Damaged { file: segment::path(segment_no + 1), offset: 0, why }),
        }
    }

    fn last(&self) -> u64 {
        self.next.first_seq.0 - 1
    }

    /// Reads everything once: records, bodies, the checkpoint, and the way up to it.
    fn gather(&self, data: &Path, key: &Verifier) -> Result<Whole, NotArchived> {
        let (checkpoint, note) = first_checkpoint(data, self, key)?;
        let number = self.header.segment_no;
        let name = segment::path(number);
        let damaged = |offset, why: String| NotArchived::Damaged { file: name.clone(), offset, why };
        let path = data.join(&name);
        let io = NotArchived::io(&path);
        let file = File::open(&path).map_err(&io)?;
        let part = Part { file, from: 0, len: self.next.prev_valid_len };
        let mut gathering = Gathering::new(self.last(), checkpoint.size);
        let (report, link) = verify_alone(&part, number, &mut gathering).map_err(&io)?;
        if let Some(bad) = report.bad {
            return Err(damaged(bad.offset, bad.why));
        }
        if link.map(|link| (link.seq.0, link.chain)) != Some((self.last(), self.next.prev_chain)) {
            return Err(damaged(part.len, "it does not end in the record that the next segment names".to_owned()));
        }
        let way = gathering.way_up(data, number + 1, &checkpoint)?;
        let key = pem::of_public(&key.public()).map_err(|why| NotArchived::Key(why.to_string()))?;
        let segment = sums_of(&mut io::Read::take(File::open(&path).map_err(&io)?, part.len)).map_err(&io)?;
        let mut files = vec![(archive_text::segment_name(number), segment)];
        for body in gathering.bodies.all() {
            let sums = check_body(data, body).map_err(|why| damaged(0, format!("a record names a body: {why}")))?;
            files.push((format!("{BODIES}/{}", body.name), sums));
        }
        for (name, text) in
            [(archive_text::checkpoint_name(number), note.as_bytes()), (archive_text::key_name(number), key.as_bytes())]
        {
            files.push((name, sums_of(&mut &text[..]).map_err(&io)?));
        }
        let entry = |(name, sums): &(String, Sums)| Entry { name: name.clone(), len: sums.len, crc: sums.crc };
        let mut entries: Vec<Entry> = files.iter().map(entry).collect();
        let manifest = Manifest {
            journal_id: self.header.journal_id,
            segment_no: number,
            first: self.header.first_seq.0,
            last: self.last(),
            chain_before: self.header.prev_chain,
            chain_after: self.next.prev_chain,
            checkpoint: checkpoint.size,
            path: way,
            files: files.into_iter().map(|(name, sums)| Filed { name, len: sums.len, digest: sums.digest }).collect(),
        };
        let text = manifest.text();
        let (name, len) = (archive_text::manifest_name(number), text.len() as u64);
        entries.insert(0, Entry { name, len, crc: crc32fast::hash(text.as_bytes()) });
        Ok(Whole { manifest, entries, checkpoint: note, key })
    }
}

/// The first checkpoint of the log that counts the last record and that `key` signed.
fn first_checkpoint(data: &Path, sealed: &Sealed, key: &Verifier) -> Result<(Checkpoint, String), NotArchived> {
    let path = data.join(log::FILE);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        bytes => bytes.map_err(NotArchived::io(&path))?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let (notes, _) = log::split(&text);
    let found = notes.into_iter().find_map(|(_, text)| {
        let note = Note::parse(text).ok()?;
        let said = note.unproven();
        let counts = said.size >= sealed.last() && said.journal_id == sealed.header.journal_id;
        let checkpoint = note.signed_by(std::slice::from_ref(key)).ok().filter(|_| counts)?.clone();
        Some((checkpoint, text.to_owned()))
    });
    found.ok_or(NotArchived::NotSigned { last: sealed.last() })
}

/// What is taken from the records on the way.
struct Gathering {
    bodies: Named,
    paths: Paths,
    last: u64,
    /// Whether everything before the next record is known, if only by its edge.
    begun: bool,
}

impl Gathering {
    fn new(last: u64, size: u64) -> Gathering {
        Gathering { bodies: Named::default(), paths: Paths::new([last], size), last, begun: false }
    }

    /// The path of the last record, once the records that the checkpoint counts behind it were read, too.
    fn way_up(&mut self, data: &Path, mut number: u32, checkpoint: &Checkpoint) -> Result<Vec<Hash>, NotArchived> {
        let disk = RealDisk::reading(data);
        while self.begun && self.paths.is_behind(checkpoint.size) {
            let name = segment::path(number);
            let path = data.join(&name);
            let io = NotArchived::io(&path);
            let file = disk.open(&name).map_err(&io)?;
            let end = file.metadata().map_err(&io)?.len();
            let mut walk = Walk::new(&file, SEGMENT_HEADER_LEN as u64, end);
            loop {
                match walk.step().map_err(&io)? {
                    Step::Frame { header, .. } if self.paths.is_behind(checkpoint.size) => {
                        self.paths.push(&header.chain)
                    }
                    Step::Bad { .. } | Step::End | Step::Frame { .. } => break,
                }
            }
            number += 1;
            if !data.join(segment::path(number)).exists() {
                break;
            }
        }
        let way = self.paths.of(self.last).filter(|_| self.paths.root() == Some(checkpoint.root));
        way.ok_or(NotArchived::OtherRoot { size: checkpoint.size })
    }
}

impl Watch for Gathering {
    fn record(&mut self, header: &Header, payload: &[u8]) -> Result<(), String> {
        let facts = || Facts::decode(&payload[..header.facts_len as usize]).map_err(|why| why.to_string());
        if header.seq.0 == 1 {
            self.begun = true;
        }
        if header.known_kind() == Some(Kind::Carry) && !self.begun {
            let facts = facts()?;
            let edge = facts.all(Fact::Frontier).next().and_then(|peaks| Frontier::decode(header.seq.0 - 1, peaks));
            self.paths.begin_at(edge.ok_or("it hands on no edge of a tree of its size")?);
            self.begun = true;
        }
        if self.begun {
            self.paths.push(&header.chain);
        }
        if header.has(flag::SPOOLED) {
            self.bodies.take(&facts()?);
        }
        Ok(())
    }
}

impl Whole {
    /// Writes the file; durable when this returns, under a name that is not its own yet.
    fn write(&self, data: &Path, path: &Path) -> Result<(), NotArchived> {
        let io = NotArchived::io(path);
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        // Only its owner may read it: it says who called when, if not what about.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(&io)?;
        let mut out = io::BufWriter::with_capacity(1 << 20, file);
        for entry in &self.entries {
            out.write_all(&stored_zip::local(entry)).map_err(&io)?;
            let mut bytes = self.bytes(data, entry).map_err(NotArchived::io(&data.join(&entry.name)))?;
            let copied = io::copy(&mut bytes, &mut out).map_err(&io)?;
            if copied != entry.len {
                let why = format!("it has {copied} bytes instead of {}", entry.len);
                return Err(NotArchived::Damaged { file: entry.name.clone(), offset: copied, why });
            }
        }
        out.write_all(&stored_zip::directory(&self.entries)).map_err(&io)?;
        out.into_inner().map_err(|error| error.into_error()).and_then(|file| file.sync_all()).map_err(&io)
    }

    fn bytes<'w>(&'w self, data: &Path, entry: &Entry) -> io::Result<Box<dyn Read + 'w>> {
        let number = self.manifest.segment_no;
        Ok(if entry.name == archive_text::manifest_name(number) {
            Box::new(io::Cursor::new(self.manifest.text().into_bytes()))
        } else if entry.name == archive_text::checkpoint_name(number) {
            Box::new(self.checkpoint.as_bytes())
        } else if entry.name == archive_text::key_name(number) {
            Box::new(self.key.as_bytes())
        } else {
            Box::new(File::open(data.join(&entry.name))?.take(entry.len))
        })
    }
}

/// Why a segment has no archive. Each names the file and what follows from it.
#[derive(Debug, thiserror::Error)]
pub enum NotArchived {
    /// No checkpoint counts its last record.
    #[error(
        "no checkpoint of this key counts record {last} yet, so its archive could prove nothing; the gateway signs one a minute"
    )]
    NotSigned {
        /// Its last record.
        last: u64,
    },
    /// Stored bytes are not what was written.
    #[error(
        "{file} is damaged at offset {offset}: {why}; it is not archived and not trimmed; run `medgate-verify journal`"
    )]
    Damaged {
        /// The file.
        file: String,
        /// Where.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// The records are not those that were signed.
    #[error(
        "the records up to {size} are not what their checkpoint signed; nothing is archived; run `medgate-verify journal`"
    )]
    OtherRoot {
        /// Records that it counts.
        size: u64,
    },
    /// The key cannot be written as text.
    #[error("the public key cannot be written: {0}")]
    Key(String),
    /// What was written is not what is read back.
    #[error("{file} does not verify when it is read back ({why}); it was not kept; check the disk of retention.archive_dir", file = .file.display())]
    ReadBack {
        /// The archive.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The disk.
    #[error("{file} cannot be read or written, so nothing is archived: {source}", file = .file.display())]
    Io {
        /// Which.
        file: PathBuf,
        /// What the machine said.
        source: io::Error,
    },
}

impl NotArchived {
    fn io(file: &Path) -> impl Fn(io::Error) -> NotArchived {
        let file = file.to_owned();
        move |source| NotArchived::Io { file: file.clone(), source }
    }
}
