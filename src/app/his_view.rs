//! The HIS's ledger out of its own database: by the clock, and when somebody asks for it. One reading at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::console::insight::Check;
use crate::console::ledgers::Imported;
use crate::console::lookup::Trouble;
use crate::exchange::Line;
use crate::reconcile::his;
use crate::reconcile::his::import::{Asked, ImportTrouble, Imported as Taken};
use crate::reconcile::his::view::{self, Kind, NotRead, import_view};
use crate::reconcile::ledger::day::Day;

use super::acts::SELF;

/// Between two looks at the clock.
const LOOK_EVERY: Duration = Duration::from_secs(20);
const MINUTE_NS: i64 = 60_000_000_000;

/// The view of one HIS.
pub(super) struct HisView {
    line: Arc<Line>,
    data: PathBuf,
    his: his::Settings,
    view: view::Settings,
    stop: CancellationToken,
    turn: Mutex<()>,
    /// How the last reading ended, and whether that is a matter for people.
    last: Mutex<Option<(bool, String)>>,
}

impl HisView {
    /// Begins to read by the clock, until `stop`, where the settings say when.
    pub(super) fn start(settings: &Settings, line: &Arc<Line>, stop: &CancellationToken) -> Arc<HisView> {
        let view = Arc::new(HisView {
            line: Arc::clone(line),
            data: settings.gateway.data.clone(),
            his: settings.his_ledger.clone(),
            view: settings.his_view.clone(),
            stop: stop.clone(),
            turn: Mutex::default(),
            last: Mutex::default(),
        });
        if let (true, Some(minute)) = (view.view.kind != Kind::Off, view.view.minute()) {
            let retry = i64::try_from(view.view.retry_minutes).unwrap_or(i64::MAX / MINUTE_NS);
            let turns = Turns { at: minute * MINUTE_NS, retry: retry * MINUTE_NS, ..Turns::default() };
            tokio::spawn(Arc::clone(&view).keep(turns));
        }
        view
    }

    /// Imports a day's ledger. Blocks for as long as the database takes, `read_seconds` at most.
    pub(super) fn import(&self, day: Day, institution: String, who: String) -> Result<Taken, ImportTrouble> {
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(NotRead::Busy.into()),
        };
        let asked = Asked { name: String::new(), day, institution, who };
        let (journal, now) = (&self.line.journal, self.line.clock.unix_ns());
        let importing = import_view(journal, &self.data, (&self.his, &self.view), &asked, &self.stop, now);
        let done = tokio::runtime::Handle::current().block_on(importing);
        self.note(day, &done);
        done
    }

    fn note(&self, day: Day, done: &Result<Taken, ImportTrouble>) {
        let (result, said) = match done {
            Ok(Taken::Taken { record, rows, .. }) => {
                tracing::info!(%day, rows, record = record.0, "a ledger of the HIS was read from its view");
                ("taken", format!("{day}: {rows} rows"))
            }
            Ok(Taken::Same { .. }) => ("same", format!("{day}: nothing new")),
            Err(ImportTrouble::View(NotRead::Empty(_))) => {
                tracing::info!(%day, "the view of the HIS has no rows of the day");
                ("empty", format!("{day}: no rows"))
            }
            Err(error) => {
                tracing::warn!(%day, %error, "the view of the HIS was not taken");
                let wrong = matches!(error, ImportTrouble::Report(_));
                (if wrong { "wrong" } else { "failed" }, format!("{day}: {error}"))
            }
        };
        self.line.metrics.reconcile.viewed(result);
        let warns = matches!(result, "wrong" | "failed");
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((warns, said.trim_end().replace('\n', ";")));
    }

    /// How the last reading ended, where there is a view. Calls go on without it.
    pub(super) fn check(&self) -> Option<Check> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (warns, detail) = last.unwrap_or_else(|| (false, "not read yet".to_owned()));
        (self.view.kind != Kind::Off).then_some(Check { name: "his_view", ok: true, warns, detail })
    }

    async fn keep(self: Arc<HisView>, mut turns: Turns) {
        loop {
            for day in turns.due(self.line.clock.unix_ns()) {
                let view = Arc::clone(&self);
                let reading = move || view.import(day, String::new(), SELF.to_owned());
                let read = self.line.tasks.track_future(tokio::task::spawn_blocking(reading)).await;
                // An empty day is looked at once more tomorrow, as the day before.
                if matches!(read, Ok(Ok(_) | Err(ImportTrouble::View(NotRead::Empty(_))))) {
                    turns.done(day);
                }
                if self.stop.is_cancelled() {
                    return;
                }
            }
            turns.looked(self.line.clock.unix_ns());
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}

/// When which day is read: each day from a time on, the two days before it, until they are done.
#[derive(Debug, Default)]
struct Turns {
    /// Time of day, and until the next attempt, ns.
    at: i64,
    retry: i64,
    today: Option<Day>,
    left: Vec<Day>,
    not_before: i64,
}

impl Turns {
    /// The days to be read now.
    fn due(&mut self, now: i64) -> Vec<Day> {
        let today = Day::at(now);
        if self.today != Some(today) && today.begins_at() + self.at <= now {
            self.today = Some(today);
            self.left = vec![today.later(-2), today.later(-1)];
            self.not_before = now;
        }
        if self.not_before <= now { self.left.clone() } else { Vec::new() }
    }

    /// A day needs no more attempt.
    fn done(&mut self, day: Day) {
        self.left.retain(|left| *left != day);
    }

    /// What is left has had its attempt.
    fn looked(&mut self, now: i64) {
        if self.not_before <= now {
            self.not_before = now.saturating_add(self.retry);
        }
    }
}

/// What the admin port says of an import.
pub(super) fn shown(done: Result<Taken, ImportTrouble>) -> Result<Imported, Trouble> {
    match done {
        Ok(taken) => Ok(taken.into()),
        Err(ImportTrouble::Report(report)) => {
            Err(Trouble::Refused { what: report.to_string(), cure: "correct the file and hand all of it in again" })
        }
        Err(error @ ImportTrouble::Unmapped(_)) => {
            Err(Trouble::Refused { what: error.to_string(), cure: "map the columns in [his_ledger]" })
        }
        Err(error @ ImportTrouble::View(NotRead::Unset | NotRead::Empty(_))) => {
            Err(Trouble::Refused { what: error.to_string(), cure: "see [his_view]" })
        }
        Err(error) => Err(Trouble::NotNow(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_has_its_turn_until_it_is_done() {
        let day = |text: &str| Day::read(text).unwrap();
        let at = |text: &str, minutes: i64| day(text).begins_at() + minutes * MINUTE_NS;
        let mut turns = Turns { at: 390 * MINUTE_NS, retry: 10 * MINUTE_NS, ..Turns::default() };
        assert_eq!(turns.due(at("2026-11-22", 389)), []);
        let both = [day("2026-11-20"), day("2026-11-21")];
        assert_eq!(turns.due(at("2026-11-22", 390)), both);
        turns.done(both[0]);
        turns.looked(at("2026-11-22", 391));
        assert_eq!(turns.due(at("2026-11-22", 400)), [], "it failed, and waits");
        turns.looked(at("2026-11-22", 400));
        assert_eq!(turns.due(at("2026-11-22", 401)), [both[1]], "a look does not put it off");
        turns.done(both[1]);
        turns.looked(at("2026-11-22", 402));
        assert_eq!(turns.due(at("2026-11-22", 1439)), []);
        assert_eq!(turns.due(at("2026-11-23", 0)), []);
        assert_eq!(turns.due(at("2026-11-23", 391)), [day("2026-11-21"), day("2026-11-22")]);
        // A start in the afternoon makes up for the morning; what was left of the day before is given up for the new day.
        assert_eq!(turns.due(at("2026-11-24", 900)), [day("2026-11-22"), day("2026-11-23")]);
    }
}
