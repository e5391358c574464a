//! What the admin port may look up of single exchanges. The wiring implements it, so that the console knows no other part.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::cases::{Decision, Lift, Preview};
use super::erasure::{Erase, Erased};
use super::refused::RefusedCall;
use super::retention::{Keep, Kept};

/// Search, totals, and one exchange in full. Every call may wait for the disk: the console calls it off the runtime.
pub trait Lookup: Send + Sync {
    /// One page of exchanges.
    ///
    /// # Errors
    /// What was wrong with the question, or why there is no answer.
    fn exchanges(&self, asked: &[(String, String)]) -> Result<Exchanges, Trouble>;
    /// Sums.
    ///
    /// # Errors
    /// As above.
    fn totals(&self, asked: &[(String, String)]) -> Result<Totals, Trouble>;
    /// One exchange, raw and decoded. The look is in the journal before anything is given.
    ///
    /// # Errors
    /// As above; `NotFound` when there is no such exchange.
    fn exchange(&self, id: &str, looker: &Looker) -> Result<Value, Trouble>;
    /// Journals a look that somebody is about to take by other means.
    ///
    /// # Errors
    /// As above.
    fn note_look(&self, id: &str, looker: &Looker) -> Result<u64, Trouble>;
    /// Erases a visit, or says what would be erased.
    ///
    /// # Errors
    /// As above; `Refused` when it is still needed.
    fn erase(&self, asked: &Erase) -> Result<Erased, Trouble>;
    /// Cases, the oldest first.
    ///
    /// # Errors
    /// As above.
    fn cases(&self, asked: &[(String, String)]) -> Result<Cases, Trouble>;
    /// One case.
    ///
    /// # Errors
    /// As above; `NotFound` when the exchange is none.
    fn case(&self, id: &str) -> Result<Value, Trouble>;
    /// What rules refused a call for, by the number of the record that says so.
    ///
    /// # Errors
    /// As above; `NotFound` when the record says something else.
    fn refusal(&self, reference: u64) -> Result<RefusedCall, Trouble>;
    /// Takes the fence of a settlement away; the number of its record.
    ///
    /// # Errors
    /// As above; `NotFound` when it is no settlement.
    fn lift_fence(&self, id: &str, asked: &Lift) -> Result<u64, Trouble>;
    /// What a person decides about a case is journaled; gives the number of its record.
    ///
    /// # Errors
    /// What stands against it.
    fn decide(&self, id: &str, asked: &Decision, who: &str) -> Result<u64, Trouble>;
    /// The proposal in force for a case, with the bytes that would leave. The look is in the journal before anything is given.
    ///
    /// # Errors
    /// When nothing is proposed, or it cannot be read.
    fn preview(&self, id: &str, looker: &Looker) -> Result<Preview, Trouble>;
    /// Archives or trims, or says what would be trimmed.
    ///
    /// # Errors
    /// As above; `Refused` when something stands against it.
    fn keep(&self, asked: &Keep) -> Result<Kept, Trouble>;
    /// How the views are doing.
    fn views(&self) -> ViewsState;
    /// Has the views built anew; false when the gateway does not keep any.
    fn rebuild_views(&self) -> bool;
    /// What may be asked, and the shape of what is answered.
    fn described(&self) -> Described;
}

/// Who looks, and at what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looker {
    /// Name of the token: `admin` or `admin-clear`; behind it, the person at the command line.
    pub who: String,
    /// Personal data is to be seen in clear.
    pub reveal: bool,
    /// Why; may be empty.
    pub why: String,
}

/// One page of exchanges.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Exchanges {
    /// One object per exchange: `seq`, `id`, then the columns of the views.
    #[schema(value_type = Vec<Object>)]
    pub exchanges: Vec<Map<String, Value>>,
    /// `after` of the next page; none when this one reaches the end. A short page may still have a next one.
    pub next: Option<String>,
    /// Everything up to this journal record is in the answer.
    pub position: u64,
}

/// Sums.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Totals {
    /// One object per line: what lines are told apart by, `count`, `amounts` in yuan by field name, and how many amounts were
    /// no amounts and so are not in the sums (`unsummed`).
    #[schema(value_type = Vec<Object>)]
    pub totals: Vec<Map<String, Value>>,
    /// Calls that the gateway refused without sending: `day`, `infno`, `class`, `rule`, `count`.
    #[schema(value_type = Vec<Object>)]
    pub refusals: Vec<Map<String, Value>>,
    /// Everything up to this journal record is in the answer.
    pub position: u64,
}

/// Cases, the oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Cases {
    /// One object each, as `/cases/{id}` gives it.
    #[schema(value_type = Vec<Object>)]
    pub cases: Vec<Value>,
    /// Everything up to this journal record is in the answer.
    pub position: u64,
}

/// How the views are doing.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ViewsState {
    /// `following`, `rebuilding`, `failing`, `stopped`; `off` when the gateway keeps none.
    pub state: &'static str,
    /// The last journal record taken up.
    pub position: u64,
    /// The last durable journal record.
    pub durable: u64,
    /// Times they were built anew since the start.
    pub rebuilds: u64,
    /// Records per second without rests.
    pub capacity_records_per_second: u64,
}

/// One parameter of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub about: String,
    /// Words it takes; empty when it takes any.
    pub words: Vec<&'static str>,
}

/// What may be asked, and the shape of what is answered.
pub struct Described {
    /// Of /exchanges.
    pub exchanges: Vec<Parameter>,
    /// Of /totals.
    pub totals: Vec<Parameter>,
    /// Of /cases.
    pub cases: Vec<Parameter>,
    /// Name of the shape of one case.
    pub case: &'static str,
    /// Name of the shape of one exchange in full.
    pub exchange: &'static str,
    /// Shapes by name.
    pub shapes: Vec<(String, RefOr<Schema>)>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The question is wrong.
    Asked {
        /// The parameter.
        place: String,
        /// What is wrong.
        what: String,
        /// What to write instead.
        cure: String,
    },
    /// There is no such thing.
    NotFound(String),
    /// It stands against what was asked for, which may be asked for again later.
    Refused {
        /// Every reason, a line each.
        what: String,
        /// What to do.
        cure: &'static str,
    },
    /// It cannot be answered now.
    NotNow(String),
}
