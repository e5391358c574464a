//! `medgate profile show`: what a profile resolves to, section by section or for one transaction.

use std::io::{self, Write};

use serde_json::Value;

use super::{Exit, Folder, about, both, value};
use crate::config::complaint::Complaint;

/// Sections of one row per transaction or path: shown when asked for.
const LONG: [&str; 2] = ["transaction", "service"];

/// Show what is in force, every value with the file and line that says it. 查看配置及其出处
///
/// Without --section or --infno the long tables of transactions and service paths are left out.
///
/// Exit code 0: shown; 78: it does not hold.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate profile show guangdong\n  \
    medgate profile show hunan --section refusal\n  \
    medgate profile show guangdong --infno 2207")]
pub(in crate::cli) struct Args {
    /// Name of the profile.
    name: String,
    #[command(flatten)]
    folder: Folder,
    /// Only this section: refusal, route, key, transaction …
    #[arg(long, value_name = "SECTION", conflicts_with = "infno")]
    section: Option<String>,
    /// Everything the gateway knows of one transaction, its fields included. 交易编号
    #[arg(long, value_name = "NUMBER")]
    infno: Option<String>,
    /// For programs.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args, out: &mut dyn Write) -> io::Result<Result<Exit, Vec<Complaint>>> {
    let found = args.folder.texts().and_then(|texts| both(&args.name, &texts).map(|both| (texts, both)));
    let (texts, (profile, sources)) = match found {
        Ok(found) => found,
        Err(complaints) => return Ok(Err(complaints)),
    };
    if let Some(infno) = &args.infno {
        return about::print(&profile, &sources, &texts, infno, args.json, out);
    }
    let wanted = |section: &str| match &args.section {
        Some(named) => section == named,
        None => args.json || !LONG.contains(&section),
    };
    let shown: Vec<_> = sources.values().filter(|(path, _)| path.first().is_some_and(|one| wanted(one))).collect();
    if shown.is_empty() {
        return Ok(Err(vec![no_section(args.section.as_deref().unwrap_or_default(), &sources)]));
    }
    if args.json {
        let values: Vec<Value> = shown.iter().map(|(path, said)| value::as_json(path, said)).collect();
        writeln!(out, "{}", Value::Array(values))?;
        return Ok(Ok(Exit::Done));
    }
    writeln!(out, "# {} {}: {}", profile.name, profile.title(), sources.files().join(" < "))?;
    let mut section = "";
    for (path, said) in shown {
        let begins = path.first().map_or("", String::as_str);
        if begins != section && path.len() > 1 {
            writeln!(out)?;
            section = begins;
        }
        writeln!(out, "{}", value::line(path, said))?;
    }
    if args.section.is_none() {
        let rows = profile.transactions().count();
        writeln!(out, "\n# {rows} transactions and their service paths: --section transaction, --infno NUMBER")?;
    }
    Ok(Ok(Exit::Done))
}

fn no_section(named: &str, sources: &crate::profile::Sources) -> Complaint {
    let mut known: Vec<&str> = sources.values().filter_map(|(path, _)| path.first()).map(String::as_str).collect();
    known.dedup();
    Complaint {
        place: "--section".to_owned(),
        what: format!("no section `{named}`"),
        cure: format!("one of: {}", known.join(", ")),
    }
}
