//! `medgate serve`: settings, log, gateway; reads everything anew on SIGHUP, ends on SIGTERM or SIGINT.

use std::io::{self, Write};
use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{Gateway, StartError};
use crate::config::{self, Loaded, Told};
use crate::domain::causes::with_causes;
use crate::domain::clock::SystemClock;
use crate::telemetry::log;

use super::exit::Exit;
use super::told::{FileArg, SettingFlags, complain};

/// Run the gateway until SIGTERM or SIGINT. 运行网关
///
/// It takes the HIS's calls on --listen, journals each one in --data before it leaves, and sends it to --upstream.
/// SIGTERM lets running calls come to their end, then closes the journal; a second one does not wait for them. SIGHUP
/// reads settings, keys, profile and certificates anew: what does not hold is not taken, and what needs a restart is
/// named in the log.
///
/// Exit code 0: stopped by a signal, and the journal is closed; 1: it cannot run, and why; 78: the settings or the
/// profile do not hold.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate serve --upstream http://10.0.0.5:8080 --listen 0.0.0.0:8080 --data /var/lib/medgate\n  \
    medgate serve --config /etc/medgate.toml --log-format json\n  \
    MEDGATE__UPSTREAM__DEFAULT__ANSWER_MS=30000 medgate serve --config /etc/medgate.toml")]
pub(super) struct Args {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    flags: SettingFlags,
}

pub(super) fn run(args: Args, err: &mut dyn Write) -> io::Result<Exit> {
    let told = args.file.told(args.flags.list());
    let loaded = match config::load(&told) {
        Ok(loaded) => loaded,
        Err(complaints) => return complain(&complaints, err),
    };
    if let Err(error) = log::start(&loaded.settings.log) {
        writeln!(err, "{error}\n    cure: correct log.filter (or RUST_LOG)")?;
        return Ok(Exit::Settings);
    }
    for remark in &loaded.remarks {
        tracing::warn!(place = %remark.place, cure = %remark.cure, "{}", remark.what);
    }
    match tokio::runtime::Runtime::new()?.block_on(serve(loaded, told)) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            writeln!(err, "{}", with_causes(&error))?;
            Ok(if matches!(error, StartError::Profile { .. }) { Exit::Settings } else { Exit::Failed })
        }
    }
}

/// Runs the gateway until a signal; a second signal while it drains ends the process at once, which recovery repairs.
async fn serve(loaded: Loaded, told: Told) -> Result<(), StartError> {
    // Taken before the start, so that a signal during recovery is not lost.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut told_to_stop = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let gateway = Gateway::start_told(loaded, Some(told), Arc::new(SystemClock::start())).await?;
    tell_systemd(&[NotifyState::Ready]);
    loop {
        tokio::select! {
            biased;
            () = told_to_stop() => break,
            _ = hang_up.recv() => gateway.reload(),
        }
    }
    tell_systemd(&[NotifyState::Stopping]);
    tokio::select! {
        biased;
        stopped = gateway.stop() => stopped,
        () = told_to_stop() => {
            tracing::warn!("told twice to stop: what is under way is settled by the next start");
            Ok(())
        }
    }
}

/// For `Type=notify` of systemd; says nothing where nobody listens.
fn tell_systemd(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd does not listen");
    }
}
