//! The table of columns. A row here is a column of the schema, a field of the API and, where it is searched, a filter of
//! API and commands with its index.

use rusqlite::types::Value;

use crate::domain::class::Class;
use crate::domain::exchange::ExchangeId;
use crate::domain::moment::china_time;
use crate::domain::outcome::{Cause, Outcome, Told};
use crate::domain::token::Token;
use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::journal::record::flag;

/// What the stored value of a column means.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// Text as it came.
    Text,
    /// Code of one of these words: (code, word).
    Words(fn() -> Vec<(u8, &'static str)>),
    /// A keyed token, 16 bytes.
    Token,
    /// Nanoseconds since 1970 UTC.
    Moment,
    /// A whole number.
    Number,
    /// 0 or 1.
    Flag,
    /// A JSON object or list.
    Json,
    /// Id of an exchange, 16 bytes.
    Id,
}

/// How a column is searched.
#[derive(Clone, Copy)]
pub enum Search {
    /// It is only shown.
    No,
    /// One value per exchange, few values: an index of value and time.
    Index,
    /// Several values per exchange, many values: lines in `mark`, taken from the INTENT and from each OUTCOME.
    Mark(fn(&Record) -> Vec<Value>),
}

/// Where the value comes from.
#[derive(Clone, Copy)]
pub enum Taken {
    /// The INTENT.
    Intent(fn(&Record) -> Option<Value>),
    /// The last OUTCOME that counts.
    Outcome(fn(&Record) -> Option<Value>),
    /// The INTENT, and what an OUTCOME says instead.
    Both(fn(&Record) -> Option<Value>),
    /// `row` folds it from several records.
    Folded,
}

/// One column.
pub struct Column {
    /// Its name everywhere: schema, API, flags.
    pub name: &'static str,
    /// What it means, with its Chinese name.
    pub about: &'static str,
    /// What is stored.
    pub form: Form,
    /// How it is searched.
    pub search: Search,
    /// Where it comes from.
    pub taken: Taken,
}

const fn column(name: &'static str, form: Form, search: Search, taken: Taken, about: &'static str) -> Column {
    Column { name, about, form, search, taken }
}

/// Every column of `exchange` but its record number and its id.
#[rustfmt::skip]
pub const COLUMNS: &[Column] = {
    use Form::*;
    use Search::{Index, Mark, No};
    use Taken::{Both, Folded, Intent};
    use Taken::Outcome as Ended;
    &[
        column("at", Moment, No, Intent(|r| number(r.header.at_unix_ns)), "when its first byte came, 到达时间"),
        column("infno", Text, Index, Intent(|r| text(r, Fact::Infno)), "transaction number, 交易编号"),
        column("class", Words(classes), Index, Intent(|r| code(r.header.class)), "class of the transaction, 交易类别"),
        column("outcome", Words(outcomes), Index, Folded, "what became of it; open while it is under way, 结果"),
        column("cause", Words(causes), Index, Ended(|r| code(r.header.cause)), "why the outcome is what it is, 原因"),
        column("told", Words(tolds), No, Ended(|r| byte(r, Fact::Told)), "what the HIS was to be told"),
        column("delivered", Words(tolds), Index, Folded, "what the HIS was handed last; a success once handed over stays, 已告知"),
        column("msgid", Text, Mark(msgids), Intent(|r| text(r, Fact::Msgid)), "发送方报文ID, also of a repeat"),
        column("institution", Text, Index, Intent(|r| text(r, Fact::FixmedinsCode)), "定点医药机构编号"),
        column("area", Text, No, Intent(|r| text(r, Fact::MdtrtareaAdmvs)), "就医地医保区划"),
        column("insured_area", Text, No, Intent(|r| text(r, Fact::InsuplcAdmdvs)), "参保地医保区划"),
        column("mdtrt_id", Text, Mark(|r| texts(r, Fact::MdtrtId)), Both(|r| text(r, Fact::MdtrtId)), "就诊ID"),
        column("setl_id", Text, Mark(|r| texts(r, Fact::SetlId)), Both(|r| text(r, Fact::SetlId)), "结算ID"),
        column("person", Token, Mark(persons), Intent(|r| token(r.header.fence_token)), "token of the person; searched by psn_no or certno, 参保人"),
        column("upstream", Text, Index, Intent(|r| text(r, Fact::Upstream)), "name of the platform's section in the settings"),
        column("peer", Text, No, Intent(|r| text(r, Fact::Peer)), "address of the HIS client"),
        column("http_status", Number, No, Ended(|r| fact(r, Fact::HttpStatus)), "HTTP status of the platform's reply"),
        column("infcode", Text, No, Ended(|r| text(r, Fact::Infcode)), "交易状态码"),
        column("saying", Text, Index, Ended(|r| text(r, Fact::Saying)), "kind of refusal: an entry of the dictionary, or #token of its text, 错误类别"),
        column("heard_at", Moment, No, Ended(|r| fact(r, Fact::HeardAt)), "when the outcome was known"),
        column("delivered_at", Moment, No, Folded, "when an answer was last handed over"),
        column("late", Flag, No, Ended(|r| number(i64::from(r.header.has(flag::LATE)))), "the answer came after the HIS was told \"unknown\""),
        column("repeats", Number, No, Folded, "repeats answered from the record, 重复请求次数"),
        column("undoes", Number, No, Intent(|r| fact(r, Fact::UndoesSeq)), "record number of the exchange that it undoes, 冲正对象"),
        column("parent", Id, No, Intent(parent), "the exchange for whose sake it was made"),
        column("amounts", Json, No, Folded, "amounts in yuan by field name, the answer's before the request's, 金额"),
        column("dimensions", Json, No, Folded, "insurance type, clearing dimensions"),
        column("findings", Json, No, Both(findings), "broken rules: rule and place; the answer's, where it breaks one"),
        column("erased_at", Moment, No, Folded, "when request and answers were erased by policy, 清除时间"),
        column("outcome_seq", Number, No, Folded, "record number of the outcome that counts"),
        column("last_seq", Number, No, Folded, "the last record about it"),
    ]
};

/// Place of a column in [`COLUMNS`].
pub fn place_of(name: &str) -> Option<usize> {
    COLUMNS.iter().position(|column| column.name == name)
}

/// Columns that are searched, with their places.
pub fn filters() -> impl Iterator<Item = (usize, &'static Column)> {
    COLUMNS.iter().enumerate().filter(|(_, column)| !matches!(column.search, Search::No))
}

impl Form {
    /// The words it takes; empty when it takes any value.
    pub fn words(self) -> Vec<&'static str> {
        if let Form::Words(words) = self { words().into_iter().map(|(_, word)| word).collect() } else { Vec::new() }
    }

    /// A stored value for people and programs.
    pub fn shown(self, value: &Value) -> serde_json::Value {
        match (self, value) {
            (_, Value::Null) => serde_json::Value::Null,
            (Form::Words(words), Value::Integer(code)) => {
                let word = words().into_iter().find(|(known, _)| i64::from(*known) == *code);
                word.map_or_else(|| code.to_string().into(), |(_, word)| word.into())
            }
            (Form::Moment, Value::Integer(at)) => china_time(*at).into(),
            (Form::Flag, Value::Integer(flag)) => (*flag != 0).into(),
            (Form::Json, Value::Text(text)) => serde_json::from_str(text).unwrap_or_default(),
            (Form::Id, Value::Blob(bytes)) => id_of(bytes).map(|id| id.to_string()).into(),
            (_, Value::Blob(bytes)) => hex::encode(bytes).into(),
            (_, Value::Integer(number)) => (*number).into(),
            (_, Value::Text(text)) => text.as_str().into(),
            (_, Value::Real(_)) => serde_json::Value::Null, // Nothing here is a float.
        }
    }
}

/// The id in 16 stored bytes.
pub fn id_of(bytes: &[u8]) -> Option<ExchangeId> {
    bytes.try_into().ok().map(ExchangeId)
}

/// Domain of a person's token, as `exchange/identify` makes it.
pub const PERSON: &str = "person";
/// Compared fields of a call whose tokens name a person too.
pub const PERSON_FIELDS: [&str; 2] = ["psn_no", "certno"];

fn classes() -> Vec<(u8, &'static str)> {
    Class::ALL.into_iter().map(|class| (class as u8, class.word())).collect()
}

fn outcomes() -> Vec<(u8, &'static str)> {
    let ended = [Outcome::Confirmed, Outcome::Refused, Outcome::Unknown];
    [(0, "open")].into_iter().chain(ended.into_iter().map(|outcome| (outcome as u8, outcome.word()))).collect()
}

fn causes() -> Vec<(u8, &'static str)> {
    (1..=u8::MAX).map_while(Cause::from_code).map(|cause| (cause as u8, cause.word())).collect()
}

fn tolds() -> Vec<(u8, &'static str)> {
    (1..=u8::MAX).map_while(Told::from_code).map(|told| (told as u8, told.word())).collect()
}

fn number(number: i64) -> Option<Value> {
    Some(Value::Integer(number))
}

fn code(code: u8) -> Option<Value> {
    (code != 0).then_some(Value::Integer(i64::from(code)))
}

fn byte(record: &Record, fact: Fact) -> Option<Value> {
    record.facts.all(fact).next()?.first().map(|byte| Value::Integer(i64::from(*byte)))
}

fn fact(record: &Record, fact: Fact) -> Option<Value> {
    record.facts.number_of(fact).map(|number| Value::Integer(number.cast_signed()))
}

fn text(record: &Record, fact: Fact) -> Option<Value> {
    record.facts.text_of(fact).map(|text| Value::Text(text.to_owned()))
}

fn texts(record: &Record, fact: Fact) -> Vec<Value> {
    let texts = record.facts.all(fact).filter_map(|bytes| std::str::from_utf8(bytes).ok());
    texts.map(|text| Value::Text(text.to_owned())).collect()
}

fn token(token: Token) -> Option<Value> {
    (!token.is_none()).then(|| Value::Blob(token.0.to_vec()))
}

fn msgids(record: &Record) -> Vec<Value> {
    text(record, Fact::Msgid).into_iter().chain(text(record, Fact::Alias)).collect()
}

fn persons(record: &Record) -> Vec<Value> {
    let compared = record.facts.all_named(Fact::Fingerprint);
    let compared = compared.filter(|(name, token)| PERSON_FIELDS.contains(name) && token.len() == 16);
    let compared = compared.map(|(_, token)| Value::Blob(token.to_vec()));
    token(record.header.fence_token).into_iter().chain(compared).collect()
}

fn parent(record: &Record) -> Option<Value> {
    let parent = record.header.parent_id;
    (parent != ExchangeId::NONE).then(|| Value::Blob(parent.0.to_vec()))
}

fn findings(record: &Record) -> Option<Value> {
    let one = |(rule, place): (&str, &[u8])| {
        let place = String::from_utf8_lossy(place).replace('\0', " ");
        serde_json::json!({ "rule": rule, "place": place })
    };
    let found: Vec<_> = record.facts.all_named(Fact::Finding).map(one).collect();
    (!found.is_empty()).then(|| Value::Text(serde_json::Value::from(found).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_stand_once_and_words_read_back() {
        let mut names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COLUMNS.len());
        assert_eq!(filters().count(), 12);
        let outcome = COLUMNS[place_of("outcome").unwrap()].form;
        assert_eq!(outcome.words(), ["open", "confirmed", "refused", "unknown"]);
        assert_eq!(outcome.shown(&Value::Integer(3)), "unknown");
        assert_eq!(Form::Words(causes).words().len(), 18);
        assert_eq!(Form::Words(tolds).words().len(), 5);
    }
}
