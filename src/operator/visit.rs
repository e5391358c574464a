//! What belongs to a visit: every exchange that names it in request or answer, those that name a settlement of it, and those
//! that undo one of them. Found by the journal's own index; the views may be gone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;

use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::outcome::Outcome;
use crate::domain::token::Token;
use crate::journal::composite::erased_slots;
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::journal::tokens::VISIT_SLOTS;
use crate::journal::{Journal, Place, ReadError, Record};

/// Exchanges of one visit; one with more is not a visit, and what is done to it at once must fit one record.
pub const EXCHANGES_MAX: usize = 20_000;

/// A visit as the journal knows it.
#[derive(Debug, Default)]
pub struct Visit {
    /// 就诊ID.
    pub mdtrt_id: String,
    /// Its exchanges.
    pub exchanges: BTreeMap<ExchangeId, Exchange>,
    /// Slots that an Erasure of this visit names already, and the last such record.
    pub erased: BTreeSet<u64>,
    /// Number of that record.
    pub erasure: Option<Seq>,
}

/// One exchange of a visit.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Number of its INTENT.
    pub intent: Seq,
    /// 交易编号.
    pub infno: String,
    /// 定点医药机构编号; empty when the call named none.
    pub institution: String,
    /// Class as stored.
    pub class: u8,
    /// Its business key, or none.
    pub key_token: Token,
    /// Its visit, within the institution.
    pub visit_token: Token,
    /// The last outcome; `None` while there is none.
    pub outcome: Option<Outcome>,
    /// When that was, or when it was intended.
    pub at_unix_ns: i64,
    /// Settlements it names or made.
    pub setl_ids: BTreeSet<String>,
    /// Key slots of its records.
    pub slots: BTreeSet<u64>,
}

/// Finds a visit.
///
/// # Errors
/// When the index or a record cannot be read, or when there is too much of it.
pub fn find(journal: &Journal, mdtrt_id: &str) -> Result<Visit, FindError> {
    let mut search =
        Search { journal, visit: Visit { mdtrt_id: mdtrt_id.to_owned(), ..Visit::default() }, wanted: VecDeque::new() };
    for place in journal.lookup(EntryKind::Slot, journal.tokens().of(VISIT_SLOTS, mdtrt_id))? {
        let record = journal.read(place)?;
        if record.header.known_kind() == Some(Kind::Erasure) {
            search.visit.erased.extend(erased_slots(&record.facts));
            search.visit.erasure = Some(record.header.seq);
        } else {
            search.wanted.push_back(record.header.exchange_id);
        }
    }
    while let Some(id) = search.wanted.pop_front() {
        search.take(id)?;
    }
    Ok(search.visit)
}

struct Search<'a> {
    journal: &'a Journal,
    visit: Visit,
    wanted: VecDeque<ExchangeId>,
}

impl Search<'_> {
    /// Takes an exchange up, and looks for what is bound to it.
    fn take(&mut self, id: ExchangeId) -> Result<(), FindError> {
        if self.visit.exchanges.contains_key(&id) {
            return Ok(());
        }
        let Some((exchange, mdtrt_ids)) = self.read(id)? else { return Ok(()) };
        // A settlement's number may come from a call that names another visit.
        if !mdtrt_ids.is_empty() && !mdtrt_ids.contains(&self.visit.mdtrt_id) {
            return Ok(());
        }
        if EXCHANGES_MAX <= self.visit.exchanges.len() {
            return Err(FindError::TooMany);
        }
        for setl_id in &exchange.setl_ids {
            let token = self.journal.tokens().of("setl_id", &format!("{}\n{setl_id}", exchange.institution));
            self.want(EntryKind::Settlement, token, |_| true)?;
        }
        // What undoes it names its key and its INTENT.
        let intent = exchange.intent;
        self.want(EntryKind::Key, exchange.key_token, |record| {
            record.facts.number_of(Fact::UndoesSeq) == Some(intent.0)
        })?;
        self.visit.exchanges.insert(id, exchange);
        Ok(())
    }

    fn want(&mut self, kind: EntryKind, token: Token, is_meant: impl Fn(&Record) -> bool) -> Result<(), FindError> {
        if token.is_none() {
            return Ok(());
        }
        for place in self.journal.lookup(kind, token)? {
            let record = self.journal.read(place)?;
            let begins = record.header.known_kind() == Some(Kind::Intent) || kind == EntryKind::Settlement;
            if begins && is_meant(&record) {
                self.wanted.push_back(record.header.exchange_id);
            }
        }
        Ok(())
    }

    /// An exchange folded from its records, and the visits that they name; `None` when it has no INTENT.
    fn read(&self, id: ExchangeId) -> Result<Option<(Exchange, BTreeSet<String>)>, FindError> {
        let (mut found, mut mdtrt_ids): (Option<Exchange>, _) = (None, BTreeSet::new());
        for place in self.journal.lookup(EntryKind::Exchange, Token(id.0))? {
            let record = self.read_at(place)?;
            let own = record.header.exchange_id == id;
            match record.header.known_kind() {
                Some(Kind::Intent) if own => found = Some(Exchange::of_intent(&record)),
                Some(Kind::Outcome) if own => {
                    if let Some(exchange) = &mut found {
                        exchange.end(&record);
                    }
                }
                _ => continue,
            }
            mdtrt_ids.extend(record.facts.text_of(Fact::MdtrtId).map(str::to_owned));
        }
        Ok(found.map(|exchange| (exchange, mdtrt_ids)))
    }

    fn read_at(&self, place: Place) -> Result<Record, ReadError> {
        self.journal.read(place)
    }
}

impl Exchange {
    fn of_intent(intent: &Record) -> Exchange {
        let text = |fact| intent.facts.text_of(fact).unwrap_or_default().to_owned();
        let header = &intent.header;
        let mut exchange = Exchange {
            intent: header.seq,
            infno: text(Fact::Infno),
            institution: text(Fact::FixmedinsCode),
            class: header.class,
            key_token: header.key_token,
            visit_token: header.visit_token,
            outcome: None,
            at_unix_ns: header.at_unix_ns,
            setl_ids: BTreeSet::new(),
            slots: BTreeSet::new(),
        };
        exchange.add(intent);
        exchange
    }

    fn end(&mut self, outcome: &Record) {
        self.outcome = Outcome::from_code(outcome.header.outcome);
        self.at_unix_ns = outcome.header.at_unix_ns;
        self.visit_token = outcome.header.visit_token;
        self.add(outcome);
    }

    fn add(&mut self, record: &Record) {
        self.slots.extend(Some(record.header.key_slot).filter(|slot| *slot != 0));
        self.setl_ids.extend(record.facts.all(Fact::SetlId).map(|id| String::from_utf8_lossy(id).into_owned()));
    }
}

/// Why a visit cannot be looked up.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The index.
    #[error("the index cannot be read: {0}")]
    Index(#[from] io::Error),
    /// A record.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It has more exchanges than a visit has.
    #[error("more than {EXCHANGES_MAX} exchanges name it, so it is no visit")]
    TooMany,
}
