//! What came out otherwise than it was journaled, and what could not be looked at.

use std::collections::BTreeMap;

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::money::units_of;
use crate::exchange::rejudge::Difference;
use crate::journal::Record;
use crate::journal::facts::Fact;

/// Differences and reasons that are listed one by one; more are counted.
const LISTED_MAX: usize = 500;
const EXAMPLES_MAX: usize = 5;
/// The total of a settlement (医疗费总额).
const AT_STAKE: &str = "medfee_sumamt";

/// One record that holds something else.
pub(super) struct Differing {
    pub(super) seq: Seq,
    pub(super) exchange: ExchangeId,
    pub(super) infno: String,
    pub(super) difference: Difference,
}

/// Records that hold something else, and how many exchanges they are.
#[derive(Default)]
pub(super) struct Differences {
    pub(super) listed: Vec<Differing>,
    pub(super) count: u64,
    /// By transaction.
    pub(super) exchanges: BTreeMap<String, Touched>,
}

/// Exchanges of one transaction.
#[derive(Default, Clone, Copy)]
pub(super) struct Touched {
    pub(super) count: u64,
    /// Ten-thousandths of a yuan.
    pub(super) at_stake: i64,
}

/// Whether an exchange was counted, and its money.
#[derive(Default, Clone, Copy)]
pub(super) struct Counted {
    exchange: bool,
    money: bool,
}

impl Differences {
    /// Adds what a record of `infno` holds otherwise.
    pub(super) fn add(&mut self, record: &Record, infno: &str, found: Vec<Difference>, counted: &mut Counted) {
        if found.is_empty() {
            return;
        }
        let touched = self.exchanges.entry(infno.to_owned()).or_default();
        touched.count += u64::from(!std::mem::replace(&mut counted.exchange, true));
        if let Some(units) = at_stake(record).filter(|_| !counted.money) {
            counted.money = true;
            touched.at_stake = touched.at_stake.saturating_add(units);
        }
        self.count += found.len() as u64;
        for difference in found {
            if self.listed.len() < LISTED_MAX {
                let (seq, exchange) = (record.header.seq, record.header.exchange_id);
                self.listed.push(Differing { seq, exchange, infno: infno.to_owned(), difference });
            }
        }
    }
}

/// What a charge or its undoing moves.
fn at_stake(record: &Record) -> Option<i64> {
    let class = Class::from_code(record.header.class)?;
    let moves = matches!(class, Class::Money | Class::Reversal);
    let amount = record.facts.all_named(Fact::Amount).find(|(name, _)| *name == AT_STAKE)?;
    units_of(std::str::from_utf8(amount.1).ok()?).filter(|_| moves)
}

/// Why a record was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Left {
    /// Its keys were destroyed by policy.
    Erased,
    /// It cannot be opened or read here.
    Unreadable,
    /// A later version wrote it.
    LaterFormat,
    /// Its call came before the range.
    BeganBefore,
}

impl Left {
    /// In English and Chinese.
    pub(super) fn word(self) -> (&'static str, &'static str) {
        match self {
            Left::Erased => ("erased", "已按规定清除"),
            Left::Unreadable => ("unreadable", "无法打开"),
            Left::LaterFormat => ("later_format", "较新格式"),
            Left::BeganBefore => ("began_before", "起于范围之前"),
        }
    }
}

/// Records of one kind that were left out.
#[derive(Default)]
pub(super) struct LeftOut {
    pub(super) count: u64,
    /// The first few, with the reason.
    pub(super) examples: Vec<(Seq, String)>,
}

/// Everything that was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) records: u64,
    pub(super) first: Seq,
    pub(super) last: Seq,
    pub(super) calls: u64,
    pub(super) outcomes: u64,
    pub(super) steps: u64,
    pub(super) differing: Differences,
    /// Under the other profile: its name.
    pub(super) other: Option<(String, Differences)>,
    pub(super) left: BTreeMap<Left, LeftOut>,
}

impl Found {
    /// Counts a record that was left out.
    pub(super) fn leave(&mut self, record: &Record, left: Left, why: String) {
        let out = self.left.entry(left).or_default();
        out.count += 1;
        if out.examples.len() < EXAMPLES_MAX {
            out.examples.push((record.header.seq, why));
        }
    }
}
