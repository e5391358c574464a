//! `medgate his-ledger`: the HIS's own ledger of a day.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_util::sync::CancellationToken;

use super::admin_port::{self, Call, silent, token};
use super::exit::Exit;
use super::journal::Place;
use super::own::with_journal;
use super::person::person;
use super::reconcile::day;
use crate::config::Settings;
use crate::console::ledgers::Imported;
use crate::console::token::FILE_NAME;
use crate::reconcile::his::import::{Asked, import};
use crate::reconcile::his::view::import_view;
use crate::reconcile::ledger::day::Day;

/// A million rows are checked in some seconds.
const PATIENCE: Duration = Duration::from_secs(600);

/// Commands over ledgers of the HIS.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    Import(ImportArgs),
}

/// Import the HIS's ledger of a day: CSV, XLSX, or from the view in its database. 导入院内账
///
/// A file is in UTF-8 or GBK; with --sql the rows of the view that [his_view] names are read. The columns are mapped in
/// [his_ledger]. The whole file is checked first: columns, amounts, equal rows,
/// days. When anything is wrong, each row is named and nothing is taken. A file that is taken becomes a record of the
/// journal, sealed, and so evidence. The same file again changes nothing; a corrected file of the same day and
/// institution replaces the one before, and both stay in the journal.
///
/// Exit code 0: imported, now or before; 1: nothing was taken, and why.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate his-ledger import 结算20261121.csv --date 2026-11-21\n  \
    medgate his-ledger import settled.xlsx --date 2026-11-21 --institution H36010000001\n  \
    medgate his-ledger import --sql --date 2026-11-21")]
pub(super) struct ImportArgs {
    /// The file.
    #[arg(value_name = "FILE", required_unless_present = "sql")]
    file: Option<PathBuf>,
    /// Read the view in the HIS's database instead of a file. 从视图读取
    #[arg(long, conflicts_with = "file")]
    sql: bool,
    /// The day that it is of. 日期
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    date: Day,
    /// Where neither the settings nor the file say it. 定点医药机构编号
    #[arg(long, value_name = "CODE", default_value = "")]
    institution: String,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let Command::Import(args) = command;
    let settings = match args.place.settings(err)? {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    match taken(&args, &settings) {
        Ok(Imported { record, before: true, .. }) => {
            writeln!(out, "这份文件已经导入过，没有变化 (nothing changed, record {record})").map(|()| Exit::Done)
        }
        Ok(Imported { record, rows, replaces, .. }) => {
            let replaced =
                replaces.map(|seq| format!("，取代记录 {seq} 的旧文件 (replaces record {seq})")).unwrap_or_default();
            writeln!(out, "已导入 {rows} 行 ({rows} rows, record {record}){replaced}").map(|()| Exit::Done)
        }
        Err(why) => writeln!(err, "{}", why.trim_end()).map(|()| Exit::Failed),
    }
}

fn taken(args: &ImportArgs, settings: &Settings) -> Result<Imported, String> {
    let path = args.file.as_deref();
    let open = |path: &Path| File::open(path).map_err(|error| format!("{}: {error}", path.display()));
    let name = path.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let mut file = path.map(open).transpose()?;
    let here = args.place.master().and_then(|master| {
        with_journal(settings, &master, async |journal, clock| {
            let who = format!("command {}", person());
            let asked = Asked { name: name.clone(), day: args.date, institution: args.institution.clone(), who };
            let (data, his, now) = (&settings.gateway.data, &settings.his_ledger, clock.unix_ns());
            match &mut file {
                Some(file) => import(journal, data, his, &asked, file, now).await,
                None => {
                    let never = CancellationToken::new();
                    import_view(journal, data, (his, &settings.his_view), &asked, &never, now).await
                }
            }
        })
    });
    match here? {
        Some(Ok(taken)) => Ok(taken.into()),
        Some(Err(error)) => Err(error.to_string()),
        // What was read of the file is read again.
        None => by_gateway(args, settings, &name, path.map(open).transpose()?),
    }
}

fn by_gateway(args: &ImportArgs, settings: &Settings, name: &str, file: Option<File>) -> Result<Imported, String> {
    let listen = settings.admin.listen.as_str();
    let token = token(&settings.gateway.data, FILE_NAME)?;
    let plain = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (date, institution, who) = (args.date, plain(&args.institution), plain(&person()));
    let said = match &file {
        Some(_) => format!("his-ledgers?date={date}&name={}&institution={institution}&who={who}", plain(name)),
        None => format!("his-view-readings?date={date}&institution={institution}&who={who}"),
    };
    let target = format!("/api/v1/{said}");
    let reading = if file.is_some() { 0 } else { settings.his_view.read_seconds };
    let patience = PATIENCE + Duration::from_secs(reading);
    let call = Call { listen, method: "POST", target: &target, token: Some(&token), body: "", patience };
    let heard = match file {
        Some(mut file) => {
            let length = file.metadata().map_err(|error| error.to_string())?.len();
            call.ask_with(&mut file, length)
        }
        None => call.ask(),
    };
    match heard {
        Ok((200, body)) => serde_json::from_str(&body).map_err(|error| error.to_string()),
        Ok((_, body)) => Err(admin_port::said(&body)),
        Err(error) => Err(silent(listen, &error)),
    }
}
