//! A field table as a pack carries it: the nodes and fields of one request, and its examples.

use crate::domain::spec::fields::{Label, Line, Side, read};

/// A field table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its transaction; `*` is the envelope of every one.
    pub infno: String,
    /// Its file.
    pub file: String,
    /// The pack it stands in.
    pub pack: String,
}

/// A node of a request.
#[derive(Debug, Clone)]
pub struct TableNode<'t> {
    /// Its name; empty for what stands in `input` itself.
    pub name: &'t str,
    /// The node it stands in; empty = `input`.
    pub parent: &'t str,
    /// Many rows.
    pub is_list: bool,
    /// The line that names it.
    pub line: usize,
    /// Its fields with their lines.
    pub fields: Vec<(usize, &'t str, Label<'t>)>,
}

/// The nodes of a request. Fields of `input` itself are those of a node without a name, which comes first; what stands beside
/// `input` (an array around the envelope, a body of its own) is left out.
pub fn nodes(text: &str) -> Vec<TableNode<'_>> {
    let mut nodes = vec![TableNode { name: "", parent: "", is_list: false, line: 0, fields: Vec::new() }];
    let mut at = None;
    for (line, text) in text.lines().enumerate() {
        match read(text) {
            Line::Node { side: Side::Request, name: "" | "input", is_list: false, .. } => at = Some(0),
            Line::Node { side: Side::Request, name, parent, is_list } if !name.is_empty() && name != "(body)" => {
                nodes.push(TableNode { name, parent, is_list, line: line + 1, fields: Vec::new() });
                at = Some(nodes.len() - 1);
            }
            Line::Node { .. } => at = None,
            Line::Field(name, label) => {
                if let Some(at) = at {
                    nodes[at].fields.push((line + 1, name, label));
                }
            }
            _ => {}
        }
    }
    nodes
}

/// An example of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableExample<'t> {
    /// The line.
    pub line: usize,
    /// The rule that it breaks; none for one that passes.
    pub breaks: Option<&'t str>,
    /// What stands in `input`.
    pub message: &'t str,
}

/// The examples of a table.
pub fn examples(text: &str) -> impl Iterator<Item = TableExample<'_>> {
    text.lines().enumerate().filter_map(|(line, text)| match read(text) {
        Line::Passes(message) => Some(TableExample { line: line + 1, breaks: None, message }),
        Line::Fails(rule, message) => Some(TableExample { line: line + 1, breaks: Some(rule), message }),
        _ => None,
    })
}
