//! What rules refused a call for, out of the journal.

use crate::console::refused::{BrokenRule, RefusedCall};
use crate::domain::exchange::Seq;
use crate::domain::moment::china_time;
use crate::exchange::check::REASON;
use crate::journal::Journal;
use crate::journal::facts::Fact;
use crate::journal::reader::FollowError;
use crate::journal::record::Kind;

/// The call that a record says was refused; `None` where this record says something else, or is gone.
///
/// # Errors
/// When the journal cannot be read.
pub(super) fn refused(journal: &Journal, reference: u64) -> Result<Option<RefusedCall>, FollowError> {
    if Seq(reference) < journal.trimmed_to() {
        return Ok(None);
    }
    let Some(record) = journal.records(Seq(reference)).next_record()? else { return Ok(None) };
    let says_so = record.header.known_kind() == Some(Kind::Note) && record.facts.text_of(Fact::Reason) == Some(REASON);
    if record.header.seq != Seq(reference) || !says_so {
        return Ok(None);
    }
    let text = |fact| record.facts.text_of(fact).unwrap_or_default().to_owned();
    let finding = |(rule, said): (&str, &[u8])| {
        let said = String::from_utf8_lossy(said);
        let mut parts = said.splitn(3, '\0');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        BrokenRule { rule: rule.to_owned(), mode: part(), place: part(), says: part() }
    };
    Ok(Some(RefusedCall {
        reference,
        at: china_time(record.header.at_unix_ns),
        infno: text(Fact::Infno),
        msgid: text(Fact::Msgid),
        fixmedins_code: text(Fact::FixmedinsCode),
        count: record.facts.number_of(Fact::Count).unwrap_or_default(),
        findings: record.facts.all_named(Fact::Finding).map(finding).collect(),
    }))
}
