//! What a record leaves in the index: the tokens under which it is found again.

use crate::domain::class::Class;
use crate::domain::outcome::Outcome;
use crate::domain::token::Token;

use super::composite::{Delivery, erased};
use super::facts::{Fact, Facts};
use super::record::{Header, Kind, flag};
use super::tokens::{MSGID, Tokens, VISIT_SLOTS};

/// What a token of the index stands for. The byte values are stored in index runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EntryKind {
    /// A business key held, resolved, freed or about to be; or the day and institution of a ledger.
    Key = 1,
    /// A person within the institution.
    Fence = 2,
    /// A `setl_id`.
    Settlement = 3,
    /// A msgid, or the alias of a repeat.
    Msgid = 4,
    /// A visit whose fee lines were confirmed: the generation of its key may move.
    Stage = 5,
    /// An exchange: the token is its id.
    Exchange = 6,
    /// A visit that a confirmed call with a business key made or settled.
    Visit = 7,
    /// A business key without the fields that a HIS changes on a retry.
    Like = 8,
    /// A visit, whatever institution called (`VISIT_SLOTS`): each exchange whose key slot belongs to it, once, and its erasures.
    Slot = 9,
    /// A person within the institution for whom money was asked: the fence looks here.
    Charge = 10,
}

impl EntryKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [EntryKind; 10] = [
        EntryKind::Key,
        EntryKind::Fence,
        EntryKind::Settlement,
        EntryKind::Msgid,
        EntryKind::Stage,
        EntryKind::Exchange,
        EntryKind::Visit,
        EntryKind::Like,
        EntryKind::Slot,
        EntryKind::Charge,
    ];

    /// The kind a stored byte means; `None` for a byte of a later format.
    pub fn from_code(code: u8) -> Option<EntryKind> {
        EntryKind::ALL.get(usize::from(code).wrapping_sub(1)).copied()
    }
}

/// One line of the index, less the place of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    /// What is looked up.
    pub token: Token,
    /// As what.
    pub kind: EntryKind,
}

/// The entries of a record, made from its clear part alone, so that the index can be rebuilt without a key.
pub fn index_entries(header: &Header, facts: &Facts, tokens: &Tokens) -> Vec<Entry> {
    let mut found = Found(Vec::new());
    let msgid = |fact| facts.text_of(fact).map_or(Token::NONE, |text| tokens.of(MSGID, text));
    let exchange = Token(header.exchange_id.0);
    let has_slot = header.key_slot != 0 || header.known_kind() == Some(Kind::Erasure);
    let visit = facts.text_of(Fact::MdtrtId).filter(|_| has_slot).map_or(Token::NONE, |id| tokens.of(VISIT_SLOTS, id));
    match header.known_kind() {
        Some(Kind::Intent) => {
            found.add(EntryKind::Key, header.key_token);
            // An undo stands against the key from the moment it may leave.
            found.add(EntryKind::Key, facts.token_of(Fact::FreesKey).unwrap_or_default());
            found.add(EntryKind::Fence, header.fence_token);
            if header.class == Class::Money as u8 {
                found.add(EntryKind::Charge, header.fence_token);
            }
            found.add(EntryKind::Settlement, header.settlement_token);
            found.add(EntryKind::Msgid, msgid(Fact::Msgid));
            found.add(EntryKind::Like, facts.token_of(Fact::LikeKey).unwrap_or_default());
            found.add(EntryKind::Slot, visit);
            found.add(EntryKind::Exchange, exchange);
        }
        Some(Kind::Outcome) => {
            found.add(EntryKind::Key, header.key_token);
            found.add(EntryKind::Key, facts.token_of(Fact::FreesKey).unwrap_or_default());
            found.add(EntryKind::Fence, header.fence_token);
            found.add(EntryKind::Settlement, header.settlement_token);
            if header.outcome == Outcome::Confirmed as u8 {
                if header.class == Class::Stage as u8 {
                    found.add(EntryKind::Stage, header.visit_token);
                } else if !header.key_token.is_none() {
                    found.add(EntryKind::Visit, header.visit_token);
                }
            }
            // The INTENT stands under the visit that the call names; here, the one that only the answer named. An OUTCOME
            // without the flag is of a version that did not say which.
            if facts.number_of(Fact::LinkedSlot).is_some() || !header.has(flag::ERASABLE) {
                found.add(EntryKind::Slot, visit);
            }
            found.add(EntryKind::Exchange, exchange);
        }
        Some(Kind::Note) => {
            found.add(EntryKind::Key, header.key_token);
            found.add(EntryKind::Msgid, msgid(Fact::Alias));
            found.add(EntryKind::Exchange, exchange);
        }
        Some(Kind::Erasure) => {
            found.add(EntryKind::Slot, visit);
            erased(facts).for_each(|id| found.add(EntryKind::Exchange, Token(id.0)));
        }
        Some(Kind::Decision | Kind::Ledger | Kind::Statement | Kind::Difference) => {
            found.add(EntryKind::Key, header.key_token);
            found.add(EntryKind::Exchange, exchange);
        }
        Some(Kind::Deliveries) => {
            Delivery::all(facts).for_each(|delivery| found.add(EntryKind::Exchange, Token(delivery.exchange_id.0)))
        }
        _ => {}
    }
    found.0
}

struct Found(Vec<Entry>);

impl Found {
    /// Adds an entry, unless there is no token or it stands there already.
    fn add(&mut self, kind: EntryKind, token: Token) {
        let entry = Entry { token, kind };
        if !token.is_none() && !self.0.contains(&entry) {
            self.0.push(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::exchange::{ExchangeId, Seq};
    use crate::domain::outcome::Told;
    use crate::journal::entropy::SeededEntropy;
    use crate::journal::pool_key::PoolKey;

    fn header(kind: Kind, class: Class, outcome: Option<Outcome>) -> Header {
        let token = |byte| Token([byte; 16]);
        Header {
            class: class as u8,
            outcome: outcome.map_or(0, |outcome| outcome as u8),
            exchange_id: ExchangeId([9; 16]),
            key_token: token(1),
            fence_token: token(2),
            settlement_token: token(3),
            visit_token: token(5),
            ..Header::new(kind)
        }
    }

    #[test]
    fn each_kind_is_found_by_what_it_decides() {
        use EntryKind::*;
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(dir.path(), true, &PoolKey::for_tests(1), &SeededEntropy::new(1)).unwrap();
        let (first, alias) = (tokens.of(MSGID, "H1"), tokens.of(MSGID, "H2"));
        let mut facts = Facts::default();
        facts.text(Fact::Msgid, "H1");
        facts.text(Fact::Alias, "H2");
        facts.token(Fact::FreesKey, Token([6; 16]));
        for exchange in [[7; 16], [8; 16], [7; 16]] {
            let told = Told::Success;
            let delivery =
                Delivery { intent: Seq(4), exchange_id: ExchangeId(exchange), told, bytes: 1, at_unix_ns: 2 };
            facts.bytes(Fact::Delivery, delivery.encode());
        }
        let token = |byte| Token([byte; 16]);
        let check = |kind, class, outcome, expected: &[(EntryKind, Token)]| {
            let entries = index_entries(&header(kind, class, outcome), &facts, &tokens);
            let got: Vec<_> = entries.into_iter().map(|entry| (entry.kind, entry.token)).collect();
            assert_eq!(got, expected, "{kind:?} {class:?} {outcome:?}");
        };
        let freed = [(Key, token(1)), (Key, token(6)), (Fence, token(2)), (Settlement, token(3))];
        let with = |more: &[(EntryKind, Token)]| [&freed[..], more].concat();
        check(Kind::Intent, Class::Upload, None, &with(&[(Msgid, first), (Exchange, token(9))]));
        let charged = [(Charge, token(2)), (Settlement, token(3)), (Msgid, first), (Exchange, token(9))];
        check(Kind::Intent, Class::Money, None, &[&freed[..3], &charged].concat());
        let outcome = |more: &[(EntryKind, Token)]| [&freed[..], more].concat();
        check(
            Kind::Outcome,
            Class::Money,
            Some(Outcome::Confirmed),
            &outcome(&[(Visit, token(5)), (Exchange, token(9))]),
        );
        check(Kind::Outcome, Class::Stage, Some(Outcome::Unknown), &outcome(&[(Exchange, token(9))]));
        let staged = outcome(&[(Stage, token(5)), (Exchange, token(9))]);
        check(Kind::Outcome, Class::Stage, Some(Outcome::Confirmed), &staged);
        check(Kind::Note, Class::Money, None, &[(Key, token(1)), (Msgid, alias), (Exchange, token(9))]);
        check(Kind::Decision, Class::Money, None, &[(Key, token(1)), (Exchange, token(9))]);
        check(Kind::Deliveries, Class::Money, None, &[(Exchange, token(7)), (Exchange, token(8))]);
        for quiet in [Kind::Carry, Kind::Opened, Kind::Snapshot, Kind::Refusals, Kind::Mark, Kind::SegmentClose] {
            check(quiet, Class::Money, None, &[]);
        }
    }

    #[test]
    fn an_exchange_stands_once_under_the_visit_that_its_slot_belongs_to() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(dir.path(), true, &PoolKey::for_tests(1), &SeededEntropy::new(1)).unwrap();
        let visit = tokens.of(VISIT_SLOTS, "V1");
        let stands = |kind, slot, flags, facts: &Facts| {
            let header = Header { key_slot: slot, flags, ..header(kind, Class::Money, Some(Outcome::Confirmed)) };
            let entries = index_entries(&header, facts, &tokens);
            let slots: Vec<_> = entries.into_iter().filter(|entry| entry.kind == EntryKind::Slot).collect();
            assert!(slots.iter().all(|entry| entry.token == visit));
            slots.len()
        };
        let (mut facts, none) = (Facts::default(), Facts::default());
        facts.text(Fact::MdtrtId, "V1");
        let mut linked = facts.clone();
        linked.number(Fact::LinkedSlot, 7);
        assert_eq!(stands(Kind::Intent, 7, flag::ERASABLE, &facts), 1);
        assert_eq!(stands(Kind::Intent, 0, 0, &facts), 0, "no slot");
        assert_eq!(stands(Kind::Intent, 7, 0, &none), 0, "no visit");
        assert_eq!(stands(Kind::Outcome, 7, flag::ERASABLE, &facts), 0, "its INTENT stands there");
        assert_eq!(stands(Kind::Outcome, 7, flag::ERASABLE, &linked), 1, "only the answer named the visit");
        assert_eq!(stands(Kind::Outcome, 7, 0, &facts), 1, "an earlier version");
        assert_eq!(stands(Kind::Erasure, 0, 0, &facts), 1);
        assert_eq!(stands(Kind::Note, 7, 0, &facts), 0);
    }

    #[test]
    fn stored_numbers_read_back() {
        for kind in EntryKind::ALL {
            assert_eq!(EntryKind::from_code(kind as u8), Some(kind));
        }
        assert_eq!((EntryKind::from_code(0), EntryKind::from_code(11)), (None, None));
    }
}
