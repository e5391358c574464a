//! Every value that the files of a profile say, with file and line, and what it stands over: for people who read a profile.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;
use toml_edit::{Item, TableLike};

use super::load::walk;
use super::texts::Texts;
use super::wire::number_fits;
use crate::domain::spec::complaint::Complaint;
use crate::domain::spec::sheet::Sheet;

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Text, number, yes or no, or a list of these.
    pub value: Value,
    /// The file, as profiles name it.
    pub file: String,
    /// Line from 1.
    pub line: usize,
}

/// Keys from the section down: `refusal`, `infcode`.
pub type Path = Vec<String>;

/// All values of a profile.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    values: BTreeMap<Path, Vec<Said>>,
    files: Vec<String>,
}

impl Sources {
    /// Reads the files of a profile, whatever their values mean.
    ///
    /// # Errors
    /// Files that are missing or no TOML.
    pub fn of(name: &str, texts: &Texts) -> Result<Sources, Vec<Complaint>> {
        let complaints = RefCell::new(Vec::new());
        let mut sources = Sources::default();
        walk(name, texts, &complaints, &mut |sheet, root| {
            sources.files.push(sheet.file.to_owned());
            sources.take(sheet, root, &mut Vec::new());
        });
        let complaints = complaints.into_inner();
        if complaints.is_empty() { Ok(sources) } else { Err(complaints) }
    }

    /// Every value by its path: what was said of it, ancestors first; the last counts.
    pub fn values(&self) -> impl Iterator<Item = (&Path, &[Said])> {
        self.values.iter().map(|(path, said)| (path, said.as_slice()))
    }

    /// What counts for a path.
    pub fn value(&self, path: &[&str]) -> Option<&Said> {
        let path: Path = path.iter().map(|part| (*part).to_owned()).collect();
        self.values.get(&path)?.last()
    }

    /// The files that take part, ancestors first.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Everything the files say of one transaction.
    pub fn about(&self, infno: &str) -> Vec<(&Path, &[Said])> {
        self.values().filter(|(path, said)| self.speaks_of(path, said, infno)).collect()
    }

    fn speaks_of(&self, path: &Path, said: &[Said], infno: &str) -> bool {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let counts = said.last().map(|said| &said.value);
        let names = |pattern: &str| number_fits(pattern, infno) || pattern.split(':').next() == Some(infno);
        match parts.as_slice() {
            ["transaction", number, ..] => *number == infno,
            ["class" | "trait" | "service", _] | ["reply", "by_code"] => counts.is_some_and(|list| holds(list, names)),
            ["key", _, "freed_by"] if counts.is_some_and(|list| holds(list, names)) => true,
            [section @ ("key" | "rows" | "err" | "substance" | "statement" | "route"), name, _] => {
                self.value(&[section, name, "infno"]).is_some_and(|list| holds(&list.value, names))
            }
            _ => false,
        }
    }

    fn take(&mut self, sheet: &Sheet<'_>, table: &dyn TableLike, path: &mut Path) {
        for (name, item) in table.iter() {
            path.push(name.to_owned());
            if let Some(inner) = item.as_table_like() {
                self.take(sheet, inner, path);
            } else if path.as_slice() != ["parts"] {
                let key = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
                let line = key.map_or(0, |span| sheet.line(span.start));
                let said = Said { value: value_of(item), file: sheet.file.to_owned(), line };
                self.values.entry(path.clone()).or_default().push(said);
            }
            path.pop();
        }
    }
}

/// A path as TOML writes it: `service."catalogCompService/catalogCompUp"`.
pub fn written(path: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let part = |part: &String| if part.chars().all(plain) { part.clone() } else { format!("\"{part}\"") };
    path.iter().map(part).collect::<Vec<_>>().join(".")
}

fn holds(list: &Value, names: impl Fn(&str) -> bool) -> bool {
    list.as_array().is_some_and(|list| list.iter().filter_map(Value::as_str).any(names))
}

fn value_of(item: &Item) -> Value {
    item.as_value().map_or(Value::Null, plain_value)
}

fn plain_value(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => Value::from(text.value().as_str()),
        toml_edit::Value::Integer(number) => Value::from(*number.value()),
        toml_edit::Value::Boolean(flag) => Value::from(*flag.value()),
        toml_edit::Value::Array(list) => list.iter().map(plain_value).collect(),
        other => Value::from(other.to_string().trim()),
    }
}
