//! `medgate exchange find`: a page of exchanges, as a table or as JSON.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::failed;
use crate::cli::exit::Exit;
use crate::cli::journal::folder::Folder;
use crate::cli::journal::{Place, unreadable};
use crate::journal::KEYS;
use crate::journal::key_folder::KeyFolder;
use crate::views;
use crate::views::query::{Page, Wanted};
use crate::views::read::{ReadTrouble, Views, json_of};

/// Find exchanges in the views, newest first. 查询交易
///
/// Several values of a filter stand between commas; all filters must hold. A person is found by psn_no or certno, which
/// is turned into a token with the keys of the data folder. Works without a running gateway.
///
/// Exit code 0: the page is printed, be it empty; 1: the views cannot be read; 2: a filter asks for what there is not.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate exchange find --infno 2207 --outcome unknown,refused\n  \
    medgate exchange find --person 44000000000001 --from 2026-11-01 --until 2026-12-01\n  \
    medgate exchange find --setl_id 20261121000001 --json")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    asked: Asked,
    /// One JSON document: exchanges, next, position.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Columns of the table: heading, name. Each is as wide as what stands in it.
const TABLE: [(&str, &str); 10] = [
    ("TIME", "at"),
    ("INFNO", "infno"),
    ("CLASS", "class"),
    ("OUTCOME", "outcome"),
    ("TOLD", "delivered"),
    ("MDTRT_ID", "mdtrt_id"),
    ("SETL_ID", "setl_id"),
    ("AMOUNT", "medfee_sumamt"),
    ("MSGID", "msgid"),
    ("ID", "id"),
];

pub(super) fn run(args: Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let data = match args.place.data(err)? {
        Ok(data) => data,
        Err(exit) => return Ok(exit),
    };
    if let Err(why) = Folder::open(&data) {
        return unreadable(&data.display(), &why, err);
    }
    match find(&data, &args.asked, &args.place) {
        Ok((page, position)) => {
            if page.rows.is_empty() && !args.json {
                writeln!(err, "nothing found. 没有找到")?;
            }
            print(&page, position, args.json, out)
        }
        Err(ReadTrouble::Asked { place, what, cure }) => {
            writeln!(err, "--{place}: {what}\n    cure: {cure}")?;
            Ok(Exit::Usage)
        }
        Err(error) => failed(&error.to_string(), err),
    }
}

fn find(data: &Path, asked: &Asked, place: &Place) -> Result<(Page, u64), ReadTrouble> {
    let views = Views::at(&data.join(views::FOLDER));
    let names_person = asked.0.iter().any(|(name, _)| name == "person");
    let keys =
        names_person.then(|| place.master().ok()).flatten().map(|master| KeyFolder::at(&data.join(KEYS), master));
    let tokens = keys.and_then(|keys| keys.tokens().ok());
    let pairs = asked.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let wanted = Wanted::read(pairs, &views, tokens.as_ref())?;
    let position = views.position()?.ok_or(ReadTrouble::None)?;
    Ok((views.find(&wanted)?, position.0))
}

fn print(page: &Page, position: u64, as_json: bool, out: &mut dyn Write) -> io::Result<Exit> {
    let next = page.next.map(|id| id.to_string());
    let rows: Vec<Map<String, Value>> = page.rows.iter().map(json_of).collect();
    if as_json {
        let page = json!({ "exchanges": rows, "next": next, "position": position });
        return writeln!(out, "{page}").map(|()| Exit::Done);
    }
    let mut lines = vec![TABLE.map(|(heading, _)| heading.to_owned())];
    lines.extend(rows.iter().map(|row| TABLE.map(|(_, name)| cell(row, name))));
    let widths: [usize; TABLE.len()] =
        std::array::from_fn(|at| lines.iter().map(|cells| cells[at].chars().count()).max().unwrap_or(0));
    for cells in &lines {
        let cells: Vec<String> = cells.iter().zip(widths).map(|(text, width)| format!("{text:<width$}")).collect();
        writeln!(out, "{}", cells.join(" ").trim_end())?;
    }
    if let Some(next) = next {
        writeln!(out, "more: --after {next}")?;
    }
    Ok(Exit::Done)
}

fn cell(row: &Map<String, Value>, name: &str) -> String {
    let value = row.get(name).or_else(|| row.get("amounts")?.get(name));
    let text = value.and_then(Value::as_str).unwrap_or_default();
    // What a client sent must not move the cursor of a terminal.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}
