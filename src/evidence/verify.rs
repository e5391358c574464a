//! The verifier: a whole journal checked with nothing but the public key that seals it.
//!
//! `journal/verify` holds the records to their order and digests; here the tree over them is held to the signed checkpoints,
//! those of the log, of the journal itself and of an anchor, and body files to what the records say of them. Whoever changes a
//! record and makes its digests and the chain anew still cannot sign a root: then the span since the last good checkpoint is
//! named.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::exchange::Seq;
use crate::journal::composite::StoredBody;
use crate::journal::disk::{Disk, RealDisk};
use crate::journal::facts::{Fact, Facts};
use crate::journal::record::{Chain, Header, Kind, flag};
use crate::journal::segment;
use crate::journal::tree::{Frontier, Hash};
use crate::journal::verify::{Report, Watch, verify_watched};
use crate::signing::sm2::Verifier;

use super::anchor;
use super::bodies::check_body;
use super::checkpoint::{Checkpoint, Note, NoteError};
use super::log;
use super::verdict::{Bad, Harm, Sealed, Verdict};

/// How far behind the last record roots are checked: a checkpoint is journaled a few records after those that it counts.
const LAG_RECORDS: usize = 65_536;
/// Bad notes of one file that are told.
const HARMS_MAX: usize = 20;

/// What is checked, and against what.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The data folder.
    pub data: &'a Path,
    /// Keys that seal this journal.
    pub keys: &'a [Verifier],
    /// A file of checkpoints that were copied elsewhere.
    pub anchor: Option<&'a Path>,
}

/// Checks a journal. Takes no lock and writes nothing; it may grow meanwhile.
///
/// # Errors
/// When files cannot be read at all.
pub fn verify(asked: &Asked<'_>) -> io::Result<Verdict> {
    let mut examiner = Examiner::new(asked);
    let mut harms = examiner.take_log(&asked.data.join(log::FILE), log::FILE)?;
    if let Some(anchor) = asked.anchor {
        harms.extend(examiner.take_log(anchor, &anchor.display().to_string())?);
    }
    let report = verify_watched(&RealDisk::reading(asked.data), &mut examiner)?;
    Ok(examiner.verdict(report, harms))
}

/// A root that a checkpoint, or a Carry, says.
struct Said {
    root: Hash,
    /// Who says it.
    place: String,
    /// When it was signed; a Carry is not.
    signed_at: Option<i64>,
}

struct Examiner<'a> {
    asked: &'a Asked<'a>,
    journal_id: Option<[u8; 16]>,
    /// The tree, some records behind; none before the first Carry of a journal whose front was trimmed.
    tree: Option<Frontier>,
    behind: VecDeque<Chain>,
    said: BTreeMap<u64, Vec<Said>>,
    sealed: Option<Sealed>,
    checkpoints: u64,
    bodies: u64,
    first_seq: u64,
    /// The first record that a trim left in place.
    trimmed_to: u64,
    wrong_root: Option<Bad>,
    harm: Option<Harm>,
}

impl<'a> Examiner<'a> {
    fn new(asked: &'a Asked<'a>) -> Examiner<'a> {
        Examiner {
            asked,
            journal_id: None,
            tree: None,
            behind: VecDeque::new(),
            said: BTreeMap::new(),
            sealed: None,
            checkpoints: 0,
            bodies: 0,
            first_seq: 0,
            trimmed_to: 1,
            wrong_root: None,
            harm: None,
        }
    }

    /// Takes the notes of a file that exists; says which are not to be believed.
    fn take_log(&mut self, path: &Path, shown: &str) -> io::Result<Vec<Bad>> {
        let bytes = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.ends_with(log::FILE) => return Ok(Vec::new()),
            bytes => bytes?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let (notes, rest) = log::split(&text);
        let mut harms = Vec::new();
        let believed = self.checkpoints;
        for (offset, note) in &notes {
            let place = format!("{shown} at {offset}");
            if let Err(why) = self.believe(note, place) {
                harms.push(Bad::of_file(Harm::Checkpoint, shown, *offset as u64, why));
            }
        }
        if self.checkpoints == believed && harms.len() > 1 {
            // One sentence instead of one per note: mostly it is the key that is the wrong one.
            let why = format!("none of its {} checkpoints holds under the given key: {}", harms.len(), harms[0].why);
            harms = vec![Bad::of_file(Harm::Checkpoint, shown, 0, why)];
        }
        harms.truncate(HARMS_MAX);
        // Behind the last whole note may stand one that is being written.
        if !log::is_front(rest) {
            let offset = (text.len() - rest.len()) as u64;
            harms.push(Bad::of_file(Harm::Checkpoint, shown, offset, NoteError::Form.to_string()));
        }
        Ok(harms)
    }

    fn believe(&mut self, note: &str, place: String) -> Result<u64, String> {
        let note = Note::parse(note).map_err(|why| why.to_string())?;
        let Checkpoint { journal_id, size, root, time } =
            note.signed_by(self.asked.keys).map_err(|why| why.to_string())?.clone();
        if *self.journal_id.get_or_insert(journal_id) != journal_id {
            return Err("it is about another journal".to_owned());
        }
        self.checkpoints += 1;
        self.said.entry(size).or_default().push(Said { root, place, signed_at: Some(time) });
        Ok(size)
    }

    /// Lets the tree follow until `left` records are behind it, and holds it to what was said.
    fn follow(&mut self, left: usize) {
        let Some(tree) = &mut self.tree else { return };
        loop {
            let size = tree.size();
            let root = self.said.get(&size).map(|_| tree.root());
            for said in self.said.remove(&size).unwrap_or_default() {
                if root == Some(said.root) {
                    if let Some(time) = said.signed_at {
                        self.sealed = Some(Sealed { records: size, time });
                    }
                } else if self.wrong_root.is_none() {
                    let from = self.sealed.as_ref().map_or(self.first_seq, |sealed| sealed.records + 1);
                    self.wrong_root = Some(Bad::of_span(from, size, &said.place));
                }
            }
            match self.behind.pop_front() {
                Some(chain) if self.behind.len() >= left => tree.push(&chain),
                Some(chain) => return self.behind.push_front(chain),
                None => return,
            }
        }
    }

    fn carry(&mut self, header: &Header, facts: &Facts) -> Result<(), String> {
        let Some(peaks) = facts.all(Fact::Frontier).next() else { return Ok(()) };
        let size = header.seq.0 - 1;
        let edge = Frontier::decode(size, peaks).ok_or("it hands on no edge of a tree of its size")?;
        let said = Said { root: edge.root(), place: format!("Carry, record {}", header.seq), signed_at: None };
        if self.tree.is_none() {
            // The front was trimmed: the edge is where this tree begins. That it is the true one, the next seal proves.
            self.behind.clear();
            self.tree = Some(edge);
        }
        self.said.entry(size).or_default().push(said);
        Ok(())
    }

    fn look(&mut self, header: &Header, payload: &[u8]) -> Result<(), (Harm, String)> {
        let facts = || Facts::decode(&payload[..header.facts_len as usize]);
        let unreadable = |why: crate::journal::tlv::CutTlv| (Harm::Record, why.to_string());
        if header.has(flag::SPOOLED) {
            for body in StoredBody::all(&facts().map_err(unreadable)?) {
                self.bodies += 1;
                check_body(self.asked.data, &body).map_err(|why| (Harm::Body, why))?;
            }
        }
        match header.known_kind() {
            Some(Kind::Carry) => {
                self.carry(header, &facts().map_err(unreadable)?).map_err(|why| (Harm::Record, why))?;
            }
            Some(Kind::Checkpoint) => {
                let facts = facts().map_err(unreadable)?;
                let note = facts.text_of(Fact::Text).unwrap_or_default();
                let size = self.believe(note, format!("record {}", header.seq));
                let size = size.map_err(|why| (Harm::Checkpoint, why))?;
                if size >= header.seq.0 || self.tree.as_ref().is_some_and(|tree| size < tree.size()) {
                    return Err((Harm::Checkpoint, "it counts other records than those before it".to_owned()));
                }
            }
            Some(Kind::OperatorAct) => {
                let trimmed = facts().map_err(unreadable)?.number_of(Fact::TrimmedTo);
                self.trimmed_to = self.trimmed_to.max(trimmed.unwrap_or(0));
            }
            _ => {}
        }
        Ok(())
    }

    fn verdict(mut self, report: Report, mut harms: Vec<Bad>) -> Verdict {
        self.follow(0);
        let harm = self.harm;
        let by_record = report.bad.map(|bad| {
            let harm = harm.unwrap_or(if bad.offset == 0 { Harm::Segment } else { Harm::Record });
            Bad { harm, file: bad.file, offset: bad.offset, from: bad.seq, to: bad.seq, why: bad.why }
        });
        let broken = by_record.is_some();
        harms.extend(by_record);
        harms.extend(self.wrong_root.take());
        let last = report.last_seq;
        if self.first_seq > self.trimmed_to {
            let why =
                format!("the records before {} are missing, and none says that they were trimmed", self.first_seq);
            harms.push(Bad::of_missing(Harm::Missing, Seq(1), Seq(self.first_seq - 1), why));
        }
        let beyond = self.said.iter().flat_map(|(size, said)| said.iter().map(move |said| (*size, said))).next_back();
        if let Some((size, said)) = beyond.filter(|(size, said)| *size > last.0 && said.signed_at.is_some() && !broken)
        {
            let why = format!("{} was signed over {size} records, and {last} are here", said.place);
            harms.push(Bad::of_missing(Harm::Cut, Seq(last.0 + 1), Seq(size), why));
        }
        harms.sort_by_key(|bad| bad.from);
        Verdict {
            journal: self.journal_id.map(hex::encode).unwrap_or_default(),
            segments: report.segments,
            records: report.records,
            first: Seq(self.first_seq),
            last,
            checkpoints: self.checkpoints,
            unsealed: last
                .0
                .saturating_sub(self.sealed.as_ref().map_or(self.first_seq.saturating_sub(1), |s| s.records)),
            sealed: self.sealed,
            bodies: self.bodies,
            erased: report.erased_exchanges.len() as u64,
            end: report.end,
            harms,
        }
    }
}

impl Watch for Examiner<'_> {
    fn record(&mut self, header: &Header, payload: &[u8]) -> Result<(), String> {
        if self.first_seq == 0 {
            self.first_seq = header.seq.0;
            self.tree = (header.seq.0 == 1).then(Frontier::default);
        }
        self.look(header, payload).map_err(|(harm, why)| {
            self.harm = Some(harm);
            why
        })?;
        self.behind.push_back(header.chain);
        if self.behind.len() >= 2 * LAG_RECORDS {
            self.follow(LAG_RECORDS);
        }
        Ok(())
    }
}

/// The file of checkpoints that an anchor holds of this journal: the path itself, or the file in a folder of anchors.
///
/// # Errors
/// When the journal's first segment cannot be read.
pub fn anchor_file(anchor: &Path, data: &Path) -> io::Result<PathBuf> {
    if !anchor.is_dir() {
        return Ok(anchor.to_owned());
    }
    let disk = RealDisk::reading(data);
    let names = disk.list(segment::FOLDER)?;
    let first = names.iter().find_map(|name| segment::number_in(name));
    let first = first.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no segment"))?;
    let header = segment::read_header(&disk.open(&segment::path(first))?)?;
    let header = header.map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why.to_string()))?;
    Ok(anchor.join(anchor::file_name(header.journal_id)))
}

/// The data folder that a path means: itself, or what holds the folder of segments.
pub fn data_folder(path: &Path) -> PathBuf {
    let segments = path.file_name().is_some_and(|name| name == segment::FOLDER);
    match path.parent().filter(|_| segments && !path.join(segment::FOLDER).exists()) {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => path.to_owned(),
    }
}
