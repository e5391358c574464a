//! The admin port over real sockets.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::insight::{Check, Status, UnknownRow};
use super::*;

#[derive(Default)]
struct Gateway {
    broken: AtomicBool,
}

impl Insight for Gateway {
    fn ready(&self) -> Vec<Check> {
        let ok = !self.broken.load(Ordering::SeqCst);
        let journal = Check { name: "journal", ok, detail: if ok { "open" } else { "no room" }.to_owned() };
        vec![journal, Check { name: "profile", ok: true, detail: "baseline".to_owned() }]
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

struct Running {
    at: std::net::SocketAddr,
    gateway: Arc<Gateway>,
    token: String,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    async fn start() -> Running {
        let data = tempfile::tempdir().unwrap();
        let token = Arc::new(AdminToken::open(data.path()).unwrap());
        let text = std::fs::read_to_string(data.path().join(token::FILE_NAME)).unwrap();
        let gateway = Arc::new(Gateway::default());
        let metrics = Arc::new(Metrics::new("baseline", ["2207"]));
        let console = Console { insight: gateway.clone(), metrics, token };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let task = tokio::spawn(serve(listener, console, stop.clone()));
        Running { at, gateway, token: text.trim().to_owned(), stop, task }
    }

    /// Status and whole answer of one GET.
    async fn ask(&self, target: &str, authorization: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{authorization}\r\n");
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
