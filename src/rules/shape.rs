//! A field table to a form.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::class::Class;
use crate::domain::spec::codes::Tables;
use crate::domain::spec::fields::Label;

use super::form::{Codes, Form, MEMBERS_MAX, Member, Node, Written};
use super::mode::{Mode, Modes, is_undo};
use super::table::{Table, TableNode, nodes};

/// Code tables, each prepared once.
pub(super) struct CodeTables<'t> {
    pub(super) tables: Tables<'t>,
    ready: HashMap<String, Option<(Arc<Codes>, bool)>>,
}

impl<'t> CodeTables<'t> {
    pub(super) fn new(tables: Tables<'t>) -> CodeTables<'t> {
        CodeTables { tables, ready: HashMap::new() }
    }

    /// The codes of a table, and whether two sources say it; none where it is open, empty or unknown.
    fn of(&mut self, name: &str) -> Option<(Arc<Codes>, bool)> {
        if let Some(ready) = self.ready.get(name) {
            return ready.clone();
        }
        let table = self.tables.of(name).filter(|table| !table.open && !table.codes.is_empty());
        let ready = table.map(|table| {
            let mut codes: Vec<Box<str>> = table.codes.iter().map(|(code, _)| (*code).into()).collect();
            codes.sort_unstable();
            (Arc::new(Codes { name: name.into(), codes }), table.source.starts_with('C'))
        });
        self.ready.insert(name.to_owned(), ready.clone());
        ready
    }
}

/// The modes of a transaction's table rules.
struct Says<'m> {
    modes: &'m Modes,
    class: Class,
    only_observes: bool,
}

impl Says<'_> {
    fn of(&self, mark: &str) -> Mode {
        if self.only_observes { Mode::Observe } else { self.modes.of(mark, self.class) }
    }
}

pub(super) fn form(table: &Table, text: &str, class: Class, modes: &Modes, codes: &mut CodeTables<'_>) -> Form {
    let says = Says { modes, class, only_observes: is_undo(&table.infno, class) };
    let read = nodes(text);
    let mut form = Form { infno: table.infno.as_str().into(), file: table.file.as_str().into(), ..Form::default() };
    for (at, one) in read.iter().enumerate() {
        let mut members: Vec<Member> = one.fields.iter().map(|field| member(field, &says, codes)).collect();
        members.truncate(MEMBERS_MAX - read.len());
        let parent = read.iter().position(|other| other.name == one.parent).unwrap_or_default() as u16;
        let parent = if usize::from(parent) == at { 0 } else { parent };
        let name = one.name.into();
        form.nodes.push(Node { name, is_list: one.is_list, parent, members, ..Node::default() });
    }
    for at in 1..form.nodes.len() {
        hang(&mut form, at, &read, &says);
    }
    form.nodes.iter_mut().for_each(Node::prepare);
    form
}

/// Puts a node among the members of its parent.
fn hang(form: &mut Form, at: usize, read: &[TableNode<'_>], says: &Says<'_>) {
    let parent = usize::from(form.nodes[at].parent);
    let named = |member: &&mut Member| member.name.eq_ignore_ascii_case(read[at].name);
    if let Some(member) = form.nodes[parent].members.iter_mut().find(named) {
        member.child = Some(at as u16);
        return;
    }
    // Nobody says of a node by itself that it must be there. It must where it is the only one, or is one row with a field that
    // two sources ask for.
    let top = read.iter().skip(1).filter(|node| node.parent.is_empty()).count();
    let asked = |(_, _, label): &&(usize, &str, Label<'_>)| label.required && !label.disputed;
    let mut marks = read[at].fields.iter().filter(asked).map(|(_, _, label)| label.source);
    let alone = parent == 0 && top == 1 && read[0].fields.is_empty();
    let is_asked_for = parent == 0 && (alone || (!read[at].is_list && marks.clone().any(|mark| mark.starts_with('C'))));
    let required = if is_asked_for { marks.next().map(|mark| says.of(mark)) } else { None };
    let mode = read[at].fields.first().map_or(Mode::Observe, |(_, _, label)| says.of(label.source));
    form.nodes[parent].members.push(Member {
        name: read[at].name.into(),
        label: "".into(),
        written: Written::Nest,
        longest: 0,
        scale: None,
        codes: None,
        code_mode: Mode::Observe,
        mode,
        required,
        child: Some(at as u16),
        keep: None,
        line: 0,
        source: read[at].fields.first().map_or("", |(_, _, label)| label.source).into(),
        off: 0,
    });
}

fn member((line, name, label): &(usize, &str, Label<'_>), says: &Says<'_>, codes: &mut CodeTables<'_>) -> Member {
    let written = match label.kind {
        "number" => Written::Number,
        "date" => Written::Day,
        "datetime" => Written::Time,
        "month" => Written::Month,
        "list" | "object" => Written::Nest,
        "string" | "text" => Written::Text,
        _ => Written::Any,
    };
    let (longest, scale) = label.length.split_once(',').unwrap_or((label.length, ""));
    let held = if label.table.is_empty() { None } else { codes.of(label.table) };
    let mode = says.of(label.source);
    let code_mode = match &held {
        Some((_, true)) if !label.loose => mode,
        _ => mode.min(says.of("S")),
    };
    Member {
        name: (*name).into(),
        label: label.label.into(),
        written,
        longest: longest.parse().unwrap_or(0),
        scale: scale.parse().ok(),
        codes: held.map(|(codes, _)| codes),
        code_mode,
        mode,
        required: label.required.then_some(if label.disputed { Mode::Observe } else { mode }),
        child: None,
        keep: None,
        line: *line,
        source: label.source.into(),
        off: 0,
    }
}
