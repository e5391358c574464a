//! The book of cases: records in, sides and cases out. One SQLite file, derived from the journal and deletable.
//!
//! A batch is one transaction with the position in it, so that a record counts once or, after a crash, is taken again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Row, ToSql, params};

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Origin, Seq};
use crate::domain::moment::days_ns;
use crate::domain::outcome::{Outcome, Told};
use crate::domain::token::Token;
use crate::journal::Record;
use crate::journal::composite::Delivery;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::profile::Profile;
use crate::views::Trouble;
use crate::views::follower::{Derived, Taking};

use crate::exchange::decision::{Evidence, Step, knew};
use crate::exchange::side::{Case, Side, is_watched};
use crate::exchange::stand::{Cause, Platform, Shown};
use crate::exchange::weigh::repeats;

use super::derived::{DerivedFile, Form, PLAIN_CACHE_KIB};

/// Sides that never were a case are let go after this time: a settlement year and a month.
const KEPT_DAYS: u64 = 400;

/// Its version moves when tables or folding change.
pub(super) const FORM: Form = Form {
    name: "cases.sqlite",
    version: 4,
    cache_kib: PLAIN_CACHE_KIB,
    schema: "
CREATE TABLE side (intent INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, at INTEGER NOT NULL, class INTEGER NOT NULL, infno TEXT NOT NULL,
  msgid TEXT NOT NULL, fixmedins_code TEXT NOT NULL, mdtrt_id TEXT NOT NULL, setl_id TEXT NOT NULL, at_stake INTEGER, key BLOB NOT NULL,
  settlement BLOB NOT NULL, undoes INTEGER NOT NULL, platform INTEGER NOT NULL, why INTEGER NOT NULL, told INTEGER NOT NULL,
  shown INTEGER NOT NULL, evidence INTEGER NOT NULL, person BLOB NOT NULL, self_paid INTEGER NOT NULL,
  breaks_law INTEGER NOT NULL, saying TEXT NOT NULL, differs INTEGER, cause INTEGER, opened INTEGER, closed INTEGER, closing INTEGER) STRICT;
CREATE INDEX side_by_key ON side (key) WHERE key <> x'00000000000000000000000000000000';
CREATE INDEX side_by_settlement ON side (settlement) WHERE settlement <> x'00000000000000000000000000000000';
CREATE INDEX side_by_person ON side (person) WHERE cause IS NOT NULL AND closed IS NULL;
CREATE TABLE decided (seq INTEGER PRIMARY KEY, intent INTEGER NOT NULL, at INTEGER NOT NULL, step TEXT NOT NULL, who TEXT NOT NULL,
  says TEXT NOT NULL, evidence INTEGER NOT NULL) STRICT;
CREATE INDEX decided_by_intent ON decided (intent, seq);
CREATE INDEX side_untold ON side (intent) WHERE told = 0;
CREATE INDEX side_by_case ON side (closed, opened) WHERE cause IS NOT NULL;
",
};
/// All columns of a side, in the order in which they are read and written.
pub(super) const COLUMNS: &str = "intent, id, at, class, infno, msgid, fixmedins_code, mdtrt_id, setl_id, at_stake, key, settlement, \
    undoes, platform, why, told, shown, evidence, person, self_paid, breaks_law, saying, differs, cause, opened, closed, closing";

/// Where the book stands, and whose words prove that the HIS has booked something.
pub struct Folder {
    /// The folder.
    pub dir: PathBuf,
    /// What the profile says of transactions.
    pub traits: Traits,
}

/// What the profile says of the transactions by which a HIS shows what it has done.
#[derive(Debug, Clone, Default)]
pub struct Traits {
    /// Naming a settlement, they prove that the HIS has booked it (`money.md` §6).
    pub acknowledging: BTreeSet<String>,
    /// They say that the person has paid in cash (`money.md` §5): always, or where a dimension is said (`mdtrt_setl_type=2`).
    pub self_paying: BTreeMap<String, String>,
}

impl Traits {
    /// As a profile has them.
    pub fn of(profile: &Profile) -> Traits {
        let acknowledging = profile.transactions().filter(|one| one.acknowledges).map(|one| one.infno.clone());
        let self_paying = profile.transactions().filter_map(|one| Some((one.infno.clone(), one.self_pays.clone()?)));
        Traits { acknowledging: acknowledging.collect(), self_paying: self_paying.collect() }
    }

    /// Whether a call says that its person pays in cash.
    fn is_self_paid(&self, intent: &Record) -> bool {
        let infno = intent.facts.text_of(Fact::Infno).unwrap_or_default();
        let Some(says) = self.self_paying.get(infno) else { return false };
        let said = |field: &str, value: &str| {
            let mut dimensions = intent.facts.all_named(Fact::Dimension);
            dimensions.any(|(name, said)| name.eq_ignore_ascii_case(field) && said == value.as_bytes())
        };
        says.split_once('=').is_none_or(|(field, value)| said(field, value))
    }
}

impl Derived for Folder {
    type Store = Book;
    const NAME: &'static str = "cases";

    fn open(&self, identity: Token, durable: Seq) -> Result<Book, Trouble> {
        Book::open(&self.dir, self.traits.clone(), identity, durable)
    }

    fn wipe(&self) -> io::Result<()> {
        DerivedFile::wipe(&self.dir, FORM)
    }
}

/// The book, open for the one who writes it.
pub struct Book {
    file: DerivedFile,
    traits: Traits,
    touched: usize,
}

impl Book {
    /// Opens the book of a journal, or makes it.
    ///
    /// # Errors
    /// `Stale` when it must be wiped first; others when the disk says no.
    pub fn open(dir: &Path, traits: Traits, identity: Token, durable: Seq) -> Result<Book, Trouble> {
        let file = DerivedFile::open(dir, FORM, &identity_of(identity, &traits), durable)?;
        Ok(Book { file, traits, touched: 0 })
    }

    fn intended(&self, record: &Record) -> Result<(), Trouble> {
        if is_watched(record) {
            self.save(&Side::begin(record))?;
        }
        if let Some(undone) = record.facts.number_of(Fact::UndoesSeq) {
            self.change("intent", &undone.cast_signed(), record, Side::undo_begins)?;
        }
        let infno = record.facts.text_of(Fact::Infno).unwrap_or_default();
        let settlement = record.header.settlement_token;
        let by_his = record.header.origin == Origin::His as u8;
        if by_his && !settlement.is_none() && self.traits.acknowledging.contains(infno) {
            self.change("settlement", &settlement.0, record, Side::booked)?;
        }
        let person = record.header.fence_token;
        if by_his && !person.is_none() && self.traits.is_self_paid(record) {
            let open = "cause IS NOT NULL AND closed IS NULL AND person";
            self.change(open, &person.0, record, |side| side.self_paid_by(record.header.seq))?;
        }
        Ok(())
    }

    fn ended(&self, record: &Record) -> Result<(), Trouble> {
        let (mut undid, mut undoes) = (false, Seq::NONE);
        self.change("intent", &record.header.ref_seq.0.cast_signed(), record, |side| {
            side.end(record);
            undid = side.class == Class::Reversal && side.platform == Platform::Did;
            undoes = side.undoes;
        })?;
        if undid && !record.header.key_token.is_none() {
            // A cancel is asked again until it is answered: what this one says holds for those before.
            self.change("key", &record.header.key_token.0, record, |side| {
                if side.platform == Platform::Perhaps {
                    (side.platform, side.shown) = (Platform::Did, Shown::Booked);
                }
            })?;
        }
        let by_his = record.header.origin == Origin::His as u8;
        if let Some(undone) = record.facts.number_of(Fact::FreesSeq) {
            self.change("intent", &undone.cast_signed(), record, |side| side.undone(by_his))?;
        } else if record.header.outcome == Outcome::Refused as u8 && undoes != Seq::NONE && !undid {
            self.change("intent", &undoes.0.cast_signed(), record, Side::undo_refused)?;
        }
        Ok(())
    }

    /// Somebody or something decided about an exchange.
    fn decided(&self, record: &Record) -> Result<(), Trouble> {
        let Some(step) = Step::of(record) else { return Ok(()) };
        let (seq, intent) = (as_stored(record.header.seq), as_stored(record.header.ref_seq));
        let text = |fact| record.facts.text_of(fact).unwrap_or_default();
        let proven = |name| knew(record, name).filter(|_| step == Step::Evidence);
        let texts = [text(Fact::Name), text(Fact::Text), text(Fact::Reason)].map(Some);
        let known =
            [knew(record, "end"), knew(record, "infno"), knew(record, "stands"), proven("platform"), proven("his")];
        let says: Vec<&str> = texts.into_iter().chain(known).flatten().filter(|part| !part.is_empty()).collect();
        let evidence = record.facts.number_of(Fact::EvidenceSeq).unwrap_or(0).cast_signed();
        let mut save = self
            .file
            .connection()
            .prepare_cached("INSERT OR REPLACE INTO decided VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        let who = text(Fact::Who);
        save.execute(params![seq, intent, record.header.at_unix_ns, step.word(), who, says.join("；"), evidence])?;
        match Evidence::of(record) {
            Some(evidence) => {
                self.change("intent", &intent, record, |side| side.proven(evidence, record.facts.text_of(Fact::SetlId)))
            }
            None => Ok(()),
        }
    }

    /// The ledgers of a day differ about a row, or do no more.
    fn differed(&self, record: &Record) -> Result<(), Trouble> {
        let id = record.header.exchange_id.0;
        let known = "SELECT EXISTS (SELECT 1 FROM side WHERE id = ?1)";
        let is_known: bool = self.file.connection().prepare_cached(known)?.query_row([id], |row| row.get(0))?;
        if is_known {
            return self.change("id", &id, record, |side| side.differ(record));
        }
        let mut side = Side::begin(record);
        side.judge(record.header.seq, record.header.at_unix_ns);
        self.save(&side)
    }

    /// Changes the sides whose `column` holds a value, in order, and judges them anew.
    fn change(
        &self,
        column: &str,
        value: &dyn ToSql,
        record: &Record,
        mut change: impl FnMut(&mut Side),
    ) -> Result<(), Trouble> {
        let mut found = self
            .file
            .connection()
            .prepare_cached(&format!("SELECT {COLUMNS} FROM side WHERE {column} = ?1 ORDER BY intent"))?;
        let sides: Vec<Side> = found.query_map([value], read_side)?.collect::<Result<_, _>>()?;
        for before in sides {
            let mut side = before.clone();
            change(&mut side);
            if side == before {
                continue;
            }
            side.judge(record.header.seq, record.header.at_unix_ns);
            if side.is_over() {
                self.file
                    .connection()
                    .prepare_cached("DELETE FROM side WHERE intent = ?1")?
                    .execute([as_stored(side.intent)])?;
            } else {
                self.save(&side)?;
            }
        }
        Ok(())
    }

    fn save(&self, side: &Side) -> Result<(), Trouble> {
        let holes = vec!["?"; COLUMNS.split(',').count()].join(", ");
        let case = side.case.as_ref();
        let closed = case.and_then(|case| case.closed);
        self.file
            .connection()
            .prepare_cached(&format!("INSERT OR REPLACE INTO side ({COLUMNS}) VALUES ({holes})"))?
            .execute(params![
                as_stored(side.intent),
                side.id.0,
                side.at_unix_ns,
                side.class as u8,
                side.infno,
                side.msgid,
                side.fixmedins_code,
                side.mdtrt_id,
                side.setl_id,
                side.at_stake,
                side.key.0,
                side.settlement.0,
                as_stored(side.undoes),
                side.platform as u8,
                side.why,
                side.told.map_or(0, |told| told as u8),
                side.shown as u8,
                as_stored(side.evidence),
                side.person.0,
                as_stored(side.self_paid),
                side.breaks_law,
                side.saying,
                side.differs.map(|cause| cause as u8),
                case.map(|case| case.cause as u8),
                case.map(|case| case.opened_unix_ns),
                closed.map(|(at, _)| at),
                closed.map(|(_, seq)| as_stored(seq)),
            ])?;
        Ok(())
    }
}

impl Taking for Book {
    fn position(&self) -> Seq {
        self.file.position()
    }

    fn touched(&self) -> usize {
        self.touched
    }

    fn still_stands(&self) -> bool {
        self.file.still_stands()
    }

    fn take(&mut self, record: &Record) -> Result<(), Trouble> {
        self.file.batch()?;
        self.touched += 1;
        match record.header.known_kind() {
            Some(Kind::Intent) => self.intended(record),
            Some(Kind::Outcome) => self.ended(record),
            Some(Kind::Note) if repeats(record) => {
                self.change("intent", &as_stored(record.header.ref_seq), record, Side::given_again)
            }
            Some(Kind::Decision) => self.decided(record),
            Some(Kind::Difference) => self.differed(record),
            Some(Kind::Deliveries) => Delivery::all(&record.facts).try_for_each(|delivery| {
                self.change("id", &delivery.exchange_id.0, record, |side| side.hand_over(delivery.told))
            }),
            Some(Kind::Opened) => self.change("told", &0, record, Side::reopened),
            Some(Kind::SegmentOpen) => {
                let before = record.header.at_unix_ns - days_ns(KEPT_DAYS);
                self.file.connection().execute("DELETE FROM side WHERE cause IS NULL AND at < ?1", [before])?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn commit(&mut self, position: Seq) -> Result<(), Trouble> {
        self.file.commit(position)?;
        self.touched = 0;
        Ok(())
    }
}

fn as_stored(seq: Seq) -> i64 {
    seq.0.cast_signed()
}

/// The journal, and what the profile says of transactions: under other lists the book is another one.
fn identity_of(journal: Token, traits: &Traits) -> String {
    let mut named = format!("{journal} acknowledge");
    traits.acknowledging.iter().for_each(|infno| named.extend([" ", infno]));
    named.push_str(" self_pay");
    traits.self_paying.iter().for_each(|(infno, says)| named.extend([" ", infno, ":", says]));
    named
}

/// Reads a row of `SELECT COLUMNS`.
pub(super) fn read_side(row: &Row<'_>) -> rusqlite::Result<Side> {
    let seq = |place| row.get::<_, i64>(place).map(|seq| Seq(seq.cast_unsigned()));
    let platform: u8 = row.get(13)?;
    let shown: u8 = row.get(16)?;
    let closed = row.get::<_, Option<i64>>(25)?.map(|at| Ok::<_, rusqlite::Error>((at, seq(26)?))).transpose()?;
    let cause = row.get::<_, Option<u8>>(23)?.and_then(Cause::from_code);
    let opened_unix_ns = row.get::<_, Option<i64>>(24)?.unwrap_or_default();
    Ok(Side {
        intent: seq(0)?,
        id: ExchangeId(row.get(1)?),
        at_unix_ns: row.get(2)?,
        class: Class::from_code(row.get(3)?).unwrap_or(Class::Unclassified),
        infno: row.get(4)?,
        msgid: row.get(5)?,
        fixmedins_code: row.get(6)?,
        mdtrt_id: row.get(7)?,
        setl_id: row.get(8)?,
        at_stake: row.get(9)?,
        key: Token(row.get(10)?),
        settlement: Token(row.get(11)?),
        undoes: seq(12)?,
        platform: Platform::ALL.into_iter().find(|one| *one as u8 == platform).unwrap_or(Platform::Perhaps),
        why: row.get(14)?,
        told: Told::from_code(row.get(15)?),
        shown: Shown::ALL.into_iter().find(|one| *one as u8 == shown).unwrap_or(Shown::Nothing),
        evidence: seq(17)?,
        person: Token(row.get(18)?),
        self_paid: seq(19)?,
        breaks_law: row.get(20)?,
        saying: row.get(21)?,
        differs: row.get::<_, Option<u8>>(22)?.and_then(Cause::from_code),
        case: cause.map(|cause| Case { cause, opened_unix_ns, closed }),
    })
}
