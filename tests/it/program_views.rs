//! Views, API and the commands over them, on the program itself.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use medgate::domain::clock::SystemClock;
use medgate::sandbox::Sandbox;
use medgate::sandbox::callers::post::{Heard, Post};
use medgate::sandbox::people::Population;
use medgate::sandbox::platform::Settings;
use serde_json::Value;

use crate::doors_rig::post;
use crate::program_day::{Persons, files_below, played};
use crate::program_rig::{Program, answer, output};
use crate::rig::SOON;

/// Asks the admin port with the token of a file: status and body.
async fn ask(program: &Program, token_file: &str, method: &str, target: &str) -> (u16, String) {
    let token = std::fs::read_to_string(program.data().join(token_file)).unwrap();
    let mut post = Post::new(&format!("http://{}", program.admin), SOON).unwrap();
    let headers = [("Authorization".to_owned(), format!("Bearer {}", token.trim()))];
    match post.send(method, target, &headers, b"").await {
        Heard::Answer(answer) => (answer.status, String::from_utf8(answer.body).unwrap()),
        other => panic!("{target}: {other:?}"),
    }
}

async fn json(program: &Program, target: &str) -> Value {
    serde_json::from_str(&program.look(target).await).unwrap()
}

/// Waits until the journal has come to rest (what was handed over is journaled a moment after the answer) and the views have
/// taken up everything.
async fn caught_up(program: &Program) {
    let reached = async {
        let mut again = tokio::time::interval(std::time::Duration::from_millis(20));
        let (mut last, mut at_rest) = (0, 0);
        while at_rest < 5 {
            again.tick().await;
            let durable = json(program, "/api/v1/status").await["durable_seq"].as_u64().unwrap();
            let views = json(program, "/api/v1/views").await;
            let following = views["state"] == "following" && durable <= views["position"].as_u64().unwrap();
            at_rest = if following && durable == last { at_rest + 1 } else { 0 };
            last = durable;
        }
    };
    tokio::time::timeout(SOON * 3, reached).await.expect("the views follow");
}

/// All exchanges that a question finds, page by page.
async fn walk(program: &Program, filter: &str, limit: usize) -> Vec<Value> {
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let page = json(program, &format!("/api/v1/exchanges?limit={limit}{filter}{after}")).await;
        rows.extend(page["exchanges"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return rows,
        }
    }
}

fn ids(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_filter_page_and_total_of_a_day_is_right() {
    let (program, _sandbox, report) = played(40, &[]).await;
    caught_up(&program).await;
    let all = walk(&program, "", 500).await;
    let sent = report.arrived.values().sum::<u64>() as usize;
    assert_eq!(ids(&all).len(), all.len());
    assert!(sent <= all.len() && 50 < sent, "{sent} arrived, {} are found", all.len());
    let walked = walk(&program, "", 7).await;
    assert_eq!(walked, all, "small pages walk everything once, in the same order");
    let mut oldest = walk(&program, "&order=oldest", 9).await;
    oldest.reverse();
    assert_eq!(oldest, all);

    let document = json(&program, "/api/v1/openapi.json").await;
    let parameters = document["paths"]["/api/v1/exchanges"]["get"]["parameters"].as_array().unwrap();
    let names: Vec<&str> = parameters.iter().map(|one| one["name"].as_str().unwrap()).collect();
    let mut filters = 0;
    for name in names.into_iter().filter(|name| !["from", "until", "order", "limit", "after", "person"].contains(name))
    {
        let with_value = all.iter().find(|row| row[name].is_string()).unwrap_or_else(|| panic!("nobody has {name}"));
        let value = with_value[name].as_str().unwrap();
        let found = walk(&program, &format!("&{name}={value}"), 11).await;
        let expected: Vec<Value> = all.iter().filter(|row| row[name] == value).cloned().collect();
        let several = ["msgid", "mdtrt_id", "setl_id"].contains(&name); // A repeat's msgid, or what the answer made.
        assert!(if several { ids(&found).is_superset(&ids(&expected)) } else { found == expected }, "{name}={value}");
        filters += 1;
    }
    assert_eq!(filters, 11);

    let mut seen = 0;
    for person in Population::from_seed(1).all() {
        let by_certno = walk(&program, &format!("&person={}", person.certno), 5).await;
        let by_psn_no = walk(&program, &format!("&person={}", person.psn_no), 5).await;
        let tokens: BTreeSet<_> = by_certno.iter().map(|row| row["person"].to_string()).collect();
        assert!(tokens.len() <= 2, "one person within each of two hospitals: {tokens:?}");
        let settled = by_psn_no.iter().filter(|row| row["infno"] == "2207").count();
        seen += usize::from(!by_certno.is_empty() && 0 < settled);
    }
    assert!(3 < seen, "{seen} persons are found by both numbers");

    let totals = json(&program, "/api/v1/totals?by=infno,outcome").await;
    let lines = totals["totals"].as_array().unwrap();
    assert_eq!(lines.iter().map(|line| line["count"].as_u64().unwrap()).sum::<u64>(), all.len() as u64);
    let confirmed = lines.iter().find(|line| line["infno"] == "2207" && line["outcome"] == "confirmed").unwrap();
    let fen = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
    let of_rows = all.iter().filter(|row| row["infno"] == "2207" && row["outcome"] == "confirmed");
    let sum: i64 = of_rows.map(|row| fen(row["amounts"]["medfee_sumamt"].as_str().unwrap())).sum();
    assert_eq!(fen(confirmed["amounts"]["medfee_sumamt"].as_str().unwrap()), sum);
    assert!(0 < sum);

    let metrics = program.look("/metrics").await;
    for part in [
        "medgate_views_state{state=\"following\"} 1",
        "medgate_views_capacity_records_per_second ",
        "medgate_views_lag_records ",
    ] {
        assert!(metrics.contains(part), "{part}");
    }
    for path in document["paths"].as_object().unwrap().keys() {
        let target = path.replace("{id}", all[0]["id"].as_str().unwrap()).replace("{number}", "1");
        let method = if document["paths"][path]["get"].is_object() { "GET" } else { "POST" };
        let (status, text) = ask(&program, "admin.token", method, &target).await;
        // An exchange on which both sides agree is no case, and the first record refuses nothing.
        let says_so = text.contains("is no case") || text.contains("no call was refused under 1");
        assert!(status != 404 || says_so, "{path}: {status} {text}");
    }
}

#[tokio::test]
async fn nobody_is_seen_without_the_right_and_every_look_is_journaled() {
    let persons = Persons::everybody();
    let (mut program, sandbox, _) = played(40, &[]).await;
    caught_up(&program).await;
    let settled = walk(&program, "&infno=2207&outcome=confirmed", 50).await;
    let (one, other) = (settled[0]["id"].as_str().unwrap(), settled[1]["id"].as_str().unwrap());
    let target = format!("/api/v1/exchanges/{one}");
    let (status, masked) = ask(&program, "admin.token", "GET", &target).await;
    assert_eq!((status, persons.found_in(masked.as_bytes())), (200, None));
    let masked: Value = serde_json::from_str(&masked).unwrap();
    let field = |shown: &Value, path: &str| {
        let fields = shown["request"]["body"]["fields"].as_array().unwrap();
        fields.iter().find(|field| field["path"] == path).unwrap_or_else(|| panic!("no {path} in {shown}")).clone()
    };
    assert_eq!(field(&masked, "input.data.psn_no")["value"], "***");
    assert_eq!(field(&masked, "input.data.medfee_sumamt")["label"], "医疗费总额");
    let revealing = format!("{target}?reveal=true");
    assert_eq!(ask(&program, "admin.token", "GET", &revealing).await.0, 403);
    let (status, clear) = ask(&program, "admin-clear.token", "GET", &revealing).await;
    assert!(status == 200 && persons.found_in(clear.as_bytes()).is_some(), "{clear}");
    let everything = walk(&program, "", 500).await;
    for row in &everything {
        let shown =
            ask(&program, "admin.token", "GET", &format!("/api/v1/exchanges/{}", row["id"].as_str().unwrap())).await;
        assert_eq!((shown.0, persons.found_in(shown.1.as_bytes())), (200, None), "{row}");
    }

    let shown = output(&["exchange", "show", one], &program.data());
    assert_eq!(persons.found_in(&shown), None);
    assert!(String::from_utf8_lossy(&shown).contains("input.data.insutype 险种类型 = "));
    let revealed = output(&["exchange", "show", one, "--reveal"], &program.data());
    assert!(persons.found_in(&revealed).is_some());
    let refused = Command::new(env!("CARGO_BIN_EXE_medgate"))
        .args(["journal", "show", one, "--reveal", "--admin", "127.0.0.1:1", "--data"])
        .arg(program.data())
        .output()
        .unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty(), "a look that cannot be journaled shows nothing");
    let difference = output(&["exchange", "diff", one, other], &program.data());
    assert_eq!(persons.found_in(&difference), None);
    assert!(String::from_utf8_lossy(&difference).contains("fields are equal"));
    let found = output(
        &["exchange", "find", "--infno", "2207", "--outcome", "confirmed", "--limit", "50", "--json"],
        &program.data(),
    );
    let found: Value = serde_json::from_slice(&found).unwrap();
    assert_eq!(found["exchanges"].as_array().unwrap().len(), settled.len());
    let somebody = Population::from_seed(1).all()[0].certno.clone();
    output(&["exchange", "find", "--person", &somebody], &program.data());

    program.signal("TERM");
    assert!(program.ended(SOON * 2).await.success(), "{}", program.log());
    drop(sandbox);
    let revealed = output(&["journal", "show", one, "--reveal"], &program.data());
    assert!(persons.found_in(&revealed).is_some());
    let shown = output(&["exchange", "show", one, "--json"], &program.data());
    let shown: Value = serde_json::from_slice(&shown).unwrap();
    let looks = shown["timeline"].as_array().unwrap().iter().filter(|step| step["what"] == "look");
    let looks: Vec<&str> = looks.map(|step| step["detail"].as_str().unwrap()).collect();
    let (hidden, clear) = ("look, personal data hidden", "look, personal data in clear");
    let expected = [
        ("admin:", hidden),
        ("admin-clear:", clear),
        ("admin:", hidden),
        ("admin-clear uid-", clear),
        ("command uid-", clear),
    ];
    assert_eq!(looks.len(), expected.len(), "{looks:?}");
    for (look, (who, what)) in looks.iter().zip(expected) {
        assert!(look.starts_with(who) && look.ends_with(what), "{looks:?}");
    }
    for file in files_below(&program.data().join("views")) {
        assert_eq!(persons.found_in(&std::fs::read(&file).unwrap()), None, "{}", file.display());
    }
}

#[tokio::test]
async fn views_can_be_deleted_and_rebuilt() {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let sandbox = Sandbox::start(loopback, Settings::default(), Arc::new(SystemClock::start())).await.unwrap();
    let mut program = Program::start(&format!("http://{}", sandbox.addr()), &[]).await;
    let views = program.data().join("views");
    let certno = Population::from_seed(1).all()[0].certno.clone();
    let (mut talk, calls) = (program.talk().await, 400);
    for number in 0..calls {
        let body = format!(
            "{{\"infno\":\"1101\",\"msgid\":\"H{number}\",\"fixmedins_code\":\"H44010100001\",\"mdtrtarea_admvs\":\"440100\",\"input\":{{\"data\":{{\"mdtrt_cert_type\":\"02\",\"mdtrt_cert_no\":\"{certno}\"}}}}}}"
        );
        talk.say(post("/fsi/api", "Content-Type: application/json\r\n", &body)).await;
        assert!(answer(&mut talk).await.head.starts_with("HTTP/1.1 200"), "call {number}");
        if number % 100 == 50 {
            caught_up(&program).await; // So that there is something to delete.
            // Everything, or the newest file alone, while calls flow.
            let gone = files_below(&views)
                .into_iter()
                .filter(|file| number < 200 || file.extension().is_some_and(|e| e == "sqlite"));
            gone.for_each(|file| std::fs::remove_file(file).unwrap_or_default());
        }
    }
    caught_up(&program).await;
    let rows = walk(&program, "&infno=1101", 500).await;
    assert_eq!(rows.len(), calls, "nothing is lost");
    let state = json(&program, "/api/v1/views").await;
    assert!(0 < state["rebuilds"].as_u64().unwrap(), "{state}");

    let digest = |said: &[u8]| {
        let said = String::from_utf8_lossy(said).into_owned();
        said.lines()
            .find_map(|line| line.strip_prefix("digest   ").map(str::to_owned))
            .unwrap_or_else(|| panic!("{said}"))
    };
    let before = digest(&output(&["views", "digest"], &program.data()));
    let admin = program.admin.to_string();
    assert_eq!(digest(&output(&["views", "rebuild", "--admin", &admin], &program.data())), before, "by the gateway");
    program.signal("TERM");
    assert!(program.ended(SOON * 2).await.success(), "{}", program.log());
    assert_eq!(digest(&output(&["views", "rebuild"], &program.data())), before, "by the command");
    assert_eq!(digest(&output(&["views", "digest"], &program.data())), before);
}

#[tokio::test]
async fn views_that_cannot_be_written_do_not_touch_the_line() {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let sandbox = Sandbox::start(loopback, Settings::default(), Arc::new(SystemClock::start())).await.unwrap();
    let program = Program::start(&format!("http://{}", sandbox.addr()), &[("VIEWS__RETRY_MS", "100")]).await;
    let views = program.data().join("views");
    caught_up(&program).await;
    // A file where the folder should be: nothing can be written there.
    std::fs::remove_dir_all(&views).unwrap();
    std::fs::write(&views, "").unwrap();
    let mut talk = program.talk().await;
    let ask = |number: u32| {
        let body = format!(
            "{{\"infno\":\"9001\",\"msgid\":\"H{number}\",\"fixmedins_code\":\"H44010100001\",\"input\":{{}}}}"
        );
        post("/fsi/api", "Content-Type: application/json\r\n", &body)
    };
    let mut sent = 0;
    while json(&program, "/api/v1/views").await["state"] != "failing" {
        sent += 1;
        talk.say(ask(sent)).await;
        assert!(answer(&mut talk).await.head.starts_with("HTTP/1.1 200"));
    }
    let (status, said) = self::ask(&program, "admin.token", "GET", "/api/v1/exchanges").await;
    assert_eq!(status, 503, "{said}");
    assert!(program.look("/readyz?verbose").await.ends_with("\nready\n"), "the line does not need the views");
    assert!(program.look("/metrics").await.contains("medgate_views_state{state=\"failing\"} 1"));
    std::fs::remove_file(&views).unwrap();
    caught_up(&program).await;
    assert_eq!(walk(&program, "&infno=9001", 500).await.len(), sent as usize);
}

#[test]
fn shells_and_man_know_every_command() {
    let print = |arguments: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_medgate")).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        let script = print(&["completions", shell]);
        assert!(["exchange", "views", "healthcheck", "mdtrt_id"].iter().all(|word| script.contains(word)), "{shell}");
    }
    let page = print(&["man"]);
    assert!(page.contains(".TH medgate 1") && page.contains("find") && page.contains("rebuild"), "{page}");
}
