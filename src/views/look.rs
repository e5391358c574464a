//! A look at one exchange, as it is journaled: who, at what, in clear or hidden.

use crate::domain::exchange::ExchangeId;
use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;

/// The record of a look.
pub fn draft(exchange: ExchangeId, who: &str, reveal: bool, at_unix_ns: i64) -> Draft {
    let mut draft = Draft::new(Kind::OperatorAct);
    draft.header.exchange_id = exchange;
    draft.header.at_unix_ns = at_unix_ns;
    draft.facts.text(Fact::Who, who);
    draft.facts.text(Fact::Reason, if reveal { "look, personal data in clear" } else { "look, personal data hidden" });
    draft.facts.text(Fact::Name, &exchange.to_string());
    draft
}
