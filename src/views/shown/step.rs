//! One record on the timeline of an exchange.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::exchange::ExchangeId;
use crate::domain::moment::china_time;
use crate::domain::outcome::{Cause, Outcome, Told};
use crate::journal::Record;
use crate::journal::composite::Delivery;
use crate::journal::facts::Fact;
use crate::journal::record::{Kind, flag};

/// What one record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Step {
    /// Number of the record.
    pub seq: u64,
    /// When, Asia/Shanghai.
    pub at: String,
    /// `intent`, `outcome`, `delivery`, `repeat`, `note`, `look`, `erased` or another kind of record.
    pub what: String,
    /// `confirmed`, `refused` or `unknown`, with the cause.
    pub outcome: Option<String>,
    /// What the HIS was told, or was to be told.
    pub told: Option<&'static str>,
    /// Anything else: who looked, which msgid repeated, what came late.
    pub detail: Option<String>,
}

/// The steps of a record that are about `id`; a record of deliveries may hold several.
pub(super) fn of(record: &Record, id: ExchangeId) -> Vec<Step> {
    let (header, text) = (&record.header, |fact| record.facts.text_of(fact).map(str::to_owned));
    let step = |what: &str| Step {
        seq: header.seq.0,
        at: china_time(header.at_unix_ns),
        what: what.to_owned(),
        outcome: None,
        told: None,
        detail: None,
    };
    let late = header.has(flag::LATE).then(|| "late answer".to_owned());
    match header.known_kind() {
        Some(Kind::Deliveries) => {
            let own = Delivery::all(&record.facts).filter(|delivery| delivery.exchange_id == id);
            own.map(|delivery| Step {
                at: china_time(delivery.at_unix_ns),
                told: Some(delivery.told.word()),
                detail: Some(format!("{} bytes", delivery.bytes)),
                ..step("delivery")
            })
            .collect()
        }
        Some(Kind::Outcome) => {
            let outcome = Outcome::from_code(header.outcome).map_or("open", Outcome::word);
            let cause = Cause::from_code(header.cause).map_or("", Cause::word);
            let told = record.facts.all(Fact::Told).next().and_then(|told| Told::from_code(*told.first()?));
            let outcome = Some(format!("{outcome} ({cause})"));
            vec![Step { outcome, told: told.map(Told::word), detail: late, ..step("outcome") }]
        }
        Some(Kind::Note) if text(Fact::Alias).is_some() => {
            vec![Step { detail: text(Fact::Alias).map(|msgid| format!("msgid {msgid}")), ..step("repeat") }]
        }
        Some(Kind::Note) => vec![Step { detail: late.or(text(Fact::Reason)), ..step("note") }],
        Some(Kind::OperatorAct) => {
            let who = text(Fact::Who).unwrap_or_default();
            let reason = text(Fact::Reason).unwrap_or_default();
            vec![Step { detail: Some(format!("{who}: {reason}")), ..step("look") }]
        }
        Some(Kind::Erasure) => {
            let (who, reason) = (text(Fact::Who).unwrap_or_default(), text(Fact::Reason).unwrap_or_default());
            vec![Step { detail: Some(format!("{who}: {reason}")), ..step("erased") }]
        }
        Some(Kind::Intent) if header.exchange_id == id => {
            let upstream = text(Fact::Upstream).map(|name| format!("to {name}"));
            vec![Step { detail: upstream, ..step("intent") }]
        }
        Some(kind) => vec![step(&format!("{kind:?}").to_lowercase())],
        None => vec![step(&format!("kind-{}", header.kind))],
    }
}
