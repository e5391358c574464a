//! Which header lines cross a proxy, and where a target leads.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{header, uri};

use crate::domain::message::HeaderLines;

/// Lines that belong to one connection, not to the message (RFC 9110 §7.6.1), and `Expect`, which the door answers.
const OF_THE_CONNECTION: [&[u8]; 8] =
    [b"connection", b"expect", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"];

/// Tells the lines that stop here: the fixed ones and those that `Connection` names.
pub struct HopByHop<'a> {
    named: Vec<&'a [u8]>,
}

impl<'a> HopByHop<'a> {
    /// Reads the `Connection` lines.
    pub fn of(lines: &'a HeaderLines) -> HopByHop<'a> {
        let connection = lines.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"connection"));
        let tokens = connection.flat_map(|(_, value)| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
        let usual = |token: &&[u8]| token.eq_ignore_ascii_case(b"close") || token.eq_ignore_ascii_case(b"keep-alive");
        HopByHop { named: tokens.filter(|token| !token.is_empty() && !usual(token)).collect() }
    }

    /// True when a line of this name must not cross.
    pub fn stops(&self, name: &[u8]) -> bool {
        OF_THE_CONNECTION.iter().chain(&self.named).any(|stopped| stopped.eq_ignore_ascii_case(name))
    }
}

/// The lines that cross.
pub fn forwardable(headers: &HeaderLines) -> HeaderLines {
    let hop = HopByHop::of(headers);
    headers.iter().filter(|(name, _)| !hop.stops(name)).cloned().collect()
}

/// Path and query of any form of target, joined under the upstream's base path.
pub fn rewrite_target(arrived: &[u8], base_path: &str) -> Bytes {
    let path = origin_form(arrived);
    let base = base_path.trim_end_matches('/').as_bytes();
    if base.is_empty() && path.first() == Some(&b'/') {
        return Bytes::copy_from_slice(path);
    }
    let slash: &[u8] = if path.first() == Some(&b'/') { b"" } else { b"/" };
    Bytes::from([base, slash, path].concat())
}

/// `http://host:port/path?query` and `/path?query` both give `/path?query`.
fn origin_form(target: &[u8]) -> &[u8] {
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let Some(scheme) = scheme else { return target };
    let rest = &target[scheme.len()..];
    let authority = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    &rest[authority..]
}

/// The header map of a request that goes out: `Host` and `Content-Length` stand where the arrived ones stood.
///
/// # Errors
/// A line that is no HTTP; only an edit can make one.
pub(super) fn request_fields(
    lines: &HeaderLines,
    host: &HeaderValue,
    len: Option<u64>,
) -> Result<HeaderMap, http::Error> {
    let hop = HopByHop::of(lines);
    let mut fields = HeaderMap::with_capacity(lines.len() + 2);
    if crate::domain::message::header(lines, "host").is_none() {
        fields.insert(header::HOST, host.clone());
    }
    for (name, value) in lines.iter().filter(|(name, _)| !hop.stops(name)) {
        let name = HeaderName::from_bytes(name)?;
        if name == header::HOST {
            fields.insert(name, host.clone());
        } else if name == header::CONTENT_LENGTH {
            // What hyper is to write for a body of unknown length is its own affair.
            if let Some(len) = len {
                fields.insert(name, HeaderValue::from(len));
            }
        } else {
            fields.append(name, HeaderValue::from_maybe_shared(value.clone())?);
        }
    }
    Ok(fields)
}

/// A target as hyper wants it.
///
/// # Errors
/// Bytes that are no target; the door lets none through.
pub(super) fn uri(target: Bytes) -> Result<http::Uri, http::Error> {
    let path = uri::PathAndQuery::from_maybe_shared(target)?;
    Ok(http::Uri::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pairs: &[(&'static str, &'static str)]) -> HeaderLines {
        pairs.iter().map(|(name, value)| (Bytes::from(*name), Bytes::from(*value))).collect()
    }

    #[test]
    fn targets_lose_their_host_and_gain_the_base() {
        let check = |arrived: &str, base: &str, expected: &str| {
            assert_eq!(rewrite_target(arrived.as_bytes(), base), expected, "{arrived} under {base}");
        };
        check("/hsa/hgs/2207", "", "/hsa/hgs/2207");
        check("/hsa/hgs/2207?a=1", "/ebus/poc/", "/ebus/poc/hsa/hgs/2207?a=1");
        check("http://10.0.0.1:8080/CSB/hsa-fsi-2207", "/", "/CSB/hsa-fsi-2207");
        check("HTTP://h", "/base", "/base/");
        check("http://h?x=/y", "", "/?x=/y");
        check("/fsi//api/./x", "", "/fsi//api/./x");
        check("*", "", "/*");
    }

    #[test]
    fn connection_lines_stop_and_all_others_cross() {
        let arrived = lines(&[
            ("_api_name", "2207"),
            ("Connection", "Keep-Alive, X-Once"),
            ("x-once", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Transfer-Encoding", "chunked"),
            ("Expect", "100-continue"),
            ("Range", "bytes=5-"),
            ("Accept", "*"),
        ]);
        let crossing = forwardable(&arrived);
        let names: Vec<_> = crossing.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, [&b"_api_name"[..], b"Range", b"Accept"]);
    }

    #[test]
    fn host_and_length_keep_their_places() {
        let host = HeaderValue::from_static("platform:80");
        let arrived = lines(&[("A", "1"), ("Host", "gate"), ("Content-Length", "99"), ("B", "2"), ("a", "3")]);
        let fields = request_fields(&arrived, &host, Some(7)).unwrap();
        let names: Vec<_> = fields.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["a", "host", "content-length", "b"]);
        assert_eq!(fields["host"], "platform:80");
        assert_eq!(fields["content-length"], "7");
        assert_eq!(fields.get_all("a").iter().count(), 2);
        assert!(request_fields(&lines(&[("a b", "1")]), &host, None).is_err());
        assert_eq!(request_fields(&lines(&[]), &host, None).unwrap()["host"], "platform:80");
    }
}
