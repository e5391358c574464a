//! `medgate rules explain`: what a rule asks, why, and who says so.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::{Choosing, Exit, Said};
use crate::domain::spec::nearest::nearest;
use crate::rules::explain::{explain, ids};

/// Explain a rule: what it asks, why, its policy, its file and line, its examples. 解释一条规则
///
/// ID is a rule's own (ZC25-SETL-TYPES), or that of a row of a field table (2207.data.mdtrt_id:required), as findings
/// and refusals name it.
///
/// Exit code 0: explained; 1: there is no such rule; 78: a pack does not hold.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLES:\n  medgate rules explain ZC25-SETL-TYPES\n  medgate rules explain 2207.data.mdtrt_id:required --json"
)]
pub(in crate::cli) struct Args {
    /// The rule.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    choosing: Choosing,
    /// For programs.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> io::Result<Said<Exit>> {
    let found = args.choosing.library().and_then(|library| args.choosing.rules(&library).map(|rules| (library, rules)));
    let (library, rules) = match found {
        Ok(found) => found,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let Some(said) = explain(&args.id, &library.packs, &library.texts, &rules) else {
        let infno = args.id.split('.').next().filter(|_| args.id.contains('.')).unwrap_or_default();
        let known = ids(&rules, infno);
        let meant = nearest(&args.id, known.iter().map(|(id, _)| id.as_str()));
        writeln!(out, "no rule `{}`. 没有这条规则 {meant}", args.id)?;
        return Ok(Ok(Exit::Failed));
    };
    if args.json {
        let mut all = Map::new();
        for (name, text) in said {
            let list = all.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            list.as_array_mut().into_iter().for_each(|list| list.push(Value::String(text.clone())));
        }
        writeln!(out, "{}", Value::Object(all))?;
        return Ok(Ok(Exit::Done));
    }
    for (name, text) in said {
        writeln!(out, "{name:\u{3000}<4}{text}")?;
    }
    Ok(Ok(Exit::Done))
}
