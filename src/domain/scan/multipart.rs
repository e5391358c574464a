//! The part named `jsonStr` of a multipart body holds the envelope (9101, `wire.md` §4.2).

use super::machine::Machine;

/// Bytes of one part's header block; a longer one is skipped as unknown.
const PART_HEAD_BYTES_MAX: usize = 8 * 1024;

/// Cuts a multipart body into parts as it comes and feeds one of them on.
#[derive(Debug)]
pub(super) struct Multipart {
    /// CR LF, two dashes, boundary.
    delimiter: Vec<u8>,
    /// Bytes not yet decided on; the first delimiter may lack its CR LF, so one is put before the body.
    held: Vec<u8>,
    /// Offset of `held` in the body, plus the two bytes put before it.
    held_at: u64,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Skipped,
    Head,
    Wanted,
    Over,
}

impl Multipart {
    pub(super) fn new(boundary: &[u8]) -> Multipart {
        let delimiter = [b"\r\n--", boundary].concat();
        Multipart { delimiter, held: b"\r\n".to_vec(), held_at: 0, place: Place::Skipped }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], machine: &mut Machine) {
        if self.place == Place::Over {
            return;
        }
        self.held.extend_from_slice(bytes);
        while self.step(machine) {}
    }

    /// The body ended: what is held belongs to an unfinished part.
    pub(super) fn end(&mut self, machine: &mut Machine) {
        if self.place == Place::Wanted {
            self.give(self.held.len(), machine);
        }
    }

    /// Decides on what is held; false when more bytes are needed.
    fn step(&mut self, machine: &mut Machine) -> bool {
        match self.place {
            Place::Over => false,
            Place::Head => self.head(),
            Place::Skipped | Place::Wanted => {
                let cut = find(&self.held, &self.delimiter);
                let content = cut.unwrap_or_else(|| self.held.len().saturating_sub(self.delimiter.len() - 1));
                self.give(content, machine);
                if cut.is_none() {
                    return false;
                }
                self.drop_front(self.delimiter.len());
                self.place = if self.place == Place::Wanted { Place::Over } else { Place::Head };
                true
            }
        }
    }

    fn head(&mut self) -> bool {
        match find(&self.held, b"\r\n\r\n") {
            Some(end) => {
                let named = names_the_envelope(&self.held[..end]);
                self.place = if named { Place::Wanted } else { Place::Skipped };
                self.drop_front(end + 4);
                true
            }
            None if self.held.len() > PART_HEAD_BYTES_MAX => {
                self.place = Place::Skipped;
                true
            }
            None => false,
        }
    }

    fn give(&mut self, len: usize, machine: &mut Machine) {
        if self.place == Place::Wanted {
            machine.feed(&self.held[..len], self.held_at.saturating_sub(2));
        }
        self.drop_front(len);
    }

    fn drop_front(&mut self, len: usize) {
        self.held.drain(..len);
        self.held_at += len as u64;
    }
}

fn names_the_envelope(head: &[u8]) -> bool {
    let head = head.to_ascii_lowercase();
    find(&head, b"name=\"jsonstr\"").is_some() || find(&head, b"name=jsonstr").is_some()
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == needle[0]) {
        let at = from + at;
        if bytes[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}
