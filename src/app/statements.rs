//! When the platform's own lists are asked for: each morning for closed days, where the gateway is the declared submitter, and by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::console::lookup::Trouble;
use crate::domain::exchange::Seq;
use crate::exchange::Line;
use crate::exchange::decision::GATEWAY;
use crate::reconcile::Submitter;
use crate::reconcile::derived::ReadTrouble;
use crate::reconcile::ledger::Ledgers;
use crate::reconcile::ledger::day::Day;
use crate::reconcile::ledger::stated::Scope;
use crate::reconcile::ourselves::Ourselves;
use crate::reconcile::runs::Settings;
use crate::reconcile::statement::submit::Stated;
use crate::reconcile::statement::trouble::NotStated;

/// Closed days that are asked for by themselves, while their lists are missing.
const CLOSED_DAYS: i64 = 7;
/// Lists that fail in one round before it is left to the next one.
const FAILURES_MAX: u32 = 3;
/// After an attempt that failed.
const AGAIN_NS: i64 = 3_600_000_000_000;
const HOUR_NS: i64 = 3_600_000_000_000;

/// The lists of a gateway.
pub(super) struct Statements {
    line: Arc<Line>,
    ledgers: Ledgers,
    submitter: Submitter,
    settings: Settings,
    /// Lists that could not be had, and no attempt by itself before when, unix ns.
    rest: Mutex<BTreeMap<(Day, Scope), i64>>,
    /// Who asks now; nobody else does meanwhile.
    turn: Mutex<()>,
}

impl Statements {
    pub(super) fn new(
        line: &Arc<Line>,
        ledgers: &Ledgers,
        settings: Settings,
        ourselves: &Arc<Ourselves>,
    ) -> Statements {
        let submitter = Submitter::new(Arc::clone(line), ledgers.clone(), Arc::clone(ourselves));
        Statements {
            line: Arc::clone(line),
            ledgers: ledgers.clone(),
            submitter,
            settings,
            rest: Mutex::default(),
            turn: Mutex::default(),
        }
    }

    /// Asks for what is missing of closed days, or came before a call that still waits, once the hour has come. A failure is logged, and tried again an hour later.
    pub(super) fn round(&self) -> Result<(), Trouble> {
        let now = self.line.clock.unix_ns();
        let today = Day::at(now);
        let hour = (now - today.begins_at()) / HOUR_NS;
        let is_time = i64::try_from(self.settings.submit_hour).unwrap_or(24) <= hour;
        let Ok(_turn) = self.turn.try_lock() else { return Ok(()) };
        if !self.settings.submits() || !is_time {
            return Ok(());
        }
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.retain(|_, until| now < *until);
        let mut failed = 0;
        for ago in (1..=CLOSED_DAYS).rev() {
            let day = today.later(-ago);
            let known = self.ledgers.statements((day, day)).map_err(unread)?;
            for scope in self.ledgers.scopes(day).map_err(unread)? {
                let list = known.iter().filter(|one| one.scope == scope).map(|one| Seq(one.record)).max();
                let is_missing = list.is_none() || list < self.waited_for(day, &scope).map_err(unread)?;
                if !is_missing || FAILURES_MAX <= failed || rest.contains_key(&(day, scope.clone())) {
                    continue;
                }
                if let Err(error) = self.ask(day, &scope, GATEWAY) {
                    let Scope { institution, clr_optins, clr_type } = &scope;
                    tracing::warn!(%day, institution, clr_optins, clr_type, %error, "the platform's list of a day is missing; it is asked for again");
                    rest.insert((day, scope), now.saturating_add(AGAIN_NS));
                    failed += 1;
                }
            }
        }
        Ok(())
    }

    /// Asks for all lists of some closed days, whether or not they are known. One object per list.
    pub(super) fn submit(&self, (first, last): (Day, Day), who: &str) -> Result<Vec<Value>, Trouble> {
        if !self.settings.submits() {
            return Err(Trouble::Refused {
                what: "a submission may be registered by the bureau, and this gateway is not the declared submitter. 本网关不是申报的对账提交方".to_owned(),
                cure: "set [reconcile] submitter = \"gateway\" where the HIS does not submit itself",
            });
        }
        if Day::at(self.line.clock.unix_ns()) <= last {
            return Err(Trouble::Refused {
                what: format!("{last} is not over; only closed days are submitted. 只能提交已结束的日期"),
                cure: "ask for a day before today",
            });
        }
        let Ok(_turn) = self.turn.try_lock() else {
            return Err(Trouble::NotNow("the lists are being asked for already. 正在索取".to_owned()));
        };
        let mut asked = Vec::new();
        for later in 0..=first.days_until(last) {
            let day = first.later(later);
            for scope in self.ledgers.scopes(day).map_err(unread)? {
                let stated = self.ask(day, &scope, who);
                let of = json!({ "day": day.to_string(), "fixmedins_code": scope.institution, "clr_optins": scope.clr_optins, "clr_type": scope.clr_type });
                asked.push(match stated {
                    Ok(stated) => joined(of, json!({ "state": "in", "record": stated.record.0, "rows": stated.rows, "differing": stated.differing, "by_rows": stated.by_rows })),
                    Err(error) => joined(of, json!({ "state": "failed", "why": error.to_string() })),
                });
            }
        }
        Ok(asked)
    }

    /// The newest call of the day or of its neighbours that waits for its end: only a list that is newer can tell of it.
    fn waited_for(&self, day: Day, scope: &Scope) -> Result<Option<Seq>, ReadTrouble> {
        self.ledgers.waited_for(&scope.institution, (day.later(-1), day.later(1)))
    }

    /// Rows are asked for even when sums agree where a call waits for its end.
    fn ask(&self, day: Day, scope: &Scope, who: &str) -> Result<Stated, NotStated> {
        let by_rows = self.waited_for(day, scope)?.is_some();
        tokio::runtime::Handle::current().block_on(self.submitter.submit(day, scope, by_rows, who))
    }
}

fn joined(mut of: Value, more: Value) -> Value {
    if let (Value::Object(of), Value::Object(more)) = (&mut of, more) {
        of.extend(more);
    }
    of
}

fn unread(error: ReadTrouble) -> Trouble {
    Trouble::NotNow(error.to_string())
}
