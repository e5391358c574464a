//! Who sees the truth while it happens: every act of the platform as it is done, every answer as the hospital gets it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Finding, Invariant};
use crate::sandbox::ledger::{Ledger, Settlement, Standing};

/// What was seen.
#[derive(Default)]
pub(super) struct Witness {
    pub(super) findings: Vec<Finding>,
    pub(super) kills: u64,
    pub(super) cases: u64,
    /// Which bill a visit is of.
    bills: BTreeMap<String, usize>,
    /// Settlements seen at the platform, and since when they are undone.
    seen: BTreeMap<String, Option<u64>>,
    /// Settlements of which the door handed over a success.
    handed: BTreeSet<String>,
    /// Visits of which the door handed over that something was undone.
    undo_handed: BTreeSet<String>,
    /// What was said of a settlement first.
    said: BTreeMap<String, Bytes>,
    /// Settlements in the hospital's books.
    booked: BTreeSet<String>,
    /// Messages of the hospital; all others are the gateway's own.
    sent: BTreeSet<String>,
}

impl Witness {
    /// A bill is registered under a visit.
    pub(super) fn registered(&mut self, mdtrt_id: &str, bill: usize) {
        self.bills.insert(mdtrt_id.to_owned(), bill);
    }

    /// The bill of a visit.
    pub(super) fn bill(&self, mdtrt_id: &str) -> Option<usize> {
        self.bills.get(mdtrt_id).copied()
    }

    /// The hospital enters a settlement in its books, or takes it out.
    pub(super) fn booked(&mut self, setl_id: &str, is_booked: bool) {
        if is_booked {
            self.booked.insert(setl_id.to_owned());
        } else {
            self.booked.remove(setl_id);
        }
    }

    /// The hospital has a message to send.
    pub(super) fn sent(&mut self, msgid: &str) {
        self.sent.insert(msgid.to_owned());
    }

    /// The platform has acted on a message: looks at its books.
    pub(super) fn after_act(&mut self, ledger: &Ledger, msgid: &str, now_ns: u64) -> Vec<Finding> {
        let rows: Vec<&Settlement> = ledger.settlements().iter().filter(|row| row.undoes.is_none()).collect();
        let mut found = Vec::new();
        for row in &rows {
            let is_live = row.standing == Standing::Live;
            match self.seen.get_mut(&row.setl_id) {
                Some(undone) if is_live => *undone = None,
                Some(Some(_)) => {}
                Some(undone) => {
                    *undone = Some(now_ns);
                    if self.booked.contains(&row.setl_id) && !self.sent.contains(msgid) {
                        let what = format!("the gateway takes {} back, which the hospital has booked", row.setl_id);
                        found.push(Finding { invariant: Invariant::ReversalNeedsEvidence, what });
                    }
                }
                None => {
                    found.extend(self.of_new(row, &rows));
                    self.seen.insert(row.setl_id.clone(), None);
                }
            }
        }
        found
    }

    fn of_new(&self, new: &Settlement, rows: &[&Settlement]) -> Vec<Finding> {
        let older = |row: &&&Settlement| row.setl_id != new.setl_id && row.standing == Standing::Live;
        let twice = |row: &Settlement| {
            if (&row.mdtrt_id, &row.chrg_bchno) == (&new.mdtrt_id, &new.chrg_bchno) {
                Some(Invariant::OneKeyOnce)
            } else if self.bill(&row.mdtrt_id).is_some_and(|bill| self.bill(&new.mdtrt_id) == Some(bill)) {
                // A hospital that had the first one's success and forgot it is beyond anybody's reach.
                (!self.handed.contains(&row.setl_id)).then_some(Invariant::OneActOnce)
            } else {
                None
            }
        };
        let found = rows.iter().filter(older).filter_map(|row| Some((row, twice(row)?)));
        found
            .map(|(row, invariant)| Finding {
                invariant,
                what: format!("{} is settled while {} stands (visit {})", new.setl_id, row.setl_id, new.mdtrt_id),
            })
            .collect()
    }

    /// The door handed over a success.
    pub(super) fn handed(&mut self, setl_id: &str) {
        self.handed.insert(setl_id.to_owned());
    }

    /// The door handed over that what was settled for a visit is undone.
    pub(super) fn undo_handed(&mut self, mdtrt_id: &str) {
        self.undo_handed.insert(mdtrt_id.to_owned());
    }

    /// Whether the hospital was handed the success of a settlement.
    pub(super) fn was_handed(&self, setl_id: &str) -> bool {
        self.handed.contains(setl_id)
    }

    /// Whether it was handed that something of a visit was undone.
    pub(super) fn undo_was_handed(&self, mdtrt_id: &str) -> bool {
        self.undo_handed.contains(mdtrt_id)
    }

    /// Whether these very bytes told of a settlement before.
    pub(super) fn is_said(&self, body: &Bytes) -> bool {
        self.said.values().any(|said| said == body)
    }

    /// The hospital reads a success that it asked for at `asked_ns`.
    pub(super) fn heard(&mut self, setl_id: &str, body: &Bytes, asked_ns: u64) -> Option<Finding> {
        let said = self.said.entry(setl_id.to_owned()).or_insert_with(|| body.clone());
        let differs = said != body;
        let (invariant, what) = match self.seen.get(setl_id) {
            None => (Invariant::NoInventedSuccess, format!("{setl_id} is told, and the platform never made it")),
            Some(Some(undone)) if *undone < asked_ns => {
                (Invariant::NoInventedSuccess, format!("{setl_id} is told, and was undone before it was asked for"))
            }
            _ if differs => (Invariant::SameAnswer, format!("{setl_id} is told in other words than before")),
            _ => return None,
        };
        Some(Finding { invariant, what })
    }
}
