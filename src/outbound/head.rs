//! The raw head of a message. hyper lower-cases header names and hides the originals; the record needs them as they came.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use crate::domain::limits::{HEAD_BYTES_MAX, HEADER_LINES_MAX};
use crate::domain::message::HeaderLines;

/// Gathers the bytes of one head as they pass; everything after its blank line is left alone.
#[derive(Debug, Default)]
pub struct RawHead {
    bytes: BytesMut,
    complete: bool,
    after_newline: bool,
}

impl RawHead {
    /// Looks at bytes that just came from the socket. A head longer than `HEAD_BYTES_MAX` is kept cut; an interim
    /// reply head (1xx) is dropped.
    pub fn see(&mut self, mut arrived: &[u8]) {
        while !self.complete && !arrived.is_empty() {
            if self.bytes.is_empty() {
                // Some clients end a body with a stray line break; it belongs to no head.
                let stray = arrived.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                arrived = &arrived[stray..];
            }
            let end = self.end_in(arrived);
            let (head, rest) = arrived.split_at(end.unwrap_or(arrived.len()));
            let room = HEAD_BYTES_MAX - self.bytes.len();
            self.bytes.extend_from_slice(&head[..head.len().min(room)]);
            self.complete = end.is_some() || self.bytes.len() == HEAD_BYTES_MAX;
            if self.complete && self.is_interim() {
                self.begin();
            }
            arrived = rest;
        }
    }

    fn is_interim(&self) -> bool {
        self.bytes.starts_with(b"HTTP/1.") && self.bytes.get(9) == Some(&b'1')
    }

    /// True when a first byte came.
    pub fn is_begun(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// What was gathered. Nothing more is gathered until `begin`.
    pub fn take(&mut self) -> Bytes {
        self.complete = true;
        self.bytes.split().freeze()
    }

    /// The next byte begins a new head.
    pub fn begin(&mut self) {
        self.bytes.clear();
        self.complete = false;
        self.after_newline = false;
    }

    /// Where the head ends: after a line feed, at most one carriage return, and a line feed.
    fn end_in(&mut self, arrived: &[u8]) -> Option<usize> {
        for (at, byte) in arrived.iter().enumerate() {
            match byte {
                b'\n' if self.after_newline => return Some(at + 1),
                b'\n' => self.after_newline = true,
                b'\r' => {}
                _ => self.after_newline = false,
            }
        }
        None
    }
}

/// The target exactly as sent and the header lines of a raw request head; `None` when it cannot be read.
pub fn request_head(raw: &Bytes) -> Option<(Bytes, HeaderLines)> {
    let mut room = [httparse::EMPTY_HEADER; HEADER_LINES_MAX];
    let mut request = httparse::Request::new(&mut room);
    request.parse(raw).ok()?.is_complete().then_some(())?;
    Some((raw.slice_ref(request.path?.as_bytes()), lines(raw, request.headers)))
}

/// The header lines of a raw reply head; `None` when it cannot be read.
pub fn reply_head(raw: &Bytes) -> Option<HeaderLines> {
    let mut config = httparse::ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    let mut room = [httparse::EMPTY_HEADER; HEADER_LINES_MAX];
    let mut reply = httparse::Response::new(&mut room);
    config.parse_response(&mut reply, raw).ok()?.is_complete().then_some(())?;
    Some(lines(raw, reply.headers))
}

fn lines(raw: &Bytes, parsed: &[httparse::Header<'_>]) -> HeaderLines {
    parsed.iter().map(|line| (raw.slice_ref(line.name.as_bytes()), raw.slice_ref(line.value))).collect()
}

/// The lines of a message: names from the raw head, values proven against what hyper read.
///
/// When the two do not tell the same story (a pipelined head that came glued to a body, doubled `Content-Length`)
/// hyper's reading counts, and its lower-case names with it.
pub fn lines_of(raw: Option<HeaderLines>, read: &HeaderMap) -> HeaderLines {
    raw.and_then(|raw| proven(raw, read)).unwrap_or_else(|| {
        let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (Bytes::copy_from_slice(name.as_str().as_bytes()), Bytes::copy_from_slice(value.as_bytes()))
        };
        read.iter().map(line).collect()
    })
}

fn proven(mut raw: HeaderLines, read: &HeaderMap) -> Option<HeaderLines> {
    if raw.len() != read.len() {
        return None;
    }
    for at in 0..raw.len() {
        let name = std::str::from_utf8(&raw[at].0).ok()?;
        let nth = raw[..at].iter().filter(|line| line.0.eq_ignore_ascii_case(name.as_bytes())).count();
        let value = read.get_all(name).iter().nth(nth)?;
        if value.as_bytes() != raw[at].1 {
            raw[at].1 = Bytes::copy_from_slice(value.as_bytes()); // a folded line, unfolded by hyper
        }
    }
    Some(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen_in_steps(text: &[u8], step: usize) -> Bytes {
        let mut head = RawHead::default();
        text.chunks(step).for_each(|chunk| head.see(chunk));
        head.take()
    }

    #[test]
    fn the_head_ends_at_the_blank_line_however_it_is_cut() {
        let text = b"\r\nPOST /x HTTP/1.1\r\n_api_name: 2207\r\nX-Tif-Paasid: a\r\n\r\n{\"a\":\"\n\n\"}";
        for step in 1..text.len() {
            assert_eq!(seen_in_steps(text, step), &text[2..text.len() - 10], "step {step}");
        }
        assert_eq!(seen_in_steps(b"GET / HTTP/1.0\nA: b\n\nrest", 3), &b"GET / HTTP/1.0\nA: b\n\n"[..]);
    }

    #[test]
    fn an_interim_head_is_dropped() {
        let text = b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nC: d\r\n\r\nbody";
        for step in 1..text.len() {
            assert_eq!(seen_in_steps(text, step), &b"HTTP/1.1 200 OK\r\nC: d\r\n\r\n"[..], "step {step}");
        }
    }

    #[test]
    fn a_head_without_end_is_bounded() {
        let mut head = RawHead::default();
        (0..40).for_each(|_| head.see(&[b'a'; 4096]));
        assert_eq!(head.take().len(), HEAD_BYTES_MAX);
    }

    #[test]
    fn names_keep_case_and_order_and_values_keep_their_bytes() {
        let raw = Bytes::from_static(b"POST /a?b=%C4 HTTP/1.1\r\nb: 1\r\nA: \xd6\xd0\\\r\nB: 2\r\n\r\n");
        let (target, lines) = request_head(&raw).unwrap();
        assert_eq!(target, "/a?b=%C4");
        let mut map = HeaderMap::new();
        for (name, value) in &lines {
            let name = http::HeaderName::from_bytes(name).unwrap();
            map.append(name, http::HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(lines_of(Some(lines.clone()), &map), lines);
        assert_eq!(lines[1], (Bytes::from_static(b"A"), Bytes::from_static(b"\xd6\xd0\\")));
        map.append("c", "3".parse().unwrap());
        let fallen_back = lines_of(Some(lines), &map);
        assert_eq!(fallen_back.len(), 4);
        assert!(fallen_back.iter().all(|(name, _)| name.iter().all(u8::is_ascii_lowercase)));
    }

    #[test]
    fn a_folded_reply_line_takes_the_unfolded_value() {
        let raw = Bytes::from_static(b"HTTP/1.1 200 OK\r\nX-Long : a\r\n b\r\n(bad\r\nC: d\r\n\r\n");
        let lines = reply_head(&raw).unwrap();
        let mut map = HeaderMap::new();
        map.append("x-long", "a b".parse().unwrap());
        map.append("c", "d".parse().unwrap());
        let lines = lines_of(Some(lines), &map);
        assert_eq!(lines[0], (Bytes::from_static(b"X-Long"), Bytes::from_static(b"a b")));
    }
}
