//! One value against its row of the table. Pure and total; nothing is allocated for a value that is right.

use std::borrow::Cow;

use super::dates::{is_day, is_month, is_time};
use super::form::{Ask, Member, Written};

/// The text of a raw scalar, blanks taken off; `None` for what stands for nothing: null, blanks, the text "null".
pub(super) fn filled(raw: &str) -> Option<Cow<'_, str>> {
    let text = text(raw)?;
    match &text {
        Cow::Borrowed(borrowed) => {
            let trimmed = borrowed.trim();
            (!trimmed.is_empty() && trimmed != "null").then_some(Cow::Borrowed(trimmed))
        }
        Cow::Owned(owned) => {
            let trimmed = owned.trim();
            (!trimmed.is_empty() && trimmed != "null").then(|| Cow::Owned(trimmed.to_owned()))
        }
    }
}

/// What a raw scalar says; `None` for an escape that stands for no character.
fn text(raw: &str) -> Option<Cow<'_, str>> {
    let Some(quoted) = raw.strip_prefix('"') else { return Some(Cow::Borrowed(raw)) };
    let inside = quoted.strip_suffix('"').unwrap_or(quoted);
    if inside.contains('\\') { serde_json::from_str(raw).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inside)) }
}

/// What a raw value comes to: empty, filled and right, or filled and broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// Nothing stands there.
    Empty,
    /// As the table asks.
    Good,
    /// This is not as the table asks.
    Broken(Ask),
}

/// Judges a raw value: a scalar, or a list or object where the table names no node.
pub(super) fn judge(member: &Member, raw: &str) -> Judged {
    let nested = matches!(raw.as_bytes().first(), Some(b'[' | b'{'));
    match (member.written, nested) {
        (Written::Nest, true) if is_empty_list(raw) => return Judged::Empty,
        (Written::Nest | Written::Any, true) => return Judged::Good,
        (_, true) => return Judged::Broken(Ask::Shape),
        (_, false) => {}
    }
    let Some(text) = filled(raw) else { return Judged::Empty };
    if member.written == Written::Nest {
        return Judged::Broken(Ask::Shape);
    }
    match fault(member, &text) {
        Some(ask) if member.asks(ask) => Judged::Broken(ask),
        _ => Judged::Good,
    }
}

fn is_empty_list(raw: &str) -> bool {
    raw.strip_prefix('[').and_then(|raw| raw.strip_suffix(']')).is_some_and(|inside| inside.trim().is_empty())
}

fn fault(member: &Member, text: &str) -> Option<Ask> {
    if let Some(codes) = &member.codes {
        // A code of the table is never too long for its field.
        let known = codes.codes.binary_search_by(|code| (**code).cmp(text)).is_ok();
        return (!known).then_some(Ask::Code);
    }
    let bytes = text.as_bytes();
    match member.written {
        Written::Number => number(member, bytes),
        Written::Day => (!is_day(bytes)).then_some(Ask::Date),
        Written::Time => (!is_time(bytes)).then_some(Ask::Date),
        Written::Month => (!is_month(bytes)).then_some(Ask::Date),
        Written::Text | Written::Any | Written::Nest => length(member, text),
    }
}

fn length(member: &Member, text: &str) -> Option<Ask> {
    let longest = member.longest as usize;
    if longest == 0 || text.len() <= longest {
        return None; // No encoding has more characters, and GBK no more bytes, than UTF-8 has bytes.
    }
    if text.chars().count() > longest {
        return Some(Ask::Length);
    }
    let in_gbk = |c: char| match c.len_utf8() {
        1 => 1,
        4 => 4,
        _ => 2,
    };
    (text.chars().map(in_gbk).sum::<usize>() > longest).then_some(Ask::GbkLength)
}

fn number(member: &Member, bytes: &[u8]) -> Option<Ask> {
    let Some((whole, decimals)) = digits(bytes) else { return Some(Ask::Kind) };
    if member.scale.is_some_and(|scale| decimals > i64::from(scale)) {
        return Some(Ask::Scale);
    }
    let room = i64::from(member.longest) - i64::from(member.scale.unwrap_or(0));
    (member.longest != 0 && whole > room).then_some(Ask::Length)
}

/// Digits before and behind the point that a number needs, zeros at its ends left out; exact for any length.
fn digits(bytes: &[u8]) -> Option<(i64, i64)> {
    let unsigned = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
    let at = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, power) = match at {
        Some(at) => {
            let power = std::str::from_utf8(&unsigned[at + 1..]).ok()?.parse::<i32>().ok()?;
            (&unsigned[..at], i64::from(power))
        }
        None => (unsigned, 0),
    };
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let (before, behind) = (&mantissa[..point], mantissa.get(point + 1..).unwrap_or_default());
    let all = || before.iter().chain(behind);
    if all().next().is_none() || !all().all(u8::is_ascii_digit) {
        return None;
    }
    let leading = all().take_while(|byte| **byte == b'0').count() as i64;
    let count = (before.len() + behind.len()) as i64;
    if leading == count {
        return Some((0, 0));
    }
    let trailing = behind.iter().rev().chain(before.iter().rev()).take_while(|byte| **byte == b'0').count() as i64;
    let point = before.len() as i64 + power;
    Some(((point - leading).max(0), (count - trailing - point).max(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_exactly() {
        let rows = [
            ("0", Some((0, 0))),
            ("12.50", Some((2, 1))),
            ("-0.010", Some((0, 2))),
            ("1e3", Some((4, 0))),
            ("1E-05", Some((0, 5))),
            ("1200", Some((4, 0))),
            ("00012", Some((2, 0))),
            ("12.", Some((2, 0))),
            (".5", Some((0, 1))),
            ("1.10e1", Some((2, 0))),
            ("99999999999999999999999999999999999.123456789", Some((35, 9))),
            ("0e999999999", Some((0, 0))),
            ("", None),
            ("-", None),
            ("1,000", None),
            ("1.2.3", None),
            ("many", None),
            ("1e", None),
            ("１", None),
            ("NaN", None),
        ];
        for (text, expected) in rows {
            assert_eq!(digits(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn what_stands_for_nothing_is_not_filled() {
        for raw in ["null", "\"\"", "\"  \"", "\"null\"", "\" null \"", "\"\\t\"", "\"\\ud800\""] {
            assert_eq!(filled(raw), None, "{raw}");
        }
        assert_eq!(filled("\" a\\u4e2d \"").as_deref(), Some("a中"));
        assert_eq!(filled("1.10").as_deref(), Some("1.10"));
    }
}
