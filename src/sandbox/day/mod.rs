//! A day at two sandbox hospitals, played through a gateway, with faults on the platform's side; at the end the three
//! books (hospitals, gateway, platform) are laid beside each other.

pub mod explain; // Which differences the gateway explains.
mod report; // The day in words, Chinese and English.
pub mod witness; // What platform and gateway say when asked.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::domain::clock::Clock;
use crate::sandbox::callers::Caller;
use crate::sandbox::callers::books::Books;
use crate::sandbox::callers::dialect::{DIALECTS, Dialect};
use crate::sandbox::draw::Draw;
use crate::sandbox::faults::{Entry, Fault};
use crate::sandbox::people::Population;
use explain::{Explained, Witnesses};
use witness::{Counted, Counts, Done, Gateway, Standin, Unknown, since};

/// How long the machines may take to come to rest after the last call.
const REST_TRIES: u32 = 120;
const REST_PAUSE: Duration = Duration::from_millis(250);

/// What to play.
#[derive(Debug, Clone)]
pub struct Day {
    /// Where the HIS calls, `http://HOST:PORT`.
    pub gateway: String,
    /// The stand-in, `http://HOST:PORT`.
    pub sandbox: String,
    /// The gateway's admin port, `http://HOST:PORT`.
    pub admin: String,
    /// The admin token.
    pub token: String,
    /// Draws visits, prices, who comes.
    pub seed: u64,
    /// Visits over both hospitals.
    pub visits: u32,
    /// How long a HIS waits for an answer.
    pub patience: Duration,
    /// Play faults.
    pub faults: bool,
}

/// Why a day could not be played or witnessed.
#[derive(Debug, Error)]
pub enum DayError {
    /// An address of another form.
    #[error("{0}")]
    Address(String),
    /// No answer from one of the machines.
    #[error("no answer to {target}: {why}")]
    Unheard {
        /// What was asked.
        target: String,
        /// Why.
        why: String,
    },
    /// An answer that is no success.
    #[error("{target} was answered with status {status}: {text}")]
    Answered {
        /// What was asked.
        target: String,
        /// The status.
        status: u16,
        /// The beginning of the answer.
        text: String,
    },
    /// An answer of another form.
    #[error("an answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// The report could not be written.
    #[error("cannot write the report")]
    Report(#[from] std::io::Error),
}

/// How the day went.
#[derive(Debug)]
pub struct DayReport {
    /// The hospitals' books, in the order of the dialects.
    pub books: Vec<Books>,
    /// The comparison.
    pub explained: Explained,
    /// Faults that struck.
    pub struck: Vec<Entry>,
    /// Calls that arrived at the platform, by transaction.
    pub arrived: Counts,
    /// What the gateway counted.
    pub counted: Counted,
    /// Exchanges that the gateway lists as unknown.
    pub unknowns: Vec<Unknown>,
}

/// Plays the day and writes its report to `out`.
///
/// # Errors
/// When one of the machines cannot be asked; a day that does not add up is a report, not an error.
pub async fn play(day: &Day, clock: Arc<dyn Clock>, out: &mut (dyn Write + Send)) -> Result<DayReport, DayError> {
    let mut standin = Standin::at(&day.sandbox)?;
    let mut gateway = Gateway::at(&day.admin, &day.token)?;
    standin.script(&if day.faults { script(day.patience) } else { Vec::new() }).await?;
    let opening = standin.done(0).await?;
    let before = Before {
        rows: opening.settlements_count,
        arrived: standin.arrived().await?,
        counted: gateway.counted().await?,
    };
    report::opening(day, out)?;

    let people = Population::from_seed(opening.seed);
    let [first, second] = DIALECTS;
    let (one, two) = tokio::join!(
        hospital(day, first, day.visits.div_ceil(2), &people, clock.clone()),
        hospital(day, second, day.visits / 2, &people, clock.clone()),
    );
    let books = vec![one?, two?];

    let report = settle_down(&mut standin, &mut gateway, &before, books).await?;
    report::closing(&report, out)?;
    Ok(report)
}

/// Counts before the day, so that it can be played on machines that have run before.
struct Before {
    rows: usize,
    arrived: Counts,
    counted: Counted,
}

async fn hospital(
    day: &Day,
    dialect: Dialect,
    visits: u32,
    people: &Population,
    clock: Arc<dyn Clock>,
) -> Result<Books, DayError> {
    let caller = Caller::new(dialect, &day.gateway, day.patience, day.seed, clock);
    let mut caller = caller.map_err(DayError::Address)?;
    let mut draw = Draw::from_seed(day.seed ^ (0xda1 + dialect as u64));
    caller.sign_in().await;
    for _ in 0..visits {
        caller.visit(draw.one(people.all())).await;
    }
    caller.sign_out().await;
    Ok(caller.books().clone())
}

/// Faults of both hospitals, by the number of the call; those of later calls strike only on a long enough day.
fn script(patience: Duration) -> Vec<Entry> {
    let longer = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX).saturating_add(1500);
    let first = |infno, nth, fault| Entry::nth_of(DIALECTS[0].fixmedins_code(), infno, nth, fault);
    let second = |infno, nth, fault| Entry::nth_of(DIALECTS[1].fixmedins_code(), infno, nth, fault);
    vec![
        first("2207", 2, Fault::Refuse),
        first("2207", 5, Fault::CommitThenDrop),
        first("2207", 9, Fault::Late { ms: longer }),
        first("2207", 14, Fault::Page502 { commit: true }),
        first("1101", 4, Fault::Page502 { commit: false }),
        first("2208", 1, Fault::CommitThenDrop),
        second("2207", 3, Fault::CommitThenDrop),
        second("2207", 6, Fault::DropThenCommit { ms: 300 }),
        second("2207", 9, Fault::HalfAnswer),
        second("2207", 12, Fault::SlowDrip { ms: 2 }),
        second("2207", 15, Fault::Page502 { commit: false }),
        second("2207", 18, Fault::Refuse),
    ]
}

/// Looks again until everything is explained, or the machines had time enough: a late commit or a count may lag.
async fn settle_down(
    standin: &mut Standin,
    gateway: &mut Gateway,
    before: &Before,
    books: Vec<Books>,
) -> Result<DayReport, DayError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let done: Done = standin.done(before.rows).await?;
        let unknowns = gateway.unknowns().await?;
        let arrived = since(&standin.arrived().await?, &before.arrived);
        let counted = gateway.counted().await?.since(&before.counted);
        let witnesses =
            Witnesses { books: &books, done: &done, unknowns: &unknowns, arrived: &arrived, counted: &counted };
        let explained = Explained::of(&witnesses);
        if (done.pending == 0 && explained.is_good()) || tries >= REST_TRIES {
            let struck = standin.struck().await?;
            return Ok(DayReport { books, explained, struck, arrived, counted, unknowns });
        }
        tokio::time::sleep(REST_PAUSE).await;
    }
}
