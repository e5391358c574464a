//! The simulated HIS callers against the stand-in itself, without a gateway between: on a calm day the books agree; on a
//! bad day the comparison finds what a gateway is there to prevent or to list.

use std::sync::Arc;
use std::time::Duration;

use medgate::domain::clock::SystemClock;
use medgate::sandbox::callers::Caller;
use medgate::sandbox::callers::books::{Belief, Books};
use medgate::sandbox::callers::dialect::DIALECTS;
use medgate::sandbox::day::explain::{Explained, Witnesses};
use medgate::sandbox::day::witness::{Counted, Counts, Done, Unknown};
use medgate::sandbox::faults::Script;
use medgate::sandbox::ledger::Habits;
use medgate::sandbox::people::Population;
use medgate::sandbox::platform::Settings;
use medgate::sandbox::shape::SHAPES;

use crate::sandbox_ledger::Bench;

/// Plays `visits` visits of each dialect; the books and the ledger.
async fn play(settings: Settings, visits: usize, script: &str) -> (Vec<Books>, Done) {
    let mut bench = Bench::with(settings).await;
    bench.sandbox.platform().play_script(Script::read(script.as_bytes()).unwrap());
    let people = Population::from_seed(1);
    let url = format!("http://{}", bench.sandbox.addr());
    let mut books = Vec::new();
    for dialect in &DIALECTS[..2] {
        let clock = Arc::new(SystemClock::start());
        let mut caller = Caller::new(dialect, &url, Duration::from_millis(300), 5, clock, Arc::default()).unwrap();
        caller.sign_in().await;
        for person in &people.all()[..visits] {
            caller.serve(person).await;
        }
        caller.sign_out().await;
        books.push(caller.books().clone());
    }
    let done = serde_json::from_value(bench.look("/_sandbox/ledger").await).unwrap();
    (books, done)
}

fn explain(books: &[Books], done: &Done, unknowns: &[Unknown]) -> Explained {
    // Without a gateway every call that was sent arrives, and nobody counts but the hospitals.
    let mut arrived = Counts::new();
    for (infno, calls) in books.iter().flat_map(|books| &books.calls) {
        *arrived.entry(infno.clone()).or_default() += calls;
    }
    let counted = Counted { exchanges: arrived.clone(), unsent: 0 };
    Explained::of(&Witnesses { books, done, unknowns, arrived: &arrived, counted: &counted })
}

#[tokio::test]
async fn on_a_calm_day_the_books_agree_in_every_shape() {
    for shape in &SHAPES {
        let (books, done) = play(Settings { shape, ..Settings::default() }, 12, "[]").await;
        let explained = explain(&books, &done, &[]);
        let bills: usize = books.iter().map(|books| books.bills.len()).sum();
        assert_eq!((explained.agreed, &explained.findings), (bills as u64, &Vec::new()), "{}", shape.name);
        assert!(done.settlements_count > bills, "some visits are cancelled: {}", done.settlements_count);
        assert!(books.iter().all(|books| books.silences == 0 && books.refusals == 0));
    }
}

#[tokio::test]
async fn a_lost_answer_without_a_gateway_is_a_finding_and_with_its_list_is_explained() {
    let script = r#"[{"infno":"2207","nth":3,"fault":"commit_then_drop"},{"infno":"1101","nth":2,"fault":"page_502"}]"#;
    let (books, done) = play(Settings::default(), 9, script).await;
    let explained = explain(&books, &done, &[]);
    assert_eq!(explained.findings.len(), 2, "{:?}", explained.findings);
    assert!(explained.findings[0].contains("not in the gateway's list"), "{:?}", explained.findings);
    assert!(explained.findings[1].contains("sums differ"), "{:?}", explained.findings);
    assert_eq!(books[0].repeats, 2, "once for the page, once for the lost answer");

    let pending = books[0].bills.iter().find(|bill| bill.belief == Belief::Pending).unwrap();
    let lost = done.settlements.iter().find(|row| pending.msgids.contains(&row.msgid)).unwrap();
    let unknown = Unknown { msgid: Some(lost.msgid.clone()), infno: Some("2207".to_string()) };
    let explained = explain(&books, &done, &[unknown]);
    assert_eq!((explained.unknown_done.len(), &explained.findings), (1, &Vec::new()));
}

#[tokio::test]
async fn a_platform_that_does_not_notice_settles_twice_and_is_found() {
    let habits = Habits { settles_twice: true, ..Habits::default() };
    let script = r#"[{"infno":"2207","nth":3,"fault":"commit_then_drop"}]"#;
    let (books, done) = play(Settings { habits, ..Settings::default() }, 9, script).await;
    let explained = explain(&books, &done, &[]);
    assert!(explained.findings[0].contains("settled more than once"), "{:?}", explained.findings);
}
