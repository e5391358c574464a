//! /api/v1: every call carries the admin token, as `Authorization: Bearer …`.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::domain::moment::china_time;

use super::Console;
use super::insight::{Status, UnknownRow};

/// The routes below /api/v1; an unknown path asks for the token too.
pub(super) fn router(console: Console) -> Router<Console> {
    Router::new()
        .route("/status", get(status))
        .route("/unknowns", get(unknowns))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(console, guard))
}

async fn guard(State(console): State<Console>, request: Request, next: Next) -> Response {
    let said = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let token = said.and_then(|said| said.strip_prefix(b"Bearer ".as_slice()));
    if token.is_some_and(|token| console.token.opens(token)) {
        return next.run(request).await;
    }
    let how = "this call needs the token of DATA/admin.token as Authorization: Bearer TOKEN";
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], Json(json!({ "error": how }))).into_response()
}

async fn status(State(console): State<Console>) -> Json<Status> {
    Json(console.insight.status())
}

async fn unknowns(State(console): State<Console>) -> Json<Value> {
    let rows: Vec<Value> = console.insight.unknowns().iter().map(row).collect();
    Json(json!({ "count": rows.len(), "unknowns": rows }))
}

async fn nothing() -> (StatusCode, Json<Value>) {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "no such call; there are /api/v1/status and /api/v1/unknowns" })))
}

fn row(unknown: &UnknownRow) -> Value {
    json!({
        "seq": unknown.seq,
        "exchange": unknown.exchange,
        "infno": unknown.infno,
        "class": unknown.class,
        "cause": unknown.cause,
        "msgid": unknown.msgid,
        "at": china_time(unknown.at_unix_ns),
        "age_seconds": unknown.age_seconds,
    })
}
