//! medgate beside nginx: the same distinct 4 KB money calls, the same platform, one run, interleaved rounds.
//!
//! `cargo bench --bench line -- [--rounds N] [--seconds N] [--connections 1,16,64] [--peers direct,nginx,…]`

mod calls; // What is sent.
mod floor; // What the disk alone costs.
mod load; // The HIS clients.
mod peers; // What stands between.
mod platform; // What answers, and counts.
mod report; // The tables.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use calls::Calls;
use peers::{KINDS, Kind, Peer};
use platform::Platform;
use report::Measured;

/// What the command line asks for.
struct Plan {
    rounds: usize,
    time: Duration,
    connections: Vec<usize>,
    kinds: Vec<Kind>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let plan = Plan::read(std::env::args().skip(1))?;
    tokio::runtime::Runtime::new()?.block_on(run(&plan))
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its tables and its progress")]
async fn run(plan: &Plan) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::Builder::new().prefix("line-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let platform = Platform::start().await?;
    let calls = Arc::new(Calls::new());
    let mut started = Vec::new();
    for kind in &plan.kinds {
        started.push(Peer::start(*kind, &platform, folder.path()).await?);
    }
    busy();
    println!("line: distinct 2207 calls of {} bytes, {} rounds of {:?}", calls::BODY_BYTES, plan.rounds, plan.time);
    let (mut measured, mut floors) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        floors.push(floor::two_appends_us(folder.path())?);
        for connections in &plan.connections {
            for peer in turned(&started, round) {
                warm(peer, *connections, &calls).await?;
                let (before, cpu_before) = (platform.seen(), peer.cpu_us());
                let run = load::run(peer.at, *connections, plan.time, &calls).await?;
                lost(peer.kind, run.sent, platform.seen() - before)?;
                eprintln!("round {round}: {} at {connections}: {:.0} calls/s", peer.kind.name(), run.rate);
                let used = peer.cpu_us().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
                let cpu_us = used.map(|used| used as f64 / run.sent.max(1) as f64);
                measured.push(Measured { kind: peer.kind, connections: *connections, round, run, cpu_us });
            }
        }
    }
    report::print(&measured, &plan.connections, &plan.kinds, &floors);
    let mut call = Vec::new();
    calls.write_next(&mut call);
    report::print_sealing(&floor::sealing(&call, platform::reply(1, "", true).as_bytes())?);
    Ok(())
}

/// Ratios of a machine that does something else beside are not worth reading.
#[expect(clippy::print_stdout, reason = "a bench prints its tables and its progress")]
fn busy() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().and_then(|load| load.parse::<f64>().ok()).unwrap_or(0.0);
    if load > 0.7 {
        println!("NOTE: this machine is busy with something else (load {load}); repeat the run when it is quiet");
    }
}

/// Opens pools and fills caches, unmeasured.
async fn warm(peer: &Peer, connections: usize, calls: &Arc<Calls>) -> Result<(), Box<dyn Error>> {
    load::run(peer.at, connections, Duration::from_millis(300), calls).await?;
    Ok(())
}

/// Each round begins with another peer, so that none always runs after the same neighbour.
fn turned(peers: &[Peer], round: usize) -> impl Iterator<Item = &Peer> {
    let (head, tail) = peers.split_at(round % peers.len());
    tail.iter().chain(head)
}

/// A peer that answers without asking, or asks twice, is no peer.
fn lost(kind: Kind, sent: u64, seen: u64) -> Result<(), Box<dyn Error>> {
    if sent == seen {
        return Ok(());
    }
    Err(format!("{}: clients sent {sent} calls, the platform saw {seen}", kind.name()).into())
}

impl Plan {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Plan, Box<dyn Error>> {
        let mut plan =
            Plan { rounds: 5, time: Duration::from_secs(3), connections: vec![1, 16, 64], kinds: KINDS.to_vec() };
        while let Some(argument) = arguments.next() {
            if argument == "--bench" {
                continue; // Cargo says it to every bench.
            }
            let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
            match argument.as_str() {
                "--rounds" => plan.rounds = value.parse()?,
                "--seconds" => plan.time = Duration::try_from_secs_f64(value.parse()?)?,
                "--connections" => plan.connections = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--peers" => plan.kinds = value.split(',').map(kind).collect::<Result<_, _>>()?,
                _ => return Err(format!("unknown argument {argument}").into()),
            }
        }
        Ok(plan)
    }
}

fn kind(name: &str) -> Result<Kind, String> {
    KINDS
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| format!("no peer {name}; there are: {}", KINDS.map(Kind::name).join(", ")))
}
