//! `medgate journal`: reads the journal folder, also while the gateway writes it.

mod audit; // Does every record follow the one before it.
mod detail; // Facts and, when asked for, the sealed part of one exchange.
mod facts; // How each fact is written.
mod row; // One record on one line.
mod show; // medgate journal show
pub(super) mod source; // What a journal folder gives to the commands.
mod tail; // medgate journal tail
mod verify; // medgate journal verify

#[cfg(test)]
mod sample; // Records for the tests of the commands.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::config;

use self::source::Source;
use super::exit::Exit;
use super::seam;
use super::told::{FileArg, complain};

/// Commands over the journal.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Show records, or all that belongs to one exchange. 查看交易
    Show(show::Args),
    /// Show the last records, and with -f the coming ones. 跟踪最新交易
    Tail(tail::Args),
    /// Check that every record is whole and follows the one before it. 校验账本
    Verify(verify::Args),
}

/// Which journal.
#[derive(clap::Args)]
pub(super) struct Place {
    #[command(flatten)]
    file: FileArg,
    /// The data folder; by default the one of the settings.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

impl Place {
    /// Opens the journal, or says on `err` why not.
    fn open(self, err: &mut dyn Write) -> io::Result<Result<Box<dyn Source>, Exit>> {
        let flags = self.data.map(|data| ("--data", "gateway.data", data)).into_iter().collect();
        let data = match config::look(&self.file.told(flags), "gateway.data") {
            Ok(data) => PathBuf::from(data),
            Err(complaints) => return complain(&complaints, err).map(Err),
        };
        match seam::open_journal(&data) {
            Ok(source) => Ok(Ok(source)),
            Err(why) => {
                writeln!(err, "the journal in {} cannot be read: {why}", data.display()).map(|()| Err(Exit::Failed))
            }
        }
    }
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    match command {
        Command::Show(args) => show::run(args, out, err),
        Command::Tail(args) => tail::run(args, out, err),
        Command::Verify(args) => verify::run(args, out, err),
    }
}
