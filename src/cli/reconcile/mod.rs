//! `medgate reconcile`: what was settled, day by day, and how the ledgers stand to each other.

mod export; // medgate reconcile export
mod run; // medgate reconcile run
mod show; // medgate reconcile show
mod submit; // medgate reconcile submit

use std::io::{self, Write};
use std::time::Duration;

use serde_json::Value;

use super::admin_port::{Call, said, silent, token};
use super::exit::Exit;
use super::journal::Place;
use crate::config::Settings;
use crate::console::token::FILE_NAME;
use crate::reconcile::ledger::day::Day;
use crate::reconcile::ledger::{FOLDER, Ledgers};

/// A month of a large hospital takes some minutes.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Commands over the ledgers.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    Show(show::Args),
    Run(run::Args),
    Submit(submit::Args),
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
        Command::Submit(args) => submit::run(&args, out, err),
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

/// Lets the running gateway do it.
fn by_gateway(asked: &Asked, settings: &Settings, path: &str) -> Result<Value, String> {
    let listen = settings.admin.listen.as_str();
    let token = token(&settings.gateway.data, FILE_NAME)?;
    let (first, _) = asked.days.span();
    let named = match asked.days.month {
        Some(_) => format!("month={}", &first.to_string()[..7]),
        None => format!("date={first}"),
    };
    let target = format!("/api/v1/{path}?{named}");
    let call = Call { listen, method: "POST", target: &target, token: Some(&token), body: "", patience: PATIENCE };
    match call.ask() {
        Ok((200, body)) => serde_json::from_str(&body).map_err(|error| error.to_string()),
        Ok((_, body)) => Err(said(&body)),
        Err(error) => Err(silent(listen, &error)),
    }
}

/// A value of the API's answer as people read it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
