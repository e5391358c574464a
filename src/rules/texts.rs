//! Where rule texts come from: built into the program, and whatever a site put in front of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::domain::spec::texts::all;

/// The files of all packs by name, with `/` between pack and file.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    folder: String,
    files: BTreeMap<String, (Cow<'static, str>, bool)>,
}

impl Texts {
    /// The built-in packs only.
    pub fn embedded() -> Texts {
        Texts::of_folder("rules", Vec::new())
    }

    /// A site's files, named relative to its folder, in front of the built-in ones.
    pub fn of_folder(folder: &str, in_front: Vec<(String, String)>) -> Texts {
        let built_in = all().into_iter().map(|(name, text)| (name, (Cow::Borrowed(text), false)));
        let own = in_front.into_iter().map(|(name, text)| (name, (Cow::Owned(text), true)));
        Texts { folder: folder.trim_end_matches('/').to_owned(), files: built_in.chain(own).collect() }
    }

    /// These files and no built-in one.
    pub fn alone(folder: &str, files: Vec<(String, String)>) -> Texts {
        let files = files.into_iter().map(|(name, text)| (name, (Cow::Owned(text), true))).collect();
        Texts { folder: folder.trim_end_matches('/').to_owned(), files }
    }

    /// The text of a file.
    pub fn of(&self, file: &str) -> Option<&str> {
        self.files.get(file).map(|(text, _)| text.as_ref())
    }

    /// True for a file of the site.
    pub fn is_own(&self, file: &str) -> bool {
        self.files.get(file).is_some_and(|(_, own)| *own)
    }

    /// The file as people find it: in the site's folder, or in the project's `rules/`.
    pub fn shown(&self, file: &str) -> String {
        format!("{}/{file}", if self.is_own(file) { self.folder.as_str() } else { "rules" })
    }

    /// Names of the packs: folders that hold a `pack.toml`; the national one first.
    pub fn packs(&self) -> Vec<&str> {
        let mut packs: Vec<&str> = self.files.keys().filter_map(|file| file.strip_suffix("/pack.toml")).collect();
        packs.sort_by_key(|pack| (*pack != "national", *pack));
        packs
    }

    /// The files of a pack, in order.
    pub fn of_pack<'t>(&'t self, pack: &'t str) -> impl Iterator<Item = (&'t str, &'t str)> {
        let files = self
            .files
            .iter()
            .filter(move |(name, _)| name.strip_prefix(pack).is_some_and(|rest| rest.starts_with('/')));
        files.map(|(name, (text, _))| (name.as_str(), text.as_ref()))
    }
}
