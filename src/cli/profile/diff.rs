//! `medgate profile diff`: only what differs between two profiles, and who says each.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Exit, Folder, both, value};
use crate::config::complaint::Complaint;
use crate::profile::Sources;
use crate::profile::sources::{Path, Said, written};

/// Show where two profiles differ, and which file and line says so. 比较两个配置
///
/// Each value that differs stands with what both say, and where.
///
/// Exit code 0: compared, be they equal or not; 78: one of them does not hold.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate profile diff baseline hunan\n  \
    medgate profile diff guangdong ourcity --profiles /etc/medgate/profiles")]
pub(in crate::cli) struct Args {
    /// One profile.
    #[arg(value_name = "A")]
    one: String,
    /// The other.
    #[arg(value_name = "B")]
    other: String,
    #[command(flatten)]
    folder: Folder,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// What counts in one and in the other.
type Difference<'a> = (&'a Path, Option<&'a Said>, Option<&'a Said>);

pub(super) fn run(args: Args, out: &mut dyn Write) -> io::Result<Result<Exit, Vec<Complaint>>> {
    let read = args.folder.texts().and_then(|texts| Ok((both(&args.one, &texts)?.1, both(&args.other, &texts)?.1)));
    let (one, other) = match read {
        Ok(read) => read,
        Err(complaints) => return Ok(Err(complaints)),
    };
    let found = differences(&one, &other);
    if args.json {
        let side =
            |said: Option<&Said>| said.map(|said| json!({"value": said.value, "file": said.file, "line": said.line}));
        let rows = found.iter().map(|(path, a, b)| json!({"path": path, "a": side(*a), "b": side(*b)}));
        writeln!(out, "{}", rows.collect::<Value>())?;
        return Ok(Ok(Exit::Done));
    }
    for (path, a, b) in &found {
        writeln!(out, "{}", written(path))?;
        if let (Some(Value::Array(a)), Some(Value::Array(b))) = (a.map(|a| &a.value), b.map(|b| &b.value)) {
            let lacks = |list: &[Value], than: &[Value]| {
                let gone: Vec<String> = than.iter().filter(|item| !list.contains(item)).map(Value::to_string).collect();
                gone.join(" ")
            };
            let (less, more) = (lacks(b, a), lacks(a, b));
            let order = if less.is_empty() && more.is_empty() { "another order" } else { "" };
            let signed =
                |sign: &str, items: &str| if items.is_empty() { String::new() } else { format!("{sign} {items}  ") };
            writeln!(out, "  {}{}{order}", signed("without", &less), signed("with", &more))?;
        }
        for (name, said) in [(&args.one, a), (&args.other, b)] {
            let text = said.map_or("nothing".to_owned(), |said| {
                format!("{}  # {}:{}", value::form(&said.value).replace('\n', "\n  "), said.file, said.line)
            });
            writeln!(out, "  {name}: {text}")?;
        }
    }
    writeln!(out, "{} difference(s) between {} and {}", found.len(), args.one, args.other)?;
    Ok(Ok(Exit::Done))
}

fn differences<'a>(one: &'a Sources, other: &'a Sources) -> Vec<Difference<'a>> {
    let counts =
        |sources: &'a Sources, path: &Path| sources.value(&path.iter().map(String::as_str).collect::<Vec<_>>());
    let mut paths: Vec<&Path> = one.values().chain(other.values()).map(|(path, _)| path).collect();
    paths.sort();
    paths.dedup();
    let each = paths.into_iter().map(|path| (path, counts(one, path), counts(other, path)));
    each.filter(|(_, a, b)| a.map(|a| &a.value) != b.map(|b| &b.value)).collect()
}
