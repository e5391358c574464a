//! `medgate rules why`: what rules refused a call for, by the number on the cashier's screen.

use std::io::{self, Write};

use super::{Exit, Said};
use crate::cli::journal::Place;
use crate::cli::journal::folder::Folder;
use crate::console::refused::RefusedCall;
use crate::domain::exchange::Seq;

/// Show everything that rules refused a call for. 查看被拦截的原因
///
/// NUMBER stands in the err_msg that the HIS showed: 全部见编号NUMBER. Reads the journal, also beside a running gateway.
///
/// Exit code 0: shown; 1: no call was refused under this number, or the journal cannot be read; 78: the settings are wrong.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  medgate rules why 48213 --data /var/lib/medgate")]
pub(in crate::cli) struct Args {
    /// The number.
    #[arg(value_name = "NUMBER")]
    number: u64,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Said<Exit>> {
    let settings = match args.place.settings(err)? {
        Ok(settings) => settings,
        Err(exit) => return Ok(Ok(exit)),
    };
    let folder = Folder::open(&settings.gateway.data);
    let call = match folder.and_then(|folder| folder.record(Seq(args.number))) {
        Ok(record) => record.as_ref().and_then(RefusedCall::of),
        Err(why) => return writeln!(err, "{why}").map(|()| Ok(Exit::Failed)),
    };
    let Some(call) = call else {
        writeln!(err, "no call was refused by rules under {}. 该编号没有拦截记录", args.number)?;
        return Ok(Ok(Exit::Failed));
    };
    let RefusedCall { at, infno, msgid, fixmedins_code, count, findings, .. } = call;
    writeln!(out, "{at}  交易{infno}  报文{msgid}  机构{fixmedins_code}  不符合规则 {count} 处")?;
    for (nth, finding) in findings.iter().enumerate() {
        writeln!(out, "{:>3}. [{}] {}  {}\n     {}", nth + 1, finding.mode, finding.place, finding.rule, finding.says)?;
    }
    Ok(Ok(Exit::Done))
}
