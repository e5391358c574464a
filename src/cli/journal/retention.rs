//! `medgate journal archive` and `medgate journal trim`: through the running gateway, or by opening the journal.

use std::io::{self, Write};
use std::time::Duration;

use super::Place;
use super::erase::reason;
use crate::app::retention::{CASES, Keeping};
use crate::cli::admin_port::{Call, said, silent, token};
use crate::cli::exit::Exit;
use crate::cli::own::with_journal;
use crate::cli::person::person;
use crate::config::Settings;
use crate::console::retention::{Keep, Kept, Work};
use crate::console::token::CLEAR_FILE_NAME;
use crate::domain::exchange::Seq;
use crate::evidence::checkpoint::Note;
use crate::evidence::{log, seal_key};
use crate::journal::master::Master;
use crate::reconcile::{self, Cases};
use crate::signing::sm2::Verifier;
use crate::views;
use crate::views::read::Views;

/// Every segment is read, and its archive written and read back.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);

/// Archive every sealed segment into retention.archive_dir. 归档账本
///
/// Archives that stand there are verified. One file per segment, the same bytes whoever makes it; `medgate-verify
/// archive` checks it anywhere. The gateway does this by itself each day after the verification. Unpacked over a data
/// folder, archives give a trimmed front back.
///
/// Exit code 0: done; 1: failed; 75: something stands against it now.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  medgate journal archive")]
pub(in crate::cli) struct ArchiveArgs {
    #[command(flatten)]
    place: Place,
}

/// Let segments leave the journal that are older than retention.keep_days. 清理到期的账本
///
/// Whole segments from the front, with their index and body files: only those whose archive was read back and verified, in
/// which no exchange is open or unknown, and that the views have read. The trim is journaled first, so that the journal goes on
/// to verify; profile texts that records still name are journaled again. The gateway does this by itself each day.
///
/// Exit code 0: done, or nothing to do; 1: failed; 75: something stands against it now.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate journal trim --dry-run\n  \
    medgate journal trim --reason \"disk is full, ticket 92\"")]
pub(in crate::cli) struct TrimArgs {
    /// Why; it is journaled. 原因
    #[arg(long, value_name = "TEXT", value_parser = reason, required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Only say what would be trimmed; archives that are missing are made all the same.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn archive(args: ArchiveArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let asked = Keep { work: Work::Archive, reason: "archive".to_owned(), who: person(), dry_run: false };
    run(&args.place, &asked, out, err)
}

pub(super) fn trim(args: TrimArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let reason = args.reason.unwrap_or_else(|| "dry run".to_owned());
    let asked = Keep { work: Work::Trim, reason, who: person(), dry_run: args.dry_run };
    run(&args.place, &asked, out, err)
}

/// How it ended.
enum Ended {
    Done(Kept),
    NotNow(String),
    Failed(String),
}

fn run(place: &Place, asked: &Keep, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let settings = match place.settings(err)? {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let ended = match place.master().and_then(|master| here(asked, &settings, &master)) {
        Ok(Some(ended)) => ended,
        Ok(None) => by_gateway(asked, &settings),
        Err(why) => Ended::Failed(why),
    };
    match ended {
        Ended::Done(kept) => say(asked, &kept, out).map(|()| Exit::Done),
        Ended::NotNow(why) => writeln!(err, "{why}").map(|()| Exit::NotNow),
        Ended::Failed(why) => writeln!(err, "{why}").map(|()| Exit::Failed),
    }
}

fn say(asked: &Keep, kept: &Kept, out: &mut dyn Write) -> io::Result<()> {
    let Kept { archived, archived_before, trimmed, first, record, stays } = kept;
    match (asked.work, asked.dry_run) {
        (Work::Archive, _) => writeln!(
            out,
            "archived {} segments; {archived_before} archives stood there and verify. 归档 {} 段",
            archived.len(),
            archived.len()
        )?,
        (Work::Trim, true) => writeln!(
            out,
            "would trim {} segments; the journal would begin with record {first}. 将清理 {} 段",
            trimmed.len(),
            trimmed.len()
        )?,
        (Work::Trim, false) => {
            let record = record.map(|record| format!(" (record {record})")).unwrap_or_default();
            writeln!(
                out,
                "trimmed {} segments{record}; the journal begins with record {first}. 已清理 {} 段",
                trimmed.len(),
                trimmed.len()
            )?;
        }
    }
    if stays.is_empty() { Ok(()) } else { writeln!(out, "no more, because {stays}") }
}

/// By opening the journal; `None` when a gateway holds it.
fn here(asked: &Keep, settings: &Settings, master: &Master) -> Result<Option<Ended>, String> {
    let path = settings.gateway.data.join(seal_key::PUBLIC);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let key = Verifier::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let keeping = Keeping::new(&settings.gateway.data, key, &settings.retention);
    let (readers, asked) = (readers(settings), asked.clone());
    let ended = with_journal(settings, master, async |journal, clock| {
        let (journal, now_unix_ns) = (journal.clone(), clock.unix_ns());
        let (keeping, readers, asked) = (keeping, readers, asked);
        let work = move || match asked.work {
            Work::Archive => keeping.archive(&journal, true),
            Work::Trim => keeping.trim(&journal, &readers, now_unix_ns, &asked),
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(kept)) => Ok(Ended::Done(kept)),
            Ok(Err(why)) => Err(Ended::NotNow(why)),
            Err(error) => Err(Ended::Failed(error.to_string())),
        }
    });
    Ok(ended?.map(|ended| ended.unwrap_or_else(|ended| ended)))
}

/// Who reads this journal while a gateway runs, and how far he came.
fn readers(settings: &Settings) -> Vec<(&'static str, Seq)> {
    let data = &settings.gateway.data;
    let text = std::fs::read_to_string(data.join(log::FILE)).unwrap_or_default();
    let notes = log::split(&text).0;
    let sealed = notes.iter().filter_map(|(_, note)| Some(Note::parse(note).ok()?.unproven().size)).max();
    let mut readers = vec![("the notary", Seq(sealed.unwrap_or(0)))];
    let views = Views::at(&data.join(views::FOLDER)).position();
    // Views that are not there are built from what is left.
    if let (true, Some(position)) = (settings.views.follow, views.unwrap_or(Some(Seq::NONE))) {
        readers.push(("the views", position));
    }
    // A book that is not there is built from what is left.
    if let Ok(position) = Cases::at(&data.join(reconcile::FOLDER)).done_with() {
        readers.push((CASES, position));
    }
    readers
}

fn by_gateway(asked: &Keep, settings: &Settings) -> Ended {
    let (listen, data) = (&settings.admin.listen, &settings.gateway.data);
    let token = match token(data, CLEAR_FILE_NAME) {
        Ok(token) => token,
        Err(why) => return Ended::Failed(why),
    };
    let body = match serde_json::to_string(asked) {
        Ok(body) => body,
        Err(error) => return Ended::Failed(error.to_string()),
    };
    let target = "/api/v1/retention";
    let call = Call { listen, method: "POST", target, token: Some(&token), body: &body, patience: PATIENCE };
    match call.ask() {
        Ok((200, body)) => match serde_json::from_str(&body) {
            Ok(kept) => Ended::Done(kept),
            Err(error) => Ended::Failed(format!("the gateway at {listen} answers what cannot be read: {error}")),
        },
        Ok((409 | 503, body)) => Ended::NotNow(said(&body)),
        Ok((status, body)) => Ended::Failed(format!("the gateway at {listen} answers {status}: {}", said(&body))),
        Err(error) => Ended::Failed(silent(listen, &error)),
    }
}
