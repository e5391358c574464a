//! Where commands meet the parts of the gateway: the only file of the commands that opens them.

use std::error::Error;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::Gateway;
use crate::config::Settings;
use crate::config::complaint::Complaint;
use crate::domain::clock::SystemClock;
use crate::profile::Profile;
use crate::profile::texts::Texts;

/// Runs the gateway until it is told to stop.
pub(super) fn serve(settings: Settings) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| chain(&error))?;
    runtime.block_on(run(settings)).map_err(|error| chain(&*error))
}

async fn run(settings: Settings) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let gateway = Gateway::start(settings, Arc::new(SystemClock::start())).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(gateway.stop().await?)
}

/// An error with its causes, on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // A transparent variant repeats its cause word for word.
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// What is wrong with the profile that the settings name.
pub(super) fn profile_complaints(settings: &Settings) -> Vec<Complaint> {
    let complaints = Profile::load(&settings.gateway.profile, &Texts::embedded()).err().unwrap_or_default();
    let as_setting = |complaint: crate::profile::complaint::Complaint| Complaint {
        place: format!("profiles/{}:{}", complaint.file, complaint.line),
        what: complaint.text,
        cure: complaint.cure,
    };
    complaints.into_iter().map(as_setting).collect()
}
