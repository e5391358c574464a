//! Real files: what opens a case and what closes it, and that the book comes out the same however it is built.

use std::path::Path;

use super::book::{Book, Traits};
use super::cases::{CaseShown, Cases, Wanted};
use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Origin, Seq};
use crate::domain::outcome::{Cause as Why, Outcome, Told};
use crate::domain::token::Token;
use crate::exchange::decision::{self, Evidence, Step};
use crate::exchange::stand::{Cause, Platform, Shown};
use crate::journal::composite::Delivery;
use crate::journal::facts::{Fact, Facts};
use crate::journal::record::{Header, Kind, flag};
use crate::journal::{Place, Record};
use crate::views::Trouble;
use crate::views::follower::Taking;

const IDENTITY: Token = Token([9; 16]);
const MINUTE_NS: i64 = 60_000_000_000;

/// A journal that is written line by line; a record a minute.
#[derive(Default)]
struct Story(Vec<Record>);

impl Story {
    fn add(&mut self, kind: Kind, change: impl FnOnce(&mut Record)) -> Seq {
        let seq = Seq(self.0.len() as u64 + 1);
        let header = Header { seq, at_unix_ns: seq.0 as i64 * MINUTE_NS, ..Header::new(kind) };
        let place = Place { segment_no: 1, offset: 0, seq };
        let mut record = Record { place, header, facts: Facts::default(), payload: Vec::new() };
        change(&mut record);
        self.0.push(record);
        seq
    }

    /// A call of the HIS; `name` makes its id and msgid.
    fn call(&mut self, name: u8, class: Class, infno: &str, change: impl FnOnce(&mut Record)) -> Seq {
        self.add(Kind::Intent, |record| {
            record.header.exchange_id = ExchangeId([name; 16]);
            record.header.class = class as u8;
            record.header.origin = Origin::His as u8;
            record.facts.text(Fact::Infno, infno);
            record.facts.text(Fact::Msgid, &format!("M{name}"));
            record.facts.named(Fact::Amount, "medfee_sumamt", b"300.00");
            change(record);
        })
    }

    fn ends(&mut self, intent: Seq, outcome: Outcome, change: impl FnOnce(&mut Record)) -> Seq {
        let of = self.0[intent.0 as usize - 1].header.clone();
        self.add(Kind::Outcome, |record| {
            record.header =
                Header { kind: Kind::Outcome as u8, ref_seq: intent, outcome: outcome as u8, flags: 0, ..of };
            record.header.seq = record.place.seq;
            record.header.at_unix_ns = record.place.seq.0 as i64 * MINUTE_NS;
            record.header.cause = if outcome == Outcome::Unknown { Why::Broken } else { Why::Answered } as u8;
            change(record);
        })
    }

    fn told(&mut self, intent: Seq, told: Told) -> Seq {
        let exchange_id = self.0[intent.0 as usize - 1].header.exchange_id;
        let delivery = Delivery { intent, exchange_id, told, bytes: 1, at_unix_ns: 1 };
        self.add(Kind::Deliveries, |record| record.facts.bytes(Fact::Delivery, delivery.encode()))
    }

    /// Proof from outside the line.
    fn proves(&mut self, intent: Seq, evidence: Evidence) -> Seq {
        let draft = {
            let mut draft = decision::draft(&self.0[intent.0 as usize - 1].header, Step::Evidence, "li", 0);
            evidence.add_to(&mut draft, intent);
            draft
        };
        self.add(Kind::Decision, |record| {
            let (seq, at_unix_ns) = (record.header.seq, record.header.at_unix_ns);
            record.header = Header { seq, at_unix_ns, ..draft.header };
            record.facts = draft.facts;
        })
    }

    /// The recorded answer is given again.
    fn repeats(&mut self, intent: Seq) -> Seq {
        self.add(Kind::Note, |record| {
            record.header.exchange_id = ExchangeId([99; 16]);
            record.header.ref_seq = intent;
            record.facts.text(Fact::Alias, "M99");
        })
    }

    /// A settlement with an outcome and what the HIS was told.
    fn settlement(&mut self, name: u8, outcome: Outcome, told: Told) -> Seq {
        let intent = self.call(name, Class::Money, "2207", |_| {});
        self.ends(intent, outcome, |record| record.header.settlement_token = Token([name; 16]));
        self.told(intent, told);
        intent
    }

    /// The book over all records, taken in batches, the file closed and opened between them.
    fn book(&self, dir: &Path, batch: usize) -> Cases {
        let last = Seq(self.0.len() as u64);
        loop {
            let mut book = Book::open(dir, traits(), IDENTITY, last).unwrap();
            let rest = &self.0[book.position().0 as usize..];
            let Some(end) = rest.chunks(batch).next().and_then(|records| records.last()) else { break };
            rest.iter().take(batch).for_each(|record| book.take(record).unwrap());
            book.commit(end.header.seq).unwrap();
        }
        Cases::at(dir)
    }

    /// (name of the call, cause, record that closed it) of every case.
    fn cases(&self) -> Vec<(u8, Cause, Option<u64>)> {
        let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let shown = |(dir, batch): (&tempfile::TempDir, usize)| -> Vec<String> {
            let listed = self.book(dir.path(), batch).list(&Wanted { closed: true, ..Wanted::default() }).unwrap();
            listed.iter().map(|case| serde_json::json!(case).to_string()).collect()
        };
        let built: Vec<_> = dirs.iter().zip([1, 3, 1000]).map(shown).collect();
        assert!(built.windows(2).all(|pair| pair[0] == pair[1]), "the same however it is cut: {built:#?}");
        let of = |case: &CaseShown| {
            let cause = Cause::ALL.into_iter().find(|cause| cause.word() == case.cause).unwrap();
            (ExchangeId::parse(&case.id).unwrap().0[0], cause, case.closing_record)
        };
        Cases::at(dirs[0].path()).list(&Wanted { closed: true, ..Wanted::default() }).unwrap().iter().map(of).collect()
    }
}

fn traits() -> Traits {
    let acknowledging = ["3505", "4101"].map(str::to_owned).into();
    Traits {
        acknowledging,
        self_paying: [("4201", ""), ("3505", "mdtrt_setl_type=2")]
            .map(|(infno, says)| (infno.to_owned(), says.to_owned()))
            .into(),
    }
}

#[test]
fn an_unknown_outcome_is_a_case_until_evidence_and_delivery_close_it() {
    let mut story = Story::default();
    let lost = story.settlement(1, Outcome::Unknown, Told::Unknown);
    assert_eq!(story.cases(), [(1, Cause::UnknownOutcome, None)]);

    story.ends(lost, Outcome::Confirmed, |record| record.header.flags = flag::LATE);
    assert_eq!(
        story.cases(),
        [(1, Cause::NotDelivered, None)],
        "evidence says that it was done; the HIS does not know"
    );

    let heard = story.told(lost, Told::Success);
    assert_eq!(story.cases(), [(1, Cause::NotDelivered, Some(heard.0))], "its retry was given the recorded answer");
}

#[test]
fn silence_after_evidence_changes_nothing() {
    let mut story = Story::default();
    let done = story.settlement(1, Outcome::Confirmed, Told::Success);
    story.ends(done, Outcome::Unknown, |_| {});
    assert_eq!(story.cases(), []);
}

#[test]
fn a_refusal_that_comes_late_closes_the_case() {
    let mut story = Story::default();
    let lost = story.settlement(1, Outcome::Unknown, Told::Unknown);
    let refused = story.ends(lost, Outcome::Refused, |record| record.header.flags = flag::LATE);
    assert_eq!(story.cases(), [(1, Cause::UnknownOutcome, Some(refused.0))]);
}

#[test]
fn a_success_that_nobody_took_is_a_case_until_the_his_shows_that_it_booked() {
    let mut story = Story::default();
    story.settlement(1, Outcome::Confirmed, Told::NotTold);
    story.settlement(2, Outcome::Confirmed, Told::Success);
    let booked = |origin: Origin, infno: &str, story: &mut Story| {
        story.call(9, Class::Upload, infno, |record| {
            record.header.origin = origin as u8;
            record.header.settlement_token = Token([1; 16]);
        })
    };
    booked(Origin::Reconcile, "3505", &mut story);
    booked(Origin::His, "2206", &mut story);
    assert_eq!(story.cases(), [(1, Cause::NotDelivered, None)], "only words of the HIS, and only these, prove it");
    let proof = booked(Origin::His, "3505", &mut story);
    assert_eq!(story.cases(), [(1, Cause::NotDelivered, Some(proof.0))]);
}

#[test]
fn what_the_his_was_told_before_a_kill_nobody_knows() {
    let mut story = Story::default();
    let answered = story.call(1, Class::Money, "2207", |_| {});
    story.ends(answered, Outcome::Confirmed, |_| {});
    let orphan = story.call(2, Class::Money, "2207", |_| {});
    assert_eq!(story.cases(), [], "what is under way is no case");
    story.add(Kind::Opened, |_| {});
    story.ends(orphan, Outcome::Unknown, |record| record.header.flags = flag::BY_RECOVERY);
    let expected = [(1, Cause::NotDelivered, None), (2, Cause::UnknownOutcome, None)];
    assert_eq!(story.cases(), expected);
}

#[test]
fn an_undo_of_the_his_ends_it_and_one_of_ours_does_not() {
    for (origin, told, expected) in [
        (Origin::His, Told::Success, vec![]),
        (Origin::Reconcile, Told::Success, vec![(1, Cause::HisMore, None)]),
        (Origin::Reconcile, Told::Unknown, vec![(1, Cause::NotDelivered, Some(5))]),
    ] {
        let mut story = Story::default();
        let charge = story.settlement(1, Outcome::Confirmed, told);
        let undo = story.call(2, Class::Reversal, "2208", |record| {
            record.header.origin = origin as u8;
            record.facts.number(Fact::UndoesSeq, charge.0);
        });
        story.ends(undo, Outcome::Confirmed, |record| {
            record.header.origin = origin as u8;
            record.facts.number(Fact::FreesSeq, charge.0);
        });
        story.told(undo, Told::Success);
        assert_eq!(story.cases(), expected, "{origin:?} {told:?}");
    }
}

#[test]
fn a_cancel_asked_again_answers_for_the_lost_one() {
    let mut story = Story::default();
    let key = |record: &mut Record| record.header.key_token = Token([7; 16]);
    let lost = story.call(1, Class::Reversal, "2208", key);
    story.ends(lost, Outcome::Unknown, |_| {});
    story.told(lost, Told::Unknown);
    let again = story.call(2, Class::Reversal, "2208", key);
    let done = story.ends(again, Outcome::Refused, |record| record.header.cause = Why::AlreadyDone as u8);
    story.told(again, Told::Refused);
    assert_eq!(story.cases(), [(1, Cause::UnknownOutcome, Some(done.0))], "a refusal that says so is told, too");
}

#[test]
fn queries_and_calls_of_our_own_are_no_cases() {
    let mut story = Story::default();
    let query = story.call(1, Class::Query, "5201", |_| {});
    story.ends(query, Outcome::Unknown, |_| {});
    let own = story.call(2, Class::Money, "2207", |record| record.header.origin = Origin::Reconcile as u8);
    story.ends(own, Outcome::Unknown, |_| {});
    assert_eq!(story.cases(), []);
}

#[test]
fn open_cases_are_counted_with_what_is_at_stake() {
    let mut story = Story::default();
    story.settlement(1, Outcome::Unknown, Told::Unknown);
    story.settlement(2, Outcome::Unknown, Told::NotTold);
    story.settlement(3, Outcome::Confirmed, Told::NotTold);
    let dir = tempfile::tempdir().unwrap();
    let counts = story.book(dir.path(), 100).count().unwrap();
    let seen: Vec<_> = counts.iter().map(|count| (count.cause, count.open, count.at_stake)).collect();
    assert_eq!(seen, [(Cause::UnknownOutcome, 2, 6_000_000), (Cause::NotDelivered, 1, 3_000_000)]);
}

#[test]
fn proof_from_outside_says_what_a_side_holds_and_the_table_says_whether_that_closes_the_case() {
    let mut story = Story::default();
    let lost = story.settlement(1, Outcome::Unknown, Told::Unknown);
    let proof = |platform, his, his_has_not| Evidence { platform, his, his_has_not };
    story.proves(lost, proof(Some(Platform::Did), None, false));
    assert_eq!(story.cases(), [(1, Cause::NotDelivered, None)], "the statement has it, the HIS was not told");
    let booked = story.proves(lost, proof(None, Some(Shown::Booked), false));
    assert_eq!(story.cases(), [(1, Cause::NotDelivered, Some(booked.0))]);

    let mut story = Story::default();
    let told = story.settlement(1, Outcome::Unknown, Told::Success);
    story.proves(told, proof(Some(Platform::DidNot), None, false));
    assert_eq!(story.cases(), [(1, Cause::HisMore, None)], "it was told a success that is none");
    let has_not = story.proves(told, proof(None, None, true));
    assert_eq!(story.cases(), [(1, Cause::HisMore, Some(has_not.0))], "its ledger does not have it either");
}

#[test]
fn while_an_answer_is_given_again_nobody_knows_what_the_his_heard() {
    let mut story = Story::default();
    let late = story.settlement(1, Outcome::Confirmed, Told::NotTold);
    story.repeats(late);
    assert_eq!(story.cases(), [(1, Cause::NotDelivered, None)], "it may be reaching the HIS, which closes nothing");
    let mut crashed = Story(story.0.clone());
    crashed.add(Kind::Opened, |_| {});
    let dir = tempfile::tempdir().unwrap();
    let told = crashed.book(dir.path(), 100).list(&Wanted::default()).unwrap()[0].told;
    assert_eq!(told, Told::UnknownWhatTold.word(), "so that nothing is taken back by itself");
    let heard = story.told(late, Told::Success);
    assert_eq!(story.cases(), [(1, Cause::NotDelivered, Some(heard.0))]);
}

#[test]
fn a_person_who_paid_in_cash_meanwhile_comes_first() {
    let mut story = Story::default();
    let person = |record: &mut Record, of: u8| record.header.fence_token = Token([of; 16]);
    for name in [1, 2] {
        let intent = story.call(name, Class::Money, "2207", |record| person(record, name));
        story.ends(intent, Outcome::Unknown, |_| {});
        story.told(intent, Told::Unknown);
    }
    let cash = story.call(3, Class::Upload, "4201", |record| person(record, 2));
    for (name, kind) in [(4, b"1"), (5, b"2")] {
        let intent = story.call(name, Class::Money, "2207", |record| person(record, name));
        story.ends(intent, Outcome::Unknown, |_| {});
        story.told(intent, Told::Unknown);
        // A sale is the person's own where it says so.
        story.call(name + 2, Class::Upload, "3505", |record| {
            person(record, name);
            record.facts.named(Fact::Dimension, "MDTRT_SETL_TYPE", kind);
        });
    }
    let sale = story.0.last().map(|record| record.header.seq.0);
    let dir = tempfile::tempdir().unwrap();
    let listed = story.book(dir.path(), 100).list(&Wanted::default()).unwrap();
    let paid: Vec<_> = listed.iter().map(|case| (case.msgid.as_str(), case.self_paid_record)).collect();
    assert_eq!(paid, [("M2", Some(cash.0)), ("M5", sale), ("M1", None), ("M4", None)]);
}

#[test]
fn a_book_of_another_journal_or_another_list_is_made_anew() {
    let mut story = Story::default();
    story.settlement(1, Outcome::Unknown, Told::Unknown);
    let dir = tempfile::tempdir().unwrap();
    story.book(dir.path(), 100);
    let stale =
        |identity, traits, durable| matches!(Book::open(dir.path(), traits, identity, durable), Err(Trouble::Stale(_)));
    assert!(stale(Token([1; 16]), traits(), Seq(3)));
    assert!(stale(IDENTITY, Traits::default(), Seq(3)));
    assert!(stale(IDENTITY, traits(), Seq(2)), "ahead of the journal");
    assert!(!stale(IDENTITY, traits(), Seq(3)));
}

#[test]
fn a_list_has_pages_and_every_open_case_gets_its_turn() {
    let mut story = Story::default();
    for name in 0..1_003_u64 {
        let intent = story.call(1, Class::Money, "2207", |record| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&name.to_be_bytes());
            record.header.exchange_id = ExchangeId(id);
        });
        story.ends(intent, Outcome::Unknown, |_| {});
        story.told(intent, Told::Unknown);
    }
    let dir = tempfile::tempdir().unwrap();
    let cases = story.book(dir.path(), 100_000);
    let page = |page| cases.list(&Wanted { page, ..Wanted::default() }).unwrap().len();
    assert_eq!([page(0), page(1), page(2)], [1_000, 3, 0]);
    assert_eq!(cases.open_of(Class::Money).unwrap().len(), 1_003);
    let asked = |page| Wanted::read([("page", page)].into_iter()).map(|wanted| wanted.page).ok();
    assert_eq!([asked("1"), asked("2"), asked("0"), asked("x")], [Some(0), Some(1), None, None]);
}
