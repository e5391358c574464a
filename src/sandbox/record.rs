//! What the books know of a thing by the wire's own field names, all as text; and the answer that the specification's
//! tables make of it: the fields in their order, amounts as numbers, nothing that the table does not name.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::text;
use super::spec::{self, Field, Kind};
use super::tree::Node;
use super::yuan;

/// Field name and text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Record(BTreeMap<String, String>);

impl Record {
    /// Nothing known yet.
    pub fn new() -> Record {
        Record::default()
    }

    /// The filled texts and numbers of a JSON object.
    pub fn of(row: &Value) -> Record {
        let members = row.as_object().into_iter().flatten();
        Record(members.filter_map(|(name, _)| Some((name.clone(), text(row, name)?))).collect())
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, name: &str, text: impl Into<String>) -> Record {
        self.0.insert(name.to_string(), text.into());
        self
    }

    /// With an amount in yuan.
    #[must_use]
    pub fn with_amount(self, name: &str, amount: Decimal) -> Record {
        self.with(name, yuan::text(amount))
    }

    /// With the other's fields, which win.
    #[must_use]
    pub fn and(mut self, other: &Record) -> Record {
        self.0.extend(other.0.iter().map(|(name, text)| (name.clone(), text.clone())));
        self
    }

    /// With fields that are only filled where nothing stands.
    #[must_use]
    pub fn or(self, other: &Record) -> Record {
        other.clone().and(&self)
    }

    /// With what stands under one name under another name, too.
    #[must_use]
    pub fn alias(self, name: &str, known_as: &str) -> Record {
        match self.0.get(known_as).cloned() {
            Some(text) if !self.0.contains_key(name) => self.with(name, text),
            _ => self,
        }
    }

    /// A field; empty when unknown.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// An amount or count; 0 when unknown or unreadable.
    pub fn amount(&self, name: &str) -> Decimal {
        self.text(name).parse().unwrap_or_default()
    }

    /// A field by its wire name, which some queries write in camelCase.
    fn find(&self, name: &str) -> Option<&str> {
        let found = self.0.get(name).or_else(|| self.0.get(&snake(name)));
        found.map(String::as_str).filter(|text| !text.is_empty())
    }

    fn node(&self, field: &Field) -> Option<Node> {
        let text = self.find(field.name)?;
        match field.kind {
            Kind::Number(decimals) => text.parse().ok().map(|number| match decimals {
                2 => Node::Money(number),
                _ => Node::Number(number),
            }),
            Kind::Flag => Some(Node::Flag(text == "true")),
            Kind::Date => Some(Node::text(text.get(..10).unwrap_or(text))),
            _ => Some(Node::text(text)),
        }
    }
}

fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// What stands in one node of an output.
pub enum Part {
    /// One object.
    One(Record),
    /// Rows.
    Rows(Vec<Record>),
    /// Rows that have rows of their own under a path below.
    Nested(Vec<(Record, &'static str, Vec<Record>)>),
}

/// Writes the output of a transaction by its table: `parts` by node path, and what stands in the output itself under `.`.
/// Null where the specification knows no output.
pub fn output(infno: &str, parts: Vec<(&'static str, Part)>) -> Node {
    let tables = spec::table(infno).map_or(&[][..], |table| &table.output);
    if tables.is_empty() {
        return Node::Null;
    }
    let mut members = Vec::new();
    for node in tables.iter().filter(|node| !node.path.contains('/')) {
        let part = parts.iter().find(|(path, _)| *path == node.path).map(|(_, part)| part);
        match (node.path, node.is_list, part) {
            (".", true, part) => return Node::List(rows(infno, &node.fields, part)),
            (".", false, Some(Part::One(record))) => members.extend(object(&node.fields, record)),
            (".", _, _) => {}
            (path, true, part) => members.push((path, Node::List(rows(infno, &node.fields, part)))),
            (path, false, Some(Part::One(record))) => members.push((path, Node::Object(object(&node.fields, record)))),
            (path, false, _) => members.push((path, Node::Null)),
        }
    }
    Node::Object(members)
}

fn rows(infno: &str, fields: &[Field], part: Option<&Part>) -> Vec<Node> {
    match part {
        Some(Part::Rows(rows)) => rows.iter().map(|row| Node::Object(object(fields, row))).collect(),
        Some(Part::One(row)) => vec![Node::Object(object(fields, row))],
        Some(Part::Nested(rows)) => {
            rows.iter().map(|(row, path, inner)| nested(infno, fields, row, path, inner)).collect()
        }
        None => Vec::new(),
    }
}

/// A row whose inner field is filled by the table of the path below.
fn nested(infno: &str, fields: &[Field], row: &Record, path: &str, inner: &[Record]) -> Node {
    let below = spec::table(infno).and_then(|table| table.output.iter().find(|node| node.path == path));
    let below = below.map_or(&[][..], |node| &node.fields);
    let mut members = object(fields, row);
    for (name, node) in &mut members {
        if path.ends_with(&format!("/{name}")) {
            *node = Node::List(inner.iter().map(|row| Node::Object(object(below, row))).collect());
        }
    }
    Node::Object(members)
}

fn object(fields: &[Field], record: &Record) -> Vec<(&'static str, Node)> {
    fields.iter().map(|field| (field.name, record.node(field).unwrap_or(Node::Null))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::tree::MoneyStyle;

    #[test]
    fn an_answer_has_the_tables_fields_in_the_tables_order() {
        let record = Record::new().with("stmt_rslt", "0").with("setl_optins", "990100").with("unknown", "1");
        let mut out = Vec::new();
        output("3201", vec![("stmtinfo", Part::One(record))]).write(MoneyStyle::Number(2), &mut out);
        let expected = r#"{"stmtinfo":{"setl_optins":"990100","stmt_rslt":"0","stmt_rslt_dscr":null}}"#;
        assert_eq!(String::from_utf8_lossy(&out), expected);
        let row = Record::new().with("inv_cnt", "3").with("fixmedins_code", "H99000000001");
        let mut out = Vec::new();
        output("3508", vec![(".", Part::Rows(vec![row]))]).write(MoneyStyle::Text, &mut out);
        let text = String::from_utf8_lossy(&out).into_owned();
        assert!(text.starts_with("[{") && text.contains(r#""invCnt":"3.00""#), "{text}");
        assert!(text.contains(r#""fixmedinsCode":"H99000000001""#), "{text}");
    }
}
