//! The HIS's door in TLS: who comes in, what is spoken, what a slow client gets, and that the journal sees no difference.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use medgate::domain::outcome::Told;
use medgate::exchange::door::HandedOver;
use medgate::journal::Record;
use medgate::journal::composite::Delivery;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::crash_rig::{medgate, run, said};
use crate::doors_rig::{Does, Gate, OK, Peer, Talk, post};
use crate::money_his::{self as his, HOSPITAL, URL};
use crate::rig::{SOON, TestGateway, json, until};
use crate::tls_rig::{Certificates, connect};

const JSON: &str = "Content-Type: application/json\r\n";

/// curl as a HIS: exit code and what it heard.
fn curl(gate: &TestGateway, certificates: &Certificates, arguments: &[&str], body: &str) -> (i32, String) {
    let url = format!("https://localhost:{}{URL}", gate.listen.port());
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--cacert"]);
    curl.arg(certificates.path("ca.pem")).args(arguments).args(["--data-binary", body, &url]);
    let said = curl.output().expect("curl; scripts/test installs it");
    (said.status.code().unwrap(), String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned())
}

fn showing(folder: &Certificates, name: &str) -> [String; 4] {
    let path = |ending: &str| folder.path(&format!("{name}.{ending}")).display().to_string();
    ["--cert".to_owned(), path("pem"), "--key".to_owned(), path("key")]
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_with_a_client_certificate_passes_and_without_is_refused() {
    let (ours, theirs) = (Certificates::new(), Certificates::new());
    ours.issue_here("server");
    ours.issue("his", HOSPITAL, "DNS:his", 365);
    theirs.issue("his", HOSPITAL, "DNS:his", 365);
    let gate = TestGateway::with(|settings| ours.door(settings, "server", true)).await;
    let ask = |arguments: Vec<String>| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        curl(&gate, &ours, &arguments, &his::body("1201", &serde_json::json!({})))
    };
    let with = [showing(&ours, "his").to_vec(), vec!["--write-out".to_owned(), " %{http_version}".to_owned()]].concat();
    let (code, said) = ask(with);
    assert!(code == 0 && said.contains("infcode") && said.ends_with(" 1.1"), "{code}: {said}");
    for tls in ["--tls-max 1.2", "--tlsv1.3"] {
        let tls: Vec<String> = tls.split(' ').map(str::to_owned).collect();
        let (code, said) = ask([showing(&ours, "his").to_vec(), tls.clone()].concat());
        assert!(code == 0 && said.contains("infcode"), "{code}: {said}");
        for refused in [Vec::new(), showing(&theirs, "his").to_vec()] {
            let (code, said) = ask([refused, tls.clone()].concat());
            assert!(code != 0 && !said.contains("infcode") && said.contains("alert"), "{code}: {said}");
        }
    }
    assert_eq!(gate.arrived("1201"), 3);
}

/// What a record says, without what is another one in every journal.
fn says(record: &Record) -> String {
    let texts = [Fact::Infno, Fact::FixmedinsCode, Fact::Upstream, Fact::Infcode, Fact::HttpStatus, Fact::Told];
    let facts = texts.map(|fact| record.facts.all(fact).map(<[u8]>::to_vec).collect::<Vec<_>>());
    let told: Vec<(Told, u64)> = Delivery::all(&record.facts).map(|one| (one.told, one.bytes)).collect();
    let (header, named) = (&record.header, record.facts.all(Fact::Name).count());
    let coded = (header.class, header.outcome, header.cause, header.flags);
    format!("{:?} {coded:?} {facts:?} {told:?} {named}", header.known_kind())
}

#[tokio::test]
async fn a_call_over_tls_is_journaled_like_one_in_the_clear() {
    let certificates = Certificates::new();
    certificates.issue_here("server");
    let body = his::body_as("H99000000001202611220000000001", "2207", &serde_json::json!({"data": {"setl": "1"}}));
    let mut seen = Vec::new();
    for tls in [false, true] {
        let peer = Peer::saying(OK).await;
        let mut gate = TestGateway::before(&format!("http://{}", peer.addr), |settings| {
            if tls {
                certificates.door(settings, "server", false);
            }
        })
        .await;
        let answer = if tls {
            let mut talk = connect(gate.listen, &certificates.client(None)).await.unwrap();
            talk.ask(post(URL, JSON, &body)).await
        } else {
            Talk::to(gate.listen).await.ask(post(URL, JSON, &body)).await
        };
        gate.journaled("the delivery", |records| records.iter().any(|one| Delivery::all(&one.facts).next().is_some()))
            .await;
        gate.stop().await;
        let is_of_the_call = |record: &&Record| {
            record
                .header
                .known_kind()
                .is_some_and(|kind| matches!(kind, Kind::Intent | Kind::Outcome | Kind::Deliveries))
        };
        let records = gate.records();
        let records: Vec<&Record> = records.iter().filter(is_of_the_call).collect();
        let request = gate.unseal(records[0]).request.unwrap();
        let told: Vec<String> = records.iter().map(|record| says(record)).collect();
        seen.push((answer.head, answer.body, told, request.body.buffered().unwrap().to_vec(), peer.only().head));
    }
    assert_eq!(seen[0].2.len(), 3, "{:?}", seen[0].2);
    let host = |head: &str| {
        head.lines().filter(|line| !line.to_lowercase().starts_with("host:")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(host(&seen[0].4), host(&seen[1].4));
    assert_eq!((&seen[0].0, &seen[0].1, &seen[0].2, &seen[0].3), (&seen[1].0, &seen[1].1, &seen[1].2, &seen[1].3));
}

#[tokio::test]
async fn h2_is_not_spoken() {
    let certificates = Certificates::new();
    certificates.issue_here("server");
    let gate = TestGateway::with(|settings| certificates.door(settings, "server", false)).await;
    let offering = async |offers: &[&[u8]]| {
        let mut client = (*certificates.client(None)).clone();
        client.alpn_protocols = offers.iter().map(|offer| offer.to_vec()).collect();
        let stream = TcpStream::connect(gate.listen).await.unwrap();
        let shaken = TlsConnector::from(std::sync::Arc::new(client));
        let shaken = shaken.connect(ServerName::try_from("localhost").unwrap(), stream).await;
        shaken.ok().map(|stream| stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
    };
    assert_eq!(offering(&[]).await, Some(None));
    assert_eq!(offering(&[b"h2", b"http/1.1"]).await, Some(Some(b"http/1.1".to_vec())));
    assert_eq!(offering(&[b"h2"]).await, None);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_ended_and_counts_as_a_connection() {
    let certificates = Certificates::new();
    certificates.issue_here("server");
    let peer = Peer::saying(OK).await;
    let gate = Gate::with(peer.upstream(), |settings| {
        settings.certificate = certificates.path("server.pem");
        settings.key = certificates.path("server.key");
        settings.head_seconds = 1;
        settings.connections_max = 1;
    })
    .await;
    let mut mute = Talk::to(gate.addr).await;
    until("the mute client is counted", || gate.door.gauges().connections == 1).await;
    // The only place is taken until the mute one is ended; then the next one is heard.
    let mut next = connect(gate.addr, &certificates.client(None)).await.unwrap();
    assert!(mute.hear_out().await.is_empty());
    assert_eq!(gate.door.gauges().no_tls, 1);
    assert!(next.ask(post("/x", JSON, "{}")).await.head.starts_with("HTTP/1.1 200 OK"));
    drop(next);
    // One that speaks HTTP into TLS is ended at once.
    let mut plain = Talk::to(gate.addr).await;
    plain.say(post("/x", JSON, "{}")).await;
    plain.hear_out().await;
    until("it is counted", || gate.door.gauges().no_tls == 2).await;
}

#[tokio::test]
async fn an_answer_is_handed_over_when_the_kernel_has_it_all_and_not_before() {
    const LEN: usize = 24 << 20;
    let certificates = Certificates::new();
    certificates.issue_here("server");
    let reply = [format!("HTTP/1.1 200 OK\r\nContent-Length: {LEN}\r\n\r\n").into_bytes(), vec![b'x'; LEN]].concat();
    let peer = Peer::scripted(move |_| Does::Says(reply.clone())).await;
    let mut gate = Gate::with(peer.upstream(), |settings| {
        settings.certificate = certificates.path("server.pem");
        settings.key = certificates.path("server.key");
        settings.body_stall_seconds = 1;
    })
    .await;
    // One reads it all, one nothing: it is ended, and never counts as told.
    let mut reads = connect(gate.addr, &certificates.client(None)).await.unwrap();
    let answer = reads.ask(post("/x", JSON, "{}")).await;
    assert_eq!(answer.body.len(), LEN);
    let told = tokio::time::timeout(SOON, gate.told.recv()).await.unwrap().unwrap();
    assert_eq!(told, HandedOver::All((answer.head.len() + LEN) as u64));
    let mut mute = connect(gate.addr, &certificates.client(None)).await.unwrap();
    mute.say(post("/x", JSON, "{}")).await;
    let told = tokio::time::timeout(SOON, gate.told.recv()).await.unwrap().unwrap();
    assert_eq!((told, gate.door.gauges().slow), (HandedOver::NotAll, 1));
}

#[tokio::test]
async fn a_certificate_is_bound_to_its_institution() {
    let certificates = Certificates::new();
    certificates.issue_here("server");
    certificates.issue("first", HOSPITAL, "DNS:first", 365);
    certificates.issue("second", "H99000000002", "DNS:second", 365);
    certificates.issue("stranger", "stranger", "DNS:stranger", 365);
    let gate = TestGateway::with(|settings| {
        certificates.door(settings, "server", true);
        let default = settings.client["default"].clone();
        for (name, institution) in [("first", HOSPITAL), ("second", "H99000000002")] {
            let (certificates, institutions) = (vec![name.to_owned()], vec![institution.to_owned()]);
            let bound = medgate::config::settings::ClientSettings { certificates, institutions, ..default.clone() };
            settings.client.insert(name.to_owned(), bound);
        }
        settings.client.get_mut("default").unwrap().peers.clear();
    })
    .await;
    let ask = async |shows: &str, body: &str| {
        let mut talk = connect(gate.listen, &certificates.client(Some(shows))).await.unwrap();
        let answer = json(&talk.ask(post(URL, JSON, body)).await);
        (answer["infcode"].clone(), answer["err_msg"].as_str().unwrap_or_default().to_owned())
    };
    let person = his::somebody();
    let input = serde_json::json!({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": person.certno, "psn_cert_type": "01",
        "certno": person.certno}});
    let body = his::body("1101", &input);
    assert_eq!(ask("first", &body).await.0, 0);
    let refused = |(infcode, text): (serde_json::Value, String), code: &str, names: &str| {
        assert!(infcode == -1 && text.starts_with("【网关未发送】"), "{text}");
        assert!(text.contains(code) && text.contains(names), "{text}");
    };
    refused(ask("second", &body).await, "GW203", HOSPITAL);
    refused(ask("stranger", &body).await, "GW201", "未在网关登记");
    // Whatever of two values the platform would believe: one of them is foreign.
    let doubled = body.replacen('{', r#"{"fixmedins_code":"H99000000002","#, 1);
    refused(ask("first", &doubled).await, "GW203", "H99000000002");
    refused(ask("second", &doubled).await, "GW203", HOSPITAL);
    refused(ask("first", &body.replace("fixmedins_code", "nothing")).await, "GW203", "fixmedins_code");
    assert_eq!(gate.arrived("1101"), 1, "nothing of it was sent");
    gate.journaled("five refusals", |records| {
        records.iter().filter(|record| record.header.known_kind() == Some(Kind::Refusals)).count() == 5
    })
    .await;
}

#[tokio::test]
async fn a_repeat_from_another_institutions_client_hears_nothing_of_the_first() {
    let certificates = Certificates::new();
    certificates.issue_here("server");
    certificates.issue("first", HOSPITAL, "DNS:first", 365);
    certificates.issue("second", "H99000000002", "DNS:second", 365);
    let peer = Peer::saying(OK).await;
    let gate = TestGateway::before(&format!("http://{}", peer.addr), |settings| {
        certificates.door(settings, "server", true);
        let mut bound = settings.client["default"].clone();
        (bound.certificates, bound.institutions) = (vec!["second".to_owned()], vec!["H99000000002".to_owned()]);
        settings.client.insert("second".to_owned(), bound);
    })
    .await;
    let body = his::body("2201", &serde_json::json!({"data": {"psn_no": "1", "ipt_otp_no": "O1"}}));
    for (shows, expected) in [("first", "\"infcode\":0"), ("second", "GW203")] {
        let mut talk = connect(gate.listen, &certificates.client(Some(shows))).await.unwrap();
        let answer = talk.ask(post(URL, JSON, &body)).await;
        let heard = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(heard.contains(expected), "{shows}: {heard}");
    }
}

#[test]
fn check_and_serve_name_the_file_and_the_cure() {
    let certificates = Certificates::new();
    for name in ["server", "other"] {
        certificates.issue_here(name);
    }
    let (certificate, key) = (certificates.path("server.pem"), certificates.path("other.key"));
    let said: Vec<String> = ["check", "serve"]
        .map(|command| {
            let mut program = medgate(&[command, "--upstream", "http://127.0.0.1:9"]);
            program.env("MEDGATE__INBOUND__CERTIFICATE", &certificate).env("MEDGATE__INBOUND__KEY", &key);
            program.current_dir(certificates.path(""));
            let output = run(program);
            assert_eq!(output.status.code(), Some(78), "{}", said(&output));
            said(&output)
        })
        .into();
    assert_eq!(said[0], said[1]);
    let place = "environment MEDGATE__INBOUND__KEY: ";
    for part in [
        place,
        &key.display().to_string(),
        "does not belong to the certificate",
        "cure: name the key",
        "1 complaint(s)",
    ] {
        assert!(said[0].contains(part), "{}", said[0]);
    }
    assert!(!said[0].contains("PRIVATE"), "{}", said[0]);
}

#[test]
fn the_development_certificates_are_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
    let certificate = |name: &str| {
        use rustls::pki_types::pem::PemObject;
        let der = rustls::pki_types::CertificateDer::from_pem_file(folder.join(name)).unwrap();
        medgate::outbound::tls::certificate::Certificate::read(&der).unwrap()
    };
    let (server, client) = (certificate("server.pem"), certificate("client.pem"));
    assert!(server.for_development && client.for_development);
    assert_eq!(server.names, ["localhost", "localhost"]);
    assert!(client.is_called(HOSPITAL) && client.is_called(&client.fingerprint.to_uppercase()));
    let hundred_years = Duration::from_secs(99 * 365 * 86_400).as_secs().cast_signed();
    assert!(server.not_after_unix_s - server.not_before_unix_s > hundred_years);
    let scratch = tempfile::tempdir().unwrap();
    let made = Command::new(folder.join("make")).arg(scratch.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for name in ["ca", "server", "client"] {
        let text = |folder: &Path| std::fs::read_to_string(folder.join(format!("{name}.pem"))).unwrap();
        assert_ne!(text(scratch.path()), text(&folder), "each set has keys of its own");
    }
}
