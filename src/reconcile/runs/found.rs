//! Differences that nothing explains become cases, and end with the run that finds them no more: `Kind::Difference` records.
//!
//! A difference about an exchange that is in doubt joins its case: that one says more. Today is not over, so that nothing of it is one.

use std::collections::BTreeSet;

use crate::domain::class::Class as Act;
use crate::domain::exchange::{ExchangeId, Origin};
use crate::domain::money::written;
use crate::domain::token::Token;
use crate::exchange::decision::GATEWAY;
use crate::exchange::history::record_of;
use crate::exchange::side::{AGREES, AT_STAKE};
use crate::journal::draft::Draft;
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::journal::{Journal, Record};

use super::super::Cases;
use super::super::ledger::day::Day;
use super::super::matching::Class;
use super::prove::NotProven;
use super::read::{Difference, LISTED_MAX};
use super::run::Ran;

/// Differences of one day that become cases. More mean that a ledger is wrong as a whole, and nobody works through them one by one.
pub const CASES_PER_DAY_MAX: usize = 200;

/// Journals what is new, and what is no more, about the differences of a day; gives how many records that were. `in_doubt` are INTENTs
/// of open cases.
///
/// # Errors
/// When the journal cannot be read or written; what was journaled before stays.
pub async fn keep_cases(
    journal: &Journal,
    cases: &Cases,
    (ran, differences): (&Ran, &[Difference]),
    in_doubt: &BTreeSet<u64>,
    at_unix_ns: i64,
) -> Result<usize, NotProven> {
    if Day::at(at_unix_ns) <= ran.day {
        return Ok(0);
    }
    let of_day = Keeping { journal, ran, at_unix_ns };
    let (mut journaled, mut stay) = (0, BTreeSet::new());
    // What came by another channel is for the HIS's ledger to know.
    let is_one = |one: &&Difference| !one.explained && (ran.his || one.class != Class::ForeignChannel);
    let unexplained = differences.iter().filter(is_one);
    for difference in unexplained.filter(|one| one.own.record.is_none_or(|intent| !in_doubt.contains(&intent))) {
        let id = of_day.id(&difference.setl_id);
        if stay.len() < CASES_PER_DAY_MAX {
            journaled += usize::from(of_day.say(id, difference).await?);
        }
        stay.insert(id.0);
    }
    if CASES_PER_DAY_MAX < stay.len() {
        tracing::warn!(day = %ran.day, differences = stay.len(), "more differences than become cases: is a ledger of the day wrong as a whole?");
    }
    let is_whole = (differences.len() as u64) < u64::from(LISTED_MAX);
    if is_whole && (ran.his || ran.platform) {
        for id in cases.open_of(Act::Reconcile).unwrap_or_default().into_iter().filter(|id| !stay.contains(&id.0)) {
            journaled += usize::from(of_day.end(id).await?);
        }
    }
    Ok(journaled)
}

/// A run of a day, and where it is kept.
struct Keeping<'a> {
    journal: &'a Journal,
    ran: &'a Ran,
    at_unix_ns: i64,
}

impl Keeping<'_> {
    /// A difference is known by its day and settlement, so that every run means the same case.
    fn id(&self, settlement: &str) -> ExchangeId {
        ExchangeId(self.journal.tokens().of("difference", &format!("{}\n{settlement}", self.ran.day)).0)
    }

    /// What was said of it last.
    fn last(&self, id: ExchangeId) -> Result<Option<Record>, NotProven> {
        for place in self.journal.lookup(EntryKind::Exchange, Token(id.0))?.into_iter().rev() {
            let record = self.journal.read(place)?;
            if record.header.known_kind() == Some(Kind::Difference) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Says it, unless that was said last: what a person closed stays closed until it differs otherwise.
    async fn say(&self, id: ExchangeId, difference: &Difference) -> Result<bool, NotProven> {
        let (class, at_stake) = (difference.class.word(), difference.at_stake());
        let said = |record: &Record| {
            let (_, sum) = record.facts.all_named(Fact::Amount).next().unwrap_or_default();
            record.facts.text_of(Fact::Name) == Some(class)
                && sum == at_stake.map_or_else(String::new, written).as_bytes()
        };
        if self.last(id)?.as_ref().is_some_and(said) {
            return Ok(false);
        }
        let mut draft = self.draft(id, class);
        draft.facts.text(Fact::SetlId, &difference.setl_id);
        if let Some(units) = at_stake {
            draft.facts.named(Fact::Amount, AT_STAKE, written(units).as_bytes());
        }
        self.journal.append(draft).await?;
        Ok(true)
    }

    /// Says that the ledgers agree, of a difference of this day.
    async fn end(&self, id: ExchangeId) -> Result<bool, NotProven> {
        let day = self.ran.day.to_string();
        let first = record_of::<NotProven>(self.journal, id, Kind::Difference)?;
        if first.is_none_or(|first| first.facts.text_of(Fact::LedgerDay) != Some(&day)) {
            return Ok(false);
        }
        if self.last(id)?.is_some_and(|last| last.facts.text_of(Fact::Name) == Some(AGREES)) {
            return Ok(false);
        }
        self.journal.append(self.draft(id, AGREES)).await?;
        Ok(true)
    }

    fn draft(&self, id: ExchangeId, says: &str) -> Draft {
        let mut draft = Draft::new(Kind::Difference);
        draft.header.exchange_id = id;
        draft.header.class = Act::Reconcile as u8;
        draft.header.origin = Origin::Reconcile as u8;
        draft.header.at_unix_ns = self.at_unix_ns;
        draft.facts.text(Fact::LedgerDay, &self.ran.day.to_string());
        draft.facts.text(Fact::Name, says);
        draft.facts.number(Fact::EvidenceSeq, self.ran.imports);
        draft.facts.text(Fact::Who, GATEWAY);
        draft
    }
}
