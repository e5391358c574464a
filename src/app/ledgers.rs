//! The ledgers of a running gateway: who keeps them, and what the admin port may do with them.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::config::Settings;
use crate::console::ledgers::{Desk, HisLedger, Imported, Sums};
use crate::console::lookup::Trouble;
use crate::exchange::Line;
use crate::reconcile::his;
use crate::reconcile::his::import::{Asked, ImportTrouble, Imported as Taken, JournalFiles, import};
use crate::reconcile::ledger::day::Day;
use crate::reconcile::ledger::file::ReadTrouble;
use crate::reconcile::ledger::read::SumShown;
use crate::reconcile::ledger::{FOLDER, Folder, Ledgers};
use crate::views::Follower;

/// Starts following the journal. The ledgers are no view: they are kept whatever `views.follow` says, in the same measure.
pub(super) fn keeper(settings: &Settings, line: &Line) -> io::Result<Arc<Follower>> {
    let local_digits = line.policy.load().profile.local_digits();
    let data = settings.gateway.data.clone();
    let (dir, journal) = (data.join(FOLDER), line.journal.clone());
    let folder = Folder { dir, files: Arc::new(JournalFiles { journal, data }), local_digits };
    let clock = Arc::clone(&line.clock);
    Follower::start(folder, line.journal.clone(), settings.views.clone(), clock).map(Arc::new)
}

/// What the admin port may do with ledgers.
pub(super) struct LedgerDesk {
    line: Arc<Line>,
    data: PathBuf,
    his: his::Settings,
    ledgers: Ledgers,
}

impl LedgerDesk {
    /// Over the journal of a line.
    pub(super) fn new(settings: &Settings, line: &Arc<Line>) -> Arc<LedgerDesk> {
        let data = settings.gateway.data.clone();
        let (ledgers, his) = (Ledgers::at(&data.join(FOLDER)), settings.his_ledger.clone());
        Arc::new(LedgerDesk { line: Arc::clone(line), data, his, ledgers })
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

    fn import(&self, asked: &HisLedger, file: &mut dyn Read) -> Result<Imported, Trouble> {
        let day = Day::read(&asked.date).ok_or_else(|| no_day("date"))?;
        let (name, institution, who) = (asked.name.clone(), asked.institution.clone(), asked.who.clone());
        let asked = Asked { name, day, institution, who };
        let now = self.line.clock.unix_ns();
        let importing = import(&self.line.journal, &self.data, &self.his, &asked, file, now);
        match tokio::runtime::Handle::current().block_on(importing) {
            Ok(Taken::Taken { record, rows, replaced }) => {
                let replaces = replaced.map(|seq| seq.0);
                Ok(Imported { record: record.0, before: false, rows, replaces })
            }
            Ok(Taken::Same { record }) => Ok(Imported { record: record.0, before: true, rows: 0, replaces: None }),
            Err(ImportTrouble::Report(report)) => {
                Err(Trouble::Refused { what: report.to_string(), cure: "correct the file and hand all of it in again" })
            }
            Err(error @ ImportTrouble::Unmapped(_)) => {
                Err(Trouble::Refused { what: error.to_string(), cure: "map the columns in [his_ledger]" })
            }
            Err(error) => Err(Trouble::NotNow(error.to_string())),
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
