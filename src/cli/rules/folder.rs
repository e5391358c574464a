//! A site's packs, read from its folder: PACK/pack.toml, PACK/TOPIC.toml, PACK/codes.txt, PACK/tables/INFNO.txt.

use std::fs;
use std::io;
use std::path::Path;

/// Files in a folder of packs, and bytes of one: more is a wrong folder.
const FILES_MAX: usize = 2000;
const BYTES_MAX: u64 = 4 << 20;
/// Folders inside each other: pack, then tables.
const DEPTH_MAX: usize = 2;

/// The files with their names relative to the folder; or why they cannot be read.
pub(super) fn read(folder: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    below(Path::new(folder), "", 0, &mut found)
        .map_err(|error| format!("{folder} cannot be read: {error}; name a folder that holds PACK/pack.toml"))?;
    if found.iter().any(|(name, _)| name.ends_with("/pack.toml")) {
        Ok(found)
    } else {
        Err(format!("{folder} holds no pack; a pack is a folder with a pack.toml in it"))
    }
}

/// The files of one pack: its folder's name, and the files as they would stand in a folder of packs.
pub(super) fn read_one(folder: &str) -> Result<(String, Vec<(String, String)>), String> {
    let path = Path::new(folder.trim_end_matches(['/', '\\']));
    let name = path.file_name().map_or("pack".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut found = Vec::new();
    below(path, &format!("{name}/"), 1, &mut found).map_err(|error| format!("{folder} cannot be read: {error}"))?;
    Ok((name, found))
}

fn below(folder: &Path, prefix: &str, depth: usize, found: &mut Vec<(String, String)>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let of_file = fs::metadata(entry.path())?;
        if of_file.is_dir() && depth < DEPTH_MAX && !name.starts_with('.') {
            below(&entry.path(), &format!("{prefix}{name}/"), depth + 1, found)?;
        } else if of_file.is_file() && depth > 0 && [".toml", ".txt"].iter().any(|ending| name.ends_with(ending)) {
            if found.len() == FILES_MAX || of_file.len() > BYTES_MAX {
                return Err(io::Error::other(format!(
                    "more than {FILES_MAX} files, or {name} is over {BYTES_MAX} bytes"
                )));
            }
            found.push((format!("{prefix}{name}"), fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}
