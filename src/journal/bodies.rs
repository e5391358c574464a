//! Large bodies: one encrypted file each in `journal/bodies/`, written as they come, durable before they are named.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sm3::{Digest, Sm3};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use crate::domain::exchange::ExchangeId;
use crate::domain::message::BodyFile;

use super::body_file::{BodyHeader, FRAME_BYTES, FrameCipher, HEADER_BYTES, SALT_BYTES, STORED_FRAME_BYTES};
use super::cipher::Cipher;
use super::entropy::Entropy;
use super::keys::{KeyError, KeyPool};

pub use super::body_file::Side;

/// Ending of a body that is not whole yet.
const UNFINISHED: &str = "part";
/// Bodies synced at the same time; more would starve the journal's own syncs.
const SYNCS_MAX: usize = 4;

/// The folder of body files.
#[derive(Clone)]
pub struct Bodies(Arc<Folder>);

struct Folder {
    dir: PathBuf,
    cipher: Cipher,
    pool: Arc<KeyPool>,
    entropy: Arc<dyn Entropy>,
    syncs: Semaphore,
}

impl Bodies {
    /// Opens the folder, making it where it is missing, and removes bodies that an earlier run did not finish.
    ///
    /// # Errors
    /// When the folder cannot be made, read or cleaned.
    pub fn open(dir: &Path, cipher: Cipher, pool: Arc<KeyPool>, entropy: Arc<dyn Entropy>) -> io::Result<Bodies> {
        std::fs::create_dir_all(dir)?;
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == UNFINISHED) {
                std::fs::remove_file(path)?;
            }
        }
        let syncs = Semaphore::new(SYNCS_MAX);
        Ok(Bodies(Arc::new(Folder { dir: dir.to_owned(), cipher, pool, entropy, syncs })))
    }

    /// Begins the body of one side of an exchange, under the key slot of that exchange.
    ///
    /// # Errors
    /// When there is no key, or the file cannot be made.
    pub async fn create(&self, exchange: ExchangeId, side: Side, slot: u64) -> io::Result<BodyWriter> {
        let mut salt = [0; SALT_BYTES];
        self.0.entropy.fill(&mut salt)?;
        let header = BodyHeader { cipher: self.0.cipher, side, exchange, key_slot: slot, salt };
        let frames = header.frames(&self.0.pool.key(slot).map_err(io::Error::other)?);
        let name = header.file_name();
        let unfinished = Unfinished(Some(self.0.dir.join(format!("{name}.{UNFINISHED}"))));
        let file = File::create(unfinished.path()).await?;
        let mut writer = BodyWriter {
            folder: Arc::clone(&self.0),
            name,
            file,
            frames,
            held: Vec::with_capacity(STORED_FRAME_BYTES),
            digest: Sm3::new(),
            stored_len: 0,
            raw_len: 0,
            unfinished,
        };
        writer.file.set_max_buf_size(STORED_FRAME_BYTES);
        writer.store(&header.encode()).await?;
        Ok(writer)
    }

    /// Opens a body for reading; what the record says of it is checked as far as it can be without reading on.
    ///
    /// # Errors
    /// When the file is missing, of another length, not a body file, or its key is gone.
    pub async fn read(&self, body: &BodyFile) -> Result<BodyReader, BodyError> {
        let mut file = File::open(self.path_of(body)?).await?;
        if file.metadata().await?.len() != body.stored_len || !lengths_agree(body) {
            return Err(BodyError::Length);
        }
        let mut head = [0; HEADER_BYTES];
        file.read_exact(&mut head).await?;
        let header = BodyHeader::decode(&head).ok_or(BodyError::Header)?;
        let frames = header.frames(&self.0.pool.key(header.key_slot)?);
        let mut digest = Sm3::new();
        digest.update(head);
        Ok(BodyReader { file, frames, digest, body: body.clone(), failed: false })
    }

    /// Removes a finished body that no record will name: its exchange was refused before its INTENT.
    ///
    /// # Errors
    /// When the file is missing or cannot be removed.
    pub async fn remove(&self, body: &BodyFile) -> Result<(), BodyError> {
        Ok(fs::remove_file(self.path_of(body)?).await?)
    }

    fn path_of(&self, body: &BodyFile) -> Result<PathBuf, BodyError> {
        // A name with a folder in it was never written by us.
        let plain = Path::new(&body.name).file_name().is_some_and(|name| name == body.name.as_str());
        if plain { Ok(self.0.dir.join(&body.name)) } else { Err(BodyError::Header) }
    }
}

/// A body being written. Dropped without [`BodyWriter::finish`], it leaves nothing behind.
pub struct BodyWriter {
    folder: Arc<Folder>,
    name: String,
    file: File,
    frames: FrameCipher,
    /// Body bytes of the next frame; kept back until it is known whether it is the last.
    held: Vec<u8>,
    digest: Sm3,
    stored_len: u64,
    raw_len: u64,
    unfinished: Unfinished,
}

impl BodyWriter {
    /// Adds bytes; waits for the disk, so that a fast sender is slowed.
    ///
    /// # Errors
    /// When the disk fails or is full; the body is lost then.
    pub async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.held.len() == FRAME_BYTES {
                self.store_frame(false).await?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(FRAME_BYTES - self.held.len()));
            self.held.extend_from_slice(now);
            self.raw_len += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// Ends the body and makes it durable, file and folder.
    ///
    /// # Errors
    /// As [`BodyWriter::write`].
    pub async fn finish(mut self) -> io::Result<BodyFile> {
        self.store_frame(true).await?;
        self.file.flush().await?;
        let _turn = self.folder.syncs.acquire().await.map_err(io::Error::other)?;
        self.file.sync_all().await?;
        let whole = self.folder.dir.join(&self.name);
        fs::rename(self.unfinished.path(), &whole).await?;
        self.unfinished.0 = Some(whole);
        File::open(&self.folder.dir).await?.sync_all().await?;
        self.unfinished.0 = None;
        Ok(BodyFile {
            name: std::mem::take(&mut self.name),
            stored_len: self.stored_len,
            raw_len: self.raw_len,
            digest: self.digest.clone().finalize().into(),
            frames: self.frames.count(),
        })
    }

    /// Gives the body up and removes what was written.
    pub fn abandon(self) {
        drop(self);
    }

    async fn store_frame(&mut self, last: bool) -> io::Result<()> {
        let mut frame = std::mem::take(&mut self.held);
        self.frames.seal(&mut frame, last);
        self.store(&frame).await?;
        frame.clear();
        self.held = frame;
        Ok(())
    }

    async fn store(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.stored_len += bytes.len() as u64;
        self.file.write_all(bytes).await
    }
}

/// The path of a file that goes away unless it is finished.
struct Unfinished(Option<PathBuf>);

impl Unfinished {
    fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // What cannot be removed now is removed at the next opening.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A body being read back, frame by frame.
pub struct BodyReader {
    file: File,
    frames: FrameCipher,
    digest: Sm3,
    body: BodyFile,
    failed: bool,
}

impl BodyReader {
    /// The next bytes, up to 64 KiB; `None` after the last. The last are given only when the whole file has the digest
    /// that its record names.
    ///
    /// # Errors
    /// When a byte is not what was written or the disk fails; then the body has ended.
    pub async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        if self.failed || self.frames.count() == self.body.frames {
            return None;
        }
        let read = self.read_frame().await;
        self.failed = read.is_err();
        Some(read)
    }

    async fn read_frame(&mut self) -> Result<Bytes, BodyError> {
        let number = self.frames.count();
        let before = HEADER_BYTES as u64 + u64::from(number) * STORED_FRAME_BYTES as u64;
        let left = self.body.stored_len - before;
        let last = number + 1 == self.body.frames;
        let mut frame = vec![0; left.min(STORED_FRAME_BYTES as u64) as usize];
        self.file.read_exact(&mut frame).await?;
        self.digest.update(&frame);
        self.frames.open(&mut frame, last).map_err(|_| BodyError::Frame(number))?;
        if last && <[u8; 32]>::from(self.digest.clone().finalize()) != self.body.digest {
            return Err(BodyError::Digest);
        }
        Ok(Bytes::from(frame))
    }
}

/// True when frames, stored and raw length of a reference say the same.
fn lengths_agree(body: &BodyFile) -> bool {
    let frames = body.raw_len.div_ceil(FRAME_BYTES as u64).max(1);
    let tags = frames * (STORED_FRAME_BYTES - FRAME_BYTES) as u64;
    u64::from(body.frames) == frames && body.raw_len.checked_add(tags + HEADER_BYTES as u64) == Some(body.stored_len)
}

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The file is longer or shorter than its record says.
    #[error("body file has another length than its record says")]
    Length,
    /// Not a body file, or of another version.
    #[error("body file header cannot be read")]
    Header,
    /// A frame is not what was written.
    #[error("frame {0} of the body file is damaged")]
    Frame(u32),
    /// The file is not the one that its record names.
    #[error("body file digest differs")]
    Digest,
    /// Its key is destroyed, damaged or missing.
    #[error("no key to open it with: {0}")]
    Key(#[from] KeyError),
    /// The disk failed.
    #[error("body file cannot be read")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entropy::SeededEntropy;
    use crate::journal::pool_key::PoolKey;

    struct Place {
        dir: tempfile::TempDir,
        pool: Arc<KeyPool>,
    }

    impl Place {
        fn new() -> Place {
            let dir = tempfile::tempdir().unwrap();
            let pool =
                KeyPool::open(&dir.path().join("keys"), 4, PoolKey::for_tests(1), Arc::new(SeededEntropy::new(1)));
            let pool = pool.unwrap();
            Place { dir, pool: Arc::new(pool) }
        }

        fn bodies(&self, cipher: Cipher) -> Bodies {
            let entropy = Arc::new(SeededEntropy::new(2));
            Bodies::open(&self.dir.path().join("bodies"), cipher, Arc::clone(&self.pool), entropy).unwrap()
        }

        fn files(&self) -> Vec<String> {
            let listed = std::fs::read_dir(self.dir.path().join("bodies")).unwrap();
            listed.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    const EXCHANGE: ExchangeId = ExchangeId([3; 16]);

    async fn write(bodies: &Bodies, body: &[u8], chunk: usize) -> BodyFile {
        let mut writer = bodies.create(EXCHANGE, Side::Req, 1).await.unwrap();
        for chunk in body.chunks(chunk) {
            writer.write(chunk).await.unwrap();
        }
        writer.finish().await.unwrap()
    }

    async fn read(bodies: &Bodies, body: &BodyFile) -> Result<Vec<u8>, BodyError> {
        let mut reader = bodies.read(body).await?;
        let mut out = Vec::new();
        while let Some(bytes) = reader.next().await {
            out.extend_from_slice(&bytes?);
        }
        Ok(out)
    }

    #[tokio::test]
    async fn any_length_comes_back_and_nothing_of_it_is_readable_on_disk() {
        let place = Place::new();
        for cipher in [Cipher::Sm4Gcm, Cipher::Aes256Gcm] {
            let bodies = place.bodies(cipher);
            for len in [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES, 200_000] {
                let raw: Vec<u8> = b"psn_no=110101199003077777;".iter().copied().cycle().take(len).collect();
                let body = write(&bodies, &raw, 70_001).await;
                assert_eq!(body.raw_len, len as u64);
                assert_eq!(read(&bodies, &body).await.unwrap(), raw, "{len} bytes");
                let stored = std::fs::read(place.dir.path().join("bodies").join(&body.name)).unwrap();
                assert_eq!(stored.len() as u64, body.stored_len);
                assert_eq!(<[u8; 32]>::from(Sm3::digest(&stored)), body.digest);
                assert!(!stored.windows(18).any(|window| window == b"110101199003077777"));
            }
        }
    }

    #[tokio::test]
    async fn a_changed_cut_or_swapped_file_is_noticed() {
        let place = Place::new();
        let bodies = place.bodies(Cipher::Sm4Gcm);
        let raw = vec![7; 2 * FRAME_BYTES + 5];
        let first = write(&bodies, &raw, 4096).await;
        let path = place.dir.path().join("bodies").join(&first.name);
        let good = std::fs::read(&path).unwrap();
        for at in (0..HEADER_BYTES).chain((HEADER_BYTES..good.len()).step_by(4099)).chain([good.len() - 1]) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, bad).unwrap();
            assert!(read(&bodies, &first).await.is_err(), "byte {at} flipped unnoticed");
        }
        std::fs::write(&path, &good[..good.len() - 5 - 16]).unwrap();
        assert!(matches!(read(&bodies, &first).await, Err(BodyError::Length)));
        let cut =
            BodyFile { stored_len: first.stored_len - 21, raw_len: first.raw_len - 5, frames: 2, ..first.clone() };
        assert!(matches!(read(&bodies, &cut).await, Err(BodyError::Frame(1))));
        // The same exchange, side, slot and length, written anew: its frames open, but it is not the file that was named.
        write(&bodies, &raw, 4096).await;
        assert!(matches!(read(&bodies, &first).await, Err(BodyError::Digest)));
        let outside = BodyFile { name: "../keys/index.secret".to_owned(), ..first };
        assert!(matches!(read(&bodies, &outside).await, Err(BodyError::Header)));
    }

    #[tokio::test]
    async fn an_unfinished_body_leaves_nothing() {
        let place = Place::new();
        let bodies = place.bodies(Cipher::Sm4Gcm);
        let mut given_up = bodies.create(EXCHANGE, Side::Ans, 1).await.unwrap();
        given_up.write(&[1; 3 * FRAME_BYTES]).await.unwrap();
        assert_eq!(place.files(), [format!("{EXCHANGE}.ans.part")]);
        given_up.abandon();
        assert!(place.files().is_empty());
        // A kill leaves the unfinished file; the next opening removes it and nothing else.
        let kept = write(&bodies, b"whole", 5).await;
        std::fs::write(place.dir.path().join("bodies").join("killed.req.part"), b"half").unwrap();
        let bodies = place.bodies(Cipher::Sm4Gcm);
        assert_eq!(place.files(), std::slice::from_ref(&kept.name));
        bodies.remove(&kept).await.unwrap();
        assert!(place.files().is_empty());
        assert!(bodies.create(EXCHANGE, Side::Req, 99).await.is_err(), "no such slot");
    }
}
