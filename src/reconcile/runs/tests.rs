//! Real files: what a ledger of the HIS proves of a call without an end, and what it does not.

use super::super::ledger::day::Day;
use super::super::ledger::tests::Story;
use super::run::run;
use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::outcome::Outcome;
use crate::exchange::decision::{Evidence, Step};
use crate::exchange::stand::{Platform, Shown};
use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;

const LOST: ExchangeId = ExchangeId([1; 16]);
/// The call of 300 yuan whose answer was lost is the first of its day; the HIS's ledger comes last.
fn lost() -> (Story, Seq) {
    let mut story = Story::default();
    let lost = story.asks(1, Class::Money, "2207", |record| {
        record.facts.named(Fact::Amount, "medfee_sumamt", b"300.00");
    });
    story.hears(lost, Outcome::Unknown, |_| {});
    (story, lost)
}

/// What the HIS is proven to hold, and the class of each difference of the day.
fn reconciled(mut story: Story, his: &str) -> (Vec<Option<Shown>>, Vec<String>) {
    let mapping = "form = csv\ndelimiter = 44\nencoding = utf-8\nsetl_id = id\nmsgid = msgid\nmedfee_sumamt = total\n";
    story.add(Kind::Ledger, |record| {
        record.facts.text(Fact::Name, "a.csv");
        record.facts.text(Fact::LedgerDay, "2026-11-21");
        record.facts.text(Fact::FixmedinsCode, "H1");
        record.facts.text(Fact::Text, mapping);
        record.payload = format!("id,msgid,total\n{his}").into_bytes();
    });
    let dir = tempfile::tempdir().unwrap();
    let ledgers = story.ledgers(dir.path(), 2);
    let day = Day::read("2026-11-21").unwrap();
    let (_, proofs) = run(&ledgers, day, &[LOST], 0).unwrap();
    let differences = super::read::Runs::at(dir.path()).differences((day, day)).unwrap();
    let classes = differences.iter().map(|difference| difference.class.word().to_owned()).collect();
    (proofs.iter().map(|proof| proof.evidence.his).collect(), classes)
}

#[test]
fn a_row_that_names_our_msgid_proves_only_what_we_asked_for() {
    for (row, proven) in [
        ("S1,M1,300\n", vec![Some(Shown::Booked)]),
        ("S1,M1,310\n", vec![]),
        ("S1,M1,300\nS1,M1,-300\n", vec![Some(Shown::TakenBack)]),
        ("S1,M2,300\n", vec![]),
    ] {
        assert_eq!(reconciled(lost().0, row).0, proven, "{row}");
    }
}

#[test]
fn what_the_platform_is_proven_to_hold_stands_beside_the_row_of_the_his() {
    let (mut story, lost) = lost();
    assert_eq!(reconciled(Story(story.0.clone()), "S1,,300\n").1, ["his_more"]);
    let intent = story.0[lost.0 as usize - 1].header.clone();
    story.add(Kind::Decision, |record| {
        let mut draft = Draft::new(Kind::Decision);
        draft.facts.text(Fact::Step, Step::Evidence.word());
        Evidence { platform: Some(Platform::Did), ..Evidence::default() }.add_to(&mut draft, lost);
        draft.facts.text(Fact::SetlId, "S1");
        (record.facts, record.header.ref_seq, record.header.class) = (draft.facts, lost, intent.class);
    });
    let (proven, classes) = reconciled(story, "S1,,300\n");
    assert_eq!((proven, classes), (vec![Some(Shown::Booked)], vec![]));
}
