//! The question whether a recorded settlement still stands: 5203 in the envelope of the call that repeats it.
//!
//! The envelope is the repeat's own, so sign-in, operator and routing headers are those of today.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::message::{Body, HeaderLines, Request};
use crate::domain::scan::{Found, Scanner, View, Wanted};

use super::refusal::{compact_time, quoted};
use super::{Profile, ReplyView};

/// 结算信息查询: needs psn_no, setl_id and mdtrt_id (`wire.md` §5.2) [C].
const INFNO: &str = "5203";
/// Says whether the settlement was refunded, 1 = yes (`wire.md` §5.2) [C]; some platforms may leave the old row at 0 [I].
const REFUNDED: (&str, &str) = ("refd_setl_flag", "1");
/// The member of every envelope that holds what is asked.
const INPUT: &str = "input";

/// Which settlement is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// 定点医药机构编号: our message id begins with it.
    pub fixmedins_code: &'a str,
    /// 人员编号.
    pub psn_no: &'a str,
    /// 结算ID.
    pub setl_id: &'a str,
    /// 就诊ID.
    pub mdtrt_id: &'a str,
    /// Now.
    pub now_unix_ns: i64,
    /// Tells message ids of one second apart.
    pub tail: u16,
}

/// What the platform says of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// It is there and was not refunded.
    Alive,
    /// It is there and was refunded.
    Refunded,
    /// It is not there; proves nothing.
    Unproven,
}

impl Profile {
    /// The question in the envelope, headers and URL style of `repeat`; `None` for an envelope that we cannot write.
    pub fn inquiry(&self, repeat: &Request, view: &View, asked: &Asked<'_>) -> Option<Request> {
        let body = self.inquiry_body(repeat.body.buffered()?, view, asked)?;
        Some(Request {
            method: repeat.method.clone(),
            target: self.inquiry_target(&repeat.target),
            http_minor: repeat.http_minor,
            headers: self.inquiry_headers(&repeat.headers),
            body: Body::Buffered(body.into()),
        })
    }

    /// What a reply of infcode 0 says of the settlement.
    pub fn stands(&self, reply: &ReplyView, setl_id: &str) -> Stands {
        let (field, yes) = REFUNDED;
        let refunded = reply.dimensions.iter().any(|(name, value)| name == field && value == yes);
        match reply.setl_ids.iter().any(|found| found == setl_id) {
            true if refunded => Stands::Refunded,
            true => Stands::Alive,
            false => Stands::Unproven,
        }
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
                return Some(quoted(INFNO).into_bytes());
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
    fn inquiry_target(&self, target: &Bytes) -> Bytes {
        let end = target.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(target.len());
        let (path, rest) = target.split_at(end);
        let Some(slash) = path.iter().rposition(|byte| *byte == b'/') else { return target.clone() };
        if let Some(number) = self.renumbered(&path[slash + 1..]) {
            return Bytes::from([&path[..=slash], number.as_bytes(), rest].concat());
        }
        let is_ours = |service: &&String| path.ends_with(service.as_bytes());
        let asks = self.rules.services.iter().find(|(_, (_, infnos))| infnos.iter().any(|infno| infno == INFNO));
        match (self.rules.services.keys().find(is_ours), asks) {
            (Some(service), Some((asks, _))) => {
                Bytes::from([&path[..path.len() - service.len()], asks.as_bytes(), rest].concat())
            }
            _ => target.clone(),
        }
    }

    fn inquiry_headers(&self, headers: &HeaderLines) -> HeaderLines {
        let line = |(name, value): &(Bytes, Bytes)| {
            let number = name.eq_ignore_ascii_case(self.rules.number_header.as_bytes());
            let value = number.then(|| self.renumbered(value)).flatten().map_or_else(|| value.clone(), Bytes::from);
            (name.clone(), value)
        };
        headers.iter().map(line).collect()
    }

    /// Our number in the place of another one, its prefix kept; `None` when no number stands there.
    fn renumbered(&self, text: &[u8]) -> Option<String> {
        self.number_in(text)?;
        let prefix = self.rules.number_prefixes.iter().find(|prefix| text.starts_with(prefix.as_bytes()));
        Some(format!("{}{INFNO}", prefix.map_or("", String::as_str)))
    }
}

/// Institution, time to the second, and four digits that begin with 9: a range that a HIS counting from 1 hardly reaches.
fn msgid(asked: &Asked<'_>) -> String {
    let time = compact_time(asked.now_unix_ns);
    format!("{}{}9{:03}", asked.fixmedins_code, &time[..14], asked.tail % 1000)
}

fn input(asked: &Asked<'_>, double_encoded: bool) -> String {
    let (psn_no, setl_id, mdtrt_id) = (quoted(asked.psn_no), quoted(asked.setl_id), quoted(asked.mdtrt_id));
    let input = format!(r#"{{"data":{{"psn_no":{psn_no},"setl_id":{setl_id},"mdtrt_id":{mdtrt_id}}}}}"#);
    if double_encoded { quoted(&input) } else { input }
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
        let asked = Asked {
            fixmedins_code: "H99",
            psn_no: "P1",
            setl_id: "S1",
            mdtrt_id: "D1",
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
