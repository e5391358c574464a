//! `medgate reconcile`: what was settled, day by day, and how the ledgers stand to each other.

mod export; // medgate reconcile export
mod run; // medgate reconcile run
mod show; // medgate reconcile show

use std::io::{self, Write};

use super::exit::Exit;
use super::journal::Place;
use crate::reconcile::ledger::day::Day;
use crate::reconcile::ledger::{FOLDER, Ledgers};

/// Commands over the ledgers.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    Show(show::Args),
    Run(run::Args),
    Export(export::Args),
}

/// Which days.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Days {
    /// One day, by the platform's settlement time. 日期
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    date: Option<Day>,
    /// A whole month. 月份
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    month: Option<(Day, Day)>,
}

impl Days {
    /// First and last.
    fn span(&self) -> (Day, Day) {
        self.month.or(self.date.map(|day| (day, day))).expect("clap asks for one of both")
    }
}

/// Which days of which gateway, and as what.
#[derive(clap::Args)]
struct Asked {
    #[command(flatten)]
    days: Days,
    /// One JSON document, as the API gives it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    match command {
        Command::Show(args) => show::run(&args, out, err),
        Command::Run(args) => run::run(&args, out, err),
        Command::Export(args) => export::run(&args, out, err),
    }
}

/// A day as people write it.
pub(super) fn day(text: &str) -> Result<Day, String> {
    Day::read(text).ok_or_else(|| "write a day as 2026-11-21. 日期写作 2026-11-21".to_owned())
}

pub(super) fn month(text: &str) -> Result<(Day, Day), String> {
    Day::month(text).ok_or_else(|| "write a month as 2026-11. 月份写作 2026-11".to_owned())
}

/// The ledgers of a data folder, or how the command ends because the settings do not name one.
fn ledgers(place: &Place, err: &mut dyn Write) -> io::Result<Result<Ledgers, Exit>> {
    Ok(place.data(err)?.map(|data| Ledgers::at(&data.join(FOLDER))))
}
