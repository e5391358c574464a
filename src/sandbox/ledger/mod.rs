//! The platform's own books: who is known, which visits and fee lines exist, what was settled, cancelled, reversed.
//!
//! This is the truth that a gateway's journal and a HIS's books are compared with.

mod settle; // 2206, 2207, 2208 and relatives, 2601, 5203.
mod shares; // Who pays how much.
mod statement; // The books as JSON, for GET /_sandbox/ledger.
mod visit; // 1101, sign-in, registration, fee lines.

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;

use super::call::Call;
use super::moment::Moment;
use super::people::{Person, Population};
use super::tree::Node;
pub use settle::{Settlement, Standing};
pub use shares::{Level, PRICE_CEILING, Scope, Shares};
pub use statement::Totals;

/// How strict the stand-in is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Habits {
    /// Accept persons and visits that were never registered, and settlements without fee lines.
    pub lenient: bool,
    /// Settle a batch again although it is settled: a platform that does not notice. Shows what a gateway is for.
    pub settles_twice: bool,
}

/// What performing one call did.
#[derive(Debug, PartialEq)]
pub struct Deed {
    /// The `output`, or the err_msg of a refusal.
    pub result: Result<Node, String>,
    /// The settlement that it made or undid.
    pub setl_id: Option<String>,
    /// Whether the books changed.
    pub committed: bool,
}

impl Deed {
    fn query(output: Node) -> Deed {
        Deed { result: Ok(output), setl_id: None, committed: false }
    }

    fn done(output: Node) -> Deed {
        Deed { result: Ok(output), setl_id: None, committed: true }
    }

    fn settled(output: Node, setl_id: String) -> Deed {
        Deed { result: Ok(output), setl_id: Some(setl_id), committed: true }
    }

    /// A refusal; the books did not change.
    pub fn refused(err_msg: impl Into<String>) -> Deed {
        Deed { result: Err(err_msg.into()), setl_id: None, committed: false }
    }
}

/// One visit, outpatient (2201) or inpatient (2401).
#[derive(Debug, Clone, Default)]
struct Visit {
    psn_no: String,
    insutype: String,
    rows: Vec<FeeLine>,
    open: bool,
}

/// One fee line (费用明细).
#[derive(Debug, Clone)]
struct FeeLine {
    feedetl_sn: String,
    chrg_bchno: String,
    scope: Scope,
    setl_id: Option<String>,
}

/// The books.
#[derive(Debug)]
pub struct Ledger {
    habits: Habits,
    people: Population,
    balances: HashMap<String, Decimal>,
    visits: BTreeMap<String, Visit>,
    settlements: Vec<Settlement>,
    by_setl_id: HashMap<String, usize>,
    by_msgid: HashMap<String, Vec<usize>>,
    by_visit: HashMap<String, Vec<usize>>,
    signed_in: HashMap<(String, String), String>,
    opened: Moment,
    numbers: u64,
}

impl Ledger {
    /// Empty books over the people of `seed`, opened at a moment that goes into every number they give out.
    pub fn new(seed: u64, habits: Habits, opened: Moment) -> Ledger {
        Ledger {
            habits,
            people: Population::from_seed(seed),
            balances: HashMap::new(),
            visits: BTreeMap::new(),
            settlements: Vec::new(),
            by_setl_id: HashMap::new(),
            by_msgid: HashMap::new(),
            by_visit: HashMap::new(),
            signed_in: HashMap::new(),
            opened,
            numbers: 0,
        }
    }

    /// Performs one call. An unknown transaction succeeds with an empty output, as most uploads do.
    pub fn perform(&mut self, call: &Call, now: Moment) -> Deed {
        let done = match call.infno.as_str() {
            "9001" => self.sign_in(call, now),
            "9002" => self.sign_out(call, now),
            "1101" => self.person_info(call),
            "2201" | "2401" => self.register(call),
            "2202" | "2404" => self.unregister(call),
            "2204" | "2301" => self.add_lines(call),
            "2205" | "2302" => self.remove_lines(call),
            "2206" | "2206A" | "2303" | "2303A" => self.presettle(call, now),
            "2207" | "2207A" | "2304" | "2304A" => self.settle(call, now),
            "2208" | "2305" => self.cancel(call, now),
            "2601" => self.reverse(call),
            "5203" => self.settlement_info(call),
            "" => Err("沙箱不知道这是哪个交易：路径与报文都没有 infno，或报文不是 JSON".to_string()),
            _ => Ok(Deed { result: Ok(Node::Object(Vec::new())), setl_id: None, committed: true }),
        };
        done.unwrap_or_else(Deed::refused)
    }

    /// Every settlement row, oldest first.
    pub fn settlements(&self) -> &[Settlement] {
        &self.settlements
    }

    /// The person of this number; whoever the call says, when the stand-in is lenient.
    fn person(&self, psn_no: &str, call: &Call) -> Option<Person> {
        let known = self.people.by_psn_no(psn_no).cloned();
        known.or_else(|| self.habits.lenient.then(|| stranger(psn_no, call)))
    }

    fn balance(&self, person: &Person) -> Decimal {
        self.balances.get(&person.psn_no).copied().unwrap_or(person.balc)
    }

    /// A new platform number: 990000, a letter for what it numbers, the opening, a count. Another opening gives others:
    /// a gateway that outlives its platform must not take a new visit for an old one.
    fn number(&mut self, letter: char) -> String {
        self.numbers += 1;
        format!("990000{letter}{}{:08}", self.opened.compact_millis(), self.numbers)
    }
}

fn stranger(psn_no: &str, call: &Call) -> Person {
    Person {
        psn_no: psn_no.to_string(),
        certno: call.field("certno").unwrap_or_default(),
        psn_name: "沙箱来客".to_string(),
        gend: "9",
        brdy: "1990-01-01".to_string(),
        insutype: "390",
        psn_type: "14",
        insuplc_admdvs: "990100",
        balc: Decimal::ZERO,
    }
}
