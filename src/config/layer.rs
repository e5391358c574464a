//! One source of settings: the values that exist and fit, and where each was said. What does not fit becomes a complaint.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};
use toml_edit::{Document, Item, TableLike};

use super::complaint::Complaint;
use super::{DEFAULTS, schema};

/// Values by dotted key (`upstream.default.url`, `route.0.prefix`), with their places.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) values: BTreeMap<String, (Value, String)>,
}

impl Layer {
    /// The defaults file.
    pub(super) fn defaults() -> Layer {
        let mut layer = Layer::default();
        let table: Table = DEFAULTS.parse().expect("a test reads the defaults file");
        leaves(&Value::Table(table), &mut Vec::new(), &mut |path, value| {
            layer.values.insert(path.join("."), (value.clone(), "default".to_owned()));
        });
        layer
    }

    /// A site's file.
    pub(super) fn of_file(path: &Path, text: &str, complaints: &mut Vec<Complaint>) -> Layer {
        let mut layer = Layer::default();
        let place = |line: usize| format!("{}:{line}", path.display());
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                let cure = "write KEY = VALUE lines under [section] lines; texts stand in double quotes".to_owned();
                complaints.push(Complaint { place: place(line), what: format!("not TOML: {}", error.message()), cure });
                return layer;
            }
        };
        let table: Table = text.parse().unwrap_or_default();
        let mut lines = BTreeMap::new();
        key_lines(document.as_table(), text, &mut Vec::new(), &mut lines);
        leaves(&Value::Table(table), &mut Vec::new(), &mut |path, value| {
            if path.is_empty() {
                return; // An empty file says nothing.
            }
            let line = lines.get(&path.join(".")).copied().unwrap_or(1);
            layer.take(path, value.clone(), place(line), complaints);
        });
        layer
    }

    /// `MEDGATE__SECTION__KEY=value` and `MEDGATE__UPSTREAM__NAME__KEY=value`; lists are written `a,b`.
    pub(super) fn of_env(env: &[(String, String)], complaints: &mut Vec<Complaint>) -> Layer {
        let mut layer = Layer::default();
        for (name, text) in env {
            let Some(key) = name.strip_prefix("MEDGATE__") else { continue };
            let key = key.to_lowercase();
            let path: Vec<String> = key.split("__").map(str::to_owned).collect();
            layer.take_text(&path, text, format!("environment {name}"), complaints);
        }
        layer
    }

    /// Flags of the command line: (flag, dotted key, value).
    pub(super) fn of_flags(flags: &[(&str, &str, String)], complaints: &mut Vec<Complaint>) -> Layer {
        let mut layer = Layer::default();
        for (flag, key, text) in flags {
            let path: Vec<String> = key.split('.').map(str::to_owned).collect();
            layer.take_text(&path, text, format!("flag {flag}"), complaints);
        }
        layer
    }

    /// A text takes the type that the key has.
    fn take_text(&mut self, path: &[String], text: &str, place: String, complaints: &mut Vec<Complaint>) {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let value = match schema::example(&names) {
            Ok(Value::Integer(_)) => {
                text.parse().map(Value::Integer).unwrap_or_else(|_| Value::String(text.to_owned()))
            }
            Ok(Value::Boolean(_)) => {
                text.parse().map(Value::Boolean).unwrap_or_else(|_| Value::String(text.to_owned()))
            }
            Ok(Value::Array(_)) => {
                Value::Array(text.split(',').map(|part| Value::String(part.trim().to_owned())).collect())
            }
            _ => Value::String(text.to_owned()),
        };
        self.take(path, value, place, complaints);
    }

    fn take(&mut self, path: &[String], value: Value, place: String, complaints: &mut Vec<Complaint>) {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let empty = value.as_table().is_some_and(Table::is_empty);
        let wanted = if empty { schema::empty_section(&names) } else { schema::fits(&names, &value).map(|()| true) };
        match wanted {
            Ok(true) => {
                self.values.insert(path.join("."), (value, place));
            }
            Ok(false) => {}
            Err((what, cure)) => complaints.push(Complaint { place, what, cure }),
        }
    }
}

/// Visits every value that is not a table, and every empty table; entries of a list of tables count as `0`, `1`, …
fn leaves(value: &Value, path: &mut Vec<String>, visit: &mut impl FnMut(&[String], &Value)) {
    let mut inside = |name: String, value: &Value| {
        path.push(name);
        leaves(value, path, visit);
        path.pop();
    };
    match value {
        Value::Table(table) if !table.is_empty() => table.iter().for_each(|(key, value)| inside(key.clone(), value)),
        Value::Array(list) if list.first().is_some_and(Value::is_table) => {
            list.iter().enumerate().for_each(|(at, value)| inside(at.to_string(), value));
        }
        _ => visit(path, value),
    }
}

/// The line of every key.
fn key_lines(table: &dyn TableLike, text: &str, path: &mut Vec<String>, lines: &mut BTreeMap<String, usize>) {
    for (name, item) in table.iter() {
        path.push(name.to_owned());
        if let Some(span) = table.key(name).and_then(toml_edit::Key::span) {
            lines.insert(path.join("."), line_of(text, span.start));
        }
        match item {
            Item::ArrayOfTables(list) => list.iter().enumerate().for_each(|(at, table)| {
                path.push(at.to_string());
                key_lines(table, text, path, lines);
                path.pop();
            }),
            item => item.as_table_like().into_iter().for_each(|table| key_lines(table, text, path, lines)),
        }
        path.pop();
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}
