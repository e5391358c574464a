//! `medgate rules policies`: the policies and specifications that rules follow.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Exit, Library, Said};
use crate::rules::pack::{Cite, Pack};

/// Search the policies that rules follow, with the rules that implement each. 政策库
///
/// WORD is looked for in title, number, issuer, summary, and the sentences of the rules.
///
/// Exit code 0: shown; 1: nothing fits; 78: a pack does not hold.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate rules policies\n  medgate rules policies 追溯码 --json")]
pub(in crate::cli) struct Args {
    /// A word. 关键词
    #[arg(value_name = "WORD", default_value = "")]
    word: String,
    /// Folder of the site's own packs, in front of the built-in ones. 本院规则目录
    #[arg(long, value_name = "FOLDER")]
    rules: Option<String>,
    /// For programs.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> io::Result<Said<Exit>> {
    let library = match Library::of(args.rules.as_deref()) {
        Ok(library) => library,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let all = library.packs.iter().flat_map(|pack| pack.cites.iter().map(move |cite| (pack, cite)));
    let found: Vec<Value> =
        all.map(|(pack, cite)| row(pack, cite, &library.packs)).filter(|row| fits(row, &args.word)).collect();
    if args.json {
        writeln!(out, "{}", Value::Array(found.clone()))?;
    } else {
        for row in &found {
            let text = |key: &str| row[key].as_str().unwrap_or_default();
            let about = ["number", "date", "issuer", "link"].map(text).into_iter().filter(|text| !text.is_empty());
            writeln!(
                out,
                "{} {}\n  {}\n  {}",
                text("id"),
                text("title"),
                about.collect::<Vec<_>>().join("  "),
                text("summary")
            )?;
            for rule in row["rules"].as_array().into_iter().flatten() {
                writeln!(out, "    {:<24} {}", rule["id"].as_str().unwrap_or(""), rule["says"].as_str().unwrap_or(""))?;
            }
        }
        if found.is_empty() {
            writeln!(out, "nothing fits `{}`. 没有相关政策", args.word)?;
        }
    }
    Ok(Ok(if found.is_empty() { Exit::Failed } else { Exit::Done }))
}

fn row(pack: &Pack, cite: &Cite, packs: &[Pack]) -> Value {
    let rules = packs.iter().flat_map(|pack| &pack.rules).filter(|rule| rule.cites.contains(&cite.id));
    let rules: Vec<Value> = rules.map(|rule| json!({"id": rule.id, "says": rule.says})).collect();
    json!({"id": cite.id, "title": cite.title, "number": cite.number, "date": cite.date, "issuer": cite.issuer,
        "summary": cite.summary, "link": cite.link, "pack": pack.name, "rules": rules})
}

fn fits(row: &Value, word: &str) -> bool {
    let text = |value: &Value| value.as_str().is_some_and(|text| text.to_lowercase().contains(&word.to_lowercase()));
    let rules = row["rules"].as_array().into_iter().flatten();
    ["id", "title", "number", "issuer", "summary"].iter().any(|key| text(&row[key]))
        || rules.into_iter().any(|rule| text(&rule["says"]))
}
