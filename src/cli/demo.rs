//! `medgate demo`: stand-in platform and gateway in one process, a day at speed, then a trickle until Ctrl-C.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::app::{Gateway, StartError};
use crate::config::{self, Told};
use crate::domain::causes::with_causes;
use crate::domain::clock::{Clock, SystemClock};
use crate::journal::verify::{Report, verify};
use crate::sandbox::day::{self, Day, DayError};
use crate::sandbox::ledger::Habits;
use crate::sandbox::temper::Temper;
use crate::sandbox::{Sandbox, platform};
use crate::telemetry::log;

use super::exit::Exit;
use super::told::complain;

const LOOPBACK: &str = "127.0.0.1:0";

/// Play a day at six sandbox institutions, on this machine alone. 演示
///
/// Gateway and stand-in platform run in this one process; the platform goes wrong on purpose, and nobody in it exists.
/// The same seed tells the same story.
///
/// Exit code 0: the books of institutions, gateway and platform explain each other; 1: they do not.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLES:\n  medgate demo\n  medgate demo --once --seed 7\n  medgate demo --once --data /tmp/day"
)]
pub(super) struct Args {
    /// Play, show the result and stop; otherwise visits go on trickling in until Ctrl-C. 只演一天
    #[arg(long)]
    once: bool,
    /// Draws who comes for what, and what goes wrong. 种子
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Visits, over all institutions. 就诊次数
    #[arg(long, default_value_t = 300)]
    visits: u32,
    /// Keep the gateway's data here; a new folder or an earlier one of the demo. By default a temporary one. 保留数据
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A day on which nothing goes wrong. 不出故障
    #[arg(long)]
    calm: bool,
}

pub(super) fn run(args: Args, out: &mut (dyn Write + Send), err: &mut (dyn Write + Send)) -> io::Result<Exit> {
    let kept = args.data.is_some();
    let data = args.data.clone().unwrap_or_else(temporary);
    fs::create_dir_all(&data)?;
    let played = played(&args, &data, out, err);
    if !kept {
        fs::remove_dir_all(&data)?;
    }
    match played {
        Ok(exit) => Ok(exit),
        Err(Failed::Print(error)) => Err(error),
        Err(error) => writeln!(err, "{}", with_causes(&error)).map(|()| Exit::Failed),
    }
}

fn played(
    args: &Args,
    data: &Path,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> Result<Exit, Failed> {
    let settings = |upstream: String| {
        let flags = [("upstream.default.url", upstream), ("inbound.listen", LOOPBACK.to_owned())];
        let more = [("admin.listen", LOOPBACK.to_owned()), ("gateway.data", data.display().to_string())];
        let flags = flags.into_iter().chain(more).map(|(key, value)| ("demo", key, value)).collect();
        config::load(&Told { flags, ..Told::default() }).map(|loaded| loaded.settings)
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let explained = runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let loopback: SocketAddr = LOOPBACK.parse().expect("the constant is an address");
        // What provinces leave open is drawn; and it does not notice when it is asked to settle twice: only the gateway is
        // there to prevent that.
        let Temper { habits, shape, .. } = Temper::of(args.seed);
        let habits = Habits { settles_twice: true, replays: false, ..habits };
        let stand_in = platform::Settings { seed: args.seed, shape, habits, ..platform::Settings::default() };
        let sandbox = Sandbox::start(loopback, stand_in, Arc::clone(&clock)).await.map_err(Failed::Sandbox)?;
        let settings = match settings(format!("http://{}", sandbox.addr())) {
            Ok(settings) => settings,
            Err(complaints) => return complain(&complaints, err).map(|_| false).map_err(Failed::Print),
        };
        log::start_into(&settings.log, Mutex::new(File::create(data.join("demo.log"))?)).map_err(Failed::Log)?;
        let gateway = Gateway::start(settings, Arc::clone(&clock)).await?;
        let explained = day_through(&gateway, &sandbox, args, data, &clock, out, err).await;
        gateway.stop().await?;
        explained
    })?;
    let intact = matches!(verify(data), Ok(Report { bad: None, .. }));
    let word = if intact { "完整 intact" } else { "损坏 DAMAGED" };
    writeln!(out, "日志账 / the journal: {word}")?;
    if args.data.is_some() {
        let medgate = program();
        writeln!(out, "数据保留在 / data kept in {0}    {medgate} exchange find --data {0}", data.display())?;
    }
    Ok(if explained && intact { Exit::Done } else { Exit::Failed })
}

/// Plays; true when the books explain each other.
async fn day_through(
    gateway: &Gateway,
    sandbox: &Sandbox,
    args: &Args,
    data: &Path,
    clock: &Arc<dyn Clock>,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> Result<bool, Failed> {
    let day = Day {
        gateway: format!("http://{}", gateway.listen),
        sandbox: format!("http://{}", sandbox.addr()),
        admin: format!("http://{}", gateway.admin),
        token: fs::read_to_string(data.join("admin.token"))?,
        seed: args.seed,
        visits: args.visits,
        patience: Duration::from_secs(2),
        faults: !args.calm,
    };
    let report = tokio::select! {
        report = day::play(&day, Arc::clone(clock), out, err) => report?,
        _ = tokio::signal::ctrl_c() => return Err(Failed::Interrupted),
    };
    if !args.once {
        where_to_look(&day, data, args.data.is_some(), out)?;
        tokio::select! {
            ended = day::trickle(&day, Arc::clone(clock)) => ended?,
            _ = tokio::signal::ctrl_c() => writeln!(out)?,
        }
    }
    Ok(report.explained.is_good())
}

fn where_to_look(day: &Day, data: &Path, kept: bool, out: &mut dyn Write) -> io::Result<()> {
    let (admin, data, medgate) = (&day.admin, data.display(), program());
    let end = if kept { "" } else { " and removes the data (--data DIR keeps it)" };
    writeln!(out, "\n到处看看 / look around; visits go on trickling in; Ctrl-C ends it{end}:")?;
    for (what, how) in [
        ("HIS 入口 / the HIS calls", day.gateway.clone()),
        ("平台 / the platform", format!("{}/", day.sandbox)),
        ("指标 / metrics", format!("{admin}/metrics")),
        ("状态 / state", format!("{admin}/readyz?verbose")),
        (
            "未知 / unknowns",
            format!("curl -H \"Authorization: Bearer $(cat {data}/admin.token)\" {admin}/api/v1/unknowns"),
        ),
        ("未知的逐笔 / each of them", format!("{medgate} exchange find --outcome unknown --data {data}")),
        ("查询交易 / find", format!("{medgate} exchange find --infno 2207 --data {data}")),
        ("查看一笔 / show one", format!("{medgate} exchange show ID --data {data}")),
        ("看明文 / in clear", format!("{medgate} exchange show ID --reveal --data {data}")),
        ("日志账 / journal", format!("{medgate} journal show --data {data}")),
        ("程序日志 / log", format!("{data}/demo.log")),
    ] {
        writeln!(out, "  {what:<24} {how}")?;
    }
    out.flush()
}

/// This program as it was called.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "medgate".to_owned())
}

fn temporary() -> PathBuf {
    std::env::temp_dir().join(format!("medgate-demo-{}", std::process::id()))
}

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("cannot write")]
    Print(#[from] io::Error),
    #[error("the stand-in platform does not start: {0}")]
    Sandbox(crate::sandbox::StartError),
    #[error("the log does not start: {0}")]
    Log(log::StartError),
    #[error("the gateway: {0}")]
    Gateway(#[from] StartError),
    #[error("the day was not played to its end: {0}")]
    Day(#[from] DayError),
    #[error("interrupted")]
    Interrupted,
}
