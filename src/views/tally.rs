//! What rows add to the totals, gathered over a batch: what a row added before is taken back, what it adds now is added.

use std::collections::HashMap;

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::month::day_at;
use super::row::{PLACES, Row};
use crate::domain::money;

/// One line of `total`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    day: i64,
    institution: String,
    infno: String,
    class: i64,
    outcome: i64,
}

/// One line of `money`, as a change.
#[derive(Debug, Default)]
struct Sum {
    count: i64,
    units: i64,
    unsummed: i64,
}

/// Changes of the totals.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: HashMap<Key, i64>,
    sums: HashMap<(Key, String), Sum>,
}

impl Tally {
    /// Takes back what a row added.
    pub(super) fn take_back(&mut self, row: &Row) {
        self.weigh(row, -1);
    }

    /// Adds a row.
    pub(super) fn add(&mut self, row: &Row) {
        self.weigh(row, 1);
    }

    fn weigh(&mut self, row: &Row, sign: i64) {
        let key = key_of(row);
        for (name, amount) in row.amounts() {
            let sum = self.sums.entry((key.clone(), name)).or_default();
            sum.count += sign;
            match money::units_of(&amount) {
                Some(units) => sum.units = sum.units.saturating_add(sign * units),
                None => sum.unsummed += sign,
            }
        }
        *self.counts.entry(key).or_default() += sign;
    }

    /// Writes the changes; lines that count nothing any more go.
    pub(super) fn write(self, file: &Connection) -> rusqlite::Result<()> {
        let mut count = file.prepare_cached(
            "INSERT INTO total VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?;
        let mut emptied = file.prepare_cached(
            "DELETE FROM total WHERE day = ?1 AND institution = ?2 AND infno = ?3 AND class = ?4 AND outcome = ?5 AND count = 0",
        )?;
        for (key, by) in self.counts.into_iter().filter(|(_, by)| *by != 0) {
            count.execute(params![key.day, key.institution, key.infno, key.class, key.outcome, by])?;
            if by < 0 {
                emptied.execute(params![key.day, key.institution, key.infno, key.class, key.outcome])?;
            }
        }
        let mut sum = file.prepare_cached(
            "INSERT INTO money VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET
             count = count + excluded.count, units = units + excluded.units, unsummed = unsummed + excluded.unsummed",
        )?;
        let mut emptied = file.prepare_cached(
            "DELETE FROM money WHERE day = ?1 AND institution = ?2 AND infno = ?3 AND class = ?4 AND outcome = ?5
             AND name = ?6 AND count = 0",
        )?;
        for ((key, name), by) in self.sums {
            let Sum { count, units, unsummed } = by;
            if (count, units, unsummed) != (0, 0, 0) {
                let Key { day, institution, infno, class, outcome } = key;
                sum.execute(params![day, institution, infno, class, outcome, name, count, units, unsummed])?;
                if count < 0 {
                    emptied.execute(params![day, institution, infno, class, outcome, name])?;
                }
            }
        }
        Ok(())
    }
}

fn key_of(row: &Row) -> Key {
    let number = |place: usize| if let Value::Integer(number) = row.cells[place] { number } else { 0 };
    let text = |place: usize| if let Value::Text(text) = &row.cells[place] { text.clone() } else { String::new() };
    Key {
        day: day_at(number(PLACES.at)),
        institution: text(PLACES.institution),
        infno: text(PLACES.infno),
        class: number(PLACES.class),
        outcome: number(PLACES.outcome),
    }
}
