//! From kept bytes to text, once the character set is known.

use encoding_rs::GBK;

use super::view::Charset;

/// Decodes one value; `escaped` says that it holds a backslash escape.
pub(super) fn decode(raw: Vec<u8>, escaped: bool, charset: Charset) -> String {
    let text = if charset == Charset::Gbk && !raw.is_ascii() { from_gbk(&raw) } else { from_utf8(raw) };
    if escaped { unescape(&text) } else { text }
}

fn from_utf8(raw: Vec<u8>) -> String {
    String::from_utf8(raw).unwrap_or_else(|broken| {
        let error = broken.utf8_error();
        let mut raw = broken.into_bytes();
        if error.error_len().is_none() {
            raw.truncate(error.valid_up_to()); // a long value was cut inside a character
            return String::from_utf8(raw).unwrap_or_default();
        }
        GBK.decode_without_bom_handling(&raw).0.into_owned()
    })
}

fn from_gbk(raw: &[u8]) -> String {
    let (text, broken) = GBK.decode_without_bom_handling(raw);
    match std::str::from_utf8(raw) {
        Ok(utf8) if broken => utf8.to_owned(),
        _ => text.into_owned(),
    }
}

/// Resolves JSON escapes; what is no escape stays as it is, a lone surrogate becomes U+FFFD.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let mut after = rest[at + 1..].chars();
        match after.next() {
            Some('u') => rest = unicode(after.as_str(), &mut out),
            Some(letter) => {
                out.push(meant(letter));
                rest = after.as_str();
            }
            None => rest = "",
        }
    }
    out.push_str(rest);
    out
}

fn meant(letter: char) -> char {
    match letter {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        itself => itself,
    }
}

/// Takes the four digits after `\u`, and a following low surrogate; gives what is left.
fn unicode<'a>(after: &'a str, out: &mut String) -> &'a str {
    let Some((unit, rest)) = four_digits(after) else {
        out.push('u');
        return after;
    };
    let low = rest.strip_prefix("\\u").and_then(four_digits).filter(|(low, _)| (0xdc00..0xe000).contains(low));
    if let (0xd800..0xdc00, Some((low, rest))) = (unit, low) {
        let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        return rest;
    }
    out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
    rest
}

fn four_digits(text: &str) -> Option<(u32, &str)> {
    let digits = text.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    Some((u32::from_str_radix(digits, 16).ok()?, &text[4..]))
}
