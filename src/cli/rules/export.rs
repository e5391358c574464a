//! `medgate rules export`: field tables as JSON Schema.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use super::{Choosing, Exit, Said};
use crate::rules::schema;

/// Export field tables as JSON Schema (draft 2020-12). 导出为JSON Schema
///
/// What a schema cannot say (sums, names without regard to case, what the journal knows) stands beside it as
/// x-medgate-rules.
///
/// Exit code 0: written; 1: no such transaction, or a file cannot be written; 78: a pack does not hold.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLES:\n  medgate rules export --json-schema 2207 > 2207.json\n  medgate rules export --json-schema --all schemas/"
)]
pub(in crate::cli) struct Args {
    /// The form of what is written; there is one so far.
    #[arg(long, required = true)]
    json_schema: bool,
    /// The transaction. 交易编号
    #[arg(value_name = "INFNO", required_unless_present = "all")]
    infno: Option<String>,
    /// Every transaction, one file each, into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "infno")]
    all: Option<PathBuf>,
    #[command(flatten)]
    choosing: Choosing,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> io::Result<Said<Exit>> {
    let rules = match args.choosing.library().and_then(|library| args.choosing.rules(&library)) {
        Ok(rules) => rules,
        Err(wrong) => return Ok(Err(wrong)),
    };
    if let Some(folder) = &args.all {
        let mut count = 0;
        for form in rules.forms().into_iter().filter(|form| &*form.infno != "*") {
            let Some(schema) = schema::of(&form.infno, &rules) else { continue };
            let written = fs::create_dir_all(folder)
                .and_then(|()| fs::write(folder.join(format!("{}.json", form.infno)), format!("{schema:#}\n")));
            if let Err(error) = written {
                writeln!(out, "{} cannot be written: {error}", folder.display())?;
                return Ok(Ok(Exit::Failed));
            }
            count += 1;
        }
        writeln!(out, "{count} schemas in {}. 已导出", folder.display())?;
        return Ok(Ok(Exit::Done));
    }
    let infno = args.infno.as_deref().unwrap_or_default();
    match schema::of(infno, &rules) {
        Some(schema) => writeln!(out, "{schema:#}")?,
        None => {
            writeln!(out, "no field table of {infno}. 没有该交易的字段表")?;
            return Ok(Ok(Exit::Failed));
        }
    }
    Ok(Ok(Exit::Done))
}
