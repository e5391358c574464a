//! What was found broken: where and what, never the value itself, which may say who a person is.

use std::fmt;

use super::mode::Mode;

/// Findings that are kept; all are counted.
pub const FINDINGS_MAX: usize = 100;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// What it does to the call.
    pub mode: Mode,
    /// The field: `input.selinfoDetail[3].trdn_flag`.
    pub place: String,
    /// Orders findings as the message does.
    pub at: usize,
    /// What is wrong, in Chinese.
    pub says: String,
    /// What to do, in Chinese.
    pub cure: String,
}

impl Finding {
    /// What people read: what is wrong and what to do.
    pub fn sentence(&self) -> String {
        if self.cure.is_empty() { self.says.clone() } else { format!("{}；{}", self.says, self.cure) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: {}", self.mode.word(), self.rule, self.place, self.sentence())
    }
}

/// All that was found in a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    kept: Vec<Finding>,
    counts: [u64; 3],
    /// The body is no JSON that could be read: nothing is known of it, and no rule is broken.
    pub unread: bool,
}

impl Findings {
    /// Nothing could be read.
    pub fn nothing_read() -> Findings {
        Findings { unread: true, ..Findings::default() }
    }

    /// The findings that were kept, in the order of the message.
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// The findings that were kept, those that refuse first, then those that warn.
    pub fn by_weight(&self) -> Vec<&Finding> {
        let mut all: Vec<&Finding> = self.kept.iter().collect();
        all.sort_by_key(|finding| (std::cmp::Reverse(finding.mode), finding.at));
        all
    }

    /// How many there are, kept or not.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many there are of a mode.
    pub fn count_of(&self, mode: Mode) -> u64 {
        self.counts[mode as usize]
    }

    /// True where a broken rule refuses the call.
    pub fn refuse(&self) -> bool {
        self.count_of(Mode::Enforce) > 0
    }

    /// Counts one, and keeps it where there is room, or where a milder one makes room for it.
    pub(super) fn add(&mut self, mode: Mode, make: impl FnOnce() -> Finding) {
        self.counts[mode as usize] += 1;
        if self.kept.len() < FINDINGS_MAX {
            self.kept.push(make());
        } else if mode > Mode::Observe
            && let Some(milder) = self.kept.iter().rposition(|kept| kept.mode < mode)
        {
            self.kept[milder] = make();
        }
    }

    pub(super) fn in_order(mut self) -> Findings {
        self.kept.sort_by_key(|finding| finding.at);
        self
    }
}
