//! What a replay found, for people and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::derived::{Compared, Verdict};
use super::found::{Differences, Found};
use crate::cli::exit::Exit;
use crate::domain::money::written;

pub(super) fn print(found: &Found, derived: Option<&Compared>, as_json: bool, out: &mut dyn Write) -> io::Result<Exit> {
    let otherwise = found.other.as_ref().is_some_and(|(_, differences)| differences.count > 0);
    let equal = found.differing.count == 0 && !otherwise && derived.is_none_or(Compared::is_equal);
    match as_json {
        true => writeln!(out, "{}", json_of(found, derived, equal))?,
        false => text(found, derived, equal, out)?,
    }
    Ok(if equal { Exit::Done } else { Exit::Failed })
}

fn text(found: &Found, derived: Option<&Compared>, equal: bool, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "records    {} ({} to {})", found.records, found.first, found.last)?;
    writeln!(out, "decided    {} calls, {} outcomes, {} repeats", found.calls, found.outcomes, found.steps)?;
    for (left, one) in &found.left {
        let (word, chinese) = left.word();
        writeln!(out, "left out   {} {word} {chinese}", one.count)?;
        for (seq, why) in &one.examples {
            writeln!(out, "           record {seq}: {why}")?;
        }
    }
    if let Some(derived) = derived {
        derived_text(derived, out)?;
    }
    differences_text("as it was decided", &found.differing, out)?;
    if let Some((name, differences)) = &found.other {
        differences_text(&format!("under {name}"), differences, out)?;
    }
    match equal {
        true => writeln!(out, "EQUAL: everything comes out as it was journaled. 重放一致"),
        false => writeln!(out, "DIFFERS: see above. 重放有差异，见上"),
    }
}

fn derived_text(derived: &Compared, out: &mut dyn Write) -> io::Result<()> {
    let (views, digest) = &derived.views;
    writeln!(out, "views      {} {digest}, up to record {} 查询库", said(views), derived.position)?;
    let (size, root) = derived.tree;
    writeln!(out, "open       {} exchanges 未决交易", derived.open)?;
    writeln!(out, "carried    {}, {} times 段间结转", said(&derived.carried), derived.carries)?;
    writeln!(out, "tree       {size} records, root {} 账树", hex::encode(root))?;
    writeln!(out, "checkpoint {} 封存点", said(&derived.checkpoint))
}

fn differences_text(how: &str, differences: &Differences, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "differing  {} {how} 差异", differences.count)?;
    for (infno, touched) in &differences.exchanges {
        let money = written(touched.at_stake);
        writeln!(out, "  {infno:<8} {} exchanges, {money} yuan at stake 涉及金额", touched.count)?;
    }
    for one in &differences.listed {
        let (field, was, now) = (&one.difference.field, or(&one.difference.was), or(&one.difference.now));
        writeln!(out, "  {} {:<8} record {}: {field} was {was}, would be {now}", one.exchange, one.infno, one.seq)?;
    }
    let more = differences.count - differences.listed.len() as u64;
    if more > 0 {
        writeln!(out, "  and {more} more")?;
    }
    Ok(())
}

fn or(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Equal => "equal".to_owned(),
        Verdict::Differs(was, now) => format!("DIFFERS: {was}, built again {now}"),
        Verdict::Absent(why) => format!("not compared: {why}"),
    }
}

fn json_of(found: &Found, derived: Option<&Compared>, equal: bool) -> Value {
    let left = found.left.iter().map(|(left, one)| {
        let examples = one.examples.iter().map(|(seq, why)| json!({"seq": seq.0, "why": why}));
        (left.word().0.to_owned(), json!({"count": one.count, "examples": examples.collect::<Value>()}))
    });
    let other = found.other.as_ref().map(|(name, differences)| {
        let mut shown = differences_json(differences);
        shown["profile"] = json!(name);
        shown
    });
    json!({
        "equal": equal,
        "records": found.records, "first": found.first.0, "last": found.last.0,
        "calls": found.calls, "outcomes": found.outcomes, "repeats": found.steps,
        "left_out": left.collect::<serde_json::Map<_, _>>(),
        "differing": differences_json(&found.differing),
        "other": other,
        "derived": derived.map(derived_json),
    })
}

fn differences_json(differences: &Differences) -> Value {
    let listed = differences.listed.iter().map(|one| {
        json!({
            "exchange": one.exchange.to_string(), "seq": one.seq.0, "infno": one.infno,
            "field": one.difference.field, "was": one.difference.was, "now": one.difference.now,
        })
    });
    let exchanges = differences.exchanges.iter().map(|(infno, touched)| {
        (infno.clone(), json!({"exchanges": touched.count, "at_stake": written(touched.at_stake)}))
    });
    json!({
        "count": differences.count,
        "transactions": exchanges.collect::<serde_json::Map<_, _>>(),
        "listed": listed.collect::<Value>(),
    })
}

fn derived_json(derived: &Compared) -> Value {
    let verdict = |verdict: &Verdict| match verdict {
        Verdict::Equal => json!({"verdict": "equal"}),
        Verdict::Differs(was, now) => json!({"verdict": "differs", "was": was, "now": now}),
        Verdict::Absent(why) => json!({"verdict": "not_compared", "why": why}),
    };
    let mut views = verdict(&derived.views.0);
    (views["digest"], views["position"]) = (json!(derived.views.1), json!(derived.position.0));
    let mut carried = verdict(&derived.carried);
    carried["times"] = json!(derived.carries);
    json!({
        "views": views, "carried": carried, "open": derived.open, "checkpoint": verdict(&derived.checkpoint),
        "tree": {"size": derived.tree.0, "root": hex::encode(derived.tree.1)},
    })
}
