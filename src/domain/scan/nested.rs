//! JSON text inside a JSON string: some clients send `input` double-encoded (`wire.md` §2.4).

use super::machine::Machine;

/// Takes the escapes off as they come and feeds what stands below to a machine of its own.
#[derive(Debug)]
pub(super) struct Nested {
    pub(super) machine: Machine,
    /// Digits of a `\u` escape still to come, and those that came.
    digits: Option<Vec<u8>>,
}

impl Nested {
    pub(super) fn new(machine: Machine) -> Nested {
        Nested { machine, digits: None }
    }

    /// Bytes of the string that are no escape.
    pub(super) fn plain(&mut self, mut bytes: &[u8]) {
        while let (Some(digits), Some((byte, rest))) = (&mut self.digits, bytes.split_first()) {
            digits.push(*byte);
            bytes = rest;
            if digits.len() == 4 {
                let unit = self.digits.take().unwrap_or_default();
                self.unicode(&unit);
            }
        }
        self.machine.feed(bytes, 0);
    }

    /// The byte after a backslash.
    pub(super) fn escape(&mut self, byte: u8) {
        let plain = match byte {
            b'u' => {
                self.digits = Some(Vec::with_capacity(4));
                return;
            }
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            other => other,
        };
        self.machine.feed(&[plain], 0);
    }

    /// An ASCII character counts as itself; any other can only stand inside an inner string, where the escape is legal.
    fn unicode(&mut self, digits: &[u8]) {
        let unit = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match unit.filter(u8::is_ascii) {
            Some(ascii) => self.machine.feed(&[ascii], 0),
            None => self.machine.feed(&[b"\\u", digits].concat(), 0),
        }
    }
}
