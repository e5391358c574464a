//! /api/v1: every call carries a token, as `Authorization: Bearer …`. The table of calls makes the routes and the document.

use std::sync::Arc;

use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::HttpMethod;

use crate::domain::moment::china_time;

use super::answer::Failed;
use super::cases::{case, cases, decide, lift, preview};
use super::erasure::erase;
use super::insight::{Status, UnknownRow};
use super::ledgers::{import, import_view, reconcile, reconciled, submit, sums};
use super::lookup::{Exchanges, Looker, Lookup, Totals, Trouble, ViewsState};
use super::persons::is_plain_name;
use super::refused::refusal;
use super::retention::keep;
use super::{Console, openapi};

/// Longest reason of a look, in characters.
const WHY_CHARS_MAX: usize = 200;

/// One call of the API.
pub(super) struct Call {
    pub(super) method: HttpMethod,
    /// Below /api/v1.
    pub(super) path: &'static str,
    pub(super) about: &'static str,
    pub(super) asks: Asks,
    /// Name of the shape of the answer; empty: the shape of one exchange or case, which the gateway names.
    pub(super) answers: &'static str,
    route: fn() -> MethodRouter<Console>,
}

/// What a call may say beside its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    Nothing,
    Exchanges,
    Totals,
    Cases,
    Reveal,
    Look,
    Erase,
    Lift,
    Decide,
    Keep,
    Days,
    File,
    View,
}

/// Every call.
#[rustfmt::skip]
pub(super) const CALLS: &[Call] = &[
    Call { method: HttpMethod::Get, path: "/status", asks: Asks::Nothing, answers: "Status", route: || get(status),
        about: "What runs, and how it is doing" },
    Call { method: HttpMethod::Get, path: "/unknowns", asks: Asks::Nothing, answers: "Unknowns", route: || get(unknowns),
        about: "Exchanges that may have changed something and whose outcome is unknown, oldest first (no queries, no trials); 结果未知的交易" },
    Call { method: HttpMethod::Get, path: "/exchanges", asks: Asks::Exchanges, answers: "Exchanges", route: || get(exchanges),
        about: "Search exchanges, page by page; 查询交易" },
    Call { method: HttpMethod::Get, path: "/exchanges/{id}", asks: Asks::Reveal, answers: "", route: || get(exchange),
        about: "One exchange raw and decoded, with its timeline; the look is journaled; 交易详情" },
    Call { method: HttpMethod::Post, path: "/exchanges/{id}/looks", asks: Asks::Look, answers: "Noted", route: || post(look),
        about: "Journal a look that is about to be taken by other means; needs the token that may see personal data" },
    Call { method: HttpMethod::Get, path: "/totals", asks: Asks::Totals, answers: "Totals", route: || get(totals),
        about: "Sums by day, transaction, class and outcome, money exact; 汇总" },
    Call { method: HttpMethod::Get, path: "/cases", asks: Asks::Cases, answers: "Cases", route: || get(cases),
        about: "Exchanges of which platform and HIS may not hold the same, oldest first; 单边账案件" },
    Call { method: HttpMethod::Get, path: "/cases/{id}", asks: Asks::Nothing, answers: "", route: || get(case),
        about: "One case: both sides, what is at stake, what is to be done; its timeline stands in the exchange of the same id; 案件详情" },
    Call { method: HttpMethod::Post, path: "/cases/{id}/lifts", asks: Asks::Lift, answers: "Noted", route: || post(lift),
        about: "Let similar settlements of the person pass again, although this one is not known to the HIS; needs the token that may see personal data; 解除拦截" },
    Call { method: HttpMethod::Get, path: "/refusals/{number}", asks: Asks::Nothing, answers: "RefusedCall", route: || get(refusal),
        about: "Everything that rules refused a call for, by the number that stands in its err_msg (全部见编号…); 规则拦截明细" },
    Call { method: HttpMethod::Get, path: "/ledgers", asks: Asks::Days, answers: "Sums", route: || get(sums),
        about: "What was settled and refunded on a day or in a month, by clearing dimensions; 结算汇总" },
    Call { method: HttpMethod::Get, path: "/differences", asks: Asks::Days, answers: "Reconciled", route: || get(reconciled),
        about: "How the ledgers of a day or a month stand to each other, as the last runs found; 对账差异" },
    Call { method: HttpMethod::Post, path: "/reconciliations", asks: Asks::Days, answers: "Reconciled", route: || post(reconcile),
        about: "Lay the ledgers of a day or a month beside each other now; what a ledger of the HIS proves is journaled; 对账" },
    Call { method: HttpMethod::Post, path: "/statements", asks: Asks::Days, answers: "Submitted", route: || post(submit),
        about: "Ask the platform for its own lists of closed days (3201; where sums differ or a doubt waits: 9101, 3202, 9102); 提交对账" },
    Call { method: HttpMethod::Post, path: "/his-ledgers", asks: Asks::File, answers: "Imported", route: || post(import),
        about: "Hand in the HIS's own ledger of a day, a CSV or XLSX file as it is: all of it is taken, or nothing; 导入院内账" },
    Call { method: HttpMethod::Post, path: "/his-view-readings", asks: Asks::View, answers: "Imported", route: || post(import_view),
        about: "Read the HIS's own ledger of a day from the view in its database, [his_view]: all of it is taken, or nothing; 从视图读取院内账" },
    Call { method: HttpMethod::Post, path: "/cases/{id}/decisions", asks: Asks::Decide, answers: "Noted", route: || post(decide),
        about: "Assign, remark, propose, approve or close with proof; needs the token of a person; 案件处理" },
    Call { method: HttpMethod::Get, path: "/cases/{id}/proposal", asks: Asks::Nothing, answers: "Preview", route: || get(preview),
        about: "What is proposed: the bytes that would leave, and what it does to both books; needs the token of a person, and the look is journaled; 提案预览" },
    Call { method: HttpMethod::Get, path: "/views", asks: Asks::Nothing, answers: "ViewsState", route: || get(views),
        about: "How far the views follow the journal" },
    Call { method: HttpMethod::Post, path: "/views/rebuild", asks: Asks::Nothing, answers: "ViewsState", route: || post(rebuild),
        about: "Build the views anew from the journal" },
    Call { method: HttpMethod::Post, path: "/erasures", asks: Asks::Erase, answers: "Erased", route: || post(erase),
        about: "Erase a visit: the keys of its exchanges are destroyed, its records stay; needs the token that may see personal data; 清除就诊" },
    Call { method: HttpMethod::Post, path: "/retention", asks: Asks::Keep, answers: "Kept", route: || post(keep),
        about: "Archive sealed segments, or let old ones leave the journal; needs the token that may see personal data; 归档与清理账本" },
    Call { method: HttpMethod::Get, path: "/openapi.json", asks: Asks::Nothing, answers: "Document", route: || get(document),
        about: "This document" },
];

/// The routes below /api/v1; an unknown path asks for the token too.
pub(super) fn router(console: Console) -> Router<Console> {
    let routes = CALLS.iter().fold(Router::new(), |router, call| router.route(call.path, (call.route)()));
    routes.fallback(nothing).method_not_allowed_fallback(nothing).layer(middleware::from_fn_with_state(console, guard))
}

/// What the token of a call may do.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    /// `admin`, `admin-clear`, or the person's own name.
    pub(super) name: Arc<str>,
    /// May see personal data.
    clear: bool,
    /// A token that one person has.
    pub(super) is_person: bool,
}

async fn guard(State(console): State<Console>, mut request: Request, next: Next) -> Response {
    let said = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let token = said.and_then(|said| said.strip_prefix(b"Bearer ".as_slice())).unwrap_or_default();
    // Both are compared, so that the time tells nothing.
    let bearer = match (console.token.opens(token), console.clear_token.opens(token), console.persons.named(token)) {
        (_, true, _) => Bearer { name: Arc::from("admin-clear"), clear: true, is_person: false },
        (true, false, _) => Bearer { name: Arc::from("admin"), clear: false, is_person: false },
        (false, false, Some(name)) => Bearer { name, clear: false, is_person: true },
        (false, false, None) => {
            let cure = "send the token of DATA/admin.token as Authorization: Bearer TOKEN";
            return Failed::new(StatusCode::UNAUTHORIZED, "header Authorization", "this call needs a token", cure)
                .into_response();
        }
    };
    request.extensions_mut().insert(bearer);
    next.run(request).await
}

/// Runs a question off the runtime, a few at a time.
pub(super) async fn off<T: Send + 'static>(
    console: &Console,
    question: impl FnOnce(&dyn Lookup) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Failed> {
    let lookup = Arc::clone(&console.lookup);
    in_turn(console, move || question(&*lookup)).await
}

/// The same of a question that knows whom it asks.
pub(super) async fn in_turn<T: Send + 'static>(
    console: &Console,
    question: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Failed> {
    let panicked = || Failed::from(Trouble::NotNow("the question could not be answered".to_owned()));
    let turn = Arc::clone(&console.turns).acquire_owned().await.map_err(|_| panicked())?;
    let answered = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        question()
    });
    answered.await.map_err(|_| panicked())?.map_err(Failed::from)
}

async fn status(State(console): State<Console>) -> Json<Status> {
    Json(console.insight.status())
}

/// Exchanges whose outcome is unknown.
#[derive(Serialize, ToSchema)]
pub(super) struct Unknowns {
    /// How many are listed.
    count: usize,
    /// One object each: `seq`, `exchange`, `infno`, `class`, `cause`, `msgid`, `at`, `age_seconds`.
    #[schema(value_type = Vec<Object>)]
    unknowns: Vec<Value>,
}

async fn unknowns(State(console): State<Console>) -> Json<Unknowns> {
    let unknowns: Vec<Value> = console.insight.unknowns().iter().map(row).collect();
    Json(Unknowns { count: unknowns.len(), unknowns })
}

pub(super) type Asked = Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>;

pub(super) fn pairs(asked: Asked) -> Result<Vec<(String, String)>, Failed> {
    let wrong = |_| Failed::new(StatusCode::BAD_REQUEST, "query", "the query cannot be read", "name=value&name=value");
    asked.map(|Query(pairs)| pairs).map_err(wrong)
}

async fn exchanges(State(console): State<Console>, asked: Asked) -> Result<Json<Exchanges>, Failed> {
    let asked = pairs(asked)?;
    off(&console, move |lookup| lookup.exchanges(&asked)).await.map(Json)
}

async fn totals(State(console): State<Console>, asked: Asked) -> Result<Json<Totals>, Failed> {
    let asked = pairs(asked)?;
    off(&console, move |lookup| lookup.totals(&asked)).await.map(Json)
}

#[derive(Deserialize)]
struct Reveal {
    #[serde(default)]
    reveal: bool,
}

async fn exchange(
    State(console): State<Console>,
    Extension(bearer): Extension<Bearer>,
    Path(id): Path<String>,
    asked: Result<Query<Reveal>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Failed> {
    let Ok(Query(Reveal { reveal })) = asked else {
        return Err(Failed::new(
            StatusCode::BAD_REQUEST,
            "reveal",
            "`reveal` is neither true nor false",
            "reveal=true",
        ));
    };
    may_reveal(&bearer, reveal)?;
    let looker = Looker { who: bearer.name.to_string(), reveal, why: String::new() };
    off(&console, move |lookup| lookup.exchange(&id, &looker)).await.map(Json)
}

pub(super) fn may_reveal(bearer: &Bearer, reveal: bool) -> Result<(), Failed> {
    let cure = "use the token of DATA/admin-clear.token; each use is journaled";
    match reveal && !bearer.clear {
        true => Err(Failed::new(StatusCode::FORBIDDEN, "reveal", "this token may not see personal data", cure)),
        false => Ok(()),
    }
}

/// Who is about to look.
#[derive(Deserialize, ToSchema)]
pub(super) struct Look {
    /// The person at the command line.
    who: String,
    /// Why, where it is carried away.
    #[serde(default)]
    why: String,
}

/// The look is in the journal.
#[derive(Serialize, ToSchema)]
pub(super) struct Noted {
    /// Number of its record.
    pub(super) seq: u64,
}

async fn look(
    State(console): State<Console>,
    Extension(bearer): Extension<Bearer>,
    Path(id): Path<String>,
    asked: Result<Json<Look>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Noted>, Failed> {
    may_reveal(&bearer, true)?;
    let fits = |look: &Look| is_plain_name(&look.who) && look.why.chars().count() <= WHY_CHARS_MAX;
    let Some(Json(Look { who, why })) = asked.ok().filter(|Json(look)| fits(look)) else {
        let cure = "{\"who\": \"name\"}, letters, digits and -_.@ only";
        return Err(Failed::new(StatusCode::BAD_REQUEST, "body", "the body does not say who looks", cure));
    };
    let looker = Looker { who: format!("{} {who}", bearer.name), reveal: true, why };
    off(&console, move |lookup| lookup.note_look(&id, &looker)).await.map(|seq| Json(Noted { seq }))
}

async fn views(State(console): State<Console>) -> Json<ViewsState> {
    Json(console.lookup.views())
}

async fn rebuild(State(console): State<Console>) -> Result<Json<ViewsState>, Failed> {
    match console.lookup.rebuild_views() {
        true => Ok(Json(console.lookup.views())),
        false => Err(Trouble::NotNow("this gateway keeps no views (views.follow = false)".to_owned()).into()),
    }
}

async fn document(State(console): State<Console>) -> Json<utoipa::openapi::OpenApi> {
    Json(openapi::document(&console.lookup.described()))
}

async fn nothing() -> Failed {
    let calls: Vec<_> = CALLS.iter().map(|call| format!("/api/v1{}", call.path)).collect();
    Failed::new(StatusCode::NOT_FOUND, "path", "there is no such call", &format!("there are: {}", calls.join(", ")))
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
