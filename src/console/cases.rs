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
use super::api::{Asked, Bearer, Noted, may_reveal, off, pairs};
use super::lookup::{Cases, Looker};
use super::persons::is_plain_name;

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

/// What a person decides about a case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Decision {
    /// `assign`, `note`, `propose`, `approve` or `close`.
    pub step: String,
    /// Why, or what is remarked; it is journaled.
    pub reason: String,
    /// assign: who takes care of it.
    pub owner: String,
    /// propose: `reverse` (taken back at the platform) or `adopt` (booked in the HIS).
    pub end: String,
    /// approve: the record of the proposal.
    pub proposal: u64,
    /// close: what the proof proves of the platform: `did`, `did_not`, `undone`.
    pub platform: String,
    /// close: what it proves of the HIS: `booked`, `taken_back`, `has_not`.
    pub his: String,
    /// close: what the proof is: a letter and its number, a ledger and its row.
    pub proof: String,
}

/// A proposal in force, and what would leave.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub struct Preview {
    /// Its record, which an approval names.
    pub proposal: u64,
    /// `reverse` or `adopt`.
    pub end: String,
    /// 交易编号 that would leave.
    pub infno: String,
    /// Who proposed it; `medgate` for the gateway itself.
    pub proposed_by: String,
    /// How many persons must agree, the proposer included.
    pub persons: usize,
    /// The persons who stand behind it.
    pub agreed: Vec<String>,
    /// What it would do to both books.
    pub effect: String,
    /// Where the call would go.
    pub target: String,
    /// Its body as it would leave, before a signature.
    pub body: String,
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
    may_reveal(&bearer, true)?;
    let said = |text: &str| !text.trim().is_empty() && text.chars().count() <= REASON_CHARS_MAX;
    let good = |Json(asked): &Json<Lift>| said(&asked.reason) && is_plain_name(&asked.who);
    let Some(Json(asked)) = asked.ok().filter(good) else {
        let cure = "{\"who\": \"name\", \"reason\": \"why\"}";
        return Err(Failed::new(StatusCode::BAD_REQUEST, "body", "the body does not say who asks and why", cure));
    };
    let asked = Lift { who: format!("{} {}", bearer.name, asked.who), ..asked };
    off(&console, move |lookup| lookup.lift_fence(&id, &asked)).await.map(|seq| Json(Noted { seq }))
}

pub(super) async fn decide(
    State(console): State<Console>,
    Extension(bearer): Extension<Bearer>,
    Path(id): Path<String>,
    asked: Result<Json<Decision>, JsonRejection>,
) -> Result<Json<Noted>, Failed> {
    let who = is_person(&bearer)?;
    let bounded = |text: &String| text.chars().count() <= REASON_CHARS_MAX;
    let good = |Json(asked): &Json<Decision>| {
        [&asked.reason, &asked.owner, &asked.proof].into_iter().all(bounded) && !asked.reason.trim().is_empty()
    };
    let Some(Json(asked)) = asked.ok().filter(good) else {
        let cure = "{\"step\": \"note\", \"reason\": \"why\"}, each text of 200 characters at most";
        return Err(Failed::new(
            StatusCode::BAD_REQUEST,
            "body",
            "the body does not say what is decided and why",
            cure,
        ));
    };
    off(&console, move |lookup| lookup.decide(&id, &asked, &who)).await.map(|seq| Json(Noted { seq }))
}

pub(super) async fn preview(
    State(console): State<Console>,
    Extension(bearer): Extension<Bearer>,
    Path(id): Path<String>,
) -> Result<Json<Preview>, Failed> {
    let looker = Looker { who: is_person(&bearer)?, reveal: true, why: "preview of a proposal".to_owned() };
    off(&console, move |lookup| lookup.preview(&id, &looker)).await.map(Json)
}

/// Who decides about money says so with a token of their own: a shared one could be two persons at once.
fn is_person(bearer: &Bearer) -> Result<String, Failed> {
    let cure = "use the token of a [person.NAME] section; `medgate person new NAME` makes one";
    match bearer.is_person {
        true => Ok(bearer.name.to_string()),
        false => Err(Failed::new(StatusCode::FORBIDDEN, "header Authorization", "this token names no person", cure)),
    }
}
