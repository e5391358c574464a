//! Values and places as people read them: the form of TOML, the place as a comment.

use serde_json::{Value, json};

use crate::profile::sources::{Said, written};

/// A list longer than this has a line per value.
const WIDTH: usize = 100;

/// `refusal.infcode = "string"  # guangdong.toml:8, over baseline.toml:251 "number"`.
pub(super) fn line(path: &[String], said: &[Said]) -> String {
    let Some((counts, before)) = said.split_last() else { return String::new() };
    let over: Vec<String> = before.iter().rev().map(|one| format!(", over {}", place(one, Some(counts)))).collect();
    format!("{} = {}  # {}{}", written(path), form(&counts.value), place(counts, None), over.concat())
}

/// File and line; with the value where it is short and another one than what counts.
fn place(said: &Said, beside: Option<&Said>) -> String {
    let place = format!("{}:{}", said.file, said.line);
    match beside.map(|counts| &counts.value) {
        Some(value) if *value != said.value => match said.value.to_string() {
            short if short.chars().count() <= WIDTH / 2 => format!("{place} {short}"),
            _ => place,
        },
        _ => place,
    }
}

/// A value as TOML writes it; a long list stands on lines of its own.
pub(super) fn form(value: &Value) -> String {
    let short = |value: &Value| match value {
        Value::Array(list) => format!("[{}]", list.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    };
    let one_line = short(value);
    let Some(list) = value.as_array().filter(|_| one_line.chars().count() > WIDTH) else { return one_line };
    let mut lines = vec![String::from(" ")];
    for item in list.iter().map(Value::to_string) {
        let width = lines.last().map_or(0, |line| line.chars().count());
        if width > 1 && width + item.chars().count() > WIDTH {
            lines.push(String::from(" "));
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(&format!(" {item},"));
        }
    }
    format!("[\n{}\n]", lines.join("\n"))
}

/// For programs.
pub(super) fn as_json(path: &[String], said: &[Said]) -> Value {
    let one = |said: &Said| json!({"value": said.value, "file": said.file, "line": said.line});
    let Some((counts, before)) = said.split_last() else { return Value::Null };
    let mut whole = one(counts);
    whole["path"] = json!(path);
    whole["over"] = before.iter().rev().map(one).collect();
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_its_place_and_what_it_stands_over() {
        let said = |value: Value, file: &str, line| Said { value, file: file.to_owned(), line };
        let path = ["service".to_owned(), "a/b".to_owned()];
        let both = [said(json!(["1101"]), "baseline.toml", 3), said(json!(["2207", "2208"]), "site.toml", 7)];
        assert_eq!(
            line(&path, &both),
            r#"service."a/b" = ["2207", "2208"]  # site.toml:7, over baseline.toml:3 ["1101"]"#
        );
        assert_eq!(as_json(&path, &both)["over"][0]["line"], 3);
        let long = json!(vec!["一二三四五六七八九十"; 20]);
        assert!(form(&long).lines().count() > 3 && form(&long).lines().all(|line| line.chars().count() <= WIDTH + 20));
    }
}
