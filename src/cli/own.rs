//! A command that writes into the journal: it opens the journal itself when no gateway holds it.

use std::sync::Arc;

use crate::config::Settings;
use crate::domain::clock::{Clock, SystemClock};
use crate::journal::lock::LockError;
use crate::journal::master::Master;
use crate::journal::{Journal, OpenError};

/// Opens the journal, lets `work` use it and closes it; `None` when a gateway holds it: ask the gateway then.
///
/// What `work` says counts before what the closing says: the next start mends a journal that was not closed.
///
/// # Errors
/// When the journal does not open, or does not close.
pub(super) fn with_journal<T, E>(
    settings: &Settings,
    master: &Master,
    work: impl AsyncFnOnce(&Journal, &dyn Clock) -> Result<T, E>,
) -> Result<Option<Result<T, E>>, String> {
    let clock = Arc::new(SystemClock::start());
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let journal = match Journal::open(&settings.journal, &settings.gateway.data, master, clock.clone()) {
            Ok((journal, _)) => journal,
            Err(OpenError::Lock(LockError::Held { .. })) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let done = work(&journal, &*clock).await;
        let closed = journal.close().await.map_err(|error| error.to_string());
        if done.is_ok() {
            closed?;
        }
        Ok(Some(done))
    })
}
