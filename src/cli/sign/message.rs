//! A raw HTTP request, or a body alone, from a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;

use crate::domain::limits::BUFFERED_BYTES_MAX;
use crate::domain::message::{HeaderLines, header};
use crate::domain::scan::{Scanner, View};
use crate::keys::source::Trouble;
use crate::outbound::head::request_head;
use crate::profile::Profile;
use crate::signing::members::Body;

/// A message to sign.
pub(super) struct Message {
    /// Header lines; none of a body alone.
    pub(super) headers: HeaderLines,
    pub(super) body: Bytes,
    pub(super) view: View,
    /// The number it says; empty for none.
    pub(super) infno: String,
}

impl Message {
    /// Reads a file, or standard input for `-`.
    pub(super) fn read(path: &Path, profile: &Profile) -> Result<Message, Trouble> {
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let limit = 2 * BUFFERED_BYTES_MAX as u64;
        let read = match name.as_str() {
            "-" => io::stdin().take(limit).read_to_end(&mut bytes),
            _ => File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
        };
        read.map_err(|error| {
            Trouble::new(name, format!("cannot be read: {}", error.kind()), "name a request or a body")
        })?;
        let all = Bytes::from(bytes);
        let head = all.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        let request = head.and_then(|end| Some((request_head(&all.slice(..end))?, end)));
        let (target, headers, body) = match request {
            Some(((target, headers), end)) => (target, headers, all.slice(end..)),
            None => (Bytes::new(), HeaderLines::new(), all),
        };
        let content_type = header(&headers, "content-type").map(|value| &value[..]);
        let mut scanner = Scanner::of_content_type(profile.wanted(), content_type);
        scanner.feed(&body);
        let view = scanner.finish();
        let infno = profile.identify(&target, &headers, &view).infno;
        Ok(Message { headers, body, view, infno })
    }

    pub(super) fn body(&self) -> Body<'_> {
        Body { bytes: &self.body, view: &self.view }
    }

    /// The text of a header line.
    pub(super) fn line(&self, name: &str) -> Option<String> {
        header(&self.headers, name).and_then(|value| std::str::from_utf8(value).ok()).map(|text| text.trim().to_owned())
    }

    /// The time that its own signature names.
    pub(super) fn time(&self) -> Option<String> {
        let of_x_ca = || Some(self.line("x-ca-signature")?.split_once(':')?.0.to_owned());
        self.line("x-tif-timestamp").or_else(|| self.line("_api_timestamp")).or_else(of_x_ca)
    }
}
