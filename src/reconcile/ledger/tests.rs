//! Real files: what makes a row, of which day and with which sign, that the ledger comes out the same however it is built, and what
//! a ledger of the HIS proves of a call without an end.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::super::his::import::Files;
use super::super::runs::Runs;
use super::super::runs::run::run;
use super::day::Day;
use super::own::Own;
use super::read::Ledgers;
use super::store::Folder;
use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::outcome::Outcome;
use crate::domain::token::Token;
use crate::exchange::decision::{Evidence, Step};
use crate::exchange::stand::{Platform, Shown};
use crate::journal::draft::Draft;
use crate::journal::facts::{Fact, Facts};
use crate::journal::record::{Header, Kind};
use crate::journal::{Place, Record};
use crate::views::follower::{Derived, Taking};

const IDENTITY: Token = Token([9; 16]);
/// 2026-11-21T23:59:00+08:00: what is answered a minute later is of the next day by our clock.
const AT: i64 = 1_795_276_740_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;

/// A journal that is written line by line; a record a minute.
#[derive(Default)]
pub(in crate::reconcile) struct Story(pub(in crate::reconcile) Vec<Record>);

/// Imported files stand in the payload, in clear.
struct InPayload;

impl Files for InPayload {
    fn open(&self, record: &Record) -> Result<Box<dyn Read>, String> {
        Ok(Box::new(std::io::Cursor::new(record.payload.clone())))
    }
}

impl Story {
    pub(in crate::reconcile) fn add(&mut self, kind: Kind, change: impl FnOnce(&mut Record)) -> Seq {
        let seq = Seq(self.0.len() as u64 + 1);
        let header = Header { seq, at_unix_ns: AT + (seq.0 as i64 - 1) * MINUTE_NS, ..Header::new(kind) };
        let place = Place { segment_no: 1, offset: 0, seq };
        let mut record = Record { place, header, facts: Facts::default(), payload: Vec::new() };
        change(&mut record);
        self.0.push(record);
        seq
    }

    pub(in crate::reconcile) fn asks(
        &mut self,
        name: u8,
        class: Class,
        infno: &str,
        change: impl FnOnce(&mut Record),
    ) -> Seq {
        self.add(Kind::Intent, |record| {
            record.header.exchange_id = ExchangeId([name; 16]);
            record.header.class = class as u8;
            record.facts.text(Fact::Infno, infno);
            record.facts.text(Fact::Msgid, &format!("M{name}"));
            record.facts.text(Fact::FixmedinsCode, "H1");
            record.facts.text(Fact::MdtrtareaAdmvs, "360100");
            record.facts.text(Fact::InsuplcAdmdvs, "360102");
            change(record);
        })
    }

    pub(in crate::reconcile) fn hears(
        &mut self,
        intent: Seq,
        outcome: Outcome,
        change: impl FnOnce(&mut Record),
    ) -> Seq {
        let of = self.0[intent.0 as usize - 1].header.clone();
        self.add(Kind::Outcome, |record| {
            (record.header.class, record.header.exchange_id) = (of.class, of.exchange_id);
            (record.header.ref_seq, record.header.outcome) = (intent, outcome as u8);
            change(record);
        })
    }

    /// A settlement `S{name}` of 300 yuan, confirmed at the platform's 23:58.
    pub(in crate::reconcile) fn settles(&mut self, name: u8) -> Seq {
        let intent = self.asks(name, Class::Money, "2207", |_| {});
        self.hears(intent, Outcome::Confirmed, |record| {
            record.facts.text(Fact::SetlId, &format!("S{name}"));
            for (field, amount) in [
                ("medfee_sumamt", "300.00"),
                ("fund_pay_sumamt", "200"),
                ("acct_pay", "60.5"),
                ("psn_cash_pay", "39.5"),
            ] {
                record.facts.named(Fact::Amount, field, amount.as_bytes());
            }
            let said = [
                ("setl_time", "2026-11-21 23:58:00"),
                ("clr_optins", "360199"),
                ("insutype", "310"),
                ("clr_type", "11"),
            ];
            said.iter().for_each(|(name, text)| record.facts.named(Fact::Dimension, name, text.as_bytes()));
        });
        intent
    }

    /// The ledgers over all records, taken in batches, the file closed and opened between them.
    pub(in crate::reconcile) fn ledgers(&self, dir: &Path, batch: usize) -> Ledgers {
        let folder = Folder { dir: dir.to_owned(), files: Arc::new(InPayload), local_digits: 4 };
        loop {
            let mut store = folder.open(IDENTITY, Seq(self.0.len() as u64)).unwrap();
            let rest = &self.0[store.position().0 as usize..];
            let Some(end) = rest.chunks(batch).next().and_then(|records| records.last()) else { break };
            rest.iter().take(batch).for_each(|record| store.take(record).unwrap());
            store.commit(end.header.seq).unwrap();
        }
        Ledgers::at(dir)
    }
}

fn day(text: &str) -> Day {
    Day::read(text).unwrap()
}

/// The lines of sums of some days, after three different ways of building.
fn sums(story: &Story, first: &str, last: &str) -> Vec<String> {
    let built = [1, 3, 1000].map(|batch| {
        let dir = tempfile::tempdir().unwrap();
        let sums = story.ledgers(dir.path(), batch).sums((day(first), day(last))).unwrap();
        let line = |sum: &super::read::Sum| {
            let amounts = serde_json::json!(sum.amounts.shown())
                .as_object()
                .unwrap()
                .values()
                .map(|value| value.as_str().unwrap_or("-").to_owned())
                .collect::<Vec<_>>();
            format!(
                "{} {} {} {} {}",
                sum.dimensions.join("/"),
                sum.place.word(),
                if sum.refund { "refund" } else { "charge" },
                sum.count,
                amounts.join(" ")
            )
        };
        sums.iter().map(line).collect::<Vec<_>>()
    });
    assert!(built.windows(2).all(|pair| pair[0] == pair[1]), "the same however it is cut: {built:#?}");
    built[0].clone()
}

#[test]
fn the_day_is_the_platforms_and_a_refund_is_a_row_of_its_own() {
    let mut story = Story::default();
    let charge = story.settles(1);
    story.settles(2);
    let cancel = story.asks(3, Class::Reversal, "2208", |record| {
        record.facts.text(Fact::SetlId, "S1");
        record.facts.number(Fact::UndoesSeq, charge.0);
    });
    story.hears(cancel, Outcome::Confirmed, |record| {
        record.facts.text(Fact::SetlId, "R1");
        record.facts.named(Fact::Amount, "medfee_sumamt", b"300.00");
        record.facts.named(Fact::Dimension, "setl_time", b"2026-11-22 00:03:00");
        record.facts.number(Fact::FreesSeq, charge.0);
    });
    assert_eq!(sums(&story, "2026-11-21", "2026-11-21"), ["360199/310/11/ local charge 2 600.00 400.00 121.00 79.00"]);
    assert_eq!(
        sums(&story, "2026-11-22", "2026-11-22"),
        ["360199/310/11/ local refund 1 -300.00 -200.00 -60.50 -39.50"],
        "what the cancel does not say it has from what it takes back"
    );
    let dir = tempfile::tempdir().unwrap();
    let ledgers = story.ledgers(dir.path(), 1000);
    let by_original: Vec<_> = ledgers.of_settlement("S1").unwrap().iter().map(|own| own.setl_id.clone()).collect();
    assert_eq!((by_original, ledgers.of_settlement("R1").unwrap().len()), (vec!["S1".to_owned(), "R1".to_owned()], 1));
    assert_ne!(ledgers.of_settlement("S1").unwrap()[0].undone, Seq::NONE);
}

#[test]
fn only_what_is_confirmed_is_a_row_and_silence_takes_none_away() {
    let mut story = Story::default();
    let lost = story.asks(1, Class::Money, "2207", |_| {});
    story.hears(lost, Outcome::Unknown, |_| {});
    let refused = story.asks(2, Class::Money, "2207", |_| {});
    story.hears(refused, Outcome::Refused, |_| {});
    let trial = story.asks(3, Class::Presettle, "2206", |_| {});
    story.hears(trial, Outcome::Confirmed, |record| record.facts.text(Fact::SetlId, "S3"));
    let kept = story.settles(4);
    story.hears(kept, Outcome::Unknown, |_| {});
    assert_eq!(sums(&story, "2026-11-01", "2026-11-30"), ["360199/310/11/ local charge 1 300.00 200.00 60.50 39.50"]);

    story.hears(lost, Outcome::Confirmed, |record| record.facts.text(Fact::SetlId, "S1"));
    let late = sums(&story, "2026-11-22", "2026-11-22");
    assert_eq!(late, ["/// local charge 1 - - - -"], "without the platform's time, the day in which it was heard");
}

#[test]
fn an_undo_without_a_row_of_its_own_marks_what_it_undid() {
    let mut story = Story::default();
    let charge = story.settles(1);
    let reversal = story.asks(2, Class::Reversal, "2601", |record| record.facts.number(Fact::UndoesSeq, charge.0));
    let proof = story.hears(reversal, Outcome::Confirmed, |record| record.facts.number(Fact::FreesSeq, charge.0));
    let dir = tempfile::tempdir().unwrap();
    let rows = story.ledgers(dir.path(), 1000).of_settlement("S1").unwrap();
    let shown: Vec<_> = rows.iter().map(|own: &Own| (own.setl_id.as_str(), own.undone)).collect();
    assert_eq!(shown, [("S1", proof)]);
}

#[test]
fn what_takes_a_settlement_back_waits_for_a_list_of_the_settlements_day() {
    let mut story = Story::default();
    let charge = story.settles(1);
    let waited = |story: &Story, institution: &str, day_text: &str| {
        let dir = tempfile::tempdir().unwrap();
        story.ledgers(dir.path(), 1000).waited_for(institution, (day(day_text), day(day_text))).unwrap()
    };
    assert_eq!(waited(&story, "H1", "2026-11-21"), None);
    let reversal = story.asks(2, Class::Reversal, "2601", |record| record.facts.number(Fact::UndoesSeq, charge.0));
    story.hears(reversal, Outcome::Unknown, |_| {});
    assert_eq!(waited(&story, "H1", "2026-11-21"), Some(reversal), "of the charge's day");
    assert_eq!(waited(&story, "H1", "2026-11-22"), Some(reversal), "and of its own");
    assert_eq!((waited(&story, "H1", "2026-11-23"), waited(&story, "H2", "2026-11-21")), (None, None));
}

#[test]
fn a_repeats_msgid_finds_the_first_one() {
    let mut story = Story::default();
    story.settles(1);
    story.add(Kind::Note, |record| {
        record.header.parent_id = ExchangeId([1; 16]);
        record.facts.text(Fact::Alias, "M1-again");
    });
    let dir = tempfile::tempdir().unwrap();
    let ledgers = story.ledgers(dir.path(), 2);
    for msgid in ["M1", "M1-again"] {
        assert_eq!(ledgers.of_msgid(msgid).unwrap().len(), 1, "{msgid}");
    }
}

#[test]
fn where_a_person_is_insured_is_told_by_the_areas() {
    use super::own::Place::{CrossProvince, Local, Province, Unsaid};
    let rows = [
        ("360100", "360199", Local),
        ("360100", "360300", Province),
        ("360100", "430100", CrossProvince),
        ("360100", "", Unsaid),
    ];
    for (care, insured, place) in rows {
        assert_eq!(super::own::Place::of(care, insured, 4), place, "{care} {insured}");
    }
}

#[test]
fn an_imported_file_is_rows_of_the_day_and_a_corrected_one_replaces_it() {
    let mapping =
        "form = csv\ndelimiter = 44\nencoding = utf-8\nsetl_id = id\nmedfee_sumamt = total\nfund_pay_sumamt = fund\n";
    let mut story = Story::default();
    let mut import = |day: &str, institution: &str, file: &str| {
        story.add(Kind::Ledger, |record| {
            record.facts.text(Fact::Name, "a.csv");
            record.facts.text(Fact::LedgerDay, day);
            record.facts.text(Fact::FixmedinsCode, institution);
            record.facts.text(Fact::Text, mapping);
            record.payload = format!("id,total,fund\n{file}").into_bytes();
        })
    };
    import("2026-11-21", "H1", "S1,300,200\nS1,20,0\nS2,-5,-1\n");
    let other = import("2026-11-21", "H2", "S9,1,1\n");
    let neighbour = import("2026-11-22", "H1", "S3,7,7\n");
    let corrected = import("2026-11-21", "H1", "S1,320,200\n");
    let broken = import("2026-11-23", "H1", "S1,a lot,200\n");
    let shown = |batch| {
        let dir = tempfile::tempdir().unwrap();
        let ledgers = story.ledgers(dir.path(), batch);
        let connection = ledgers.open().unwrap();
        let mut rows =
            connection.prepare("SELECT day, setl_id, record, line, medfee FROM his ORDER BY 1, 2, 3").unwrap();
        let rows =
            rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))).unwrap();
        let rows: Vec<(i64, String, u32, u32, i64)> = rows.map(|row: rusqlite::Result<_>| row.unwrap()).collect();
        (rows, ledgers.imports((day("2026-11-21"), day("2026-11-23"))).unwrap())
    };
    let (rows, imports) = shown(1000);
    let expected = [
        (20_261_121, "S1".to_owned(), corrected.0 as u32, 2, 3_200_000),
        (20_261_121, "S9".to_owned(), other.0 as u32, 2, 10_000),
        (20_261_122, "S3".to_owned(), neighbour.0 as u32, 2, 70_000),
    ];
    assert_eq!(rows, expected);
    assert_eq!(shown(1), (rows, imports.clone()));
    let state =
        |import: &super::imported::Import| (import.record, import.rows, import.in_force, import.unread.is_empty());
    let states: Vec<_> = imports.iter().map(state).collect();
    assert_eq!(
        states,
        [
            (1, 3, false, true),
            (other.0, 1, true, true),
            (corrected.0, 1, true, true),
            (neighbour.0, 1, true, true),
            (broken.0, 0, true, false)
        ]
    );
}

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
    let differences = Runs::at(dir.path()).differences((day, day)).unwrap();
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
