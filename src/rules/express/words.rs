//! The words of a condition.

use rust_decimal::Decimal;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// A number, exact.
    Number(Decimal),
    /// What stands between quotes.
    Text(String),
    /// A field, a node, a function, `in`, `true`, `false`.
    Name(String),
    /// An operator, a bracket or a comma.
    Sign(&'static str),
}

/// Longer ones first: `<=` is not `<` and `=`.
const SIGNS: [&str; 20] =
    ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "!", "(", ")", "[", "]", ",", ".", "/", "="];
/// Bytes of one condition.
pub const BYTES_MAX: usize = 2000;

/// The words of a text, or what is wrong with it.
///
/// # Errors
/// A sentence for whoever wrote the rule.
pub fn words(text: &str) -> Result<Vec<Word>, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("a condition has at most {BYTES_MAX} bytes"));
    }
    let (mut rest, mut found) = (text.trim_start(), Vec::new());
    while let Some(first) = rest.chars().next() {
        let end = if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let number = Decimal::from_str_exact(&rest[..end]);
            found.push(Word::Number(number.map_err(|_| format!("`{}` is no number", &rest[..end]))?));
            end
        } else if first == '"' || first == '\'' {
            let inside = &rest[1..];
            let end = inside.find(first).ok_or_else(|| "a text has no end: a quote is missing".to_owned())?;
            found.push(Word::Text(inside[..end].to_owned()));
            end + 2
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.push(Word::Name(rest[..end].to_owned()));
            end
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
            let sign = sign.ok_or_else(|| format!("`{first}` means nothing here"))?;
            found.push(Word::Sign(sign));
            sign.len()
        };
        rest = rest[end..].trim_start();
    }
    Ok(found)
}
