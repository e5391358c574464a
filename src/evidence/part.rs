//! A stretch of a file, read as a file of its own: a segment as far as the next one vouches for it, or inside an archive.

use std::fs::File;
use std::io;

use crate::journal::disk::DiskFile;

/// Never written.
pub(super) struct Part {
    pub(super) file: File,
    /// Where it begins.
    pub(super) from: u64,
    /// Its length in bytes.
    pub(super) len: u64,
}

impl DiskFile for Part {
    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = into.len().min(left);
        self.file.read_at(&mut into[..want], self.from + offset)
    }

    fn cut(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }
}
