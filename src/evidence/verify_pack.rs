//! A pack held to its seal, its checkpoint and its own records, on a machine that has nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sm3::{Digest, Sm3};
use zip::ZipArchive;

use crate::journal::composite::StoredBody;
use crate::journal::facts::Facts;
use crate::journal::record::{HEADER_LEN, Header, chain_of, flag, payload_digest, read_frame};
use crate::journal::tree::{leaf, root_from};
use crate::signing::sm2::Verifier;

use super::checkpoint::{Checkpoint, Note};
use super::pack::{BODIES, CHECKPOINT, COMMENT_LEN, PLAIN, PROOFS, Proof, RECORDS, is_sealed};

/// One entry of a pack may be as large as the largest body that a gateway takes.
const ENTRY_BYTES_MAX: u64 = 4 << 30;
const ENTRIES_MAX: usize = 1_000_000;

/// What a pack proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The checkpoint that everything leads to.
    pub checkpoint: Checkpoint,
    /// Numbers of the records.
    pub records: Vec<u64>,
    /// How many of them stand in clear, too.
    pub plain: usize,
    /// Body files.
    pub bodies: usize,
    /// Other files: nothing but the seal of the pack speaks for them.
    pub pages: usize,
}

/// Checks a pack.
///
/// # Errors
/// What is wrong with it, with the name of the part; an `io::Error` inside only says why it cannot be read.
pub fn verify_pack(path: &Path, keys: &[Verifier]) -> Result<Proven, BadPack> {
    let mut file = File::open(path)?;
    if !is_sealed(&mut file, keys)? {
        return Err(BadPack::Seal);
    }
    let mut entries = read(file)?;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_default();
    let note = Note::parse(&text(entries.remove(CHECKPOINT).unwrap_or_default()));
    let wrong = |name: &str, why: String| BadPack::Part { name: name.to_owned(), why };
    let note = note.map_err(|why| wrong(CHECKPOINT, why.to_string()))?;
    let checkpoint = note.signed_by(keys).map_err(|why| wrong(CHECKPOINT, why.to_string()))?.clone();
    let proofs = entries.remove(PROOFS).unwrap_or_default();
    let proofs: Vec<Proof> = serde_json::from_slice(&proofs).map_err(|why| wrong(PROOFS, why.to_string()))?;

    let mut proven = Proven { checkpoint, records: Vec::new(), plain: 0, bodies: 0, pages: 0 };
    let mut named = Vec::new();
    for proof in &proofs {
        let name = format!("{RECORDS}{:012}.record", proof.record);
        let frame = entries.remove(&name).ok_or_else(|| wrong(&name, "it is missing".to_owned()))?;
        let (header, bodies) = proven.record(proof, &frame).map_err(|why| wrong(&name, why.to_owned()))?;
        named.extend(bodies);
        let name = format!("{PLAIN}{:012}.sealed", proof.record);
        if let Some(plain) = entries.remove(&name) {
            let committed = header.has(flag::SEALED) && <[u8; 32]>::from(Sm3::digest(&plain)) == header.plain_commit;
            proven.plain += 1;
            committed.then_some(()).ok_or_else(|| wrong(&name, "it is not what the record commits to".to_owned()))?;
        }
    }
    for body in named {
        let name = format!("{BODIES}{}", body.name);
        // A body that two records name was taken with the first of them.
        let Some(stored) = entries.remove(&name) else { continue };
        let same = stored.len() as u64 == body.stored_len && payload_digest(&stored) == body.digest;
        proven.bodies += 1;
        same.then_some(()).ok_or_else(|| wrong(&name, "it is not what the record names".to_owned()))?;
    }
    let stray = entries.keys().find(|name| [RECORDS, PLAIN, BODIES].iter().any(|folder| name.starts_with(folder)));
    if let Some(name) = stray {
        return Err(wrong(name, "no proof and no record names it".to_owned()));
    }
    proven.pages = entries.len();
    Ok(proven)
}

impl Proven {
    /// Holds one record to the checkpoint: frame, payload, chain, path.
    fn record(&mut self, proof: &Proof, frame: &[u8]) -> Result<(Header, Vec<StoredBody>), &'static str> {
        let (header, payload) = read_frame(frame).map_err(|_| "it is no whole record")?;
        let whole = frame.len() == header.frame_len as usize && header.seq.0 == proof.record;
        if !whole || payload_digest(payload) != header.payload_digest {
            return Err("it is not the record that its header says");
        }
        let hash = |text: &str| hex::decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let prev_chain = hash(&proof.prev_chain).ok_or("its proof is no proof")?;
        if chain_of(&prev_chain, &frame[..HEADER_LEN]) != header.chain {
            return Err("its chain value does not follow the one before");
        }
        let path: Option<Vec<_>> = proof.path.iter().map(|text| hash(text)).collect();
        let path = path.ok_or("its proof is no proof")?;
        let root = root_from(leaf(&header.chain), proof.record - 1, self.checkpoint.size, &path);
        if root != Some(self.checkpoint.root) {
            return Err("its path does not lead to the checkpoint");
        }
        let facts = Facts::decode(&payload[..header.facts_len as usize]).map_err(|_| "its facts are cut")?;
        self.records.push(proof.record);
        Ok((header, StoredBody::all(&facts).collect()))
    }

    /// The report for people, Chinese first.
    pub fn text(&self) -> String {
        let Checkpoint { journal_id, size, time, .. } = &self.checkpoint;
        let signed = crate::domain::moment::china_time(time.saturating_mul(1_000_000_000));
        format!(
            "账本 journal: {}\n检查点 checkpoint: 1 - {size} ({signed})\n记录 records proven: {} {:?}\n\
             明文与记录承诺一致 in clear, as committed: {}\n大报文文件 body files: {}\n\
             其他文件（仅由打包签名担保）other files, vouched for by the seal alone: {}\n\
             结论：证据包完整。\nRESULT: the pack is intact.\n",
            hex::encode(journal_id),
            self.records.len(),
            self.records,
            self.plain,
            self.bodies,
            self.pages,
        )
    }
}

fn read(file: File) -> Result<BTreeMap<String, Vec<u8>>, BadPack> {
    let mut zip = ZipArchive::new(file)?;
    if zip.len() > ENTRIES_MAX || zip.comment().len() != COMMENT_LEN {
        return Err(BadPack::Seal);
    }
    let mut entries = BTreeMap::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index)?.take(ENTRY_BYTES_MAX);
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        let name = entry.get_ref().name()?.into_owned();
        entries.insert(name, bytes);
    }
    Ok(entries)
}

/// Why a pack proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum BadPack {
    /// Not sealed by a given key, or changed since.
    #[error("封签不符：证据包被改动，或不是该公钥所签 — the pack is not what was sealed, or another key sealed it")]
    Seal,
    /// A part.
    #[error("{name}: {why} — 该部分与账本不符")]
    Part {
        /// Which.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The archive.
    #[error("it is no zip that can be read: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The file.
    #[error("{0}")]
    Io(#[from] io::Error),
}
