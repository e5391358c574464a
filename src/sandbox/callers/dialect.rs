//! How two families of HIS clients write: URL, headers, envelope, message ids, amounts.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::post::HeaderLine;
use crate::domain::clock::Clock;
use crate::sandbox::moment::Moment;

/// One family of clients at one sandbox hospital.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One URL per transaction, x-tif headers, text/plain, amounts as numbers, msgid ends in milliseconds and a digit.
    Guangdong,
    /// One URL for all, CSB headers, JSON, amounts as text, msgid ends in a counter that is not padded.
    Central,
}

/// Both dialects of the simulated day.
pub const DIALECTS: [Dialect; 2] = [Dialect::Guangdong, Dialect::Central];

impl Dialect {
    /// The name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Guangdong => "guangdong-like (style A, x-tif, text/plain)",
            Dialect::Central => "central-like (style C, CSB, JSON)",
        }
    }

    /// The hospital's sandbox code.
    pub fn fixmedins_code(self) -> &'static str {
        match self {
            Dialect::Guangdong => "H99000000001",
            Dialect::Central => "H99000000002",
        }
    }

    /// The hospital's name.
    pub fn fixmedins_name(self) -> &'static str {
        match self {
            Dialect::Guangdong => "沙箱第一医院",
            Dialect::Central => "沙箱第二医院",
        }
    }

    /// An amount as this family writes it.
    pub fn amount(self, amount: Decimal) -> Value {
        match self {
            Dialect::Guangdong => serde_json::from_str(&amount.to_string()).unwrap_or(Value::Null),
            Dialect::Central => Value::String(format!("{amount:.2}")),
        }
    }

    /// The request target of a transaction.
    pub fn target(self, infno: &str) -> String {
        match self {
            Dialect::Guangdong => format!("/ebus/gdyb_inf/poc/hsa/hgs/{infno}"),
            Dialect::Central => "/fsi/api/rsfComIfsService/callService".to_string(),
        }
    }

    /// The header lines. Signatures are stand-ins of the right form: they do not cover the body and nobody here checks them.
    pub fn headers(self, infno: &str, unix_ns: i64, number: u64) -> Vec<HeaderLine> {
        let line = |name: &str, value: String| (name.to_string(), value);
        match self {
            Dialect::Guangdong => vec![
                line("Content-Type", "text/plain;charset=utf-8".to_string()),
                line("x-tif-paasid", "sandbox_hospital".to_string()),
                line("x-tif-timestamp", (unix_ns / 1_000_000_000).to_string()),
                line("x-tif-nonce", format!("{:08}", number % 100_000_000)),
                line("x-tif-signature", format!("{number:064x}")),
                line("Accept", "*".to_string()),
            ],
            Dialect::Central => vec![
                line("Content-Type", "application/json;charset=utf-8".to_string()),
                line("_api_name", infno.to_string()),
                line("_api_version", "1.0.0".to_string()),
                line("_api_timestamp", (unix_ns / 1_000_000).to_string()),
                line("_api_access_key", "sandbox-ak".to_string()),
                line("_api_signature", format!("{number:027x}=")),
            ],
        }
    }

    fn sequence(self, unix_ns: i64, number: u64) -> String {
        match self {
            Dialect::Guangdong => format!("{:03}{}", unix_ns / 1_000_000 % 1000, number % 10),
            Dialect::Central => number.to_string(),
        }
    }
}

/// One work place of one hospital: numbers its messages and wraps them.
pub struct Desk {
    /// How it writes.
    pub dialect: Dialect,
    clock: Arc<dyn Clock>,
    sent: u64,
    /// From 9001; empty before.
    pub sign_no: String,
}

/// A message ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// 发送方报文ID.
    pub msgid: String,
    /// Request target.
    pub target: String,
    /// Header lines.
    pub headers: Vec<HeaderLine>,
    /// The body.
    pub body: Vec<u8>,
}

impl Desk {
    /// A desk that has sent nothing yet.
    pub fn new(dialect: Dialect, clock: Arc<dyn Clock>) -> Desk {
        Desk { dialect, clock, sent: 0, sign_no: String::new() }
    }

    /// Wraps an input into the envelope, with a new msgid.
    pub fn wrap(&mut self, infno: &str, insuplc_admdvs: &str, input: Value) -> Message {
        self.sent += 1;
        let unix_ns = self.clock.unix_ns();
        let now = Moment::of(unix_ns);
        let code = self.dialect.fixmedins_code();
        let msgid = format!("{code}{}{}", now.compact(), self.dialect.sequence(unix_ns, self.sent));
        let mut envelope = Map::new();
        let mut put = |name: &str, value: Value| envelope.insert(name.to_string(), value);
        put("infno", json!(infno));
        put("msgid", json!(msgid));
        put("mdtrtarea_admvs", json!("990100"));
        put("insuplc_admdvs", json!(insuplc_admdvs));
        put("recer_sys_code", json!(if self.dialect == Dialect::Guangdong { "FSI_LOCAL" } else { "01" }));
        put("dev_no", json!(""));
        put("dev_safe_info", json!(""));
        put("cainfo", json!(""));
        put("signtype", json!(if self.dialect == Dialect::Guangdong { "SM3" } else { "" }));
        put("infver", json!("V1.0"));
        // One family sends this as a number.
        put("opter_type", if self.dialect == Dialect::Guangdong { json!("1") } else { json!(1) });
        put("opter", json!("sb01"));
        put("opter_name", json!("沙箱收费员"));
        put("inf_time", json!(now.second()));
        put("fixmedins_code", json!(code));
        put("fixmedins_name", json!(self.dialect.fixmedins_name()));
        put("sign_no", json!(self.sign_no));
        put("input", input);
        Message {
            msgid,
            target: self.dialect.target(infno),
            headers: self.dialect.headers(infno, unix_ns, self.sent),
            body: Value::Object(envelope).to_string().into_bytes(),
        }
    }

    /// Platform time now.
    pub fn now(&self) -> Moment {
        Moment::of(self.clock.unix_ns())
    }

    /// Messages sent so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::HandClock;
    use crate::sandbox::call::Call;

    #[test]
    fn both_dialects_say_the_same_call() {
        for dialect in DIALECTS {
            let mut desk = Desk::new(dialect, Arc::new(HandClock::at(1_709_136_000_042_000_000)));
            let input = json!({"data": {"psn_no": "1", "medfee_sumamt": dialect.amount(Decimal::new(1250, 2))}});
            let message = desk.wrap("2207", "990100", input);
            let call = Call::read(&message.target, &message.body);
            assert_eq!((call.infno.as_str(), call.msgid.as_str()), ("2207", message.msgid.as_str()));
            assert_eq!(call.need_amount("medfee_sumamt"), Ok(Decimal::new(125, 1)));
            let again = desk.wrap("2207", "990100", json!({}));
            assert_ne!(again.msgid, message.msgid);
            assert!(message.msgid.starts_with("H9900000000") && message.msgid.len() <= 30);
        }
    }
}
