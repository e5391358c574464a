//! One spelling for values that are compared: 38.0 is 38, 1E3 is 1000.

use std::str::FromStr;

use rust_decimal::Decimal;
use sm3::{Digest, Sm3};

/// A number without needless zeros; any other text as it is, trimmed.
pub fn number(text: &str) -> String {
    let text = text.trim();
    let parsed = Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text));
    parsed.map_or_else(|_| text.to_owned(), |number| number.normalize().to_string())
}

/// Appends `name=length:value;`, so that no value can be mistaken for two.
pub(super) fn append(into: &mut String, name: &str, value: &str) {
    into.push_str(&format!("{name}={}:{value};", value.len()));
}

/// SM3 in hexadecimal of a set of lines, whatever their order.
pub(super) fn digest_of_set(mut lines: Vec<String>) -> String {
    lines.sort_unstable();
    hex::encode(Sm3::digest(lines.join("\n").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        for (arrived, spelled) in [
            ("38.0", "38"),
            ("0.0000", "0"),
            ("1E3", "1000"),
            (" 12.50 ", "12.5"),
            ("-0", "0"),
            ("007", "7"),
            ("", ""),
            ("abc", "abc"),
            ("100", "100"),
            ("1e-2", "0.01"),
            ("9999999999999999999999999999999999", "9999999999999999999999999999999999"),
        ] {
            assert_eq!(number(arrived), spelled, "{arrived}");
        }
    }
}
