//! A day of two hospitals through the program: its metrics are what Prometheus takes, and nobody's data is anywhere.

use std::collections::HashSet;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use medgate::domain::clock::SystemClock;
use medgate::sandbox::Sandbox;
use medgate::sandbox::day::{self, Day, DayReport};
use medgate::sandbox::people::Population;
use medgate::sandbox::platform::Settings;

use crate::doors_rig::post;
use crate::program_rig::{Program, output};
use crate::rig::SOON;

/// Plays a day with faults in front of a stand-in.
pub async fn played(visits: u32, settings: &[(&str, &str)]) -> (Program, Sandbox, DayReport) {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let sandbox = Sandbox::start(loopback, Settings::default(), Arc::new(SystemClock::start())).await.unwrap();
    let program = Program::start(&format!("http://{}", sandbox.addr()), settings).await;
    let day = Day {
        gateway: format!("http://{}", program.listen),
        sandbox: format!("http://{}", sandbox.addr()),
        admin: format!("http://{}", program.admin),
        token: std::fs::read_to_string(program.data().join("admin.token")).unwrap(),
        seed: 2,
        visits,
        patience: Duration::from_millis(1500),
        faults: true,
    };
    let mut said = Vec::new();
    let report = day::play(&day, Arc::new(SystemClock::start()), &mut said, &mut std::io::sink()).await.unwrap();
    assert!(report.explained.is_good(), "{}", String::from_utf8_lossy(&said));
    assert!(report.struck.iter().any(|entry| entry.struck > 0), "faults struck");
    (program, sandbox, report)
}

/// A sample of the exposition text with all these parts in its labels.
fn sample(metrics: &str, name: &str, labels: &[&str]) -> f64 {
    let of_name = metrics.lines().filter(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && labels.iter().all(|label| line.contains(label))
    });
    let values: Vec<f64> = of_name.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    assert!(!values.is_empty(), "no sample of {name} with {labels:?} in\n{metrics}");
    values.iter().sum()
}

#[tokio::test]
async fn metrics_of_a_day_are_what_promtool_takes() {
    let (program, _sandbox, report) = played(90, &[]).await;
    let metrics = program.look("/metrics").await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("promtool is missing: scripts/test installs it, or apt-get install prometheus");
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let text = [said.stdout, said.stderr].concat();
    assert!(said.status.success() && text.is_empty(), "{}", String::from_utf8_lossy(&text));

    let exchanges = |infno: &str, class: &str, outcome: &str| {
        let labels = [format!("infno=\"{infno}\""), format!("class=\"{class}\""), format!("outcome=\"{outcome}\"")];
        sample(&metrics, "medgate_exchanges_total", &labels.each_ref().map(String::as_str))
    };
    assert!(exchanges("2207", "money", "confirmed") > 0.0);
    assert!(exchanges("2207", "money", "unknown") > 0.0);
    assert!(exchanges("2207", "money", "refused") > 0.0);
    assert!(exchanges("1101", "query", "confirmed") > 0.0);
    let sent = report.arrived.values().sum::<u64>() as f64;
    let all = sample(&metrics, "medgate_exchanges_total", &[]);
    assert!(all >= sent, "{all} exchanges ended, {sent} arrived: late answers end some twice");
    for name in [
        "medgate_exchange_duration_seconds_count",
        "medgate_platform_duration_seconds_count",
        "medgate_journal_append_duration_seconds_count",
        "medgate_journal_sync_duration_seconds_count",
        "medgate_journal_records_total",
        "medgate_journal_bytes_total",
        "medgate_request_bytes_total",
        "medgate_answer_bytes_total",
        "medgate_delivered_total",
        "medgate_platform_silences_total",
        "medgate_platform_connections_opened_total",
        "medgate_journal_durable_seq",
        "medgate_journal_room_bytes",
        "medgate_unknown_open",
        "medgate_unknown_oldest_age_seconds",
    ] {
        assert!(sample(&metrics, name, &[]) > 0.0, "{name} counts nothing");
    }
    assert_eq!(sample(&metrics, "medgate_exchanges_in_flight", &[]), 0.0);
}

/// What no place but a sealed part may hold: numbers and names of everybody, in every encoding they travel in.
pub struct Persons(HashSet<Vec<u8>>);

impl Persons {
    /// Everybody of the stand-in.
    pub fn everybody() -> Persons {
        let people = Population::from_seed(1);
        let mut needles = HashSet::new();
        for person in people.all() {
            needles.insert(person.certno.clone().into_bytes());
            needles.insert(person.psn_no.clone().into_bytes());
            needles.insert(person.psn_name.clone().into_bytes());
            needles.insert(encoding_rs::GBK.encode(&person.psn_name).0.into_owned());
            let escaped = person.psn_name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            needles.insert(escaped.into_bytes());
        }
        Persons(needles)
    }

    /// The first that stands in these bytes.
    pub fn found_in(&self, bytes: &[u8]) -> Option<String> {
        // Every needle begins with one of these, so that only their places are looked at.
        let beginnings: [&[u8]; 4] = [b"990000", "沙箱".as_bytes(), b"\xc9\xb3\xcf\xe4", b"\\u6c99\\u7bb1"];
        let lengths: HashSet<usize> = self.0.iter().map(Vec::len).collect();
        for beginning in beginnings {
            assert!(self.0.iter().any(|needle| needle.starts_with(beginning)), "{beginning:?}");
            for (at, _) in bytes.windows(beginning.len()).enumerate().filter(|(_, window)| *window == beginning) {
                let candidates = lengths.iter().filter_map(|len| bytes.get(at..at + len));
                if let Some(found) = candidates.into_iter().find(|candidate| self.0.contains(*candidate)) {
                    return Some(String::from_utf8_lossy(found).into_owned());
                }
            }
        }
        None
    }
}

/// All files in a folder and below.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[tokio::test]
async fn no_secret_or_person_field_reaches_a_log_unmasked() {
    let persons = Persons::everybody();
    let (mut program, sandbox, _) =
        played(40, &[("LOG__FILTER", "trace"), ("INBOUND__BODY_BYTES_MAX", "100000")]).await;
    // Calls that go wrong carry people too: in a path, in a broken body, over a bound, in what is no HTTP.
    let somebody = Population::from_seed(1).all()[0].clone();
    let named =
        format!("{{\"infno\":\"1101\",\"certno\":\"{}\",\"psn_name\":\"{}\"", somebody.certno, somebody.psn_name);
    let path = format!("/hsa/hgs/1101?certno={}&psn_no={}", somebody.certno, somebody.psn_no);
    for body in [format!("{named}}}"), named.clone(), named.repeat(2000)] {
        let mut talk = program.talk().await;
        talk.say(post(&path, &format!("X-Person: {}\r\n", somebody.certno), &body)).await;
        tokio::time::timeout(SOON, talk.hear()).await.unwrap();
    }
    let mut talk = program.talk().await;
    talk.say(format!("POST /{} <no> HTTP/1.1\r\nHost : {}\r\n\r\n", somebody.psn_name, somebody.certno)).await;
    tokio::time::timeout(SOON, talk.hear_out()).await.unwrap();

    let bodies = sandbox.platform().with_register(|register| {
        register.lines(0, usize::MAX).filter_map(|line| register.body(&line.body_sm3)).collect::<Vec<_>>()
    });
    let carried = bodies.iter().filter(|body| persons.found_in(body).is_some()).count();
    assert!(carried > 100, "the day does carry people: {carried} of {}", bodies.len());

    let targets =
        ["/metrics", "/readyz?verbose", "/api/v1/unknowns", "/api/v1/status", "/api/v1/exchanges", "/api/v1/totals"];
    for target in targets {
        let said = program.look(target).await;
        assert_eq!(persons.found_in(said.as_bytes()), None, "{target}");
    }
    program.signal("TERM");
    assert!(program.ended(SOON * 2).await.success(), "{}", program.log());
    let token = std::fs::read_to_string(program.data().join("admin.token")).unwrap();
    let log = program.log();
    assert!(["GW101", "a connection was ended", "stopped"].iter().all(|said| log.contains(said)), "{log}");
    assert_eq!(persons.found_in(log.as_bytes()), None, "the log");
    assert!(!log.contains(token.trim()), "the admin token in the log");
    let clear = std::fs::read_to_string(program.data().join("admin-clear.token")).unwrap();
    assert!(!log.contains(clear.trim()), "the token for personal data in the log");
    let shown = output(&["journal", "show", "--last", "100000", "--all"], &program.data());
    assert!(shown.len() > 10_000);
    assert_eq!(persons.found_in(&shown), None, "journal show");

    let files = files_below(&program.data());
    for folder in ["journal", "views"] {
        assert!(files.iter().any(|file| file.starts_with(program.data().join(folder))), "{files:?}");
    }
    for file in files {
        assert_eq!(persons.found_in(&std::fs::read(&file).unwrap()), None, "{}", file.display());
    }
}
