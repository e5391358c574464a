//! Everything that the gateway knows of one transaction: what was decided, who says so, and its fields.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Exit, value};
use crate::config::complaint::Complaint;
use crate::domain::spec::fields::{self, Line, Side};
use crate::profile::transaction::{Field, KeyRule, Part, Transaction};
use crate::profile::wire::number_fits;
use crate::profile::{Profile, Sources, Texts};

/// A line of a field table with its place.
struct Row<'t> {
    file: String,
    line: usize,
    what: Line<'t>,
}

pub(super) fn print(
    profile: &Profile,
    sources: &Sources,
    texts: &Texts,
    infno: &str,
    as_json: bool,
    out: &mut dyn Write,
) -> io::Result<Result<Exit, Vec<Complaint>>> {
    let transaction = profile.transaction(infno);
    if transaction.infno.is_empty() {
        let what = format!("{} knows no transaction {infno}", profile.name);
        let cure = "medgate profile show NAME --section transaction lists all".to_owned();
        return Ok(Err(vec![Complaint { place: "--infno".to_owned(), what, cure }]));
    }
    let (said, decided) = (sources.about(infno), decided(profile, transaction));
    let rows: Vec<Row<'_>> = profile.field_files().iter().flat_map(|file| rows_of(file, texts, infno)).collect();
    if as_json {
        let facts: Vec<Value> = said.iter().map(|(path, said)| value::as_json(path, said)).collect();
        let decided: serde_json::Map<String, Value> =
            decided.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
        writeln!(out, "{}", json!({"infno": infno, "decided": decided, "says": facts, "fields": fields_json(&rows)}))?;
        return Ok(Ok(Exit::Done));
    }
    writeln!(out, "{infno} {} ({})", transaction.name, profile.name)?;
    for (name, text) in decided {
        writeln!(out, "  {name:<11} {text}")?;
    }
    writeln!(out, "\nwho says so")?;
    for (path, said) in said {
        writeln!(out, "  {}", value::line(path, said).replace('\n', "\n  "))?;
    }
    writeln!(out, "\nfields: name, Chinese name, type, length, ! = required, code table, mark")?;
    rows.iter().map(field_line).filter(|line| !line.is_empty()).try_for_each(|line| writeln!(out, "{line}"))?;
    Ok(Ok(Exit::Done))
}

/// What all files together make of it.
fn decided(profile: &Profile, one: &Transaction) -> Vec<(&'static str, String)> {
    let list = |items: &[String]| if items.is_empty() { "-".to_owned() } else { items.join(" ") };
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    let mut all = vec![
        ("class", one.class.word().to_owned()),
        ("undone by", list(&one.undo)),
        ("undoes", list(&one.undoes)),
        ("by 2601", format!("{}{}", yes(one.reversible_by_2601), as_number(one))),
        ("key", one.key.as_ref().map_or("none: always forwarded".to_owned(), key_text)),
        ("fenced", yes(one.fenced)),
        ("acknowledges", yes(one.acknowledges)),
        ("success", if one.success_fields.is_empty() { "infcode 0".to_owned() } else { list(&one.success_fields) }),
        ("reply says", one.reply.word().to_owned()),
        ("route", route_text(profile, &one.infno)),
    ];
    let paths: Vec<&str> = profile.services(&one.infno).collect();
    if !paths.is_empty() {
        all.push(("service", paths.join(", ")));
    }
    if one.limit.max != 0 {
        all.push(("rows", format!("at most {} in {} ({})", one.limit.max, one.limit.node, one.limit.source)));
    }
    if let Some(statement) = profile.statement(&one.infno) {
        let zero = if statement.is_balanced("0") == Some(true) { "0 = balanced" } else { "0 = not balanced" };
        all.push(("statement", format!("{}: {zero}", statement.field)));
    }
    if one.withdrawn {
        all.push(("withdrawn", "the province has given it up".to_owned()));
    }
    all.push(("source", if one.source.is_empty() { "-".to_owned() } else { one.source.clone() }));
    all
}

fn as_number(one: &Transaction) -> String {
    if one.oinfno == one.infno { String::new() } else { format!(", as {}", one.oinfno) }
}

fn key_text(key: &KeyRule) -> String {
    let field = |field: &Field| match field.absent.as_deref() {
        Some("") => format!("{}?", field.names.join("|")),
        Some(absent) => format!("{}={absent}", field.names.join("|")),
        None => field.names.join("|"),
    };
    let part = |part: &Part| match part {
        Part::Field(one) => field(one),
        Part::Lines => "@lines".to_owned(),
        Part::Infno => "@infno".to_owned(),
    };
    let mut parts: Vec<String> = key.parts.iter().map(part).collect();
    if key.generation {
        parts.push("generation".to_owned());
    }
    let compared: Vec<String> = key.fingerprint.iter().map(field).collect();
    format!("{}: {}; compared: {}; repeat: {:?}", key.family, parts.join(" + "), compared.join(" "), key.on_repeat)
}

fn route_text(profile: &Profile, infno: &str) -> String {
    let takes = |patterns: &[String]| patterns.iter().any(|pattern| number_fits(pattern, infno));
    let named = profile.routes().into_iter().find(|route| takes(&route.infno));
    named.map_or("the settings' own".to_owned(), |route| {
        format!("{} -> host {} ({})", route.prefix, route.host, route.title)
    })
}

fn rows_of<'t>(file: &str, texts: &'t Texts, infno: &str) -> Vec<Row<'t>> {
    let Some((file, text)) = texts.table(file, infno) else { return Vec::new() };
    let lines = fields::of_transaction(text, infno).into_iter();
    lines.map(|(line, what)| Row { file: file.clone(), line, what }).collect()
}

fn field_line(row: &Row<'_>) -> String {
    let Row { file, line, what } = row;
    match what {
        Line::Node { side, name, is_list, .. } => {
            let side = if *side == Side::Request { "request" } else { "answer" };
            format!("{side} {name}{}  # {file}:{line}", if *is_list { " (list)" } else { "" })
        }
        Line::Field(name, of) => {
            let must = if of.disputed {
                "!?"
            } else if of.required {
                "!"
            } else {
                ""
            };
            let cells = [name, of.label, of.kind, of.length, must, of.table, of.source];
            format!("  {}  # {file}:{line}", cells.join("\t"))
        }
        Line::Elsewhere(text) => format!("elsewhere {text}  # {file}:{line}"),
        Line::Transaction(_) | Line::Passes(_) | Line::Fails(..) | Line::Nothing => String::new(),
    }
}

fn fields_json(rows: &[Row<'_>]) -> Vec<Value> {
    let mut node = ("", "", false);
    let mut all = Vec::new();
    for Row { file, line, what } in rows {
        match what {
            Line::Node { side, name, is_list, .. } => {
                node = (if *side == Side::Request { "request" } else { "answer" }, *name, *is_list);
            }
            Line::Field(name, of) => all.push(json!({
                "side": node.0, "node": node.1, "list": node.2, "name": name, "label": of.label, "type": of.kind,
                "length": of.length, "required": of.required, "table": of.table, "source": of.source,
                "file": file, "line": line,
            })),
            Line::Passes(_) | Line::Fails(..) | Line::Elsewhere(_) | Line::Transaction(_) | Line::Nothing => {}
        }
    }
    all
}
