//! What is derived from the journal, built again: the views in a scratch folder, the open exchanges and the tree in memory.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::domain::exchange::Seq;
use crate::domain::token::Token;
use crate::evidence::checkpoint::Note;
use crate::evidence::log;
use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::journal::table::Table;
use crate::journal::tree::{Frontier, Hash};
use crate::views::follower::Taking;
use crate::views::read::Views;
use crate::views::{FOLDER, Store};

/// Records and rows of one batch.
const BATCH_RECORDS: u64 = 8_192;
const BATCH_ROWS: usize = 4_096;
/// Looks at views that a gateway goes on writing, before they are left out.
const LOOKS_MAX: usize = 8;

/// What came of comparing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Both are the same.
    Equal,
    /// They are not: as it stands, as it was built again.
    Differs(String, String),
    /// There is nothing to compare with, and why.
    Absent(String),
}

/// What was built again, beside what stands.
pub(super) struct Compared {
    /// The views, and their digest as it was built again.
    pub(super) views: (Verdict, String),
    /// Up to which record the views were compared.
    pub(super) position: Seq,
    /// Open exchanges, snapshots and tree edge, wherever the journal carried them over a roll.
    pub(super) carried: Verdict,
    /// How many times it did.
    pub(super) carries: u64,
    /// The tree beside the last checkpoint.
    pub(super) checkpoint: Verdict,
    /// Exchanges whose end is not known.
    pub(super) open: usize,
    /// Records in the tree, and its root.
    pub(super) tree: (u64, Hash),
}

impl Compared {
    /// True when nothing differs.
    pub(super) fn is_equal(&self) -> bool {
        ![&self.views.0, &self.carried, &self.checkpoint].iter().any(|one| matches!(one, Verdict::Differs(..)))
    }
}

/// Takes every record in order.
pub(super) struct Derived {
    scratch: Scratch,
    store: Store,
    /// Position and digest of the live views.
    live: Result<(Seq, String), String>,
    taken: u64,
    last: Seq,
    table: Table,
    carrying: Option<Carrying>,
    carries: u64,
    carried: Verdict,
    sealed: Option<(u64, Hash)>,
    checkpoint: Verdict,
}

/// What the Carry records of one roll say, until the last of them was read.
struct Carrying {
    seq: Seq,
    open: Vec<Vec<u8>>,
}

impl Derived {
    /// For the journal of a data folder whose index secret is `identity`.
    pub(super) fn new(data: &Path, identity: Token) -> Result<Derived, String> {
        let live = live(&Views::at(&data.join(FOLDER)));
        let scratch = Scratch::new().map_err(|error| format!("no scratch folder for the views: {error}"))?;
        let until = live.as_ref().map_or(Seq::NONE, |(position, _)| *position);
        let store = Store::open(&scratch.0, identity, until).map_err(|error| error.to_string())?;
        let sealed = last_checkpoint(data);
        let checkpoint = match sealed {
            Some((size, _)) => {
                Verdict::Absent(format!("the journal ends before the {size} records of the last checkpoint"))
            }
            None => Verdict::Absent("there is no checkpoint".to_owned()),
        };
        Ok(Derived {
            scratch,
            store,
            live,
            taken: 0,
            last: Seq::NONE,
            table: Table::default(),
            carrying: None,
            carries: 0,
            carried: Verdict::Equal,
            sealed,
            checkpoint,
        })
    }

    /// Where the views are built.
    #[cfg(test)]
    pub(super) fn scratch(&self) -> &Path {
        &self.scratch.0
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), String> {
        self.keep_table(record);
        if self.live.as_ref().map_or(true, |(position, _)| record.header.seq <= *position) {
            self.store.take(record).map_err(|error| error.to_string())?;
            self.taken += 1;
            if BATCH_RECORDS <= self.taken || BATCH_ROWS <= self.store.touched() {
                self.store.commit(record.header.seq).map_err(|error| error.to_string())?;
                self.taken = 0;
            }
        }
        self.last = record.header.seq;
        Ok(())
    }

    /// Compares.
    pub(super) fn end(mut self) -> Result<Compared, String> {
        self.end_carry();
        let position = self.live.as_ref().map_or(self.last, |(position, _)| *position);
        self.store.commit(position.min(self.last)).map_err(|error| error.to_string())?;
        let again = Views::at(&self.scratch.0).digest().map_err(|error| error.to_string())?;
        let views = match &self.live {
            Ok((_, digest)) if *digest == again => Verdict::Equal,
            Ok((_, digest)) => Verdict::Differs(digest.clone(), again.clone()),
            Err(why) => Verdict::Absent(why.clone()),
        };
        let tree = self.table.tree();
        Ok(Compared {
            views: (views, again),
            position,
            carried: self.carried,
            carries: self.carries,
            checkpoint: self.checkpoint,
            open: self.table.open_len(),
            tree: (tree.size(), tree.root()),
        })
    }

    fn keep_table(&mut self, record: &Record) {
        match record.header.known_kind() {
            Some(Kind::Carry) => self.carry(record),
            _ => self.end_carry(),
        }
        self.table.apply(&record.header, record.place, || record.facts.clone());
        self.table.grow(&record.header.chain);
        if let Some((size, root)) = self.sealed.filter(|(size, _)| *size == self.table.tree().size()) {
            let again = self.table.tree().root();
            self.checkpoint = match again == root {
                true => Verdict::Equal,
                false => Verdict::Differs(format!("{size}: {}", hex::encode(root)), hex::encode(again)),
            };
        }
    }

    fn carry(&mut self, record: &Record) {
        // Before a journal whose front was trimmed, nothing is known: the first Carry says it.
        if self.last == Seq::NONE || record.header.seq.0 != self.table.tree().size() + 1 {
            return;
        }
        let seq = record.header.seq;
        if let Some(edge) = record.facts.all(Fact::Frontier).next() {
            self.end_carry();
            self.carries += 1;
            let read = Frontier::decode(seq.0 - 1, edge);
            self.agree(seq, "tree", read.as_ref() == Some(self.table.tree()));
            let said: Vec<_> = record.facts.all_named(Fact::SnapshotRef).collect();
            let ours: Vec<_> =
                self.table.snapshots().map(|(name, seq)| (name.to_owned(), seq.0.to_le_bytes())).collect();
            let same = said.len() == ours.len() && said.iter().zip(&ours).all(|(a, b)| a.0 == b.0 && a.1 == b.1);
            self.agree(seq, "snapshots", same);
            self.carrying = Some(Carrying { seq, open: Vec::new() });
        }
        if let Some(carrying) = &mut self.carrying {
            carrying.open.extend(record.facts.all(Fact::OpenIntent).map(<[u8]>::to_vec));
        }
    }

    fn end_carry(&mut self) {
        if let Some(Carrying { seq, open }) = self.carrying.take() {
            let same = open.iter().eq(self.table.open().map(|exchange| exchange.encode()).collect::<Vec<_>>().iter());
            self.agree(seq, "open exchanges", same);
        }
    }

    fn agree(&mut self, seq: Seq, what: &str, same: bool) {
        if !same && self.carried == Verdict::Equal {
            self.carried = Verdict::Differs(format!("record {seq}"), format!("{what} come out otherwise"));
        }
    }
}

/// Position and digest of views that stand still for as long as the digest takes.
fn live(views: &Views) -> Result<(Seq, String), String> {
    for _ in 0..LOOKS_MAX {
        let before = views.position().map_err(|error| error.to_string())?;
        let Some(position) = before else { return Err("there are no views".to_owned()) };
        let digest = views.digest().map_err(|error| error.to_string())?;
        if views.position().map_err(|error| error.to_string())? == before {
            return Ok((position, digest));
        }
    }
    Err("the gateway writes the views faster than they can be read; try again when it rests".to_owned())
}

/// Size and root that the last checkpoint names; whether it is signed is for `medgate-verify` to say.
fn last_checkpoint(data: &Path) -> Option<(u64, Hash)> {
    let text = std::fs::read_to_string(data.join(log::FILE)).ok()?;
    let (notes, _) = log::split(&text);
    let note = Note::parse(notes.last()?.1).ok()?;
    Some((note.unproven().size, note.unproven().root))
}

/// A folder of our own below the machine's folder for such things; removed when dropped.
struct Scratch(PathBuf);

/// Names that are tried, where one is taken.
const NAMES_MAX: u32 = 64;

impl Scratch {
    fn new() -> io::Result<Scratch> {
        let mut last = io::ErrorKind::AlreadyExists.into();
        for number in 0..NAMES_MAX {
            let dir = std::env::temp_dir().join(format!("medgate-replay-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&dir) {
                Ok(()) => return Ok(Scratch(dir)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _left_to_the_machine = std::fs::remove_dir_all(&self.0);
    }
}
