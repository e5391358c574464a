//! An archive held to itself and to a public key, on a machine that has nothing else: every byte of the file is accounted for.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::domain::exchange::Seq;
use crate::journal::BODIES;
use crate::journal::composite::StoredBody;
use crate::journal::disk::DiskFile;
use crate::journal::facts::{Fact, Facts};
use crate::journal::record::{Chain, Header, Kind, flag};
use crate::journal::segment::{SegmentHeader, read_header};
use crate::journal::tree::{Frontier, leaf, path_ranges, root_from};
use crate::journal::verify::{Watch, verify_alone};
use crate::signing::pem;
use crate::signing::sm2::Verifier;

use super::archive_text::{Filed, Manifest, checkpoint_name, key_name, manifest_name, segment_name};
use super::bodies::{Named, sums_of};
use super::checkpoint::{Checkpoint, NOTE_BYTES_MAX, Note};
use super::part::Part;
use super::stored_zip::{self, Entry, LOCAL_BYTES};

/// A segment of the largest size names fewer bodies than fill such a manifest.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;
const NAME_BYTES_MAX: usize = 512;

/// What an archive proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// The checkpoint that its last record leads to.
    pub checkpoint: Checkpoint,
    /// Which segment.
    pub segment_no: u32,
    /// Its first and its last record.
    pub records: (u64, u64),
    /// Body files.
    pub bodies: usize,
    /// Whether the edge of the tree that the segment begins with leads to the same root.
    pub edge: bool,
}

/// Checks an archive.
///
/// # Errors
/// What is wrong with it, with the name of the part and the place; an `io::Error` inside only says why it cannot be read.
pub fn verify_archive(path: &Path, keys: &[Verifier]) -> Result<Archived, BadArchive> {
    let file = File::open(path)?;
    let (manifest, first) = manifest_of(&file)?;
    let entries = accounted(&file, &manifest, first)?;
    let number = manifest.segment_no;
    let entry = |name: &str| {
        let found = entries.iter().find(|(entry, _)| entry.name == name);
        found.ok_or_else(|| BadArchive::part(name, 0, "it is missing"))
    };
    let small = |name: &str| -> Result<String, BadArchive> {
        let (entry, at) = entry(name)?;
        if entry.len > NOTE_BYTES_MAX as u64 {
            return Err(BadArchive::part(name, *at, "it is too long"));
        }
        let mut bytes = vec![0; entry.len as usize];
        file.read_exact_at(&mut bytes, *at)?;
        String::from_utf8(bytes).map_err(|_| BadArchive::part(name, *at, "it is no text"))
    };
    let name = key_name(number);
    let key = small(&name)?;
    let signer = keys.iter().find(|given| pem::of_public(&given.public()).is_ok_and(|text| text == key));
    let signer = signer.ok_or_else(|| BadArchive::part(&name, 0, "it is none of the given keys"))?;
    let name = checkpoint_name(number);
    let note = Note::parse(&small(&name)?).map_err(|why| BadArchive::part(&name, 0, why.to_string()))?;
    let checkpoint = note.signed_by(std::slice::from_ref(signer));
    let checkpoint = checkpoint.map_err(|why| BadArchive::part(&name, 0, why.to_string()))?.clone();
    if checkpoint.journal_id != manifest.journal_id || checkpoint.size != manifest.checkpoint {
        return Err(BadArchive::part(&name, 0, "it is not the checkpoint that the manifest names"));
    }

    let name = segment_name(number);
    let (entry, at) = entry(&name)?;
    let part = Part { file: file.try_clone()?, from: *at, len: entry.len };
    let look = segment(&part, &manifest, &name, *at)?;
    let bodies = bodies(&manifest, look.bodies.all())?;
    let wrong = |why: &str| Err(BadArchive::part(&name, *at, why));
    let (last, size) = (manifest.last, checkpoint.size);
    if size < last || root_from(leaf(&manifest.chain_after), last - 1, size, &manifest.path) != Some(checkpoint.root) {
        return wrong("its last record does not lead to the checkpoint");
    }
    // Left of the last record the path holds the subtrees that the edge and the records before it come to.
    let ranges = path_ranges(last - 1, size);
    let left = ranges.iter().zip(&manifest.path).filter(|((_, end), _)| *end < last).map(|(_, hash)| *hash);
    let left: Vec<_> = left.collect();
    let edge = look.tree.as_ref().map(|tree| left.iter().rev().eq(tree.peaks()));
    if edge == Some(false) {
        return wrong("the edge of the tree that it begins with is another one");
    }
    Ok(Archived { checkpoint, segment_no: number, records: (manifest.first, last), bodies, edge: edge.is_some() })
}

/// The manifest, and its entry.
fn manifest_of(file: &File) -> Result<(Manifest, Entry), BadArchive> {
    let none = |why: &str| BadArchive::part("manifest", 0, why);
    let mut head = [0; LOCAL_BYTES];
    file.read_exact_at(&mut head, 0).map_err(|_| none("the file is no archive"))?;
    let (name_len, len) = stored_zip::sizes_in(&head);
    if name_len > NAME_BYTES_MAX || len > MANIFEST_BYTES_MAX {
        return Err(none("the file is no archive"));
    }
    let mut text = vec![0; len as usize];
    file.read_exact_at(&mut text, (LOCAL_BYTES + name_len) as u64)
        .map_err(|_| none("the file ends in its manifest"))?;
    let crc = crc32fast::hash(&text);
    let text = String::from_utf8(text).map_err(|_| none("it is no text"))?;
    let manifest = Manifest::parse(&text).ok_or_else(|| none("it is not of the form of a manifest"))?;
    let entry = Entry { name: manifest_name(manifest.segment_no), len, crc };
    Ok((manifest, entry))
}

/// Holds every byte of the file to the manifest: headers, contents, directory. Gives the entries with the place of their bytes.
fn accounted(file: &File, manifest: &Manifest, first: Entry) -> Result<Vec<(Entry, u64)>, BadArchive> {
    let mut at = 0;
    let mut entries: Vec<(Entry, u64)> = Vec::with_capacity(manifest.files.len() + 1);
    let mut take = |entry: Entry, at: &mut u64| {
        let local = stored_zip::local(&entry);
        same(file, &local, *at, &entry.name)?;
        let begins = *at + local.len() as u64;
        *at = begins + entry.len;
        entries.push((entry, begins));
        Ok::<(), BadArchive>(())
    };
    take(first, &mut at)?;
    for Filed { name, len, digest } in &manifest.files {
        let entry = |crc| Entry { name: name.clone(), len: *len, crc };
        let begins = at + stored_zip::local(&entry(0)).len() as u64;
        let part = Part { file: file.try_clone()?, from: begins, len: *len };
        let sums = sums_of(&mut Reading { part: &part, at: 0 })?;
        if sums.len != *len {
            return Err(BadArchive::part(name, begins + sums.len, "the file ends in it"));
        }
        if sums.digest != *digest {
            return Err(BadArchive::part(name, begins, "it is not what the manifest names"));
        }
        take(entry(sums.crc), &mut at)?;
    }
    let whole: Vec<Entry> = entries.iter().map(|(entry, _)| entry.clone()).collect();
    let directory = stored_zip::directory(&whole);
    same(file, &directory, at, "the directory of the zip")?;
    if file.metadata()?.len() != at + directory.len() as u64 {
        return Err(BadArchive::part("the directory of the zip", at, "bytes stand behind it"));
    }
    Ok(entries)
}

fn same(file: &File, expected: &[u8], at: u64, name: &str) -> Result<(), BadArchive> {
    let mut found = vec![0; expected.len()];
    let read = file.read_exact_at(&mut found, at);
    let differs = expected.iter().zip(&found).position(|(one, other)| one != other).unwrap_or(0) as u64;
    match read {
        Ok(()) if found == expected => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error.into()),
        _ => Err(BadArchive::part(name, at + differs, "the bytes of the zip around it are others")),
    }
}

/// Holds the segment to order, digests and manifest.
fn segment(part: &Part, manifest: &Manifest, name: &str, at: u64) -> Result<Look, BadArchive> {
    let header = read_header(part)?.map_err(|why| BadArchive::part(name, at, why.to_string()))?;
    let mut look = Look::default();
    if header.first_seq == Seq::NONE || manifest.last < manifest.first {
        return Err(BadArchive::part(name, at, "it holds no record"));
    }
    let (report, link) = verify_alone(part, manifest.segment_no, &mut look)?;
    if let Some(bad) = report.bad {
        return Err(BadArchive::part(name, at + bad.offset, format!("record {}: {}", bad.seq, bad.why)));
    }
    let SegmentHeader { journal_id, first_seq, prev_chain, .. } = header;
    let says = (manifest.journal_id, manifest.first, manifest.chain_before);
    let ends = link.map(|link| (link.seq.0, link.chain));
    if (journal_id, first_seq.0, prev_chain) != says || ends != Some((manifest.last, manifest.chain_after)) {
        return Err(BadArchive::part(name, at, "it is not the segment that the manifest names"));
    }
    Ok(look)
}

/// Holds the body entries to the records: those that they name, all of them, in the order of their first naming.
fn bodies(manifest: &Manifest, named: &[StoredBody]) -> Result<usize, BadArchive> {
    let entries: Vec<&Filed> = manifest.files.iter().filter(|file| file.name.starts_with(BODIES)).collect();
    let expected = 1 + named.len() + 2;
    if manifest.files.len() != expected || entries.len() != named.len() {
        return Err(BadArchive::part("manifest", 0, "it lists other files than the records name"));
    }
    for (entry, body) in entries.iter().zip(named) {
        let same = entry.name == format!("{BODIES}/{}", body.name) && entry.len == body.stored_len;
        if !same || entry.digest != body.digest {
            return Err(BadArchive::part(&entry.name, 0, "it is not the body that a record names"));
        }
    }
    Ok(named.len())
}

/// What is taken from the records on the way.
#[derive(Default)]
struct Look {
    bodies: Named,
    /// The tree over all records but the last one seen; none before it is known where it begins.
    tree: Option<Frontier>,
    before: Option<Chain>,
}

impl Watch for Look {
    fn record(&mut self, header: &Header, payload: &[u8]) -> Result<(), String> {
        let facts = || Facts::decode(&payload[..header.facts_len as usize]).map_err(|why| why.to_string());
        if header.seq.0 == 1 {
            self.tree = Some(Frontier::default());
        }
        if let (Some(tree), Some(before)) = (&mut self.tree, self.before) {
            tree.push(&before);
        }
        if header.known_kind() == Some(Kind::Carry) && self.tree.is_none() {
            let facts = facts()?;
            let size = header.seq.0 - 1;
            self.tree = facts.all(Fact::Frontier).next().and_then(|peaks| Frontier::decode(size, peaks));
        }
        self.before = Some(header.chain);
        if header.has(flag::SPOOLED) {
            self.bodies.take(&facts()?);
        }
        Ok(())
    }
}

/// A part read from its front.
struct Reading<'p> {
    part: &'p Part,
    at: u64,
}

impl io::Read for Reading<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.part.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Archived {
    /// The report for people, Chinese first.
    pub fn text(&self) -> String {
        let Checkpoint { journal_id, size, time, .. } = &self.checkpoint;
        let signed = crate::domain::moment::china_time(time.saturating_mul(1_000_000_000));
        let (first, last) = self.records;
        format!(
            "账本 journal: {}\n段 segment: {}\n记录 records: {} ({first} - {last})\n大报文文件 body files: {}\n\
             检查点 checkpoint: 1 - {size} ({signed})\n树的起点 edge of the tree before: {}\n\
             结论：归档完整，每条记录均由签名检查点证明。\nRESULT: the archive is intact; its checkpoint proves every record.\n",
            hex::encode(journal_id),
            self.segment_no,
            last - first + 1,
            self.bodies,
            if self.edge { "一致 the same" } else { "无 none" },
        )
    }
}

/// Why an archive proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum BadArchive {
    /// A part.
    #[error("{name} +{offset}: {why} — 该归档与签名的账本不符，不能作为证据，也不能据以清理账本")]
    Part {
        /// Which.
        name: String,
        /// Where in the archive; 0 when it is about the whole of it.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// The file.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl BadArchive {
    fn part(name: &str, offset: u64, why: impl Into<String>) -> BadArchive {
        BadArchive::Part { name: name.to_owned(), offset, why: why.into() }
    }
}
