//! Door: the admin port. Is it alive, is it ready, what does it count, what is open; loopback unless a site says otherwise.
//!
//! Has no state and no rules of its own: everything it shows comes through [`Insight`].

mod api; // /api/v1: behind the token.
pub mod insight; // What the gateway tells the admin port.
mod listener; // A bounded number of connections.
mod probes; // /livez, /readyz, /metrics.
pub mod token; // The token file that opens /api.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::telemetry::metrics::Metrics;

use insight::Insight;
use token::AdminToken;

/// What the admin port shows.
#[derive(Clone)]
pub struct Console {
    /// The gateway.
    pub insight: Arc<dyn Insight>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Opens /api.
    pub token: Arc<AdminToken>,
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
