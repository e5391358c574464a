//! The platform's own books: who is known, which visits and fee lines exist, what was settled, cancelled, reversed.
//!
//! This is the truth that a gateway's journal and a HIS's books are compared with. Every transaction is a row of its
//! family's table (`ROWS`): number, fields it needs, what must have happened before, function.

mod catalogue; // 13xx: catalogues with versions, as files and as pages.
mod clearing; // 3201, 3202: whether the hospital's sums and rows are ours.
mod files; // 9101, 9102.
mod filings; // 25xx and their queries.
mod goods; // 3501-3507: stock and trace codes.
mod goods_queries; // 3508-3513.
mod habits; // How strict it is, and what provinces leave open.
mod inpatient; // 2301-2305, 2401-2405.
mod lists; // 4101-4103.
mod mapping; // 3301, 3302.
mod outpatient; // 2201-2208.
mod persons; // 1101, 1201, 2001, 9001, 9002.
mod pharmacy; // 2101-2103.
mod queries; // 5201-5206, 5303.
mod rows; // The table of transactions, and what each needs.
mod settle; // A bill priced and booked.
mod shares; // Who pays how much.
mod state; // The books saved and restored; the day closed.
mod statement; // The books as JSON, for GET /_sandbox/ledger.
mod tariff; // Deductible, rate, ceiling by insurance, kind of care and level of the hospital.
mod undo; // 2208 and relatives, 2601.
mod verdicts; // 3101-3103.
mod visit; // Visits and fee lines.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::moment::Moment;
use super::people::{Person, Population};
use super::record::{Part, Record, output};
use super::spec;
use super::tree::Node;
pub use habits::{Habits, Tone};
pub use rows::known_numbers;
pub use settle::{Settlement, Standing};
pub use shares::{Level, PRICE_CEILING, Scope, Shares};
pub use statement::Totals;
pub use tariff::Care;
use visit::Visit;

/// What performing one call did.
#[derive(Debug, PartialEq)]
pub struct Deed {
    /// The `output`, or the err_msg of a refusal.
    pub result: Result<Node, String>,
    /// The settlement that it made or undid.
    pub setl_id: Option<String>,
    /// Whether the books changed.
    pub committed: bool,
    /// The answer is this file and no envelope (9102).
    pub file: Option<Bytes>,
}

impl Deed {
    fn query(output: Node) -> Deed {
        Deed { result: Ok(output), setl_id: None, committed: false, file: None }
    }

    fn done(output: Node) -> Deed {
        Deed { committed: true, ..Deed::query(output) }
    }

    fn settled(output: Node, setl_id: String) -> Deed {
        Deed { setl_id: Some(setl_id), ..Deed::done(output) }
    }

    /// What no ledger heard of.
    pub(super) fn echoed() -> Deed {
        Deed::query(Node::Null)
    }

    /// A refusal; the books did not change.
    pub fn refused(err_msg: impl Into<String>) -> Deed {
        Deed { result: Err(err_msg.into()), ..Deed::query(Node::Null) }
    }
}

/// One call to be performed, and when.
struct Ask<'a> {
    call: &'a Call,
    now: Moment,
}

impl Ask<'_> {
    /// What the call says in its objects and in the first row of its lists.
    fn facts(&self) -> Record {
        let nodes = spec::table(&self.call.infno).map_or(&[][..], |table| &table.input);
        let first = nodes.iter().filter_map(|node| self.call.rows(node.path).first()).map(Record::of);
        first.fold(Record::new(), |facts, row| facts.or(&row))
    }

    /// The answer by the specification's table.
    fn output(&self, parts: Vec<(&'static str, Part)>) -> Node {
        output(&self.call.infno, parts)
    }

    /// A query's answer.
    fn found(&self, parts: Vec<(&'static str, Part)>) -> Result<Deed, String> {
        Ok(Deed::query(self.output(parts)))
    }

    /// The answer of a call that changed the books.
    fn did(&self, parts: Vec<(&'static str, Part)>) -> Result<Deed, String> {
        Ok(Deed::done(self.output(parts)))
    }

    /// What a call did that has no output.
    fn did_silently(&self) -> Result<Deed, String> {
        Ok(Deed::done(Node::Null))
    }
}

/// The books.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ledger {
    #[serde(skip)]
    habits: Habits,
    #[serde(skip)]
    people: Population,
    visits: BTreeMap<String, Visit>,
    settlements: Vec<Settlement>,
    filings: Vec<filings::Filing>,
    mappings: BTreeMap<String, Record>,
    goods: Vec<goods::Movement>,
    lists: BTreeMap<String, lists::List>,
    files: files::Shelf,
    verdicts: Vec<Record>,
    signed_in: BTreeMap<String, persons::SignIn>,
    days_closed: Vec<String>,
    opened: Moment,
    numbers: u64,
    #[serde(skip)]
    index: Index,
}

/// Where settlements stand in the book, by what they are asked for.
#[derive(Debug, Default)]
struct Index {
    setl_id: HashMap<String, usize>,
    msgid: HashMap<String, Vec<usize>>,
    visit: HashMap<String, Vec<usize>>,
    person: HashMap<String, Vec<usize>>,
}

impl Ledger {
    /// Empty books over the people of `seed`, opened at a moment that goes into every number they give out.
    pub fn new(seed: u64, habits: Habits, opened: Moment) -> Ledger {
        Ledger {
            habits,
            people: Population::from_seed(seed),
            visits: BTreeMap::new(),
            settlements: Vec::new(),
            filings: Vec::new(),
            mappings: BTreeMap::new(),
            goods: Vec::new(),
            lists: BTreeMap::new(),
            files: files::Shelf::default(),
            verdicts: Vec::new(),
            signed_in: BTreeMap::new(),
            days_closed: Vec::new(),
            opened,
            numbers: 0,
            index: Index::default(),
        }
    }

    /// Performs one call. What is not understood or comes too early is refused with what is missing.
    pub fn perform(&mut self, call: &Call, now: Moment) -> Deed {
        match self.try_perform(call, now) {
            Ok(deed) => Deed { result: deed.result.map(|output| self.habits.dress(output)), ..deed },
            Err(why) => Deed::refused(self.habits.tone.say(&call.infno, &why)),
        }
    }

    fn try_perform(&mut self, call: &Call, now: Moment) -> Result<Deed, String> {
        let Some(row) = rows::row(&call.infno) else { return self.stranger_call(call) };
        if !self.habits.lenient {
            self.check_signed(call, now)?;
        }
        for name in row.needs {
            call.need(name)?;
        }
        if self.habits.strict {
            rows::check_complete(call)?;
        }
        if !self.habits.lenient {
            row.before.check(self, call)?;
        }
        (row.act)(self, &Ask { call, now })
    }

    /// A number that the stand-in does not perform: it says which it does. The lenient one takes it as an upload.
    fn stranger_call(&self, call: &Call) -> Result<Deed, String> {
        match call.infno.as_str() {
            "" => Err("沙箱不知道这是哪个交易：路径与报文都没有 infno，或报文不是 JSON".to_string()),
            _ if self.habits.lenient => Ok(Deed::done(Node::Object(Vec::new()))),
            infno => {
                let known: Vec<&str> = known_numbers().collect();
                Err(format!("沙箱没有交易 {infno}；它会的交易有：{}", known.join(" ")))
            }
        }
    }

    /// Every settlement row, oldest first.
    pub fn settlements(&self) -> &[Settlement] {
        &self.settlements
    }

    /// The persons of the stand-in, with what is left in their accounts.
    pub fn persons(&self) -> impl Iterator<Item = (&Person, Decimal)> {
        self.people.all().iter().map(|person| (person, self.balance(person)))
    }

    /// The person of this number; whoever the call says, when the stand-in is lenient.
    fn person(&self, psn_no: &str, call: &Call) -> Result<Person, String> {
        let known = self.people.by_psn_no(psn_no).cloned();
        let person = known.or_else(|| self.habits.lenient.then(|| Person::stranger(psn_no, call.field("certno"))));
        person.ok_or_else(|| format!("该参保人的参保信息为空：psn_no {psn_no}；请先调用 1101 取人员编号"))
    }

    /// What is left in the personal account: the opening balance less what stands settled.
    fn balance(&self, person: &Person) -> Decimal {
        let spent: Decimal = self.rows_of_person(&person.psn_no).map(|row| row.shares.account).sum();
        person.balc - spent
    }

    /// Rows of one person that count; a cancellation counts with its turned signs.
    fn rows_of_person(&self, psn_no: &str) -> impl Iterator<Item = &Settlement> {
        let places = self.index.person.get(psn_no).into_iter().flatten();
        places.filter_map(|at| self.settlements.get(*at)).filter(|row| row.standing != Standing::Reversed)
    }

    /// A new platform number: 990000, a letter for what it numbers, the opening, a count. Another opening gives others:
    /// a gateway that outlives its platform must not take a new visit for an old one.
    fn number(&mut self, letter: char) -> String {
        self.numbers += 1;
        format!("990000{letter}{}{:06}", self.opened.compact_millis(), self.numbers)
    }
}

/// `2204 门诊费用明细信息上传`: how refusals name what is to be called first.
fn named(infno: &str) -> String {
    format!("{infno} {}", spec::name(infno))
}
