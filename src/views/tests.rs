//! Real files: what is taken up, found, summed, and rebuilt with equal digest.

use std::path::Path;

use super::follower::Taking;
use super::query::{LOOKED_AT_MAX, Page, Wanted};
use super::read::{ReadTrouble, Views, json_of};
use super::totals::Summed;
use super::*;
use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::outcome::{Cause, Outcome, Told};
use crate::domain::token::Token;
use crate::journal::composite::{Delivery, RefusedCall};
use crate::journal::entropy::SeededEntropy;
use crate::journal::facts::{Fact, Facts};
use crate::journal::pool_key::PoolKey;
use crate::journal::record::{Header, Kind};
use crate::journal::tokens::Tokens;
use crate::journal::{Place, Record};

const IDENTITY: Token = Token([9; 16]);
/// 2026-10-31T23:59:00 in China.
const LATE_OCTOBER: i64 = 1_793_462_340_000_000_000;

fn id(number: u64) -> ExchangeId {
    // One a second: the first sixty arrive in October, the others in November.
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    ExchangeId::new(LATE_OCTOBER + number as i64 * 1_000_000_000, random)
}

fn record(kind: Kind, seq: u64, of: ExchangeId, change: impl FnOnce(&mut Record)) -> Record {
    let header = Header { seq: Seq(seq), exchange_id: of, ..Header::new(kind) };
    let place = Place { segment_no: 1, offset: 0, seq: Seq(seq) };
    let mut record = Record { place, header, facts: Facts::default(), payload: Vec::new() };
    change(&mut record);
    record
}

/// Every exchange: intent, outcome, delivery, and for some a repeat, a later outcome or a look.
fn journal(tokens: &Tokens, exchanges: u64) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for number in 0..exchanges {
        let (of, next) = (id(number), |records: &Vec<Record>| records.len() as u64 + 1);
        let class = if number % 3 == 0 { Class::Money } else { Class::Query };
        let intent = record(Kind::Intent, next(&records), of, |record| {
            record.header.class = class as u8;
            record.header.at_unix_ns = month::arrived_at(of);
            record.header.fence_token = tokens.of("person", &format!("H1\nP{}", number % 7));
            record.facts.text(Fact::Infno, if number % 3 == 0 { "2207" } else { "5201" });
            record.facts.text(Fact::Msgid, &format!("M{number}"));
            record.facts.text(Fact::FixmedinsCode, "H1");
            record.facts.text(Fact::MdtrtId, &format!("V{}", number / 4));
            record.facts.named(Fact::Amount, "medfee_sumamt", b"10.01");
        });
        let intent_seq = intent.header.seq;
        records.push(intent);
        let outcome = |seq, outcome: Outcome| {
            record(Kind::Outcome, seq, of, |record| {
                record.header.class = class as u8;
                record.header.ref_seq = intent_seq;
                record.header.outcome = outcome as u8;
                record.header.cause = Cause::Answered as u8;
                record.facts.text(Fact::SetlId, &format!("S{number}"));
                record.facts.named(Fact::Amount, "fund_pay_sumamt", b"0.1");
            })
        };
        let first = if number % 5 == 0 { Outcome::Unknown } else { Outcome::Confirmed };
        records.push(outcome(next(&records), first));
        let told = Told::Success;
        let delivery = Delivery { intent: intent_seq, exchange_id: of, told, bytes: 10, at_unix_ns: 5 };
        records.push(record(Kind::Deliveries, next(&records), ExchangeId::NONE, |record| {
            record.facts.bytes(Fact::Delivery, delivery.encode());
        }));
        if number % 10 == 0 {
            records.push(outcome(next(&records), Outcome::Confirmed));
            records.push(record(Kind::Note, next(&records), id(100_000 + number), |record| {
                record.header.parent_id = of;
                record.facts.text(Fact::Alias, &format!("again-M{number}"));
            }));
            let mut act = look::draft(of, "admin", false, "", 7);
            act.header.seq = Seq(next(&records));
            records.push(record(Kind::OperatorAct, act.header.seq.0, of, |record| record.facts = act.facts));
        }
    }
    let refused = RefusedCall {
        at_unix_ns: LATE_OCTOBER,
        class: Class::Money,
        cause: Cause::Gateway,
        infno: "2207".to_owned(),
        rule: "GW101".to_owned(),
        count: 3,
    };
    records.push(record(Kind::Refusals, records.len() as u64 + 1, ExchangeId::NONE, |record| {
        record.facts.bytes(Fact::RefusedCall, refused.encode());
    }));
    records
}

/// Takes up what follows the position, in batches of `size`.
fn follow(dir: &Path, records: &[Record], size: usize) {
    let last = records.last().unwrap().header.seq;
    let mut store = Store::open(dir, IDENTITY, last).unwrap();
    let position = store.position();
    let rest: Vec<_> = records.iter().filter(|record| position < record.header.seq).collect();
    for batch in rest.chunks(size) {
        batch.iter().for_each(|record| store.take(record).unwrap());
        store.commit(batch.last().unwrap().header.seq).unwrap();
    }
}

struct Ready {
    dir: tempfile::TempDir,
    tokens: Tokens,
    records: Vec<Record>,
}

fn ready(exchanges: u64) -> Ready {
    let dir = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(dir.path(), true, &PoolKey::for_tests(1), &SeededEntropy::new(3)).unwrap();
    let records = journal(&tokens, exchanges);
    Ready { dir, tokens, records }
}

impl Ready {
    fn views(&self) -> Views {
        Views::at(&self.dir.path().join(FOLDER))
    }

    fn follow(&self, size: usize) {
        follow(&self.dir.path().join(FOLDER), &self.records, size);
    }

    fn page(&self, asked: &[(&str, &str)]) -> Page {
        let views = self.views();
        let wanted = Wanted::read(asked.iter().copied(), &views, Some(&self.tokens)).unwrap();
        views.find(&wanted).unwrap()
    }

    fn found(&self, asked: &[(&str, &str)]) -> Vec<String> {
        let msgid = |row: &row::Row| json_of(row)["msgid"].as_str().unwrap().to_owned();
        self.page(asked).rows.iter().map(msgid).collect()
    }
}

#[test]
fn batches_crashes_and_rebuilds_leave_the_same_rows() {
    let ready = ready(130);
    ready.follow(1_000);
    let digest = ready.views().digest().unwrap();
    let months: Vec<_> =
        ready.views().digests().unwrap().iter().map(|one| (one.month.to_string(), one.exchanges)).collect();
    assert_eq!(months, [("2026-10".to_owned(), 60), ("2026-11".to_owned(), 70)]);
    for size in [1, 3, 64] {
        let other =
            Ready { dir: tempfile::tempdir().unwrap(), tokens: ready.tokens.clone(), records: ready.records.clone() };
        // Stopped in the middle of everything, again and again.
        for until in [40, 41, 177, 178, 300, other.records.len()] {
            let dir = other.dir.path().join(FOLDER);
            follow(&dir, &other.records[..until], size);
        }
        assert_eq!(other.views().digest().unwrap(), digest, "batches of {size}");
    }
    // The older file took a batch that the newest did not: what is read again counts once.
    let other =
        Ready { dir: tempfile::tempdir().unwrap(), tokens: ready.tokens.clone(), records: ready.records.clone() };
    let dir = other.dir.path().join(FOLDER);
    let half = ready.records.iter().position(|record| record.header.exchange_id == id(65)).unwrap();
    follow(&dir, &other.records[..half], 1_000);
    let kept = std::fs::read(dir.join("2026-11.sqlite")).unwrap();
    follow(&dir, &other.records, 1_000);
    std::fs::write(dir.join("2026-11.sqlite"), kept).unwrap();
    follow(&dir, &other.records, 1_000);
    assert_eq!(other.views().digest().unwrap(), digest);
}

#[test]
fn what_is_missing_foreign_or_of_another_version_is_built_anew() {
    let ready = ready(70);
    let dir = ready.dir.path().join(FOLDER);
    let stale = |identity, durable| match Store::open(&dir, identity, durable) {
        Err(trouble) => trouble.asks_for_rebuild(),
        Ok(_) => false,
    };
    ready.follow(50);
    let (digest, last) = (ready.views().digest().unwrap(), Seq(ready.records.len() as u64));
    assert!(!stale(IDENTITY, last));
    assert!(stale(Token([8; 16]), last), "of another journal");
    assert!(stale(IDENTITY, Seq(5)), "ahead of the journal");
    for gone in ["2026-10.sqlite", "2026-11.sqlite"] {
        std::fs::remove_file(dir.join(gone)).unwrap();
        assert!(stale(IDENTITY, last), "{gone} is missing");
        Store::wipe(&dir).unwrap();
        ready.follow(7);
        assert_eq!(ready.views().digest().unwrap(), digest);
    }
    std::fs::write(dir.join("2026-10.sqlite"), "not SQLite at all, but long enough to be looked at as if it were")
        .unwrap();
    assert!(stale(IDENTITY, last), "damaged");
    Store::wipe(&dir).unwrap();
    ready.follow(7);
    let file = rusqlite::Connection::open(dir.join("2026-11.sqlite")).unwrap();
    file.pragma_update(None, "user_version", 5).unwrap();
    drop(file);
    assert!(stale(IDENTITY, last), "another version");
    assert!(matches!(ready.views().position(), Err(ReadTrouble::Version)));
}

#[test]
fn every_filter_finds_its_exchanges_and_no_others() {
    let ready = ready(130);
    ready.follow(64);
    let numbers = |asked: &[(&str, &str)]| {
        let mut numbers: Vec<u64> = ready.found(asked).iter().map(|msgid| msgid[1..].parse().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    };
    let check = |asked: &[(&str, &str)], holds: &dyn Fn(u64) -> bool| {
        let all = [asked, &[("limit", "500")]].concat();
        let expected: Vec<u64> = (0..130).filter(|number| holds(*number)).collect();
        assert_eq!(numbers(&all), expected, "{asked:?}");
    };
    check(&[], &|_| true);
    check(&[("infno", "2207")], &|n| n % 3 == 0);
    check(&[("infno", "2207,5201")], &|_| true);
    check(&[("class", "money")], &|n| n % 3 == 0);
    check(&[("outcome", "unknown")], &|n| n % 5 == 0 && n % 10 != 0);
    check(&[("outcome", "confirmed"), ("class", "money")], &|n| n % 3 == 0 && (n % 5 != 0 || n % 10 == 0));
    check(&[("cause", "answered"), ("delivered", "told_success")], &|_| true);
    check(&[("delivered", "told_refused")], &|_| false);
    check(&[("msgid", "M7")], &|n| n == 7);
    check(&[("msgid", "again-M20")], &|n| n == 20);
    check(&[("mdtrt_id", "V3")], &|n| n / 4 == 3);
    check(&[("setl_id", "S9,S11")], &|n| n == 9 || n == 11);
    check(&[("institution", "H1"), ("mdtrt_id", "V3"), ("infno", "2207")], &|n| n / 4 == 3 && n % 3 == 0);
    check(&[("institution", "H2")], &|_| false);
    check(&[("person", "P5")], &|n| n % 7 == 5);
    check(&[("person", "P5"), ("class", "money"), ("from", "2026-11-01")], &|n| n % 7 == 5 && n % 3 == 0 && 60 <= n);
    check(&[("from", "2026-10-31T23:59:10"), ("until", "2026-11-01T00:00:05")], &|n| (10..65).contains(&n));
    check(&[("until", "2026-11-01")], &|n| n < 60);
    for wrong in
        [("class", "mony"), ("from", "soon"), ("limit", "501"), ("after", "x"), ("nothing", "1"), ("infno", "")]
    {
        let read = Wanted::read([wrong], &ready.views(), None);
        assert!(matches!(read, Err(ReadTrouble::Asked { ref place, .. }) if place == wrong.0), "{wrong:?}");
    }
}

#[test]
fn pages_walk_everything_once_in_both_orders() {
    let ready = ready(130);
    ready.follow(64);
    for filter in [&[][..], &[("infno", "2207")], &[("infno", "5201,2207"), ("class", "query")], &[("person", "P1")]] {
        for order in ["newest", "oldest"] {
            let mut expected = ready.found(&[filter, &[("order", order), ("limit", "500")]].concat());
            let (mut walked, mut after) = (Vec::new(), None::<String>);
            loop {
                let mut asked = [filter, &[("order", order), ("limit", "9")]].concat();
                if let Some(after) = &after {
                    asked.push(("after", after));
                }
                let page = ready.page(&asked);
                walked.extend(page.rows.iter().map(|row| json_of(row)["msgid"].as_str().unwrap().to_owned()));
                match page.next {
                    Some(next) => after = Some(next.to_string()),
                    None => break,
                }
            }
            assert_eq!(walked, expected, "{filter:?} {order}");
            walked.sort_unstable();
            walked.dedup();
            expected.sort_unstable();
            assert_eq!(walked, expected);
        }
    }
}

#[test]
fn a_page_ends_early_rather_than_look_at_everything_and_says_where_to_go_on() {
    let ready = ready(LOOKED_AT_MAX as u64 + 500);
    ready.follow(20_000);
    // Both filters have thousands of lines, and only the very first exchange fits.
    let asked = [("infno", "2207,5201"), ("outcome", "confirmed"), ("until", "2026-10-31T23:59:01")];
    assert_eq!(ready.found(&asked), ["M0"]);
    let asked = [("infno", "5201"), ("class", "money")];
    let page = ready.page(&asked);
    assert_eq!((page.rows.len(), page.next), (0, None), "few enough lines of one of them: looked at to the end");
    let asked = [
        ("cause", "answered"),
        ("delivered", "told_refused,told_success"),
        ("infno", "none,5201,2207"),
        ("class", "money"),
        ("outcome", "refused,open,confirmed,unknown"),
        ("upstream", "x"),
    ];
    assert_eq!(ready.page(&asked).rows.len(), 0);
    let both =
        [("institution", "H1"), ("cause", "answered"), ("order", "oldest"), ("from", "2026-11-01"), ("limit", "1")];
    assert_eq!(ready.found(&both), ["M60"]);
}

#[test]
fn totals_are_exact_and_follow_every_change() {
    let ready = ready(130);
    ready.follow(11);
    let totals = |asked: &[(&str, &str)]| ready.views().totals(&Summed::read(asked.iter().copied()).unwrap()).unwrap();
    let all = totals(&[("by", "outcome")]);
    let line = |outcome: &str| all.lines.iter().find(|line| line["outcome"] == outcome).unwrap().clone();
    assert_eq!((line("confirmed")["count"].clone(), line("unknown")["count"].clone()), (117.into(), 13.into()));
    assert!(all.lines.iter().all(|line| line["outcome"] != "open"), "nothing is open any more: {all:?}");
    let amounts = serde_json::json!({ "fund_pay_sumamt": "11.70", "medfee_sumamt": "1171.17" });
    assert_eq!(line("confirmed")["amounts"], amounts);
    let october = totals(&[("until", "2026-10-31"), ("by", "day,class")]);
    assert_eq!(october.lines.len(), 2);
    assert_eq!((october.lines[0]["day"].clone(), october.lines[1]["count"].clone()), ("2026-10-31".into(), 20.into()));
    assert_eq!((october.refusals[0]["rule"].clone(), october.refusals[0]["count"].clone()), ("GW101".into(), 3.into()));
    assert_eq!(totals(&[("from", "2026-11-02")]).lines.len(), 0);
    assert!(Summed::read([("by", "person")]).is_err());
}

#[test]
fn looks_are_listed_with_who_took_them() {
    let ready = ready(11);
    ready.follow(5);
    let looks = ready.views().looks(id(10)).unwrap();
    assert_eq!((looks.len(), looks[0].who.as_str()), (1, "admin"));
    assert_eq!(ready.views().looks(id(9)).unwrap(), []);
    let summary = json_of(&ready.views().row(id(10)).unwrap().unwrap());
    assert_eq!((summary["repeats"].clone(), summary["outcome"].clone()), (1.into(), "confirmed".into()));
    assert_eq!(summary["last_seq"], looks[0].seq);
}
