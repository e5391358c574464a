//! `medgate rules check`: every complaint about packs, at once.

use std::io::{self, Write};
use std::path::Path;

use super::{Exit, Library, Said};
use crate::rules::dates::Day;

/// Check packs and print every complaint with its place and cure. 检查规则包
///
/// WHAT is a folder of packs, which stand in front of the built-in ones, or the name of a built-in pack; left out, all
/// built-in packs are checked. Rules that are not in force (region, day) are checked too.
///
/// Exit code 0: all hold; 78: complaints.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLES:\n  medgate rules check\n  medgate rules check /etc/medgate/rules\n  medgate rules check shaanxi"
)]
pub(in crate::cli) struct Args {
    /// Folder of packs, or the name of a pack.
    #[arg(value_name = "FOLDER|PACK")]
    what: Option<String>,
    /// Folder of the site's own packs, in front of the built-in ones. 本院规则目录
    #[arg(long, value_name = "FOLDER", conflicts_with = "what")]
    rules: Option<String>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> io::Result<Said<Exit>> {
    let asked = args.what.as_deref().unwrap_or_default();
    let is_folder = asked.contains(['/', '\\']) || Path::new(asked).is_dir();
    let folder = if is_folder { Some(asked) } else { args.rules.as_deref() };
    let checked = Library::of(folder).and_then(|library| {
        library.compile("", Day::FIRST)?;
        if !is_folder && !asked.is_empty() {
            library.pack(asked)?;
        }
        Ok(library)
    });
    let library = match checked {
        Ok(library) => library,
        Err(wrong) => return Ok(Err(wrong)),
    };
    for pack in library.packs.iter().filter(|pack| is_folder || asked.is_empty() || pack.name == asked) {
        let (tables, rules) = (pack.tables.len(), pack.rules.len());
        writeln!(out, "{} is good: {}, {tables} tables, {rules} rules. 规则无误", pack.name, pack.title)?;
    }
    Ok(Ok(Exit::Done))
}
