//! Cases through the admin port: the list, one of them, and the fence of one taken away.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Console;
use super::answer::Failed;
use super::api::{Asked, Bearer, Noted, is_plain_name, may_reveal, off, pairs};
use super::lookup::Cases;

/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 200;

/// Who lets similar settlements of the person pass again, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// The person at the command line.
    pub who: String,
    /// Why; it is journaled.
    pub reason: String,
}

pub(super) async fn cases(State(console): State<Console>, asked: Asked) -> Result<Json<Cases>, Failed> {
    let asked = pairs(asked)?;
    off(&console, move |lookup| lookup.cases(&asked)).await.map(Json)
}

pub(super) async fn case(State(console): State<Console>, Path(id): Path<String>) -> Result<Json<Value>, Failed> {
    off(&console, move |lookup| lookup.case(&id)).await.map(Json)
}

pub(super) async fn lift(
    State(console): State<Console>,
    Extension(bearer): Extension<Bearer>,
    Path(id): Path<String>,
    asked: Result<Json<Lift>, JsonRejection>,
) -> Result<Json<Noted>, Failed> {
    may_reveal(bearer, true)?;
    let said = |text: &str| !text.trim().is_empty() && text.chars().count() <= REASON_CHARS_MAX;
    let good = |Json(asked): &Json<Lift>| said(&asked.reason) && is_plain_name(&asked.who);
    let Some(Json(asked)) = asked.ok().filter(good) else {
        let cure = "{\"who\": \"name\", \"reason\": \"why\"}";
        return Err(Failed::new(StatusCode::BAD_REQUEST, "body", "the body does not say who asks and why", cure));
    };
    let asked = Lift { who: format!("{} {}", bearer.name, asked.who), ..asked };
    off(&console, move |lookup| lookup.lift_fence(&id, &asked)).await.map(|seq| Json(Noted { seq }))
}
