//! One day: the ledgers laid beside each other, the differences kept.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::exchange::{ExchangeId, Seq};
use crate::exchange::decision::Evidence;
use crate::exchange::stand::{Platform, Shown};

use super::super::derived::ReadTrouble;
use super::super::ledger::Ledgers;
use super::super::ledger::day::Day;
use super::super::ledger::read::{LISTED_HERE, intents};
use super::super::matching::judge::{CHARGE, REFUND, Taking};
use super::super::matching::merge::{At, Lines, Settlement, merge};
use super::absent::{absent, undone};
use super::kept;
use super::sorted::{self, HIS, Sorted};

/// Proofs that one run gives; more come with the next one.
const PROOFS_MAX: usize = 10_000;

/// What a run of a day came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The day.
    pub day: Day,
    /// When it ran, unix ns.
    pub at_unix_ns: i64,
    /// Everything up to this record took part.
    pub position: u64,
    /// The newest import that took part.
    pub imports: u64,
    /// Settlements that have a row on the day.
    pub settlements: u64,
    /// Of those, how many differ.
    pub differences: u64,
    /// Of those, how many are not explained.
    pub unexplained: u64,
    /// A ledger of the HIS took part.
    pub his: bool,
    /// The platform's own list took part.
    pub platform: bool,
}

impl Ran {
    /// Nothing differs without a reason, and the HIS was asked, too.
    pub fn is_balanced(&self) -> bool {
        self.his && self.unexplained == 0
    }

    /// As people and programs read it.
    pub fn shown(&self) -> RanShown {
        let state = match (self.is_balanced(), self.his) {
            (true, _) => "balanced",
            (false, true) => "not_balanced",
            (false, false) => "no_his_ledger",
        };
        RanShown {
            day: self.day.to_string(),
            state: state.to_owned(),
            settlements: self.settlements,
            differences: self.differences,
            unexplained: self.unexplained,
            his: self.his,
            platform: self.platform,
            position: self.position,
        }
    }
}

/// What a run of a day came to, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
pub struct RanShown {
    /// The day.
    pub day: String,
    /// `balanced`, `not_balanced`, or `no_his_ledger`: without one nothing is called balanced.
    pub state: String,
    /// Settlements that have a row on the day.
    pub settlements: u64,
    /// Of those, how many differ.
    pub differences: u64,
    /// Of those, how many are not explained.
    pub unexplained: u64,
    /// A ledger of the HIS took part.
    pub his: bool,
    /// The platform's own list took part.
    pub platform: bool,
    /// Everything up to this journal record took part.
    pub position: u64,
}

/// What a ledger proves of an exchange of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The exchange.
    pub id: ExchangeId,
    /// Its INTENT.
    pub intent: Seq,
    /// What it proves: what the HIS shows, or what the platform holds.
    pub evidence: Evidence,
    /// The record that holds the ledger.
    pub record: Seq,
    /// The line in it; 0 where what is missing in it proves it.
    pub line: u64,
}

impl Proof {
    fn booked(id: ExchangeId, (intent, by): (u64, At), shown: Shown) -> Proof {
        Proof::of(id, (intent, by), Evidence { his: Some(shown), ..Evidence::default() })
    }

    /// `by` is where it stands in its ledger.
    pub(super) fn of(id: ExchangeId, (intent, by): (u64, At), evidence: Evidence) -> Proof {
        Proof { id, intent: Seq(intent), evidence, record: Seq(by.record), line: by.line }
    }
}

/// Runs a day. `wanted` are exchanges of which proof is wanted: those whose sides are not known to agree. Blocks.
///
/// # Errors
/// When the ledgers cannot be read, or the result cannot be written.
pub fn run(
    ledgers: &Ledgers,
    day: Day,
    wanted: &[ExchangeId],
    at_unix_ns: i64,
) -> Result<(Ran, Vec<Proof>), ReadTrouble> {
    let connection = ledgers.open()?;
    // All questions see the same state.
    connection.execute_batch("BEGIN")?;
    let cursor: i64 = connection.query_row("SELECT cursor FROM follower", [], |row| row.get(0))?;
    let days = (day.later(-1), day.later(1));
    let (taking, newest) = taking(&connection, days, day)?;
    let mut ran = Ran {
        day,
        at_unix_ns,
        position: cursor.cast_unsigned(),
        imports: newest,
        settlements: 0,
        differences: 0,
        unexplained: 0,
        his: taking.his,
        platform: taking.platform,
    };
    let wanted = intents(&connection, wanted)?;
    let mut proofs = Vec::new();
    let mut file = kept::open(ledgers.dir())?;
    let batch = file.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    kept::begin(&batch, day.number())?;
    let [mut own, mut platform] = [connection.prepare(&sorted::own())?, connection.prepare(&sorted::platform())?];
    let mut his = connection.prepare(HIS)?;
    let (mut own, mut platform) = (Sorted::of(&mut own, days, Some(day))?, Sorted::of(&mut platform, days, None)?);
    let mut his = Sorted::of(&mut his, days, None)?;
    let streams: [&mut dyn Lines<Trouble = rusqlite::Error>; 3] = [&mut own, &mut platform, &mut his];
    merge(streams, (day.number(), taking), &mut |settlement| {
        ran.settlements += 1;
        if let Some(difference) = settlement.difference {
            ran.differences += 1;
            ran.unexplained += u64::from(!difference.explained);
            kept::keep(&batch, day.number(), settlement)?;
        }
        if !wanted.is_empty() && proofs.len() < PROOFS_MAX {
            proven(settlement, &wanted, &mut proofs);
        }
        Ok(())
    })?;
    kept::end(&batch, &ran)?;
    batch.commit()?;
    proofs.extend(absent(&connection, day, &wanted)?);
    proofs.extend(undone(&connection, day, &wanted)?);
    Ok((ran, proofs))
}

/// Which ledgers take part in a day beside the own one, and the newest record that holds one of it or of its neighbours.
fn taking(connection: &Connection, days: (Day, Day), day: Day) -> rusqlite::Result<(Taking, u64)> {
    let between = params![days.0.number(), days.1.number(), day.number()];
    let (files, import): (i64, i64) = connection.query_row(
        "SELECT count(*) FILTER (WHERE in_force AND unread = '' AND day = ?3), coalesce(max(record), 0) FROM import \
         WHERE day BETWEEN ?1 AND ?2",
        between,
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let (lists, list): (i64, i64) = connection.query_row(
        "SELECT count(*) FILTER (WHERE day = ?3), coalesce(max(record), 0) FROM statement WHERE day BETWEEN ?1 AND ?2",
        between,
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let unlisted: bool = connection.query_row(
        &format!(
            "SELECT EXISTS (SELECT 1 FROM own WHERE {LISTED_HERE} AND day = ?1 AND NOT EXISTS (SELECT 1 FROM statement \
             WHERE statement.day = own.day AND statement.institution = own.institution \
             AND statement.clr_optins = own.clr_optins AND statement.clr_type = own.clr_type))"
        ),
        [day.number()],
        |row| row.get(0),
    )?;
    let taking = Taking { platform: lists > 0 && !unlisted, his: files > 0 };
    Ok((taking, import.max(list).cast_unsigned()))
}

/// A row proves something only where its money is ours to the last fen; of a row that only the platform has, that was compared
/// when its list came.
fn proven(settlement: &Settlement<'_>, wanted: &HashMap<u64, ExchangeId>, proofs: &mut Vec<Proof>) {
    let (group, [own, platform, his]) = (settlement.group, settlement.first);
    let agrees = |which: usize| {
        let ours = group.sent.unwrap_or(group.own[which].amounts);
        group.his[which].is_there() && ours.signed(which == REFUND).agrees(group.his[which].amounts)
    };
    let mut prove = |which: usize, shown: Shown, by: usize| {
        if let (Some(own), Some(by)) = (own[which], his[by])
            && let Some(id) = wanted.get(&own.record)
        {
            proofs.push(Proof::booked(*id, (own.record, by), shown));
        }
    };
    match (agrees(CHARGE), agrees(REFUND)) {
        (true, false) if !group.his[REFUND].is_there() => prove(CHARGE, Shown::Booked, CHARGE),
        (_, true) => {
            prove(CHARGE, Shown::TakenBack, REFUND);
            prove(REFUND, Shown::Booked, REFUND);
        }
        _ => {}
    }
    for which in [CHARGE, REFUND] {
        if group.sent.is_some()
            && let (Some(own), Some(by)) = (own[which], platform[which])
            && let Some(id) = wanted.get(&own.record)
        {
            let evidence = Evidence { platform: Some(Platform::Did), ..Evidence::default() };
            proofs.push(Proof::of(*id, (own.record, by), evidence));
        }
    }
}
