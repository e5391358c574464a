//! `medgate case`: the exchanges of which platform and HIS may not hold the same.

mod decide; // What a person decides.

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Value, json};

use super::admin_port::{Call, silent, token};
use super::exchange::show::id;
use super::exit::Exit;
use super::journal::Place;
use super::journal::erase::reason;
use super::own::with_journal;
use super::person::person;
use crate::config::{Settings, profiles};
use crate::console::token::CLEAR_FILE_NAME;
use crate::domain::exchange::ExchangeId;
use crate::exchange::stand::Cause;
use crate::operator::lift::lift;
use crate::reconcile::cases::{CaseShown, DecisionShown, LISTED_MAX, Wanted};
use crate::reconcile::{self, Cases};

const PATIENCE: Duration = Duration::from_secs(10);

/// Commands over cases.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    List(ListArgs),
    Show(ShowArgs),
    Assign(decide::AssignArgs),
    Note(decide::NoteArgs),
    Propose(decide::ProposeArgs),
    Preview(decide::PreviewArgs),
    Approve(decide::ApproveArgs),
    Close(decide::CloseArgs),
    LiftFence(LiftArgs),
}

/// List cases, the oldest first. 单边账案件列表
///
/// A case is an exchange of which platform and HIS may not hold the same. It opens by itself when an outcome is
/// unknown, or when a success did not reach the HIS; it closes by itself when the journal proves that both sides agree,
/// and never without such evidence. Works without a running gateway.
///
/// Exit code 0: the list is complete; 1: it cannot be read.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLES:\n  medgate case list\n  medgate case list --cause not_delivered --json\n  medgate case list --closed"
)]
pub(super) struct ListArgs {
    /// Only cases of this cause: unknown_outcome, not_delivered, his_took_back, his_more, money_law, platform_more, journal_more,
    /// amounts_differ, refund_missing, foreign_channel.
    #[arg(long, value_name = "WORD", value_parser = cause)]
    cause: Option<Cause>,
    /// Closed cases, too.
    #[arg(long)]
    closed: bool,
    /// Which page; 1000 cases each. 页码
    #[arg(long, value_name = "N", default_value = "1")]
    page: NonZeroU32,
    /// One JSON document, as the API gives it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Show one case: both sides, what is at stake, what is to be done. 查看案件
///
/// Below them stands who decided what, and on which record it rests. Works without a running gateway.
///
/// Exit code 0: shown; 1: it is no case, or cannot be read.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate case show 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e\n  \
    medgate exchange show 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e   (its timeline)")]
pub(super) struct ShowArgs {
    /// The case: the id of its exchange.
    #[arg(value_name = "ID", value_parser = id)]
    id: ExchangeId,
    /// One JSON document, as the API gives it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Let similar settlements of the person pass again. 解除拦截
///
/// While a settlement is a case, the gateway holds back others of the same person and sum (GW306). Whoever lifts that
/// answers for it that the patient does not pay twice: look at the bill with the cashier first. It is journaled with
/// name and reason.
///
/// Exit code 0: lifted; 1: not, and why.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  \
    medgate case lift-fence 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e --reason \"two visits on one day, asked the patient\"")]
pub(super) struct LiftArgs {
    /// The case: the id of its exchange.
    #[arg(value_name = "ID", value_parser = id)]
    id: ExchangeId,
    /// Why; it is journaled. 原因
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    #[command(flatten)]
    place: Place,
}

fn cause(text: &str) -> Result<Cause, String> {
    let words = Cause::ALL.map(Cause::word).join(", ");
    Cause::named(text).ok_or_else(|| format!("write one of {words}"))
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    match command {
        Command::List(args) => run_list(&args, out, err),
        Command::Show(args) => run_show(&args, out, err),
        Command::Assign(args) => decide::assign(args, out, err),
        Command::Note(args) => decide::note(args, out, err),
        Command::Propose(args) => decide::propose(args, out, err),
        Command::Preview(args) => decide::preview(&args, out, err),
        Command::Approve(args) => decide::approve(args, out, err),
        Command::Close(args) => decide::close(args, out, err),
        Command::LiftFence(args) => run_lift(&args, out, err),
    }
}

fn run_list(args: &ListArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let cases = match book(&args.place, err)? {
        Ok(cases) => cases,
        Err(exit) => return Ok(exit),
    };
    let wanted = Wanted { closed: args.closed, cause: args.cause, page: args.page.get() - 1 };
    match cases.position().and_then(|position| Ok((position, cases.list(&wanted)?))) {
        Ok((position, listed)) if args.json => {
            writeln!(out, "{}", json!({ "cases": listed, "position": position.0 })).map(|()| Exit::Done)
        }
        Ok((_, listed)) => list(&listed, out, err),
        Err(error) => writeln!(err, "{error}").map(|()| Exit::Failed),
    }
}

fn run_show(args: &ShowArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let cases = match book(&args.place, err)? {
        Ok(cases) => cases,
        Err(exit) => return Ok(exit),
    };
    match cases.one(args.id) {
        Ok(Some(case)) if args.json => writeln!(out, "{}", json!(case)).map(|()| Exit::Done),
        Ok(Some(case)) => show(&case, &cure(args, &case), out).map(|()| Exit::Done),
        Ok(None) => writeln!(err, "{} is no case. 不是案件", args.id).map(|()| Exit::Failed),
        Err(error) => writeln!(err, "{error}").map(|()| Exit::Failed),
    }
}

fn book(place: &Place, err: &mut dyn Write) -> io::Result<Result<Cases, Exit>> {
    Ok(place.data(err)?.map(|data| Cases::at(&data.join(reconcile::FOLDER))))
}

fn run_lift(args: &LiftArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let settings = match args.place.settings(err)? {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let here = args.place.master().and_then(|master| {
        with_journal(&settings, &master, async |journal, clock| {
            lift(journal, args.id, &format!("command {}", person()), &args.reason, clock.unix_ns()).await
        })
    });
    let lifted = match here {
        Ok(Some(Ok(seq))) => Ok(seq.to_string()),
        Ok(Some(Err(error))) => Err(error.to_string()),
        Ok(None) => lift_by_gateway(args, &settings),
        Err(why) => Err(why),
    };
    match lifted {
        Ok(seq) => writeln!(out, "similar settlements of the person pass again (record {seq}). 已解除拦截")
            .map(|()| Exit::Done),
        Err(why) => writeln!(err, "{why}").map(|()| Exit::Failed),
    }
}

fn lift_by_gateway(args: &LiftArgs, settings: &Settings) -> Result<String, String> {
    let listen = settings.admin.listen.as_str();
    let token = token(&settings.gateway.data, CLEAR_FILE_NAME)?;
    let call = Call {
        listen,
        method: "POST",
        target: &format!("/api/v1/cases/{}/lifts", args.id),
        token: Some(&token),
        body: &json!({ "who": person(), "reason": args.reason }).to_string(),
        patience: PATIENCE,
    };
    match call.ask() {
        Ok((200, body)) => Ok(serde_json::from_str::<Value>(&body).map_or(body, |noted| noted["seq"].to_string())),
        Ok((status, body)) => Err(format!("the gateway at {listen} answers {status}: {body}")),
        Err(error) => Err(silent(listen, &error)),
    }
}

fn list(cases: &[CaseShown], out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    for case in cases {
        let state = match (case.open, case.self_paid_record) {
            (true, Some(_)) => "疑似改自费，优先核实 paid in cash?",
            (true, None) => case.cause_text,
            (false, _) => "已结 closed",
        };
        let (at_stake, infno) = (case.at_stake.as_deref().unwrap_or("-"), &case.infno);
        writeln!(out, "{}  {infno}  {at_stake:>12}  {}  {state}", case.opened_at, case.id)?;
    }
    match cases.len() {
        0 => writeln!(err, "no case. 没有案件")?,
        count if count == LISTED_MAX as usize => {
            writeln!(err, "{count} cases on this page; there may be more (--page)")?
        }
        count => writeln!(err, "{count} cases. 共 {count} 件")?,
    }
    Ok(Exit::Done)
}

/// What the dictionary says of the platform's refusal; nothing where it has no entry, or there are no settings here.
fn cure(args: &ShowArgs, case: &CaseShown) -> String {
    let settings = args.place.settings(&mut io::sink()).ok().and_then(Result::ok);
    let profile = settings.and_then(|settings| profiles::load(&settings.gateway).ok());
    let cures = profile.as_ref().map(|profile| profile.cures().filter(|(name, _)| *name == case.saying));
    let found = cures.and_then(|mut cures| cures.next());
    found.map_or_else(String::new, |(_, cure)| format!("{}（{}）", cure.cure, cure.by))
}

fn show(case: &CaseShown, cure: &str, out: &mut dyn Write) -> io::Result<()> {
    let closing = |at: &String| format!("{at} by record {}", case.closing_record.unwrap_or_default());
    let lines = [
        ("案件 case", case.id.clone()),
        ("原因 cause", format!("{} {}", case.cause_text, case.cause)),
        ("交易 transaction", format!("{} ({})", case.infno, case.class)),
        ("就诊ID mdtrt_id", case.mdtrt_id.clone()),
        ("结算ID setl_id", case.setl_id.clone()),
        ("报文ID msgid", case.msgid.clone()),
        ("金额 at stake", case.at_stake.clone().unwrap_or_default()),
        ("平台 platform", format!("{} ({})", case.platform, case.why)),
        ("网关告知 HIS was told", case.told.to_owned()),
        ("HIS 表现 HIS has shown", case.shown.to_owned()),
        ("立案 opened", case.opened_at.clone()),
        ("结案 closed", case.closed_at.as_ref().map(closing).unwrap_or_default()),
        ("证据 evidence", format!("record {}", case.evidence_record)),
        ("应答类别 refusal", case.saying.clone()),
        ("处理办法 cure", cure.to_owned()),
        ("期限 due", case.due_at.clone()),
        ("疑似改自费 paid in cash", case.self_paid_record.map_or_else(String::new, |seq| format!("record {seq}"))),
        ("负责人 owner", case.owner.clone()),
        ("下一步 next", case.next_step.to_owned()),
    ];
    for (name, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "{name}: {value}")?;
    }
    for decision in &case.decisions {
        let DecisionShown { record, at, step_text, step, who, says, evidence_record } = decision;
        let rests = evidence_record.map_or_else(String::new, |seq| format!(" <- record {seq}"));
        writeln!(out, "  {at}  {step_text} {step}  {who}  {says}  (record {record}{rests})")?;
    }
    Ok(())
}
