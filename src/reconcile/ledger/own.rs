//! A row of the gateway's own ledger, folded from the records of one exchange.

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::outcome::Outcome;
use crate::journal::Record;
use crate::journal::facts::{Fact, Facts};

use super::amounts::Amounts;
use super::day::Day;

/// Where a person is insured, seen from where the care is given. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Place {
    /// Nobody says.
    Unsaid = 0,
    /// The same pooling area. 本地
    Local = 1,
    /// The same province. 省内异地
    Province = 2,
    /// Another province. 跨省
    CrossProvince = 3,
}

impl Place {
    /// All of them, in the order of their numbers.
    pub const ALL: [Place; 4] = [Place::Unsaid, Place::Local, Place::Province, Place::CrossProvince];

    /// The place that a stored byte means.
    pub fn from_code(code: u8) -> Place {
        Place::ALL.into_iter().find(|place| *place as u8 == code).unwrap_or(Place::Unsaid)
    }

    /// The word used in listings.
    pub fn word(self) -> &'static str {
        match self {
            Place::Unsaid => "unsaid",
            Place::Local => "local",
            Place::Province => "province",
            Place::CrossProvince => "cross_province",
        }
    }

    /// What hospital people call it.
    pub fn chinese(self) -> &'static str {
        match self {
            Place::Unsaid => "未注明",
            Place::Local => "本地",
            Place::Province => "省内异地",
            Place::CrossProvince => "跨省",
        }
    }

    /// By the two areas; they name one pooling area when the leading `digits` agree, and one province when two do.
    pub fn of(mdtrtarea: &str, insuplc: &str, digits: usize) -> Place {
        let same = |digits: usize| mdtrtarea.get(..digits).is_some_and(|lead| insuplc.get(..digits) == Some(lead));
        match (mdtrtarea, insuplc) {
            ("", _) | (_, "") => Place::Unsaid,
            _ if same(digits) => Place::Local,
            _ if same(2) => Place::Province,
            _ => Place::CrossProvince,
        }
    }
}

/// By what rows are summed, beside institution and place; `clr_optins` 清算机构, `insutype` 险种, `clr_type` 清算类别, `clr_way` 清算方式.
pub const DIMENSIONS: [&str; 4] = ["clr_optins", "insutype", "clr_type", "clr_way"];

/// A settlement or a refund as the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Its INTENT.
    pub intent: Seq,
    /// Its exchange.
    pub id: ExchangeId,
    /// It takes a settlement back.
    pub refund: bool,
    /// 交易编号.
    pub infno: String,
    /// 发送方报文ID as sent.
    pub msgid: String,
    /// 定点医药机构编号.
    pub institution: String,
    /// 就诊ID.
    pub mdtrt_id: String,
    /// 结算ID of the settlement, or of the refund's own row; empty until it is confirmed.
    pub setl_id: String,
    /// Of a refund, the 结算ID that it takes back.
    pub original: String,
    /// Of a refund, the INTENT of what it takes back; 0 when it is not in the journal.
    pub undoes: Seq,
    /// The OUTCOME that confirmed it; none while its outcome is open.
    pub outcome: Seq,
    /// The OUTCOME that proved that it was taken back; none while it stands.
    pub undone: Seq,
    /// The day of the books.
    pub day: Day,
    /// 结算时间 as the platform said it; empty when it did not, and the day is the one in which the answer was heard.
    pub setl_time: String,
    /// In the order of [`DIMENSIONS`]; empty where the platform does not say.
    pub dimensions: [String; DIMENSIONS.len()],
    /// Where the person is insured.
    pub place: Place,
    /// With their sign.
    pub amounts: Amounts,
}

impl Own {
    /// Begins with an INTENT; `None` when it can make no row.
    pub fn begin(intent: &Record, local_digits: usize) -> Option<Own> {
        let refund = match Class::from_code(intent.header.class)? {
            Class::Money => false,
            Class::Reversal => true,
            _ => return None,
        };
        let text = |fact| intent.facts.text_of(fact).unwrap_or_default();
        let place = Place::of(text(Fact::MdtrtareaAdmvs), text(Fact::InsuplcAdmdvs), local_digits);
        Some(Own {
            intent: intent.header.seq,
            id: intent.header.exchange_id,
            refund,
            infno: text(Fact::Infno).to_owned(),
            msgid: text(Fact::Msgid).to_owned(),
            institution: text(Fact::FixmedinsCode).to_owned(),
            mdtrt_id: text(Fact::MdtrtId).to_owned(),
            setl_id: String::new(),
            original: if refund { text(Fact::SetlId).to_owned() } else { String::new() },
            undoes: Seq(intent.facts.number_of(Fact::UndoesSeq).unwrap_or(0)),
            outcome: Seq::NONE,
            undone: Seq::NONE,
            day: Day::at(intent.header.at_unix_ns),
            setl_time: String::new(),
            dimensions: dimensions(&intent.facts),
            place,
            amounts: Amounts::of(&intent.facts).signed(refund),
        })
    }

    /// Takes an OUTCOME of it; what `undone` is known of what a refund takes back fills what its answer does not say.
    pub fn end(&mut self, outcome: &Record, undone: Option<&Own>) -> Ended {
        match Outcome::from_code(outcome.header.outcome) {
            Some(Outcome::Refused) if self.outcome == Seq::NONE => return Ended::NoRow,
            Some(Outcome::Confirmed) => {}
            _ => return Ended::Open, // Silence never undoes evidence, and what is open stays open.
        }
        let text = |fact| outcome.facts.text_of(fact).unwrap_or_default();
        // An undo that leaves no row of its own (2601), or an order that is no settlement.
        let Some(setl_id) = outcome.facts.text_of(Fact::SetlId) else { return Ended::NoRow };
        setl_id.clone_into(&mut self.setl_id);
        if !text(Fact::MdtrtId).is_empty() {
            text(Fact::MdtrtId).clone_into(&mut self.mdtrt_id);
        }
        self.outcome = outcome.header.seq;
        let said = said(&outcome.facts, "setl_time");
        match Day::read(&said) {
            Some(day) => (self.day, self.setl_time) = (day, said),
            None => self.day = Day::at(outcome.header.at_unix_ns),
        }
        let fresh = dimensions(&outcome.facts);
        let before = undone.map(|undone| undone.dimensions.clone()).unwrap_or_default();
        for ((place, fresh), before) in self.dimensions.iter_mut().zip(fresh).zip(before) {
            let known = if fresh.is_empty() { std::mem::take(place) } else { fresh };
            *place = if known.is_empty() { before } else { known };
        }
        if self.place == Place::Unsaid {
            self.place = undone.map_or(Place::Unsaid, |undone| undone.place);
        }
        let fallback = undone.map_or(self.amounts, |undone| undone.amounts.signed(self.refund));
        self.amounts = Amounts::of(&outcome.facts).signed(self.refund).or(fallback);
        if let Some(undone) = undone.filter(|_| self.original.is_empty()) {
            undone.setl_id.clone_into(&mut self.original);
        }
        Ended::Row
    }
}

/// What an OUTCOME made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It is a row.
    Row,
    /// It is none.
    NoRow,
    /// It is not known.
    Open,
}

pub(super) fn said(facts: &Facts, name: &str) -> String {
    let found = facts.all_named(Fact::Dimension).find(|(found, _)| *found == name);
    found.and_then(|(_, value)| std::str::from_utf8(value).ok()).unwrap_or_default().trim().to_owned()
}

fn dimensions(facts: &Facts) -> [String; DIMENSIONS.len()] {
    DIMENSIONS.map(|name| said(facts, name))
}
