//! What one transaction (交易) is to the gateway.

use std::sync::Arc;

use crate::domain::class::Class;

use super::inquiry::Inquiry;

/// One transaction number and everything decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// 交易编号.
    pub infno: String,
    /// 交易名称.
    pub name: String,
    /// Decides policy.
    pub class: Class,
    /// Its row of the key table, if any.
    pub key: Option<KeyRule>,
    /// How its rows are named one by one, if they are (2204, 2301).
    pub rows: Option<RowRule>,
    /// Ordinary transactions that take it back.
    pub undo: Vec<String>,
    /// Transactions that it takes back.
    pub undoes: Vec<String>,
    /// 2601 may name it.
    pub reversible_by_2601: bool,
    /// The number under which 2601 names it (2207A goes as 2207).
    pub oinfno: String,
    /// Fields without which a success is not real.
    pub success_fields: Vec<String>,
    /// A field of the reply that must equal the msgid sent wherever it is filled.
    pub echo: Option<String>,
    /// Confirmed rows after a delivered settlement open a new generation.
    pub stage_reopens: bool,
    /// Held by the fence of its person (`money.md` §5).
    pub fenced: bool,
    /// Naming a settlement, it proves that the HIS has booked it (`money.md` §6).
    pub acknowledges: bool,
    /// For a person of whose settlement nobody knows the outcome, it says that cash was taken (`money.md` §5).
    ///
    /// `Some("")` wherever it is called, `Some("field=value")` where the call says so.
    pub self_pays: Option<String>,
    /// What it made is better booked in the HIS than taken back (`money.md` §5).
    pub adopts: bool,
    /// How its reply says yes or no.
    pub reply: ReplyStyle,
    /// The province has given it up.
    pub withdrawn: bool,
    /// How many rows one call may carry; `max` 0 = nobody says.
    pub limit: RowLimit,
    /// Mark (C, S, I, P) and who says that the number exists; empty for a site's own.
    pub source: String,
}

/// How many rows one call may carry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowLimit {
    /// The list node.
    pub node: String,
    /// Rows; 0 = nobody says.
    pub max: u64,
    /// Mark (C, S, I, P) and who says it.
    pub source: String,
}

impl Transaction {
    /// A transaction of which nothing but number, name and class is known.
    pub fn plain(infno: &str, name: &str, class: Class) -> Transaction {
        Transaction {
            infno: infno.to_owned(),
            name: name.to_owned(),
            class,
            key: None,
            rows: None,
            undo: Vec::new(),
            undoes: Vec::new(),
            reversible_by_2601: false,
            oinfno: infno.to_owned(),
            success_fields: Vec::new(),
            echo: None,
            stage_reopens: false,
            fenced: false,
            acknowledges: false,
            self_pays: None,
            adopts: false,
            reply: ReplyStyle::Infcode,
            withdrawn: false,
            limit: RowLimit::default(),
            source: String::new(),
        }
    }
}

/// One row of the key table (`money.md` §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRule {
    /// Name of the row; part of the key.
    pub family: String,
    /// What the key is made of, after institution and area.
    pub parts: Vec<Part>,
    /// The line adds a generation.
    pub generation: bool,
    /// Fields that must not move between repeats.
    pub fingerprint: Vec<Field>,
    /// What a repeat gets.
    pub on_repeat: OnRepeat,
    /// How the platform is asked whether the first still stands.
    pub ask: Option<Arc<Inquiry>>,
    /// What frees the key.
    pub freed_by: Vec<FreedBy>,
    /// Names of parts left out of the loose key.
    pub loose_without: Vec<String>,
}

/// How rows are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRule {
    /// The list node.
    pub node: String,
    /// Fields of a row, or of the body where the row has none.
    pub parts: Vec<String>,
}

/// One part of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A field.
    Field(Field),
    /// Digest of the set of fee lines.
    Lines,
    /// The transaction number.
    Infno,
}

/// A field by one of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Names on the wire; the first filled one counts, and the first one names the part.
    pub names: Vec<String>,
    /// What an empty field counts as; `None` = the key cannot be made.
    pub absent: Option<String>,
}

impl Field {
    /// The name of the part.
    pub fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
}

/// How a reply says yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyStyle {
    /// `infcode` 0 or -1.
    #[default]
    Infcode,
    /// `code` 0 or another.
    Code,
    /// `success` true or false: the hospital's answer to a call of the platform.
    Success,
}

impl ReplyStyle {
    /// The member that says it.
    pub fn word(self) -> &'static str {
        match self {
            ReplyStyle::Infcode => "infcode",
            ReplyStyle::Code => "code",
            ReplyStyle::Success => "success",
        }
    }
}

/// What a repeat of a key gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnRepeat {
    /// The recorded answer, or the running one's when it comes.
    Replay,
    /// The recorded answer while it is younger than this; later it is forwarded.
    ReplayWhileFresh {
        /// Seconds since the first was confirmed.
        seconds: u64,
    },
    /// Confirmed: replay. Unknown: forward, because a repeated cancel is the safest inquiry.
    CancelInquiry,
    /// Forwarded only after a refusal or a proof that the first was not done.
    AfterRefusalOnly,
    /// Not before the platform was asked about the first.
    AskFirst,
    /// Always forwarded.
    Forward,
}

/// A transaction that frees a key, and the field by which it names what it frees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreedBy {
    /// 交易编号.
    pub infno: String,
    /// A field of its request (`setl_id`, `mdtrt_id`, `omsgid`, `trt_dcla_detl_sn`, `payOrdId`).
    pub by: String,
}

/// What a -1 means, by its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrClass {
    /// The platform said no.
    Refused,
    /// The platform wraps its own downstream silence.
    MeansUnknown,
    /// The thing was done before.
    AlreadyDone,
    /// The operator is not signed in.
    NotSignedIn,
    /// No text of the profile fits.
    Unrecognised,
}
