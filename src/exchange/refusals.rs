//! Refusals that sent nothing: journaled unawaited, as counts above a rate.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::class::Class;
use crate::domain::outcome::Cause;
use crate::journal::Journal;
use crate::journal::composite::RefusedCall;
use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;

use super::refusal::Refusal;

/// Kinds of refusal counted apart above the rate; more fold into one.
const KINDS_MAX: usize = 256;

/// Where refusals are noted.
pub struct Refusals {
    journal: Journal,
    per_second_max: u32,
    now: Mutex<Second>,
}

#[derive(Debug, Default)]
struct Second {
    unix_s: i64,
    noted: u32,
    counted: HashMap<(Class, String, &'static str), u64>,
}

impl Refusals {
    /// Writes at most `per_second_max` single refusals a second.
    pub fn new(journal: Journal, per_second_max: u32) -> Refusals {
        Refusals { journal, per_second_max, now: Mutex::default() }
    }

    /// Notes a refusal; never waits.
    pub fn note(&self, at_unix_ns: i64, class: Class, infno: &str, refusal: &Refusal) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let unix_s = at_unix_ns / 1_000_000_000;
        if unix_s != now.unix_s {
            let counted = std::mem::take(&mut now.counted);
            *now = Second { unix_s, ..Second::default() };
            self.write(
                at_unix_ns,
                counted.into_iter().map(|((class, infno, code), count)| (class, infno, code, count)),
            );
        }
        now.noted += 1;
        if now.noted <= self.per_second_max {
            drop(now);
            self.write(at_unix_ns, std::iter::once((class, infno.to_owned(), refusal.code(), 1)));
            return;
        }
        let full = KINDS_MAX <= now.counted.len();
        let kind = if full {
            (Class::Unclassified, String::new(), "GW000")
        } else {
            (class, infno.to_owned(), refusal.code())
        };
        *now.counted.entry(kind).or_default() += 1;
    }

    fn write(&self, at_unix_ns: i64, calls: impl Iterator<Item = (Class, String, &'static str, u64)>) {
        let mut draft = Draft::new(Kind::Refusals);
        draft.header.at_unix_ns = at_unix_ns;
        for (class, infno, code, count) in calls {
            let call = RefusedCall { at_unix_ns, class, cause: Cause::Gateway, infno, rule: code.to_owned(), count };
            draft.facts.bytes(Fact::RefusedCall, call.encode());
        }
        if !draft.facts.0.is_empty() {
            self.journal.append_unawaited(draft);
        }
    }
}
