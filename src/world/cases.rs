//! The book of cases over a journal, built in one go: what the follower does, without its thread.

use std::io;
use std::path::Path;

use super::gateway::profile;
use super::{Canary, World};
use crate::domain::exchange::Seq;
use crate::domain::outcome::Outcome;
use crate::domain::outcome::Told;
use crate::journal::composite::Delivery;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::journal::{Journal, Record};
use crate::reconcile::book::{Folder, Traits};
use crate::reconcile::cases::{CaseShown, Wanted};
use crate::reconcile::{Book, Cases};
use crate::views::follower::{Derived, Taking};

impl World {
    /// Every record of the journal.
    pub(super) fn records(&self, journal: &Journal) -> io::Result<Vec<Record>> {
        let mut reader = journal.records(Seq(1));
        let mut records = Vec::new();
        while let Some(record) = reader.next_record().map_err(io::Error::other)? {
            records.push(record);
        }
        Ok(records)
    }

    /// All cases, closed ones too, as the book makes them of these records, committed every so many.
    pub(super) fn cases(
        &self,
        journal: &Journal,
        records: &[Record],
        every: usize,
        dir: &Path,
    ) -> io::Result<Vec<CaseShown>> {
        let folder = Folder { dir: dir.to_owned(), traits: Traits::of(profile(None)) };
        let last = records.last().map_or(Seq::NONE, |record| record.header.seq);
        let mut book = folder.open(journal.tokens().identity(), last).map_err(io::Error::other)?;
        for (at, record) in records.iter().enumerate() {
            self.take_up(&mut book, record)?;
            if (at + 1) % every == 0 || at + 1 == records.len() {
                book.commit(record.header.seq).map_err(io::Error::other)?;
            }
        }
        drop(book);
        Cases::at(dir).list(&Wanted { closed: true, ..Wanted::default() }).map_err(io::Error::other)
    }

    /// Takes up what is durable and not in the book yet.
    pub(super) fn catch_up(&self, journal: &Journal, dir: &Path) -> io::Result<()> {
        let folder = Folder { dir: dir.to_owned(), traits: Traits::of(profile(None)) };
        let (identity, durable) = (journal.tokens().identity(), *journal.durable().borrow());
        let mut book = match folder.open(identity, durable) {
            Err(trouble) if trouble.asks_for_rebuild() => {
                folder.wipe()?;
                folder.open(identity, durable).map_err(io::Error::other)?
            }
            opened => opened.map_err(io::Error::other)?,
        };
        let mut reader = journal.records(Seq(book.position().0 + 1));
        let mut last = book.position();
        while let Some(record) = reader.next_record().map_err(io::Error::other)? {
            self.take_up(&mut book, &record)?;
            last = record.header.seq;
        }
        book.commit(last).map_err(io::Error::other)
    }

    fn take_up(&self, book: &mut Book, record: &Record) -> io::Result<()> {
        match self.shown(record) {
            Some(record) => book.take(&record).map_err(io::Error::other),
            None => Ok(()),
        }
    }

    /// A record as the book of cases is shown it; a canary hides or changes some.
    fn shown(&self, record: &Record) -> Option<Record> {
        let kind = record.header.known_kind();
        let is_unknown = kind == Some(Kind::Outcome) && record.header.outcome == Outcome::Unknown as u8;
        match self.canary {
            Some(Canary::HidesUnknown) if is_unknown => None,
            Some(Canary::HidesOpening)
                if kind == Some(Kind::Opened) || record.header.has(crate::journal::record::flag::BY_RECOVERY) =>
            {
                None
            }
            Some(Canary::BelievesDelivered) if kind == Some(Kind::Deliveries) => {
                let mut changed = record.clone();
                changed.facts = Default::default();
                for delivery in Delivery::all(&record.facts) {
                    changed.facts.bytes(Fact::Delivery, Delivery { told: Told::Success, ..delivery }.encode());
                }
                Some(changed)
            }
            _ => Some(record.clone()),
        }
    }
}
