//! The three books beside each other, when everything has come to rest: what the platform did, what the journal says, what the
//! hospital booked. Every difference must be an open case with the right cause, or one that nobody but the hospital can know of.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::bill::{Bill, Visit};
use super::gateway::Life;
use super::his::Hospital;
use super::{Canary, Invariant, World};
use crate::domain::class::Class;
use crate::domain::exchange::Seq;
use crate::domain::outcome::{Cause as Why, Outcome};
use crate::exchange::stand::Cause;
use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::reconcile::cases::CaseShown;
use crate::sandbox::callers::books::Paid;
use crate::sandbox::ledger::{Settlement, Standing};
use crate::sandbox::register::Line;

/// What the audit looks at.
struct Audit<'a> {
    world: &'a World,
    rows: Vec<Settlement>,
    lines: Vec<Line>,
    records: Vec<Record>,
    cases: Vec<CaseShown>,
    /// Platform less hospital, as far as it is explained.
    explained: Paid,
}

/// Which side has a settlement that the other has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Platform,
    His,
}

/// Compares, and names what does not hold.
pub(super) async fn audit(world: &Arc<World>, life: &Life, hospital: &Hospital, folder: &Path) -> io::Result<()> {
    let journal = &life.line.journal;
    let records = world.records(journal)?;
    let cases = world.cases(journal, &records, 1_000, &folder.join("cases"))?;
    let anew = world.cases(journal, &records, 7, &folder.join("cases-anew"))?;
    let same = |cases: &[CaseShown]| cases.iter().map(|case| serde_json::json!(case).to_string()).collect::<Vec<_>>();
    if same(&cases) != same(&anew) {
        world.find(Invariant::CasesRebuilt, "built anew the book of cases holds others".to_owned());
    }
    let platform = &world.standin.platform;
    let rows = platform.with_ledger(|ledger| ledger.settlements().to_vec());
    let lines = platform.with_register(|register| register.lines(0, usize::MAX).cloned().collect());
    world.witness().cases = cases.iter().filter(|case| case.open).count() as u64;
    let books = hospital.books().clone();
    let mut audit = Audit { world, rows, lines, records, cases, explained: Paid::default() };
    audit.journal_and_platform();
    books.iter().for_each(|bill| audit.bill(bill));
    if world.plan.office {
        books.iter().for_each(|bill| audit.day_closed(bill));
    }
    audit.every_fen(&books);
    audit.tell(&books);
    Ok(())
}

impl Audit<'_> {
    /// What the journal says of single calls, and what came to the platform.
    fn journal_and_platform(&self) {
        let mut sent: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        let of = |record: &Record, fact| record.facts.text_of(fact).unwrap_or_default().to_owned();
        let intents: Vec<&Record> = self.of_kind(Kind::Intent).collect();
        let named: Vec<(String, String)> =
            intents.iter().map(|intent| (of(intent, Fact::Infno), of(intent, Fact::Msgid))).collect();
        for (infno, msgid) in &named {
            *sent.entry((infno, msgid)).or_default() += 1;
        }
        for line in &self.lines {
            let left = sent.entry((&line.infno, &line.msgid)).or_default();
            *left -= 1;
            if *left < 0 {
                let what = format!("{} {} came to the platform, and no INTENT says so", line.infno, line.msgid);
                self.world.find(Invariant::IntentBeforeSend, what);
            }
        }
        for (intent, (infno, msgid)) in intents.iter().zip(&named) {
            if self.outcomes_of(intent.header.seq).next().is_none() {
                let what = format!("{infno} {msgid} (record {}) has no OUTCOME", intent.header.seq.0);
                self.world.find(Invariant::EveryIntentEnds, what);
            }
            self.refusals_of(intent, infno, msgid);
        }
    }

    /// What is called refused was not done.
    fn refusals_of(&self, intent: &Record, infno: &str, msgid: &str) {
        let class = Class::from_code(intent.header.class);
        let acts = matches!(class, Some(Class::Money | Class::Reversal));
        let lines: Vec<&Line> =
            self.lines.iter().filter(|line| (line.infno.as_str(), line.msgid.as_str()) == (infno, msgid)).collect();
        let all_done = !lines.is_empty() && lines.iter().all(|line| line.committed == Some(true));
        let refused = |outcome: &&Record| outcome.header.outcome == Outcome::Refused as u8;
        for outcome in self.outcomes_of(intent.header.seq).filter(refused).filter(|_| acts) {
            let never = outcome.header.cause == Why::NeverSent as u8;
            if all_done && !never {
                let what = format!("{infno} {msgid} is called refused (record {}), and was done", outcome.header.seq.0);
                self.world.find(Invariant::NoFalseRefusal, what);
            }
        }
    }

    /// One bill, visit by visit: what stands at the platform, what is booked, and what explains the difference.
    fn bill(&mut self, bill: &Bill) {
        for (at, visit) in bill.visits.iter().enumerate() {
            let live: Vec<Settlement> = self.live_of(visit).cloned().collect();
            let booked = bill.booked.as_ref().filter(|booked| booked.visit == at);
            for row in &live {
                match booked.filter(|booked| booked.setl_id == row.setl_id) {
                    Some(booked) if booked.paid != paid(row) => {
                        let what = format!("{}: booked {:?}, settled {:?}", row.setl_id, booked.paid, paid(row));
                        self.world.find(Invariant::EveryFen, what);
                    }
                    Some(_) => {}
                    None => {
                        self.explained = self.explained.plus(paid(row));
                        self.differ(bill, visit, &row.setl_id, More::Platform);
                    }
                }
            }
            if let Some(booked) = booked.filter(|booked| live.iter().all(|row| row.setl_id != booked.setl_id)) {
                self.explained = self.explained.plus(booked.paid.negated());
                self.differ(bill, visit, &booked.setl_id, More::His);
            }
        }
    }

    /// Persons with proof have closed what can be closed; a bill that was settled twice stays open until one is taken back.
    fn day_closed(&self, bill: &Bill) {
        let is_twice = 1 < bill.visits.iter().flat_map(|visit| self.live_of(visit)).count();
        let calls = bill.visits.iter().flat_map(|visit| &visit.calls);
        let ours = |case: &&CaseShown| calls.clone().any(|(infno, msgid)| *infno == "2207" && *msgid == case.msgid);
        let open = self.cases.iter().filter(|case| case.open && case.infno == "2207").find(ours);
        if let (Some(case), false) = (open, is_twice) {
            let what = format!("bill {}: {} of {} is open, and nothing closed it", bill.number, case.cause, case.msgid);
            self.world.find(Invariant::DayCloses, what);
        }
    }

    /// A settlement that only one side has: an open case, or beyond the gateway's reach.
    fn differ(&self, bill: &Bill, visit: &Visit, setl_id: &str, more: More) {
        let ours =
            |case: &&CaseShown| visit.calls.iter().any(|(infno, msgid)| (*infno, msgid) == (&case.infno, &case.msgid));
        let cases: Vec<&CaseShown> = self.cases.iter().filter(ours).collect();
        let right = |case: &&&CaseShown| case.open && is_right(more, &case.infno, case.cause);
        let (has, lacks) =
            if more == More::Platform { ("the platform", "the hospital") } else { ("the hospital", "the platform") };
        let what = format!("bill {}: {has} has {setl_id} ({}), {lacks} has not", bill.number, visit.mdtrt_id);
        if let Some(case) = cases.iter().find(right) {
            return self.world.tell(format!("   {what}: case {} of {} {}", case.cause, case.infno, case.msgid));
        }
        let witness = self.world.witness();
        let beyond = match more {
            More::Platform => witness.was_handed(setl_id) && !bill.was_booked.contains(setl_id),
            More::His => {
                bill.undo_forgotten.contains(setl_id)
                    || (witness.undo_was_handed(&visit.mdtrt_id) && bill.booked.is_some())
            }
        };
        drop(witness);
        if beyond {
            return self.world.tell(format!("   {what}: the hospital was told, and forgot"));
        }
        let shown: Vec<String> = cases
            .iter()
            .map(|case| {
                format!("{} {} {} {}", if case.open { "open" } else { "closed" }, case.cause, case.infno, case.msgid)
            })
            .collect();
        let invariant = match cases.iter().any(|case| case.open) {
            false if !cases.is_empty() => Invariant::NoSilentClose,
            _ => Invariant::DisagreementIsCase,
        };
        self.world.find(invariant, format!("{what}; cases: [{}]", shown.join("; ")));
    }

    /// The two books differ by what was explained, and by no fen more.
    fn every_fen(&self, books: &[Bill]) {
        let settled = self.rows.iter().filter(|row| row.undoes.is_none() && row.standing == Standing::Live);
        let settled = settled.map(paid).fold(Paid::default(), Paid::plus);
        let booked = books.iter().filter_map(|bill| bill.booked.as_ref()).map(|booked| booked.paid);
        let booked = booked.fold(Paid::default(), Paid::plus);
        if booked.plus(self.explained) != settled {
            let what = format!("booked {booked:?} and explained {:?} are not settled {settled:?}", self.explained);
            self.world.find(Invariant::EveryFen, what);
        }
    }

    /// What each side holds at the end.
    fn tell(&self, books: &[Bill]) {
        for bill in books {
            let live: Vec<&str> =
                bill.visits.iter().flat_map(|visit| self.live_of(visit)).map(|row| row.setl_id.as_str()).collect();
            let platform = if live.is_empty() { "nothing".to_owned() } else { live.join(", ") };
            self.world.tell(format!(
                "   bill {} over {}: {}; the platform holds {platform}",
                bill.number,
                bill.sum,
                bill.told()
            ));
        }
        let open = self.cases.iter().filter(|case| case.open).count();
        self.world.tell(format!(
            "   {} calls came to the platform, {} records, {open} open and {} closed cases",
            self.lines.len(),
            self.records.len(),
            self.cases.len() - open
        ));
    }

    fn live_of<'a>(&'a self, visit: &'a Visit) -> impl Iterator<Item = &'a Settlement> {
        let ours = |row: &&Settlement| row.mdtrt_id == visit.mdtrt_id && row.chrg_bchno == visit.chrg_bchno;
        self.rows.iter().filter(|row| row.undoes.is_none() && row.standing == Standing::Live).filter(ours)
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Record> {
        // One OUTCOME of each world is lost to this canary.
        let lost = if self.world.has(Canary::LosesOutcome) { self.first(Kind::Outcome) } else { Seq::NONE };
        self.records.iter().filter(move |record| record.header.known_kind() == Some(kind) && record.header.seq != lost)
    }

    fn first(&self, kind: Kind) -> Seq {
        let found = self.records.iter().find(|record| record.header.known_kind() == Some(kind));
        found.map_or(Seq::NONE, |record| record.header.seq)
    }

    fn outcomes_of(&self, intent: Seq) -> impl Iterator<Item = &Record> {
        self.of_kind(Kind::Outcome).filter(move |record| record.header.ref_seq == intent)
    }
}

/// Whether an open case of a call is one that this difference is to have.
fn is_right(more: More, infno: &str, cause: &str) -> bool {
    let is = |one: Cause| cause == one.word();
    match (more, infno) {
        // Nobody knows whether it was undone: that explains either side.
        (_, "2208" | "2601") => is(Cause::UnknownOutcome) || is(Cause::NotDelivered),
        (More::Platform, "2207") => is(Cause::UnknownOutcome) || is(Cause::NotDelivered) || is(Cause::HisTookBack),
        (More::His, "2207") => is(Cause::HisMore),
        _ => false,
    }
}

pub(super) fn paid(row: &Settlement) -> Paid {
    Paid {
        medfee_sumamt: row.shares.scope.sum,
        fund_pay_sumamt: row.shares.fund(),
        acct_pay: row.shares.account,
        psn_cash_pay: row.shares.cash,
        hosp_part_amt: row.shares.hospital,
    }
}
