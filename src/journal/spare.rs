//! The spare segment: a zero-filled file that stands ready, so that a sync writes no file system metadata
//! and a full disk cannot strike what was promised room.

use std::io::{self, ErrorKind};

use super::disk::{Disk, DiskFile};

/// Folder of the spare; `journal/` holds evidence only.
pub const FOLDER: &str = "spare";
/// The spare that stands ready.
pub const READY: &str = "spare/ready.seg";
/// One that is being filled.
pub const FILLING: &str = "spare/filling.seg";

const CHUNK_BYTES: usize = 1024 * 1024;

/// How a spare is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Each chunk is synced before the next, so that the writer's syncs never wait behind much of it.
    Gentle,
    /// At once: someone waits for it.
    Urgent,
}

/// Makes the ready spare, unless a good one stands there; stops early, with `Interrupted`, when `go_on` says no.
///
/// # Errors
/// What the disk says; a part-filled file is removed so that its room is given back.
pub fn make<D: Disk>(disk: &D, bytes: u64, pace: Pace, go_on: impl Fn() -> bool) -> io::Result<()> {
    if stands_ready(disk, bytes)? {
        return Ok(());
    }
    remove(disk, READY)?;
    remove(disk, FILLING)?;
    let filled = fill(disk, bytes, pace, go_on);
    if filled.is_err() {
        remove(disk, FILLING)?;
    }
    filled?;
    disk.rename(FILLING, READY)?;
    disk.sync_folder(FOLDER)
}

fn fill<D: Disk>(disk: &D, bytes: u64, pace: Pace, go_on: impl Fn() -> bool) -> io::Result<()> {
    let file = disk.create(FILLING)?;
    let zeros = vec![0; CHUNK_BYTES.min(bytes as usize)];
    let mut at = 0;
    while at < bytes {
        if !go_on() {
            return Err(ErrorKind::Interrupted.into());
        }
        let len = zeros.len().min((bytes - at) as usize);
        file.write_all_at(&zeros[..len], at)?;
        if pace == Pace::Gentle {
            file.sync()?;
        }
        at += len as u64;
    }
    file.sync()
}

/// A spare that a broken roll wrote into must not be used again: it must be zero throughout.
fn stands_ready<D: Disk>(disk: &D, bytes: u64) -> io::Result<bool> {
    let file = match disk.open(READY) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    Ok(file.len()? == bytes && super::walk::written_end(&file, 0, bytes)? == 0)
}

/// Removes a file that may be absent.
///
/// # Errors
/// What the disk says.
pub fn remove<D: Disk>(disk: &D, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
