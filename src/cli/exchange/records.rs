//! The records of one exchange, read from the journal's folder; where to look comes from the views when there are any.

use std::ops::ControlFlow;
use std::path::Path;

use crate::cli::journal::CURE;
use crate::cli::journal::folder::Folder;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::message::BodyFile;
use crate::journal::composite::{Delivery, erased};
use crate::journal::draft::Sealed;
use crate::journal::master::Master;
use crate::journal::record::Kind;
use crate::journal::{Record, Unopened};
use crate::views;
use crate::views::read::{Views, json_of};
use crate::views::shown::{self, Opener, PREVIEW_BYTES, STEPS_MAX, Shown};

/// A data folder with its journal and views.
pub(in crate::cli) struct Books {
    folder: Folder,
    views: Views,
}

impl Books {
    pub(in crate::cli) fn at(data: &Path, master: Result<Master, String>) -> Result<Books, String> {
        let folder = Folder::open(data)
            .map_err(|why| format!("the journal in {} cannot be read: {why}\n    {CURE}", data.display()))?;
        Ok(Books { folder: folder.with(master), views: Views::at(&data.join(views::FOLDER)) })
    }

    /// Everything that is shown of an exchange.
    pub(in crate::cli) fn shown(&self, id: ExchangeId, reveal: bool) -> Result<Shown, String> {
        let row = self.views.row(id).ok().flatten();
        let position = self.views.position().ok().flatten();
        let mut records = Vec::new();
        let mut take = |record: Record| {
            if is_about(&record, id) && records.len() < STEPS_MAX {
                records.push(record);
            }
            ControlFlow::Continue(())
        };
        let last = row.as_ref().map(json_of).and_then(|row| row.get("last_seq")?.as_u64());
        match (&row, last, position) {
            (Some(row), Some(last), Some(position)) => {
                self.folder.each(row.seq, Seq(last + 1), &mut take)?;
                // What the views have not taken up yet.
                self.folder.each(Seq(position.0.max(last) + 1), Seq(u64::MAX), &mut take)?;
            }
            _ => self.folder.each(self.folder.start_of(id), Seq(u64::MAX), &mut take)?,
        }
        // A look at nothing does not make it an exchange.
        let tells = |record: &Record| record.header.known_kind() != Some(Kind::OperatorAct);
        if !records.iter().any(|record| record.header.exchange_id == id && tells(record)) {
            return Err(format!("there is no exchange {id}"));
        }
        let mut shown = shown::exchange(id, &records, self, reveal);
        shown.summary = row.map(|row| json_of(&row));
        Ok(shown)
    }
}

/// True when a record tells of an exchange.
pub(in crate::cli) fn is_about(record: &Record, id: ExchangeId) -> bool {
    let header = &record.header;
    let handed_over = || Delivery::all(&record.facts).any(|delivery| delivery.exchange_id == id);
    match header.known_kind() {
        Some(Kind::Deliveries) => handed_over(),
        Some(Kind::Erasure) => erased(&record.facts).any(|erased| erased == id),
        Some(Kind::Note) => header.exchange_id == id || header.parent_id == id,
        _ => header.exchange_id == id,
    }
}

impl Opener for Books {
    fn unseal(&self, record: &Record) -> Result<Sealed, Unopened> {
        self.folder.unseal(record)
    }

    fn front(&self, body: &BodyFile) -> Result<Vec<u8>, Unopened> {
        let mut front = self.folder.front(body, PREVIEW_BYTES)?;
        front.truncate(PREVIEW_BYTES);
        Ok(front)
    }
}
