//! The front of a body file, read by people's tools: nobody needs 100 MB on a screen.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::domain::message::BodyFile;

use super::body_file::{BodyHeader, HEADER_BYTES, STORED_FRAME_BYTES};
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
    let bad = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut components = Path::new(&body.name).components();
    if !matches!((components.next(), components.next()), (Some(std::path::Component::Normal(_)), None)) {
        return Err(bad("a record names no body file of this folder").into());
    }
    let mut file = File::open(data.join(BODIES).join(&body.name))?;
    let mut head = [0; HEADER_BYTES];
    file.read_exact(&mut head)?;
    let header = BodyHeader::decode(&head).ok_or_else(|| bad("it is not a body file"))?;
    let mut frames = header.frames(&keys.key(header.key_slot)?);
    let mut wants = true;
    while wants && frames.count() < body.frames {
        let last = frames.count() + 1 == body.frames;
        let mut frame = Vec::new();
        file.by_ref().take(STORED_FRAME_BYTES as u64).read_to_end(&mut frame)?;
        frames.open(&mut frame, last).map_err(|_| bad("a frame is not what was written"))?;
        wants = visit(&frame);
    }
    Ok(())
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
