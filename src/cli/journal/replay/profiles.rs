//! The profiles that decided, read back from their Snapshots; and one to compare with.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::cli::journal::folder::Folder;
use crate::config::complaint::Complaint;
use crate::config::profiles;
use crate::domain::exchange::Seq;
use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::profile::Profile;

/// Profiles kept at a time. Every start writes a Snapshot, and most hold the same text.
const KEPT_MAX: usize = 16;

type Read = Result<Arc<Profile>, String>;

/// Profiles by the Snapshot that holds them.
#[derive(Default)]
pub(super) struct Profiles {
    kept: BTreeMap<Seq, Read>,
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
            Ok(_) => Err(format!("its profile, record {seq}, is not in the journal")),
            Err(why) => Err(why),
        };
        self.keep(seq, read.clone());
        read
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
