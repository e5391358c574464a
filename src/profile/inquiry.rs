//! The question whether what a recorded call did still stands, in the envelope of the call that repeats it.
//!
//! Which transaction asks (5203, 6301), for what, and what its answer means is a row of `[inquiry.*]`. The envelope is the
//! repeat's own, so sign-in, operator and routing headers are those of today.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::message::{Body, HeaderLines, Request};
use crate::domain::scan::{Found, Scanner, View, Wanted};

use super::Profile;
use super::refusal::{compact_time, quoted};

/// The member of every envelope that holds what is asked.
const INPUT: &str = "input";

/// A row of `[inquiry.*]`: how the platform is asked about an earlier call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inquiry {
    /// 交易编号 that asks.
    pub infno: String,
    /// Members of `input.data`, in order.
    pub fields: Vec<String>,
    /// The field of the answer that must name what was asked under the same name; empty = none.
    pub echo: String,
    /// The field of the answer that tells where it stands.
    pub says: String,
    /// Its values with which it stands; empty = any but `undone`, none included.
    pub stands: Vec<String>,
    /// Its values with which it is as if it had never been.
    pub undone: Vec<String>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// How it is asked.
    pub inquiry: &'a Inquiry,
    /// 定点医药机构编号: our message id begins with it.
    pub fixmedins_code: &'a str,
    /// The values of `inquiry.fields`, in their order.
    pub values: &'a [String],
    /// Now.
    pub now_unix_ns: i64,
    /// Tells message ids of one second apart.
    pub tail: u16,
}

/// What the platform says of an earlier call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// It was done and was not taken back.
    Alive,
    /// It was taken back, or came to nothing.
    Undone,
    /// The answer proves nothing.
    Unproven,
}

impl Profile {
    /// The question in the envelope, headers and URL style of `repeat`; `None` for an envelope that we cannot write.
    pub fn inquiry(&self, repeat: &Request, view: &View, asked: &Asked<'_>) -> Option<Request> {
        let body = self.inquiry_body(repeat.body.buffered()?, view, asked)?;
        Some(Request {
            method: repeat.method.clone(),
            target: self.inquiry_target(&repeat.target, &asked.inquiry.infno),
            http_minor: repeat.http_minor,
            headers: self.inquiry_headers(&repeat.headers, &asked.inquiry.infno),
            body: Body::Buffered(body.into()),
        })
    }

    /// What a successful reply says of what was asked for.
    pub fn stands(&self, reply: &View, asked: &Asked<'_>) -> Stands {
        let Inquiry { fields, echo, says, stands, undone, .. } = asked.inquiry;
        let wanted = fields.iter().position(|field| field == echo).and_then(|at| asked.values.get(at));
        if wanted.is_some_and(|wanted| !self.written(echo).any(|name| holds(reply, name, wanted))) {
            return Stands::Unproven;
        }
        let said = reply.all(says).find(|found| !self.is_row(&found.above)).and_then(Found::filled);
        let is_in = |values: &[String]| said.is_some_and(|said| values.iter().any(|value| value == said));
        if is_in(undone) {
            Stands::Undone
        } else if stands.is_empty() || is_in(stands) {
            Stands::Alive
        } else {
            Stands::Unproven
        }
    }

    /// Our name of a field under all its names on the wire, or the name itself.
    fn written<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n str> {
        let known = self.names(name).iter().map(String::as_str);
        known.chain(std::iter::once(name).filter(|name| self.names(name).is_empty()))
    }

    /// The members of the repeat's envelope in their order and with their bytes, less what only concerned the repeat.
    fn inquiry_body(&self, body: &Bytes, view: &View, asked: &Asked<'_>) -> Option<Vec<u8>> {
        let starts = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start().first() == Some(&b'{');
        if !starts || !view.top_keys.iter().any(|key| key == INPUT) {
            return None;
        }
        let wanted = Wanted::new(view.top_keys.iter().map(String::as_str));
        let mut scanner = Scanner::new(Arc::new(wanted), Some(view.charset), None);
        scanner.feed(body);
        let whole = scanner.finish();
        let names = |ours: &str, key: &str| self.names(ours).iter().any(|name| name == key);
        let raw_of = |key: &String| -> Option<Vec<u8>> {
            if key == INPUT {
                return Some(input(asked, double_encoded(view)).into_bytes());
            }
            if names("infno", key) {
                return Some(quoted(&asked.inquiry.infno).into_bytes());
            }
            if names("msgid", key) {
                return Some(quoted(&msgid(asked)).into_bytes());
            }
            let found = whole.found.iter().find(|found| found.at_top() && *found.key == **key)?;
            raw(body, found).map(<[u8]>::to_vec)
        };
        let mut out = b"{".to_vec();
        for key in &view.top_keys {
            let Some(value) = raw_of(key) else { continue };
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend_from_slice(quoted(key).as_bytes());
            out.push(b':');
            out.extend_from_slice(&value);
        }
        out.push(b'}');
        Some(out)
    }

    /// Style A changes its last segment, style B the service, style C nothing (`wire.md` §1.2).
    fn inquiry_target(&self, target: &Bytes, infno: &str) -> Bytes {
        let end = target.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(target.len());
        let (path, rest) = target.split_at(end);
        let Some(slash) = path.iter().rposition(|byte| *byte == b'/') else { return target.clone() };
        if let Some(number) = self.renumbered(&path[slash + 1..], infno) {
            return Bytes::from([&path[..=slash], number.as_bytes(), rest].concat());
        }
        let is_ours = |service: &&String| path.ends_with(service.as_bytes());
        let asks = self.rules.services.iter().find(|(_, (_, infnos))| infnos.iter().any(|one| one == infno));
        match (self.rules.services.keys().find(is_ours), asks) {
            (Some(service), Some((asks, _))) => {
                Bytes::from([&path[..path.len() - service.len()], asks.as_bytes(), rest].concat())
            }
            _ => target.clone(),
        }
    }

    fn inquiry_headers(&self, headers: &HeaderLines, infno: &str) -> HeaderLines {
        let line = |(name, value): &(Bytes, Bytes)| {
            let number = name.eq_ignore_ascii_case(self.rules.number_header.as_bytes());
            let value =
                number.then(|| self.renumbered(value, infno)).flatten().map_or_else(|| value.clone(), Bytes::from);
            (name.clone(), value)
        };
        headers.iter().map(line).collect()
    }

    /// `infno` in the place of another one, its prefix kept; `None` when no number stands there.
    fn renumbered(&self, text: &[u8], infno: &str) -> Option<String> {
        self.number_in(text)?;
        let prefix = self.rules.number_prefixes.iter().find(|prefix| text.starts_with(prefix.as_bytes()));
        Some(format!("{}{infno}", prefix.map_or("", String::as_str)))
    }
}

/// Institution, time to the second, and four digits that begin with 9: a range that a HIS counting from 1 hardly reaches.
fn msgid(asked: &Asked<'_>) -> String {
    let time = compact_time(asked.now_unix_ns);
    format!("{}{}9{:03}", asked.fixmedins_code, &time[..14], asked.tail % 1000)
}

fn input(asked: &Asked<'_>, double_encoded: bool) -> String {
    let members = asked.inquiry.fields.iter().zip(asked.values);
    let members: Vec<String> = members.map(|(name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
    let input = format!(r#"{{"data":{{{}}}}}"#, members.join(","));
    if double_encoded { quoted(&input) } else { input }
}

fn holds(reply: &View, name: &str, wanted: &str) -> bool {
    reply.all(name).any(|found| found.filled() == Some(wanted))
}

/// Values inside a JSON text inside a string stand nowhere in the body.
fn double_encoded(view: &View) -> bool {
    view.found
        .iter()
        .any(|found| (&*found.above == "input" || found.above.starts_with("input.")) && found.at.is_empty())
}

fn raw<'b>(body: &'b [u8], found: &Found) -> Option<&'b [u8]> {
    let (from, to) = (usize::try_from(found.at.start).ok()?, usize::try_from(found.at.end).ok()?);
    body.get(from..to).filter(|raw| !raw.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Texts;

    fn asks(target: &str, header: &str, body: &[u8]) -> (String, String, Vec<u8>) {
        let profile = Profile::load("baseline", &Texts::embedded()).unwrap();
        let mut scanner = Scanner::new(profile.wanted(), None, None);
        scanner.feed(body);
        let repeat = Request {
            method: "POST".to_owned(),
            target: Bytes::from(target.to_owned()),
            http_minor: 1,
            headers: vec![(Bytes::from_static(b"_api_name"), Bytes::from(header.to_owned()))],
            body: Body::Buffered(Bytes::copy_from_slice(body)),
        };
        let inquiry = profile.transaction("2207").key.as_ref().and_then(|key| key.ask.clone()).unwrap();
        let asked = Asked {
            inquiry: &inquiry,
            fixmedins_code: "H99",
            values: &["P1", "S1", "D1"].map(str::to_owned),
            now_unix_ns: 1_704_135_845_001_000_000,
            tail: 42,
        };
        let Some(request) = profile.inquiry(&repeat, &scanner.finish(), &asked) else {
            return Default::default();
        };
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let body = request.body.buffered().unwrap().to_vec();
        (text(&request.target), text(&request.headers[0].1), body)
    }

    #[test]
    fn it_goes_where_the_repeat_went() {
        for (target, header, expected, expected_header) in [
            ("/hsa/hgs/2207", "", "/hsa/hgs/5203", ""),
            ("/CSB/hsa-fsi-2207?a=1", "hsa-fsi-2207", "/CSB/hsa-fsi-5203?a=1", "hsa-fsi-5203"),
            (
                "/fsi/api/outpatientSettleService/saveSettletment",
                "x",
                "/fsi/api/fsiIntegratedQueryService/querySetlInfo",
                "x",
            ),
            ("/fsi/api/rsfComIfsService/callService", "", "/fsi/api/rsfComIfsService/callService", ""),
            ("*", "", "*", ""),
        ] {
            let (target, header, _) = asks(target, header, br#"{"infno":"2207","input":{}}"#);
            assert_eq!((&*target, &*header), (expected, expected_header));
        }
    }

    #[test]
    fn the_envelope_keeps_its_own_bytes() {
        // GBK, a backslash as the second byte of a character included.
        let body = b"{\"infno\":\"2207\", \"msgid\" :\"m\",\"opter_name\":\"\x81\x5c\",\"n\":1.50,\"input\":{\"data\":{\"psn_no\":\"x\"}},\"sign_no\":null}";
        let expected = b"{\"infno\":\"5203\",\"msgid\":\"H99202401020304059042\",\"opter_name\":\"\x81\x5c\",\"n\":1.50,\"input\":{\"data\":{\"psn_no\":\"P1\",\"setl_id\":\"S1\",\"mdtrt_id\":\"D1\"}},\"sign_no\":null}";
        assert_eq!(asks("/", "", body).2, expected);
        let (_, _, double) = asks("/", "", br#"{"infno":"2207","input":"{\"data\":{\"psn_no\":\"x\"}}"}"#);
        let expected =
            br#"{"infno":"5203","input":"{\"data\":{\"psn_no\":\"P1\",\"setl_id\":\"S1\",\"mdtrt_id\":\"D1\"}}"}"#;
        assert_eq!(double, expected);
        for unwritable in [&b"sealed"[..], br#"{"infno":"2207","data":{}}"#, b""] {
            assert_eq!(asks("/", "", unwritable).2, b"");
        }
    }
}
