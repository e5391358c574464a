//! Bodies of every kind, in clear and hidden.

use bytes::Bytes;

use super::*;
use crate::domain::exchange::Seq;
use crate::journal::Place;
use crate::journal::facts::Facts;
use crate::journal::record::Header;

struct Holding(Vec<u8>, Vec<u8>);

impl Opener for Holding {
    fn unseal(&self, record: &Record) -> Result<Sealed, crate::journal::Unopened> {
        let headers = vec![(Bytes::from_static(b"X-Person"), Bytes::from_static(b"44010119800101123X"))];
        if record.header.known_kind() == Some(Kind::Intent) {
            let target = Bytes::from_static(b"/fsi/44010119800101123X?certno=44010119800101123X");
            let body = Body::Buffered(self.0.clone().into());
            let request = Request { method: "POST".to_owned(), target, http_minor: 1, headers, body };
            return Ok(Sealed { request: Some(request), ..Sealed::default() });
        }
        let body = Body::Buffered(self.1.clone().into());
        let reply = Reply { status: 200, reason: Bytes::from_static(b"OK"), headers, body };
        Ok(Sealed { reply: Some(reply), ..Sealed::default() })
    }

    fn front(&self, _: &BodyFile) -> Result<Vec<u8>, crate::journal::Unopened> {
        Err(crate::journal::Unopened::Not("no file".to_owned()))
    }
}

fn shown(request: impl Into<Vec<u8>>, reply: impl Into<Vec<u8>>, reveal: bool) -> Shown {
    let id = ExchangeId([7; 16]);
    let record = |kind, seq| {
        let header = Header { exchange_id: id, flags: flag::SEALED, seq: Seq(seq), ..Header::new(kind) };
        let mut facts = Facts::default();
        facts.text(Fact::Infno, "2207");
        Record { place: Place { segment_no: 1, offset: 0, seq: Seq(seq) }, header, facts, payload: Vec::new() }
    };
    let records = [record(Kind::Intent, 1), record(Kind::Outcome, 2)];
    exchange(id, &records, &Holding(request.into(), reply.into()), reveal)
}

const REQUEST: &str = r#"{"infno":"2207","msgid":"H1","input":{"data":{"psn_no":"9900001","psn_name":"张三丰","insutype":"310","medfee_sumamt":12.50,"mystery":"x99"}}}"#;
const REPLY: &str = r#"{"infcode":"-1","err_msg":"参保人张三丰(9900001)已结算","output":{"setlinfo":{"setl_id":"S1","psn_no":"9900001"}}}"#;

fn value<'a>(body: &'a BodyShown, path: &str) -> &'a FieldShown {
    body.fields.iter().find(|field| field.path == path).unwrap_or_else(|| panic!("no {path} in {body:?}"))
}

#[test]
fn fields_have_their_names_and_numbers_their_digits() {
    let shown = shown(REQUEST, REPLY, true);
    let body = &shown.request.as_ref().unwrap().body;
    assert_eq!((body.form, body.charset, body.raw.as_str()), ("json", "utf-8", REQUEST));
    let insutype = value(body, "input.data.insutype");
    assert_eq!((insutype.label, insutype.meaning), ("险种类型", Some("职工基本医疗保险")));
    assert_eq!(value(body, "input.data.medfee_sumamt").value, "12.50");
    assert_eq!(value(body, "input.data.psn_name").value, "张三丰");
    assert_eq!(value(&shown.reply.unwrap().body, "output.setlinfo.setl_id").label, "结算ID");
    assert_eq!(shown.timeline.iter().map(|step| step.what.as_str()).collect::<Vec<_>>(), ["intent", "outcome"]);
}

#[test]
fn without_the_right_nobody_is_seen_anywhere() {
    let shown = shown(REQUEST, REPLY, false);
    let text = serde_json::to_string(&shown).unwrap();
    for secret in ["张三丰", "9900001", "44010119800101123X", "x99"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let request = shown.request.as_ref().unwrap();
    assert_eq!(request.line, "POST /fsi/***?*** HTTP/1.1");
    assert_eq!(request.headers[0].1, "***");
    assert_eq!(value(&request.body, "input.data.medfee_sumamt").value, "12.50");
    assert!(request.body.raw.contains(r#""medfee_sumamt":12.50,"mystery":"***""#), "{}", request.body.raw);
    let reply = shown.reply.unwrap().body;
    assert_eq!(value(&reply, "err_msg").value, "参保人***(***)已结算");
    assert_eq!(value(&reply, "output.setlinfo.setl_id").value, "S1");
}

#[test]
fn json_within_a_string_is_read_and_hidden_whole() {
    let inner =
        serde_json::json!({ "infno": "2207", "input": "{\"data\":{\"psn_name\":\"张三丰\",\"insutype\":\"310\"}}" });
    let clear = shown(inner.to_string(), "", true).request.unwrap().body;
    assert_eq!(value(&clear, "input.data.psn_name").value, "张三丰");
    let masked = shown(inner.to_string(), "", false);
    assert!(!serde_json::to_string(&masked).unwrap().contains("张三丰"));
    assert_eq!(value(&masked.request.unwrap().body, "input.data.insutype").value, "310");
}

#[test]
fn every_body_is_shown_somehow_or_withheld() {
    let gbk = encoding_rs::GBK.encode(REQUEST).0.into_owned();
    let rows: [(&[u8], &str, &str, &str); 5] = [
        (&gbk, "gbk", "json", "json"),
        (b"{\"infno\":\"2207\",", "utf-8", "text", "withheld"),
        (b"<xml>\xE5\xBC\xA0</xml>", "utf-8", "text", "withheld"),
        (b"\x00\xFF\xFF\x01", "binary", "hex", "withheld"),
        (b"", "utf-8", "empty", "empty"),
    ];
    for (body, charset, clear, masked) in rows {
        let form = |reveal| {
            let body = shown(body, "{}", reveal).request.unwrap().body;
            (body.charset, body.form, body.raw)
        };
        assert_eq!((form(true).0, form(true).1), (charset, clear), "{body:?}");
        assert_eq!(form(false).1, masked, "{body:?}");
        assert!(form(false).1 != "withheld" || form(false).2.is_empty());
    }
    let deep = "[".repeat(40) + &"]".repeat(40);
    assert_eq!(shown(deep, "{}", false).request.unwrap().body.form, "withheld");
    let long = format!("[{}1]", "1,".repeat(6_000));
    assert_eq!(shown(long, "{}", false).request.unwrap().body.form, "withheld");
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(PREVIEW_BYTES));
    let body = shown(large.clone(), "{}", true).request.unwrap().body;
    assert_eq!((body.bytes, body.cut, body.form), (large.len() as u64, true, "text"));
}
