//! Before a command shows personal data the look is in the journal: the running gateway writes it, or, when none runs, the
//! command opens the journal itself, writes it and closes it again. Where neither works nothing is shown.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Settings;
use crate::console::token::CLEAR_FILE_NAME;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::exchange::ExchangeId;
use crate::journal::lock::LockError;
use crate::journal::{Journal, OpenError};
use crate::keys::{Sources, master};
use crate::views::look;

use super::admin_port::{Call, token};
use super::person::person;

const PATIENCE: Duration = Duration::from_secs(10);

/// Journals the look; `why` may be empty.
pub(super) fn announce(settings: &Settings, data: &Path, exchange: ExchangeId, why: &str) -> Result<(), String> {
    let clock = Arc::new(SystemClock::start());
    let master =
        master::read(&settings.journal.master_key, &Sources::of_process()).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    match runtime.block_on(async { Journal::open(&settings.journal, data, &master, clock.clone()) }) {
        Ok((journal, _)) => runtime.block_on(async {
            let draft = look::draft(exchange, &format!("command {}", person()), true, why, clock.unix_ns());
            let appended = journal.append(draft).await.map_err(|error| error.to_string());
            let closed = journal.close().await.map_err(|error| error.to_string());
            appended.and(closed)
        }),
        Err(OpenError::Lock(LockError::Held { .. })) => by_gateway(&settings.admin.listen, data, exchange, why),
        Err(error) => Err(error.to_string()),
    }
}

fn by_gateway(listen: &str, data: &Path, exchange: ExchangeId, why: &str) -> Result<(), String> {
    let token = token(data, CLEAR_FILE_NAME)?;
    let call = Call {
        listen,
        method: "POST",
        target: &format!("/api/v1/exchanges/{exchange}/looks"),
        token: Some(&token),
        body: &serde_json::json!({"who": person(), "why": why}).to_string(),
        patience: PATIENCE,
    };
    match call.ask() {
        Ok((200, _)) => Ok(()),
        Ok((status, body)) => Err(format!("the gateway at {listen} answers {status}: {body}")),
        Err(error) => Err(format!(
            "a gateway runs on this folder and does not answer at {listen}: {error}; name its admin port with --admin"
        )),
    }
}
