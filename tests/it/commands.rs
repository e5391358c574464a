//! The commands as a user meets them: what they print, and how they end.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use crate::crash_rig::{Serve, medgate, run, said};

/// A platform that nobody needs to reach.
fn nowhere() -> SocketAddr {
    "127.0.0.1:9".parse().unwrap()
}

#[tokio::test]
async fn a_second_gateway_on_the_same_data_folder_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let first = Serve::on(data.path(), nowhere()).start().await;
    let ended = Serve::on(data.path(), nowhere()).refused().await;
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    for part in ["lock is locked: another medgate uses this data folder", "stop the other one"] {
        assert!(ended.said.contains(part), "{}", ended.said);
    }
    assert_eq!(first.admin("/livez", "").await.0, 200, "the first one does not mind");
    first.kill();
    Serve::on(data.path(), nowhere()).start().await;
}

#[test]
fn check_prints_every_complaint_with_its_line_and_cure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.toml");
    std::fs::write(&file, WRONG).unwrap();
    let output = run(medgate(&["check", "--config", file.to_str().unwrap()]));
    let said = said(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    for (line, what, cure) in COMPLAINTS {
        let place = format!("site.toml:{line}: ");
        let complaint = said.split("\n/").find(|complaint| complaint.contains(&place));
        let complaint = complaint.unwrap_or_else(|| panic!("no complaint about line {line}: {said}"));
        assert!(complaint.contains(what) && complaint.contains(&format!("cure: {cure}")), "{complaint}");
    }
    assert!(said.contains(&format!("{} complaint(s); nothing was started", COMPLAINTS.len())), "{said}");

    // `serve` says the same and starts nothing.
    let refused = run(medgate(&["serve", "--config", file.to_str().unwrap()]));
    assert_eq!((refused.status.code(), crate::crash_rig::said(&refused)), (Some(78), said));
}

const WRONG: &str = "[gateway]
profil = \"baseline\"
drain_seconds = \"many\"
[inbound]
listen = \"nowhere\"
connections_max = 0
[journal]
segment_bytes = 5
[upstream.default]
url = \"ftp://platform\"
[[route]]
prefix = \"/\"
infno = [\"*\"]
upstream = \"nobody\"
";

/// Line, what is said of it, how the cure begins.
const COMPLAINTS: [(u32, &str, &str); 7] = [
    (2, "unknown key `gateway.profil`", "did you mean `profile`?"),
    (3, "`gateway.drain_seconds`", "for example: 30"),
    (5, "`inbound.listen` = \"nowhere\" is not an address", "write HOST:PORT"),
    (6, "`inbound.connections_max` = 0 is out of range", "use 1 to"),
    (8, "`journal.segment_bytes` = 5 is out of range", "use 16777216 to"),
    (10, "does not begin with http://", "write http://HOST:PORT"),
    (14, "upstream \"nobody\", which does not exist", "add [upstream.nobody]"),
];

#[test]
fn check_is_content_with_good_settings_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output = run(medgate(&["check", "--upstream", "http://10.0.0.5:8080/base", "--data", data.to_str().unwrap()]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("http://10.0.0.5:8080/base"), "{}", said(&output));
    assert!(!data.exists());
}

#[tokio::test]
async fn healthcheck_tells_ready_from_gone() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Serve::on(data.path(), nowhere()).start().await;
    let admin = gateway.admin.to_string();
    let output = run(medgate(&["healthcheck", "--admin", &admin]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("[+] journal") && said(&output).ends_with("ready\n"), "{}", said(&output));
    gateway.kill();
    let output = run(medgate(&["healthcheck", "--admin", &admin]));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains(&format!("does not answer at {admin}")), "{}", said(&output));
}

#[test]
fn a_mistyped_flag_is_answered_with_the_right_one() {
    for (arguments, part) in [
        (&["serve", "--lisen", "127.0.0.1:0"][..], "a similar argument exists: '--listen'"),
        (&["serv"][..], "a similar subcommand exists: 'serve'"),
        (&[][..], "EXAMPLES:"),
    ] {
        let output = run(medgate(arguments));
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(part), "{}", said(&output));
    }
}

#[test]
fn a_mistyped_variable_is_answered_with_the_right_one() {
    let mut command = medgate(&["serve", "--upstream", "http://127.0.0.1:9"]);
    command.env("MEDGATE__INBOUND__LISEN", "127.0.0.1:0");
    let output = run(command);
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
    for part in ["MEDGATE__INBOUND__LISEN", "did you mean `listen`?"] {
        assert!(said(&output).contains(part), "{}", said(&output));
    }
}

#[test]
fn a_port_in_use_is_named_and_the_journal_is_left_alone() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    for (listen, admin) in [(address.as_str(), "127.0.0.1:0"), ("127.0.0.1:0", address.as_str())] {
        let mut command = medgate(&["serve", "--upstream", "http://127.0.0.1:9", "--listen", listen]);
        command.args(["--admin", admin, "--data"]).arg(data.path());
        let output = run(command);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        for part in [format!("could not listen on {address}").as_str(), "Address already in use"] {
            assert!(said(&output).contains(part), "{}", said(&output));
        }
    }
    assert!(!data.path().join("journal").exists());
}

#[tokio::test]
async fn tail_goes_on_with_what_comes() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Serve::on(data.path(), nowhere()).start().await;
    let mut tail = medgate(&["journal", "tail", "-f", "--data"]);
    let mut tail = tail.arg(data.path()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let heard = std::thread::spawn(move || lines.map_while(Result::ok).any(|line| line.contains("2207")));
    gateway.call("/hsa/hgs/2207", br#"{"infno":"2207"}"#).await;
    assert!(tokio::task::spawn_blocking(move || heard.join()).await.unwrap().unwrap());
    tail.kill().unwrap();
    tail.wait().unwrap();
}

#[tokio::test]
async fn nothing_is_made_in_a_folder_that_is_no_gateways() {
    let folder = tempfile::tempdir().unwrap();
    let id = "019a2f6e-7d1c-7c3a-9b1e-2f3a4b5c6d7e";
    for arguments in [
        &["exchange", "show", id, "--reveal"][..],
        &["exchange", "find"],
        &["views", "rebuild"],
        &["views", "digest"],
        &["journal", "show", id, "--reveal"],
    ] {
        let mut command = medgate(arguments);
        command.arg("--data").arg(folder.path());
        let output = run(command);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains("cure: name the gateway's data folder"), "{arguments:?}: {}", said(&output));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:?}");
    }

    // Nor is a look journaled at what is not there.
    let gateway = Serve::on(folder.path(), nowhere()).start().await;
    let mut command = medgate(&["exchange", "show", id, "--reveal", "--data"]);
    command.arg(folder.path());
    let output = run(command);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("there is no exchange"), "{}", said(&output));
    let token = std::fs::read_to_string(folder.path().join("admin-clear.token")).unwrap();
    for _ in 0..2 {
        assert_eq!(gateway.admin(&format!("/api/v1/exchanges/{id}?reveal=true"), token.trim()).await.0, 404);
    }
    let mut command = medgate(&["exchange", "find", "--limit", "1000000", "--data"]);
    command.arg(folder.path());
    assert_eq!(run(command).status.code(), Some(2), "a wrong value is a wrong argument");
}

#[test]
fn a_mistyped_profile_stops_the_start_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut command = medgate(&["serve", "--upstream", "http://127.0.0.1:9", "--profile", "guangdnog", "--data"]);
    command.arg(&data);
    let output = run(command);
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
    assert!(said(&output).contains("did you mean `guangdong`?"), "{}", said(&output));
    assert!(said(&output).lines().all(|line| line.len() < 300) && !data.exists(), "{}", said(&output));
}

#[tokio::test]
async fn a_clean_stop_ends_with_success_and_a_sealed_journal() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Serve::on(data.path(), nowhere()).start().await;
    assert!(gateway.stop().await.success());
    let report = medgate::journal::verify::verify(data.path()).unwrap();
    assert_eq!((report.bad, report.end), (None, medgate::journal::verify::End::Sealed));
}
