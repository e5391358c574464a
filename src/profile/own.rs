//! A call of the gateway's own in the envelope of a call that the HIS once made: what it says of institution, area, version
//! and route is kept with its bytes, and only what concerned that one call is said anew.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::domain::message::{Body, HeaderLines, Request};
use crate::domain::scan::{Found, Scanner, View, Wanted};

use super::Profile;
use super::refusal::{compact_time, quoted};
use super::submission::FileForm;

/// The member of every envelope that holds what is asked.
const INPUT: &str = "input";

/// What the gateway itself says to the platform.
#[derive(Debug, Clone, Copy)]
pub struct OwnCall<'a> {
    /// 交易编号.
    pub infno: &'a str,
    /// 发送方报文ID of its own.
    pub msgid: &'a str,
    /// The member `input`, as JSON.
    pub input: &'a str,
    /// Further members of the envelope that are said anew: the name on the wire and the value.
    pub anew: &'a [(&'a str, &'a str)],
}

/// Institution, time to the second, and four digits that begin with 9: a range that a HIS counting from 1 hardly reaches.
/// `tail` tells message ids of one second apart.
pub fn own_msgid(fixmedins_code: &str, now_unix_ns: i64, tail: u16) -> String {
    let time = compact_time(now_unix_ns);
    format!("{fixmedins_code}{}9{:03}", &time[..14], tail % 1000)
}

/// `input` with one object `data` of texts.
pub fn input_data<'f>(members: impl Iterator<Item = (&'f str, &'f str)>) -> String {
    input_node("data", members)
}

/// `input` with one object of texts.
pub fn input_node<'f>(node: &str, members: impl Iterator<Item = (&'f str, &'f str)>) -> String {
    let members: Vec<String> = members.map(|(name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
    format!("{{{}:{{{}}}}}", quoted(node), members.join(","))
}

/// `input` with one file (9101, `wire.md` §4.2).
pub fn input_file(node: &str, (form, bytes): (FileForm, &[u8]), filename: &str, fixmedins_code: &str) -> String {
    let content = match form {
        FileForm::Base64 => quoted(&STANDARD.encode(bytes)),
        // Signed, as the serialisers that write lists do.
        FileForm::Numbers => {
            format!("[{}]", bytes.iter().map(|byte| byte.cast_signed().to_string()).collect::<Vec<_>>().join(","))
        }
    };
    let [filename, fixmedins_code] = [filename, fixmedins_code].map(quoted);
    format!(r#"{{{}:{{"in":{content},"filename":{filename},"fixmedins_code":{fixmedins_code}}}}}"#, quoted(node))
}

impl Profile {
    /// The call in the envelope, headers and URL style of `template`; `None` for an envelope that we cannot write.
    pub fn own_call(&self, template: &Request, view: &View, own: &OwnCall<'_>) -> Option<Request> {
        let body = self.own_body(template.body.buffered()?, view, own)?;
        Some(Request {
            method: template.method.clone(),
            target: self.own_target(&template.target, own.infno),
            http_minor: template.http_minor,
            headers: self.own_headers(&template.headers, own.infno),
            body: Body::Buffered(body.into()),
        })
    }

    /// The members of the envelope in their order and with their bytes, less what only concerned the call it was made for.
    fn own_body(&self, body: &Bytes, view: &View, own: &OwnCall<'_>) -> Option<Vec<u8>> {
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
                let input = if double_encoded(view) { quoted(own.input) } else { own.input.to_owned() };
                return Some(input.into_bytes());
            }
            if names("infno", key) {
                return Some(quoted(own.infno).into_bytes());
            }
            if names("msgid", key) {
                return Some(quoted(own.msgid).into_bytes());
            }
            if let Some((_, value)) = own.anew.iter().find(|(name, _)| name == key) {
                return Some(quoted(value).into_bytes());
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
    fn own_target(&self, target: &Bytes, infno: &str) -> Bytes {
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

    fn own_headers(&self, headers: &HeaderLines, infno: &str) -> HeaderLines {
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
        let values = inquiry.fields.iter().map(String::as_str).zip(["P1", "S1", "D1"]);
        let own = OwnCall {
            infno: &inquiry.infno,
            msgid: &own_msgid("H99", 1_704_135_845_001_000_000, 42),
            input: &input_data(values),
            anew: &[("inf_time", "2024-01-02 03:04:05")],
        };
        let Some(request) = profile.own_call(&repeat, &scanner.finish(), &own) else {
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
