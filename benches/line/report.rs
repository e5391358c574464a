//! The tables: medians over interleaved rounds, ratios taken within each round.

use crate::floor::Sealing;
use crate::load::Run;
use crate::peers::Kind;

/// One measured run with its place in the plan.
pub struct Measured {
    /// What stood between.
    pub kind: Kind,
    /// Connections.
    pub connections: usize,
    /// Round.
    pub round: usize,
    /// What was measured.
    pub run: Run,
    /// Processor time of the peer's processes for one call, microseconds.
    pub cpu_us: Option<f64>,
}

/// Prints one table per number of connections, then what the bars ask.
#[expect(clippy::print_stdout, reason = "a bench prints its tables")]
pub fn print(all: &[Measured], connections: &[usize], kinds: &[Kind], floors_us: &[f64]) {
    for count in connections {
        println!("\n{count} connection(s)");
        println!(
            "{:<16} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10}",
            "", "calls/s", "p50 us", "p99 us", "cpu us", "of nginx", "of lua"
        );
        for kind in kinds {
            let of =
                |peer| ratio(all, *kind, peer, *count).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            println!(
                "{:<16} {:>9.0} {:>9.0} {:>9.0} {:>9} {:>10} {:>10}",
                kind.name(),
                column(all, *kind, *count, |run| run.rate),
                column(all, *kind, *count, |run| run.p50_us),
                column(all, *kind, *count, |run| run.p99_us),
                cpu(all, *kind, *count),
                of(Kind::Nginx),
                of(Kind::Lua),
            );
        }
    }
    println!();
    let most = connections.iter().copied().max().unwrap_or(1);
    bar(&format!("share of plain nginx at {most}"), ratio(all, Kind::Medgate, Kind::Nginx, most), 0.30, 0.45);
    bar(&format!("share of nginx with Lua at {most}"), ratio(all, Kind::Medgate, Kind::Lua, most), 0.65, 1.0);
    let cases = ratio(all, Kind::MedgateCases, Kind::Medgate, most);
    bar(&format!("share of medgate where a tenth of the calls opens a case at {most}"), cases, 0.95, 1.0);
    let floor = median(floors_us.to_vec());
    println!("two sequential append + fdatasync: p50 {floor:.0} us");
    if kinds.contains(&Kind::Medgate) && kinds.contains(&Kind::Direct) && connections.contains(&1) {
        let p50 = |kind| column(all, kind, 1, |run| run.p50_us);
        let added = p50(Kind::Medgate) - p50(Kind::Direct);
        let times = added / floor;
        let verdict = if times <= 2.5 { "holds" } else { "MISSED" };
        println!("added p50 at 1 connection: {added:.0} us = {times:.2} of that (bar 2.5: {verdict})");
    }
}

/// Prints the processor time that no gateway with this stored form goes below.
#[expect(clippy::print_stdout, reason = "a bench prints its tables")]
pub fn print_sealing(floor: &Sealing) {
    let Sealing { zstd, sm3, sm4, aes } = floor;
    println!(
        "of cpu us, sealing one call's two records alone: zstd {zstd:.0} + SM3 {sm3:.0} + SM4-GCM {sm4:.0} = {:.0} (AES-256-GCM in place of SM4: {aes:.0})",
        zstd + sm3 + sm4
    );
}

#[expect(clippy::print_stdout, reason = "a bench prints its tables")]
fn bar(what: &str, ratio: Option<f64>, bar: f64, aim: f64) {
    if let Some(ratio) = ratio {
        let verdict = if ratio >= bar { "holds" } else { "MISSED" };
        let reached = if ratio >= aim { "reached" } else { "not reached" };
        println!("{what}: {ratio:.2} (bar {bar}: {verdict}; aim {aim}: {reached})");
    }
}

/// Median over rounds of the ratio of rates within the round; neighbours in time share the machine's mood.
fn ratio(all: &[Measured], kind: Kind, of: Kind, connections: usize) -> Option<f64> {
    let rate = |kind: Kind, round: usize| {
        let same = |one: &&Measured| one.kind == kind && one.round == round && one.connections == connections;
        all.iter().find(same).map(|one| one.run.rate)
    };
    let rounds = all.iter().map(|one| one.round).max()? + 1;
    let ratios: Vec<f64> = (0..rounds).filter_map(|round| Some(rate(kind, round)? / rate(of, round)?)).collect();
    (!ratios.is_empty()).then(|| median(ratios))
}

fn column(all: &[Measured], kind: Kind, connections: usize, of: fn(&Run) -> f64) -> f64 {
    median(
        all.iter().filter(|one| one.kind == kind && one.connections == connections).map(|one| of(&one.run)).collect(),
    )
}

fn cpu(all: &[Measured], kind: Kind, connections: usize) -> String {
    let same = all.iter().filter(|one| one.kind == kind && one.connections == connections);
    let used: Vec<f64> = same.filter_map(|one| one.cpu_us).collect();
    if used.is_empty() { "-".to_owned() } else { format!("{:.0}", median(used)) }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
