//! `medgate journal tail`: the last records, then the coming ones.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use crate::domain::exchange::Seq;

use super::folder::Folder;
use super::row::{Row, is_upkeep};
use super::show::last;
use super::{Place, stopped};
use crate::cli::exit::Exit;

/// How often the journal is asked for new records.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Show the last records, and with -f the coming ones. 跟踪最新交易
///
/// Upkeep of the gateway is left out. Reads beside a running gateway.
///
/// Exit code 0: shown; 1: the journal cannot be read.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate journal tail -f\n  medgate journal tail --lines 100 --json")]
pub(in crate::cli) struct Args {
    /// Go on with records as they come, until interrupted.
    #[arg(short, long)]
    follow: bool,
    /// How many of the last records first.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    lines: u32,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let mut folder = match args.place.open(err)? {
        Ok(folder) => folder,
        Err(exit) => return Ok(exit),
    };
    let mut tail = Tail { next: Seq(1), json: args.json };
    if let Err(why) = tail.print_last(&folder, args.lines as usize, out)? {
        return stopped(&why, err);
    }
    if !args.follow {
        return Ok(Exit::Done);
    }
    loop {
        out.flush()?;
        std::thread::park_timeout(ASK_EVERY);
        if let Err(why) = tail.print_new(&mut folder, out)? {
            return stopped(&why, err);
        }
    }
}

/// Where the tail has come to.
struct Tail {
    next: Seq,
    json: bool,
}

impl Tail {
    fn print_last(&mut self, folder: &Folder, count: usize, out: &mut dyn Write) -> io::Result<Result<(), String>> {
        let (kept, end) = match last(folder, count, &|record, _| !is_upkeep(record)) {
            Ok(found) => found,
            Err(why) => return Ok(Err(why)),
        };
        self.next = end;
        kept.iter().try_for_each(|(row, _)| self.print(row, out)).map(Ok)
    }

    /// Prints what came since.
    fn print_new(&mut self, folder: &mut Folder, out: &mut dyn Write) -> io::Result<Result<(), String>> {
        if let Err(why) = folder.look_again() {
            return Ok(Err(why));
        }
        let (mut next, mut printed) = (self.next, Ok(()));
        let read = folder.each(self.next, Seq(u64::MAX), &mut |record| {
            next = Seq(record.header.seq.0 + 1);
            if !is_upkeep(&record) {
                printed = self.print(&Row::of(&record), out);
            }
            if printed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        self.next = next;
        printed.map(|()| read)
    }

    fn print(&self, row: &Row, out: &mut dyn Write) -> io::Result<()> {
        if self.json { writeln!(out, "{}", row.json()) } else { writeln!(out, "{}", row.line()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn what_came_since_is_printed_once() {
        let sample = sample::journal();
        let second = sample.path().join(crate::journal::segment::path(2));
        let later = std::fs::read(&second).unwrap();
        std::fs::remove_file(&second).unwrap();
        let mut folder = Folder::open(sample.path()).unwrap();
        let mut tail = Tail { next: Seq(1), json: false };
        let mut out = Vec::new();
        tail.print_last(&folder, 1, &mut out).unwrap().unwrap();
        tail.print_new(&mut folder, &mut out).unwrap().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().count() == 1 && text.contains("outcome") && text.contains("2207"), "{text}");
        std::fs::write(&second, later).unwrap();
        let mut out = Vec::new();
        tail.print_new(&mut folder, &mut out).unwrap().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().count() == 1 && text.contains("opened"), "{text}");
    }
}
