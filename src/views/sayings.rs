//! Refusals by kind: how often, and how much money they stood against.

use std::collections::BTreeMap;

use serde_json::Value;

use super::columns::id_of;
use super::month::{Month, day_at};
use super::read::{ReadTrouble, Views};
use crate::domain::exchange::ExchangeId;
use crate::domain::money::units_of;

/// The amount that a refusal stood against: 医疗费总额.
const AT_STAKE: &str = "medfee_sumamt";

/// Refusals of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    /// An entry of the dictionary, or `#` and a token of the text.
    pub name: String,
    /// How many.
    pub count: u64,
    /// Ten-thousandths of a yuan, of those that say an amount.
    pub at_stake: i64,
    /// The last one, to be looked at.
    pub last: Option<ExchangeId>,
}

impl Views {
    /// Refusals that came in a span of time, unix ns, by kind; the most frequent first.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn sayings(&self, from: i64, until: i64) -> Result<Vec<Saying>, ReadTrouble> {
        let mut found: BTreeMap<String, Saying> = BTreeMap::new();
        let overlaps = |month: &Month| month.overlaps(day_at(from), day_at(until));
        for month in self.months()?.into_iter().filter(overlaps) {
            let Some(file) = self.open(month)? else { continue };
            let sql = "SELECT saying, amounts, id FROM exchange WHERE saying IS NOT NULL AND at BETWEEN ?1 AND ?2 ORDER BY id";
            let mut statement = file.prepare(sql)?;
            let mut rows = statement.query([from, until])?;
            while let Some(row) = rows.next()? {
                let name: String = row.get(0)?;
                let amounts: Option<String> = row.get(1)?;
                let fresh = || Saying { name: name.clone(), count: 0, at_stake: 0, last: None };
                let saying = found.entry(name.clone()).or_insert_with(fresh);
                saying.count += 1;
                saying.at_stake = saying.at_stake.saturating_add(amounts.as_deref().and_then(at_stake).unwrap_or(0));
                saying.last = id_of(&row.get::<_, Vec<u8>>(2)?).or(saying.last);
            }
        }
        let mut sayings: Vec<Saying> = found.into_values().collect();
        sayings.sort_by(|one, other| other.count.cmp(&one.count).then(one.name.cmp(&other.name)));
        Ok(sayings)
    }
}

fn at_stake(amounts: &str) -> Option<i64> {
    let amounts: Value = serde_json::from_str(amounts).ok()?;
    units_of(amounts[AT_STAKE].as_str()?)
}
