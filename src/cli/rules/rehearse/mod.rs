//! `medgate rules rehearse`: a pack over the calls of the past: whom it would have stopped, and how much money with them.

mod page; // As a page for a browser.
mod sheet; // As a workbook.
mod tally; // What is counted.

use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::{Choosing, Exit, Library, Said};
use crate::cli::journal::Place;
use crate::cli::journal::folder::Folder;
use crate::cli::journal::replay::{Edge, Range, edge, identities};
use crate::domain::exchange::Origin;
use crate::domain::message::Body;
use crate::exchange::rejudge::Bench;
use crate::journal::Record;
use crate::journal::record::Kind;
use crate::rules::compile::Rules;
use crate::rules::finding::Findings;
use tally::{Tally, said_of};

/// Bytes of a body on disk that is looked at.
const LARGE_BYTES_MAX: u64 = 16 << 20;
/// Lines of a table on the terminal; page and workbook have all.
const SHOWN_MAX: usize = 20;

/// Hold the calls of the past to a pack: what it would have stopped. 规则演练
///
/// Reads the calls of the HIS in the journal, also beside a running gateway, and writes nothing but the reports. Counts calls that the
/// pack would have refused, and those it would have warned of, by rule, transaction, department, operator and day, with the money
/// that was at stake (medfee_sumamt). No patient is named.
///
/// Exit code 0: rehearsed; 1: the journal cannot be read; 2: there is no such pack; 78: complaints about packs or settings.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLES:\n  medgate rules rehearse --pack policy-2025-interface --from 2026-11-01 --data /var/lib/medgate\n  \
    medgate rules rehearse --pack own --rules /etc/medgate/rules-next --html rehearsal.html --xlsx rehearsal.xlsx"
)]
pub(in crate::cli) struct Args {
    /// The pack.
    #[arg(long, value_name = "NAME")]
    pack: String,
    #[command(flatten)]
    choosing: Choosing,
    /// First record: its number, or a time (2026-11-21, 2026-11-21T08:30).
    #[arg(long, value_name = "SEQ|TIME", value_parser = edge)]
    from: Option<Edge>,
    /// Last record: its number, or the time before which it was written.
    #[arg(long, value_name = "SEQ|TIME", value_parser = edge)]
    to: Option<Edge>,
    /// Write the report as a page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write it as a workbook.
    #[arg(long, value_name = "FILE")]
    xlsx: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// What holds the calls.
struct Held<'h> {
    folder: &'h Folder,
    bench: Bench<'h>,
    library: &'h Library,
    rules: &'h Rules,
    pack: &'h str,
}

pub(super) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Said<Exit>> {
    let found = args.choosing.library().and_then(|library| {
        library.pack(&args.pack)?;
        let rules = args.choosing.rules(&library)?;
        Ok((library, rules))
    });
    let (library, rules) = match found {
        Ok(found) => found,
        Err(wrong) => return Ok(Err(wrong)),
    };
    if !rules.packs.iter().any(|pack| *pack.name == *args.pack) {
        writeln!(err, "pack {} is not in force there and then: see --region and --day. 该规则包未生效", args.pack)?;
        return Ok(Ok(Exit::Usage));
    }
    let settings = match args.place.settings(err)? {
        Ok(settings) => settings,
        Err(exit) => return Ok(Ok(exit)),
    };
    let profile = match crate::config::profiles::load(&settings.gateway) {
        Ok(profile) => profile,
        Err(complaints) => return Ok(Err(complaints.iter().map(ToString::to_string).collect())),
    };
    let tallied = Folder::open(&settings.gateway.data).and_then(|folder| {
        let (folder, identities) = (folder.with(args.place.master()), identities(&settings));
        let secret = folder.tokens()?;
        let bench = Bench { profile: &profile, secret: &secret, identities: &identities, rules: None };
        let held = Held { folder: &folder, bench, library: &library, rules: &rules, pack: &args.pack };
        rehearse(&held, Range { from: args.from, to: args.to })
    });
    let tally = match tallied {
        Ok(tally) => tally,
        Err(why) => return writeln!(err, "{why}").map(|()| Ok(Exit::Failed)),
    };
    match args.json {
        true => writeln!(out, "{}", tally.json(&args.pack))?,
        false => print(&tally, &args.pack, out)?,
    }
    match reports(args, &tally) {
        Ok(()) => Ok(Ok(Exit::Done)),
        Err(why) => writeln!(err, "{why}").map(|()| Ok(Exit::Failed)),
    }
}

fn reports(args: &Args, tally: &Tally) -> Result<(), String> {
    let write = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes).map_err(|error| format!("{} cannot be written: {error}", path.display()))
    };
    if let Some(path) = &args.html {
        write(path, page::page(&format!("规则演练 {}", args.pack), tally).as_bytes())?;
    }
    if let Some(path) = &args.xlsx {
        write(path, &sheet::sheet(tally).map_err(|error| error.to_string())?)?;
    }
    Ok(())
}

fn rehearse(held: &Held<'_>, range: Range) -> Result<Tally, String> {
    let (mut tally, (from, until)) = (Tally::default(), range.numbers());
    held.folder.each(from, until, &mut |record| {
        let by_his = record.header.origin == Origin::His as u8 && record.header.known_kind() == Some(Kind::Intent);
        if by_his && range.holds(&record) {
            tally.calls += 1;
            match held.check(&record) {
                Some((body, findings)) if !findings.unread => {
                    let said = said_of(&body);
                    tally.take(&record, &said, &findings, &|rule| held.is_of_pack(rule));
                }
                _ => tally.unread += 1,
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(tally)
}

impl Held<'_> {
    /// What the call says, and what is broken in it; none where it cannot be read any more.
    fn check(&self, record: &Record) -> Option<(Vec<u8>, Findings)> {
        let request = self.folder.unseal(record).ok()?.request?;
        let mut whole = Vec::new();
        match &request.body {
            Body::Buffered(bytes) => whole.extend_from_slice(bytes),
            Body::Spooled(file) if file.raw_len <= LARGE_BYTES_MAX => {
                self.folder.each_frame(file, &mut |frame| whole.extend_from_slice(frame)).ok()?;
            }
            Body::Spooled(_) => return None,
        }
        let infno = record.facts.text_of(crate::journal::facts::Fact::Infno).unwrap_or_default();
        let opened = self.bench.opened(&record.header, &record.facts, &request).ok()?;
        let findings = self.rules.check(infno, opened.as_ref().map_or(&whole[..], |opened| opened.as_slice()));
        Some((whole, findings))
    }

    /// A rule of a field table belongs to the last pack that has the table.
    fn is_of_pack(&self, rule: &str) -> bool {
        if let Some(listed) = self.rules.listed.iter().find(|listed| listed.rule.id == rule) {
            return *listed.pack == *self.pack;
        }
        let infno = rule.split('.').next().unwrap_or_default();
        let infno = if infno == "envelope" { "*" } else { infno };
        let carries = |pack: &&crate::rules::pack::Pack| pack.tables.iter().any(|table| table.infno == infno);
        let in_force =
            self.library.packs.iter().filter(|pack| self.rules.packs.iter().any(|one| *one.name == *pack.name));
        in_force.rev().find(carries).is_some_and(|pack| pack.name == self.pack)
    }
}

fn print(tally: &Tally, pack: &str, out: &mut dyn Write) -> io::Result<()> {
    let Tally { calls, stopped, warned, unread, .. } = tally;
    writeln!(
        out,
        "{pack}: {calls} calls of the HIS, {} would have been refused ({} yuan), {} warned of, {unread} not readable",
        stopped.calls,
        stopped.yuan(),
        warned.calls
    )?;
    writeln!(
        out,
        "{pack}：HIS 交易 {calls} 笔，将被拦截 {} 笔（{} 元），将被提醒 {} 笔，无法检查 {unread} 笔",
        stopped.calls,
        stopped.yuan(),
        warned.calls
    )?;
    for (heading, lines) in tally.tables() {
        writeln!(out, "\n{heading}")?;
        for (name, line) in lines.iter().take(SHOWN_MAX) {
            writeln!(out, "  {:>7} refused {:>7} warned {:>14} yuan  {name}", line.stopped, line.warned, line.yuan())?;
        }
        if lines.len() > SHOWN_MAX {
            writeln!(out, "  … {} more in the page and the workbook", lines.len() - SHOWN_MAX)?;
        }
    }
    Ok(())
}
