//! The profiles that decided, read back from their Snapshots; and one to compare with.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::cli::journal::folder::Folder;
use crate::config::complaint::Complaint;
use crate::config::profiles;
use crate::domain::exchange::Seq;
use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::profile::Profile;

/// Profiles kept at a time. Every start writes a Snapshot, and most hold the same text.
const KEPT_MAX: usize = 16;

type Read = Result<Arc<Profile>, String>;

/// Profiles by the Snapshot that holds them.
#[derive(Default)]
pub(super) struct Profiles {
    kept: BTreeMap<Seq, Read>,
    /// Snapshots whose segment was trimmed, as they were journaled again, by the number that they had; looked for once.
    copies: Option<BTreeMap<Seq, Record>>,
}

impl Profiles {
    /// Takes up a Snapshot that comes by.
    pub(super) fn take(&mut self, snapshot: &Record) {
        if snapshot.facts.text_of(Fact::Name) == Some("profile") {
            let read = self.read(snapshot);
            self.keep(snapshot.header.seq, read);
        }
    }

    /// The profile that a record names.
    pub(super) fn of(&mut self, seq: Seq, folder: &Folder) -> Read {
        if let Some(kept) = self.kept.get(&seq) {
            return kept.clone();
        }
        let read = match folder.record(seq) {
            Ok(Some(snapshot)) if seq != Seq::NONE => self.read(&snapshot),
            Ok(_) if seq < folder.first() => match self.copy_of(seq, folder) {
                Ok(Some(copy)) => self.read(&copy),
                Ok(None) => Err(format!("its profile, record {seq}, was trimmed and not journaled again")),
                Err(why) => Err(why),
            },
            Ok(_) => Err(format!("its profile, record {seq}, is not in the journal")),
            Err(why) => Err(why),
        };
        self.keep(seq, read.clone());
        read
    }

    fn copy_of(&mut self, seq: Seq, folder: &Folder) -> Result<Option<Record>, String> {
        if self.copies.is_none() {
            let mut copies = BTreeMap::new();
            folder.each(Seq::NONE, Seq(u64::MAX), &mut |record| {
                let was = record.facts.number_of(Fact::SnapshotWas);
                if let Some(was) = was.filter(|_| record.header.known_kind() == Some(Kind::Snapshot)) {
                    copies.insert(Seq(was), record);
                }
                ControlFlow::Continue(())
            })?;
            self.copies = Some(copies);
        }
        Ok(self.copies.as_ref().and_then(|copies| copies.get(&seq).cloned()))
    }

    fn read(&self, snapshot: &Record) -> Read {
        let text = snapshot.facts.text_of(Fact::Text).unwrap_or_default();
        let mut known = self.kept.values().flatten();
        if let Some(same) = known.find(|profile| profile.resolved_text() == text) {
            return Ok(Arc::clone(same));
        }
        Profile::of_resolved(text).map(Arc::new).map_err(|complaints| {
            let first = complaints.first().map(ToString::to_string).unwrap_or_default();
            format!("its profile, record {}, cannot be read back: {first}", snapshot.header.seq)
        })
    }

    fn keep(&mut self, seq: Seq, read: Read) {
        if KEPT_MAX <= self.kept.len() {
            self.kept.pop_first();
        }
        self.kept.insert(seq, read);
    }
}

/// A profile by its name, among the built-in ones and the site's; or by its file, before which they stand.
pub(super) fn named(what: &str, folder: &Path) -> Result<Profile, Vec<Complaint>> {
    let file = Path::new(what);
    let is_file = file.extension().is_some_and(|ending| ending == "toml");
    let (folder, name) = match file.file_stem().and_then(|stem| stem.to_str()).filter(|_| is_file) {
        Some(stem) => (file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new(".")), stem),
        None => (folder, what),
    };
    let texts = profiles::texts(folder).map_err(|complaint| vec![complaint])?;
    profiles::load_from(name, &texts)
}
