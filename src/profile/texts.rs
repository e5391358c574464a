//! Where profile texts come from: built into the program, and whatever a site put in front of them.

use crate::domain::spec;

macro_rules! built_in {
    ($($file:literal),* $(,)?) => { &[$(($file, include_str!(concat!("../../profiles/", $file)))),*] };
}

/// A test lists the folder and finds each file here.
const EMBEDDED: &[(&str, &str)] = built_in![
    "baseline.toml",
    "baseline/dictionary.toml",
    "baseline/personal.txt",
    "baseline/transactions.toml",
    "guangdong.toml",
    "guangxi.toml",
    "hebei.toml",
    "hunan.toml",
    "jiangsu.toml",
    "jiangxi.toml",
    "jiangxi/dicts.txt",
    "jilin.toml",
    "shaanxi.toml",
    "zhejiang.toml",
];

/// Profile files by name, with `/` between folder and file.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    folder: String,
    in_front: Vec<(String, String)>,
    /// Nothing stands behind them.
    alone: bool,
}

impl Texts {
    /// The built-in files only.
    pub fn embedded() -> Texts {
        Texts::default()
    }

    /// A site's files stand in front of the built-in ones: (name relative to its folder, text).
    pub fn with(in_front: Vec<(String, String)>) -> Texts {
        Texts { folder: "profiles".to_owned(), in_front, alone: false }
    }

    /// A site's files with the folder that they were read from.
    pub fn of_folder(folder: &str, in_front: Vec<(String, String)>) -> Texts {
        Texts { folder: folder.trim_end_matches('/').to_owned(), in_front, alone: false }
    }

    /// These files, and no built-in one: a journal keeps texts that this program may have in another version.
    pub(super) fn alone(in_front: Vec<(String, String)>) -> Texts {
        Texts { folder: "Snapshot".to_owned(), in_front, alone: true }
    }

    /// The text of a file.
    pub fn of(&self, file: &str) -> Option<&str> {
        let own = self.in_front.iter().find(|(name, _)| name == file).map(|(_, text)| text.as_str());
        own.or_else(|| built_in(file).filter(|_| !self.alone))
    }

    /// True for a folder of field tables, one file per transaction; its name ends with `/`.
    pub fn is_folder(&self, name: &str) -> bool {
        let holds = |(file, _): &(String, String)| file.starts_with(name);
        name.ends_with('/') && (name == spec::texts::TABLES || self.in_front.iter().any(holds))
    }

    /// The field table of a transaction: its file and its text, out of a file of many or a folder of one each.
    pub fn table<'t>(&'t self, said: &str, infno: &str) -> Option<(String, &'t str)> {
        let file = if said.ends_with('/') { format!("{said}{infno}.txt") } else { said.to_owned() };
        self.of(&file).map(|text| (file, text))
    }

    /// True for a file of the site.
    pub fn is_own(&self, file: &str) -> bool {
        self.in_front.iter().any(|(name, _)| name == file)
    }

    /// The file as people find it: in the site's folder, or in the project's `profiles/`.
    pub fn shown(&self, file: &str) -> String {
        let shared = spec::texts::built_in(file).is_some();
        let folder = if self.is_own(file) {
            self.folder.as_str()
        } else if shared {
            "rules"
        } else {
            "profiles"
        };
        format!("{folder}/{file}")
    }

    /// Names of all files, built-in ones too.
    pub fn files(&self) -> Vec<&str> {
        let all = self.in_front.iter().map(|(name, _)| name.as_str()).chain(EMBEDDED.iter().map(|(name, _)| *name));
        let mut files: Vec<&str> = all.collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Names of all profiles, without `.toml`.
    pub fn names(&self) -> Vec<&str> {
        let profiles = self.files().into_iter().filter(|name| !name.contains('/'));
        profiles.filter_map(|name| name.strip_suffix(".toml")).collect()
    }

    /// Names of the site's own profiles, without `.toml`.
    pub fn own_names(&self) -> Vec<&str> {
        self.names().into_iter().filter(|name| self.is_own(&format!("{name}.toml"))).collect()
    }
}

/// The text of a built-in file; the tables of fields and codes stand in `rules/`.
pub(super) fn built_in(file: &str) -> Option<&'static str> {
    let own = EMBEDDED.iter().find(|(name, _)| *name == file).map(|(_, text)| *text);
    own.or_else(|| spec::texts::built_in(file))
}
