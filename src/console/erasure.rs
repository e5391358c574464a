//! Erasing a visit through the admin port: what is asked, and what came of it.

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
/// Longest 就诊ID or institution code.
const CODE_CHARS_MAX: usize = 64;

/// Which visit is to be erased, who asks for it and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Erase {
    /// 就诊ID.
    pub visit: String,
    /// 定点医药机构编号, where several use the same number.
    #[serde(default)]
    pub institution: Option<String>,
    /// Why; it is journaled.
    pub reason: String,
    /// The person at the command line.
    pub who: String,
    /// Only says what would be erased.
    #[serde(default)]
    pub dry_run: bool,
}

/// What was erased, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Erased {
    /// Exchanges whose request and answers cannot be read any more.
    pub exchanges: usize,
    /// Key slots that were destroyed.
    pub slots: usize,
    /// Number of the Erasure record; none when nothing was done.
    pub record: Option<u64>,
    /// It was erased before, by that record.
    pub before: bool,
}

pub(super) async fn erase(
    State(console): State<Console>,
    Extension(bearer): Extension<Bearer>,
    asked: Result<Json<Erase>, JsonRejection>,
) -> Result<Json<Erased>, Failed> {
    may_reveal(&bearer, true)?;
    let said = |text: &str, chars_max| !text.trim().is_empty() && text.chars().count() <= chars_max;
    let good = |asked: &Erase| {
        said(&asked.visit, CODE_CHARS_MAX)
            && asked.institution.as_ref().is_none_or(|code| code.chars().count() <= CODE_CHARS_MAX)
            && said(&asked.reason, REASON_CHARS_MAX)
            && is_plain_name(&asked.who)
    };
    let Some(Json(asked)) = asked.ok().filter(|Json(asked)| good(asked)) else {
        let cure =
            "{\"visit\": \"mdtrt_id\", \"reason\": \"why\", \"who\": \"name\"}, perhaps with institution and dry_run";
        let what = "the body does not say which visit is to be erased, who asks for it and why";
        return Err(Failed::new(StatusCode::BAD_REQUEST, "body", what, cure));
    };
    let asked = Erase { who: format!("{} {}", bearer.name, asked.who), ..asked };
    off(&console, move |lookup| lookup.erase(&asked)).await.map(Json)
}
