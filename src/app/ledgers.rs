//! The ledgers of a running gateway: who keeps them, and what the admin port may do with them.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::console::ledgers::{Desk, HisLedger, Imported, Reconciled, Submitted, Sums};
use crate::console::lookup::Trouble;
use crate::exchange::Line;
use crate::reconcile::derived::ReadTrouble;
use crate::reconcile::his::import::{Asked, Imported as Taken, JournalFiles, import};
use crate::reconcile::ledger::day::Day;
use crate::reconcile::ledger::read::SumShown;
use crate::reconcile::ledger::{FOLDER, Folder, Ledgers};
use crate::reconcile::matching::Class as DifferenceClass;
use crate::reconcile::ourselves::Ourselves;
use crate::reconcile::runs::Runs;
use crate::reconcile::runs::run::Ran;
use crate::reconcile::runs::run_day::run_day;
use crate::reconcile::{self, Cases, his};
use crate::telemetry::metrics::Metrics;
use crate::views::Follower;

use super::his_view::{HisView, shown};
use super::statements::Statements;

/// Starts following the journal. The ledgers are no view: they are kept whatever `views.follow` says, in the same measure.
fn keeper(settings: &Settings, line: &Line) -> io::Result<Arc<Follower>> {
    let local_digits = line.policy.load().profile.local_digits();
    let data = settings.gateway.data.clone();
    let (dir, journal) = (data.join(FOLDER), line.journal.clone());
    let folder = Folder { dir, files: Arc::new(JournalFiles { journal, data }), local_digits };
    let clock = Arc::clone(&line.clock);
    Follower::start(folder, line.journal.clone(), settings.views.clone(), clock).map(Arc::new)
}

/// Days behind today that are looked at in each round, whether or not something new came.
const RECENT_DAYS: i64 = 7;
/// Days behind today of which a new ledger of the HIS starts a run.
const LOOKED_BACK_DAYS: i64 = 62;
/// Records that ledgers may be behind a journal that is being written.
const BEHIND_MAX: u64 = 10_000;
/// Days that the metrics speak of.
const SHOWN_DAYS: i64 = 31;

/// What the admin port may do with ledgers, and the runs by the clock.
pub(super) struct LedgerDesk {
    line: Arc<Line>,
    data: PathBuf,
    his: his::Settings,
    /// The ledger of the HIS out of its own database.
    pub(super) view: Arc<HisView>,
    ledgers: Ledgers,
    cases: Cases,
    statements: Statements,
    every: Duration,
}

impl LedgerDesk {
    /// Over the journal of a line; begins to keep the ledgers, and to go rounds until `stop`.
    pub(super) fn start(
        settings: &Settings,
        line: &Arc<Line>,
        ourselves: &Arc<Ourselves>,
        stop: &CancellationToken,
    ) -> io::Result<(Arc<Follower>, Arc<LedgerDesk>)> {
        let data = settings.gateway.data.clone();
        let (ledgers, his) = (Ledgers::at(&data.join(FOLDER)), settings.his_ledger.clone());
        let cases = Cases::at(&data.join(reconcile::FOLDER));
        let every = Duration::from_secs(settings.reconcile.every_seconds);
        let statements = Statements::new(line, &ledgers, settings.reconcile.clone(), ourselves);
        let view = HisView::start(settings, line, stop);
        let desk = Arc::new(LedgerDesk { line: Arc::clone(line), data, his, view, ledgers, cases, statements, every });
        let keeper = keeper(settings, line)?;
        tokio::spawn(Arc::clone(&desk).keep(stop.clone()));
        Ok((keeper, desk))
    }

    /// Goes its rounds until `stop`.
    async fn keep(self: Arc<LedgerDesk>, stop: CancellationToken) {
        if self.every.is_zero() {
            return;
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.every) => {}
            }
            let desk = Arc::clone(&self);
            let round = self.line.tasks.track_future(tokio::task::spawn_blocking(move || desk.round()));
            match round.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(error = ?error, "the ledgers were not reconciled; it is tried again"),
                Err(error) => tracing::error!(%error, "a round over the ledgers panicked"),
            }
        }
    }

    /// Today and what is new.
    fn round(&self) -> Result<(), Trouble> {
        self.are_up_to_date()?;
        self.statements.round()?;
        let today = Day::at(self.line.clock.unix_ns());
        let span = (today.later(-LOOKED_BACK_DAYS), today);
        // None yet, or of another version: all of them run anew.
        let ran = Runs::at(self.ledgers.dir()).of_days(span).unwrap_or_default();
        let imports = self.ledgers.imports(span).map_err(unread)?;
        let lists = self.ledgers.statements(span).map_err(unread)?;
        let is_new = |day: Day| {
            let ledgers = imports.iter().map(|import| (import.day, import.record));
            let ledgers = ledgers.chain(lists.iter().map(|list| (list.day, list.record)));
            let beside = ledgers.filter(|(of, _)| of.days_until(day).abs() <= 1);
            let newest = beside.map(|(_, record)| record).max().unwrap_or(0);
            ran.iter().find(|ran| ran.day == day).map_or(0, |ran| ran.imports) < newest
        };
        for ago in (0..=LOOKED_BACK_DAYS).rev() {
            let day = today.later(-ago);
            if ago <= RECENT_DAYS || is_new(day) {
                self.run_day(day)?;
            }
        }
        Ok(())
    }

    /// Ledgers that are being built anew hold half of what the journal does: nothing may be concluded from them.
    fn are_up_to_date(&self) -> Result<(), Trouble> {
        let durable = self.line.journal.durable().borrow().0;
        let behind = durable.saturating_sub(self.ledgers.position().map_err(unread)?.0);
        if BEHIND_MAX < behind {
            return Err(Trouble::NotNow(format!(
                "the ledgers are {behind} records behind the journal; they are being built. 账目正在生成，请稍后再试"
            )));
        }
        Ok(())
    }

    fn run_day(&self, day: Day) -> Result<Ran, Trouble> {
        let now = self.line.clock.unix_ns();
        let running = run_day(&self.line.journal, &self.ledgers, &self.cases, day, now);
        let ran = tokio::runtime::Handle::current().block_on(running);
        let (ran, proven) = ran.map_err(|error| Trouble::NotNow(error.to_string()))?;
        if proven > 0 {
            tracing::info!(%day, proven, "ledgers prove what became of open cases, or differ anew");
        }
        Ok(ran)
    }

    /// How the days of late stand.
    pub(super) fn sample(&self, metrics: &Metrics) {
        let today = Day::at(self.line.clock.unix_ns());
        let (runs, days) = (Runs::at(self.ledgers.dir()), (today.later(-SHOWN_DAYS), today));
        let (Ok(counts), Ok(ran)) = (runs.count(days), runs.of_days(days)) else { return };
        let shown = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for class in DifferenceClass::ALL {
            let found = counts.iter().find(|(one, _)| *one == class);
            metrics.reconcile.differ(class.word(), found.map_or(0, |(_, count)| count.cast_signed()));
        }
        // A day without settlements owes nobody a ledger, and today is not over.
        let settled: Vec<_> = ran.iter().filter(|ran| ran.settlements > 0 && ran.day < today).map(Ran::shown).collect();
        for state in ["balanced", "not_balanced", "no_his_ledger"] {
            metrics.reconcile.stand(state, shown(settled.iter().filter(|ran| ran.state == state).count()));
        }
    }
}

impl Desk for LedgerDesk {
    fn sums(&self, asked: &[(String, String)]) -> Result<Sums, Trouble> {
        let (first, last) = days(asked)?;
        let position = self.ledgers.position().map_err(unread)?.0;
        let sums = self.ledgers.sums((first, last)).map_err(unread)?;
        let object = |sum| match serde_json::to_value(SumShown::of(sum)) {
            Ok(Value::Object(object)) => object,
            _ => serde_json::Map::new(),
        };
        Ok(Sums { first: first.to_string(), last: last.to_string(), sums: sums.iter().map(object).collect(), position })
    }

    fn reconciled(&self, asked: &[(String, String)]) -> Result<Reconciled, Trouble> {
        let (days, today) = (days(asked)?, Day::at(self.line.clock.unix_ns()));
        let shown = Runs::at(self.ledgers.dir()).shown(days, today).map_err(unread)?;
        Ok(Reconciled {
            days: shown.days.iter().map(|day| json!(day)).collect(),
            differences: shown.differences.iter().map(|one| json!(one)).collect(),
        })
    }

    fn reconcile(&self, asked: &[(String, String)]) -> Result<Reconciled, Trouble> {
        let (first, last) = days(asked)?;
        self.are_up_to_date()?;
        for later in 0..=first.days_until(last) {
            self.run_day(first.later(later))?;
        }
        self.reconciled(asked)
    }

    fn submit(&self, asked: &[(String, String)]) -> Result<Submitted, Trouble> {
        let days = days(asked)?;
        self.are_up_to_date()?;
        let statements = self.statements.submit(days, "admin")?;
        Ok(Submitted { statements })
    }

    fn import(&self, asked: &HisLedger, file: &mut dyn Read) -> Result<Imported, Trouble> {
        let day = Day::read(&asked.date).ok_or_else(|| no_day("date"))?;
        let (name, institution, who) = (asked.name.clone(), asked.institution.clone(), asked.who.clone());
        let asked = Asked { name, day, institution, who };
        let now = self.line.clock.unix_ns();
        let importing = import(&self.line.journal, &self.data, &self.his, &asked, file, now);
        shown(tokio::runtime::Handle::current().block_on(importing))
    }

    fn import_view(&self, asked: &HisLedger) -> Result<Imported, Trouble> {
        let day = Day::read(&asked.date).ok_or_else(|| no_day("date"))?;
        shown(self.view.import(day, asked.institution.clone(), asked.who.clone()))
    }
}

impl From<Taken> for Imported {
    fn from(taken: Taken) -> Imported {
        match taken {
            Taken::Taken { record, rows, replaced } => {
                Imported { record: record.0, before: false, rows, replaces: replaced.map(|seq| seq.0) }
            }
            Taken::Same { record } => Imported { record: record.0, before: true, rows: 0, replaces: None },
        }
    }
}

fn days(asked: &[(String, String)]) -> Result<(Day, Day), Trouble> {
    match asked {
        [(name, text)] if name == "date" => Day::read(text).map(|day| (day, day)).ok_or_else(|| no_day("date")),
        [(name, text)] if name == "month" => Day::month(text).ok_or_else(|| no_day("month")),
        _ => Err(no_day("date")),
    }
}

fn no_day(place: &str) -> Trouble {
    let cure = "date=2026-11-21 or month=2026-11".to_owned();
    Trouble::Asked { place: place.to_owned(), what: "it does not say a day or a month".to_owned(), cure }
}

fn unread(error: ReadTrouble) -> Trouble {
    Trouble::NotNow(error.to_string())
}
