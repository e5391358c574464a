//! The narrow face to the disk: everything that the writer, recovery and index ask of it.
//!
//! Names are relative to the data folder (`journal/0000000001.seg`). The simulated disk stands in `sandbox/disk.rs`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A folder of files that can be named, listed and made durable.
pub trait Disk: Send + Sync + 'static {
    /// An open file.
    type File: DiskFile;

    /// Makes a new, empty file; an existing one is an error. The name is durable after [`Disk::sync_folder`].
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Opens an existing file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Renames, replacing what stood under the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Takes a name away.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Names of the plain files in a folder, sorted, without the folder's own name; an absent folder is empty.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    /// Makes a folder durable; an existing one is left alone.
    fn make_folder(&self, folder: &str) -> io::Result<()>;
    /// Makes creates, renames and removes in a folder survive a power cut.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;
}

/// An open file of a [`Disk`].
pub trait DiskFile: Send + Sync + 'static {
    /// Writes at `offset`; may write less than asked.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Reads at `offset`; may read less than asked, 0 at the end.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Makes the file exactly `len` bytes long.
    fn cut(&self, len: u64) -> io::Result<()>;
    /// Returns once every earlier write and cut of this file survives a power cut.
    fn sync(&self) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// True when there is no byte.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// Writes all of `bytes`.
    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    offset += written as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fills `into` as far as the file reaches; returns the bytes read.
    fn read_full_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() {
            match self.read_at(&mut into[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Fills `into`, or fails when the file ends before.
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        if self.read_full_at(into, offset)? == into.len() { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }
}

/// Writes a whole file so that after a power cut either the old or the new one stands there.
///
/// # Errors
/// Whatever the disk says; the old file is untouched then.
pub fn replace_file<D: Disk>(disk: &D, folder: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (temporary, target) = (format!("{folder}/{name}.tmp"), format!("{folder}/{name}"));
    match disk.remove(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&temporary)?;
    file.write_all_at(bytes, 0)?;
    file.sync()?;
    disk.rename(&temporary, &target)?;
    disk.sync_folder(folder)
}

/// A folder of the machine's file system.
#[derive(Debug, Clone)]
pub struct RealDisk {
    root: PathBuf,
    writes: bool,
}

impl RealDisk {
    /// Files below `root`, which need not exist yet.
    pub fn at(root: &Path) -> RealDisk {
        RealDisk { root: root.to_path_buf(), writes: true }
    }

    /// Files below `root` to be read only: a copy on a medium that nobody may write to.
    pub fn reading(root: &Path) -> RealDisk {
        RealDisk { root: root.to_path_buf(), writes: false }
    }
}

impl Disk for RealDisk {
    type File = File;

    fn create(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(self.root.join(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(self.writes).open(self.root.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(name))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.root.join(folder)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn make_folder(&self, folder: &str) -> io::Result<()> {
        let path = self.root.join(folder);
        if path.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(&path)?;
        // The new name must survive too, and so must the names above it that were made with it.
        path.ancestors().skip(1).take(3).filter(|above| above.is_dir()).try_for_each(sync_path)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        sync_path(&self.root.join(folder))
    }
}

fn sync_path(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, into, offset)
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.metadata().map(|meta| meta.len())
    }
}
