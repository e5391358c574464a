//! Archiving and trimming through the admin port: what is asked, and what came of it.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Console;
use super::answer::Failed;
use super::api::{Bearer, may_reveal, off};
use super::persons::is_plain_name;

/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 200;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Archive sealed segments.
    Archive,
    /// Let old segments leave the journal.
    Trim,
}

/// What is to be done, who asks for it and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// What.
    pub work: Work,
    /// Why; it is journaled.
    pub reason: String,
    /// The person at the command line.
    pub who: String,
    /// Only says what would be trimmed.
    #[serde(default)]
    pub dry_run: bool,
}

/// What was done, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Kept {
    /// Segments that were archived now.
    pub archived: Vec<u32>,
    /// Segments whose archive stood there already.
    pub archived_before: usize,
    /// Segments that left the journal, or would.
    pub trimmed: Vec<u32>,
    /// The record that the journal begins with now, or would.
    pub first: u64,
    /// Number of the record of a trim; none when nothing was trimmed.
    pub record: Option<u64>,
    /// Why no more, for people.
    pub stays: String,
}

pub(super) async fn keep(
    State(console): State<Console>,
    Extension(bearer): Extension<Bearer>,
    asked: Result<Json<Keep>, JsonRejection>,
) -> Result<Json<Kept>, Failed> {
    may_reveal(&bearer, true)?;
    let good = |asked: &Keep| {
        let reason = !asked.reason.trim().is_empty() && asked.reason.chars().count() <= REASON_CHARS_MAX;
        reason && is_plain_name(&asked.who)
    };
    let Some(Json(asked)) = asked.ok().filter(|Json(asked)| good(asked)) else {
        let cure = "{\"work\": \"archive\" or \"trim\", \"reason\": \"why\", \"who\": \"name\"}, perhaps with dry_run";
        let what = "the body does not say what is to be done, who asks for it and why";
        return Err(Failed::new(StatusCode::BAD_REQUEST, "body", what, cure));
    };
    let asked = Keep { who: format!("{} {}", bearer.name, asked.who), ..asked };
    off(&console, move |lookup| lookup.keep(&asked)).await.map(Json)
}
