//! Reads every record once and checks what holds between them: numbers, chain, digests, and an outcome for every intent.

use std::collections::BTreeSet;

use crate::domain::exchange::Seq;
use crate::journal::record::{self, Chain, Kind};

use super::source::Page;

/// Counts of an audit so far.
#[derive(Debug, Default)]
pub(super) struct Audit {
    last: Option<(Seq, Chain)>,
    pub(super) first: Seq,
    pub(super) records: u64,
    pub(super) intents: u64,
    pub(super) outcomes: u64,
    /// Intents without an outcome.
    pub(super) open: BTreeSet<u64>,
}

impl Audit {
    /// Takes the next record, or says what is wrong with it.
    ///
    /// The first record is taken as the start of the chain: what stood before it was trimmed.
    pub(super) fn take(&mut self, page: &Page) -> Result<(), String> {
        let header = &page.header;
        let wrong = |what: &str| Err(format!("record {}: {what}", header.seq));
        if record::payload_digest(&page.payload) != header.payload_digest {
            return wrong("the payload does not have the digest that the header names");
        }
        if let Some((seq, chain)) = self.last {
            if header.seq.0 != seq.0 + 1 {
                return wrong(&format!("follows record {seq}: records are missing"));
            }
            if record::chain_of(&chain, &header.encode()) != header.chain {
                return wrong("does not continue the chain of the record before");
            }
        } else {
            self.first = header.seq;
        }
        self.last = Some((header.seq, header.chain));
        self.records += 1;
        match header.known_kind() {
            Some(Kind::Intent) => {
                self.intents += 1;
                self.open.insert(header.seq.0);
            }
            Some(Kind::Outcome) => {
                self.outcomes += 1;
                self.open.remove(&header.ref_seq.0);
            }
            _ => {}
        }
        Ok(())
    }

    /// Number of the last record taken.
    pub(super) fn last(&self) -> Seq {
        self.last.map_or(Seq::NONE, |(seq, _)| seq)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn audited(pages: &[Page]) -> Result<Audit, String> {
        let mut audit = Audit::default();
        pages.iter().try_for_each(|page| audit.take(page)).map(|()| audit)
    }

    #[test]
    fn a_whole_journal_is_counted() {
        let audit = audited(&sample::visit()).unwrap();
        assert_eq!((audit.records, audit.intents, audit.outcomes, audit.last()), (4, 1, 1, Seq(4)));
        assert!(audit.open.is_empty());
        assert_eq!(audited(&sample::visit()[..2]).unwrap().open.len(), 1);
        assert_eq!(audited(&sample::visit()[2..]).unwrap().first, Seq(3), "a trimmed journal begins later");
    }

    #[test]
    fn a_missing_or_changed_record_is_named() {
        let mut missing = sample::visit();
        missing.remove(1);
        assert!(audited(&missing).unwrap_err().contains("record 3: follows record 1"));
        let mut changed = sample::visit();
        changed[1].header.class = 1;
        assert!(audited(&changed).unwrap_err().contains("record 2: does not continue the chain"));
        let mut changed = sample::visit();
        changed[1].payload[0] ^= 1;
        assert!(audited(&changed).unwrap_err().contains("record 2: the payload"));
    }
}
