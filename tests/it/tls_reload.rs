//! Certificates replaced on disk while calls run: served within five seconds, nobody hears of it, and what does not hold is
//! not taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use medgate::domain::clock::{Clock, SystemClock};
use medgate::outbound::tls::kept::Look;
use medgate::outbound::{Heard, Platform};
use medgate::sandbox::Sandbox;
use medgate::sandbox::platform::Settings;
use rustls::ClientConfig;
use serde_json::json;
use tokio::time::Instant;

use crate::doors_rig::{OK, outgoing, post, upstream};
use crate::money_his::{self as his, URL};
use crate::program_rig::Program;
use crate::rig::{SOON, until};
use crate::tls_rig::{Certificates, connect, der, platform, shown};

const JSON: &str = "Content-Type: application/json\r\n";
/// What the issue asks for.
const SERVED_WITHIN: Duration = Duration::from_secs(5);
/// At the same time: as many keep their connection as take a new one for each call.
const CLIENTS: usize = 16;

/// The program in TLS before a stand-in, with more settings.
async fn program(certificates: &Certificates, more: &[(&str, &str)]) -> (Program, Sandbox) {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let sandbox = Sandbox::start(loopback, Settings::default(), Arc::new(SystemClock::start())).await.unwrap();
    let path = |file: &str| certificates.path(file).display().to_string();
    let (certificate, key) = (path("server.pem"), path("server.key"));
    let mut settings = vec![("INBOUND__CERTIFICATE", certificate.as_str()), ("INBOUND__KEY", key.as_str())];
    settings.extend(more);
    (Program::start(&format!("http://{}", sandbox.addr()), &settings).await, sandbox)
}

/// A person query, which the stand-in answers with success.
fn query() -> String {
    let person = his::somebody();
    his::body(
        "1101",
        &json!({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": person.certno, "psn_cert_type": "01",
        "certno": person.certno}}),
    )
}

/// Calls until told to end; how many were answered. Every call must be.
async fn call_on(
    addr: SocketAddr,
    client: Arc<ClientConfig>,
    keeps: bool,
    end: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
) {
    let mut kept = None;
    while !end.load(Ordering::Relaxed) {
        let mut talk = match kept.take() {
            Some(talk) => talk,
            None => connect(addr, &client).await.expect("a handshake"),
        };
        let answer = tokio::time::timeout(SOON, talk.ask(post(URL, JSON, &query()))).await.expect("an answer in time");
        assert!(
            String::from_utf8_lossy(&answer.body).contains("\"infcode\":0"),
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        answered.fetch_add(1, Ordering::Relaxed);
        kept = keeps.then_some(talk);
    }
}

/// Waits until a new connection is shown this certificate; how long that took.
async fn served(addr: SocketAddr, client: &Arc<ClientConfig>, expected: &[u8]) -> Duration {
    let (began, mut again) = (Instant::now(), tokio::time::interval(Duration::from_millis(50)));
    loop {
        again.tick().await;
        if shown(&connect(addr, client).await.unwrap()) == expected {
            return began.elapsed();
        }
        assert!(began.elapsed() < SERVED_WITHIN, "not served within {SERVED_WITHIN:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_replaced_under_load_is_served_soon_and_no_call_fails() {
    let certificates = Certificates::new();
    for name in ["server", "renewed", "again"] {
        certificates.issue_here(name);
    }
    let (program, sandbox) = program(&certificates, &[]).await;
    let client = certificates.client(None);
    let (end, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|nth| tokio::spawn(call_on(program.listen, client.clone(), nth % 2 == 0, end.clone(), answered.clone())))
        .collect();
    for name in ["renewed", "again"] {
        let before = answered.load(Ordering::Relaxed);
        until("calls are under way", || answered.load(Ordering::Relaxed) > before + CLIENTS).await;
        certificates.replace("server", name);
        let took = served(program.listen, &client, &der(&certificates.path(&format!("{name}.pem")))).await;
        let so_far = answered.load(Ordering::Relaxed);
        assert!(so_far > before, "calls went on during {took:?}");
        until("calls go on", || answered.load(Ordering::Relaxed) > so_far + CLIENTS).await;
    }
    end.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no call failed");
    }
    assert_eq!(sandbox.platform().requests(), answered.load(Ordering::Relaxed) as u64);
    let metrics = program.look("/metrics").await;
    assert!(metrics.contains("medgate_certificates_taken_total{result=\"taken\",user=\"inbound\"} 2"), "{metrics}");
    assert!(metrics.contains("medgate_unreadable_requests_total{reason=\"no_tls\"} 0"), "{metrics}");
}

#[tokio::test]
async fn a_hang_up_signal_asks_for_new_authorities_at_once() {
    let (ours, theirs) = (Certificates::new(), Certificates::new());
    ours.issue_here("server");
    for folder in [&ours, &theirs] {
        folder.issue("his", "his", "DNS:his", 365);
    }
    let path = |folder: &Certificates, file: &str| folder.path(file).display().to_string();
    std::fs::copy(ours.path("ca.pem"), ours.path("clients.pem")).unwrap();
    let (program, _sandbox) = program(&ours, &[("INBOUND__CLIENT_CA", &path(&ours, "clients.pem"))]).await;
    let showing = |folder: &Certificates| {
        let mut client = (*ours.client(None)).clone();
        let own = medgate::outbound::tls::files::identity(&folder.path("his.pem"), &folder.path("his.key"), now());
        client.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(own.unwrap().0));
        Arc::new(client)
    };
    let passes = async |client: &Arc<ClientConfig>| {
        let Ok(mut talk) = connect(program.listen, client).await else { return false };
        // A refused certificate ends the connection while the call is written or before it is answered.
        use tokio::io::AsyncWriteExt;
        let said = talk.stream.write_all(post(URL, JSON, &query()).as_bytes()).await;
        said.is_ok() && talk.stream.flush().await.is_ok() && talk.hear().await.is_some()
    };
    let (old, new) = (showing(&ours), showing(&theirs));
    assert!(passes(&old).await && !passes(&new).await);
    // Nothing has changed: nothing happens to anybody.
    let mut kept = connect(program.listen, &old).await.unwrap();
    program.signal("HUP");
    until("it was taken anew", || program.log().contains("were taken anew")).await;
    std::fs::copy(theirs.path("ca.pem"), ours.path("clients.pem")).unwrap();
    program.signal("HUP");
    let began = Instant::now();
    while !passes(&new).await {
        assert!(began.elapsed() < SERVED_WITHIN);
    }
    assert!(!passes(&old).await, "a new connection of the old authority");
    assert!(kept.ask(post(URL, JSON, &query())).await.head.starts_with("HTTP/1.1 200"), "and a connection from before");
}

#[tokio::test]
async fn what_does_not_hold_is_not_taken_and_says_why() {
    let certificates = Certificates::new();
    for name in ["server", "renewed"] {
        certificates.issue_here(name);
    }
    let (program, _sandbox) = program(&certificates, &[]).await;
    let client = certificates.client(None);
    let before = der(&certificates.path("server.pem"));
    std::fs::copy(certificates.path("renewed.pem"), certificates.path("server.pem")).unwrap();
    until("the trouble is logged", || program.log().contains("do not hold")).await;
    let log = program.log();
    let line = log.lines().find(|line| line.contains("do not hold")).unwrap();
    for part in ["server.key", "the key does not belong to the certificate", "cure: name the key"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!log.contains("PRIVATE KEY"));
    assert_eq!(shown(&connect(program.listen, &client).await.unwrap()), before);
    let ready = program.look("/readyz?verbose").await;
    assert!(
        ready.contains("[!] certificate: inbound: the files on disk are not in use") && ready.ends_with("\nready\n"),
        "{ready}"
    );
    let metrics = program.look("/metrics").await;
    assert!(metrics.contains("medgate_certificates_taken_total{result=\"refused\",user=\"inbound\"} 1"), "{metrics}");
    // The other half comes: now it holds.
    std::fs::copy(certificates.path("renewed.key"), certificates.path("server.key")).unwrap();
    served(program.listen, &client, &der(&certificates.path("renewed.pem"))).await;
    let ready = program.look("/readyz?verbose").await;
    assert!(!ready.contains("[!]"), "{ready}");
}

#[tokio::test]
async fn the_end_of_every_certificate_is_shown_and_counted() {
    let certificates = Certificates::new();
    certificates.issue("server", "localhost", "DNS:localhost", 10);
    let ca = certificates.path("ca.pem").display().to_string();
    let (program, _sandbox) = program(&certificates, &[("INBOUND__CLIENT_CA", &ca)]).await;
    let ready = program.look("/readyz?verbose").await;
    let starts =
        ["[!] certificate: inbound certificate: localhost until 20", "certificate: inbound client_ca: authority "];
    for start in starts {
        let line = ready.lines().find(|line| line.contains(start)).unwrap_or_else(|| panic!("{ready}"));
        assert!(line.contains("+08:00, ") && line.ends_with(" days"), "{line}");
    }
    assert!(ready.ends_with("\nready\n"), "{ready}");
    let metrics = program.look("/metrics").await;
    let name = "medgate_certificate_not_after_timestamp_seconds{setting=\"certificate\",user=\"inbound\"} ";
    let end: i64 = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap();
    let left = end - now() / 1_000_000_000;
    assert!((9 * 86_400..=10 * 86_400).contains(&left), "{left}");
}

#[tokio::test]
async fn a_renewed_identity_is_shown_to_the_platform() {
    let certificates = Certificates::new();
    for name in ["platform", "us", "renewed"] {
        certificates.issue_here(name);
    }
    let (seen, sees) = std::sync::mpsc::channel();
    let addr = platform(certificates.server("platform", true), move |mut talk| {
        seen.send(shown(&talk)).unwrap();
        async move {
            talk.hear().await;
            talk.say(OK).await; // And the connection ends.
        }
    })
    .await;
    let upstream = upstream("replaced:1", |settings| {
        settings.url = format!("https://localhost:{}", addr.port());
        settings.ca = certificates.path("ca.pem");
        (settings.certificate, settings.key) = (certificates.path("us.pem"), certificates.path("us.key"));
    });
    let shown_of = async |name: &str| {
        assert!(matches!(upstream.call(outgoing("/x", "{}")).await, Heard::Reply(_)));
        assert_eq!(sees.recv().unwrap(), der(&certificates.path(name)), "{name}");
    };
    shown_of("us.pem").await;
    let set = upstream.certificates().unwrap();
    assert_eq!(set.look(now(), false), Look::Same);
    let first = der(&certificates.path("us.pem"));
    std::fs::copy(certificates.path("renewed.pem"), certificates.path("us.pem")).unwrap();
    // A set that still changes is not judged; asked, it is, and does not hold.
    assert_eq!(set.look(now(), false), Look::Same);
    assert!(matches!(set.look(now(), true), Look::Refused(trouble) if trouble.key == "key"));
    assert!(set.trouble().is_some());
    certificates.replace("us", "renewed");
    assert_eq!((set.look(now(), false), set.look(now(), false)), (Look::Same, Look::Renewed));
    assert_ne!(der(&certificates.path("us.pem")), first);
    assert_eq!((set.counts(), set.trouble()), ((1, 1), None));
    shown_of("renewed.pem").await;
}

fn now() -> i64 {
    SystemClock::start().unix_ns()
}
