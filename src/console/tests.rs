//! The admin port over real sockets.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::cases::{Decision, Lift, Preview};
use super::erasure::{Erase, Erased};
use super::insight::{Check, Status, UnknownRow};
use super::ledgers::{HisLedger, Imported, Reconciled, Submitted, Sums};
use super::lookup::{Cases, Described, Exchanges, Looker, Parameter, Totals, Trouble, ViewsState};
use super::persons::{Persons, sm3_hex};
use super::refused::RefusedCall;
use super::retention::{Keep, Kept, Work};
use super::*;

#[derive(Default)]
struct Gateway {
    broken: AtomicBool,
}

impl Insight for Gateway {
    fn ready(&self) -> Vec<Check> {
        let ok = !self.broken.load(Ordering::SeqCst);
        let journal =
            Check { name: "journal", ok, warns: false, detail: if ok { "open" } else { "no room" }.to_owned() };
        vec![journal, Check { name: "profile", ok: true, warns: false, detail: "baseline".to_owned() }]
    }

    fn unknowns(&self) -> Vec<UnknownRow> {
        vec![UnknownRow {
            seq: 7,
            exchange: "019a".to_owned(),
            infno: "2207".to_owned(),
            class: "money",
            cause: "timed_out",
            msgid: "H1".to_owned(),
            at_unix_ns: 0,
            age_seconds: 61,
        }]
    }

    fn status(&self) -> Status {
        Status {
            version: "0",
            profile: "baseline".to_owned(),
            up_seconds: 1,
            journal: "open".to_owned(),
            durable_seq: 9,
            in_flight: 0,
            unknown_open: 1,
            upstreams: vec!["default".to_owned()],
        }
    }

    fn sample(&self, metrics: &Metrics) {
        metrics.unknown_open.set(1);
    }
}

impl Desk for Gateway {
    fn sums(&self, asked: &[(String, String)]) -> Result<Sums, Trouble> {
        Ok(Sums { first: asked[0].1.clone(), last: String::new(), sums: Vec::new(), position: 1 })
    }

    fn import(&self, asked: &HisLedger, file: &mut dyn Read) -> Result<Imported, Trouble> {
        let mut text = String::new();
        let read = file.read_to_string(&mut text).map_err(|error| Trouble::NotNow(error.to_string()))?;
        let said = [asked.date.as_str(), "2026-11-21", asked.who.as_str(), "admin officer-1"];
        let good = said[0] == said[1] && said[2] == said[3] && text.starts_with("row\nrow\n");
        let rows = if good { read as u64 } else { 0 };
        Ok(Imported { record: 7, before: false, rows, replaces: None })
    }

    fn import_view(&self, asked: &HisLedger) -> Result<Imported, Trouble> {
        match asked.date.as_str() {
            "2026-11-21" => Ok(Imported { record: 8, before: false, rows: asked.who.len() as u64, replaces: None }),
            _ => Err(Trouble::NotNow("连不上院内数据库".to_owned())),
        }
    }

    fn reconciled(&self, _: &[(String, String)]) -> Result<Reconciled, Trouble> {
        Ok(Reconciled { days: Vec::new(), differences: Vec::new() })
    }

    fn submit(&self, _: &[(String, String)]) -> Result<Submitted, Trouble> {
        Ok(Submitted { statements: Vec::new() })
    }

    fn reconcile(&self, asked: &[(String, String)]) -> Result<Reconciled, Trouble> {
        self.reconciled(asked)
    }
}

impl Lookup for Gateway {
    fn exchanges(&self, asked: &[(String, String)]) -> Result<Exchanges, Trouble> {
        match asked {
            [] => Ok(Exchanges { exchanges: Vec::new(), next: None, position: 9 }),
            [(place, _), ..] => Err(Trouble::Asked { place: place.clone(), what: "bad".into(), cure: "good".into() }),
        }
    }

    fn totals(&self, _: &[(String, String)]) -> Result<Totals, Trouble> {
        Err(Trouble::NotNow("no views".to_owned()))
    }

    fn exchange(&self, id: &str, looker: &Looker) -> Result<serde_json::Value, Trouble> {
        match id {
            "019a" => Ok(serde_json::json!({ "who": looker.who, "revealed": looker.reveal })),
            _ => Err(Trouble::NotFound("nobody".to_owned())),
        }
    }

    fn note_look(&self, _: &str, looker: &Looker) -> Result<u64, Trouble> {
        assert_eq!(looker.who, "admin-clear wang");
        Ok(11)
    }

    fn keep(&self, asked: &Keep) -> Result<Kept, Trouble> {
        match asked.work {
            Work::Archive => Ok(Kept { archived: vec![1], ..Kept::default() }),
            Work::Trim => Err(Trouble::Refused { what: "young".to_owned(), cure: "wait" }),
        }
    }

    fn erase(&self, asked: &Erase) -> Result<Erased, Trouble> {
        assert_eq!(asked.who, "admin-clear uid-0.wang");
        match asked.visit.as_str() {
            "V1" => Ok(Erased { exchanges: 3, slots: 3, record: Some(12), before: false }),
            _ => Err(Trouble::Refused { what: "still needed".to_owned(), cure: "wait" }),
        }
    }

    fn cases(&self, _: &[(String, String)]) -> Result<Cases, Trouble> {
        Ok(Cases { cases: Vec::new(), position: 9 })
    }

    fn case(&self, _: &str) -> Result<serde_json::Value, Trouble> {
        Err(Trouble::NotFound("no case".to_owned()))
    }

    fn refusal(&self, reference: u64) -> Result<RefusedCall, Trouble> {
        Err(Trouble::NotFound(format!("{reference} refused nothing")))
    }

    fn lift_fence(&self, id: &str, asked: &Lift) -> Result<u64, Trouble> {
        assert_eq!((id, asked.who.as_str()), ("019a", "admin-clear wang"));
        Ok(13)
    }

    fn decide(&self, id: &str, asked: &Decision, who: &str) -> Result<u64, Trouble> {
        assert_eq!((id, asked.step.as_str(), who), ("019a", "note", "li.na"));
        Ok(14)
    }

    fn preview(&self, _: &str, looker: &Looker) -> Result<Preview, Trouble> {
        assert_eq!((looker.who.as_str(), looker.reveal), ("li.na", true));
        Err(Trouble::NotFound("nothing is proposed".to_owned()))
    }

    fn views(&self) -> ViewsState {
        ViewsState { state: "following", position: 9, durable: 9, rebuilds: 0, capacity_records_per_second: 1 }
    }

    fn rebuild_views(&self) -> bool {
        true
    }

    fn described(&self) -> Described {
        let infno = Parameter { name: "infno", about: "number".to_owned(), words: Vec::new() };
        let shape = utoipa::openapi::ObjectBuilder::new().into();
        Described {
            exchanges: vec![infno],
            totals: Vec::new(),
            exchange: "One",
            cases: Vec::new(),
            case: "One",
            shapes: vec![("One".into(), shape)],
        }
    }
}

/// The token of a person.
const PERSON: &str = "a-token-that-only-li-na-has";

struct Running {
    at: std::net::SocketAddr,
    gateway: Arc<Gateway>,
    token: String,
    clear: String,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    async fn start() -> Running {
        let data = tempfile::tempdir().unwrap();
        let open = |name| Arc::new(AdminToken::open(data.path(), name).unwrap());
        let (token, clear_token) = (open(token::FILE_NAME), open(token::CLEAR_FILE_NAME));
        let text = |name| std::fs::read_to_string(data.path().join(name)).unwrap().trim().to_owned();
        let (text, clear) = (text(token::FILE_NAME), text(token::CLEAR_FILE_NAME));
        let gateway = Arc::new(Gateway::default());
        let metrics = Arc::new(Metrics::new("baseline", ["2207"]));
        let (insight, lookup) = (gateway.clone(), gateway.clone());
        let turns = Arc::new(Semaphore::new(QUESTIONS_MAX));
        let persons = Arc::new(Persons::of([("li.na", sm3_hex(PERSON.as_bytes()).as_str())].into_iter()));
        let desk = gateway.clone();
        let console = Console { insight, lookup, desk, metrics, token, clear_token, persons, turns };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let task = tokio::spawn(serve(listener, console, stop.clone()));
        Running { at, gateway, token: text, clear, stop, task }
    }

    /// Status and whole answer of one GET.
    async fn ask(&self, target: &str, authorization: &str) -> (u16, String) {
        self.say("GET", target, authorization, "").await
    }

    async fn say(&self, method: &str, target: &str, authorization: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        let length = body.len();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{authorization}\r\n{body}"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn probes_tell_alive_from_ready() {
    let running = Running::start().await;
    assert_eq!(running.ask("/livez", "").await.0, 200);
    let (status, answer) = running.ask("/readyz", "").await;
    assert!(status == 200 && answer.ends_with("\r\n\r\nready\n"), "{answer}");
    let (_, answer) = running.ask("/readyz?verbose", "").await;
    assert!(answer.ends_with("[+] journal: open\n[+] profile: baseline\nready\n"), "{answer}");
    running.gateway.broken.store(true, Ordering::SeqCst);
    let (status, answer) = running.ask("/readyz", "").await;
    assert!(status == 503 && answer.ends_with("\r\n\r\n[-] journal: no room\nnot ready\n"), "{answer}");
    assert_eq!(running.ask("/livez", "").await.0, 200);
    running.end().await;
}

#[tokio::test]
async fn only_a_person_decides_about_a_case() {
    let running = Running::start().await;
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let note = r#"{"step": "note", "reason": "called the bureau"}"#;
    for token in [&running.token, &running.clear] {
        let (status, answer) = running.say("POST", "/api/v1/cases/019a/decisions", &bearer(token), note).await;
        assert!(status == 403 && answer.contains("names no person"), "{answer}");
        assert_eq!(running.ask("/api/v1/cases/019a/proposal", &bearer(token)).await.0, 403);
    }
    let (status, answer) = running.say("POST", "/api/v1/cases/019a/decisions", &bearer(PERSON), note).await;
    assert!(status == 200 && answer.contains("14"), "{answer}");
    assert_eq!(running.ask("/api/v1/cases/019a/proposal", &bearer(PERSON)).await.0, 404);
    for wrong in ["", "{}", r#"{"step": "note"}"#, r#"{"step": "note", "reason": "why", "whom": "me"}"#] {
        let (status, answer) = running.say("POST", "/api/v1/cases/019a/decisions", &bearer(PERSON), wrong).await;
        assert!(status == 400 && answer.contains("what is decided and why"), "{wrong}: {answer}");
    }
    let (status, _) = running.say("POST", "/api/v1/erasures", &bearer(PERSON), "{}").await;
    assert_eq!(status, 403, "a person's token opens no personal data");
    running.end().await;
}

#[tokio::test]
async fn metrics_are_sampled_and_rendered() {
    let running = Running::start().await;
    let (status, answer) = running.ask("/metrics", "").await;
    assert!(status == 200 && answer.contains("text/plain; version=0.0.4"), "{answer}");
    assert!(answer.contains("\nmedgate_unknown_open 1\n"), "{answer}");
    running.end().await;
}

#[tokio::test]
async fn the_api_opens_to_its_token_only() {
    let running = Running::start().await;
    let right = format!("authorization: Bearer {}\r\n", running.token);
    let wrong = format!("authorization: Bearer {}0\r\n", running.token);
    let basic = format!("authorization: Basic {}\r\n", running.token);
    for target in ["/api/v1/status", "/api/v1/unknowns", "/api/v1/other"] {
        for said in ["", "authorization: Bearer \r\n", &wrong, &basic] {
            assert_eq!(running.ask(target, said).await.0, 401, "{target} {said}");
        }
    }
    let (status, answer) = running.ask("/api/v1/unknowns", &right).await;
    assert!(status == 200 && answer.contains(r#""count":1"#), "{answer}");
    assert!(answer.contains(r#""infno":"2207""#) && answer.contains("1970-01-01T08:00:00.000+08:00"), "{answer}");
    let (status, answer) = running.ask("/api/v1/status", &right).await;
    assert!(status == 200 && answer.contains(r#""durable_seq":9"#), "{answer}");
    assert_eq!(running.ask("/api/v1/other", &right).await.0, 404);
    running.end().await;
}

#[tokio::test]
async fn a_wrong_question_is_told_its_place_and_cure() {
    let running = Running::start().await;
    let right = format!("authorization: Bearer {}\r\n", running.token);
    let rows = [
        ("/api/v1/exchanges", 200, "\"position\":9"),
        ("/api/v1/exchanges?class=x", 400, r#"{"error":"bad","place":"class","cure":"good"}"#),
        ("/api/v1/exchanges/none", 404, r#""place":"path""#),
        ("/api/v1/exchanges/019a?reveal=maybe", 400, r#""place":"reveal""#),
        ("/api/v1/totals", 503, "no views"),
        ("/api/v1/nothing", 404, "/api/v1/openapi.json"),
    ];
    for (target, status, part) in rows {
        let (got, answer) = running.ask(target, &right).await;
        assert!(got == status && answer.contains(part), "{target}: {answer}");
    }
    assert_eq!(running.say("POST", "/api/v1/status", &right, "").await.0, 404, "a method that is not there");
    assert!(running.say("POST", "/api/v1/views/rebuild", &right, "").await.1.contains("following"));
    running.end().await;
}

#[tokio::test]
async fn only_the_token_that_may_see_personal_data_reveals() {
    let running = Running::start().await;
    let right = |token: &str| format!("authorization: Bearer {token}\r\n");
    let (plain, clear) = (right(&running.token), right(&running.clear));
    let one = "/api/v1/exchanges/019a";
    assert!(running.ask(one, &plain).await.1.contains(r#"{"who":"admin","revealed":false}"#));
    assert!(running.ask(one, &clear).await.1.contains(r#"{"who":"admin-clear","revealed":false}"#));
    let revealing = format!("{one}?reveal=true");
    assert!(running.ask(&revealing, &clear).await.1.contains(r#"{"who":"admin-clear","revealed":true}"#));
    assert_eq!(running.ask(&revealing, &plain).await.0, 403);
    let looks = format!("{one}/looks");
    assert!(running.say("POST", &looks, &clear, r#"{"who":"wang"}"#).await.1.contains(r#"{"seq":11}"#));
    assert_eq!(running.say("POST", &looks, &clear, r#"{"who":"a b"}"#).await.0, 400);
    assert_eq!(running.say("POST", &looks, &plain, r#"{"who":"wang"}"#).await.0, 403);
    running.end().await;
}

#[tokio::test]
async fn a_visit_is_erased_by_the_stronger_token_alone_and_only_when_all_is_said() {
    let running = Running::start().await;
    let right = |token: &str| format!("authorization: Bearer {token}\r\n");
    let (plain, clear) = (right(&running.token), right(&running.clear));
    let body =
        |visit: &str, more: &str| format!(r#"{{"visit":"{visit}","reason":"ticket 81","who":"uid-0.wang"{more}}}"#);
    let rows = [
        (&plain, body("V1", ""), 403, "this token may not"),
        (&clear, body("V1", ""), 200, r#"{"exchanges":3,"slots":3,"record":12,"before":false}"#),
        (&clear, body("V1", r#","dry_run":true,"institution":"H1""#), 200, "exchanges"),
        (&clear, body("V2", ""), 409, "still needed"),
        (&clear, body("", ""), 400, "which visit"),
        (&clear, body("V1", r#","dryrun":true"#), 400, "which visit"),
        (&clear, r#"{"visit":"V1","who":"uid-0.wang"}"#.to_owned(), 400, "which visit"),
        (&clear, r#"{"visit":"V1","reason":"x","who":"a b"}"#.to_owned(), 400, "which visit"),
    ];
    for (token, body, status, part) in rows {
        let (got, answer) = running.say("POST", "/api/v1/erasures", token, &body).await;
        assert!(got == status && answer.contains(part), "{body}: {answer}");
    }
    running.end().await;
}

#[test]
fn the_document_holds_every_call_and_every_shape_that_it_names() {
    let document = serde_json::to_value(openapi::document(&Gateway::default().described())).unwrap();
    let calls: Vec<String> = api::CALLS.iter().map(|call| format!("/api/v1{}", call.path)).collect();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(calls.len(), paths.len());
    assert!(calls.iter().all(|call| paths.contains(&call)), "{paths:?}");
    assert_eq!(document["paths"]["/api/v1/exchanges"]["get"]["parameters"][0]["name"], "infno");
    let text = document.to_string();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "no shape {name}");
    }
}

#[tokio::test]
async fn connections_have_a_bound_and_places_are_given_back() {
    let running = Running::start().await;
    let mut held = Vec::new();
    for _ in 0..listener::CONNECTIONS_MAX {
        let mut stream = TcpStream::connect(running.at).await.unwrap();
        alive(&mut stream).await;
        held.push(stream);
    }
    let mut first = held.remove(0);
    {
        let mut waiting = std::pin::pin!(running.ask("/livez", ""));
        let others_are_served = async {
            for _ in 0..50 {
                alive(&mut first).await;
            }
        };
        tokio::select! {
            () = others_are_served => {}
            _ = &mut waiting => panic!("more connections than the bound"),
        }
        held.clear();
        assert_eq!(waiting.await.0, 200);
    }
    drop(first);
    running.end().await;
}

/// One call over a connection that is kept.
async fn alive(stream: &mut TcpStream) {
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok\n") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "closed");
    }
}

#[tokio::test]
async fn a_ledger_streams_through_however_large_it_is() {
    let running = Running::start().await;
    let token = format!("authorization: Bearer {}\r\n", running.token);
    let file = "row\n".repeat(2_000_000);
    let target = "/api/v1/his-ledgers?date=2026-11-21&name=a.csv&who=officer-1";
    let (status, answer) = running.say("POST", target, &token, &file).await;
    assert!(status == 200 && answer.contains("\"rows\":8000000"), "{status} {answer}");
    let (status, answer) = running.say("POST", "/api/v1/his-ledgers?date=2026-11-21&wo=x", &token, "").await;
    assert!(status == 400 && answer.contains("no such parameter"), "{status} {answer}");
    running.end().await;
}

#[tokio::test]
async fn a_view_is_read_when_somebody_asks_for_it() {
    let running = Running::start().await;
    let token = format!("authorization: Bearer {}\r\n", running.token);
    let ask = |day: &str| format!("/api/v1/his-view-readings?date={day}&who=officer-1");
    let (status, answer) = running.say("POST", &ask("2026-11-21"), &token, "").await;
    assert!(status == 200 && answer.contains("\"rows\":15"), "{status} {answer}");
    let (status, answer) = running.say("POST", &ask("2026-11-22"), &token, "").await;
    assert!(status == 503 && answer.contains("连不上院内数据库"), "{status} {answer}");
    let (status, _) = running.say("POST", &ask("2026-11-21"), "", "").await;
    assert_eq!(status, 401);
    running.end().await;
}
