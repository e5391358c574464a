//! Calls that rules refused, by the number that the HIS's operator reads on the screen.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Console;
use super::answer::Failed;
use super::api::off;
use super::lookup::Trouble;
use crate::domain::moment::china_time;
use crate::exchange::check::REASON;
use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;

/// A call that was refused, and everything that it was refused for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub struct RefusedCall {
    /// The number on the screen: the record of the journal.
    #[schema(example = 48213)]
    pub reference: u64,
    /// When it came.
    pub at: String,
    /// 交易编号.
    pub infno: String,
    /// 发送方报文ID.
    pub msgid: String,
    /// 定点医药机构编号.
    pub fixmedins_code: String,
    /// Broken rules; at most a hundred of them are listed.
    pub count: u64,
    /// Those that refused first, then those that only warned or were counted.
    pub findings: Vec<BrokenRule>,
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub struct BrokenRule {
    /// Its id, which `medgate rules explain` explains.
    pub rule: String,
    /// `enforce` (it refused), `warn` or `observe`.
    pub mode: String,
    /// The field: `input.selinfoDetail[3].trdn_flag`.
    pub place: String,
    /// What is wrong and what to do, in Chinese, as the HIS was told.
    pub says: String,
}

impl RefusedCall {
    /// Out of the record that says so; `None` of any other.
    pub fn of(record: &Record) -> Option<RefusedCall> {
        let says_so =
            record.header.known_kind() == Some(Kind::Note) && record.facts.text_of(Fact::Reason) == Some(REASON);
        let text = |fact| record.facts.text_of(fact).unwrap_or_default().to_owned();
        let finding = |(rule, said): (&str, &[u8])| {
            let said = String::from_utf8_lossy(said);
            let mut parts = said.splitn(3, '\0');
            let mut part = || parts.next().unwrap_or_default().to_owned();
            BrokenRule { rule: rule.to_owned(), mode: part(), place: part(), says: part() }
        };
        says_so.then(|| RefusedCall {
            reference: record.header.seq.0,
            at: china_time(record.header.at_unix_ns),
            infno: text(Fact::Infno),
            msgid: text(Fact::Msgid),
            fixmedins_code: text(Fact::FixmedinsCode),
            count: record.facts.number_of(Fact::Count).unwrap_or_default(),
            findings: record.facts.all_named(Fact::Finding).map(finding).collect(),
        })
    }
}

pub(super) async fn refusal(
    State(console): State<Console>,
    Path(number): Path<String>,
) -> Result<Json<RefusedCall>, Failed> {
    off(&console, move |lookup| {
        let reference = number.parse().map_err(|_| Trouble::NotFound(format!("{number} is no number")))?;
        lookup.refusal(reference)
    })
    .await
    .map(Json)
}
