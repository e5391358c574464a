//! A day at six sandbox institutions, played through a gateway, with faults on the platform's side; at the end the three
//! books (institutions, gateway, platform) are laid beside each other.

pub mod explain; // Which differences the gateway explains.
mod latency; // What the gateway adds to a call.
mod report; // The day in words, Chinese and English.
mod troubles; // What goes wrong on the day of a seed.
pub mod witness; // What platform and gateway say when asked.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::domain::clock::Clock;
use crate::sandbox::callers::books::Books;
use crate::sandbox::callers::dialect::DIALECTS;
use crate::sandbox::callers::{Caller, Tally};
use crate::sandbox::draw::Draw;
use crate::sandbox::faults::Entry;
use crate::sandbox::people::{Person, Population};
use explain::{Explained, Witnesses};
use latency::Latency;
use witness::{Counted, Counts, Done, Gateway, Standin, Unknown, since};

/// How long the machines may take to come to rest after the last call.
const REST_TRIES: u32 = 120;
const REST_PAUSE: Duration = Duration::from_millis(250);
/// Between two visits once the day is over.
const TRICKLE: Duration = Duration::from_millis(700);

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
    /// Draws who comes for what, prices, and what goes wrong.
    pub seed: u64,
    /// Visits over all institutions.
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
    /// Our own code.
    #[error("a simulated HIS panicked")]
    Panicked,
    /// The report could not be written.
    #[error("cannot write the report")]
    Report(#[from] std::io::Error),
}

/// How the day went.
#[derive(Debug)]
pub struct DayReport {
    /// The institutions' books, in the order of the dialects.
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
    /// What the gateway adds to a call.
    pub latency: Latency,
}

impl DayReport {
    /// The day in words. The same seed tells the same story; times are no part of it.
    pub fn story(&self) -> String {
        report::story(self)
    }
}

/// An institution with its patients.
struct Institution {
    caller: Caller,
    who: Draw,
    patients: Vec<Person>,
}

impl Institution {
    async fn visits(mut self, count: u32) -> Institution {
        self.caller.sign_in().await;
        for _ in 0..count {
            self.one().await;
        }
        self.caller.sign_out().await;
        self
    }

    async fn one(&mut self) {
        self.caller.serve(self.who.one(&self.patients)).await;
    }
}

/// Plays the day and writes its report to `out`; what is going on meanwhile goes to `progress`.
///
/// # Errors
/// When one of the machines cannot be asked; a day that does not add up is a report, not an error.
pub async fn play(
    day: &Day,
    clock: Arc<dyn Clock>,
    out: &mut (dyn Write + Send),
    progress: &mut (dyn Write + Send),
) -> Result<DayReport, DayError> {
    let mut standin = Standin::at(&day.sandbox)?;
    let mut gateway = Gateway::at(&day.admin, &day.token)?;
    let troubles = if day.faults { troubles::script(day) } else { Vec::new() };
    standin.script(&troubles).await?;
    let opening = standin.done(0).await?;
    let before = Before {
        rows: opening.settlements_count,
        arrived: standin.arrived().await?,
        counted: gateway.counted().await?,
    };
    write!(out, "{}", report::opening(day))?;

    let tally = Arc::new(Tally::default());
    let mut playing = JoinSet::new();
    for (at, institution) in institutions(day, opening.seed, &clock, &tally)?.into_iter().enumerate() {
        let count = share(day.visits, at);
        playing.spawn(async move { (at, institution.visits(count).await) });
    }
    let books = watched(playing, day.visits, &tally, progress).await?;
    let mut report = settle_down(&mut standin, &mut gateway, &before, books).await?;
    report.latency = Latency::measure(day, clock).await?;
    write!(out, "{}{}", report.story(), report.latency)?;
    out.flush()?;
    Ok(report)
}

/// Goes on with a visit now and then, until it is dropped.
///
/// # Errors
/// When an address has another form.
pub async fn trickle(day: &Day, clock: Arc<dyn Clock>) -> Result<(), DayError> {
    let mut institutions = institutions(day, day.seed, &clock, &Arc::default())?;
    let mut ticks = tokio::time::interval(TRICKLE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        for institution in &mut institutions {
            ticks.tick().await;
            institution.one().await;
        }
    }
}

/// Every institution with patients of its own, so that nobody's deductible depends on who was served first.
fn institutions(
    day: &Day,
    people: u64,
    clock: &Arc<dyn Clock>,
    tally: &Arc<Tally>,
) -> Result<Vec<Institution>, DayError> {
    let people = Population::from_seed(people);
    let one = |(at, dialect)| {
        let patients = people.all().iter().skip(at).step_by(DIALECTS.len()).cloned().collect();
        let caller = Caller::new(dialect, &day.gateway, day.patience, day.seed, Arc::clone(clock), Arc::clone(tally))?;
        Ok(Institution { caller, who: Draw::from_seed(day.seed ^ (0xda1 + at as u64)), patients })
    };
    DIALECTS.iter().enumerate().map(one).collect::<Result<_, _>>().map_err(DayError::Address)
}

/// The visits of the institution at this place.
fn share(visits: u32, at: usize) -> u32 {
    let (count, at) = (DIALECTS.len() as u32, at as u32);
    visits / count + u32::from(at < visits % count)
}

/// Waits until all have played, and tells every second how far they are.
async fn watched(
    mut playing: JoinSet<(usize, Institution)>,
    visits: u32,
    tally: &Tally,
    progress: &mut (dyn Write + Send),
) -> Result<Vec<Books>, DayError> {
    let mut books = vec![Books::default(); DIALECTS.len()];
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            played = playing.join_next() => match played {
                Some(Ok((at, institution))) => books[at] = institution.caller.books().clone(),
                Some(Err(_)) => return Err(DayError::Panicked),
                None => return Ok(books),
            },
            _ = seconds.tick() => {
                let now = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
                let (done, calls) = (now(&tally.journeys), now(&tally.calls));
                let (refused, unknown, silent) = (now(&tally.refusals), now(&tally.unknowns), now(&tally.silences));
                writeln!(
                    progress,
                    "  {done}/{visits} 就诊 visits  调用 calls {calls}  被拒 refused {refused}  未知 unknown {unknown}  没听到 not heard {silent}"
                )?;
            }
        }
    }
}

/// Counts before the day, so that it can be played on machines that have run before.
struct Before {
    rows: usize,
    arrived: Counts,
    counted: Counted,
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
            let latency = Latency::default();
            return Ok(DayReport { books, explained, struck, arrived, counted, unknowns, latency });
        }
        tokio::time::sleep(REST_PAUSE).await;
    }
}
