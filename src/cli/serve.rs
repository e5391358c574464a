//! `medgate serve`: settings, log, gateway; reads certificates anew on SIGHUP, ends on SIGTERM or SIGINT.

use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{Gateway, StartError};
use crate::config::{self, Settings};
use crate::domain::clock::SystemClock;
use crate::telemetry::log;

use super::exit::Exit;
use super::told::{FileArg, SettingFlags, complain};

/// Run the gateway until SIGTERM or SIGINT. 运行网关
///
/// It takes the HIS's calls on --listen, journals each one in --data before it leaves, and sends it to --upstream.
/// SIGTERM lets running calls come to their end, then closes the journal; a second one does not wait for them. SIGHUP reads
/// the certificates anew.
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
    let loaded = match config::load(&args.file.told(args.flags.list())) {
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
    match tokio::runtime::Runtime::new()?.block_on(serve(loaded.settings)) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            writeln!(err, "{}", with_causes(&error))?;
            Ok(if matches!(error, StartError::Profile { .. }) { Exit::Settings } else { Exit::Failed })
        }
    }
}

/// Runs the gateway until a signal; a second signal while it drains ends the process at once, which recovery repairs.
async fn serve(settings: Settings) -> Result<(), StartError> {
    // Taken before the start, so that a signal during recovery is not lost.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut told_to_stop = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let gateway = Gateway::start(settings, Arc::new(SystemClock::start())).await?;
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

/// An error and what lies behind it, on one line.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(behind) = cause {
        // A transparent variant repeats its cause word for word.
        let said = behind.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = behind.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_what_lies_behind_it() {
        let error = StartError::Data { path: "d".to_owned(), source: io::Error::other("disk on fire") };
        assert_eq!(with_causes(&error), "could not make the data folder d: disk on fire");
        assert_eq!(with_causes(&StartError::Socket(io::Error::other("gone"))), "a socket failed: gone");
    }
}
