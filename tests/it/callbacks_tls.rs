//! TLS of the platform's door: who comes in, who is turned away, and certificates that are renewed while it is open.

use std::net::SocketAddr;
use std::process::Command;

use medgate::config::Settings;
use medgate::journal::record::Kind;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::doors_rig::{Peer, Talk};
use crate::rig::{TestGateway, until};
use crate::tls_rig::{Certificates, connect, der, shown};

const TRUE: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n{ \"success\" : true}";
const NOTICE: &str = r#"{"rxTraceCode":"R1","hiRxno":"H1","rxChkStasCodg":"1"}"#;

/// A gateway whose second door is in TLS and asks for certificates of this authority, and leads to this HIS.
async fn before_his(his: &Peer, certificates: &Certificates, change: impl FnOnce(&mut Settings)) -> TestGateway {
    TestGateway::with(|settings| {
        let callback = &mut settings.callback;
        callback.listen = "127.0.0.1:0".to_owned();
        (callback.certificate, callback.key) = (certificates.path("door.pem"), certificates.path("door.key"));
        callback.client_ca = certificates.path("ca.pem");
        let mut upstream = settings.upstream["default"].clone();
        upstream.url = format!("http://{}", his.addr);
        settings.upstream.insert("his".to_owned(), upstream);
        change(settings);
    })
    .await
}

/// curl as the platform: exit code and what it heard.
fn curl(gate: &TestGateway, authority: &Certificates, shows: Option<(&Certificates, &str)>) -> (i32, String) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--cacert"]);
    curl.arg(authority.path("ca.pem"));
    if let Some((folder, name)) = shows {
        curl.arg("--cert").arg(folder.path(&format!("{name}.pem")));
        curl.arg("--key").arg(folder.path(&format!("{name}.key")));
    }
    let url = format!("https://localhost:{}/rxChkInfoCallback", gate.callback().port());
    let said = curl.args(["--data-binary", NOTICE, &url]).output().expect("curl; scripts/test installs it");
    (said.status.code().unwrap(), String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_shows_its_certificate_and_a_stranger_reaches_nobody() {
    let (ours, theirs) = (Certificates::new(), Certificates::new());
    ours.issue_here("door");
    for name in ["platform", "other"] {
        ours.issue(name, name, &format!("DNS:{name}"), 365);
    }
    theirs.issue("platform", "platform", "DNS:platform", 365);
    let his = Peer::saying(TRUE).await;
    let gate = before_his(&his, &ours, |settings| settings.callback.certificates = vec!["platform".to_owned()]).await;
    let (code, said) = curl(&gate, &ours, Some((&ours, "platform")));
    assert_eq!((code, said.as_str()), (0, r#"{ "success" : true}"#));
    assert_eq!(his.only().body, NOTICE.as_bytes());
    for stranger in [None, Some((&theirs, "platform"))] {
        let (code, said) = curl(&gate, &ours, stranger);
        assert!(code != 0 && said.contains("alert"), "{code}: {said}");
    }
    // Of the right authority, and not the platform.
    let (code, said) = curl(&gate, &ours, Some((&ours, "other")));
    assert!(code == 0 && said.contains(r#""success":false"#) && said.contains("GW201"), "{code}: {said}");
    // In the clear nothing is spoken, and the HIS's own door stays as it is.
    let clear = Command::new("curl").args(["--silent", &format!("http://{}/", gate.callback())]).output().unwrap();
    assert!(!clear.status.success() && !clear.stdout.starts_with(b"{"), "{clear:?}");
    assert_eq!((his.requests().len(), gate.records_of(Kind::Intent).len()), (1, 1));
    assert!(gate.call("/x", "{\"infno\":\"9001\"}").await.head.starts_with("HTTP/1.1 200"));
}

/// What the admin port says.
async fn look(gate: &TestGateway, target: &str) -> String {
    let mut talk = Talk::to(gate.admin).await;
    let raw = talk.ask(format!("GET {target} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")).await;
    String::from_utf8(raw.body).unwrap()
}

/// The certificate that a new connection is shown; none is shown back.
async fn shown_at(addr: SocketAddr, certificates: &Certificates) -> Vec<u8> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(certificates.client(None)).connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_served_and_its_end_is_shown_and_counted() {
    let certificates = Certificates::new();
    certificates.issue("door", "localhost", "DNS:localhost", 10);
    certificates.issue_here("renewed");
    certificates.issue("platform", "platform", "DNS:platform", 365);
    let his = Peer::saying(TRUE).await;
    let gate = before_his(&his, &certificates, |_| {}).await;
    let ready = look(&gate, "/readyz?verbose").await;
    assert!(ready.contains("[!] certificate: callback certificate: localhost until 20"), "{ready}");
    assert!(ready.contains("certificate: callback client_ca: authority "), "{ready}");
    let metrics = look(&gate, "/metrics").await;
    for setting in ["certificate", "client_ca"] {
        let name =
            format!("medgate_certificate_not_after_timestamp_seconds{{setting=\"{setting}\",user=\"callback\"}} ");
        assert!(metrics.contains(&name), "{metrics}");
    }
    let client = certificates.client(Some("platform"));
    let mut before = connect(gate.callback(), &client).await.unwrap();
    assert_eq!(shown(&before), der(&certificates.path("door.pem")));
    certificates.replace("door", "renewed");
    let renewed = der(&certificates.path("renewed.pem"));
    let served = async {
        let mut again = tokio::time::interval(std::time::Duration::from_millis(50));
        while shown_at(gate.callback(), &certificates).await != renewed {
            again.tick().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), served).await.expect("served within 5 s");
    let call = format!("POST /mobile/6302 HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{NOTICE}", NOTICE.len());
    assert_eq!(before.ask(&call).await.body, b"{ \"success\" : true}", "a connection from before goes on");
    // The next one that does not hold is not taken, and readyz says whose it is.
    std::fs::write(certificates.path("door.pem"), "nothing\n").unwrap();
    let admin = gate.admin;
    until("the trouble is counted", || {
        let metrics = std::process::Command::new("curl").args(["-s", &format!("http://{admin}/metrics")]).output();
        let metrics = String::from_utf8(metrics.unwrap().stdout).unwrap();
        metrics.contains("medgate_certificates_taken_total{result=\"refused\",user=\"callback\"} 1")
    })
    .await;
    let ready = look(&gate, "/readyz?verbose").await;
    assert!(ready.contains("[!] certificate: callback: the files on disk are not in use"), "{ready}");
}
