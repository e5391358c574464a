//! `medgate reconcile show`: the own ledger, summed.

use std::io::{self, Write};

use serde_json::json;

use super::super::exit::Exit;
use super::Asked;
use crate::domain::money::written;
use crate::reconcile::ledger::amounts::{CHINESE, NAMES};
use crate::reconcile::ledger::own::DIMENSIONS;
use crate::reconcile::ledger::read::{Sum, SumShown};

/// Show what was settled and refunded, by clearing dimensions. 结算汇总
///
/// By institution, place of insurance and the rest. A row is what the platform confirmed; the day is that of its
/// settlement time. Refunds stand apart and are negative. Works without a running gateway.
///
/// Exit code 0: shown; 1: the ledgers cannot be read.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLES:\n  medgate reconcile show --date 2026-11-21\n  medgate reconcile show --month 2026-11 --json"
)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    asked: Asked,
}

pub(super) fn run(Args { asked }: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let ledgers = match super::ledgers(&asked.place, err)? {
        Ok(ledgers) => ledgers,
        Err(exit) => return Ok(exit),
    };
    let (first, last) = asked.days.span();
    match ledgers.position().and_then(|position| Ok((position, ledgers.sums((first, last))?))) {
        Ok((position, sums)) if asked.json => {
            let sums: Vec<SumShown> = sums.iter().map(SumShown::of).collect();
            let shown =
                json!({ "first": first.to_string(), "last": last.to_string(), "sums": sums, "position": position.0 });
            writeln!(out, "{shown}").map(|()| Exit::Done)
        }
        Ok((_, sums)) => print(&sums, out, err).map(|()| Exit::Done),
        Err(error) => writeln!(err, "{error}").map(|()| Exit::Failed),
    }
}

fn print(sums: &[Sum], out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
    if sums.is_empty() {
        return writeln!(err, "nothing was settled. 没有结算");
    }
    let names = ["fixmedins_code"].into_iter().chain(DIMENSIONS).chain(["place", "kind", "count"]).chain(NAMES);
    writeln!(out, "{}", names.collect::<Vec<_>>().join("\t"))?;
    let chinese =
        ["机构", "清算机构", "险种", "清算类别", "清算方式", "参保地", "类型", "笔数"].into_iter().chain(CHINESE);
    writeln!(out, "{}", chinese.collect::<Vec<_>>().join("\t"))?;
    for sum in sums {
        let kind = if sum.refund { "退费 refund" } else { "结算 charge" };
        let amounts = sum.amounts.0.map(|units| units.map_or_else(|| "-".to_owned(), written));
        let head = [sum.institution.as_str()].into_iter().chain(sum.dimensions.iter().map(String::as_str));
        let line: Vec<&str> = head.map(|text| if text.is_empty() { "-" } else { text }).collect();
        writeln!(out, "{}\t{}\t{kind}\t{}\t{}", line.join("\t"), sum.place.chinese(), sum.count, amounts.join("\t"))?;
    }
    Ok(())
}
