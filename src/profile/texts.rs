//! Where profile texts come from: built into the program, and whatever a site put in front of them.

use std::borrow::Cow;

const EMBEDDED: [(&str, &str); 8] = [
    ("baseline.toml", include_str!("../../profiles/baseline.toml")),
    ("baseline/transactions.toml", include_str!("../../profiles/baseline/transactions.toml")),
    ("guangdong.toml", include_str!("../../profiles/guangdong.toml")),
    ("hunan.toml", include_str!("../../profiles/hunan.toml")),
    ("jiangxi.toml", include_str!("../../profiles/jiangxi.toml")),
    ("jiangsu.toml", include_str!("../../profiles/jiangsu.toml")),
    ("zhejiang.toml", include_str!("../../profiles/zhejiang.toml")),
    ("jilin.toml", include_str!("../../profiles/jilin.toml")),
];

/// Profile files by name, with `/` between folder and file.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    in_front: Vec<(String, String)>,
}

impl Texts {
    /// The built-in files only.
    pub fn embedded() -> Texts {
        Texts::default()
    }

    /// A site's files stand in front of the built-in ones: (name relative to its folder, text).
    pub fn with(in_front: Vec<(String, String)>) -> Texts {
        Texts { in_front }
    }

    /// The text of a file.
    pub fn of(&self, file: &str) -> Option<Cow<'_, str>> {
        let own = self.in_front.iter().find(|(name, _)| name == file).map(|(_, text)| text.as_str());
        own.or_else(|| EMBEDDED.iter().find(|(name, _)| *name == file).map(|(_, text)| *text)).map(Cow::Borrowed)
    }

    /// Names of all profiles, without `.toml`.
    pub fn names(&self) -> Vec<&str> {
        let all = self.in_front.iter().map(|(name, _)| name.as_str()).chain(EMBEDDED.iter().map(|(name, _)| *name));
        let mut names: Vec<&str> =
            all.filter(|name| !name.contains('/')).filter_map(|name| name.strip_suffix(".toml")).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
