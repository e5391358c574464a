//! TLS towards the platform: who is trusted, who we are, and that a handshake that fails has sent nothing.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use medgate::domain::clock::{HandClock, SystemClock};
use medgate::domain::outcome::Cause;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use medgate::outbound::{Heard, Outgoing, Platform, ReplyBody, Settings, Upstream};
use tokio::net::TcpListener;

use crate::doors_rig::{OK, outgoing, upstream};
use crate::money_his::{self as his, URL};
use crate::rig::{TestGateway, json, until};
use crate::tls_rig::{Certificates, platform};

/// An upstream in TLS that trusts `trusted` and shows `NAME.pem` of it when told to.
fn towards(port: u16, trusted: &Certificates, shows: Option<&str>, change: impl FnOnce(&mut Settings)) -> Upstream {
    upstream("replaced:1", |settings| {
        settings.url = format!("https://localhost:{port}");
        settings.ca = trusted.path("ca.pem");
        if let Some(name) = shows {
            settings.certificate = trusted.path(&format!("{name}.pem"));
            settings.key = trusted.path(&format!("{name}.key"));
        }
        change(settings);
    })
}

fn call() -> Outgoing {
    outgoing("/x", "{\"infno\":\"2207\"}")
}

fn body(heard: Heard) -> Vec<u8> {
    match heard {
        Heard::Reply(replied) => match replied.body {
            ReplyBody::Whole(bytes) => bytes.to_vec(),
            ReplyBody::More { .. } => panic!("a short body"),
        },
        other => panic!("no reply: {other:?}"),
    }
}

fn why(heard: Heard) -> String {
    match heard {
        Heard::NeverSent(never) => never.why.to_string(),
        other => panic!("nothing may have left: {other:?}"),
    }
}

/// Says OK to every request, and counts them.
async fn saying_ok(config: rustls::ServerConfig) -> (u16, Arc<AtomicUsize>) {
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&heard);
    let addr = platform(config, move |mut talk| {
        let counted = Arc::clone(&counted);
        async move {
            while talk.hear().await.is_some() {
                counted.fetch_add(1, Ordering::SeqCst);
                talk.say(OK).await;
            }
        }
    })
    .await;
    (addr.port(), heard)
}

#[tokio::test]
async fn calls_go_out_in_tls_and_connections_are_kept() {
    let certificates = Certificates::new();
    certificates.issue_here("platform");
    let (port, heard) = saying_ok(certificates.server("platform", false)).await;
    let upstream = towards(port, &certificates, None, |_| {});
    for _ in 0..3 {
        assert_eq!(body(upstream.call(call()).await), b"{\"infcode\":0}");
    }
    let counts = upstream.counts();
    assert_eq!((heard.load(Ordering::SeqCst), counts.dialled, counts.reused), (3, 1, 2));
}

#[tokio::test]
async fn a_platform_that_is_not_who_it_should_be_gets_nothing() {
    let (ours, theirs) = (Certificates::new(), Certificates::new());
    ours.issue_here("platform");
    ours.issue("elsewhere", "elsewhere", "DNS:elsewhere.example", 365);
    theirs.issue_here("platform");
    let check = async |config, says: &str, change: fn(&mut Settings)| {
        let (port, heard) = saying_ok(config).await;
        let why = why(towards(port, &ours, None, change).call(call()).await);
        assert!(why.contains("no TLS with the platform") && why.contains(says), "{why}");
        assert_eq!(heard.load(Ordering::SeqCst), 0);
    };
    check(theirs.server("platform", false), "UnknownIssuer", |_| {}).await;
    check(ours.server("elsewhere", false), "not valid for name \"localhost\"", |_| {}).await;
    check(ours.server("platform", false), "not valid for name \"platform.gov\"", |s| {
        s.server_name = "platform.gov".into()
    })
    .await;

    // The same certificate after its end, by the gateway's own clock.
    let (port, heard) = saying_ok(ours.server("platform", false)).await;
    let mut settings = None;
    towards(port, &ours, None, |said| settings = Some(said.clone()));
    let in_the_year_2100 = Arc::new(HandClock::at(4_107_542_400_000_000_000));
    let why = why(Upstream::new(&settings.unwrap(), in_the_year_2100).unwrap().call(call()).await);
    assert!(why.contains("expired"), "{why}");
    assert_eq!(heard.load(Ordering::SeqCst), 0);

    // Another name in the certificate than in the URL may be said.
    let (port, _) = saying_ok(ours.server("elsewhere", false)).await;
    let named = towards(port, &ours, None, |settings| settings.server_name = "elsewhere.example".into());
    assert_eq!(body(named.call(call()).await), b"{\"infcode\":0}");
}

#[tokio::test]
async fn a_platform_that_refuses_our_certificate_has_got_nothing_of_the_request() {
    let (ours, theirs) = (Certificates::new(), Certificates::new());
    ours.issue_here("platform");
    ours.issue("us", "hospital", "DNS:hospital", 365);
    theirs.issue("us", "hospital", "DNS:hospital", 365);
    let (port, heard) = saying_ok(ours.server("platform", true)).await;
    assert_eq!(body(towards(port, &ours, Some("us"), |_| {}).call(call()).await), b"{\"infcode\":0}");
    for _ in 0..5 {
        let stranger = towards(port, &ours, None, |settings| {
            settings.certificate = theirs.path("us.pem");
            settings.key = theirs.path("us.key");
        });
        let why = why(stranger.call(call()).await);
        assert!(why.contains("no TLS with the platform") && why.contains("alert"), "{why}");
    }
    assert_eq!(heard.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_tls_took_may_have_left() {
    let certificates = Certificates::new();
    certificates.issue_here("platform");
    // It shakes hands and goes away with the request in its ears.
    let addr = platform(certificates.server("platform", false), |mut talk| async move {
        talk.hear().await;
    })
    .await;
    match towards(addr.port(), &certificates, None, |_| {}).call(call()).await {
        Heard::Silence(silence) => {
            assert!(silence.cause == Cause::Broken && silence.sent_at_unix_ns > 0, "{silence:?}")
        }
        other => panic!("it may have been performed: {other:?}"),
    }
    // It never shakes hands.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = mute.local_addr().unwrap().port();
    let said = why(towards(port, &certificates, None, |settings| settings.connect_ms = 200).call(call()).await);
    assert!(said.contains("in time"), "{said}");
    // It speaks something else.
    let plain =
        crate::doors_rig::Peer::wild(|mut talk| async move { talk.say("HTTP/1.1 400 Bad Request\r\n\r\n").await })
            .await;
    let said = why(towards(plain.addr.port(), &certificates, None, |_| {}).call(call()).await);
    assert!(said.contains("no TLS with the platform"), "{said}");
}

#[tokio::test]
async fn a_call_that_the_handshake_stopped_is_refused_natively_and_journaled_as_never_sent() {
    let (ours, theirs) = (Certificates::new(), Certificates::new());
    theirs.issue_here("platform");
    let (port, heard) = saying_ok(theirs.server("platform", false)).await;
    let gate = TestGateway::before("http://replaced:1", |settings| {
        let upstream = settings.upstream.get_mut("default").unwrap();
        (upstream.url, upstream.ca) = (format!("https://localhost:{port}"), ours.path("ca.pem"));
    })
    .await;
    let answer = json(&gate.call(URL, &his::body("2207", &serde_json::json!({"data": {"mdtrt_id": "M1"}}))).await);
    let text = answer["err_msg"].as_str().unwrap();
    assert!(answer["infcode"] == -1 && text.starts_with("【网关未发送】") && text.contains("GW501"), "{answer}");
    let is_it = |record: &medgate::journal::Record| {
        record.header.known_kind() == Some(Kind::Outcome) && record.header.cause == Cause::NeverSent as u8
    };
    gate.journaled("the outcome", |records| records.iter().any(is_it)).await;
    assert_eq!(heard.load(Ordering::SeqCst), 0);
    assert!(gate.records().iter().any(|record| record.facts.text_of(Fact::Infno) == Some("2207")));
}

/// `openssl s_server`, killed when dropped.
struct OpenSsl(Child, PathBuf);

impl OpenSsl {
    fn listening(certificates: &Certificates, port: u16, more: &[&str]) -> OpenSsl {
        let log = certificates.path("s_server.log");
        let mut server = Command::new("openssl");
        server.args([
            "s_server",
            "-www",
            "-accept",
            &format!("127.0.0.1:{port}"),
            "-Verify",
            "2",
            "-verify_return_error",
        ]);
        server.arg("-cert").arg(certificates.path("platform.pem")).arg("-key").arg(certificates.path("platform.key"));
        server.arg("-CAfile").arg(certificates.path("ca.pem")).args(more);
        server.stdin(Stdio::null()).stdout(std::fs::File::create(&log).unwrap());
        OpenSsl(server.stderr(Stdio::null()).spawn().expect("the openssl program; scripts/test installs it"), log)
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.0.kill();
        let _status = self.0.wait();
    }
}

#[tokio::test]
async fn openssl_as_the_platform_sees_our_certificate_and_refuses_anothers() {
    for version in ["-tls1_2", "-tls1_3"] {
        let (ours, theirs) = (Certificates::new(), Certificates::new());
        ours.issue_here("platform");
        ours.issue("us", "hospital", "DNS:hospital", 365);
        theirs.issue("us", "hospital", "DNS:hospital", 365);
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let server = OpenSsl::listening(&ours, port, &[version]);
        until("openssl listens", || std::fs::read_to_string(&server.1).unwrap_or_default().contains("ACCEPT")).await;
        let mut page = outgoing("/", "");
        page.method = "GET".to_owned();
        let page = body(towards(port, &ours, Some("us"), |_| {}).call(page).await);
        let page = String::from_utf8_lossy(&page);
        assert!(page.contains("hospital"), "the page tells of the client certificate: {page}");
        let stranger = towards(port, &ours, None, |settings| {
            settings.certificate = theirs.path("us.pem");
            settings.key = theirs.path("us.key");
        });
        let said = why(stranger.call(call()).await);
        assert!(said.contains("no TLS with the platform"), "{version}: {said}");
    }
}

#[tokio::test]
async fn the_machines_own_authorities_are_the_default() {
    let certificates = Certificates::new();
    certificates.issue_here("platform");
    let (port, _) = saying_ok(certificates.server("platform", false)).await;
    let mut settings = None;
    towards(port, &certificates, None, |said| {
        said.ca = PathBuf::new();
        settings = Some(said.clone());
    });
    // A machine that trusts nobody says so at the start; one that trusts somebody does not trust this platform.
    match Upstream::new(&settings.unwrap(), Arc::new(SystemClock::start())) {
        Ok(upstream) => assert!(why(upstream.call(call()).await).contains("UnknownIssuer")),
        Err(error) => assert!(error.to_string().contains("TLS"), "{error}"),
    }
}
