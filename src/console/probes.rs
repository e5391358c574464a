//! /livez, /readyz and /metrics: open to whoever reaches the admin port.

use std::fmt::Write as _;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::Console;

const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The process runs its tasks.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// 200 when every check holds, else 503 with the ones that do not; `?verbose` lists them all, warnings as `[!]`.
pub(super) async fn readyz(State(console): State<Console>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let verbose = query.is_some_and(|query| query.split('&').any(|part| part.split('=').next() == Some("verbose")));
    let checks = console.insight.ready();
    let ready = checks.iter().all(|check| check.ok);
    let mut text = String::new();
    for check in checks.iter().filter(|check| verbose || !check.ok) {
        let mark = match (check.ok, check.warns) {
            (false, _) => "[-]",
            (true, true) => "[!]",
            (true, false) => "[+]",
        };
        let _ = writeln!(text, "{mark} {}: {}", check.name, check.detail);
    }
    text.push_str(if ready { "ready\n" } else { "not ready\n" });
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
}

/// The counters, in the exposition format.
pub(super) async fn metrics(State(console): State<Console>) -> impl IntoResponse {
    let text = console.metrics.sampled(|metrics| console.insight.sample(metrics));
    ([(header::CONTENT_TYPE, METRICS_TYPE)], text)
}
