//! `medgate exchange`: finds exchanges in the views, and shows them from the journal; no running gateway is needed.

mod asked; // Filters as flags, from the table of columns.
mod diff; // medgate exchange diff
mod find; // medgate exchange find
mod print; // One exchange for people.
pub(super) mod records; // The records of one exchange.
pub(super) mod show; // medgate exchange show

use std::io::{self, Write};

use super::exit::Exit;

/// Commands over exchanges.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    Find(find::Args),
    Show(show::Args),
    Diff(diff::Args),
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    match command {
        Command::Find(args) => find::run(args, out, err),
        Command::Show(args) => show::run(args, out, err),
        Command::Diff(args) => diff::run(args, out, err),
    }
}

/// Says on `err` why there is no answer.
fn failed(why: &str, err: &mut dyn Write) -> io::Result<Exit> {
    writeln!(err, "{why}").map(|()| Exit::Failed)
}
