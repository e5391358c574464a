//! What a HIS and its platform say to each other crosses the whole gateway byte for byte, whatever it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use medgate::sandbox::draw::Draw;

use crate::doors_rig::{Peer, Raw, Talk};
use crate::gateway_bytes_drawn::{Case, Lines};
use crate::rig::TestGateway;

/// Cases of one run, and what their bodies may weigh together.
const CASES: u64 = 10_000;
const BYTES_MAX: u64 = 300 << 20;
/// HIS connections side by side.
const CLIENTS: u64 = 8;
/// One exchange of the largest bodies on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What did not arrive as it was sent.
#[derive(Default)]
struct Findings(Mutex<Vec<String>>);

impl Findings {
    fn note(&self, case: u64, what: &str) {
        self.0.lock().unwrap().push(format!("case {case}: {what}"));
    }

    /// Compares one message with what was sent: its first line, its lines in order, its body.
    fn compare(&self, case: u64, side: &str, heard: &Raw, first: &str, lines: &Lines, body: &[u8]) {
        let mut came = heard.head.split("\r\n").filter(|line| !line.is_empty());
        if came.next() != Some(first) {
            self.note(case, &format!("{side}: first line {first:?} in {:?}", heard.head));
        }
        let framing = |line: &&str| {
            let lower = line.to_ascii_lowercase();
            ["host:", "content-length:", "transfer-encoding:"].iter().any(|name| lower.starts_with(name))
        };
        // Blanks around a value are no part of it: an empty one may have one behind the colon.
        let came: Vec<&str> = came.filter(|line| !framing(line)).map(|line| line.trim_end_matches(' ')).collect();
        let sent: Vec<String> = lines.iter().map(|line| latin_1(line)).collect();
        if came != sent {
            let at = came.iter().zip(&sent).position(|(came, sent)| came != sent).unwrap_or(came.len().min(sent.len()));
            self.note(case, &format!("{side}: line {at}: {:?} came as {:?}", sent.get(at), came.get(at)));
        }
        if heard.body != body {
            let at = heard.body.iter().zip(body).position(|(came, sent)| came != sent);
            self.note(case, &format!("{side}: {} bytes came as {}, first at {at:?}", body.len(), heard.body.len()));
        }
    }
}

/// Every byte as one character, as the raw peers keep heads.
fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// A platform that knows which case a request is by its target, compares it, and answers with the case's reply.
async fn knowing_peer(findings: Arc<Findings>, arrived: Arc<AtomicU64>) -> Peer {
    let talk = move |mut talk: Talk| {
        let (findings, arrived) = (Arc::clone(&findings), Arc::clone(&arrived));
        async move {
            while let Some(request) = talk.hear().await {
                let first = request.head.split("\r\n").next().unwrap_or_default().to_owned();
                let number = first.split("n=").nth(1).and_then(|rest| rest.split('&').next()?.parse().ok());
                let Some(number) = number else { return findings.note(0, &format!("no number in {first}")) };
                let case = Case::draw(number);
                let expected = format!("POST {} HTTP/1.1", case.target);
                findings.compare(number, "request", &request, &expected, &case.lines, &case.body);
                arrived.fetch_add(1, Ordering::SeqCst);
                talk.say(case.reply.message()).await;
            }
        }
    };
    Peer::wild(talk).await
}

/// One HIS client: every `CLIENTS`th case in order, over one connection.
async fn client(gateway: std::net::SocketAddr, first: u64, findings: Arc<Findings>) -> u64 {
    let mut talk = Talk::to(gateway).await;
    let mut weight = 0;
    for number in (first..CASES).step_by(usize::try_from(CLIENTS).unwrap()) {
        let case = Case::draw(number);
        talk.say(case.message()).await;
        let heard = tokio::time::timeout(PATIENCE, talk.hear()).await.expect("an answer in time");
        let Some(heard) = heard else {
            findings.note(number, "no answer");
            talk = Talk::to(gateway).await;
            continue;
        };
        findings.compare(number, "reply", &heard, &case.reply.first(), &case.reply.lines, &case.reply.body);
        weight += (case.body.len() + case.reply.body.len()) as u64;
    }
    weight
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_pass_unchanged_except_declared_fields() {
    let (findings, arrived) = (Arc::new(Findings::default()), Arc::new(AtomicU64::new(0)));
    let peer = knowing_peer(Arc::clone(&findings), Arc::clone(&arrived)).await;
    let mut gateway = TestGateway::before(&format!("http://{}", peer.addr), |settings| {
        settings.journal.segment_bytes = 64 << 20;
        // Drawn calls break rules: nothing is refused for it here, and no line about it stands in the answer.
        settings.rules.observe = vec!["policy-2025-interface".to_owned()];
        settings.rules.tell_his = false;
    })
    .await;
    let clients = (0..CLIENTS).map(|first| tokio::spawn(client(gateway.listen, first, Arc::clone(&findings))));
    let mut weight = 0;
    for client in clients.collect::<Vec<_>>() {
        weight += client.await.unwrap();
    }
    gateway.stop().await;
    let findings = findings.0.lock().unwrap();
    assert!(findings.is_empty(), "{} findings, the first: {}", findings.len(), findings[0]);
    assert_eq!(arrived.load(Ordering::SeqCst), CASES, "each once");
    assert!(weight <= BYTES_MAX, "the cases weigh {weight} bytes");
    assert!(weight > BYTES_MAX / 3, "the cases weigh only {weight} bytes: they are not what they are said to be");
}

#[test]
fn the_cases_are_as_varied_as_they_are_said_to_be() {
    let mut seen = [0_u32; 6];
    let mut draw = Draw::from_seed(1);
    for _ in 0..600 {
        let case = Case::draw(draw.below(CASES));
        let text = std::str::from_utf8(&case.body);
        let json = serde_json::from_slice::<serde_json::Value>(&case.body).is_ok();
        seen[0] += u32::from(json);
        seen[1] += u32::from(text.is_err());
        seen[2] += u32::from(text.is_ok() && !json && case.body.first() == Some(&b'{'));
        seen[3] += u32::from(case.body.is_empty());
        seen[4] += u32::from(case.lines.iter().any(|line| line.first() == Some(&b'_')));
        seen[5] += u32::from(case.lines.iter().any(|line| line.iter().any(|byte| *byte >= 0x80)));
    }
    assert!(seen.iter().all(|count| *count >= 10), "JSON, not UTF-8, broken JSON, empty, _names, GBK values: {seen:?}");
}
