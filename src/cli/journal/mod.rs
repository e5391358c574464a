//! `medgate journal`: reads the journal folder, also while the gateway writes it; erases a visit.

mod backup; // medgate journal backup and restore
mod detail; // Facts and, when asked for, the sealed part of one exchange.
pub(super) mod erase; // medgate journal erase
mod facts; // How each fact is written.
pub(super) mod folder; // The records of a data folder.
mod gather; // Records with their way up to a checkpoint.
mod pack; // medgate journal prove and pack
mod page; // One exchange as a page for a browser.
pub(in crate::cli) mod replay; // medgate journal replay
mod retention; // medgate journal archive and trim
mod row; // One record on one line.
mod show; // medgate journal show
mod tail; // medgate journal tail
mod verify; // medgate journal verify

#[cfg(test)]
mod sample; // A small journal for the tests of the commands.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::app::ADMIN_FILE;
use crate::config::{self, Settings, Told};
use crate::domain::exchange::{ExchangeId, Seq};
use crate::journal::master::Master;
use crate::keys::{Sources, master};

use self::folder::Folder;
use super::exit::Exit;
use super::look;
use super::told::{FileArg, complain};

/// Commands over the journal.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    Show(show::Args),
    Tail(tail::Args),
    Verify(verify::Args),
    Prove(pack::ProveArgs),
    Pack(pack::PackArgs),
    Replay(replay::Args),
    Erase(erase::Args),
    Archive(retention::ArchiveArgs),
    Trim(retention::TrimArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
}

/// Which journal.
#[derive(clap::Args)]
pub(super) struct Place {
    #[command(flatten)]
    file: FileArg,
    /// The data folder; by default the one of the settings.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The admin port of the gateway that runs on it; by default the one that it left in its folder.
    #[arg(long, value_name = "HOST:PORT")]
    admin: Option<String>,
}

/// Whether personal data is shown.
#[derive(clap::Args)]
pub(super) struct Reveal {
    /// Show request and answer in clear; the look is journaled first. 显示明文（含个人信息，查看会被记账）
    #[arg(long)]
    pub(super) reveal: bool,
}

impl Place {
    fn told(&self) -> Told {
        let flags = [("--data", "gateway.data", &self.data), ("--admin", "admin.listen", &self.admin)];
        let given = flags.into_iter().filter_map(|(flag, key, value)| Some((flag, key, value.clone()?)));
        self.file.clone().told(given.collect())
    }

    /// The data folder, or how the command ends because the settings do not name one.
    pub(super) fn data(&self, err: &mut dyn Write) -> io::Result<Result<PathBuf, Exit>> {
        match config::look(&self.told(), "gateway.data") {
            Ok(data) => Ok(Ok(PathBuf::from(data))),
            Err(complaints) => complain(&complaints, err).map(Err),
        }
    }

    /// The master key that the settings name, or why there is none.
    pub(super) fn master(&self) -> Result<Master, String> {
        let told = config::look(&self.told(), "journal.master_key");
        let setting = told.map_err(|_| "the settings do not say where the master key is".to_owned())?;
        master::read(&setting, &Sources::of_process()).map_err(|error| error.to_string())
    }

    /// All settings, or how the command ends because of a complaint.
    ///
    /// A gateway leaves the address of its admin port in its folder; only `--admin` knows better.
    pub(super) fn settings(&self, err: &mut dyn Write) -> io::Result<Result<Settings, Exit>> {
        match config::look_at_all(&self.told()) {
            Ok(mut settings) => {
                let left = std::fs::read_to_string(settings.gateway.data.join(ADMIN_FILE));
                if let (None, Ok(address)) = (&self.admin, left) {
                    settings.admin.listen = address.trim().to_owned();
                }
                Ok(Ok(settings))
            }
            Err(complaints) => complain(&complaints, err).map(Err),
        }
    }

    /// Puts looks at exchanges into the journal; says on `err` why nothing may be shown when that cannot be.
    pub(super) fn announce(
        &self,
        exchanges: &[ExchangeId],
        why: &str,
        err: &mut dyn Write,
    ) -> io::Result<Result<(), Exit>> {
        let settings = match self.settings(err)? {
            Ok(settings) => settings,
            Err(exit) => return Ok(Err(exit)),
        };
        match look::announce(&settings, exchanges, why) {
            Ok(()) => Ok(Ok(())),
            Err(why) => {
                writeln!(err, "nothing is shown, because the look cannot be journaled: {why}")?;
                Ok(Err(Exit::Failed))
            }
        }
    }

    /// Opens the journal, or says on `err` why not.
    fn open(&self, err: &mut dyn Write) -> io::Result<Result<Folder, Exit>> {
        let data = match self.data(err)? {
            Ok(data) => data,
            Err(exit) => return Ok(Err(exit)),
        };
        match Folder::open(&data) {
            Ok(folder) => Ok(Ok(folder)),
            Err(why) => unreadable(&data.display(), &why, err).map(Err),
        }
    }
}

/// The number of the last record.
pub(super) fn last_seq(folder: &Folder) -> Result<Seq, String> {
    show::last(folder, 1, &|_, _| true).map(|(_, next)| Seq(next.0.saturating_sub(1)))
}

/// What to do when a folder holds no journal.
pub(super) const CURE: &str = "cure: name the gateway's data folder with --data DIR, or in MEDGATE__GATEWAY__DATA";

/// Says that a folder holds no journal that can be read.
pub(super) fn unreadable(data: &dyn std::fmt::Display, why: &str, err: &mut dyn Write) -> io::Result<Exit> {
    writeln!(err, "the journal in {data} cannot be read: {why}\n    {CURE}").map(|()| Exit::Failed)
}

/// Reading came to an end before the records did.
fn stopped(why: &str, err: &mut dyn Write) -> io::Result<Exit> {
    writeln!(err, "reading stopped: {why}\n    cure: run `medgate journal verify`")?;
    Ok(Exit::Failed)
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    match command {
        Command::Show(args) => show::run(args, out, err),
        Command::Tail(args) => tail::run(args, out, err),
        Command::Verify(args) => verify::run(args, out, err),
        Command::Prove(args) => pack::prove(args, out, err),
        Command::Pack(args) => pack::pack(args, out, err),
        Command::Replay(args) => replay::run(args, out, err),
        Command::Erase(args) => erase::run(args, out, err),
        Command::Archive(args) => retention::archive(args, out, err),
        Command::Trim(args) => retention::trim(args, out, err),
        Command::Backup(args) => backup::backup_to(args, out, err),
        Command::Restore(args) => backup::restore_from(args, out, err),
    }
}
