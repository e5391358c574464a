//! A look at one exchange, as it is journaled: who, at what, in clear or hidden.

use crate::domain::exchange::{ExchangeId, Seq};
use crate::journal::draft::Draft;
use crate::journal::facts::{Fact, Facts};
use crate::journal::record::{Header, Kind};
use crate::journal::{Place, Record};

use super::read::Look;

/// The record of a look; `why` may be empty.
pub fn draft(exchange: ExchangeId, who: &str, reveal: bool, why: &str, at_unix_ns: i64) -> Draft {
    let mut draft = Draft::new(Kind::OperatorAct);
    draft.header.exchange_id = exchange;
    draft.header.at_unix_ns = at_unix_ns;
    draft.facts.text(Fact::Who, who);
    let look = if reveal { "look, personal data in clear" } else { "look, personal data hidden" };
    let reason = if why.is_empty() { look.to_owned() } else { format!("{look}: {why}") };
    draft.facts.text(Fact::Reason, &reason);
    draft.facts.text(Fact::Name, &exchange.to_string());
    draft
}

/// What the timeline needs of the record of a look that the views hold; the record itself is not read again.
pub fn record(exchange: ExchangeId, look: &Look) -> Record {
    let seq = Seq(look.seq);
    let header = Header { seq, exchange_id: exchange, at_unix_ns: look.at_unix_ns, ..Header::new(Kind::OperatorAct) };
    let mut facts = Facts::default();
    facts.text(Fact::Who, &look.who);
    facts.text(Fact::Reason, &look.reason);
    Record { place: Place { segment_no: 0, offset: 0, seq }, header, facts, payload: Vec::new() }
}
