//! A visit erased through the admin port of a running gateway.

use crate::console::erasure::{Erase, Erased};
use crate::console::lookup::Trouble;
use crate::operator::erase::{Asked, EraseError, erase, plan};

use super::lookup::Books;

impl Books {
    /// Off the runtime: it reads and destroys, and waits for the disk.
    pub(super) fn erase_visit(&self, asked: &Erase) -> Result<Erased, Trouble> {
        let profile = &self.line.policy.load().profile;
        let wanted = Asked {
            mdtrt_id: &asked.visit,
            institution: asked.institution.as_deref(),
            key_live_days: self.key_live_days,
            now_unix_ns: self.clock.unix_ns(),
        };
        let plan = plan(&self.journal, profile, &wanted).map_err(trouble)?;
        let mut erased = Erased {
            exchanges: plan.exchanges().len(),
            slots: plan.slots().len(),
            record: plan.done.map(|seq| seq.0),
            before: plan.done.is_some(),
        };
        if erased.before {
            return Ok(erased);
        }
        if !plan.reasons.is_empty() {
            let what = plan.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            return Err(Trouble::Refused { what, cure: "wait for what is named, then ask again" });
        }
        if !asked.dry_run {
            let done = erase(&self.journal, &plan, &asked.who, &asked.reason);
            let seq = tokio::runtime::Handle::current().block_on(done).map_err(trouble)?;
            tracing::warn!(record = seq.0, exchanges = erased.exchanges, who = asked.who, "a visit was erased");
            erased.record = Some(seq.0);
        }
        Ok(erased)
    }
}

fn trouble(error: EraseError) -> Trouble {
    match error {
        EraseError::NoVisit => Trouble::NotFound(error.to_string()),
        other => Trouble::NotNow(other.to_string()),
    }
}
