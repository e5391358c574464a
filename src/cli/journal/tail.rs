//! `medgate journal tail`: the last records, then the coming ones as they become durable.

use std::io::{self, Write};
use std::time::Duration;

use crate::domain::exchange::Seq;

use super::Place;
use super::row::{Row, Rows, is_upkeep};
use super::source::Source;
use crate::cli::exit::Exit;

/// How often the journal is asked for new records.
const ASK_MS: u64 = 200;

/// Show the last records, and with -f the coming ones. 跟踪最新交易
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate journal tail -f\n  medgate journal tail --lines 100 --json")]
pub(in crate::cli) struct Args {
    /// Go on with records as they come, until interrupted.
    #[arg(short, long)]
    follow: bool,
    /// How many of the last records first.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    lines: u32,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let mut source = match args.place.open(err)? {
        Ok(source) => source,
        Err(exit) => return Ok(exit),
    };
    let mut tail = Tail { rows: Rows::default(), next: Seq(1), json: args.json };
    if let Err(why) = tail.print_new(&mut *source, args.lines as usize, out)? {
        return writeln!(err, "reading stopped: {why}").map(|()| Exit::Failed);
    }
    if !args.follow {
        return Ok(Exit::Done);
    }
    let waiting = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    loop {
        waiting.block_on(tokio::time::sleep(Duration::from_millis(ASK_MS)));
        if let Err(why) = tail.print_new(&mut *source, usize::MAX, out)? {
            return writeln!(err, "reading stopped: {why}").map(|()| Exit::Failed);
        }
        out.flush()?;
    }
}

/// Where the tail has come to.
struct Tail {
    rows: Rows,
    next: Seq,
    json: bool,
}

impl Tail {
    /// Prints what came since, `last` lines of it at most.
    fn print_new(
        &mut self,
        source: &mut dyn Source,
        last: usize,
        out: &mut dyn Write,
    ) -> io::Result<Result<(), String>> {
        let mut lines = std::collections::VecDeque::new();
        for page in source.pages(self.next) {
            let page = match page {
                Ok(page) => page,
                Err(why) => return Ok(Err(why)),
            };
            self.next = Seq(page.header.seq.0 + 1);
            let row = self.rows.row(&page);
            if is_upkeep(&page) {
                continue;
            }
            lines.push_back(row);
            if lines.len() > last {
                lines.pop_front();
            }
        }
        for row in lines {
            self.print(&row, out)?;
        }
        Ok(Ok(()))
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
        let mut journal = sample::Memory::new(sample::visit());
        let later = journal.pages.split_off(2);
        let mut tail = Tail { rows: Rows::default(), next: Seq(1), json: false };
        let mut printed = |journal: &mut sample::Memory, last| {
            let mut out = Vec::new();
            tail.print_new(journal, last, &mut out).unwrap().unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(printed(&mut journal, 1).lines().count(), 1);
        assert_eq!(printed(&mut journal, 9), "");
        journal.pages.extend(later);
        let text = printed(&mut journal, 9);
        assert!(text.lines().count() == 1 && text.contains("outcome") && text.contains("2207"), "{text}");
    }
}
