//! A checkpoint: how many records there are and what they come to, signed. Text in the manner of C2SP `tlog-checkpoint` and
//! `signed-note`, so that people and other programs can read it:
//!
//! ```text
//! medgate/019a2f6e7d1c7c3a9b1e2f3a4b5c6d7e
//! 4711
//! 4Yt0...=
//! time 1795330800
//!
//! — medgate/019a2f6e7d1c7c3a9b1e2f3a4b5c6d7e kQ2x...=
//! ```
//!
//! Origin, records in the tree, its root, POSIX seconds; an empty line; then a line per signature: origin, and Base64 of key id
//! (4 bytes) ‖ r ‖ s. SM2 signs the text above the empty line, its last line end included, under the default user id.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use sm3::{Digest, Sm3};

use crate::journal::tree::Hash;
use crate::signing::digest::DEFAULT_USER_ID;
use crate::signing::sm2::{self, SignError, Signer, Verifier};

/// What a key id is made over besides origin and key: the sign of an algorithm that has no number of its own there.
const ALGORITHM: &[u8] = b"\xffmedgate-sm2-sm3";
/// No note is longer; a longer text is none.
pub const NOTE_BYTES_MAX: usize = 4096;
/// Signatures that one note may bear.
const SIGNATURES_MAX: usize = 8;

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which journal.
    pub journal_id: [u8; 16],
    /// Records in the tree: those numbered 1 to this.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// When it was made, POSIX seconds.
    pub time: i64,
}

impl Checkpoint {
    fn origin(&self) -> String {
        format!("medgate/{}", hex::encode(self.journal_id))
    }

    fn text(&self) -> String {
        format!("{}\n{}\n{}\ntime {}\n", self.origin(), self.size, BASE64.encode(self.root), self.time)
    }

    /// The note: this text and its signature.
    ///
    /// # Errors
    /// When the key cannot be used.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, SignError> {
        let mut note = self.text();
        let signature = sm2::sign(signer, DEFAULT_USER_ID, note.as_bytes())?;
        let bytes = [&key_id(&self.origin(), &signer.public())[..], &signature].concat();
        let _ = write!(note, "\n— {} {}\n", self.origin(), BASE64.encode(bytes));
        Ok(note)
    }
}

/// SM3(origin ‖ LF ‖ 0xff ‖ algorithm ‖ x ‖ y), its first 4 bytes: which key signed. Tells keys apart, proves nothing.
fn key_id(origin: &str, public: &[u8; 64]) -> [u8; 4] {
    let mut digest = Sm3::new();
    [origin.as_bytes(), b"\n", ALGORITHM, public].iter().for_each(|part| digest.update(part));
    let digest: [u8; 32] = digest.finalize().into();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// A checkpoint with its signatures, read but not believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    checkpoint: Checkpoint,
    signatures: Vec<([u8; 4], [u8; 64])>,
}

/// Why a note proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Its text is not of this form to the last byte.
    #[error("it is no checkpoint")]
    Form,
    /// Nobody we know signed it.
    #[error("no given key signed it")]
    Stranger,
    /// A known key is named, and did not sign this.
    #[error("its signature is wrong")]
    Signature,
}

impl Note {
    /// Reads a note. Strict: whatever would be written otherwise is no note.
    ///
    /// # Errors
    /// `Form`.
    pub fn parse(text: &str) -> Result<Note, NoteError> {
        Note::read(text).ok_or(NoteError::Form)
    }

    fn read(text: &str) -> Option<Note> {
        let (signed, signatures) = text.split_once("\n\n").filter(|_| text.len() <= NOTE_BYTES_MAX)?;
        let mut lines = signed.split('\n');
        let journal_id = hex::decode(lines.next()?.strip_prefix("medgate/")?).ok()?.try_into().ok()?;
        let size = lines.next()?.parse().ok()?;
        let root = BASE64.decode(lines.next()?).ok()?.try_into().ok()?;
        let time = lines.next()?.strip_prefix("time ")?.parse().ok()?;
        let checkpoint = Checkpoint { journal_id, size, root, time };
        let named = format!("— {} ", checkpoint.origin());
        let signatures = signatures.strip_suffix('\n')?.split('\n').map(|line| {
            let text = line.strip_prefix(&named)?;
            let bytes = BASE64.decode(text).ok().filter(|bytes| BASE64.encode(bytes) == text)?;
            let (key_id, signature) = bytes.split_first_chunk()?;
            Some((*key_id, signature.try_into().ok()?))
        });
        let signatures: Vec<_> = signatures.collect::<Option<_>>()?;
        // Written again it must be the same: no leading zero, no other case, no second way of Base64, no line more.
        let same = checkpoint.text().strip_suffix('\n') == Some(signed) && signatures.len() <= SIGNATURES_MAX;
        same.then_some(Note { checkpoint, signatures })
    }

    /// The checkpoint, once one of `keys` is known to have signed it.
    ///
    /// # Errors
    /// `Stranger`, or `Signature` when a key that is named did not sign.
    pub fn signed_by(&self, keys: &[Verifier]) -> Result<&Checkpoint, NoteError> {
        let origin = self.checkpoint.origin();
        let text = self.checkpoint.text();
        let mut known = false;
        for key in keys {
            let id = key_id(&origin, &key.public());
            for (_, signature) in self.signatures.iter().filter(|(key_id, _)| *key_id == id) {
                known = true;
                if key.verifies(DEFAULT_USER_ID, text.as_bytes(), signature) {
                    return Ok(&self.checkpoint);
                }
            }
        }
        Err(if known { NoteError::Signature } else { NoteError::Stranger })
    }

    /// What it says, believed or not: for messages.
    pub fn unproven(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::sm2::SoftKey;

    fn checkpoint() -> Checkpoint {
        Checkpoint { journal_id: [0x5a; 16], size: 4711, root: [7; 32], time: 1_795_330_800 }
    }

    fn key(byte: u8) -> SoftKey {
        SoftKey::parse(&hex::encode([byte; 32])).unwrap()
    }

    fn public(key: &SoftKey) -> Verifier {
        Verifier::of(&key.public()).unwrap()
    }

    #[test]
    fn a_note_is_read_back_and_believed_only_of_its_key() {
        let (ours, other) = (key(3), key(4));
        let text = checkpoint().sign(&ours).unwrap();
        let note = Note::parse(&text).unwrap();
        assert_eq!(note.signed_by(&[public(&other), public(&ours)]), Ok(&checkpoint()));
        assert_eq!(note.signed_by(&[public(&other)]), Err(NoteError::Stranger));
        assert_eq!(note.signed_by(&[]), Err(NoteError::Stranger));
        let second = checkpoint().sign(&other).unwrap();
        let line = second.lines().last().unwrap();
        let both = Note::parse(&format!("{text}{line}\n")).unwrap();
        assert_eq!(both.signed_by(&[public(&other)]), Ok(&checkpoint()));
        assert_eq!(both.signed_by(&[public(&ours)]), Ok(&checkpoint()));
    }

    #[test]
    fn no_changed_byte_is_believed() {
        let ours = key(3);
        let text = checkpoint().sign(&ours).unwrap().into_bytes();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bent = text.clone();
                bent[at] ^= 1 << bit;
                let read = String::from_utf8(bent).ok().and_then(|text| Note::parse(&text).ok());
                let believed = read.is_some_and(|note| note.signed_by(&[public(&ours)]).is_ok());
                assert!(!believed, "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn other_ways_of_writing_the_same_are_no_notes() {
        let text = checkpoint().sign(&key(3)).unwrap();
        assert!(Note::parse(&text).is_ok());
        for (from, to) in [
            ("\n4711\n", "\n04711\n"),
            ("\n4711\n", "\n+4711\n"),
            ("5a5a", "5A5A"),
            ("time ", "time  "),
            ("\n\n", "\nmore\n\n"),
            ("\n\n", "\n\n\n"),
            ("=\ntime", "\ntime"),
            ("— ", "- "),
        ] {
            assert_eq!(Note::parse(&text.replacen(from, to, 1)), Err(NoteError::Form), "{from:?} -> {to:?}");
        }
        for wrong in ["", "\n\n", text.trim_end(), &text[1..], &format!("{text}\n")] {
            assert_eq!(Note::parse(wrong), Err(NoteError::Form), "{wrong:?}");
        }
    }
}
