//! What the hospital believes of one bill: under which visits it was settled, and what stands in its own books.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use crate::sandbox::callers::books::Paid;
use crate::sandbox::people::Person;

/// One visit under which a bill was registered; a HIS that hears nothing may register the same patient anew.
#[derive(Debug, Clone)]
pub struct Visit {
    /// 就诊ID.
    pub mdtrt_id: String,
    /// 收费批次号.
    pub chrg_bchno: String,
    /// Every call that was made of it: transaction and msgid.
    pub calls: Vec<(&'static str, String)>,
}

/// What stands in the hospital's books.
#[derive(Debug, Clone)]
pub struct Booked {
    /// Under which visit.
    pub visit: usize,
    /// 结算ID.
    pub setl_id: String,
    /// Who paid how much, as the answer said it.
    pub paid: Paid,
}

/// One bill.
#[derive(Debug, Clone)]
pub struct Bill {
    /// Counted from 1.
    pub number: usize,
    /// Whose.
    pub person: Person,
    /// 医疗费总额.
    pub sum: Decimal,
    /// In the order in which they were registered.
    pub visits: Vec<Visit>,
    /// What is booked now.
    pub booked: Option<Booked>,
    /// Settlements that were booked once, whatever became of them.
    pub was_booked: BTreeSet<String>,
    /// Settlements whose taking back was confirmed and then lost in a crash: they stand in the books again.
    pub undo_forgotten: BTreeSet<String>,
}

impl Bill {
    /// What the books say, in words.
    pub fn told(&self) -> String {
        match &self.booked {
            Some(booked) => format!("booked as {}", booked.setl_id),
            None if self.was_booked.is_empty() => "not booked".to_owned(),
            None => "taken back".to_owned(),
        }
    }
}
