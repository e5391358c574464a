//! `medgate profile list`: which profiles there are, whose they are, and how much each says.

use std::io::{self, Write};

use serde_json::json;

use super::{Exit, Folder, both};
use crate::config::complaint::Complaint;

/// List the profiles, built-in ones and the site's own. 列出各省配置
///
/// Each with its title, what it inherits, how much it says itself, and its file.
///
/// Exit code 0: all hold; 78: complaints.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLES:\n  medgate profile list\n  medgate profile list --profiles /etc/medgate/profiles --json"
)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    folder: Folder,
    /// For programs.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args, out: &mut dyn Write) -> io::Result<Result<Exit, Vec<Complaint>>> {
    let texts = match args.folder.texts() {
        Ok(texts) => texts,
        Err(complaints) => return Ok(Err(complaints)),
    };
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    for name in texts.names() {
        let (profile, sources) = match both(name, &texts) {
            Ok(both) => both,
            Err(complaints) => {
                wrong.extend(complaints);
                continue;
            }
        };
        let file = format!("{name}.toml");
        let own = sources.values().filter(|(_, said)| said.iter().any(|one| one.file == file)).count();
        let parent = sources.value(&["inherits"]).filter(|said| said.file == file);
        rows.push(json!({
            "name": name, "title": profile.title(), "file": texts.shown(&file),
            "inherits": parent.map(|said| said.value.clone()), "says": own,
        }));
    }
    if args.json {
        writeln!(out, "{}", serde_json::Value::Array(rows))?;
    } else {
        for row in &rows {
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            writeln!(
                out,
                "{:<12} {:<6}\t{:<10} {:>4} values  {}",
                text("name"),
                text("title"),
                text("inherits"),
                row["says"],
                text("file")
            )?;
        }
    }
    Ok(if wrong.is_empty() { Ok(Exit::Done) } else { Err(wrong) })
}
