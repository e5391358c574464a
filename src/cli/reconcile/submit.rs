//! `medgate reconcile submit`: the platform's own lists of closed days, asked for by the running gateway.

use std::io::{self, Write};

use serde_json::Value;

use super::super::exit::Exit;
use super::{Asked, by_gateway, shown};

/// Ask the platform for its own lists of closed days. 提交对账
///
/// Sums first (3201); where they are not ours, or a call of the day still waits for its end, a file of rows (9101, 3202, 9102). What the
/// platform answers is journaled and takes part in `medgate reconcile run`; a row that it alone has, or lacks, becomes evidence of the
/// open case that it names. A submission may be registered by the bureau, so the gateway makes none unless it is the declared submitter:
/// `[reconcile] submitter = "gateway"`. It then does so by itself each morning; may be repeated.
///
/// Exit code 0: every list is in; 1: one is missing, or it failed.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLES:\n  medgate reconcile submit --date 2026-11-20\n  medgate reconcile submit --month 2026-10 --json"
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
    let found = match by_gateway(asked, &settings, "statements") {
        Ok(found) => found,
        Err(why) => return writeln!(err, "{why}").map(|()| Exit::Failed),
    };
    let lists = found["statements"].as_array().map_or(&[][..], Vec::as_slice);
    if asked.json {
        writeln!(out, "{found}")?;
    } else {
        lists.iter().try_for_each(|list| print(list, out))?;
        if lists.is_empty() {
            writeln!(out, "没有需要对账的结算 (no settlements to be submitted)")?;
        }
    }
    let all_in = lists.iter().all(|list| list["state"] == "in");
    Ok(if all_in { Exit::Done } else { Exit::Failed })
}

fn print(list: &Value, out: &mut dyn Write) -> io::Result<()> {
    let [day, institution, clr_optins, clr_type] =
        ["day", "fixmedins_code", "clr_optins", "clr_type"].map(|name| shown(&list[name]));
    let of = format!("{day}  机构 {institution}  清算机构 {clr_optins}  清算类别 {clr_type}");
    if list["state"] != "in" {
        return writeln!(out, "{of}  未取得：{}", shown(&list["why"]));
    }
    let [record, rows, differing] = ["record", "rows", "differing"].map(|name| shown(&list[name]));
    let how = if list["by_rows"] == true { "按明细" } else { "按总额" };
    writeln!(out, "{of}  {how} {rows} 笔，{differing} 笔不一致  （记录 {record}）")
}
