//! What stands in an archive, as text: the first entry of each.
//!
//! ```text
//! medgate-archive/1
//! journal 019a2f6e7d1c7c3a9b1e2f3a4b5c6d7e
//! segment 7
//! records 4711 9000
//! chain-before HEX
//! chain-after HEX
//! checkpoint 9005
//! path HEX
//! file 4096 SM3 journal/0000000007.seg
//! ```
//!
//! `path` stands once for each step from record 9000 up to the root of the checkpoint, lowest first; `file` once for each entry
//! behind this one, in their order: length, SM3 over its bytes, name.

use std::fmt::Write as _;

use crate::journal::record::Chain;
use crate::journal::segment;
use crate::journal::tree::Hash;

const FORM: &str = "medgate-archive/1";
/// A path has no more steps than a number has bits.
const STEPS_MAX: usize = 64;

/// One entry behind the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// Path in the archive.
    pub name: String,
    /// Length in bytes.
    pub len: u64,
    /// SM3 over them.
    pub digest: [u8; 32],
}

/// What an archive says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Which journal.
    pub journal_id: [u8; 16],
    /// Which segment of it.
    pub segment_no: u32,
    /// Number of its first record.
    pub first: u64,
    /// Number of its last record.
    pub last: u64,
    /// Chain value of the record before the first one.
    pub chain_before: Chain,
    /// Chain value of the last one.
    pub chain_after: Chain,
    /// Records that the checkpoint counts.
    pub checkpoint: u64,
    /// The way from the last record up to the root of the checkpoint, lowest step first.
    pub path: Vec<Hash>,
    /// The other entries, in their order.
    pub files: Vec<Filed>,
}

/// Folder of the manifest, the checkpoint and the key inside an archive: beside the journal when archives are unpacked over it.
pub fn folder(segment_no: u32) -> String {
    format!("archive/{segment_no:010}")
}

/// Name of the first entry.
pub(super) fn manifest_name(segment_no: u32) -> String {
    format!("{}/manifest.txt", folder(segment_no))
}

/// Name of the entry with the checkpoint.
pub(super) fn checkpoint_name(segment_no: u32) -> String {
    format!("{}/checkpoint.txt", folder(segment_no))
}

/// Name of the entry with the public key.
pub(super) fn key_name(segment_no: u32) -> String {
    format!("{}/seal.pub", folder(segment_no))
}

/// Name of the entry with the segment.
pub(super) fn segment_name(segment_no: u32) -> String {
    segment::path(segment_no)
}

impl Manifest {
    /// The text.
    pub fn text(&self) -> String {
        let mut out = format!("{FORM}\njournal {}\nsegment {}\n", hex::encode(self.journal_id), self.segment_no);
        let _ = writeln!(out, "records {} {}", self.first, self.last);
        let _ = writeln!(out, "chain-before {}", hex::encode(self.chain_before));
        let _ = writeln!(out, "chain-after {}", hex::encode(self.chain_after));
        let _ = writeln!(out, "checkpoint {}", self.checkpoint);
        for step in &self.path {
            let _ = writeln!(out, "path {}", hex::encode(step));
        }
        for Filed { name, len, digest } in &self.files {
            let _ = writeln!(out, "file {len} {} {name}", hex::encode(digest));
        }
        out
    }

    /// Reads the text. Strict: what would be written otherwise is none.
    pub fn parse(text: &str) -> Option<Manifest> {
        let mut lines = text.lines().peekable();
        let form = lines.next()? == FORM;
        let mut said = |word: &str| lines.next()?.strip_prefix(word)?.strip_prefix(' ');
        let journal_id = hash(said("journal")?)?;
        let segment_no = said("segment")?.parse().ok()?;
        let (first, last) = said("records")?.split_once(' ')?;
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        let (chain_before, chain_after) = (hash(said("chain-before")?)?, hash(said("chain-after")?)?);
        let checkpoint = said("checkpoint")?.parse().ok()?;
        let (mut path, mut files) = (Vec::new(), Vec::new());
        while let Some(step) = lines.peek().and_then(|line| line.strip_prefix("path ")) {
            path.push(hash(step)?);
            lines.next();
        }
        for line in lines {
            let mut words = line.strip_prefix("file ")?.splitn(3, ' ');
            let (len, digest) = (words.next()?.parse().ok()?, hash(words.next()?)?);
            files.push(Filed { name: words.next()?.to_owned(), len, digest });
        }
        let read = Manifest { journal_id, segment_no, first, last, chain_before, chain_after, checkpoint, path, files };
        (form && read.path.len() <= STEPS_MAX && read.text() == text).then_some(read)
    }
}

fn hash<const N: usize>(text: &str) -> Option<[u8; N]> {
    hex::decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_back_and_nothing_else_is_one() {
        let manifest = Manifest {
            journal_id: [1; 16],
            segment_no: 7,
            first: 11,
            last: 20,
            chain_before: [2; 32],
            chain_after: [3; 32],
            checkpoint: 22,
            path: vec![[4; 32], [5; 32]],
            files: vec![Filed { name: "journal/a b".to_owned(), len: 9, digest: [6; 32] }],
        };
        let text = manifest.text();
        assert_eq!(Manifest::parse(&text), Some(manifest));
        for (from, to) in [
            ("archive/1", "archive/2"),
            ("segment 7", "segment 07"),
            ("11 20", "11  20"),
            ("path 04", "path 0A"),
            ("file 9", "file +9"),
            ("checkpoint", "checkpoints"),
            ("\nfile", "\n\nfile"),
            ("a b\n", "a b"),
        ] {
            assert_eq!(Manifest::parse(&text.replacen(from, to, 1)), None, "{from:?} -> {to:?}");
        }
        assert_eq!(Manifest::parse(""), None);
    }
}
