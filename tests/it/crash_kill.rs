//! kill -9 under load, again and again on the same data folder: what a client or the platform heard is in the journal.

use std::collections::HashSet;
use std::time::Duration;

use medgate::domain::outcome::{Cause, Outcome};
use medgate::journal::master::Master;
use medgate::journal::verify::{End, verify};
use medgate::journal::{Journal, Settings};
use medgate::sandbox::Sandbox;
use medgate::sandbox::callers::post::Heard;
use medgate::sandbox::draw::Draw;
use medgate::sandbox::ledger::Habits;
use medgate::sandbox::platform;
use serde_json::json;

use crate::crash_evidence::{Evidence, Told, sm3};
use crate::crash_rig::{Gateway, PATIENCE, Serve, until};

/// Kills of one data folder; a longer run takes a fresh one, because each audit reads the whole chain.
const ROUNDS: u32 = 30;
const CLIENTS: u64 = 8;
const LARGE_BYTES: usize = 3 << 19;
const MEDIUM_BYTES: usize = 400 << 10;

/// One call, distinct from every other.
struct Call {
    target: String,
    body: Vec<u8>,
}

impl Call {
    /// Money, fee lines and queries; some large one way or the other.
    fn draw(dice: &mut Draw, name: &str) -> Call {
        let seed = dice.bits();
        let mut call = |infno: &str, filler: usize| Call {
            target: format!("/fsi/api/hsa/hgs/{infno}"),
            body: body(infno, name, &letters(dice, filler)),
        };
        let echo = |infno: &str, chunked: u8| {
            format!("/_echo/hsa/hgs/{infno}?ct=application%2Fjson&bytes={LARGE_BYTES}&seed={seed}&chunked={chunked}")
        };
        match seed % 100 {
            0..40 => call("2207", 0),
            40..60 => call("2204", 0),
            60..80 => call("1101", 0),
            80..88 => call("2207", MEDIUM_BYTES),
            88..92 => call("2207", LARGE_BYTES),
            92..96 => Call { target: echo("2207", 0), ..call("2207", 0) },
            _ => Call { target: echo("1101", 1), ..call("1101", 0) },
        }
    }
}

fn body(infno: &str, name: &str, filler: &str) -> Vec<u8> {
    let psn_no = format!("99{:018}", crc32c::crc32c(name.as_bytes())); // A person each: no fence holds them.
    let row = json!({"feedetl_sn": "1", "mdtrt_id": name, "psn_no": psn_no, "chrg_bchno": "b1", "cnt": "1",
        "det_item_fee_sumamt": 30, "pric": 30, "med_list_codg": "X1"});
    let input = match infno {
        "2204" => json!({"feedetail": [row]}),
        "1101" => json!({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": "990000199001010011"}}),
        _ => json!({"data": {"psn_no": psn_no, "mdtrt_id": name, "chrg_bchno": "b1", "medfee_sumamt": "30.00",
            "insutype": "310", "med_type": "11", "acct_used_flag": "1", "exp_content": filler}}),
    };
    let envelope = json!({"infno": infno, "msgid": format!("H99000000001{name}"), "mdtrtarea_admvs": "990100",
        "insuplc_admdvs": "990100", "fixmedins_code": "H99000000001", "input": input});
    envelope.to_string().into_bytes()
}

/// Letters that do not compress well.
fn letters(dice: &mut Draw, count: usize) -> String {
    let mut text = String::with_capacity(count + 8);
    while text.len() < count {
        text.extend(dice.bits().to_le_bytes().map(|byte| char::from(b'0' + byte % 64)));
    }
    text.truncate(count);
    // Characters that JSON would escape.
    text.replace(['\\', '"'], "~")
}

/// What one client was told in full.
struct Completed {
    body_sm3: String,
    told: Told,
    text: String,
}

/// One client: call after call, until nobody listens any more.
async fn call_until_killed(gateway: std::net::SocketAddr, seed: u64, name: String) -> Vec<Completed> {
    let mut dice = Draw::from_seed(seed);
    let mut post = medgate::sandbox::callers::post::Post::new(&format!("http://{gateway}"), PATIENCE).unwrap();
    let mut heard = Vec::new();
    let mut silent = false;
    for count in 0.. {
        let call = Call::draw(&mut dice, &format!("{name}{count:05}"));
        match post.send("POST", &call.target, &[], &call.body).await {
            Heard::Answer(answer) => {
                assert!(!silent, "{name}: a gateway that lives leaves no call unanswered");
                let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(2048)]).into_owned();
                let told = Told::of(answer.status, &answer.body);
                heard.push(Completed { body_sm3: sm3(&call.body), told, text });
            }
            Heard::Silence(_) => silent = true,
            Heard::NotSent(_) => break,
        }
    }
    heard
}

/// One data folder, one stand-in platform, many kills.
struct Chapter {
    seed: u64,
    dice: Draw,
    data: tempfile::TempDir,
    sandbox: Sandbox,
    evidence: Evidence,
    requests_checked: u64,
    sent_once: HashSet<String>,
    completed: usize,
}

impl Chapter {
    async fn begin(seed: u64) -> Chapter {
        let habits = Habits { lenient: true, ..Habits::default() };
        let settings = platform::Settings { habits, ..platform::Settings::default() };
        let clock = std::sync::Arc::new(medgate::domain::clock::SystemClock::start());
        let sandbox = Sandbox::start("127.0.0.1:0".parse().unwrap(), settings, clock).await.unwrap();
        let data = tempfile::tempdir().unwrap();
        let evidence = Evidence::of(data.path());
        let (requests_checked, sent_once) = (0, HashSet::new());
        Chapter {
            seed,
            dice: Draw::from_seed(seed),
            data,
            sandbox,
            evidence,
            requests_checked,
            sent_once,
            completed: 0,
        }
    }

    fn serve(&self) -> Serve {
        Serve::on(self.data.path(), self.sandbox.addr())
    }

    /// A moment that the seed draws.
    async fn moment(&mut self, micros_max: u64) {
        let moment = Duration::from_micros(self.dice.below(micros_max));
        let _over = tokio::time::timeout(moment, std::future::pending::<()>()).await;
    }

    /// Load, kill, restart, audit.
    async fn round(&mut self, gateway: Gateway, round: u32) -> Gateway {
        let name = format!("{:08x}{round:03}", self.seed as u32);
        let clients = (0..CLIENTS).map(|client| {
            let seed = self.seed ^ (u64::from(round) << 32) ^ (client << 56);
            tokio::spawn(call_until_killed(gateway.listen, seed, format!("{name}{client}")))
        });
        let clients: Vec<_> = clients.collect();
        let enough = self.sandbox.platform().requests() + self.dice.below(100);
        until("load", || async { (self.sandbox.platform().requests() >= enough).then_some(()) }).await;
        self.moment(30_000).await;
        gateway.kill();
        let mut heard = Vec::new();
        for client in clients {
            heard.extend(tokio::time::timeout(PATIENCE, client).await.expect("clients end").unwrap());
        }
        if self.dice.chance(20) {
            // And once more, while it opens.
            let opening = self.serve().begin();
            self.moment(150_000).await;
            drop(opening);
        }
        let gateway = self.serve().start().await;
        self.audit(&gateway, &heard, round).await;
        self.completed += heard.len();
        gateway
    }

    async fn audit(&mut self, gateway: &Gateway, heard: &[Completed], round: u32) {
        let context = format!("seed {}, round {round}", self.seed);
        let report = verify(self.data.path()).unwrap();
        assert_eq!(report.bad, None, "{context}");
        self.evidence.read_on();
        self.audit_clients(heard, &context);
        self.audit_platform(&context);
        self.audit_outcomes(&context);
        self.audit_list(gateway, &context).await;
    }

    /// Every completed answer is in the journal byte for byte; one without an intent says that nothing was sent.
    fn audit_clients(&self, heard: &[Completed], context: &str) {
        for Completed { body_sm3, told, text } in heard {
            let Some(intent) = self.evidence.by_body.get(body_sm3) else {
                assert!(text.contains("【网关未发送】"), "{context}: an answer without an intent: {text}");
                continue;
            };
            let outcomes = &self.evidence.outcomes[intent];
            let kept = outcomes.iter().any(|settled| settled.answer.as_ref() == Some(told));
            assert!(kept, "{context}: intent {intent:?} was answered {told:?} {text}, but holds {outcomes:?}");
        }
    }

    /// Every request that the platform received has a durable INTENT, and came once.
    fn audit_platform(&mut self, context: &str) {
        let lines = self.sandbox.platform().with_register(|register| {
            let lines = register.lines(self.requests_checked, usize::MAX);
            lines.map(|line| (line.number, line.infno.clone(), line.body_sm3.clone())).collect::<Vec<_>>()
        });
        for (number, infno, body_sm3) in lines {
            assert!(self.evidence.by_body.contains_key(&body_sm3), "{context}: {infno} was sent without an intent");
            assert!(self.sent_once.insert(body_sm3), "{context}: {infno} was sent twice");
            self.requests_checked = number;
        }
    }

    /// Every INTENT has one OUTCOME; what recovery settled was an orphan and is Unknown(restart).
    fn audit_outcomes(&self, context: &str) {
        for intent in self.evidence.intents.values() {
            let Some([settled]) = self.evidence.outcomes.get(&intent.seq).map(Vec::as_slice) else {
                panic!("{context}: {intent:?} has {:?}", self.evidence.outcomes.get(&intent.seq));
            };
            assert!(settled.seq > intent.seq, "{context}");
            if settled.by_recovery {
                assert_eq!((settled.outcome, settled.cause), (Outcome::Unknown, Cause::Restart), "{context}");
            } else {
                assert_ne!(settled.cause, Cause::Restart, "{context}");
                assert!(settled.answer.is_some(), "{context}: {intent:?} was settled without an answer: {settled:?}");
            }
        }
    }

    /// The list of the unknowns is exactly the exchanges that acted and whose last outcome is Unknown.
    async fn audit_list(&self, gateway: &Gateway, context: &str) {
        let listed = gateway.unknowns(self.data.path()).await;
        let listed: Vec<u64> = listed.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
        let unknown =
            self.evidence.intents.values().filter(|intent| {
                intent.class.acts() && self.evidence.outcomes[&intent.seq][0].outcome == Outcome::Unknown
            });
        let unknown: Vec<u64> = unknown.map(|intent| intent.seq.0).collect();
        assert_eq!(listed, unknown, "{context}");
    }

    /// The clean end: sealed, and read once more by the journal itself.
    async fn end(mut self, gateway: Gateway) {
        assert!(gateway.stop().await.success());
        let report = verify(self.data.path()).unwrap();
        assert_eq!((report.bad, report.end), (None, End::Sealed), "seed {}", self.seed);
        self.audit_platform("at the end");
        let settings: Settings = toml::from_str(JOURNAL).unwrap();
        let clock = std::sync::Arc::new(medgate::domain::clock::SystemClock::start());
        let data = self.data.path().to_owned();
        let (journal, opening) = Journal::open(&settings, &data, &Master::Beside, clock).unwrap();
        assert_eq!((opening.orphans.len(), opening.cuts.len()), (0, 0));
        let mut records = journal.records(medgate::domain::exchange::Seq(1));
        let mut count = 0;
        while records.next_record().unwrap().is_some() {
            count += 1;
        }
        assert!(count > self.evidence.records.len(), "{count}");
        journal.close().await.unwrap();
        self.is_worth_something();
    }

    /// The load was what it is meant to be: orphans, files both ways, several segments.
    fn is_worth_something(&self) {
        let outcomes: Vec<_> = self.evidence.outcomes.values().flatten().collect();
        let orphans = outcomes.iter().filter(|settled| settled.by_recovery).count();
        let answers_in_files = outcomes.iter().filter(|settled| settled.spooled).count();
        let requests_in_files = self.evidence.intents.values().filter(|intent| intent.spooled).count();
        let segments = self.evidence.segment_no();
        eprintln!(
            "seed {}: {} intents, {} answers completed, {orphans} orphans, {requests_in_files} requests and {answers_in_files} \
             answers in files, {segments} segments, torn tails: {:?}",
            self.seed,
            self.evidence.intents.len(),
            self.completed,
            self.evidence.cut_files
        );
        assert!(self.completed > 500 && orphans > 20 && requests_in_files > 5 && answers_in_files > 10);
        assert!(segments > 1);
    }
}

const JOURNAL: &str = "segment_bytes = 16777216\ncipher = \"sm4-gcm\"\ncompression_level = 1\nmemory_bytes_max = 67108864\n\
    mark_idle_ms = 20\nspare_retry_ms = 1000\nreopen_retry_ms = 1000\nroom_wait_ms = 5000\nmaster_key = \"\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_intent_is_settled_or_listed_open() {
    let chapters = if std::env::var_os("MEDGATE_LONG").is_some() { 7 } else { 1 };
    for seed in 1..=chapters {
        let mut chapter = Chapter::begin(seed).await;
        let mut gateway = chapter.serve().start().await;
        for round in 0..ROUNDS {
            gateway = chapter.round(gateway, round).await;
        }
        chapter.end(gateway).await;
    }
}
