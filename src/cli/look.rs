//! Before a command shows personal data the look is in the journal: the running gateway writes it, or, when none runs, the
//! command opens the journal itself, writes it and closes it again. Where neither works nothing is shown.

use std::time::Duration;

use crate::config::Settings;
use crate::console::token::CLEAR_FILE_NAME;
use crate::domain::exchange::ExchangeId;
use crate::keys::{Sources, master};
use crate::views::look;

use super::admin_port::{Call, silent, token};
use super::own::with_journal;
use super::person::person;

const PATIENCE: Duration = Duration::from_secs(10);

/// Journals a look at each of the exchanges; `why` may be empty.
pub(super) fn announce(settings: &Settings, exchanges: &[ExchangeId], why: &str) -> Result<(), String> {
    let master =
        master::read(&settings.journal.master_key, &Sources::of_process()).map_err(|error| error.to_string())?;
    let here = with_journal(settings, &master, async |journal, clock| {
        for exchange in exchanges {
            let draft = look::draft(*exchange, &format!("command {}", person()), true, why, clock.unix_ns());
            journal.append(draft).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    });
    here?.unwrap_or_else(|| exchanges.iter().try_for_each(|exchange| by_gateway(settings, *exchange, why)))
}

fn by_gateway(settings: &Settings, exchange: ExchangeId, why: &str) -> Result<(), String> {
    let listen = settings.admin.listen.as_str();
    let token = token(&settings.gateway.data, CLEAR_FILE_NAME)?;
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
        Err(error) => Err(silent(listen, &error)),
    }
}
