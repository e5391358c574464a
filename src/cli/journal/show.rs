//! `medgate journal show`: records as lines, or all that belongs to one exchange.

use std::collections::VecDeque;
use std::io::{self, Write};

use crate::domain::exchange::{ExchangeId, Seq};

use super::row::{Row, Rows, is_upkeep};
use super::source::{Page, Source};
use super::{Place, detail};
use crate::cli::exit::Exit;

/// Show the last records, or all that belongs to one exchange. 查看交易
///
/// Personal data stays masked; --reveal shows it where the keys are at hand.
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
    /// With ID: show request and answer in clear. 显示明文（含个人信息）
    #[arg(long, requires = "id")]
    reveal: bool,
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
    let view = View {
        id: args.id,
        last: args.last as usize,
        infno: args.infno,
        all: args.all,
        json: args.json,
        reveal: args.reveal,
    };
    match args.place.open(err)? {
        Ok(mut source) => show(&mut *source, &view, out, err),
        Err(exit) => Ok(exit),
    }
}

/// What to show, and how.
struct View {
    id: Option<Wanted>,
    last: usize,
    infno: Option<String>,
    all: bool,
    json: bool,
    reveal: bool,
}

impl View {
    fn wants(&self, page: &Page, row: &Row, exchange: Option<ExchangeId>) -> bool {
        match exchange {
            Some(exchange) => page.header.exchange_id == exchange || page.header.parent_id == exchange,
            None => (self.all || !is_upkeep(page)) && self.infno.as_ref().is_none_or(|infno| row.infno == *infno),
        }
    }
}

fn show(source: &mut dyn Source, view: &View, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let exchange = match view.id.map(|id| exchange_of(source, id)) {
        Some(None) => return writeln!(err, "no such exchange or record").map(|()| Exit::Failed),
        found => found.flatten(),
    };
    let (mut rows, mut kept, mut stopped) = (Rows::default(), VecDeque::new(), None);
    for page in source.pages(Seq::NONE) {
        match page {
            Ok(page) => {
                let row = rows.row(&page);
                if view.wants(&page, &row, exchange) {
                    kept.push_back((row, page));
                    if kept.len() > view.last {
                        kept.pop_front();
                    }
                }
            }
            Err(why) => stopped = Some(why),
        }
    }
    if kept.is_empty() && exchange.is_some() {
        writeln!(err, "no such exchange")?;
        return Ok(Exit::Failed);
    }
    if exchange.is_none() && !view.json {
        writeln!(out, "{}", Row::HEADING)?;
    }
    for (row, page) in &kept {
        match exchange {
            Some(_) if !view.json => detail::print(out, row, page, view.reveal.then_some(&*source))?,
            _ if view.json => writeln!(out, "{}", row.json())?,
            _ => writeln!(out, "{}", row.line())?,
        }
    }
    match stopped {
        Some(why) => writeln!(err, "reading stopped: {why}").map(|()| Exit::Failed),
        None => Ok(Exit::Done),
    }
}

/// The exchange that an id means; `None` when a record number belongs to none.
fn exchange_of(source: &mut dyn Source, id: Wanted) -> Option<ExchangeId> {
    match id {
        Wanted::Exchange(exchange) => Some(exchange),
        Wanted::Record(seq) => {
            let page = source.pages(seq).next()?.ok()?;
            let found = page.header.exchange_id;
            (page.header.seq == seq && found != ExchangeId::NONE).then_some(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn shown(view: View) -> (Exit, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = show(&mut sample::Memory::new(sample::visit()), &view, &mut out, &mut err).unwrap();
        (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn plain() -> View {
        View { id: None, last: 20, infno: None, all: false, json: false, reveal: false }
    }

    #[test]
    fn records_are_chosen_by_number_kind_and_count() {
        let count = |view: View| shown(view).1.lines().count() - 1;
        assert_eq!(count(plain()), 3, "the Mark is upkeep");
        assert_eq!(count(View { all: true, ..plain() }), 4);
        assert_eq!(count(View { last: 1, ..plain() }), 1);
        assert_eq!(count(View { infno: Some("2207".to_owned()), ..plain() }), 2);
        assert_eq!(count(View { infno: Some("5201".to_owned()), ..plain() }), 0);
        let (_, json, _) = shown(View { json: true, last: 1, ..plain() });
        assert!(json.starts_with(r#"{"seq":3,"at":"#), "{json}");
    }

    #[test]
    fn an_exchange_is_found_by_its_id_and_by_any_of_its_records() {
        let id = sample::visit()[1].header.exchange_id;
        for id in [wanted(&id.to_string()).unwrap(), wanted("3").unwrap()] {
            let (exit, out, _) = shown(View { id: Some(id), ..plain() });
            assert_eq!(exit, Exit::Done);
            assert_eq!(out.matches("2207").count(), 3, "two rows and a fact: {out}");
        }
        for id in ["1", "99", "019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e"] {
            let (exit, _, err) = shown(View { id: Some(wanted(id).unwrap()), ..plain() });
            assert!(exit == Exit::Failed && err.contains("no such exchange"), "{id}: {err}");
        }
        assert!(wanted("patient").is_err());
    }
}
