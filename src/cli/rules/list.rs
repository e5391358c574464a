//! `medgate rules list`: the packs and the rules in force.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Choosing, Exit, Said};
use crate::rules::explain::{count, ids};

/// List the packs and the rules in force, with what each does. 列出规则包与现行规则
///
/// Rows of field tables are counted; with --infno they are listed too, by the ids that `rules explain` takes.
///
/// Exit code 0: listed; 78: a pack does not hold.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate rules list --region 610100\n  medgate rules list --infno 3505 --json")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    choosing: Choosing,
    /// Every rule of one transaction, those of its field table too. 交易编号
    #[arg(long, value_name = "NUMBER", default_value = "")]
    infno: String,
    /// For programs.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> io::Result<Said<Exit>> {
    let found = args.choosing.library().and_then(|library| args.choosing.rules(&library).map(|rules| (library, rules)));
    let (library, rules) = match found {
        Ok(found) => found,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let in_force = |name: &str| rules.packs.iter().any(|pack| *pack.name == *name);
    let packs: Vec<Value> = library
        .packs
        .iter()
        .map(|pack| {
            json!({"name": pack.name, "title": pack.title, "version": pack.version, "region": pack.region,
                "tables": pack.tables.len(), "rules": pack.rules.len(), "in_force": in_force(&pack.name)})
        })
        .collect();
    let listed =
        rules.listed.iter().filter(|one| args.infno.is_empty() || one.on.iter().any(|(on, _)| **on == *args.infno));
    let by_hand: Vec<Value> = listed
        .map(|one| {
            let on: Vec<Value> =
                one.on.iter().map(|(infno, mode)| json!({"infno": infno, "mode": mode.word()})).collect();
            json!({"id": one.rule.id, "pack": one.pack, "on": on, "asks": one.rule.asks(), "says": one.rule.says})
        })
        .collect();
    let of_table = if args.infno.is_empty() { Vec::new() } else { ids(&rules, &args.infno) };
    let of_table: Vec<_> = of_table.iter().filter(|(id, _)| id.contains(':')).collect();
    if args.json {
        let rows: Vec<Value> = of_table.iter().map(|(id, mode)| json!({"id": id, "mode": mode.word()})).collect();
        writeln!(out, "{}", json!({"packs": packs, "rules": by_hand, "table_rules": rows}))?;
        return Ok(Ok(Exit::Done));
    }
    print(&packs, &by_hand, out)?;
    for (id, mode) in &of_table {
        writeln!(out, "{id:<60} {}", mode.word())?;
    }
    let (rows, crossed) =
        rules.forms().iter().map(|form| count(form)).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    writeln!(
        out,
        "\n# {} field tables ask {rows} things; {crossed} hand-written checks on transactions",
        rules.forms().len()
    )?;
    Ok(Ok(Exit::Done))
}

fn print(packs: &[Value], by_hand: &[Value], out: &mut dyn Write) -> io::Result<()> {
    for pack in packs {
        let state = if pack["in_force"] == true { "现行" } else { "未生效" };
        let text = |key: &str| pack[key].as_str().unwrap_or_default().to_owned();
        let region = if text("region").is_empty() { String::new() } else { format!(" 地区{}", text("region")) };
        writeln!(
            out,
            "{:<24} {:<8} {:>3} tables {:>3} rules  {state}{region}  {}",
            text("name"),
            text("version"),
            pack["tables"],
            pack["rules"],
            text("title")
        )?;
    }
    writeln!(out)?;
    for one in by_hand {
        let on = one["on"].as_array().map(Vec::as_slice).unwrap_or_default();
        let word =
            |one: &Value| format!("{}:{}", one["infno"].as_str().unwrap_or(""), one["mode"].as_str().unwrap_or(""));
        let shown: Vec<String> = on.iter().take(6).map(word).collect();
        let more = if on.len() > shown.len() { format!(" … {} in all", on.len()) } else { String::new() };
        let text = |key: &str| one[key].as_str().unwrap_or_default();
        writeln!(out, "{:<24} {}{more}\n    {}", text("id"), shown.join(" "), text("says"))?;
    }
    Ok(())
}
