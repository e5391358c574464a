//! The files of `rules/`, built into the program.

use include_dir::{Dir, DirEntry, include_dir};

static RULES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/rules");

/// The code tables of every transaction.
pub const CODES: &str = "national/codes.txt";
/// The folder of the field tables; ends with `/`.
pub const TABLES: &str = "national/tables/";
/// Which table holds the envelope of every transaction.
pub const ENVELOPE: &str = "envelope";

/// The text of a file, by its name relative to `rules/`.
pub fn built_in(file: &str) -> Option<&'static str> {
    RULES.get_file(file)?.contents_utf8()
}

/// Names of all files with their texts, in order.
pub fn all() -> Vec<(String, &'static str)> {
    fn below(dir: &'static Dir<'static>, found: &mut Vec<(String, &'static str)>) {
        for entry in dir.entries() {
            match entry {
                DirEntry::Dir(dir) => below(dir, found),
                DirEntry::File(file) => {
                    let name = file.path().to_string_lossy().replace('\\', "/");
                    found.extend(file.contents_utf8().map(|text| (name, text)));
                }
            }
        }
    }
    let mut found = Vec::new();
    below(&RULES, &mut found);
    found.sort_unstable();
    found
}

/// The file of a transaction's table; `*` is the envelope.
pub fn table_of(infno: &str) -> String {
    format!("{TABLES}{}.txt", if infno == "*" { ENVELOPE } else { infno })
}

/// Every field table with its transaction, the envelope first.
pub fn tables() -> Vec<(&'static str, &'static str)> {
    let Some(folder) = RULES.get_dir(TABLES.trim_end_matches('/')) else { return Vec::new() };
    let named = |file: &'static include_dir::File<'static>| Some((file.path().file_stem()?.to_str()?, file));
    let mut found: Vec<_> = folder.files().filter_map(named).collect();
    found.sort_unstable_by_key(|(infno, _)| (*infno != ENVELOPE, *infno));
    let text = |file: &'static include_dir::File<'static>| file.contents_utf8().unwrap_or_default();
    found.into_iter().map(|(infno, file)| (if infno == ENVELOPE { "*" } else { infno }, text(file))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the macro saw when the program was built is what stands in the folder.
    #[test]
    fn every_file_of_the_folder_is_built_in() {
        fn below(folder: &std::path::Path, prefix: &str, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).expect("the project has its rules") {
                let path = entry.expect("it can be read").path();
                let name = format!("{prefix}{}", path.file_name().and_then(|name| name.to_str()).unwrap_or_default());
                if path.is_dir() { below(&path, &format!("{name}/"), found) } else { found.push(name) }
            }
        }
        let mut found = Vec::new();
        below(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rules")), "", &mut found);
        found.sort();
        assert_eq!(all().into_iter().map(|(name, _)| name).collect::<Vec<_>>(), found);
    }
}
