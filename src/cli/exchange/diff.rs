//! `medgate exchange diff`: two exchanges field by field; hidden values are compared and stay hidden.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::print::plain;
use super::records::Books;
use super::{failed, show};
use crate::cli::exit::Exit;
use crate::cli::journal::Place;
use crate::domain::exchange::ExchangeId;
use crate::views::shown::{MessageShown, Shown};

/// Compare two exchanges field by field: what became of them, request and answer. 比较两笔交易
///
/// Personal data is compared and stays hidden. Works without a running gateway.
///
/// Exit code 0: they differ in nothing, or the differences are printed; 1: one of them cannot be read.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  \
    medgate exchange diff 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e 019a2f70-1111-7c3a-9b1e-2f3a4b5c6d7e")]
pub(in crate::cli) struct Args {
    /// Id of one exchange.
    #[arg(value_name = "ID", value_parser = show::id)]
    first: ExchangeId,
    /// Id of the other one.
    #[arg(value_name = "OTHER", value_parser = show::id)]
    second: ExchangeId,
    #[command(flatten)]
    place: Place,
}

/// Path to (value compared, value shown, label).
type Fields = BTreeMap<String, (String, String, &'static str)>;

pub(super) fn run(args: Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let data = match args.place.data(err)? {
        Ok(data) => data,
        Err(exit) => return Ok(exit),
    };
    let compared = Books::at(&data, args.place.master()).and_then(|books| {
        let fields = |id| Ok::<_, String>(fields(&books.shown(id, true)?, &books.shown(id, false)?));
        Ok((fields(args.first)?, fields(args.second)?))
    });
    match compared {
        Ok((first, second)) => print(out, &first, &second).map(|()| Exit::Done),
        Err(why) => failed(&why, err),
    }
}

fn fields(clear: &Shown, hidden: &Shown) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in hidden.summary.iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !["seq", "outcome_seq", "last_seq"].contains(&name.as_str()) {
            fields.insert(name.clone(), (value.clone(), value, ""));
        }
    }
    let sides = [
        ("request", &clear.request, &hidden.request),
        ("reply", &clear.reply, &hidden.reply),
        ("answer", &clear.own_answer, &hidden.own_answer),
    ];
    for (side, clear, hidden) in sides {
        if let (Some(clear), Some(hidden)) = (clear, hidden) {
            add(&mut fields, side, clear, hidden);
        }
    }
    fields
}

fn add(fields: &mut Fields, side: &str, clear: &MessageShown, hidden: &MessageShown) {
    if clear.body.fields.is_empty() {
        fields.insert(format!("{side} body"), (clear.body.raw.clone(), hidden.body.raw.clone(), ""));
    }
    // Both list the same fields in the same order.
    for (clear, hidden) in clear.body.fields.iter().zip(&hidden.body.fields) {
        let value = (clear.value.clone(), hidden.value.clone(), clear.label);
        fields.insert(format!("{side} {}", hidden.path), value);
    }
}

fn print(out: &mut dyn Write, first: &Fields, second: &Fields) -> io::Result<()> {
    let paths: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let mut equal = 0;
    for path in paths {
        let (one, other) = (first.get(path), second.get(path));
        if one.map(|one| &one.0) == other.map(|other| &other.0) {
            equal += 1;
            continue;
        }
        let label = one.or(other).map_or("", |one| one.2);
        let shown = |side: Option<&(String, String, &str)>| side.map_or("(absent)".to_owned(), |side| plain(&side.1));
        writeln!(out, "{} {label}\n  - {}\n  + {}", plain(path), shown(one), shown(other))?;
    }
    writeln!(out, "{equal} fields are equal. 其余 {equal} 项相同")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_printed_and_hidden_values_stay_hidden() {
        let field = |clear: &str, shown: &str| (clear.to_owned(), shown.to_owned(), "人员姓名");
        let one = Fields::from([
            ("request a".to_owned(), field("1", "1")),
            ("request psn_name".to_owned(), field("甲", "***")),
            ("request only".to_owned(), field("x", "x")),
        ]);
        let other = Fields::from([
            ("request a".to_owned(), field("1", "1")),
            ("request psn_name".to_owned(), field("乙", "***")),
        ]);
        let mut out = Vec::new();
        print(&mut out, &one, &other).unwrap();
        let expected = "request only 人员姓名\n  - x\n  + (absent)\nrequest psn_name 人员姓名\n  - ***\n  + ***\n1 fields are equal. 其余 1 项相同\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
