//! The file of all checkpoints, `journal/checkpoints`: notes one after the other, an empty line behind each.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::checkpoint::{NOTE_BYTES_MAX, Note};

/// The file, below the data folder.
pub const FILE: &str = "journal/checkpoints";
/// Divides the text of a note from its signatures, and a note from the next one.
const EMPTY_LINE: &str = "\n\n";
/// How a signature line begins: an empty line behind one of them ends a note.
const SIGNATURE: &str = "— ";

/// Appends notes.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
}

impl Log {
    /// The log of a data folder. A note that a power cut tore is cut off: only what is durable here is copied anywhere.
    ///
    /// # Errors
    /// When the file cannot be read or cut.
    pub fn open(data: &Path) -> io::Result<Log> {
        let path = data.join(FILE);
        match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            file => cut_torn(&mut file?)?,
        }
        Ok(Log { path })
    }

    /// Appends a note; durable when this returns.
    ///
    /// # Errors
    /// What the machine says; then the note is not there.
    pub fn append(&self, note: &str) -> io::Result<()> {
        append(&self.path, note)
    }
}

/// Appends a note to a file of notes, which is made when absent; durable when this returns.
///
/// # Errors
/// What the machine says; then the note is taken back as far as the machine allows.
pub fn append(path: &Path, note: &str) -> io::Result<()> {
    let made = !path.exists();
    let mut file = OpenOptions::new().append(true).create(true).mode(0o644).open(path)?;
    let end = file.metadata()?.len();
    let written = file.write_all(format!("{note}\n").as_bytes()).and_then(|()| file.sync_data());
    if let Err(error) = written {
        let _ = file.set_len(end);
        return Err(error);
    }
    match path.parent().filter(|_| made) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The notes of a file with the offset of each, and what stands behind the last whole one.
pub fn split(text: &str) -> (Vec<(usize, &str)>, &str) {
    let (mut notes, mut from) = (Vec::new(), 0);
    loop {
        let end = text[from..].find(EMPTY_LINE).and_then(|middle| {
            let signatures = from + middle + EMPTY_LINE.len();
            text[signatures..].find(EMPTY_LINE).map(|end| signatures + end + 1)
        });
        let Some(end) = end else { return (notes, &text[from..]) };
        notes.push((from, &text[from..end]));
        from = end + 1;
    }
}

/// The most records that any note in the last bytes of a file speaks of; what is no whole note there is passed over. Reads
/// note by note, so that a file of many years needs no memory.
///
/// # Errors
/// What the machine says.
pub fn largest(path: &Path, last_bytes: u64) -> io::Result<Option<u64>> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(last_bytes);
    file.seek(SeekFrom::Start(from))?;
    let mut lines = BufReader::new(file);
    let (mut note, mut signed, mut largest) = (Vec::new(), false, None);
    loop {
        let begins = note.len();
        if lines.by_ref().take(NOTE_BYTES_MAX as u64).read_until(b'\n', &mut note)? == 0 {
            return Ok(largest);
        }
        if signed && note[begins..] == *b"\n" {
            let text = std::str::from_utf8(&note[..begins]).ok();
            largest = largest.max(text.and_then(|text| Note::parse(text).ok()).map(|note| note.unproven().size));
            note.clear();
        }
        signed = note[begins.min(note.len())..].starts_with(SIGNATURE.as_bytes());
        if note.len() > NOTE_BYTES_MAX {
            note.clear();
        }
    }
}

/// True for the front of a note, as a write that is under way or was torn leaves it at the end of a file.
pub fn is_front(rest: &str) -> bool {
    const ORIGIN: &str = "medgate/";
    const BASE64_ROOT: usize = 44;
    const BASE64_SIGNATURE: usize = 92;
    let hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let base64 = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    let lines: Vec<&str> = rest.split('\n').collect();
    let origin = lines[0];
    let of_line = |at: usize, line: &str, whole: bool| match at {
        0 => fits(line, ORIGIN, whole, |rest| hex(rest) && rest.len() <= 32 && (!whole || rest.len() == 32)),
        1 => digits(line) && (!whole || !line.is_empty()),
        2 => base64(line) && line.len() <= BASE64_ROOT && (!whole || line.len() == BASE64_ROOT),
        3 => fits(line, "time ", whole, |rest| digits(rest) && (!whole || !rest.is_empty())),
        4 | 6 => line.is_empty(),
        5 => fits(line, &format!("{SIGNATURE}{origin} "), whole, |rest| {
            base64(rest) && rest.len() <= BASE64_SIGNATURE && (!whole || rest.len() == BASE64_SIGNATURE)
        }),
        _ => false,
    };
    lines.iter().enumerate().all(|(at, line)| of_line(at, line, at + 1 < lines.len()))
}

/// A line that begins with `front` and goes on as `rest` allows; one that was cut may end within `front`.
fn fits(line: &str, front: &str, whole: bool, rest: impl Fn(&str) -> bool) -> bool {
    line.strip_prefix(front).map_or(!whole && front.starts_with(line), rest)
}

fn cut_torn(file: &mut File) -> io::Result<()> {
    let len = file.metadata()?.len();
    let from = len.saturating_sub(2 * NOTE_BYTES_MAX as u64);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(&mut tail)?;
    let end = match last_end(&tail) {
        Some(end) => from + end as u64,
        None if from == 0 => 0,
        // No whole note so near the end was not torn: the verifier tells it.
        None => len,
    };
    if end < len {
        file.set_len(end)?;
        file.sync_all()?;
    }
    Ok(())
}

/// Where the last whole note ends.
fn last_end(tail: &[u8]) -> Option<usize> {
    let mut ends = (0..=tail.len()).rev().filter(|end| tail[..*end].ends_with(EMPTY_LINE.as_bytes()));
    ends.find(|end| {
        let mut lines = tail[..end - EMPTY_LINE.len()].rsplit(|byte| *byte == b'\n');
        lines.next().is_some_and(|line| line.starts_with(SIGNATURE.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::checkpoint::{Checkpoint, Note};
    use crate::signing::sm2::SoftKey;

    fn note(size: u64) -> String {
        let key = SoftKey::parse(&hex::encode([3; 32])).unwrap();
        Checkpoint { journal_id: [1; 16], size, root: [2; 32], time: 9 }.sign(&key).unwrap()
    }

    #[test]
    fn notes_are_read_back_and_a_torn_one_goes_at_the_next_opening() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join(FILE);
        std::fs::create_dir(data.path().join("journal")).unwrap();
        let log = Log::open(data.path()).unwrap();
        (1..=40).for_each(|size| log.append(&note(size)).unwrap());
        let whole = std::fs::read_to_string(&path).unwrap();
        let (notes, rest) = split(&whole);
        let sizes: Vec<u64> = notes.iter().map(|(_, text)| Note::parse(text).unwrap().unproven().size).collect();
        assert_eq!((sizes, rest), ((1..=40).collect(), ""));

        let last = notes[39].0;
        for cut in (last..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
            assert!(is_front(split(&whole[..cut]).1), "torn at {cut}");
            std::fs::write(&path, &whole.as_bytes()[..cut]).unwrap();
            Log::open(data.path()).unwrap();
            assert_eq!(std::fs::read(&path).unwrap().len(), last, "torn at {cut}");
        }
        Log::open(data.path()).unwrap().append(&note(40)).unwrap();
        assert_eq!(largest(&path, u64::MAX).unwrap(), Some(40));
        let again = std::fs::read_to_string(&path).unwrap();
        assert_eq!(split(&again).0.len(), 40);
    }

    #[test]
    fn the_largest_size_is_found_wherever_it_stands_and_whatever_stands_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchor");
        let mut bytes: Vec<u8> =
            [7, 2_000, 510, 600].iter().flat_map(|size| format!("{}\n", note(*size)).into_bytes()).collect();
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(largest(&path, u64::MAX).unwrap(), Some(2_000));
        let one = bytes.len() as u64 / 4;
        // Wherever the last bytes begin, the notes that are whole in them are found.
        for last in 0..3 * one {
            let expected = if last >= 2 * one + 10 { [Some(600), Some(2_000)] } else { [None, Some(600)] };
            assert!(expected.contains(&largest(&path, last).unwrap()), "the last {last} bytes");
        }
        bytes.splice(0..0, [b"\xff\xff\n\n".to_vec(), vec![b'x'; 3 * NOTE_BYTES_MAX], b"\n\n".to_vec()].concat());
        bytes.extend_from_slice(note(9_000).as_bytes());
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(largest(&path, u64::MAX).unwrap(), Some(2_000), "a note that is still written is none");
    }

    #[test]
    fn a_changed_note_is_not_taken_for_the_front_of_one() {
        let whole = format!("{}\n", note(7));
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bent = whole.clone().into_bytes();
                bent[at] ^= 1 << bit;
                let Ok(bent) = String::from_utf8(bent) else { continue };
                let (notes, rest) = split(&bent);
                assert!(!notes.is_empty() || !is_front(rest), "byte {at} bit {bit}: {bent:?}");
            }
        }
    }
}
