//! `medgate rules diff`: what two packs, or two versions of one, say differently.

use std::io::{self, Write};
use std::path::Path;

use super::{Exit, Library, Said, folder, shown};
use crate::rules::difference::between;
use crate::rules::pack::Pack;
use crate::rules::texts::Texts;

/// Show what two packs say differently, rule by rule and field by field. 比较规则包
///
/// Each is the name of a pack, or the folder of one (with its pack.toml): an old version beside a new one.
///
/// Exit code 0: shown, whether they differ or not; 78: a pack cannot be read.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLES:\n  medgate rules diff shaanxi guangxi\n  medgate rules diff national /tmp/national-2026"
)]
pub(in crate::cli) struct Args {
    /// The first: a pack, or the folder of one.
    #[arg(value_name = "PACK_A")]
    first: String,
    /// The second.
    #[arg(value_name = "PACK_B")]
    second: String,
    /// Folder of the site's own packs, in front of the built-in ones. 本院规则目录
    #[arg(long, value_name = "FOLDER")]
    rules: Option<String>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> io::Result<Said<Exit>> {
    let read = |what: &str| pack(what, args.rules.as_deref());
    let (first, second) = match (read(&args.first), read(&args.second)) {
        (Ok(first), Ok(second)) => (first, second),
        (first, second) => {
            return Ok(Err([first.err(), second.err()].into_iter().flatten().flatten().collect()));
        }
    };
    let changes = between((&first.0, &first.1), (&second.0, &second.1));
    for change in &changes {
        writeln!(out, "{}", change.what)?;
        for (sign, text) in [("-", &change.first), ("+", &change.second)] {
            text.iter().try_for_each(|text| writeln!(out, "  {sign} {text}"))?;
        }
    }
    writeln!(out, "{} differences. 共 {} 处不同", changes.len(), changes.len())?;
    Ok(Ok(Exit::Done))
}

fn pack(what: &str, rules: Option<&str>) -> Said<(Pack, Texts)> {
    if !Path::new(what).is_dir() {
        let library = Library::of(rules)?;
        let pack = library.pack(what)?.clone();
        return Ok((pack, library.texts));
    }
    let (name, files) = folder::read_one(what).map_err(|wrong| vec![wrong])?;
    let parent = Path::new(what).parent().map_or(String::new(), |parent| parent.display().to_string());
    // Its neighbours are read too: it may cite what they cite.
    let texts = Texts::of_folder(&parent, files);
    let packs = Pack::load_all(&texts).map_err(|found| shown(&found, &texts))?;
    let pack = packs.into_iter().find(|pack| pack.name == name);
    let pack = pack.ok_or_else(|| vec![format!("{what} holds no pack.toml")])?;
    Ok((pack, texts))
}
