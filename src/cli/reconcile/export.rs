//! `medgate reconcile export`: the month-close sheet.

use std::io::{self, Write};
use std::path::PathBuf;

use super::super::exit::Exit;
use super::super::journal::Place;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::money::written;
use crate::reconcile::ledger::day::Day;
use crate::reconcile::runs::sheet::{Closed, sheet};

/// Write the month-close sheet, an XLSX file. 月结表
///
/// Totals of gateway and HIS by day, each difference with its cause and the numbers of the records that prove it, and
/// the sums by clearing dimensions. It shows what the last runs found: run `medgate reconcile run --month` before.
/// Works without a running gateway.
///
/// Exit code 0: written, and nothing is left that is not explained; 1: written, but something is, or it failed.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  medgate reconcile export --month 2026-11 --out 月结2026-11.xlsx")]
pub(in crate::cli) struct Args {
    /// The month. 月份
    #[arg(long, value_name = "YYYY-MM", value_parser = super::month)]
    month: (Day, Day),
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let ledgers = match super::ledgers(&args.place, err)? {
        Ok(ledgers) => ledgers,
        Err(exit) => return Ok(exit),
    };
    let today = Day::at(SystemClock::start().unix_ns());
    let (file, closed) = match sheet(&ledgers, args.month, today) {
        Ok(made) => made,
        Err(error) => return writeln!(err, "{error}").map(|()| Exit::Failed),
    };
    if let Err(error) = std::fs::write(&args.out, file) {
        return writeln!(err, "{}: {error}", args.out.display()).map(|()| Exit::Failed);
    }
    say(&closed, args, out)
}

fn say(closed: &Closed, args: &Args, out: &mut dyn Write) -> io::Result<Exit> {
    let Closed { own, his, unexplained, days_without_his } = closed;
    writeln!(out, "{}", args.out.display())?;
    writeln!(out, "网关 {} 笔 {}；HIS {} 笔 {}", own.0, written(own.1), his.0, written(his.1))?;
    writeln!(out, "未解释差异 {unexplained} 处；缺院内账 {days_without_his} 天")?;
    Ok(if *unexplained == 0 && *days_without_his == 0 { Exit::Done } else { Exit::Failed })
}
