//! `medgate journal erase`: destroys the keys of a visit, through the running gateway or by opening the journal.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;

use super::Place;
use crate::cli::admin_port::{Call, said, silent, token};
use crate::cli::exit::Exit;
use crate::cli::own::with_journal;
use crate::cli::person::person;
use crate::config::{Settings, profiles};
use crate::console::erasure::Erased;
use crate::console::token::CLEAR_FILE_NAME;
use crate::journal::master::Master;
use crate::operator::erase::{Asked, erase, plan};

/// A visit has many exchanges, and every one is looked at.
const PATIENCE: Duration = Duration::from_secs(120);

/// Erase a visit: destroy the keys of its exchanges. 清除一次就诊
///
/// Nobody can read them again; every record, hash and proof stays, and says that it is erased. Refused while an
/// exchange of the visit is under way or its outcome unknown, and while a settlement of it stands that is younger than
/// retention.key_live_days. There is no way back: look with --dry-run first. Copies of the data folder keep their keys:
/// erase there too, or let them go.
///
/// Exit code 0: erased, now or before; 1: failed; 75: still needed, the reasons say what to wait for.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate journal erase --visit 4401062026010100001 --dry-run\n  \
    medgate journal erase --visit 4401062026010100001 --reason \"request of the patient, ticket 81\"")]
pub(in crate::cli) struct Args {
    /// The visit. 就诊ID
    #[arg(long, value_name = "MDTRT_ID")]
    visit: String,
    /// Why; it is journaled. 原因
    #[arg(long, value_name = "TEXT", value_parser = reason, required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Where several institutions use the same number. 定点医药机构编号
    #[arg(long, value_name = "CODE")]
    institution: Option<String>,
    /// Only say what would be erased.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
}

impl Args {
    /// A dry run does nothing that a reason could be asked for.
    fn why(&self) -> &str {
        self.reason.as_deref().unwrap_or("dry run")
    }
}

pub(in crate::cli) fn reason(text: &str) -> Result<String, String> {
    let fits = !text.trim().is_empty() && text.chars().count() <= 200;
    if fits { Ok(text.to_owned()) } else { Err("say why, in 200 characters or fewer".to_owned()) }
}

/// How it ended.
enum Ended {
    Erased(Erased),
    StillNeeded(String),
    Failed(String),
}

pub(super) fn run(args: Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let settings = match args.place.settings(err)? {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let ended = match args.place.master().and_then(|master| here(&args, &settings, &master)) {
        Ok(Some(ended)) => ended,
        Ok(None) => by_gateway(&args, &settings),
        Err(why) => Ended::Failed(why),
    };
    match ended {
        Ended::Erased(erased) => say(&args, &erased, out).map(|()| Exit::Done),
        Ended::StillNeeded(reasons) => {
            writeln!(err, "visit {} is still needed, and nothing was erased. 该就诊仍需保留，未清除", args.visit)?;
            reasons.lines().try_for_each(|reason| writeln!(err, "  {reason}"))?;
            Ok(Exit::NotNow)
        }
        Ended::Failed(why) => writeln!(err, "{why}").map(|()| Exit::Failed),
    }
}

fn say(args: &Args, erased: &Erased, out: &mut dyn Write) -> io::Result<()> {
    let Erased { exchanges, slots, record, before } = erased;
    let record = record.map(|seq| seq.to_string()).unwrap_or_default();
    match (before, args.dry_run) {
        (true, _) => writeln!(out, "visit {} was erased before (record {record}). 此前已清除", args.visit),
        (false, true) => {
            writeln!(out, "would erase {exchanges} exchanges ({slots} key slots). 将清除 {exchanges} 笔交易")
        }
        (false, false) => writeln!(
            out,
            "erased {exchanges} exchanges ({slots} key slots), record {record}; their records still verify. 已按规定清除 {exchanges} 笔交易"
        ),
    }
}

/// By opening the journal; `None` when a gateway holds it.
fn here(args: &Args, settings: &Settings, master: &Master) -> Result<Option<Ended>, String> {
    let profile = profiles::load(&settings.gateway);
    let profile = profile.map_err(|_| "the profile does not load; `medgate check` says why".to_owned())?;
    let ended = with_journal(settings, master, async |journal, clock| {
        let wanted = Asked {
            mdtrt_id: &args.visit,
            institution: args.institution.as_deref(),
            key_live_days: settings.retention.key_live_days,
            now_unix_ns: clock.unix_ns(),
        };
        let plan = plan(journal, &profile, &wanted).map_err(|error| Ended::Failed(error.to_string()))?;
        let (exchanges, slots) = (plan.exchanges().len(), plan.slots().len());
        let record = match plan.done {
            Some(seq) => Some(seq),
            None if !plan.reasons.is_empty() => {
                let reasons: Vec<String> = plan.reasons.iter().map(ToString::to_string).collect();
                return Err(Ended::StillNeeded(reasons.join("\n")));
            }
            None if args.dry_run => None,
            None => {
                let done = erase(journal, &plan, &format!("command {}", person()), args.why()).await;
                Some(done.map_err(|error| Ended::Failed(error.to_string()))?)
            }
        };
        Ok(Ended::Erased(Erased { exchanges, slots, record: record.map(|seq| seq.0), before: plan.done.is_some() }))
    });
    Ok(ended?.map(|ended| ended.unwrap_or_else(|ended| ended)))
}

fn by_gateway(args: &Args, settings: &Settings) -> Ended {
    let (listen, data) = (&settings.admin.listen, &settings.gateway.data);
    let token = match token(data, CLEAR_FILE_NAME) {
        Ok(token) => token,
        Err(why) => return Ended::Failed(why),
    };
    let mut body = json!({ "visit": args.visit, "reason": args.why(), "who": person(), "dry_run": args.dry_run });
    if let Some(institution) = &args.institution {
        body["institution"] = institution.as_str().into();
    }
    let call = Call {
        listen,
        method: "POST",
        target: "/api/v1/erasures",
        token: Some(&token),
        body: &body.to_string(),
        patience: PATIENCE,
    };
    match call.ask() {
        Ok((200, body)) => match serde_json::from_str(&body) {
            Ok(erased) => Ended::Erased(erased),
            Err(error) => Ended::Failed(format!("the gateway at {listen} answers what cannot be read: {error}")),
        },
        Ok((409, body)) => Ended::StillNeeded(said(&body)),
        Ok((404, body)) => Ended::Failed(said(&body)),
        Ok((status, body)) => Ended::Failed(format!("the gateway at {listen} answers {status}: {}", said(&body))),
        Err(error) => Ended::Failed(silent(listen, &error)),
    }
}
