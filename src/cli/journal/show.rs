//! `medgate journal show`: records as lines, or all that belongs to one exchange.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::ops::ControlFlow;

use crate::domain::exchange::{ExchangeId, Seq};
use crate::journal::Record;
use crate::journal::composite::erased;

use super::folder::Folder;
use super::row::{Row, is_upkeep};
use super::{Place, Reveal, detail, stopped};
use crate::cli::exit::Exit;

/// Show the last records, or all that belongs to one exchange. 查看交易
///
/// Personal data stays masked; with ID, --reveal shows it where the keys are at hand, once the look is journaled. Reads
/// beside a running gateway.
///
/// Exit code 0: shown; 1: no such exchange, or the journal cannot be read.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate journal show --last 50\n  \
    medgate journal show --infno 2207 --json\n  \
    medgate journal show 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e --reveal")]
pub(in crate::cli) struct Args {
    /// Id of an exchange, or the number of one of its records.
    #[arg(value_name = "ID", value_parser = wanted)]
    id: Option<Wanted>,
    /// How many records.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    last: u32,
    /// Only this transaction number. 交易编号
    #[arg(long, value_name = "INFNO")]
    infno: Option<String>,
    /// Also records that only keep the journal in order.
    #[arg(long)]
    all: bool,
    /// One JSON object per line.
    #[arg(long, conflicts_with = "reveal")]
    json: bool,
    #[command(flatten)]
    reveal: Reveal,
    #[command(flatten)]
    place: Place,
}

/// What an ID on the command line means.
#[derive(Clone, Copy)]
enum Wanted {
    Exchange(ExchangeId),
    Record(Seq),
}

fn wanted(text: &str) -> Result<Wanted, String> {
    let exchange = || ExchangeId::parse(text).map(Wanted::Exchange);
    let record = text.parse().ok().map(|seq| Wanted::Record(Seq(seq)));
    record.or_else(exchange).ok_or_else(|| "write the id of an exchange or the number of a record".to_owned())
}

pub(super) fn run(args: Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    if args.reveal.reveal && args.id.is_none() {
        writeln!(err, "--reveal shows one exchange: write its ID too")?;
        return Ok(Exit::Failed);
    }
    let folder = match args.place.open(err)? {
        Ok(folder) => folder.with(args.place.master()),
        Err(exit) => return Ok(exit),
    };
    if let (true, Some(id)) = (args.reveal.reveal, args.id) {
        let exchange = match exchange_of(&folder, id) {
            Ok(exchange) => exchange,
            Err(why) => return stopped(&why, err),
        };
        if let Some(exchange) = exchange
            && let Err(exit) = args.place.announce(&[exchange], "", err)?
        {
            return Ok(exit);
        }
    }
    let form = if args.json { Form::Json } else { Form::Lines };
    match args.id {
        Some(id) => show_exchange(&folder, id, form, args.reveal.reveal, out, err),
        None => {
            let infno = args.infno.as_deref();
            let wants = |record: &Record, row: &Row| {
                (args.all || !is_upkeep(record)) && infno.is_none_or(|infno| row.infno == infno)
            };
            show_last(&folder, args.last as usize, &wants, form, out, err)
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Lines,
    Json,
}

/// Which records are wanted.
type Wants<'a> = &'a dyn Fn(&Record, &Row) -> bool;

fn show_last(
    folder: &Folder,
    count: usize,
    wants: Wants<'_>,
    form: Form,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let (kept, _) = match last(folder, count, wants) {
        Ok(found) => found,
        Err(why) => return stopped(&why, err),
    };
    if form == Form::Lines {
        writeln!(out, "{}", Row::HEADING)?;
    }
    for (row, _) in &kept {
        match form {
            Form::Lines => writeln!(out, "{}", row.line())?,
            Form::Json => writeln!(out, "{}", row.json())?,
        }
    }
    Ok(Exit::Done)
}

/// The last `count` wanted records in order, and the number of the record to come. Reads segments from the newest back.
pub(super) fn last(folder: &Folder, count: usize, wants: Wants<'_>) -> Result<(VecDeque<(Row, Record)>, Seq), String> {
    let (mut found, mut until, mut end) = (VecDeque::new(), Seq(u64::MAX), None);
    for start in folder.starts().into_iter().rev() {
        let mut kept = VecDeque::new();
        let room = count - found.len();
        let mut seen = start;
        folder.each(start, until, &mut |record| {
            seen = Seq(record.header.seq.0 + 1);
            let row = Row::of(&record);
            if wants(&record, &row) {
                kept.push_back((row, record));
                if kept.len() > room {
                    kept.pop_front();
                }
            }
            ControlFlow::Continue(())
        })?;
        end = end.or(Some(seen));
        kept.append(&mut found);
        (found, until) = (kept, start);
        if found.len() >= count {
            break;
        }
    }
    Ok((found, end.unwrap_or(Seq(1))))
}

fn show_exchange(
    folder: &Folder,
    id: Wanted,
    form: Form,
    reveal: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let exchange = match exchange_of(folder, id) {
        Ok(Some(exchange)) => exchange,
        Ok(None) => return nobody(err),
        Err(why) => return stopped(&why, err),
    };
    let (mut shown, mut printed) = (0, Ok(()));
    let read = folder.each(folder.start_of(exchange), Seq(u64::MAX), &mut |record| {
        let erases = || erased(&record.facts).any(|erased| erased == exchange);
        if record.header.exchange_id == exchange || record.header.parent_id == exchange || erases() {
            shown += 1;
            let row = Row::of(&record);
            printed = match form {
                Form::Lines => detail::print(out, &row, &record, reveal.then_some(folder)),
                Form::Json => writeln!(out, "{}", row.json()),
            };
        }
        if printed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    printed?;
    match read {
        Err(why) => stopped(&why, err),
        Ok(()) if shown == 0 => nobody(err),
        Ok(()) => Ok(Exit::Done),
    }
}

/// The exchange that an id means; `None` when a record number belongs to none.
fn exchange_of(folder: &Folder, id: Wanted) -> Result<Option<ExchangeId>, String> {
    let seq = match id {
        Wanted::Exchange(exchange) => return Ok(Some(exchange)),
        Wanted::Record(seq) => seq,
    };
    let mut found = None;
    folder.each(seq, Seq(seq.0.saturating_add(1)), &mut |record| {
        found = Some(record.header.exchange_id).filter(|id| *id != ExchangeId::NONE);
        ControlFlow::Break(())
    })?;
    Ok(found)
}

fn nobody(err: &mut dyn Write) -> io::Result<Exit> {
    writeln!(err, "no such exchange, or a record that belongs to none").map(|()| Exit::Failed)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn count(last_count: usize, wants: Wants<'_>) -> Vec<u64> {
        let sample = sample::journal();
        let (kept, end) = last(&Folder::open(sample.path()).unwrap(), last_count, wants).unwrap();
        assert_eq!(end, Seq(6));
        kept.into_iter().map(|(row, _)| row.seq).collect()
    }

    #[test]
    fn the_last_records_are_found_from_the_newest_segment_back() {
        assert_eq!(count(20, &|_, _| true), [1, 2, 3, 4, 5]);
        assert_eq!(count(20, &|record, _| !is_upkeep(record)), [2, 3, 5]);
        assert_eq!(count(2, &|record, _| !is_upkeep(record)), [3, 5]);
        assert_eq!(count(1, &|_, row| row.infno == "2207"), [3]);
        assert_eq!(count(9, &|_, row| row.infno == "5201"), [0; 0]);
    }

    #[test]
    fn an_exchange_is_found_by_its_id_and_by_any_of_its_records() {
        let sample = sample::journal();
        let folder = Folder::open(sample.path()).unwrap();
        let shown = |id: &str, form| {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let exit = show_exchange(&folder, wanted(id).unwrap(), form, false, &mut out, &mut err).unwrap();
            (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
        };
        for id in [sample::exchange().to_string().as_str(), "2", "3"] {
            let (exit, out, _) = shown(id, Form::Lines);
            assert_eq!(exit, Exit::Done);
            assert_eq!(out.matches("2207").count(), 4, "two rows with a fact each: {out}");
            assert_eq!(shown(id, Form::Json).1.lines().count(), 2);
        }
        for id in ["1", "99", "019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e"] {
            let (exit, _, err) = shown(id, Form::Lines);
            assert!(exit == Exit::Failed && err.contains("no such exchange"), "{id}: {err}");
        }
        assert!(wanted("patient").is_err());
    }
}
