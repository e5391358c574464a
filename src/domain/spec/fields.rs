//! The lines of a field table (`rules/national/tables/`): transactions, nodes, fields, examples.

/// Types a field may have.
const KINDS: [&str; 12] =
    ["string", "number", "date", "datetime", "month", "boolean", "list", "object", "bytes", "text", "json", ""];

/// Which message of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// What the HIS asked.
    Request,
    /// What was answered.
    Answer,
}

/// What the specification says of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Label<'t> {
    /// Chinese name; may be empty.
    pub label: &'t str,
    /// `string`, `number`, `date`, …
    pub kind: &'t str,
    /// Longest value, with the decimals after a comma; empty when the table says nothing.
    pub length: &'t str,
    /// The table asks for it.
    pub required: bool,
    /// One source asks for it and another does not.
    pub disputed: bool,
    /// Name of its code table; empty when it has none.
    pub table: &'t str,
    /// No source says that the field is held to its code table.
    pub loose: bool,
    /// C (certain), S (single source) or I (inferred), and who says it where that is not certain.
    pub source: &'t str,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'t> {
    /// The fields of this transaction follow; `*` is the envelope of every one.
    Transaction(&'t str),
    /// The fields of this node follow.
    Node {
        /// Of the request or of the answer.
        side: Side,
        /// Its name; empty = directly in `input` or `output`.
        name: &'t str,
        /// The node that it stands in; empty = `input` or `output`.
        parent: &'t str,
        /// Many rows.
        is_list: bool,
    },
    /// A field and what is said of it.
    Field(&'t str, Label<'t>),
    /// A message (what stands in `input`) that every rule of the table lets pass.
    Passes(&'t str),
    /// A rule, and a message that breaks it and no other one of the table.
    Fails(&'t str, &'t str),
    /// How other provinces write it, as it stands there; nothing relies on it.
    Elsewhere(&'t str),
    /// A comment or an empty line.
    Nothing,
}

/// Reads one line; every text is one, `check` tells which make no sense.
pub fn read(line: &str) -> Line<'_> {
    match line.split_at_checked(1) {
        Some(("#", _)) | None => Line::Nothing,
        Some(("=", infno)) => Line::Transaction(infno),
        Some(("<", node)) => node_line(Side::Request, node),
        Some((">", node)) => node_line(Side::Answer, node),
        Some(("~", rest)) => Line::Elsewhere(rest),
        Some(("+", message)) => Line::Passes(message.trim_start()),
        Some(("-", rest)) => {
            let (rule, message) = rest.trim_start().split_once(' ').unwrap_or((rest.trim(), ""));
            Line::Fails(rule, message)
        }
        Some(_) => {
            let mut cells = line.split('\t');
            let mut cell = || cells.next().unwrap_or_default();
            let (name, label, kind, length) = (cell(), cell(), cell(), cell());
            let (must, table, source) = (cell(), cell(), cell());
            let (required, disputed, loose) = (must.starts_with('!'), must == "!?", table.ends_with('?'));
            let table = table.trim_end_matches('?');
            Line::Field(name, Label { label, kind, length, required, disputed, table, loose, source })
        }
    }
}

/// The lines of one transaction with their numbers from 1, its own heading left out.
pub fn of_transaction<'t>(text: &'t str, infno: &str) -> Vec<(usize, Line<'t>)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, read(line)));
    let from_own = lines.skip_while(|(_, line)| *line != Line::Transaction(infno)).skip(1);
    from_own.take_while(|(_, line)| !matches!(line, Line::Transaction(_))).collect()
}

/// What is wrong with a table, line by line.
pub fn check(text: &str) -> Vec<(usize, String)> {
    let (mut wrong, mut stands_in) = (Vec::new(), (false, false));
    for (at, line) in text.lines().enumerate() {
        let mut complain = |what: String| wrong.push((at + 1, what));
        match read(line) {
            Line::Transaction(_) => stands_in = (true, false),
            Line::Node { .. } => {
                if !stands_in.0 {
                    complain("a node before any =TRANSACTION".to_owned());
                }
                stands_in.1 = true;
            }
            Line::Field(name, label) => {
                if !stands_in.1 {
                    complain(format!("`{name}` stands before any node (< or >)"));
                }
                if !KINDS.contains(&label.kind) {
                    complain(format!("`{}` is no type; one of: {}", label.kind, KINDS.join(" ").trim_end()));
                }
                if !matches!(label.source.split(' ').next(), Some("C" | "S" | "I" | "P")) {
                    complain(format!("`{name}` has no mark (C, S, I or P) in its last column"));
                }
            }
            Line::Passes(_) | Line::Fails(..) | Line::Elsewhere(_) | Line::Nothing => {}
        }
    }
    wrong
}

fn node_line(side: Side, node: &str) -> Line<'_> {
    let (node, parent) = node.split_once('\t').unwrap_or((node, ""));
    let name = node.strip_suffix('*').unwrap_or(node);
    Line::Node { side, name, parent, is_list: name.len() < node.len() }
}
