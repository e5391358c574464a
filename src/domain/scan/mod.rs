//! A read-only view of a body: one incremental byte scanner that never changes a body and never refuses one.
//!
//! It is fed whatever chunks the network gives; the same bytes give the same [`View`] however they are cut.
//! UTF-8 and GBK are told apart while stepping, because the second byte of a GBK character can be a backslash.

mod view; // What was found.

mod machine; // The JSON grammar, one byte at a time.
mod multipart; // The part of a multipart body that holds the envelope.
mod nested; // JSON text inside a JSON string (a double-encoded `input`).
mod stepping; // Which bytes belong to one character.
mod text; // Bytes to text at the end.
mod wanted; // Which keys are worth keeping.

use std::sync::Arc;

pub use view::{Charset, Found, Place, Row, Scalar, Shape, View};
pub use wanted::Wanted;

use machine::Machine;
use multipart::Multipart;

/// Containers inside each other.
pub const DEPTH_MAX: usize = 64;
/// Bytes of one key; the value of a longer key is skipped.
pub const KEY_BYTES_MAX: usize = 256;
/// Bytes of one kept value; of a longer one the beginning is kept as [`Scalar::Cut`].
pub const VALUE_BYTES_MAX: usize = 4096;
/// Values kept of one body.
pub const FOUND_MAX: usize = 65_536;
/// Bytes of all kept values with their paths.
pub const KEPT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a dotted path; deeper keys add nothing to it.
pub const PATH_BYTES_MAX: usize = 1024;
/// Top-level keys remembered in their order.
pub const TOP_KEYS_MAX: usize = 64;

/// Takes a body in chunks and keeps the wanted values.
#[derive(Debug)]
pub struct Scanner {
    machine: Machine,
    multipart: Option<Multipart>,
    position: u64,
}

impl Scanner {
    /// `declared` is a hint: UTF-8 that is not UTF-8 is still read as GBK (`wire.md` §1.4).
    /// With a boundary the part named `jsonStr` is scanned (`wire.md` §4.2).
    pub fn new(wanted: Arc<Wanted>, declared: Option<Charset>, multipart_boundary: Option<Vec<u8>>) -> Scanner {
        let machine = Machine::outer(wanted, declared == Some(Charset::Gbk));
        Scanner { machine, multipart: multipart_boundary.map(|boundary| Multipart::new(&boundary)), position: 0 }
    }

    /// Reads charset and boundary from a Content-Type value.
    pub fn of_content_type(wanted: Arc<Wanted>, content_type: Option<&[u8]>) -> Scanner {
        let value = content_type.unwrap_or_default();
        let declared = parameter(value, b"charset=").and_then(|name| Charset::named(&name));
        let multipart = value.to_ascii_lowercase().starts_with(b"multipart/");
        let boundary = if multipart { parameter(value, b"boundary=") } else { None };
        Scanner::new(wanted, declared, boundary)
    }

    /// The next bytes of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        match &mut self.multipart {
            None => self.machine.feed(bytes, self.position),
            Some(multipart) => multipart.feed(bytes, &mut self.machine),
        }
        self.position += bytes.len() as u64;
    }

    /// No more bytes will come.
    pub fn finish(mut self) -> View {
        let multipart = self.multipart.is_some();
        if let Some(parts) = &mut self.multipart {
            parts.end(&mut self.machine);
        }
        let mut view = self.machine.finish();
        if multipart && view.shape == Shape::Empty && self.position > 0 {
            view.shape = Shape::NotJson; // a multipart body without the part we know
        }
        view
    }
}

/// The value after `name=` in a header value, quotes taken off; 70 bytes is the longest legal boundary.
fn parameter(value: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let lower = value.to_ascii_lowercase();
    let start = lower.windows(name.len()).position(|window| window == name)? + name.len();
    let rest = &value[start..];
    let text = match rest.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|byte| *byte == b'"').next()?,
        None => rest.split(|byte| *byte == b';' || byte.is_ascii_whitespace()).next()?,
    };
    (!text.is_empty() && text.len() <= 200).then(|| text.to_vec())
}

#[cfg(test)]
mod tests;
