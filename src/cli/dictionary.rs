//! `medgate dictionary`: refusals of the platform by kind, how often they came, what they cost, and what cures them.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;

use super::exit::Exit;
use super::journal::Place;
use crate::config::{self, profiles};
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::moment::days_ns;
use crate::domain::money::written;
use crate::profile::{Cure, Profile, Texts};
use crate::views::FOLDER;
use crate::views::read::Views;
use crate::views::sayings::Saying;

/// The file of a site's own entries, in its folder of profiles; it stands in front of the built-in one.
const FILE: &str = "baseline/dictionary.toml";

/// Commands over the dictionary of refusals.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    List(ListArgs),
    Export(ExportArgs),
    Import(ImportArgs),
}

/// List the refusals of the last days by kind, with what cures them. 错误字典：次数、金额与处理办法
///
/// A kind that no entry fits is shown as #TOKEN with its last exchange: look at it (medgate exchange show ID), write an
/// entry [cure.NAME] with `contains`, `cure` and `by` into a file, and import it.
///
/// Exit code 0: shown; 1: the views cannot be read; 78: the profile does not hold.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate dictionary list\n  medgate dictionary list --days 7 --json")]
pub(super) struct ListArgs {
    /// How many days back.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    days: u64,
    /// One JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Write every entry that is in force as a TOML file, for other hospitals. 导出错误字典
///
/// It holds texts of platforms and their cures, and nothing of a person.
///
/// Exit code 0: written; 78: the profile does not hold.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  medgate dictionary export > dictionary.toml")]
pub(super) struct ExportArgs {
    #[command(flatten)]
    place: Place,
}

/// Take the entries of a file into the site's own dictionary. 导入错误字典
///
/// It stands in the folder of [gateway] profiles. Nothing is taken when the profile does not hold with it. An entry of
/// the same name takes the place of the old one. A running gateway takes it at `systemctl reload`.
///
/// Exit code 0: taken; 1: the file does not hold; 78: the settings name no folder, or do not hold.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  medgate dictionary import from-the-city-hospital.toml")]
pub(super) struct ImportArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let place = match &command {
        Command::List(args) => &args.place,
        Command::Export(args) => &args.place,
        Command::Import(args) => &args.place,
    };
    let settings = match place.settings(err)? {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let texts = profiles::texts(&settings.gateway.profiles).map_err(|complaint| vec![complaint]);
    let profile = texts.and_then(|texts| profiles::load_from(&settings.gateway.profile, &texts));
    let profile = match profile {
        Ok(profile) => profile,
        Err(complaints) => {
            complaints.iter().try_for_each(|complaint| writeln!(err, "{complaint}"))?;
            return Ok(Exit::Settings);
        }
    };
    match command {
        Command::List(args) => list(&args, &profile, &settings, out, err),
        Command::Export(_) => write!(out, "{}", file_of(profile.cures())).map(|()| Exit::Done),
        Command::Import(args) => import(&args, &profile, &settings, out, err),
    }
}

fn list(
    args: &ListArgs,
    profile: &Profile,
    settings: &config::Settings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let now = SystemClock::start().unix_ns();
    let sayings = Views::at(&settings.gateway.data.join(FOLDER)).sayings(now.saturating_sub(days_ns(args.days)), now);
    let sayings = match sayings {
        Ok(sayings) => sayings,
        Err(error) => return writeln!(err, "{error}").map(|()| Exit::Failed),
    };
    let cure = |saying: &Saying| profile.cures().find(|(name, _)| *name == saying.name).map(|(_, cure)| cure.clone());
    if args.json {
        let rows = sayings.iter().map(|saying| {
            let cure = cure(saying).unwrap_or_default();
            json!({ "saying": saying.name, "count": saying.count, "at_stake": written(saying.at_stake), "cure": cure.cure,
                "by": cure.by, "last": saying.last.map(|id| id.to_string()) })
        });
        return writeln!(out, "{}", json!({ "sayings": rows.collect::<Vec<_>>() })).map(|()| Exit::Done);
    }
    for saying in &sayings {
        writeln!(out, "{:>7}  {:>14}  {}", saying.count, written(saying.at_stake), saying.name)?;
        match cure(saying) {
            Some(Cure { cure, by, .. }) => writeln!(out, "         {cure}（{by}）")?,
            None => {
                let last = saying.last.map(|id| id.to_string()).unwrap_or_default();
                writeln!(out, "         还没有处理办法 no cure yet: medgate exchange show {last}")?;
            }
        }
    }
    writeln!(err, "{} kinds in {} days. 共 {} 类", sayings.len(), args.days, sayings.len()).map(|()| Exit::Done)
}

fn import(
    args: &ImportArgs,
    profile: &Profile,
    settings: &config::Settings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let folder = &settings.gateway.profiles;
    if folder.as_os_str().is_empty() {
        let cure =
            "[gateway] profiles names no folder for the site's own files; name one first. 请先设置本院配置文件夹";
        return writeln!(err, "{cure}").map(|()| Exit::Settings);
    }
    let text = match fs::read_to_string(&args.file) {
        Ok(text) => text,
        Err(error) => return writeln!(err, "{}: {error}", args.file.display()).map(|()| Exit::Failed),
    };
    // Read alone first, over nothing but the baseline: whatever is wrong is told by its own lines.
    let alone = Texts::with(vec![(FILE.to_owned(), text)]);
    let theirs = match profiles::load_from("baseline", &alone) {
        Ok(theirs) => theirs,
        Err(complaints) => {
            complaints.iter().try_for_each(|complaint| writeln!(err, "{complaint}"))?;
            return Ok(Exit::Failed);
        }
    };
    let kept = profile.cures().filter(|(name, _)| theirs.cures().all(|(other, _)| other != *name));
    let mut all: Vec<(&str, &Cure)> = kept.chain(theirs.cures()).collect();
    all.sort_unstable_by_key(|(name, _)| *name);
    let path = folder.join(FILE);
    let fresh = path.with_extension("toml.new");
    fs::create_dir_all(path.parent().unwrap_or(folder))?;
    fs::write(&fresh, file_of(all.iter().copied()))?;
    fs::rename(&fresh, &path)?;
    let (count, total) = (theirs.cures().count(), all.len());
    writeln!(out, "{count} entries taken, {total} in {}. 已导入 {count} 条", path.display()).map(|()| Exit::Done)
}

/// The entries as a file.
fn file_of<'c>(cures: impl Iterator<Item = (&'c str, &'c Cure)>) -> String {
    let mut file = toml_edit::DocumentMut::new();
    let mut sections = toml_edit::Table::new();
    sections.set_implicit(true);
    for (name, cure) in cures {
        let mut section = toml_edit::Table::new();
        let list = |texts: &[String]| toml_edit::value(texts.iter().collect::<toml_edit::Array>());
        if !cure.infno.is_empty() {
            section["infno"] = list(&cure.infno);
        }
        section["contains"] = list(&cure.contains);
        section["cure"] = toml_edit::value(&cure.cure);
        section["by"] = toml_edit::value(&cure.by);
        section["source"] = toml_edit::value(&cure.source);
        sections[name] = toml_edit::Item::Table(section);
    }
    file["cure"] = toml_edit::Item::Table(sections);
    file.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exported_dictionary_reads_back_as_it_was() {
        let profile = Profile::load("baseline", &Texts::embedded()).unwrap();
        let text = file_of(profile.cures());
        let back = Profile::load("baseline", &Texts::with(vec![(FILE.to_owned(), text)])).unwrap();
        assert!(profile.cures().eq(back.cures()));
        assert!(profile.cures().count() > 5);
    }
}
