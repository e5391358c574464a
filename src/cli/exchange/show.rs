//! `medgate exchange show`: one exchange raw and decoded, with its timeline.

use std::io::{self, Write};

use super::records::Books;
use super::{failed, print};
use crate::cli::exit::Exit;
use crate::cli::journal::{Place, Reveal};
use crate::domain::exchange::ExchangeId;

/// Show one exchange: timeline, request and answer raw and field by field. 查看一笔交易
///
/// Personal data stands as ***. --reveal shows it, and puts the look into the journal first: through the running
/// gateway, or, when none runs, by opening the journal.
///
/// Exit code 0: shown; 1: no such exchange, or it cannot be read or revealed.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate exchange show 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e\n  \
    medgate exchange show 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e --reveal\n  \
    medgate exchange show 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e --json")]
pub(in crate::cli) struct Args {
    /// Id of the exchange, from `medgate exchange find`.
    #[arg(value_name = "ID", value_parser = id)]
    id: ExchangeId,
    #[command(flatten)]
    reveal: Reveal,
    /// One JSON document, as the API gives it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// The id of an exchange.
pub(in crate::cli) fn id(text: &str) -> Result<ExchangeId, String> {
    ExchangeId::parse(text).ok_or_else(|| "write the id of an exchange, as `medgate exchange find` shows it".to_owned())
}

pub(super) fn run(args: Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let data = match args.place.data(err)? {
        Ok(data) => data,
        Err(exit) => return Ok(exit),
    };
    let master = args.place.master();
    if args.reveal.reveal {
        // What is not there is not looked at.
        if let Err(why) = Books::at(&data, master.clone()).and_then(|books| books.shown(args.id, false)) {
            return failed(&why, err);
        }
        if let Err(exit) = args.place.announce(&[args.id], "", err)? {
            return Ok(exit);
        }
    }
    match Books::at(&data, master).and_then(|books| books.shown(args.id, args.reveal.reveal)) {
        Ok(shown) if args.json => writeln!(out, "{}", serde_json::json!(shown)).map(|()| Exit::Done),
        Ok(shown) => print::exchange(out, &shown).map(|()| Exit::Done),
        Err(why) => failed(&why, err),
    }
}
