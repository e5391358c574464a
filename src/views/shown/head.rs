//! Request line and header lines, as far as they may be seen.

use crate::domain::message::{HeaderLines, Request};
use crate::journal::draft::Edit;

use super::body::latin;
use super::hide::{Hidden, MASK};

/// Header lines that say nothing of a person.
const PLAIN: &[&str] = &[
    "host",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "accept",
    "accept-encoding",
    "accept-language",
    "user-agent",
    "date",
    "server",
    "expect",
    "cache-control",
    "_api_name",
    "_api_version",
    "_api_timestamp",
    "x-tif-timestamp",
    "x-tif-nonce",
];
/// Digits in a row that may be a number of a person.
const DIGITS_MAX: usize = 8;

/// `POST /fsi/api HTTP/1.1`; a query and segments that may name a person are hidden.
pub(super) fn line(request: &Request, hidden: &Hidden) -> String {
    let target = latin(&request.target);
    let target = if hidden.reveal { target } else { masked_target(&target) };
    format!("{} {} HTTP/1.{}", request.method, hidden.text(&target), request.http_minor)
}

fn masked_target(target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, ""), |(path, _)| (path, "?***"));
    let plain = |part: &&str| {
        let simple = part.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c)) && part.len() <= 60;
        simple && part.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() <= DIGITS_MAX)
    };
    let parts: Vec<&str> = path.split('/').map(|part| if plain(&part) { part } else { MASK }).collect();
    parts.join("/") + query
}

/// Name and value of every line; values that may name a person are hidden.
pub(super) fn lines(headers: &HeaderLines, hidden: &Hidden) -> Vec<(String, String)> {
    let one = |(name, value): &(bytes::Bytes, bytes::Bytes)| {
        let name = latin(name);
        let plain = hidden.reveal || PLAIN.contains(&name.to_ascii_lowercase().as_str());
        let value = if plain { hidden.text(&latin(value)) } else { MASK.to_owned() };
        (name, value)
    };
    headers.iter().map(one).collect()
}

/// What an edit changed, without what it put there.
pub(super) fn edit(edit: &Edit) -> String {
    let part = format!("{:?}", edit.part).to_lowercase();
    format!("{part} at {}: {} bytes replaced by {}", edit.at, edit.remove, edit.insert.len())
}
