//! What the admin port may look up of single exchanges: views, journal, and the record of each look.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::console::cases::{Decision, Lift, Preview};
use crate::console::erasure::{Erase, Erased};
use crate::console::lookup::{Cases, Described, Exchanges, Looker, Lookup, Parameter, Totals, Trouble, ViewsState};
use crate::console::refused::RefusedCall;
use crate::console::retention::{Keep, Kept};
use crate::domain::clock::Clock;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::message::BodyFile;
use crate::domain::token::Token;
use crate::exchange::Line;
use crate::journal::body_front::body_front;
use crate::journal::draft::Sealed;
use crate::journal::entry::EntryKind;
use crate::journal::record::Kind;
use crate::journal::{Journal, Place, Record, Unopened};
use crate::operator::lift::{LiftError, lift};
use crate::reconcile::cases::{self, CaseShown, CasesTrouble};
use crate::views::columns::filters;
use crate::views::query::{self, Wanted};
use crate::views::read::{ReadTrouble, Views, json_of};
use crate::views::shown::{self, Opener, PREVIEW_BYTES, Shown};
use crate::views::totals::{ASKED, Summed};
use crate::views::{self, Follower, look};

use super::finishing::Finishing;
use super::refused::refused;
use super::retention::Retention;

/// Records of one exchange that are read.
const RECORDS_MAX: usize = shown::STEPS_MAX;

/// Looks things up.
pub(super) struct Books {
    pub(super) journal: Journal,
    pub(super) line: Arc<Line>,
    pub(super) views: Views,
    pub(super) finishing: Arc<Finishing>,
    pub(super) follower: Option<Arc<Follower>>,
    pub(super) data: PathBuf,
    pub(super) key_live_days: u64,
    pub(super) retention: Arc<Retention>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Books {
    /// Over the journal of a line.
    pub(super) fn new(
        line: &Arc<Line>,
        follower: Option<Arc<Follower>>,
        data: &Path,
        (key_live_days, retention): (u64, Arc<Retention>),
        finishing: Arc<Finishing>,
    ) -> Books {
        Books {
            journal: line.journal.clone(),
            line: Arc::clone(line),
            views: Views::at(&data.join(views::FOLDER)),
            finishing,
            follower,
            data: data.to_owned(),
            key_live_days,
            retention,
            clock: Arc::clone(&line.clock),
        }
    }

    /// The records about an exchange in the order of their numbers; the id of the first one for a repeat.
    fn records(&self, id: ExchangeId) -> Result<(ExchangeId, Vec<Record>), Trouble> {
        let mut records = self.read(self.places(EntryKind::Exchange, Token(id.0))?)?;
        let repeat_of = records.values().find(|record| record.header.known_kind() == Some(Kind::Note));
        let repeat_of = repeat_of.map_or(ExchangeId::NONE, |note| note.header.parent_id);
        let begins = |record: &Record| record.header.known_kind() == Some(Kind::Intent);
        if !records.values().any(begins) && repeat_of != ExchangeId::NONE {
            return self.records(repeat_of);
        }
        let key = records.values().find(|record| begins(record)).map_or(Token::NONE, |intent| intent.header.key_token);
        if !key.is_none() {
            let notes = self.read(self.places(EntryKind::Key, key)?)?;
            records.extend(notes.into_iter().filter(|(_, record)| record.header.parent_id == id));
        }
        // A look at nothing does not make it an exchange.
        if records.values().all(|record| record.header.known_kind() == Some(Kind::OperatorAct)) {
            return Err(Trouble::NotFound(format!("there is no exchange {id}")));
        }
        for look in self.views.looks(id).unwrap_or_default() {
            records.insert(Seq(look.seq), look::record(id, &look));
        }
        Ok((id, records.into_values().collect()))
    }

    fn places(&self, kind: EntryKind, token: Token) -> Result<Vec<Place>, Trouble> {
        self.journal.lookup(kind, token).map_err(|error| Trouble::NotNow(format!("the index cannot be read: {error}")))
    }

    fn read(&self, places: Vec<Place>) -> Result<BTreeMap<Seq, Record>, Trouble> {
        let read = |place: Place| self.journal.read(place).map(|record| (record.header.seq, record));
        let records = places.into_iter().take(RECORDS_MAX).map(read).collect::<Result<_, _>>();
        records.map_err(|error| Trouble::NotNow(format!("a record cannot be read: {error}")))
    }

    /// Journals a look; returns once it is durable.
    fn journal_look(&self, id: ExchangeId, looker: &Looker) -> Result<u64, Trouble> {
        let draft = look::draft(id, &looker.who, looker.reveal, &looker.why, self.clock.unix_ns());
        let appended = tokio::runtime::Handle::current().block_on(self.journal.append(draft));
        let not_now = |error| Trouble::NotNow(format!("the look cannot be journaled, so nothing is shown: {error}"));
        appended.map(|seq| seq.0).map_err(not_now)
    }

    fn position(&self) -> u64 {
        self.views.position().ok().flatten().map_or(0, |seq| seq.0)
    }
}

impl Opener for Books {
    fn unseal(&self, record: &Record) -> Result<Sealed, Unopened> {
        Ok(self.journal.unseal(record)?)
    }

    fn front(&self, body: &BodyFile) -> Result<Vec<u8>, Unopened> {
        let mut front = body_front(&self.data, self.journal.keys(), body, PREVIEW_BYTES)?;
        front.truncate(PREVIEW_BYTES);
        Ok(front)
    }
}

impl Lookup for Books {
    fn exchanges(&self, asked: &[(String, String)]) -> Result<Exchanges, Trouble> {
        let position = self.position();
        let wanted = Wanted::read(pairs(asked), &self.views, Some(self.journal.tokens())).map_err(trouble)?;
        let page = self.views.find(&wanted).map_err(trouble)?;
        let exchanges = page.rows.iter().map(json_of).collect();
        Ok(Exchanges { exchanges, next: page.next.map(|id| id.to_string()), position })
    }

    fn totals(&self, asked: &[(String, String)]) -> Result<Totals, Trouble> {
        let position = self.position();
        let summed = Summed::read(pairs(asked)).map_err(trouble)?;
        let totals = self.views.totals(&summed).map_err(trouble)?;
        Ok(Totals { totals: totals.lines, refusals: totals.refusals, position })
    }

    fn exchange(&self, id: &str, looker: &Looker) -> Result<Value, Trouble> {
        let (id, records) = self.records(id_in(id)?)?;
        self.journal_look(id, looker)?;
        let mut shown = shown::exchange(id, &records, self, looker.reveal);
        shown.summary = self.views.row(id).ok().flatten().map(|row| json_of(&row));
        serde_json::to_value(shown).map_err(|error| Trouble::NotNow(error.to_string()))
    }

    fn note_look(&self, id: &str, looker: &Looker) -> Result<u64, Trouble> {
        let (id, _) = self.records(id_in(id)?)?;
        self.journal_look(id, looker)
    }

    fn erase(&self, asked: &Erase) -> Result<Erased, Trouble> {
        self.erase_visit(asked)
    }

    fn cases(&self, asked: &[(String, String)]) -> Result<Cases, Trouble> {
        let wanted = cases::Wanted::read(pairs(asked)).map_err(case_trouble)?;
        let position = self.finishing.cases.position().map_err(case_trouble)?.0;
        let listed = self.finishing.cases.list(&wanted).map_err(case_trouble)?;
        Ok(Cases { cases: listed.iter().map(|case| json!(case)).collect(), position })
    }

    fn case(&self, id: &str) -> Result<Value, Trouble> {
        let found = self.finishing.cases.one(id_in(id)?).map_err(case_trouble)?;
        let profile = &self.line.policy.load().profile;
        let with_cure = |case: CaseShown| {
            let cure = profile.cures().find(|(name, _)| *name == case.saying).map_or("", |(_, cure)| &cure.cure);
            let mut shown = json!(case);
            shown["cure"] = cure.into();
            shown
        };
        found.map(with_cure).ok_or_else(|| Trouble::NotFound(format!("{id} is no case")))
    }

    fn refusal(&self, reference: u64) -> Result<RefusedCall, Trouble> {
        let found = refused(&self.journal, reference).map_err(|error| Trouble::NotNow(error.to_string()))?;
        found.ok_or_else(|| {
            Trouble::NotFound(format!("no call was refused under {reference}, or its record has left the journal"))
        })
    }

    fn lift_fence(&self, id: &str, asked: &Lift) -> Result<u64, Trouble> {
        let lifting = lift(&self.journal, id_in(id)?, &asked.who, &asked.reason, self.clock.unix_ns());
        let lifted = tokio::runtime::Handle::current().block_on(lifting);
        lifted.map(|seq| seq.0).map_err(|error| match error {
            LiftError::NoSettlement(_) => Trouble::NotFound(error.to_string()),
            other => Trouble::NotNow(other.to_string()),
        })
    }

    fn decide(&self, id: &str, asked: &Decision, who: &str) -> Result<u64, Trouble> {
        self.finishing.decide(id_in(id)?, asked, who)
    }

    fn preview(&self, id: &str, looker: &Looker) -> Result<Preview, Trouble> {
        let id = id_in(id)?;
        self.journal_look(id, looker)?;
        self.finishing.preview(id)
    }

    fn keep(&self, asked: &Keep) -> Result<Kept, Trouble> {
        self.retention.asked(asked)
    }

    fn views(&self) -> ViewsState {
        let durable = self.journal.durable().borrow().0;
        let Some(follower) = &self.follower else {
            let state = "off";
            return ViewsState { state, position: 0, durable, rebuilds: 0, capacity_records_per_second: 0 };
        };
        let gauges = follower.gauges();
        ViewsState {
            state: follower.state().word(),
            position: gauges.position.load(Ordering::Relaxed),
            durable,
            rebuilds: gauges.rebuilds.load(Ordering::Relaxed),
            capacity_records_per_second: gauges.capacity() as u64,
        }
    }

    fn rebuild_views(&self) -> bool {
        self.follower.as_ref().map(|follower| follower.rebuild()).is_some()
    }

    fn described(&self) -> Described {
        let column = |(_, column): (usize, &views::columns::Column)| Parameter {
            name: column.name,
            about: column.about.to_owned(),
            words: column.form.words(),
        };
        let other = |(name, form, about): &(&'static str, &str, &str)| Parameter {
            name,
            about: format!("{about} ({form})"),
            words: Vec::new(),
        };
        let mut shapes =
            vec![(Shown::name().into_owned(), Shown::schema()), (CaseShown::name().into_owned(), CaseShown::schema())];
        Shown::schemas(&mut shapes);
        Described {
            exchanges: filters().map(column).chain(query::MORE.iter().map(other)).collect(),
            totals: ASKED.iter().map(other).collect(),
            cases: cases::ASKED.iter().map(other).collect(),
            case: "CaseShown",
            exchange: "Shown",
            shapes,
        }
    }
}

fn pairs(asked: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    asked.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn id_in(text: &str) -> Result<ExchangeId, Trouble> {
    ExchangeId::parse(text).ok_or_else(|| Trouble::Asked {
        place: "id".to_owned(),
        what: "this is no id of an exchange".to_owned(),
        cure: "take it from `id` of /api/v1/exchanges".to_owned(),
    })
}

fn case_trouble(error: CasesTrouble) -> Trouble {
    match error {
        CasesTrouble::Asked { place, what, cure } => Trouble::Asked { place, what, cure },
        other => Trouble::NotNow(other.to_string()),
    }
}

fn trouble(error: ReadTrouble) -> Trouble {
    match error {
        ReadTrouble::Asked { place, what, cure } => Trouble::Asked { place, what, cure },
        other => Trouble::NotNow(other.to_string()),
    }
}
