//! What the platform's lists lack. A call whose outcome is not known, and that no list of its day or of the next names, was not done; a
//! settlement that both lack after a 2601 was taken back.
//!
//! What is proven here frees a key, so that everything that leaves a doubt proves nothing (`money.md` §5): a scope that was not asked by
//! rows, a row that nobody can tell whose it is, a call that may stand on another day's list.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::domain::exchange::ExchangeId;
use crate::exchange::decision::Evidence;
use crate::exchange::stand::Platform;

use super::super::ledger::day::Day;
use super::super::ledger::own::Place;
use super::super::ledger::read::{LISTED_HERE, OF_LATE_DAYS, SCOPES};
use super::super::matching::merge::At;
use super::run::Proof;

/// Proofs for exchanges that were sent on a day. What leaves no row of its own (2601), or may stand on the lists of another province,
/// cannot be missed here; nor can the first call of its kind, whose scope nobody knows.
pub(super) fn absent(
    connection: &Connection,
    day: Day,
    wanted: &HashMap<u64, ExchangeId>,
) -> rusqlite::Result<Vec<Proof>> {
    let mut sent = connection.prepare(&format!(
        "SELECT institution FROM own WHERE intent = ?1 AND outcome = 0 AND undone = 0 AND day = ?2 AND place IN (?3, ?4) AND msgid <> '' \
         AND (NOT refund OR original <> '') AND NOT EXISTS (SELECT 1 FROM listed WHERE listed.msgid = own.msgid) \
         AND EXISTS (SELECT 1 FROM own AS like WHERE like.outcome <> 0 AND like.institution = own.institution AND like.infno = own.infno \
           AND like.place = own.place AND like.clr_optins <> '' AND like.clr_type <> '' AND like.day BETWEEN {of_late} AND ?2)",
        of_late = day.later(-OF_LATE_DAYS).number()
    ))?;
    let mut proofs = Vec::new();
    for (intent, id) in wanted {
        let of = params![intent.cast_signed(), day.number(), Place::Local as u8, Place::Province as u8];
        let Some(institution) = sent.query_row(of, |row| row.get::<_, String>(0)).optional()? else { continue };
        if let Some(record) = all_in(connection, (&institution, *intent), day)? {
            let evidence = Evidence { platform: Some(Platform::DidNot), ..Evidence::default() };
            proofs.push(Proof::of(*id, (*intent, At { record, line: 0 }), evidence));
        }
    }
    Ok(proofs)
}

/// An undo that leaves no row (2601), and whose end is not known, was done when the list of its settlement's day came after it and lacks
/// the settlement, and so does the next day's, and no list of a neighbouring day names it.
pub(super) fn undone(
    connection: &Connection,
    day: Day,
    wanted: &HashMap<u64, ExchangeId>,
) -> rusqlite::Result<Vec<Proof>> {
    let mut lacking = connection.prepare(
        "SELECT charge.intent, charge.id, listed.record, listed.line FROM own JOIN own AS charge ON charge.intent = own.undoes \
         JOIN listed ON listed.setl_id = charge.setl_id AND listed.day = charge.day AND listed.word = 'absent' \
         JOIN statement USING (record) JOIN statement AS next ON next.day_before = statement.day AND next.by_rows \
           AND next.institution = statement.institution AND next.clr_optins = statement.clr_optins AND next.clr_type = statement.clr_type \
         WHERE own.intent = ?1 AND own.outcome = 0 AND own.undone = 0 AND own.refund AND own.original = '' AND charge.day = ?2 \
           AND own.intent < listed.record AND own.intent < next.record \
           AND NOT EXISTS (SELECT 1 FROM listed AS other WHERE other.day BETWEEN ?3 AND ?4 AND other.word <> 'absent' \
             AND (other.setl_id = charge.setl_id OR (other.msgid <> '' AND other.msgid = charge.msgid)))",
    )?;
    let mut proofs = Vec::new();
    for (intent, id) in wanted {
        let of = params![intent.cast_signed(), day.number(), day.later(-1).number(), day.later(1).number()];
        let found = lacking.query_row(of, |row| {
            let number = |place| row.get::<_, i64>(place).map(i64::cast_unsigned);
            Ok((number(0)?, ExchangeId(row.get(1)?), At { record: number(2)?, line: number(3)? }))
        });
        let Some((charge, charge_id, at)) = found.optional()? else { continue };
        let holds = |platform| Evidence { platform: Some(platform), ..Evidence::default() };
        proofs.push(Proof::of(*id, (*intent, at), holds(Platform::Did)));
        proofs.push(Proof::of(charge_id, (charge, at), holds(Platform::Undone)));
    }
    Ok(proofs)
}

/// The newest list, when all of a day and the next are in, came after the call, and no row of them is anybody's: of the HIS alone, or of
/// the platform alone without a msgid.
fn all_in(connection: &Connection, (institution, intent): (&str, u64), day: Day) -> rusqlite::Result<Option<u64>> {
    let (late, next) = (day.later(-OF_LATE_DAYS).number(), day.later(1).number());
    let (wanted, found, newest): (i64, i64, Option<i64>) = connection.query_row(
        &format!(
            "WITH scope AS ({SCOPES}) SELECT (SELECT count(*) FROM scope WHERE institution = ?3), count(*), max(record) FROM statement \
             JOIN scope USING (institution, clr_optins, clr_type) \
             WHERE institution = ?3 AND by_rows AND ?6 < record AND statement.day IN (?4, ?5)"
        ),
        params![late, next, institution, day.number(), next, intent.cast_signed()],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let anybodys: bool = connection.query_row(
        &format!(
            "SELECT EXISTS (SELECT 1 FROM listed JOIN statement USING (record) WHERE listed.day IN (?2, ?3) AND statement.institution = ?1 \
             AND (listed.word = 'alone' AND listed.msgid = '' OR listed.word <> 'alone' \
               AND NOT EXISTS (SELECT 1 FROM own WHERE own.setl_id = listed.setl_id AND own.outcome <> 0))) \
             OR EXISTS (SELECT 1 FROM own WHERE outcome <> 0 AND place <> 3 AND institution = ?1 AND day BETWEEN ?4 AND ?3 \
               AND NOT ({LISTED_HERE}))"
        ),
        params![institution, day.number(), next, late],
        |row| row.get(0),
    )?;
    Ok(newest.map(i64::cast_unsigned).filter(|_| wanted > 0 && found == 2 * wanted && !anybodys))
}
