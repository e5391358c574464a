//! `medgate rules`: lists, checks, tests, explains, exports, compares, rehearses and signs rules, searches the policies behind them, and
//! tells why a call was refused.

mod check; // medgate rules check
mod diff; // medgate rules diff
mod explain; // medgate rules explain
mod export; // medgate rules export
mod folder; // A site's packs, read from its folder.
mod list; // medgate rules list
mod policies; // medgate rules policies
mod rehearse; // medgate rules rehearse
mod sign; // medgate rules sign
mod test; // medgate rules test
mod why; // medgate rules why

use std::io::{self, Write};

use crate::domain::class::Class;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::moment::china_time;
use crate::domain::spec::complaint::Complaint;
use crate::profile::{self, Profile};
use crate::rules::compile::{Chosen, Rules, Said as BySite, compile};
use crate::rules::dates::Day;
use crate::rules::pack::Pack;
use crate::rules::texts::Texts;

use super::exit::Exit;

/// Commands over rules.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    List(list::Args),
    Check(check::Args),
    Test(test::Args),
    Explain(explain::Args),
    Export(export::Args),
    Diff(diff::Args),
    Policies(policies::Args),
    Rehearse(rehearse::Args),
    Sign(sign::Args),
    Why(why::Args),
}

/// Where a site's packs are, and which rules are in force.
#[derive(clap::Args)]
struct Choosing {
    /// Folder of the site's own packs, in front of the built-in ones. 本院规则目录
    #[arg(long, value_name = "FOLDER")]
    rules: Option<String>,
    /// Administrative division of the hospital: 610100, or its leading digits. 医保区划
    #[arg(long, value_name = "CODE", default_value = "")]
    region: String,
    /// The day on which the rules must be in force (yyyy-MM-dd); today if left out. 日期
    #[arg(long, value_name = "DAY", value_parser = day)]
    day: Option<Day>,
}

fn day(said: &str) -> Result<Day, String> {
    Day::read(said).ok_or_else(|| "a day is written yyyy-MM-dd".to_owned())
}

/// Complaints as people find them: the file in the site's folder or in the project's.
type Said<T> = Result<T, Vec<String>>;

/// Packs with their texts.
struct Library {
    texts: Texts,
    packs: Vec<Pack>,
}

impl Choosing {
    fn library(&self) -> Said<Library> {
        Library::of(self.rules.as_deref())
    }

    fn rules(&self, library: &Library) -> Said<Rules> {
        let today = || Day::read(&china_time(SystemClock::start().unix_ns())[..10]);
        let day = self.day.or_else(today).unwrap_or(Day::FIRST);
        library.compile(&self.region, day)
    }
}

impl Library {
    /// The built-in packs, with those of a folder in front.
    fn of(folder: Option<&str>) -> Said<Library> {
        let texts = match folder {
            None => Texts::embedded(),
            Some(folder) => Texts::of_folder(folder, folder::read(folder).map_err(|wrong| vec![wrong])?),
        };
        let packs = Pack::load_all(&texts).map_err(|found| shown(&found, &texts))?;
        Ok(Library { texts, packs })
    }

    fn compile(&self, region: &str, day: Day) -> Said<Rules> {
        let class_of = classes();
        let chosen = Chosen { region, day, class_of: &class_of, said: BySite::default() };
        compile(&self.packs, &self.texts, &chosen).map_err(|found| shown(&found, &self.texts))
    }

    fn pack(&self, name: &str) -> Said<&Pack> {
        self.packs.iter().find(|pack| pack.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.packs.iter().map(|pack| pack.name.as_str()).collect();
            vec![format!("no pack `{name}`; there are: {}", names.join(", "))]
        })
    }
}

/// The class of a transaction, as the national baseline says it.
fn classes() -> impl Fn(&str) -> Class {
    let baseline = Profile::load("baseline", &profile::Texts::embedded()).expect("a test loads it");
    move |infno: &str| baseline.transaction(infno).class
}

fn shown(found: &[Complaint], texts: &Texts) -> Vec<String> {
    let one = |one: &Complaint| {
        let line = if one.line == 0 { String::new() } else { format!(":{}", one.line) };
        let cure = if one.cure.is_empty() { String::new() } else { format!("; {}", one.cure) };
        format!("{}{line}: {}{cure}", texts.shown(&one.file), one.text)
    };
    found.iter().map(one).collect()
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let ended = match command {
        Command::List(args) => list::run(&args, out)?,
        Command::Check(args) => check::run(&args, out)?,
        Command::Test(args) => test::run(&args, out)?,
        Command::Explain(args) => explain::run(&args, out)?,
        Command::Export(args) => export::run(&args, out)?,
        Command::Diff(args) => diff::run(&args, out)?,
        Command::Policies(args) => policies::run(&args, out)?,
        Command::Rehearse(args) => rehearse::run(&args, out, err)?,
        Command::Sign(args) => sign::run(&args, out, err)?,
        Command::Why(args) => why::run(&args, out, err)?,
    };
    match ended {
        Ok(exit) => Ok(exit),
        Err(complaints) => {
            complaints.iter().try_for_each(|complaint| writeln!(err, "{complaint}"))?;
            writeln!(err, "{} complaint(s). 有 {} 处需要修改", complaints.len(), complaints.len())?;
            Ok(Exit::Settings)
        }
    }
}

#[cfg(test)]
mod tests;
