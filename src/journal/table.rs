//! What a segment must know of the ones before it: exchanges whose end is not known, the snapshots in force, the edge of the
//! tree, and how much of the front was trimmed. Carry takes all four over each roll.

use std::collections::BTreeMap;

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::outcome::Outcome;
use crate::domain::token::Token;

use super::facts::{Fact, Facts};
use super::place::Place;
use super::record::{Chain, Header, Kind};
use super::tree::Frontier;

/// An exchange with an INTENT and no final outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenExchange {
    /// Number of its INTENT.
    pub seq: Seq,
    /// Its id.
    pub exchange_id: ExchangeId,
    /// Its class.
    pub class: Class,
    /// When the INTENT was made.
    pub at_unix_ns: i64,
    /// Its business key, or none.
    pub key_token: Token,
    /// Where its INTENT stands.
    pub place: Place,
    /// True when an outcome was recorded, and it was Unknown; false while there is none.
    pub unknown: bool,
}

/// Bytes of one exchange in a Carry: tag and length, then the value of [`OpenExchange::encode`].
pub const CARRY_ENTRY_LEN: u64 = 6 + VALUE_LEN as u64;
const VALUE_LEN: usize = 8 + 1 + 8 + 4 + 4 + 1 + 16 + 16;

impl OpenExchange {
    fn of_intent(header: &Header, place: Place) -> OpenExchange {
        OpenExchange {
            seq: place.seq,
            exchange_id: header.exchange_id,
            class: Class::from_code(header.class).unwrap_or(Class::Unclassified),
            at_unix_ns: header.at_unix_ns,
            key_token: header.key_token,
            place,
            unknown: false,
        }
    }

    /// seq u64, class u8, at i64, segment u32, offset u32, unknown u8, exchange id, key token.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(VALUE_LEN);
        out.extend_from_slice(&self.seq.0.to_le_bytes());
        out.push(self.class as u8);
        out.extend_from_slice(&self.at_unix_ns.to_le_bytes());
        out.extend_from_slice(&self.place.segment_no.to_le_bytes());
        out.extend_from_slice(&self.place.offset.to_le_bytes());
        out.push(u8::from(self.unknown));
        out.extend_from_slice(&self.exchange_id.0);
        out.extend_from_slice(&self.key_token.0);
        out
    }

    /// Reads a value back; `None` when it is too short.
    pub fn decode(value: &[u8]) -> Option<OpenExchange> {
        let (seq, rest) = value.split_first_chunk::<8>()?;
        let (class, rest) = rest.split_first()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (segment_no, rest) = rest.split_first_chunk::<4>()?;
        let (offset, rest) = rest.split_first_chunk::<4>()?;
        let (unknown, rest) = rest.split_first()?;
        let (exchange_id, rest) = rest.split_first_chunk::<16>()?;
        let (key_token, _) = rest.split_first_chunk::<16>()?;
        let seq = Seq(u64::from_le_bytes(*seq));
        Some(OpenExchange {
            seq,
            exchange_id: ExchangeId(*exchange_id),
            class: Class::from_code(*class).unwrap_or(Class::Unclassified),
            at_unix_ns: i64::from_le_bytes(*at),
            key_token: Token(*key_token),
            place: Place { segment_no: u32::from_le_bytes(*segment_no), offset: u32::from_le_bytes(*offset), seq },
            unknown: *unknown != 0,
        })
    }
}

/// What a segment must know of the ones before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    open: BTreeMap<Seq, OpenExchange>,
    snapshots: BTreeMap<String, Seq>,
    tree: Frontier,
    trimmed_to: Seq,
}

impl Table {
    /// Takes a durable record into account; `facts` are asked only for the rare kinds that need them.
    pub fn apply(&mut self, header: &Header, place: Place, facts: impl FnOnce() -> Facts) {
        match header.known_kind() {
            Some(Kind::Intent) => {
                self.open.insert(place.seq, OpenExchange::of_intent(header, place));
            }
            Some(Kind::Outcome) => self.end(header),
            Some(Kind::Snapshot) => {
                let facts = facts();
                // A copy of one that was trimmed changes nothing that is in force.
                let name = facts.text_of(Fact::Name).filter(|_| facts.number_of(Fact::SnapshotWas).is_none());
                if let Some(name) = name {
                    self.snapshots.insert(name.to_owned(), place.seq);
                }
            }
            Some(Kind::Carry) => self.take_over(place.seq, &facts()),
            Some(Kind::OperatorAct) => self.trim(&facts()),
            Some(Kind::Decision) => self.know(&facts()),
            _ => {}
        }
    }

    /// An Unknown stays listed until a later record cites evidence; where nothing was acted on there is nothing to find out.
    fn end(&mut self, outcome: &Header) {
        let Some(exchange) = self.open.get_mut(&outcome.ref_seq) else { return };
        if Outcome::from_code(outcome.outcome) == Some(Outcome::Unknown) && exchange.class.acts() {
            exchange.unknown = true;
        } else {
            self.open.remove(&outcome.ref_seq);
        }
    }

    /// Proof from outside the line ends an Unknown as a later OUTCOME does.
    fn know(&mut self, said: &Facts) {
        for seq in said.numbers_of(Fact::KnownSeq).map(Seq) {
            if self.open.get(&seq).is_some_and(|exchange| exchange.unknown) {
                self.open.remove(&seq);
            }
        }
    }

    fn trim(&mut self, said: &Facts) {
        self.trimmed_to = self.trimmed_to.max(Seq(said.number_of(Fact::TrimmedTo).unwrap_or(0)));
    }

    /// Number of the first record that a trim left; none when there was no trim.
    pub fn trimmed_to(&self) -> Seq {
        self.trimmed_to
    }

    /// Adds the record that was just applied to the tree.
    pub fn grow(&mut self, chain: &Chain) {
        self.tree.push(chain);
    }

    /// Puts another tree over the same records.
    pub fn replant(&mut self, tree: Frontier) {
        self.tree = tree;
    }

    fn take_over(&mut self, seq: Seq, carry: &Facts) {
        if let Some(peaks) = carry.all(Fact::Frontier).next()
            && let Some(tree) = Frontier::decode(seq.0.saturating_sub(1), peaks)
        {
            self.tree = tree;
        }
        self.trim(carry);
        for exchange in carry.all(Fact::OpenIntent).filter_map(OpenExchange::decode) {
            self.open.insert(exchange.seq, exchange);
        }
        for (name, seq) in carry.all_named(Fact::SnapshotRef) {
            if let Ok(seq) = seq.try_into() {
                self.snapshots.insert(name.to_owned(), Seq(u64::from_le_bytes(seq)));
            }
        }
    }

    /// Open exchanges, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &OpenExchange> {
        self.open.values()
    }

    /// How many are open.
    pub fn open_len(&self) -> usize {
        self.open.len()
    }

    /// The tree over the records applied.
    pub fn tree(&self) -> &Frontier {
        &self.tree
    }

    /// The snapshot last journaled under a name.
    pub fn snapshot(&self, name: &str) -> Option<Seq> {
        self.snapshots.get(name).copied()
    }

    /// All snapshots in force, by name.
    pub fn snapshots(&self) -> impl Iterator<Item = (&str, Seq)> {
        self.snapshots.iter().map(|(name, seq)| (name.as_str(), *seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(seq: u64) -> Place {
        Place { segment_no: 1, offset: 4096 + 8 * seq as u32, seq: Seq(seq) }
    }

    fn intent(class: Class) -> Header {
        Header {
            class: class as u8,
            exchange_id: ExchangeId([5; 16]),
            key_token: Token([6; 16]),
            at_unix_ns: -7,
            ..Header::new(Kind::Intent)
        }
    }

    fn outcome(of: u64, outcome: Outcome) -> Header {
        Header { ref_seq: Seq(of), outcome: outcome as u8, ..Header::new(Kind::Outcome) }
    }

    #[test]
    fn only_a_final_outcome_closes_what_acted() {
        let rows = [
            (Class::Money, vec![Outcome::Unknown], 1),
            (Class::Money, vec![Outcome::Unknown, Outcome::Confirmed], 0),
            (Class::Money, vec![Outcome::Refused], 0),
            (Class::Query, vec![Outcome::Unknown], 0),
            (Class::Unclassified, vec![], 1),
        ];
        for (class, outcomes, left) in rows {
            let mut table = Table::default();
            table.apply(&intent(class), place(1), Facts::default);
            for end in outcomes {
                table.apply(&outcome(1, end), place(2), Facts::default);
            }
            assert_eq!(table.open_len(), left, "{class:?}");
        }
    }

    #[test]
    fn proof_ends_an_unknown_and_no_call_that_is_under_way() {
        let proof = || {
            let mut facts = Facts::default();
            facts.number(Fact::KnownSeq, 9);
            facts.number(Fact::KnownSeq, 1);
            facts
        };
        let mut table = Table::default();
        table.apply(&intent(Class::Money), place(1), Facts::default);
        table.apply(&Header::new(Kind::Decision), place(2), proof);
        assert_eq!(table.open_len(), 1);
        table.apply(&outcome(1, Outcome::Unknown), place(3), Facts::default);
        table.apply(&Header::new(Kind::Decision), place(4), proof);
        assert_eq!(table.open_len(), 0);
    }

    #[test]
    fn an_open_exchange_reads_back() {
        let mut exchange = OpenExchange::of_intent(&intent(Class::Stage), place(3));
        exchange.unknown = true;
        let bytes = exchange.encode();
        assert_eq!(bytes.len(), VALUE_LEN);
        assert_eq!(OpenExchange::decode(&bytes), Some(exchange));
        assert_eq!(OpenExchange::decode(&bytes[1..]), None);
    }
}
