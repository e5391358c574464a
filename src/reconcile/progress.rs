//! How far somebody has come with a case: folded from its Decisions.

use crate::domain::exchange::{ExchangeId, Seq};
use crate::exchange::decision::{GATEWAY, Step, knew, knew_exchange, knew_seq};
use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::profile::Stands;

/// The ends that can be proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The settlement is taken back at the platform.
    Reverse,
    /// It is booked in the HIS.
    Adopt,
}

impl End {
    /// The word that a record holds.
    pub fn word(self) -> &'static str {
        match self {
            End::Reverse => "reverse",
            End::Adopt => "adopt",
        }
    }

    /// The end that a word means.
    pub fn from_word(word: &str) -> Option<End> {
        [End::Reverse, End::Adopt].into_iter().find(|end| end.word() == word)
    }
}

/// What is proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its record.
    pub seq: Seq,
    /// When, unix ns.
    pub at_unix_ns: i64,
    /// By whom.
    pub by: String,
    /// What.
    pub end: End,
    /// 交易编号 that would leave; empty for an adoption.
    pub infno: String,
    /// How many persons must agree, the proposer included.
    pub persons: usize,
    /// Who agreed.
    pub approved_by: Vec<String>,
}

impl Proposal {
    /// The persons who stand behind it: who proposed it, if a person did, and who agreed.
    pub fn persons_for(&self) -> Vec<&str> {
        let mut persons: Vec<&str> = self.approved_by.iter().map(String::as_str).collect();
        if self.by != GATEWAY {
            persons.push(&self.by);
        }
        persons.sort_unstable();
        persons.dedup();
        persons
    }

    /// Enough persons agree: as many as were asked for when it was made, and as the settings ask for now.
    pub fn is_approved(&self, persons_now: usize) -> bool {
        self.persons_for().len() >= self.persons.max(persons_now)
    }
}

/// An attempt to take the settlement back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The record that announced it.
    pub seq: Seq,
    /// When, unix ns.
    pub at_unix_ns: i64,
    /// The exchange that does it.
    pub exchange: ExchangeId,
    /// What it carries out.
    pub proposal: Seq,
}

/// How far a case has come.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// What the platform said when it was asked, and when.
    pub asked: Vec<(i64, Stands)>,
    /// What is proposed now.
    pub proposal: Option<Proposal>,
    /// Attempts since the settlement was last known to stand; empty when none is under way.
    pub begun: Vec<Begun>,
    /// A reversal was given up: it is for a person to propose the next one.
    pub gave_up: bool,
}

impl Progress {
    /// Folds the records of an exchange, in the order of their numbers.
    pub fn of(records: &[Record]) -> Progress {
        let mut progress = Progress::default();
        for record in records {
            progress.take(record);
        }
        progress
    }

    fn take(&mut self, record: &Record) {
        let (seq, at_unix_ns) = (record.header.seq, record.header.at_unix_ns);
        match Step::of(record) {
            Some(Step::Asked) => {
                let said = knew(record, "stands");
                let stands = [Stands::Alive, Stands::Undone, Stands::Unproven];
                let stands = stands.into_iter().find(|one| said == Some(one.word())).unwrap_or(Stands::Unproven);
                self.asked.push((at_unix_ns, stands));
            }
            Some(Step::Propose) => {
                let Some(end) = knew(record, "end").and_then(End::from_word) else { return };
                self.gave_up = false;
                self.proposal = Some(Proposal {
                    seq,
                    at_unix_ns,
                    by: record.facts.text_of(Fact::Who).unwrap_or_default().to_owned(),
                    end,
                    infno: knew(record, "infno").unwrap_or_default().to_owned(),
                    persons: knew(record, "persons").and_then(|count| count.parse().ok()).unwrap_or(2),
                    approved_by: Vec::new(),
                });
            }
            Some(Step::Approve) => {
                let agreed = record.facts.number_of(Fact::EvidenceSeq).map(Seq);
                if let Some(proposal) = self.proposal.as_mut().filter(|proposal| agreed == Some(proposal.seq)) {
                    proposal.approved_by.push(record.facts.text_of(Fact::Who).unwrap_or_default().to_owned());
                }
            }
            Some(Step::Reversing) => {
                let exchange = knew_exchange(record, "exchange").unwrap_or(ExchangeId::NONE);
                let proposal = knew_seq(record, "proposal").unwrap_or_default();
                self.begun.push(Begun { seq, at_unix_ns, exchange, proposal });
            }
            Some(Step::NotReversed) => {
                (self.proposal, self.gave_up) = (None, true);
                self.begun.clear();
            }
            _ => {}
        }
    }
}
