//! The front of a body file, read by people's tools: nobody needs 100 MB on a screen.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::domain::message::BodyFile;

use super::body_file::{BodyHeader, FrameCipher, HEADER_BYTES, STORED_FRAME_BYTES};
use super::handle::BODIES;
use super::key_folder::Keys;
use super::keys::KeyError;

/// At least the first `bytes_max` bytes of a body of this data folder, or all of it when it is shorter.
///
/// # Errors
/// When the file or its key is gone, or its bytes are not what was written.
pub fn body_front(data: &Path, keys: &impl Keys, body: &BodyFile, bytes_max: usize) -> Result<Vec<u8>, FrontError> {
    let mut front = Vec::new();
    each_frame(data, keys, body, &mut |frame| {
        front.extend_from_slice(frame);
        front.len() < bytes_max
    })?;
    Ok(front)
}

/// Shows the frames of a body one after the other, as long as `visit` wants more.
///
/// # Errors
/// As [`body_front`].
pub fn each_frame(
    data: &Path,
    keys: &impl Keys,
    body: &BodyFile,
    visit: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<(), FrontError> {
    let mut frames = Frames::open(data, keys, body)?;
    while let Some(frame) = frames.next_frame()? {
        if !visit(&frame) {
            break;
        }
    }
    Ok(())
}

/// A body read from its beginning, a frame in memory at a time.
pub struct Frames {
    file: File,
    cipher: FrameCipher,
    /// How many there are.
    count: u32,
    /// The frame that is being read, and how far.
    frame: (Vec<u8>, usize),
}

impl Frames {
    /// Opens a body of this data folder.
    ///
    /// # Errors
    /// As [`body_front`].
    pub fn open(data: &Path, keys: &impl Keys, body: &BodyFile) -> Result<Frames, FrontError> {
        let mut components = Path::new(&body.name).components();
        if !matches!((components.next(), components.next()), (Some(std::path::Component::Normal(_)), None)) {
            return Err(bad("a record names no body file of this folder").into());
        }
        let mut file = File::open(data.join(BODIES).join(&body.name))?;
        let mut head = [0; HEADER_BYTES];
        file.read_exact(&mut head)?;
        let header = BodyHeader::decode(&head).ok_or_else(|| bad("it is not a body file"))?;
        let cipher = header.frames(&keys.key(header.key_slot)?);
        Ok(Frames { file, cipher, count: body.frames, frame: (Vec::new(), 0) })
    }

    fn next_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.count <= self.cipher.count() {
            return Ok(None);
        }
        let last = self.cipher.count() + 1 == self.count;
        let mut frame = Vec::new();
        self.file.by_ref().take(STORED_FRAME_BYTES as u64).read_to_end(&mut frame)?;
        self.cipher.open(&mut frame, last).map_err(|_| bad("a frame is not what was written"))?;
        Ok(Some(frame))
    }
}

impl Read for Frames {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.frame.1 == self.frame.0.len() {
            match self.next_frame()? {
                Some(frame) => self.frame = (frame, 0),
                None => return Ok(0),
            }
        }
        let (frame, at) = &mut self.frame;
        let read = out.len().min(frame.len() - *at);
        out[..read].copy_from_slice(&frame[*at..*at + read]);
        *at += read;
        Ok(read)
    }
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Why there is no front.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// Its key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file.
    #[error(transparent)]
    Io(#[from] io::Error),
}
