//! How families of HIS clients write: URL, headers, envelope, character set, message ids, amounts; and their habits.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::post::HeaderLine;
use crate::domain::clock::Clock;
use crate::sandbox::moment::Moment;

/// One family of clients at one sandbox institution.
#[derive(Debug, PartialEq, Eq)]
pub struct Dialect {
    /// The name in the report.
    pub name: &'static str,
    /// The institution's sandbox code.
    pub fixmedins_code: &'static str,
    /// The institution's name.
    pub fixmedins_name: &'static str,
    /// URL and headers.
    pub style: Style,
    /// Bodies in GBK.
    pub gbk: bool,
    /// Amounts as JSON numbers; else as text.
    pub numbers: bool,
    /// What it does that others do not.
    pub habit: Habit,
    /// What its patients come for, and how often.
    pub mix: &'static [(Journey, u64)],
}

/// URL and headers of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One URL per transaction, x-tif headers, text/plain, msgid ends in milliseconds and a digit.
    Tif,
    /// One URL for all, CSB headers, JSON, msgid ends in a counter that is not padded.
    Csb,
}

/// What one client does that others do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Waits, and sends again under a new msgid.
    Ordinary,
    /// Sends the very same message again.
    RepeatsMsgid,
    /// Waits a third as long as others.
    GivesUpEarly,
    /// Reads answers by where things stand, without a JSON parser.
    ReadsByPosition,
}

/// What a patient comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journey {
    /// 门诊: 1101, 2201, 2204, 2206, 2207.
    Outpatient,
    /// 住院: 1101, 2401, 2301, 2303, 2304, 2402.
    Inpatient,
    /// 药店: 1101, 2101, 2102.
    Pharmacy,
    /// 慢特病备案: 1101, 2503, 5301.
    Filing,
}

const HOSPITAL: &[(Journey, u64)] = &[(Journey::Outpatient, 6), (Journey::Inpatient, 2), (Journey::Filing, 1)];
const CLINIC: &[(Journey, u64)] = &[(Journey::Outpatient, 5), (Journey::Filing, 1)];
const DRUGSTORE: &[(Journey, u64)] = &[(Journey::Pharmacy, 1)];

/// The institutions of the simulated day.
pub const DIALECTS: [Dialect; 6] = [
    Dialect {
        name: "guangdong-like: style A, x-tif, text/plain",
        fixmedins_code: "H99000000001",
        fixmedins_name: "沙箱第一医院",
        style: Style::Tif,
        gbk: false,
        numbers: true,
        habit: Habit::Ordinary,
        mix: HOSPITAL,
    },
    Dialect {
        name: "central-like: style C, CSB, JSON",
        fixmedins_code: "H99000000002",
        fixmedins_name: "沙箱第二医院",
        style: Style::Csb,
        gbk: false,
        numbers: false,
        habit: Habit::Ordinary,
        mix: HOSPITAL,
    },
    Dialect {
        name: "repeats the same msgid",
        fixmedins_code: "H99000000003",
        fixmedins_name: "沙箱第三医院",
        style: Style::Csb,
        gbk: false,
        numbers: true,
        habit: Habit::RepeatsMsgid,
        mix: CLINIC,
    },
    Dialect {
        name: "gives up early and tries again",
        fixmedins_code: "H99000000004",
        fixmedins_name: "沙箱社区卫生中心",
        style: Style::Tif,
        gbk: false,
        numbers: false,
        habit: Habit::GivesUpEarly,
        mix: CLINIC,
    },
    Dialect {
        name: "reads answers by position",
        fixmedins_code: "H99000000005",
        fixmedins_name: "沙箱中医院",
        style: Style::Csb,
        gbk: false,
        numbers: true,
        habit: Habit::ReadsByPosition,
        mix: HOSPITAL,
    },
    Dialect {
        name: "drugstore chain, GBK",
        fixmedins_code: "P99000000006",
        fixmedins_name: "沙箱大药房",
        style: Style::Csb,
        gbk: true,
        numbers: false,
        habit: Habit::Ordinary,
        mix: DRUGSTORE,
    },
];

impl Dialect {
    /// An amount as this family writes it.
    pub fn amount(&self, amount: Decimal) -> Value {
        match self.numbers {
            true => serde_json::from_str(&amount.to_string()).unwrap_or(Value::Null),
            false => Value::String(format!("{amount:.2}")),
        }
    }

    /// The request target of a transaction.
    pub fn target(&self, infno: &str) -> String {
        match self.style {
            Style::Tif => format!("/ebus/gdyb_inf/poc/hsa/hgs/{infno}"),
            Style::Csb => "/fsi/api/rsfComIfsService/callService".to_string(),
        }
    }

    /// The header lines. Signatures are stand-ins of the right form: they do not cover the body and nobody here checks them.
    pub fn headers(&self, infno: &str, unix_ns: i64, number: u64) -> Vec<HeaderLine> {
        let line = |name: &str, value: String| (name.to_string(), value);
        let charset = if self.gbk { "gbk" } else { "utf-8" };
        match self.style {
            Style::Tif => vec![
                line("Content-Type", format!("text/plain;charset={charset}")),
                line("x-tif-paasid", "sandbox_hospital".to_string()),
                line("x-tif-timestamp", (unix_ns / 1_000_000_000).to_string()),
                line("x-tif-nonce", format!("{:08}", number % 100_000_000)),
                line("x-tif-signature", format!("{number:064x}")),
                line("Accept", "*".to_string()),
            ],
            Style::Csb => vec![
                line("Content-Type", format!("application/json;charset={charset}")),
                line("_api_name", infno.to_string()),
                line("_api_version", "1.0.0".to_string()),
                line("_api_timestamp", (unix_ns / 1_000_000).to_string()),
                line("_api_access_key", "sandbox-ak".to_string()),
                line("_api_signature", format!("{number:027x}=")),
            ],
        }
    }

    fn sequence(&self, unix_ns: i64, number: u64) -> String {
        match self.style {
            Style::Tif => format!("{:03}{}", unix_ns / 1_000_000 % 1000, number % 10),
            Style::Csb => number.to_string(),
        }
    }

    fn encoded(&self, text: &str) -> Vec<u8> {
        match self.gbk {
            true => encoding_rs::GBK.encode(text).0.into_owned(),
            false => text.as_bytes().to_vec(),
        }
    }
}

/// One work place of one hospital: numbers its messages and wraps them.
pub struct Desk {
    /// How it writes.
    pub dialect: &'static Dialect,
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
    pub fn new(dialect: &'static Dialect, clock: Arc<dyn Clock>) -> Desk {
        Desk { dialect, clock, sent: 0, sign_no: String::new() }
    }

    /// Wraps an input into the envelope, with a new msgid.
    pub fn wrap(&mut self, infno: &str, insuplc_admdvs: &str, input: Value) -> Message {
        self.sent += 1;
        let unix_ns = self.clock.unix_ns();
        let now = Moment::of(unix_ns);
        let code = self.dialect.fixmedins_code;
        let msgid = format!("{code}{}{}", now.compact(), self.dialect.sequence(unix_ns, self.sent));
        let tif = self.dialect.style == Style::Tif;
        let mut envelope = Map::new();
        let mut put = |name: &str, value: Value| envelope.insert(name.to_string(), value);
        put("infno", json!(infno));
        put("msgid", json!(msgid));
        put("mdtrtarea_admvs", json!("990100"));
        put("insuplc_admdvs", json!(insuplc_admdvs));
        put("recer_sys_code", json!(if tif { "FSI_LOCAL" } else { "01" }));
        put("dev_no", json!(""));
        put("dev_safe_info", json!(""));
        put("cainfo", json!(""));
        put("signtype", json!(if tif { "SM3" } else { "" }));
        put("infver", json!("V1.0"));
        // One family sends this as a number.
        put("opter_type", if tif { json!("1") } else { json!(1) });
        put("opter", json!("sb01"));
        put("opter_name", json!("沙箱收费员"));
        put("inf_time", json!(now.second()));
        put("fixmedins_code", json!(code));
        put("fixmedins_name", json!(self.dialect.fixmedins_name));
        put("sign_no", json!(self.sign_no));
        put("input", input);
        Message {
            msgid,
            target: self.dialect.target(infno),
            headers: self.dialect.headers(infno, unix_ns, self.sent),
            body: self.dialect.encoded(&Value::Object(envelope).to_string()),
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
    fn all_dialects_say_the_same_call() {
        for dialect in &DIALECTS {
            let mut desk = Desk::new(dialect, Arc::new(HandClock::at(1_709_136_000_042_000_000)));
            let input = json!({"data": {"psn_no": "1", "medfee_sumamt": dialect.amount(Decimal::new(1250, 2))}});
            let message = desk.wrap("2207", "990100", input);
            let call = Call::read(&message.target, &message.body);
            assert_eq!((call.infno.as_str(), call.msgid.as_str()), ("2207", message.msgid.as_str()));
            assert_eq!(call.need_amount("medfee_sumamt"), Ok(Decimal::new(125, 1)));
            let again = desk.wrap("2207", "990100", json!({}));
            assert_ne!(again.msgid, message.msgid);
            assert!(message.msgid.starts_with(dialect.fixmedins_code) && message.msgid.len() <= 30);
        }
    }
}
