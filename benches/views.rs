//! The views at a million exchanges: how fast they take up, and how fast every filter answers.
//!
//! `cargo bench --bench views -- [EXCHANGES]`. Records go through the insert path of the follower, in its batch size; each
//! question opens the file anew, as the API does. Beside it stands the same SQL in the sqlite3 shell (Debian package
//! sqlite3): a thousand statements in one process, less an empty process. The run fails above 50 ms at p99, or below 2,000
//! exchanges per second at the end.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures time and prints a table")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use medgate::domain::class::Class;
use medgate::domain::exchange::{ExchangeId, Seq};
use medgate::domain::moment::china_time;
use medgate::domain::outcome::{Cause, Outcome, Told};
use medgate::domain::token::Token;
use medgate::journal::composite::Delivery;
use medgate::journal::entropy::SeededEntropy;
use medgate::journal::facts::{Fact, Facts};
use medgate::journal::master::Master;
use medgate::journal::pool_key::PoolKey;
use medgate::journal::record::{Header, Kind};
use medgate::journal::tokens::Tokens;
use medgate::journal::{Place, Record};
use medgate::views::columns::place_of;
use medgate::views::follower::Taking;
use medgate::views::query::Wanted;
use medgate::views::read::Views;
use medgate::views::totals::Summed;
use medgate::views::{FOLDER, Store};

/// 2026-11-01T00:00:00 in China; a million at one in two seconds fill the month.
const BEGIN: i64 = 1_793_462_400_000_000_000;
const BATCH_ROWS: usize = 4_096;
const QUESTIONS: u64 = 1_000;
const P99_MAX: Duration = Duration::from_millis(50);
const PER_SECOND_MIN: f64 = 2_000.0;

fn main() -> ExitCode {
    let exchanges = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(1_000_000u64);
    let folder = std::env::var("MEDGATE_BENCH_DIR").map_or_else(|_| std::env::temp_dir(), Into::into);
    let folder = tempfile::tempdir_in(folder).expect("a folder to write in");
    let entropy = SeededEntropy::new(1);
    let pool = PoolKey::open(folder.path(), &Master::Beside, false, &entropy).expect("a pool key");
    let tokens = Tokens::open(folder.path(), true, &pool, &entropy).expect("tokens");
    let dir = folder.path().join(FOLDER);
    let slowest = fill(&dir, exchanges, &tokens);
    let worst = questions(&dir, exchanges, &tokens);
    let good = worst <= P99_MAX && PER_SECOND_MIN <= slowest;
    println!(
        "\nworst p99 {worst:?} (at most {P99_MAX:?}), last tenth {slowest:.0} exchanges/s (at least {PER_SECOND_MIN})"
    );
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Takes up everything; exchanges per second in the last tenth.
fn fill(dir: &Path, exchanges: u64, tokens: &Tokens) -> f64 {
    println!("| exchanges | taken up per second | file, MB |\n|--:|--:|--:|");
    let mut store = Store::open(dir, tokens.identity(), Seq(u64::MAX)).expect("the views open");
    let (mut seq, mut spent, mut rate) = (0, Duration::ZERO, 0.0);
    for number in 0..exchanges {
        let records = records(number, &mut seq, tokens);
        let began = Instant::now();
        records.iter().for_each(|record| store.take(record).expect("a record is taken up"));
        if BATCH_ROWS <= store.touched() || number + 1 == exchanges {
            store.commit(Seq(seq)).expect("a batch is committed");
        }
        spent += began.elapsed();
        if (number + 1).is_multiple_of(exchanges / 10) {
            rate = (exchanges / 10) as f64 / spent.as_secs_f64();
            let files = std::fs::read_dir(dir).expect("the folder");
            let bytes: u64 = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len())).sum();
            println!("| {} | {rate:.0} | {} |", number + 1, bytes >> 20);
            spent = Duration::ZERO;
        }
    }
    rate
}

/// Intent, outcome and delivery of one exchange.
fn records(number: u64, seq: &mut u64, tokens: &Tokens) -> [Record; 3] {
    let of = id(number);
    let mut record = |kind, change: &dyn Fn(&mut Record)| {
        *seq += 1;
        let header = Header { seq: Seq(*seq), exchange_id: of, at_unix_ns: at(number), ..Header::new(kind) };
        let place = Place { segment_no: 1, offset: 0, seq: Seq(*seq) };
        let mut record = Record { place, header, facts: Facts::default(), payload: Vec::new() };
        change(&mut record);
        record
    };
    let class = Class::ALL[(mixed(number) % 40 % 10) as usize] as u8; // A transaction has one class.
    let intent = record(Kind::Intent, &|record| {
        record.header.class = class;
        record.header.fence_token = tokens.of("person", &format!("{}\n{}", institution(number), person(number)));
        record.facts.text(Fact::Infno, &infno(number));
        record.facts.text(Fact::Msgid, &msgid(number));
        record.facts.text(Fact::FixmedinsCode, &institution(number));
        record.facts.text(Fact::MdtrtareaAdmvs, "440100");
        record.facts.text(Fact::InsuplcAdmdvs, "440100");
        record.facts.text(Fact::MdtrtId, &visit(number));
        record.facts.text(Fact::Upstream, upstream(number));
        record.facts.text(Fact::Peer, "10.0.0.7:51234");
    });
    let outcome = record(Kind::Outcome, &|record| {
        record.header.class = class;
        record.header.outcome = outcome(number) as u8;
        record.header.cause = cause(number) as u8;
        record.facts.text(Fact::Infcode, "0");
        record.facts.number(Fact::HttpStatus, 200);
        record.facts.number(Fact::HeardAt, at(number).cast_unsigned());
        record.facts.bytes(Fact::Told, [Told::Success as u8]);
        if number.is_multiple_of(6) {
            record.facts.text(Fact::SetlId, &settlement(number));
            for name in
                ["medfee_sumamt", "fund_pay_sumamt", "psn_part_amt", "acct_pay", "psn_cash_pay", "hifp_pay", "balc"]
            {
                record.facts.named(Fact::Amount, name, format!("{}.{:02}", number % 900, number % 100).as_bytes());
            }
            record.facts.named(Fact::Dimension, "insutype", b"310");
        }
    });
    let delivered = record(Kind::Deliveries, &|record| {
        let told = [Told::Success, Told::Success, Told::Success, Told::NotTold][(number % 4) as usize];
        let delivery = Delivery { intent: Seq(1), exchange_id: of, told, bytes: 900, at_unix_ns: at(number) };
        record.header.exchange_id = ExchangeId::NONE;
        record.facts.bytes(Fact::Delivery, delivery.encode());
    });
    [intent, outcome, delivered]
}

fn at(number: u64) -> i64 {
    BEGIN + number as i64 * 2_000_000_000
}

fn id(number: u64) -> ExchangeId {
    let mut random = [7; 10];
    random[2..].copy_from_slice(&mixed(number).to_be_bytes());
    ExchangeId::new(at(number), random)
}

fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

fn infno(number: u64) -> String {
    (2200 + mixed(number) % 40).to_string()
}

fn institution(number: u64) -> String {
    format!("H4401010000{}", mixed(number) % 3)
}

fn person(number: u64) -> String {
    format!("4400000000{:06}", mixed(number / 6) % 200_000)
}

fn visit(number: u64) -> String {
    format!("MD{:012}", mixed(number / 6) % 1_000_000_000_000)
}

fn settlement(number: u64) -> String {
    format!("SE{:012}", mixed(number) % 1_000_000_000_000)
}

fn msgid(number: u64) -> String {
    format!("H4401010000120261101{:010}", mixed(number) % 10_000_000_000)
}

fn upstream(number: u64) -> &'static str {
    ["default", "province"][(mixed(number) >> 7) as usize % 2]
}

fn outcome(number: u64) -> Outcome {
    match mixed(number) % 1000 {
        0..10 => Outcome::Unknown,
        10..30 => Outcome::Refused,
        _ => Outcome::Confirmed,
    }
}

fn cause(number: u64) -> Cause {
    if outcome(number) == Outcome::Unknown { Cause::TimedOut } else { Cause::Answered }
}

/// One kind of question: its flags for the n-th of them, and the same as SQL.
struct Question {
    name: &'static str,
    asked: fn(u64) -> Vec<(&'static str, String)>,
    sql: Option<fn(u64, &Tokens) -> String>,
}

fn indexed(column: &str, value: String) -> String {
    format!(
        "SELECT * FROM exchange INDEXED BY exchange_by_{column} WHERE {column} = {value} ORDER BY id DESC LIMIT 50;"
    )
}

fn marked(column: &str, values: &[String]) -> String {
    let filter = place_of(column).expect("a column");
    let one = |value: &String| {
        format!(
            "SELECT exchange.* FROM mark CROSS JOIN exchange ON exchange.id = mark.id WHERE mark.filter = {filter} AND mark.value = {value} ORDER BY mark.id DESC LIMIT 50;"
        )
    };
    values.iter().map(one).collect()
}

fn blob(token: Token) -> String {
    format!("x'{token}'")
}

#[rustfmt::skip]
const ASKED: &[Question] = &[
    Question { name: "newest", asked: |_| vec![], sql: Some(|_, _| "SELECT * FROM exchange INDEXED BY exchange_by_id ORDER BY id DESC LIMIT 50;".to_owned()) },
    Question { name: "time", asked: |n| vec![("from", china_time(at(n))), ("until", china_time(at(n + 5_000)))], sql: Some(|n, _| format!("SELECT * FROM exchange INDEXED BY exchange_by_id WHERE id >= x'{}' AND id < x'{}' ORDER BY id DESC LIMIT 50;", hex::encode(id(n).0), hex::encode(id(n + 5_000).0))) },
    Question { name: "infno", asked: |n| vec![("infno", infno(n))], sql: Some(|n, _| indexed("infno", format!("'{}'", infno(n)))) },
    Question { name: "class", asked: |n| vec![("class", Class::ALL[n as usize % 10].word().to_owned())], sql: Some(|n, _| indexed("class", (Class::ALL[n as usize % 10] as u8).to_string())) },
    Question { name: "outcome", asked: |n| vec![("outcome", outcome(n).word().to_owned())], sql: Some(|n, _| indexed("outcome", (outcome(n) as u8).to_string())) },
    Question { name: "cause", asked: |n| vec![("cause", cause(n).word().to_owned())], sql: Some(|n, _| indexed("cause", (cause(n) as u8).to_string())) },
    Question { name: "delivered", asked: |n| vec![("delivered", [Told::Success, Told::NotTold][n as usize % 2].word().to_owned())], sql: Some(|n, _| indexed("delivered", ([Told::Success, Told::NotTold][n as usize % 2] as u8).to_string())) },
    Question { name: "institution", asked: |n| vec![("institution", institution(n))], sql: Some(|n, _| indexed("institution", format!("'{}'", institution(n)))) },
    Question { name: "upstream", asked: |n| vec![("upstream", upstream(n).to_owned())], sql: Some(|n, _| indexed("upstream", format!("'{}'", upstream(n)))) },
    Question { name: "msgid", asked: |n| vec![("msgid", msgid(n))], sql: Some(|n, _| marked("msgid", &[format!("'{}'", msgid(n))])) },
    Question { name: "mdtrt_id", asked: |n| vec![("mdtrt_id", visit(n))], sql: Some(|n, _| marked("mdtrt_id", &[format!("'{}'", visit(n))])) },
    Question { name: "setl_id", asked: |n| vec![("setl_id", settlement(n - n % 6))], sql: Some(|n, _| marked("setl_id", &[format!("'{}'", settlement(n - n % 6))])) },
    Question { name: "person", asked: |n| vec![("person", person(n))], sql: Some(|n, tokens| {
        let within = |number: u64| tokens.of("person", &format!("H4401010000{number}\n{}", person(n)));
        let compared = |field: &str| tokens.of(field, &person(n));
        let all = [within(0), within(1), within(2), compared("psn_no"), compared("certno")];
        marked("person", &all.map(blob))
    }) },
    Question { name: "infno + unknown", asked: |n| vec![("infno", infno(n)), ("outcome", "unknown".to_owned())], sql: None },
    Question { name: "infno + institution", asked: |n| vec![("infno", infno(n)), ("institution", institution(n))], sql: None },
    Question { name: "nothing fits", asked: |_| vec![("class", "money".to_owned()), ("outcome", "open,confirmed".to_owned()), ("upstream", "default".to_owned()), ("delivered", "told_refused,told_success".to_owned()), ("cause", "answered,stop".to_owned()), ("until", "2026-11-20".to_owned())], sql: None },
    Question { name: "person + time", asked: |n| vec![("person", person(n)), ("from", china_time(at(n.saturating_sub(9_999)))), ("infno", infno(n))], sql: None },
];

/// Asks everything and prints the table; the worst p99.
fn questions(dir: &Path, exchanges: u64, tokens: &Tokens) -> Duration {
    let views = Views::at(dir);
    let file = std::fs::read_dir(dir).expect("the folder").filter_map(|file| Some(file.ok()?.path()));
    let file = file.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "sqlite")).expect("a file");
    println!("\n| filter | p50 | p99 | mean | same SQL in the shell | of the shell |\n|---|--:|--:|--:|--:|--:|");
    let mut worst = Duration::ZERO;
    for Question { name, asked, sql } in ASKED {
        let mut times: Vec<Duration> = Vec::new();
        for question in 0..QUESTIONS {
            let asked = asked(mixed(question) % exchanges);
            let pairs = asked.iter().map(|(name, value)| (*name, value.as_str()));
            let began = Instant::now();
            let wanted = Wanted::read(pairs, &views, Some(tokens)).expect("a question");
            views.find(&wanted).expect("an answer");
            times.push(began.elapsed());
        }
        worst = worst.max(report(name, times, sql.map(|sql| shell(&file, exchanges, sql, tokens))));
    }
    let mut times = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        views.totals(&Summed::read([("by", "day,infno,outcome")]).expect("a question")).expect("totals");
        times.push(began.elapsed());
    }
    report("totals of the month", times, None); // No filter: the bar is not for it.
    worst
}

fn report(name: &str, mut times: Vec<Duration>, shell: Option<Duration>) -> Duration {
    times.sort_unstable();
    let mean = times.iter().sum::<Duration>() / times.len() as u32;
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    let beside = shell.map_or("| | ".to_owned(), |shell| {
        format!("| {shell:.0?} | {:.2} ", mean.as_secs_f64() / shell.as_secs_f64().max(1e-9))
    });
    println!("| {name} | {p50:.0?} | {p99:.0?} | {mean:.0?} {beside}|");
    p99
}

/// Mean time of the same statements in one process of the shell, less the time of an empty one.
fn shell(file: &Path, exchanges: u64, sql: fn(u64, &Tokens) -> String, tokens: &Tokens) -> Duration {
    let statements: String = (0..QUESTIONS).map(|question| sql(mixed(question) % exchanges, tokens) + "\n").collect();
    let empty = run(file, "SELECT 1;\n");
    run(file, &statements).saturating_sub(empty) / QUESTIONS as u32
}

fn run(file: &Path, statements: &str) -> Duration {
    let began = Instant::now();
    let mut shell = Command::new("sqlite3")
        .args(["-readonly", "-batch"])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("sqlite3 (scripts/packages sqlite3)");
    shell.stdin.take().expect("its input").write_all(statements.as_bytes()).expect("it reads");
    assert!(shell.wait().expect("it ends").success());
    began.elapsed()
}
