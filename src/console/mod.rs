//! Door: the admin port. Is it alive, is it ready, what does it count, what is open; loopback unless a site says otherwise.
//!
//! Has no state and no rules of its own: everything it shows comes through [`Insight`] and [`Lookup`].

mod answer; // Errors of the API as JSON.
mod api; // /api/v1: behind the tokens.
pub mod cases; // Cases.
pub mod erasure; // Erasing a visit.
pub mod insight; // What the gateway tells the admin port.
pub mod ledgers; // Sums of days, and the HIS's own ledger handed in.
mod listener; // A bounded number of connections.
pub mod lookup; // What may be looked up of single exchanges.
mod openapi; // The document of /api/v1.
pub mod persons; // Whose token is it.
mod probes; // /livez, /readyz, /metrics.
pub mod refused; // What rules refused a call for.
pub mod retention; // Archiving and trimming.
pub mod token; // The token files that open /api.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::telemetry::metrics::Metrics;

use insight::Insight;
use ledgers::Desk;
use lookup::Lookup;
use persons::Persons;
use token::AdminToken;

/// Questions that wait for the disk at the same time; the next one waits its turn.
pub const QUESTIONS_MAX: usize = 4;

/// What the admin port shows.
#[derive(Clone)]
pub struct Console {
    /// The gateway.
    pub insight: Arc<dyn Insight>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Single exchanges.
    pub lookup: Arc<dyn Lookup>,
    /// Ledgers.
    pub desk: Arc<dyn Desk>,
    /// Opens /api.
    pub token: Arc<AdminToken>,
    /// Opens /api and personal data.
    pub clear_token: Arc<AdminToken>,
    /// Opens /api in the name of one person.
    pub persons: Arc<Persons>,
    /// Questions that may wait for the disk: [`QUESTIONS_MAX`].
    pub turns: Arc<Semaphore>,
}

/// Serves until `stop`.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(listener: TcpListener, console: Console, stop: CancellationToken) -> io::Result<()> {
    let listener = listener::Bounded::new(listener);
    axum::serve(listener, router(console)).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn router(console: Console) -> Router {
    Router::new()
        .route("/livez", get(probes::livez))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(probes::metrics))
        .nest("/api/v1", api::router(console.clone()))
        .with_state(console)
}

#[cfg(test)]
mod tests;
