//! `medgate profile check`: every complaint about profiles, at once.

use std::io::{self, Write};
use std::path::Path;

use super::{Exit, Folder};
use crate::config::complaint::Complaint;
use crate::config::profiles;
use crate::profile::Texts;

/// Check profiles and print every complaint with its place and cure. 检查配置
///
/// WHAT is the name of a profile, or a folder whose profiles stand in front of the built-in ones; left out, all are
/// checked.
///
/// Exit code 0: all hold; 78: complaints.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate profile check\n  medgate profile check guangdong\n  \
    medgate profile check /etc/medgate/profiles")]
pub(in crate::cli) struct Args {
    /// Name of a profile, or a folder of profiles.
    #[arg(value_name = "NAME|FOLDER")]
    what: Option<String>,
    #[command(flatten)]
    folder: Folder,
}

pub(super) fn run(args: Args, out: &mut dyn Write) -> io::Result<Result<Exit, Vec<Complaint>>> {
    let asked = args.what.as_deref().unwrap_or_default();
    let is_folder = asked.contains(['/', '\\']) || Path::new(asked).is_dir();
    let texts =
        match if is_folder { profiles::texts(asked.as_ref()).map_err(|one| vec![one]) } else { args.folder.texts() } {
            Ok(texts) => texts,
            Err(complaints) => return Ok(Err(complaints)),
        };
    let names = if is_folder {
        texts.own_names()
    } else if asked.is_empty() {
        texts.names()
    } else {
        vec![asked]
    };
    if names.is_empty() {
        let what = format!("{asked} holds no profile");
        let cure = "a profile is a file NAME.toml directly in the folder".to_owned();
        return Ok(Err(vec![Complaint { place: asked.to_owned(), what, cure }]));
    }
    let mut complaints: Vec<Complaint> = Vec::new();
    for name in names {
        match of(name, &texts) {
            Ok(line) => writeln!(out, "{line}")?,
            // Heirs of one wrong file would say its complaints again.
            Err(found) => {
                complaints.extend(found.into_iter().filter(|one| !complaints.contains(one)).collect::<Vec<_>>())
            }
        }
    }
    Ok(if complaints.is_empty() { Ok(Exit::Done) } else { Err(complaints) })
}

fn of(name: &str, texts: &Texts) -> Result<String, Vec<Complaint>> {
    let profile = profiles::load_from(name, texts)?;
    let count = profile.transactions().count();
    Ok(format!("{name} is good: {}, {count} transactions. 配置无误", profile.title()))
}
