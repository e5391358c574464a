//! `medgate case assign | note | propose | preview | approve | close`: what a person decides, with a token of their own, through
//! the running gateway.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::super::admin_port::{Call, said, silent};
use super::super::exchange::show::id;
use super::super::exit::Exit;
use super::super::journal::Place;
use super::super::journal::erase::reason;
use crate::console::cases::{Decision, Preview};
use crate::domain::exchange::ExchangeId;

const PATIENCE: Duration = Duration::from_secs(30);
/// Where the person's token is read from where no flag says it.
const TOKEN_FILE: &str = "MEDGATE_PERSON_TOKEN_FILE";

/// Which case, whose decision, and why.
#[derive(clap::Args)]
pub(in crate::cli) struct Which {
    /// The case: the id of its exchange.
    #[arg(value_name = "ID", value_parser = id)]
    id: ExchangeId,
    /// File with your own token (medgate person new NAME makes one). 本人令牌文件
    #[arg(long, value_name = "FILE", env = TOKEN_FILE)]
    token_file: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Say who takes care of a case. 指派案件
///
/// Nothing else changes: the name stands beside the case until another one does. Asks the running gateway, with your
/// own token.
///
/// Exit code 0: journaled; 1: refused or not reachable, and why.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLE:\n  medgate case assign 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e --to li.na --reason \"her counter\""
)]
pub(in crate::cli) struct AssignArgs {
    #[command(flatten)]
    which: Which,
    /// Who.
    #[arg(long, value_name = "NAME")]
    to: String,
    /// Why; it is journaled. 原因
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

/// Leave a remark on a case. 备注
///
/// What was asked, promised or seen, for whoever opens the case next. Asks the running gateway, with your own token.
///
/// Exit code 0: journaled; 1: refused or not reachable, and why.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLE:\n  medgate case note 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e --reason \"called the bureau, they look\""
)]
pub(in crate::cli) struct NoteArgs {
    #[command(flatten)]
    which: Which,
    /// The remark; it is journaled.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

/// Propose how a case ends: taken back at the platform, or booked in the HIS. 提出处理方案
///
/// Nothing leaves by a proposal. A reversal leaves once as many persons stand behind it as the settings ask ([finisher]
/// auto_yuan_max, one_person_yuan_max), you included. A proposal holds for the day on which it was made.
///
/// Exit code 0: journaled; 1: refused or not reachable, and why.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate case propose 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e --end reverse --reason \"the patient is still here\"\n  \
    medgate case propose 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e --end adopt --reason \"the patient has left\"")]
pub(in crate::cli) struct ProposeArgs {
    #[command(flatten)]
    which: Which,
    /// reverse: taken back at the platform; adopt: booked in the HIS with the recorded settlement.
    #[arg(long, value_name = "END", value_parser = ["reverse", "adopt"])]
    end: String,
    /// Why; it is journaled. 原因
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

/// Show what is proposed: the bytes that would leave, and their effect. 预览提案
///
/// The effect is what both books would hold afterwards. Personal data stands in the bytes: the look is journaled.
///
/// Exit code 0: shown; 1: nothing is proposed, or the gateway is not reachable.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  medgate case preview 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e")]
pub(in crate::cli) struct PreviewArgs {
    #[command(flatten)]
    which: Which,
    /// One JSON document, as the API gives it.
    #[arg(long)]
    json: bool,
}

/// Agree to what is proposed. 批准提案
///
/// Who proposed it cannot agree to it a second time: where two persons must agree, another one does it with their own
/// token. With the last one it leaves in the next round of the finisher.
///
/// Exit code 0: journaled; 1: refused or not reachable, and why.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  \
    medgate case approve 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e --proposal 1042 --reason \"compared with the cashier's screen\"")]
pub(in crate::cli) struct ApproveArgs {
    #[command(flatten)]
    which: Which,
    /// Record of the proposal, as `medgate case preview` shows it.
    #[arg(long, value_name = "RECORD")]
    proposal: u64,
    /// Why; it is journaled. 原因
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

/// Close a case with proof of what the sides hold. 凭证结案
///
/// The case closes when, with what is proven, both sides agree; else nothing is taken, and you are told what is
/// missing.
///
/// Exit code 0: closed; 1: not closed, and why.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate case close 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e --his booked --proof \"receipt 20261122-0031\" --reason \"booked by hand\"\n  \
    medgate case close 019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e --platform did_not --his has_not --proof \"letter of the bureau 2026-118\" \\\n    \
    --reason \"never arrived\"")]
pub(in crate::cli) struct CloseArgs {
    #[command(flatten)]
    which: Which,
    /// What the platform holds: did, did_not, undone.
    #[arg(long, value_name = "WORD", value_parser = ["did", "did_not", "undone"])]
    platform: Option<String>,
    /// What the HIS holds: booked, taken_back, has_not.
    #[arg(long, value_name = "WORD", value_parser = ["booked", "taken_back", "has_not"], required_unless_present = "platform")]
    his: Option<String>,
    /// What the proof is: a letter and its number, a ledger and its row. 凭证
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    proof: String,
    /// Why; it is journaled. 原因
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

pub(super) fn assign(args: AssignArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let AssignArgs { which, to, reason } = args;
    decide(&which, &Decision { step: "assign".to_owned(), owner: to, reason, ..Decision::default() }, out, err)
}

pub(super) fn note(args: NoteArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let NoteArgs { which, reason } = args;
    decide(&which, &Decision { step: "note".to_owned(), reason, ..Decision::default() }, out, err)
}

pub(super) fn propose(args: ProposeArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let ProposeArgs { which, end, reason } = args;
    decide(&which, &Decision { step: "propose".to_owned(), end, reason, ..Decision::default() }, out, err)
}

pub(super) fn approve(args: ApproveArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let ApproveArgs { which, proposal, reason } = args;
    decide(&which, &Decision { step: "approve".to_owned(), proposal, reason, ..Decision::default() }, out, err)
}

pub(super) fn close(args: CloseArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let CloseArgs { which, platform, his, proof, reason } = args;
    let (platform, his) = (platform.unwrap_or_default(), his.unwrap_or_default());
    let step = "close".to_owned();
    decide(&which, &Decision { step, platform, his, proof, reason, ..Decision::default() }, out, err)
}

pub(super) fn preview(args: &PreviewArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let body = match ask(&args.which, "GET", "proposal", "", err)? {
        Ok(body) => body,
        Err(exit) => return Ok(exit),
    };
    if args.json {
        return writeln!(out, "{body}").map(|()| Exit::Done);
    }
    let Ok(preview) = serde_json::from_str::<Preview>(&body) else {
        return writeln!(err, "the gateway's answer cannot be read: {body}").map(|()| Exit::Failed);
    };
    let agreed = if preview.agreed.is_empty() { "-".to_owned() } else { preview.agreed.join(", ") };
    writeln!(out, "提案 proposal       {}", preview.proposal)?;
    writeln!(out, "处理 end            {} {}", preview.end, preview.infno)?;
    writeln!(out, "提出人 proposed by  {}", preview.proposed_by)?;
    writeln!(out, "同意 agreed         {agreed} ({} of {})", preview.agreed.len(), preview.persons)?;
    writeln!(out, "影响 effect         {}", preview.effect)?;
    if !preview.body.is_empty() {
        writeln!(out, "去向 target         {}\n\n{}", preview.target, preview.body)?;
    }
    Ok(Exit::Done)
}

fn decide(which: &Which, decision: &Decision, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let body = serde_json::to_string(decision)?;
    match ask(which, "POST", "decisions", &body, err)? {
        Ok(noted) => {
            let seq = serde_json::from_str::<Value>(&noted).map_or(noted, |noted| noted["seq"].to_string());
            writeln!(out, "journaled as record {seq}. 已记账").map(|()| Exit::Done)
        }
        Err(exit) => Ok(exit),
    }
}

/// The body of a good answer; of any other, what is wrong is printed.
fn ask(which: &Which, method: &str, what: &str, body: &str, err: &mut dyn Write) -> io::Result<Result<String, Exit>> {
    let settings = match which.place.settings(err)? {
        Ok(settings) => settings,
        Err(exit) => return Ok(Err(exit)),
    };
    let listen = settings.admin.listen.as_str();
    let token = match std::fs::read_to_string(&which.token_file) {
        Ok(token) => token,
        Err(error) => {
            writeln!(err, "{}: {error}", which.token_file.display())?;
            return Ok(Err(Exit::Failed));
        }
    };
    let target = format!("/api/v1/cases/{}/{what}", which.id);
    let call = Call { listen, method, target: &target, token: Some(token.trim()), body, patience: PATIENCE };
    let wrong = match call.ask() {
        Ok((200, body)) => return Ok(Ok(body)),
        Ok((_, body)) => said(&body),
        Err(error) => silent(listen, &error),
    };
    writeln!(err, "{wrong}")?;
    Ok(Err(Exit::Failed))
}
