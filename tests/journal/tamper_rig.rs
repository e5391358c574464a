//! A small sealed journal on a real disk: several segments, body files, checkpoints with an anchor; and its files in memory,
//! so that each change begins from the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use medgate::domain::clock::HandClock;
use medgate::domain::message::BodyFile;
use medgate::evidence::checkpoint::Checkpoint;
use medgate::evidence::log;
use medgate::evidence::verdict::Verdict;
use medgate::evidence::verify::{Asked, verify};
use medgate::journal::composite::StoredBody;
use medgate::journal::disk::RealDisk;
use medgate::journal::facts::{Fact, Facts};
use medgate::journal::frame::Frame;
use medgate::journal::open::{Core, Fresh, open};
use medgate::journal::pen::clear_frame;
use medgate::journal::record::{Header, Kind, flag, payload_digest};
use medgate::journal::segment::{self, SEGMENT_HEADER_LEN};
use medgate::journal::shelf::Store;
use medgate::journal::tree::Frontier;
use medgate::journal::walk::{Step, Walk};
use medgate::journal::worker::do_chores;
use medgate::sandbox::draw::Draw;
use medgate::signing::sm2::{Signer, SoftKey, Verifier};
use tempfile::TempDir;

use crate::life::{BOUNDS, entries_of, frame};

/// Records between two checkpoints, about.
const SEAL_EVERY: u64 = 40;
pub const BODIES: &str = "journal/bodies";

/// Files below a data folder, by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A sealed journal, and what seals it.
pub struct Sealed {
    /// As it was written.
    pub files: Files,
    /// As it was some records before its end, sealed there too.
    pub earlier: Files,
    pub key: Verifier,
    dir: TempDir,
    /// What stands in `dir` now.
    laid: std::cell::RefCell<Files>,
}

/// Where a record stands.
#[derive(Debug, Clone)]
pub struct Stands {
    pub file: String,
    pub from: usize,
    pub end: usize,
    pub seq: u64,
}

struct Growing {
    core: Core<RealDisk>,
    data: PathBuf,
    journal_id: [u8; 16],
    key: SoftKey,
    bodies: u64,
}

impl Growing {
    fn open(data: &Path, journal_id: [u8; 16], salt: u32, key: SoftKey) -> Growing {
        let clock = Arc::new(HandClock::at(1_700_000_000_000_000_000));
        let fresh = Fresh { journal_id, open_salt: salt };
        let (core, _) = open(Arc::new(RealDisk::at(data)), BOUNDS, fresh, clock, &entries_of()).unwrap();
        fs::create_dir_all(data.join(BODIES)).unwrap();
        Growing { core, data: data.to_owned(), journal_id, key, bodies: 0 }
    }

    fn write(&mut self, frame: Frame) {
        do_chores(&*self.core.disk, &self.core.shelf, &self.core.queue, BOUNDS.segment_bytes).unwrap();
        assert!(self.core.writer.write_own(vec![frame]));
    }

    fn with_body(&mut self, dice: &mut Draw) -> Frame {
        self.bodies += 1;
        let bytes: Vec<u8> = (0..200 + dice.below(300)).map(|_| dice.below(256) as u8).collect();
        let name = format!("{:032x}.req", self.bodies);
        fs::write(self.data.join(BODIES).join(&name), &bytes).unwrap();
        let file =
            BodyFile { name, stored_len: bytes.len() as u64, raw_len: 9, digest: payload_digest(&bytes), frames: 1 };
        let mut facts = Facts::default();
        facts.bytes(Fact::StoredBody, StoredBody::encode(&file));
        clear_frame(Header { flags: flag::SPOOLED, ..Header::new(Kind::Note) }, &facts)
    }

    fn seal(&mut self, journaled: bool) {
        let tree = self.core.shelf.tree();
        let said =
            Checkpoint { journal_id: self.journal_id, size: tree.size(), root: tree.root(), time: 1_700_000_000 };
        let note = said.sign(&self.key).unwrap();
        log::append(&self.data.join(log::FILE), &note).unwrap();
        if journaled {
            let mut facts = Facts::default();
            facts.text(Fact::Text, &note);
            self.write(clear_frame(Header::new(Kind::Checkpoint), &facts));
        }
    }

    fn grow(&mut self, records: u64, dice: &mut Draw) {
        for nth in 1..=records {
            let frame =
                if dice.chance(15) { self.with_body(dice) } else { frame(Kind::Note, nth, dice.below(900) as usize) };
            self.write(frame);
            if nth % SEAL_EVERY == 0 {
                self.seal(true);
            }
        }
    }
}

fn key(byte: u8) -> SoftKey {
    SoftKey::parse(&hex::encode([byte; 32])).unwrap()
}

/// A closed journal of its own in `data`.
fn closed(data: &Path, journal_id: [u8; 16], dice: &mut Draw) -> SoftKey {
    let mut growing = Growing::open(data, journal_id, 1, key(journal_id[0]));
    growing.grow(150, dice);
    let Growing { core, data, key, .. } = growing;
    let shelf = core.shelf.clone();
    assert!(core.writer.close());
    let tree = shelf.tree();
    let said = Checkpoint { journal_id, size: tree.size(), root: tree.root(), time: 1_700_000_100 };
    log::append(&data.join(log::FILE), &said.sign(&key).unwrap()).unwrap();
    key
}

impl Sealed {
    pub fn journal(journal_id: u8, seed: u64) -> Sealed {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let mut dice = Draw::from_seed(seed);
        let key = closed(&data, [journal_id; 16], &mut dice);
        let earlier = read(&data);
        let mut again = Growing::open(&data, [0; 16], 2, key);
        again.journal_id = [journal_id; 16];
        again.bodies = 1000;
        again.grow(60, &mut dice);
        let Growing { core, key, .. } = again;
        let shelf = core.shelf.clone();
        assert!(core.writer.close());
        let tree = shelf.tree();
        let said =
            Checkpoint { journal_id: [journal_id; 16], size: tree.size(), root: tree.root(), time: 1_700_000_200 };
        log::append(&data.join(log::FILE), &said.sign(&key).unwrap()).unwrap();
        let files = read(&data);
        fs::write(dir.path().join("anchor"), &files[log::FILE]).unwrap();
        let key = Verifier::of(&key.public()).unwrap();
        let laid = std::cell::RefCell::new(files.clone());
        Sealed { files, earlier, key, dir, laid }
    }

    /// What the verifier says of these files; they are laid over those of the time before.
    pub fn verdict(&self, files: &Files) -> Verdict {
        self.verdict_under(files, &self.key)
    }

    /// The same under another key.
    pub fn verdict_under(&self, files: &Files, key: &Verifier) -> Verdict {
        let data = self.dir.path().join("data");
        let mut laid = self.laid.borrow_mut();
        for gone in laid.keys().filter(|name| !files.contains_key(*name)) {
            fs::remove_file(data.join(gone)).unwrap();
        }
        for (name, bytes) in files.iter().filter(|(name, bytes)| laid.get(*name) != Some(*bytes)) {
            fs::write(data.join(name), bytes).unwrap();
        }
        laid.clone_from(files);
        let anchor = self.dir.path().join("anchor");
        let keys = [key.clone()];
        verify(&Asked { data: &data, keys: &keys, anchor: Some(&anchor) }).unwrap()
    }

    /// Opens the journal with another last segment: the tree that it has then, and the one over all its records.
    pub fn reopened(&self, file: &str, bytes: &[u8]) -> (Frontier, Frontier) {
        let data = self.dir.path().join("data");
        fs::write(data.join(file), bytes).unwrap();
        let growing = Growing::open(&data, [0; 16], 3, key(1));
        let (found, mut counted) = (growing.core.shelf.tree(), Frontier::default());
        drop(growing);
        let files = read(&data);
        for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".seg")) {
            for stands in records_of(name, bytes) {
                counted.push(&Header::decode(&bytes[stands.from..]).unwrap().chain);
            }
        }
        (found, counted)
    }

    /// Every record of the segments.
    pub fn records(&self) -> Vec<Stands> {
        let mut records = Vec::new();
        for (name, bytes) in self.files.iter().filter(|(name, _)| name.ends_with(".seg")) {
            records.extend(records_of(name, bytes));
        }
        records
    }

    pub fn names(&self, ending: &str) -> Vec<String> {
        self.files.keys().filter(|name| name.ends_with(ending)).cloned().collect()
    }
}

pub fn records_of(name: &str, bytes: &[u8]) -> Vec<Stands> {
    let file = tempfile::tempfile().unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, bytes, 0).unwrap();
    let mut walk = Walk::new(&file, SEGMENT_HEADER_LEN as u64, bytes.len() as u64);
    let mut records = Vec::new();
    while let Step::Frame { at, header, frame } = walk.step().unwrap() {
        let from = at as usize;
        records.push(Stands { file: name.to_owned(), from, end: from + frame.len(), seq: header.seq.0 });
    }
    records
}

/// A journal whose gateway was killed: nothing is closed.
pub fn killed() -> Verdict {
    let dir = tempfile::tempdir().unwrap();
    let mut growing = Growing::open(dir.path(), [5; 16], 1, key(5));
    growing.grow(40, &mut Draw::from_seed(5));
    let key = Verifier::of(&growing.key.public()).unwrap();
    drop(growing);
    verify(&Asked { data: dir.path(), keys: &[key], anchor: None }).unwrap()
}

fn read(data: &Path) -> Files {
    let mut files = Files::new();
    for folder in [segment::FOLDER, BODIES] {
        for entry in fs::read_dir(data.join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let name = format!("{folder}/{}", entry.file_name().into_string().unwrap());
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}
