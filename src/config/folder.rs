//! A site's own texts: the files of a folder, of profiles or of packs of rules.

use std::fs;
use std::io;
use std::path::Path;

/// Files in a folder, and bytes of one: more is a wrong folder.
const FILES_MAX: usize = 2_000;
const BYTES_MAX: u64 = 8 << 20;

/// Adds the files `.toml` and `.txt` of a folder, and of those in it `deeper` levels down: their names behind `below`, and their texts.
///
/// # Errors
/// What cannot be read, or is too much.
pub fn read(folder: &Path, (below, deeper): (&str, u8), found: &mut Vec<(String, String)>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let (path, of_file) = (entry.path(), fs::metadata(entry.path())?);
        if of_file.is_dir() && deeper > 0 && !name.starts_with('.') {
            read(&path, (&format!("{below}{name}/"), deeper - 1), found)?;
        } else if of_file.is_file() && [".toml", ".txt"].iter().any(|ending| name.ends_with(ending)) {
            if found.len() == FILES_MAX || of_file.len() > BYTES_MAX {
                return Err(io::Error::other(format!(
                    "more than {FILES_MAX} files, or {name} is over {BYTES_MAX} bytes"
                )));
            }
            found.push((format!("{below}{name}"), fs::read_to_string(&path)?));
        }
    }
    Ok(())
}
