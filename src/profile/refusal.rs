//! The gateway's own words in the platform's shape: the native refusal and what is said of an unknown outcome.

use super::Profile;
use super::transaction::{ReplyStyle, Transaction};

/// How every text of an unknown outcome begins, within the 20 characters that the narrowest screen shows (`money.md` §4).
pub(super) const WARNING: &str = "【结果未知】勿重收、勿转自费";

/// What the gateway refuses, and why.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// 交易编号 refused; decides the shape.
    pub infno: &'a str,
    /// 发送方报文ID of the request.
    pub msgid: &'a str,
    /// Chinese text for the person at the screen.
    pub err_msg: &'a str,
    /// True when the platform called the hospital.
    pub to_platform: bool,
    /// Now.
    pub now_unix_ns: i64,
}

/// A body the HIS can read, always with HTTP 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeBody {
    /// Value of Content-Type.
    pub content_type: String,
    /// UTF-8 JSON.
    pub bytes: Vec<u8>,
}

/// Which of the three texts of an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownText {
    /// Sent, and the patience is over while the gateway goes on listening.
    Waiting,
    /// Sent, and the answer was lost or cannot be read.
    Lost,
    /// A repeat of a call whose outcome is unknown; nothing was sent this time.
    Repeat,
}

impl Profile {
    /// The platform's own "no" from the gateway: -1 in the profile's type and member order.
    pub fn native_refusal(&self, says: &Refused<'_>) -> NativeBody {
        let shape = &self.rules.refusal;
        let members = match self.transaction(says.infno).reply {
            _ if says.to_platform => &shape.members_by_success,
            ReplyStyle::Infcode => &shape.members,
            ReplyStyle::Code => &shape.members_by_code,
            ReplyStyle::Success => &shape.members_by_success,
        };
        let time = || quoted(&compact_time(says.now_unix_ns));
        let minus_one = if shape.infcode == "string" { "\"-1\"" } else { "-1" };
        let value = |member: &str| match member {
            "infcode" => minus_one.to_owned(),
            "code" => "-1".to_owned(),
            "err_msg" | "message" => quoted(says.err_msg),
            "refmsg_time" | "respond_time" => time(),
            "infno" => quoted(says.infno),
            "msgid" | "inf_refmsgid" => quoted(says.msgid),
            _ => "\"\"".to_owned(),
        };
        let member = |member: &String| match member.split_once('=') {
            Some((name, literal)) => format!("{}:{literal}", quoted(name)),
            None => format!("{}:{}", quoted(member), value(member)),
        };
        let body = format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","));
        NativeBody { content_type: shape.content_type.clone(), bytes: body.into_bytes() }
    }

    /// What the HIS reads when the outcome of a call sent at `sent_unix_ns` is unknown.
    pub fn unknown_text(&self, which: UnknownText, tx: &Transaction, msgid: &str, sent_unix_ns: i64) -> String {
        let name = match which {
            UnknownText::Waiting => "waiting",
            UnknownText::Lost => "lost",
            UnknownText::Repeat => "repeat",
        };
        let text = self.rules.unknown.get(name).map_or(WARNING, String::as_str);
        let text = text.replace("{name}", &tx.name).replace("{infno}", &tx.infno);
        text.replace("{time}", &readable_time(sent_unix_ns)).replace("{msgid}", msgid)
    }
}

/// True when the warning stands within the first 20 characters.
pub(super) fn warns_at_once(text: &str) -> bool {
    let head: String = text.chars().take(20).collect();
    head.contains(WARNING)
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if (control as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", control as u32)),
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

/// yyyyMMddHHmmssSSS in China's time (`wire.md` §2.2).
pub(super) fn compact_time(unix_ns: i64) -> String {
    let t = china(unix_ns);
    format!("{:04}{:02}{:02}{:02}{:02}{:02}{:03}", t.year, t.month, t.day, t.hour, t.minute, t.second, t.milli)
}

/// HH:mm:ss with the date, in China's time, for people.
fn readable_time(unix_ns: i64) -> String {
    let t = china(unix_ns);
    format!("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", t.year, t.month, t.day, t.hour, t.minute, t.second)
}

struct ChinaTime {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    milli: i64,
}

/// Splits a moment into China's calendar: UTC+8, no summer time. Days to date after Hinnant's `civil_from_days`.
fn china(unix_ns: i64) -> ChinaTime {
    let millis = unix_ns.div_euclid(1_000_000) + 8 * 3_600_000;
    let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let days = days + 719_468; // days since 0000-03-01
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    ChinaTime {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day: day_of_year - (153 * from_march + 2) / 5 + 1,
        hour: of_day / 3_600_000,
        minute: of_day / 60_000 % 60,
        second: of_day / 1_000 % 60,
        milli: of_day % 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn china_time_is_eight_hours_ahead() {
        for (unix, text) in [
            (0, "1970-01-01 08:00:00"),
            (1_704_135_845, "2024-01-02 03:04:05"),
            (1_709_136_000, "2024-02-29 00:00:00"),
            (1_735_660_799, "2024-12-31 23:59:59"),
            (951_753_600, "2000-02-29 00:00:00"),
            (-1, "1970-01-01 07:59:59"),
        ] {
            assert_eq!(readable_time(unix * 1_000_000_000), text);
        }
        assert_eq!(compact_time(1_704_135_845_001_000_000), "20240102030405001");
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(quoted("a\"b\\c\nd\u{1}"), r#""a\"b\\c\nd\u0001""#);
    }
}
