//! Each exchange of the journal, decided again.

use std::collections::BTreeMap;

use super::found::{Counted, Differences, Found, Left};
use super::profiles::Profiles;
use crate::cli::journal::folder::Folder;
use crate::domain::class::Class;
use crate::domain::exchange::Seq;
use crate::domain::message::Body;
use crate::domain::outcome::Outcome;
use crate::domain::scan::{Scanner, View};
use crate::exchange::rejudge::{Bench, Call, NoKeys};
use crate::journal::draft::Sealed;
use crate::journal::facts::Fact;
use crate::journal::record::{Kind, flag};
use crate::journal::tokens::Tokens;
use crate::journal::{Record, Unopened};
use crate::keys::Identities;
use crate::profile::Profile;
use crate::rules::compile::Rules;

/// Takes records in their order.
pub(super) struct Decisions<'f> {
    folder: &'f Folder,
    secret: Tokens,
    identities: Identities,
    profiles: Profiles,
    other: Option<Other>,
    /// Calls whose last outcome is still to come: as many as there are open exchanges.
    under_way: BTreeMap<Seq, UnderWay>,
    found: Found,
}

/// What decides beside what decided then.
pub(super) struct Other {
    /// As the report names it.
    pub(super) name: String,
    /// Another profile; none: the one that decided then.
    pub(super) profile: Option<Profile>,
    /// Rules that calls are held to.
    pub(super) rules: Option<Rules>,
}

/// A call whose outcome is to come.
struct UnderWay {
    /// As it was decided again, as then and by the other judgement; `None` when it was left out.
    call: Option<Call>,
    other: Option<Call>,
    counted: Counted,
    counted_other: Counted,
}

/// Why a record cannot be decided again.
struct Closed(Left, String);

impl From<Unopened> for Closed {
    fn from(why: Unopened) -> Closed {
        let left = if matches!(why, Unopened::Erased(_)) { Left::Erased } else { Left::Unreadable };
        Closed(left, why.to_string())
    }
}

impl From<NoKeys> for Closed {
    fn from(none: NoKeys) -> Closed {
        Closed(Left::Unreadable, format!("sealed as identity {}, whose keys are not at hand", none.identity))
    }
}

impl<'f> Decisions<'f> {
    /// Over the records of a folder; `other` decides them too.
    pub(super) fn new(folder: &'f Folder, secret: Tokens, identities: Identities, other: Option<Other>) -> Self {
        let named = other.as_ref().map(|other| (other.name.clone(), Differences::default()));
        let found = Found { other: named, ..Found::default() };
        let (profiles, under_way) = (Profiles::default(), BTreeMap::new());
        Decisions { folder, secret, identities, profiles, other, under_way, found }
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, record: &Record) {
        if self.found.records == 0 {
            self.found.first = record.header.seq;
        }
        self.found.records += 1;
        self.found.last = record.header.seq;
        let done = match record.header.known_kind() {
            Some(Kind::Intent) => self.intent(record),
            Some(Kind::Outcome) => self.outcome(record),
            Some(Kind::Note) => self.note(record),
            Some(Kind::Snapshot) => {
                self.profiles.take(record);
                Ok(())
            }
            Some(_) => Ok(()),
            None => Err(Closed(Left::LaterFormat, format!("kind {}", record.header.kind))),
        };
        if let Err(Closed(left, why)) = done {
            self.found.leave(record, left, why);
        }
    }

    /// What was found.
    pub(super) fn end(self) -> Found {
        self.found
    }

    fn intent(&mut self, record: &Record) -> Result<(), Closed> {
        let (counted, counted_other) = Default::default();
        let mut under_way = UnderWay { call: None, other: None, counted, counted_other };
        let decided = self.decide(record, &mut under_way);
        self.under_way.insert(record.header.seq, under_way);
        decided
    }

    fn decide(&mut self, record: &Record, under_way: &mut UnderWay) -> Result<(), Closed> {
        let profile = self.profile_of(record)?;
        let Sealed { request, .. } = self.folder.unseal(record)?;
        let request = request.ok_or_else(|| Closed(Left::Unreadable, "it holds no request".to_owned()))?;
        let bench = Bench { profile: &profile, secret: &self.secret, identities: &self.identities, rules: None };
        let view = self.scan(bench.request_scanner(&request.headers), &request.body)?;
        let (call, differences) = bench.call(&record.header, &record.facts, &request, view)?;
        let infno = infno_of(record);
        self.found.calls += 1;
        self.found.differing.add(record, infno, differences, &mut under_way.counted);
        under_way.call = Some(call);
        if let (Some(other), Some((_, found))) = (&self.other, &mut self.found.other) {
            let bench =
                Bench { profile: other.profile.as_ref().unwrap_or(&profile), rules: other.rules.as_ref(), ..bench };
            let view = scan(self.folder, bench.request_scanner(&request.headers), &request.body)?;
            let (call, differences) = bench.call(&record.header, &record.facts, &request, view)?;
            found.add(record, infno, differences, &mut under_way.counted_other);
            under_way.other = Some(call);
        }
        self.weigh(record, &profile, &mut under_way.counted, &mut under_way.counted_other);
        Ok(())
    }

    /// A repeat that was answered, told "unknown" or refused.
    fn note(&mut self, record: &Record) -> Result<(), Closed> {
        if record.facts.text_of(Fact::Step).is_none() {
            return Ok(());
        }
        let profile = self.profile_of(record)?;
        self.weigh(record, &profile, &mut Counted::default(), &mut Counted::default());
        Ok(())
    }

    fn weigh(&mut self, record: &Record, profile: &Profile, counted: &mut Counted, counted_other: &mut Counted) {
        let bench = Bench { profile, secret: &self.secret, identities: &self.identities, rules: None };
        let infno = infno_of(record);
        if let Some(differences) = bench.step(&record.facts) {
            self.found.steps += 1;
            self.found.differing.add(record, infno, differences, counted);
        }
        if let (Some(other), Some((_, found))) = (&self.other, &mut self.found.other) {
            let differences = Bench { profile: other.profile.as_ref().unwrap_or(profile), ..bench }.step(&record.facts);
            found.add(record, infno, differences.unwrap_or_default(), counted_other);
        }
    }

    fn outcome(&mut self, record: &Record) -> Result<(), Closed> {
        let Some(mut under_way) = self.under_way.remove(&record.header.ref_seq) else {
            return Err(Closed(Left::BeganBefore, format!("its call is record {}", record.header.ref_seq)));
        };
        let judged = self.judge(record, &mut under_way);
        // As in the table of open exchanges: an Unknown that may have acted goes on.
        let acts = Class::from_code(record.header.class).is_none_or(Class::acts);
        if record.header.outcome == Outcome::Unknown as u8 && acts {
            self.under_way.insert(record.header.ref_seq, under_way);
        }
        judged
    }

    fn judge(&mut self, record: &Record, under_way: &mut UnderWay) -> Result<(), Closed> {
        let Some(call) = &under_way.call else {
            return Err(Closed(Left::Unreadable, format!("its call, record {}, was left out", record.header.ref_seq)));
        };
        let profile =
            self.profiles.of(record.header.profile_seq, self.folder).map_err(|why| Closed(Left::Unreadable, why))?;
        let reply = match record.header.has(flag::SEALED) {
            true => self.folder.unseal(record)?.reply,
            false => None,
        };
        let bench = Bench { profile: &profile, secret: &self.secret, identities: &self.identities, rules: None };
        let seen = |bench: Bench<'_>| -> Result<_, Closed> {
            let Some(reply) = &reply else { return Ok(None) };
            let view = scan(self.folder, bench.reply_scanner(&reply.headers), &reply.body)?;
            Ok(Some((reply, view)))
        };
        let (_, differences) = bench.outcome(call, &record.header, &record.facts, seen(bench)?)?;
        let infno = infno_of(record);
        self.found.outcomes += 1;
        self.found.differing.add(record, infno, differences, &mut under_way.counted);
        if let (Some(other), Some(call), Some((_, found))) = (&self.other, &under_way.other, &mut self.found.other) {
            let bench = Bench { profile: other.profile.as_ref().unwrap_or(&profile), ..bench };
            let (_, differences) = bench.outcome(call, &record.header, &record.facts, seen(bench)?)?;
            found.add(record, infno, differences, &mut under_way.counted_other);
        }
        Ok(())
    }

    fn profile_of(&mut self, record: &Record) -> Result<std::sync::Arc<Profile>, Closed> {
        self.profiles.of(record.header.profile_seq, self.folder).map_err(|why| Closed(Left::Unreadable, why))
    }

    fn scan(&self, scanner: Scanner, body: &Body) -> Result<View, Closed> {
        scan(self.folder, scanner, body)
    }
}

fn scan(folder: &Folder, mut scanner: Scanner, body: &Body) -> Result<View, Closed> {
    match body {
        Body::Buffered(bytes) => scanner.feed(bytes),
        Body::Spooled(file) => folder.each_frame(file, &mut |frame| scanner.feed(frame))?,
    }
    Ok(scanner.finish())
}

fn infno_of(record: &Record) -> &str {
    record.facts.text_of(Fact::Infno).unwrap_or_default()
}
