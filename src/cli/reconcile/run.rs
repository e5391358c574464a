//! `medgate reconcile run`: the ledgers of some days laid beside each other, by the running gateway or here.

use std::io::{self, Write};
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::exit::Exit;
use super::super::own::with_journal;
use super::{Asked, by_gateway, shown};
use crate::config::{Settings, profiles};
use crate::domain::clock::Clock;
use crate::journal::Journal;
use crate::reconcile::his::import::JournalFiles;
use crate::reconcile::ledger::day::Day;
use crate::reconcile::ledger::store::catch_up;
use crate::reconcile::ledger::{FOLDER, Folder, Ledgers};
use crate::reconcile::runs::Runs;
use crate::reconcile::runs::run_day::run_day;
use crate::reconcile::{self, Cases};

/// Lay the ledgers of platform, gateway and HIS beside each other now. 对账
///
/// The running gateway does it every few minutes for today, and at once for a day whose ledger of the HIS is new; this
/// asks for it now, and lists what differs. No difference is tolerated, not of a fen. A day is called balanced only
/// when a ledger of the HIS took part. A row of the HIS that proves what became of an open case is journaled as its
/// evidence. May be repeated at any time.
///
/// Exit code 0: every day is balanced; 1: something differs, a ledger of the HIS is missing, or it failed.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLES:\n  medgate reconcile run --date 2026-11-21\n  medgate reconcile run --month 2026-11 --json"
)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    asked: Asked,
}

pub(super) fn run(Args { asked }: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let settings = match asked.place.settings(err)? {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let here = asked.place.master().and_then(|master| {
        let days = asked.days.span();
        with_journal(&settings, &master, async |journal, clock| here(journal, clock, &settings, days).await)
    });
    let found = match here {
        Ok(Some(done)) => done,
        Ok(None) => by_gateway(asked, &settings, "reconciliations"),
        Err(why) => Err(why),
    };
    match found {
        Ok(found) if asked.json => writeln!(out, "{found}").map(|()| exit(&found)),
        Ok(found) => print(&found, out).map(|()| exit(&found)),
        Err(why) => writeln!(err, "{why}").map(|()| Exit::Failed),
    }
}

fn exit(found: &Value) -> Exit {
    let balanced = |day: &Value| day["state"] == "balanced";
    let all = found["days"].as_array().is_some_and(|days| days.iter().all(balanced));
    if all { Exit::Done } else { Exit::Failed }
}

/// Does it here, the journal being open.
async fn here(
    journal: &Journal,
    clock: &dyn Clock,
    settings: &Settings,
    (first, last): (Day, Day),
) -> Result<Value, String> {
    let data = settings.gateway.data.clone();
    let profile = profiles::load(&settings.gateway);
    let profile = profile.map_err(|_| "the profile does not load; run `medgate check`".to_owned())?;
    let dir = data.join(FOLDER);
    let files = Arc::new(JournalFiles { journal: journal.clone(), data: data.clone() });
    let folder = Folder { dir: dir.clone(), files, local_digits: profile.local_digits() };
    catch_up(&folder, journal).map_err(|error| error.to_string())?;
    let (ledgers, now) = (Ledgers::at(&dir), clock.unix_ns());
    let cases = Cases::at(&data.join(reconcile::FOLDER));
    for later in 0..=first.days_until(last) {
        let ran = run_day(journal, &ledgers, &cases, first.later(later), now).await;
        ran.map_err(|error| error.to_string())?;
    }
    let shown = Runs::at(&dir).shown((first, last), Day::at(now)).map_err(|error| error.to_string())?;
    Ok(json!(shown))
}

fn print(found: &Value, out: &mut dyn Write) -> io::Result<()> {
    for day in found["days"].as_array().into_iter().flatten() {
        let state = match day["state"].as_str() {
            Some("balanced") => "平 balanced",
            Some("no_his_ledger") => "缺院内账 no ledger of the HIS",
            _ => "不平 not balanced",
        };
        let counts = ["settlements", "differences", "unexplained"].map(|name| shown(&day[name]));
        let [settlements, differences, unexplained] = counts;
        writeln!(
            out,
            "{}  {state}  {settlements} 笔，{differences} 处差异，{unexplained} 处未解释",
            shown(&day["day"])
        )?;
    }
    for one in found["differences"].as_array().into_iter().flatten() {
        let [day, class, setl_id] = ["day", "class_text", "setl_id"].map(|name| shown(&one[name]));
        let [journal, platform, his] = ["journal", "platform", "his"].map(|name| shown(&one[name]));
        let [intent, record, line] = ["intent_record", "his_record", "his_line"].map(|name| shown(&one[name]));
        writeln!(
            out,
            "{day}  {class}  结算ID {setl_id}  网关 {journal}  平台 {platform}  HIS {his}  （账龄 {} 天；网关记录 {intent}，HIS账记录 {record} 第 {line} 行）",
            shown(&one["age_days"])
        )?;
        writeln!(out, "    {}", shown(&one["next_step"]))?;
    }
    Ok(())
}
