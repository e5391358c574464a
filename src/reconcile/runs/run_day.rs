//! A day as a whole: its ledgers laid beside each other, and what they prove of open cases journaled.

use crate::domain::class::Class;
use crate::journal::Journal;

use super::super::Cases;
use super::super::derived::ReadTrouble;
use super::super::ledger::Ledgers;
use super::super::ledger::day::Day;
use super::found::keep_cases;
use super::prove::{NotProven, prove};
use super::read::Runs;
use super::run::{Ran, run};

/// Why a day was not reconciled.
#[derive(Debug, thiserror::Error)]
pub enum NotRun {
    /// The ledgers or runs.
    #[error(transparent)]
    Read(#[from] ReadTrouble),
    /// What they prove.
    #[error(transparent)]
    Prove(#[from] NotProven),
}

/// Runs a day; gives what it came to, and how many proofs and differences were journaled that were not before. Reads block; call it off the
/// runtime.
///
/// # Errors
/// When ledgers, runs or journal cannot be read or written; what was kept or journaled before stays.
pub async fn run_day(
    journal: &Journal,
    ledgers: &Ledgers,
    cases: &Cases,
    day: Day,
    at_unix_ns: i64,
) -> Result<(Ran, usize), NotRun> {
    // Without a book of cases nothing is proven now; the next run makes it up.
    let open = |class| cases.open_of(class).unwrap_or_default();
    let wanted = [open(Class::Money), open(Class::Reversal)].concat();
    let (ran, proofs) = run(ledgers, day, &wanted, at_unix_ns)?;
    let proven = prove(journal, &proofs, at_unix_ns).await?;
    let in_doubt = ledgers.intents(&wanted)?.into_keys().collect();
    let differences = Runs::at(ledgers.dir()).differences((day, day))?;
    let kept = keep_cases(journal, cases, (&ran, &differences), &in_doubt, at_unix_ns).await?;
    Ok((ran, proven + kept))
}
