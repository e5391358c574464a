//! The books written down and taken up again, and the day closed.

use serde_json::{Value, json};

use super::{Habits, Index, Ledger};
use crate::sandbox::moment::Moment;
use crate::sandbox::people::Population;

impl Ledger {
    /// The books as JSON; the people are not in them, they follow from the seed.
    ///
    /// # Errors
    /// When they cannot be written as JSON.
    pub fn written(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Takes up books that were written over the people of the same seed.
    ///
    /// # Errors
    /// When the bytes are no such books.
    pub fn taken_up(bytes: &[u8], seed: u64, habits: Habits) -> Result<Ledger, serde_json::Error> {
        let mut ledger: Ledger = serde_json::from_slice(bytes)?;
        ledger.habits = habits;
        ledger.people = Population::from_seed(seed);
        ledger.index = Index::default();
        let rows = std::mem::take(&mut ledger.settlements);
        rows.into_iter().for_each(|row| ledger.book(row));
        Ok(ledger)
    }

    /// Closes the day: everybody is signed out, catalogues get a new version. What it closed.
    pub fn close_day(&mut self, now: Moment) -> Value {
        let signed_out = self.signed_in.len();
        self.signed_in.clear();
        self.days_closed.push(now.day());
        json!({"day": now.day(), "days_closed": self.days_closed.len(), "signed_out": signed_out, "totals": self.totals(None)})
    }

    /// How many days were closed.
    pub fn days_closed(&self) -> usize {
        self.days_closed.len()
    }
}
