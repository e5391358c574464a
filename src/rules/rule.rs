//! One hand-written rule, as its pack says it.

use super::dates::Day;
use super::express::parse::Part;
use super::mode::Mode;
use crate::domain::class::Class;

/// What a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// These fields are filled.
    Require(Vec<String>),
    /// These fields are empty.
    Absent(Vec<String>),
    /// This holds; the text and its tree.
    Must(String, Part),
    /// No two rows of the message say the same in these fields.
    Unique(Vec<String>),
    /// At most so many rows.
    RowsMax(u64),
    /// Each of these fields says one of these.
    Codes(Vec<(String, Vec<String>)>),
    /// Each of these fields is written in one of these forms.
    Forms(Vec<(String, Vec<CodeForm>)>),
    /// Judged with the journal, and not here.
    State(State),
}

/// What is judged with the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No sale is uploaded twice.
    SaleOnce,
    /// A trace code comes in, is sold and comes back in this order.
    TraceLife,
    /// The counts of a settlement are those of the codes that were uploaded for it.
    TraceCount,
}

impl State {
    /// All of them.
    pub const ALL: [State; 3] = [State::SaleOnce, State::TraceLife, State::TraceCount];

    /// As packs write it.
    pub fn word(self) -> &'static str {
        match self {
            State::SaleOnce => "sale_once",
            State::TraceLife => "trace_life",
            State::TraceCount => "trace_count",
        }
    }
}

/// How a trace code is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeForm {
    /// Twenty digits.
    Digits20,
    /// GTIN and serial number by the element strings of GS1, with or without brackets.
    Gs1,
    /// A local stand-in for goods without a code: `22`, then zeros, then a number; twenty digits.
    StandIn,
    /// Letters, digits and dashes, at most 500: virtual codes of a platform.
    Plain,
}

impl CodeForm {
    /// All of them.
    pub const ALL: [CodeForm; 4] = [CodeForm::Digits20, CodeForm::Gs1, CodeForm::StandIn, CodeForm::Plain];

    /// As packs write it.
    pub fn word(self) -> &'static str {
        match self {
            CodeForm::Digits20 => "digits20",
            CodeForm::Gs1 => "gs1",
            CodeForm::StandIn => "stand_in",
            CodeForm::Plain => "plain",
        }
    }

    /// True for a code that is written so.
    pub fn fits(self, code: &str) -> bool {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            CodeForm::Digits20 => code.len() == 20 && digits(code) && !CodeForm::StandIn.fits(code),
            CodeForm::StandIn => code.len() == 20 && digits(code) && code.starts_with("2200000000"),
            CodeForm::Plain => {
                (1..=500).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            }
            CodeForm::Gs1 => {
                let plain = if code.starts_with("(01)") { code.replace(['(', ')'], "") } else { code.to_owned() };
                let Some((gtin, rest)) = plain.strip_prefix("01").and_then(|rest| rest.split_at_checked(14)) else {
                    return false;
                };
                digits(gtin)
                    && rest.len() > 2
                    && plain.len() <= 500
                    && rest.bytes().all(|byte| byte.is_ascii_graphic() || byte == 0x1d)
            }
        }
    }
}

/// A message that a rule lets pass, or breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Its transaction.
    pub infno: String,
    /// What stands in `input`; of a rule about state a sentence.
    pub message: String,
    /// Where it stands.
    pub line: usize,
}

/// A hand-written rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name within all packs.
    pub id: String,
    /// The file and line that say it.
    pub file: String,
    /// The line.
    pub line: usize,
    /// Transactions.
    pub on: Vec<String>,
    /// Of those only the ones of these classes; empty = all.
    pub classes: Vec<Class>,
    /// The node whose rows are judged one by one, in the spellings of these transactions; empty: the message as a whole.
    pub nodes: Vec<String>,
    /// It asks for something only where this holds; the text and its tree.
    pub when: Option<(String, Part)>,
    /// What it asks for.
    pub demand: Demand,
    /// Chinese sentence for whoever sent the call; `{label}`, `{count}` and `{max}` are filled in.
    pub says: String,
    /// What to do about it.
    pub cure: String,
    /// What it follows.
    pub cites: Vec<String>,
    /// Its own mode, which stands over the pack's.
    pub mode: Option<Mode>,
    /// C, S, I, P, or B: known from a policy's title or a project's brief only.
    pub mark: String,
    /// As the pack's.
    pub region: String,
    /// As the pack's.
    pub days: Option<(Day, Day)>,
    /// What it lets pass.
    pub passes: Vec<Example>,
    /// What breaks it.
    pub fails: Vec<Example>,
}

impl Rule {
    /// What it asks for, on one line, for people who know the language.
    pub fn asks(&self) -> String {
        let list = |fields: &[String]| fields.join(", ");
        let asked = match &self.demand {
            Demand::Require(fields) => format!("require {}", list(fields)),
            Demand::Absent(fields) => format!("absent {}", list(fields)),
            Demand::Must(text, _) => format!("must {text}"),
            Demand::Unique(fields) => format!("unique {}", list(fields)),
            Demand::RowsMax(most) => format!("rows_max {most}"),
            Demand::Codes(fields) => {
                let one = |(field, codes): &(String, Vec<String>)| format!("{field} in [{}]", list(codes));
                format!("codes {}", fields.iter().map(one).collect::<Vec<_>>().join("; "))
            }
            Demand::Forms(fields) => {
                let one = |(field, forms): &(String, Vec<CodeForm>)| {
                    format!("{field} as {}", forms.iter().map(|form| form.word()).collect::<Vec<_>>().join(" or "))
                };
                format!("pattern {}", fields.iter().map(one).collect::<Vec<_>>().join("; "))
            }
            Demand::State(state) => format!("state {}", state.word()),
        };
        self.when.as_ref().map_or(asked.clone(), |(when, _)| format!("when {when}: {asked}"))
    }
}
