//! What a request asks for: its transaction from path or body, its envelope, its fields.
//!
//! Reads leniently, as a real platform must: UTF-8 or GBK, amounts as numbers or text, `input` as object or as text.

use std::borrow::Cow;

use bytes::Bytes;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{multipart, spec};

/// One request, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The transaction; empty when neither path nor body names one.
    pub infno: String,
    /// The sender's message id.
    pub msgid: String,
    /// 定点医药机构编号.
    pub fixmedins_code: String,
    /// 经办人.
    pub opter: String,
    /// 签到编号.
    pub sign_no: String,
    /// The file of a multipart body (9101).
    pub file: Option<Bytes>,
    /// False when the body is not a JSON object.
    pub readable: bool,
    input: Value,
}

impl Call {
    /// Reads a request. The path's transaction number stands before the body's, as on a platform that routes by path.
    pub fn read(target: &str, body: &[u8]) -> Call {
        let (body, file) = multipart::open(body);
        let envelope: Value = serde_json::from_str(&decode(body)).unwrap_or(Value::Null);
        let infno = infno_of_path(target).unwrap_or_else(|| text(&envelope, "infno").unwrap_or_default());
        let input = match &envelope["input"] {
            Value::String(inner) => serde_json::from_str(inner).unwrap_or(Value::Null),
            plain => plain.clone(),
        };
        Call {
            infno,
            msgid: text(&envelope, "msgid").unwrap_or_default(),
            fixmedins_code: text(&envelope, "fixmedins_code").unwrap_or_default(),
            opter: text(&envelope, "opter").unwrap_or_default(),
            sign_no: text(&envelope, "sign_no").unwrap_or_default(),
            file,
            readable: envelope.is_object(),
            input,
        }
    }

    /// A field of the input's one node, whatever that is called; of its first row when the node is a list.
    pub fn field(&self, name: &str) -> Option<String> {
        let nodes = self.input.as_object()?.values();
        let inside = nodes.map(|node| node.get(0).unwrap_or(node)).find_map(|node| text(node, name));
        inside.or_else(|| text(&self.input, name))
    }

    /// A field that must be there; the error is the platform's sentence.
    pub fn need(&self, name: &str) -> Result<String, String> {
        self.field(name).ok_or_else(|| format!("字段 {name} 不能为空"))
    }

    /// An amount that must be there, as number or text.
    pub fn need_amount(&self, name: &str) -> Result<Decimal, String> {
        let text = self.need(name)?;
        text.parse().map_err(|_| format!("字段 {name} 不是金额"))
    }

    /// The rows of a node, which may be a list or a single object.
    pub fn rows(&self, node: &str) -> &[Value] {
        match &self.input[node] {
            Value::Array(rows) => rows,
            Value::Null => &[],
            one => std::slice::from_ref(one),
        }
    }
}

/// A member as text: a text or a number; null, "" and the text "null" count as absent.
pub fn text(node: &Value, name: &str) -> Option<String> {
    match node.get(name)? {
        Value::String(text) if text.is_empty() || text == "null" => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// UTF-8 where it is UTF-8, else GBK: declarations lie too often to be asked.
fn decode(body: &[u8]) -> Cow<'_, str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match std::str::from_utf8(body) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::GBK.decode_without_bom_handling(body).0,
    }
}

/// Style A (`…/2207`, `…/hsa-fsi-2207`) and style B (the service table); `None` for style C.
fn infno_of_path(target: &str) -> Option<String> {
    let path = target.split('?').next().unwrap_or(target);
    let last = path.rsplit('/').next()?;
    let number = last.strip_prefix("hsa-fsi-").unwrap_or(last);
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    // `2207A`, and `2507_A` as Shaanxi writes it.
    let letter = number[digits..].trim_start_matches('_');
    if (4..=6).contains(&digits) && letter.len() <= 1 && letter.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Some(number.to_string());
    }
    spec::by_service(path).map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transaction_comes_from_any_url_style() {
        for (target, body, expected) in [
            ("/ebus/gdyb_inf/poc/hsa/hgs/2207", r#"{"infno":"2207"}"#, "2207"),
            ("/CSB/hsa-fsi-2207A?x=1", "{}", "2207A"),
            ("/hsa/hgs/2507_A", "{}", "2507_A"),
            ("/fsi/api/outpatientSettleService/saveSettletmentV2", "{}", "2207"),
            ("/fsi/api/rsfComIfsService/callService", r#"{"infno":"9001"}"#, "9001"),
            ("/fsi/api/rsfComIfsService/callService", "not json", ""),
            ("/hsa/hgs/2161", r#"{"infno":"2101"}"#, "2161"),
        ] {
            assert_eq!(Call::read(target, body.as_bytes()).infno, expected, "{target}");
        }
    }

    #[test]
    fn loose_bodies_are_read() {
        let (gbk, _, _) =
            encoding_rs::GBK.encode(r#"{"msgid":"m","input":{"data":{"psn_name":"沙箱甲","cnt":"null","age":38}}}"#);
        let call = Call::read("/2207", &gbk);
        assert_eq!(call.field("psn_name").as_deref(), Some("沙箱甲"));
        assert_eq!(call.field("cnt"), None);
        assert_eq!(call.field("age").as_deref(), Some("38"));
        let doubled = Call::read("/2601", br#"{"input":"{\"data\":[{\"omsgid\":\"m1\"}]}"}"#);
        assert_eq!(doubled.need("omsgid"), Ok("m1".to_string()));
        assert_eq!(doubled.need("oinfno"), Err("字段 oinfno 不能为空".to_string()));
    }
}
