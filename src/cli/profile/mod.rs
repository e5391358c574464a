//! `medgate profile`: lists, shows, checks and compares profiles; every value with the file and line that says it.

mod about; // Everything of one transaction.
mod check; // medgate profile check
mod diff; // medgate profile diff
mod list; // medgate profile list
mod show; // medgate profile show
mod value; // Values and places as people read them.

use std::io::{self, Write};

use crate::config::complaint::Complaint;
use crate::config::{self, profiles};
use crate::profile::{Profile, Sources, Texts};

use super::exit::Exit;
use super::told::FileArg;

/// Commands over profiles.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    List(list::Args),
    Show(show::Args),
    Check(check::Args),
    Diff(diff::Args),
}

/// Where the site's own profiles are.
#[derive(clap::Args)]
struct Folder {
    #[command(flatten)]
    file: FileArg,
    /// Folder of the site's own profiles; by default `profiles` of the settings' [gateway].
    #[arg(long, value_name = "DIR")]
    profiles: Option<String>,
}

impl Folder {
    fn texts(self) -> Result<Texts, Vec<Complaint>> {
        let flags = self.profiles.map(|folder| ("--profiles", "gateway.profiles", folder));
        let folder = config::look(&self.file.told(flags.into_iter().collect()), "gateway.profiles")?;
        profiles::texts(folder.as_ref()).map_err(|complaint| vec![complaint])
    }
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let ended = match command {
        Command::List(args) => list::run(args, out)?,
        Command::Show(args) => show::run(args, out)?,
        Command::Check(args) => check::run(args, out)?,
        Command::Diff(args) => diff::run(args, out)?,
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

/// A profile and all that its files say.
fn both(name: &str, texts: &Texts) -> Result<(Profile, Sources), Vec<Complaint>> {
    let profile = profiles::load_from(name, texts)?;
    let sources = Sources::of(name, texts)
        .map_err(|found| found.into_iter().map(|one| profiles::at_its_place(one, texts)).collect::<Vec<_>>())?;
    Ok((profile, sources))
}

#[cfg(test)]
mod tests;
