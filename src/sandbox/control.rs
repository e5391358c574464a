//! `/_sandbox`: the script of faults, the ledger, the register. For tests and curious people, not for a HIS.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::faults::Script;
use super::ledger::known_numbers;
use super::platform::{Platform, json_reply, plain_reply};
use super::register::Line;
use super::spec;
use super::wire::{Content, Manner, Reply, Request};

const ROWS_DEFAULT: usize = 10_000;

const HELP: &str = "medgate-sandbox\n\
    GET    /                                       a page for people\n\
    GET    /_sandbox/ledger?from=0&limit=10000     what it really did: totals and settlement rows\n\
    GET    /_sandbox/requests?after=0&limit=10000  what arrived: counts, and a line for each request\n\
    GET    /_sandbox/totals?fixmedins_code=H99...  totals of one institution\n\
    GET    /_sandbox/body/<sm3 hex>                a request body that arrived\n\
    GET    /_sandbox/faults                        the script with its counts; DELETE clears it\n\
    POST   /_sandbox/faults                        a JSON list, e.g. [{\"infno\":\"2207\",\"nth\":3,\"fault\":\"commit_then_drop\"}]\n\
    \x20      conditions: infno msgid fixmedins_code nth (default 1) times (default 1, 0 = all)\n\
    \x20      faults: refuse | refuse_saying{err_msg,commit} | drop | reset | commit_then_drop | drop_then_commit{ms} | late{ms}\n\
    \x20              late_commit{ms} | half_answer | slow_drip{ms} | page_502{commit} | answer{status,content_type,body,commit} | close_after\n\
    GET    /_sandbox/temper                        what was drawn: cruelty, habits, shape (--temper SEED)\n\
    GET    /_sandbox/transactions                  the transactions that it performs\n\
    POST   /_sandbox/close-day                     everybody is signed out, catalogues get a new version\n\
    POST   /_sandbox/save                          writes the books to the file of --state\n\
    POST   /_sandbox/reset                         forgets everything\n\
    ANY    /_echo...?status=&ct=&chunked=1&h=Name:Value&bytes=&mb=&seed=&delay_ms=   the request body back, or one made to measure\n";

/// Answers a `/_sandbox` request.
pub(super) fn answer(platform: &Platform, request: &Request) -> Reply {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let number = |name: &str| parameter(query, name).and_then(|text| text.parse::<u64>().ok());
    let limit = number("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(ROWS_DEFAULT);
    match (request.method.as_str(), path) {
        ("GET", "/_sandbox/health") => plain_reply(200, "text/plain", "ok\n".to_string()),
        ("GET", "/_sandbox/ledger") => {
            let from = number("from").and_then(|from| usize::try_from(from).ok()).unwrap_or(0);
            json(&ledger(platform, from, limit))
        }
        ("GET", "/_sandbox/requests") => json(&requests(platform, number("after").unwrap_or(0), limit)),
        ("GET", "/_sandbox/totals") => {
            json(&platform.with_ledger(|ledger| json!(ledger.totals(parameter(query, "fixmedins_code")))))
        }
        ("GET", "/_sandbox/faults") => json(&json!(platform.books().script.entries())),
        ("DELETE", "/_sandbox/faults") => play(platform, Ok(Script::default())),
        ("POST", "/_sandbox/faults") => play(platform, Script::read(&request.body)),
        ("POST", "/_sandbox/close-day") => json(&platform.close_day()),
        ("POST", "/_sandbox/save") => match platform.save() {
            Ok(bytes) => json(&json!({"saved_bytes": bytes})),
            Err(why) => plain_reply(409, "text/plain; charset=utf-8", format!("{why}\n")),
        },
        ("GET", "/_sandbox/temper") => temper(platform),
        ("GET", "/_sandbox/transactions") => {
            let rows = known_numbers().map(|infno| json!({"infno": infno, "name": spec::name(infno)}));
            json(&rows.collect())
        }
        ("POST", "/_sandbox/reset") => {
            platform.reset();
            json(&json!({"reset": true}))
        }
        ("GET", path) if path.starts_with("/_sandbox/body/") => body(platform, &path["/_sandbox/body/".len()..]),
        _ => plain_reply(404, "text/plain; charset=utf-8", HELP.to_string()),
    }
}

fn play(platform: &Platform, script: Result<Script, String>) -> Reply {
    match script {
        Ok(script) => {
            let entries = script.entries().len();
            platform.play_script(script);
            json(&json!({"entries": entries}))
        }
        Err(why) => plain_reply(400, "text/plain; charset=utf-8", format!("{why}\n\n{HELP}")),
    }
}

fn temper(platform: &Platform) -> Reply {
    let settings = platform.settings();
    let drawn = platform.books().temper.as_ref().map(|temper| json!(temper));
    json(&json!({"drawn": drawn, "shape": settings.shape.name, "habits": settings.habits}))
}

fn ledger(platform: &Platform, from: usize, limit: usize) -> Value {
    let books = platform.books();
    let mut statement = books.ledger.statement(from, limit);
    statement["seed"] = json!(platform.settings().seed);
    statement["arrived"] = json!(books.register.arrived());
    statement["pending"] = json!(books.register.pending());
    statement
}

fn requests(platform: &Platform, after: u64, limit: usize) -> Value {
    let fixed = platform.fixed_counts();
    let books = platform.books();
    let register = &books.register;
    json!({
        "arrived": register.arrived(),
        "pending": register.pending(),
        "by_infno": register.by_infno(),
        "by_fault": register.by_fault(),
        "fixed": {
            "requests": fixed.requests.load(Ordering::Relaxed),
            "body_bytes": fixed.body_bytes.load(Ordering::Relaxed),
            "body_crc32c_sum": fixed.body_crc32c_sum.load(Ordering::Relaxed),
        },
        "requests": register.lines(after, limit).collect::<Vec<&Line>>(),
    })
}

fn body(platform: &Platform, sm3: &str) -> Reply {
    match platform.with_register(|register| register.body(sm3)) {
        Some(body) => {
            let headers = vec![("Content-Type".to_string(), "application/octet-stream".to_string())];
            Reply { status: 200, headers, body: Content::Bytes(body), manner: Manner::Whole }
        }
        None => plain_reply(404, "text/plain", "no such body, or kept no longer\n".to_string()),
    }
}

fn json(value: &Value) -> Reply {
    json_reply(value.to_string().into_bytes(), Manner::Whole)
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}
