//! A site's packs, read from its folder: PACK/pack.toml, PACK/TOPIC.toml, PACK/codes.txt, PACK/tables/INFNO.txt.

use std::path::Path;

use crate::config::folder;

/// The files with their names relative to the folder; or why they cannot be read.
pub(super) fn read(of: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    folder::read(Path::new(of), ("", 2), &mut found)
        .map_err(|error| format!("{of} cannot be read: {error}; name a folder that holds PACK/pack.toml"))?;
    // What stands beside the packs belongs to none.
    found.retain(|(name, _)| name.contains('/'));
    if found.iter().any(|(name, _)| name.ends_with("/pack.toml")) {
        Ok(found)
    } else {
        Err(format!("{of} holds no pack; a pack is a folder with a pack.toml in it"))
    }
}

/// The files of one pack: its folder's name, and the files as they would stand in a folder of packs.
pub(super) fn read_one(of: &str) -> Result<(String, Vec<(String, String)>), String> {
    let path = Path::new(of.trim_end_matches(['/', '\\']));
    let name = path.file_name().map_or("pack".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut found = Vec::new();
    folder::read(path, (&format!("{name}/"), 1), &mut found)
        .map_err(|error| format!("{of} cannot be read: {error}"))?;
    Ok((name, found))
}
