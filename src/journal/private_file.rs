//! Small secret files: readable by their owner only, and on disk whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Ending of a file that is not whole yet.
const UNFINISHED: &str = "part";

/// Makes sure that `dir` exists, lets nobody but its owner in, and holds no unfinished file of an earlier run.
///
/// # Errors
/// When the folder cannot be made, or when others may enter it: `PermissionDenied`, with the cure.
pub fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    if fs::metadata(dir)?.permissions().mode() & 0o077 != 0 {
        let text = format!("others may enter {}; run: chmod 700 {}", dir.display(), dir.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == UNFINISHED) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Puts a new file in place: written, synced, renamed, folder synced.
///
/// # Errors
/// Any error of these steps; then the file may be missing but is never half.
pub fn place(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = dir.join(format!("{name}.{UNFINISHED}"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, dir.join(name))?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_may_enter_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        private_dir(&keys).unwrap();
        place(&keys, "secret", b"x").unwrap();
        assert_eq!(fs::metadata(keys.join("secret")).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(keys.join("half.part"), b"y").unwrap();
        private_dir(&keys).unwrap();
        assert!(!keys.join("half.part").exists());
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(private_dir(&keys).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
