//! How a province writes its answer: order of the members, type of infcode, what stands where nothing stands.
//!
//! Orders and types as in the captures of the wire reference; the content is the same everywhere.

use super::guard::{Guard, Seal};
use super::moment::Moment;
use super::tree::{MoneyStyle, Node, quote};

/// One province's way of answering.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    /// The name for `--shape`.
    pub name: &'static str,
    order: &'static [&'static str],
    infcode_quoted: bool,
    /// err_msg of a success; `None` is null.
    success_says: Option<&'static str>,
    /// What unused members hold; `None` is null.
    unused: Option<&'static str>,
    money: MoneyStyle,
    /// Content-Type of the answer.
    pub content_type: &'static str,
}

const JSON: &str = "application/json;charset=UTF-8";
const TEXT: &str = "text/plain;charset=UTF-8";

/// As the specification's table has it (wire.md §2.2).
const PLAIN: [&str; 6] = ["infcode", "inf_refmsgid", "refmsg_time", "respond_time", "err_msg", "output"];
/// As Chongqing and Jiangsu write it (wire.md §2.7).
const INFCODE_FIRST: [&str; 8] =
    ["infcode", "inf_refmsgid", "refmsg_time", "respond_time", "enctype", "signtype", "err_msg", "output"];
/// As Zhejiang and Hainan write it (wire.md §2.7).
const OUTPUT_FIRST: [&str; 9] =
    ["output", "infcode", "warn_msg", "cainfo", "err_msg", "refmsg_time", "signtype", "respond_time", "inf_refmsgid"];
/// As Jilin writes it (wire.md §2.7).
const CAINFO_FIRST: [&str; 8] =
    ["cainfo", "err_msg", "inf_refmsgid", "infcode", "output", "refmsg_time", "respond_time", "signtype"];

/// As the specification has it, and where no manual is public.
const BASELINE: Shape = Shape {
    name: "baseline",
    order: &PLAIN,
    infcode_quoted: false,
    success_says: None,
    unused: None,
    money: MoneyStyle::Number(2),
    content_type: JSON,
};

/// Every shape that `--shape` knows. A temper draws from the first five.
pub const SHAPES: [Shape; 11] = [
    BASELINE,
    Shape {
        name: "guangdong",
        order: &[
            "infcode",
            "warn_msg",
            "cainfo",
            "err_msg",
            "refmsg_time",
            "signtype",
            "respond_time",
            "inf_refmsgid",
            "output",
        ],
        infcode_quoted: false,
        success_says: Some(""),
        unused: Some(""),
        money: MoneyStyle::Number(2),
        content_type: TEXT,
    },
    Shape {
        name: "jiangsu",
        order: &INFCODE_FIRST,
        infcode_quoted: true,
        success_says: Some("成功"),
        unused: Some(""),
        money: MoneyStyle::Text,
        content_type: JSON,
    },
    Shape {
        name: "zhejiang",
        order: &OUTPUT_FIRST,
        infcode_quoted: false,
        success_says: Some("success"),
        unused: None,
        money: MoneyStyle::Number(2),
        content_type: JSON,
    },
    Shape {
        name: "hainan",
        order: &OUTPUT_FIRST,
        infcode_quoted: true,
        success_says: Some(""),
        unused: Some(""),
        money: MoneyStyle::Number(4),
        content_type: JSON,
    },
    Shape {
        name: "hunan", // Quoted as in the annex sample of HN27 [S]; the rest [I].
        order: &PLAIN,
        infcode_quoted: true,
        success_says: Some("success"),
        unused: Some(""),
        money: MoneyStyle::Number(2),
        content_type: JSON,
    },
    Shape {
        name: "jiangxi", // Quoted as in the annex sample of JX20 [S]; the rest [I].
        order: &PLAIN,
        infcode_quoted: true,
        success_says: Some(""),
        unused: Some(""),
        money: MoneyStyle::Number(2),
        content_type: JSON,
    },
    Shape {
        name: "jilin",
        order: &CAINFO_FIRST,
        infcode_quoted: true,
        success_says: Some("成功"),
        unused: Some(""),
        money: MoneyStyle::Number(2),
        content_type: JSON,
    },
    Shape {
        name: "hebei", // infcode as a number in NT samples [C]; the order [I].
        order: &INFCODE_FIRST,
        infcode_quoted: false,
        success_says: None,
        unused: Some(""),
        money: MoneyStyle::Number(2),
        content_type: JSON,
    },
    Shape { name: "guangxi", ..BASELINE },
    Shape { name: "shaanxi", ..BASELINE },
];

/// What one answer says.
pub struct Saying<'a> {
    /// `Err` is the err_msg of a refusal.
    pub result: Result<&'a Node, &'a str>,
    /// Arrival number; makes inf_refmsgid distinct.
    pub number: u64,
    /// When the request came.
    pub arrived: Moment,
    /// When the answer leaves.
    pub answered: Moment,
    /// Who seals it.
    pub guard: Option<&'a Guard>,
}

impl Shape {
    /// The shape of this name.
    pub fn named(name: &str) -> Option<&'static Shape> {
        SHAPES.iter().find(|shape| shape.name == name)
    }

    /// The whole answer body.
    pub fn envelope(&self, saying: &Saying<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(2048);
        let seal = self.seal(saying);
        for (at, member) in self.order.iter().enumerate() {
            out.push(if at == 0 { b'{' } else { b',' });
            quote(member, &mut out);
            out.push(b':');
            match (*member, &seal) {
                ("output", Some(seal)) => quote(&seal.output, &mut out),
                ("cainfo", Some(seal)) => quote(&seal.cainfo, &mut out),
                ("signtype", Some(_)) => quote("SM2", &mut out),
                _ => self.member(member, saying, &mut out),
            }
        }
        out.push(b'}');
        out
    }

    /// A success is sealed where the province seals; a refusal never is.
    fn seal(&self, saying: &Saying<'_>) -> Option<Seal> {
        let (guard, output) = (saying.guard?, saying.result.ok()?);
        let mut text = Vec::with_capacity(2048);
        output.write(self.money, &mut text);
        guard.seal(&text)
    }

    fn member(&self, member: &str, saying: &Saying<'_>, out: &mut Vec<u8>) {
        match (member, saying.result) {
            ("infcode", result) => {
                let code = if result.is_ok() { 0 } else { -1 };
                let text = if self.infcode_quoted { format!("\"{code}\"") } else { code.to_string() };
                out.extend_from_slice(text.as_bytes());
            }
            ("inf_refmsgid", _) => {
                quote(&format!("990000{}{:010}", saying.arrived.compact(), saying.number), out);
            }
            ("refmsg_time", _) => quote(&saying.arrived.compact_millis(), out),
            ("respond_time", _) => quote(&saying.answered.compact_millis(), out),
            ("err_msg", Ok(_)) => optional(self.success_says, out),
            ("err_msg", Err(text)) => quote(text, out),
            ("output", Ok(output)) => output.write(self.money, out),
            ("output", Err(_)) => out.extend_from_slice(b"null"),
            _ => optional(self.unused, out),
        }
    }
}

fn optional(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => quote(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: &str, result: Result<&Node, &str>, expected: &str) {
        let at = Moment::of(1_709_136_000_042_000_000);
        let saying = Saying { result, number: 7, arrived: at, answered: at, guard: None };
        let body = Shape::named(shape).expect("a known shape").envelope(&saying);
        assert_eq!(String::from_utf8_lossy(&body), expected);
        serde_json::from_slice::<serde_json::Value>(&body).expect("it is JSON");
    }

    #[test]
    fn every_province_writes_its_own_way() {
        let output = Node::Object(vec![("acct_pay", Node::Money(rust_decimal::Decimal::new(1250, 2)))]);
        check(
            "baseline",
            Ok(&output),
            r#"{"infcode":0,"inf_refmsgid":"990000202402290000000000000007","refmsg_time":"20240229000000042","respond_time":"20240229000000042","err_msg":null,"output":{"acct_pay":12.50}}"#,
        );
        check(
            "jiangsu",
            Err("余额不足"),
            r#"{"infcode":"-1","inf_refmsgid":"990000202402290000000000000007","refmsg_time":"20240229000000042","respond_time":"20240229000000042","enctype":"","signtype":"","err_msg":"余额不足","output":null}"#,
        );
        check(
            "zhejiang",
            Ok(&output),
            r#"{"output":{"acct_pay":12.50},"infcode":0,"warn_msg":null,"cainfo":null,"err_msg":"success","refmsg_time":"20240229000000042","signtype":null,"respond_time":"20240229000000042","inf_refmsgid":"990000202402290000000000000007"}"#,
        );
        assert!(Shape::named("atlantis").is_none());
    }
}
