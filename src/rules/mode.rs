//! What a broken rule does to the call, and who decides that.

use crate::domain::class::Class;

/// What a broken rule does; the milder first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// It is counted.
    Observe,
    /// The call goes on, and the HIS may read of it.
    Warn,
    /// The call is refused.
    Enforce,
}

impl Mode {
    /// All modes, the milder first.
    pub const ALL: [Mode; 3] = [Mode::Observe, Mode::Warn, Mode::Enforce];

    /// As packs write it.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Observe => "observe",
            Mode::Warn => "warn",
            Mode::Enforce => "enforce",
        }
    }

    /// For hospital people.
    pub fn chinese(self) -> &'static str {
        match self {
            Mode::Observe => "只统计",
            Mode::Warn => "提醒",
            Mode::Enforce => "拦截",
        }
    }

    /// The mode of a word.
    pub fn named(word: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.word() == word)
    }
}

/// The modes of a pack. The mildest of what fits counts; where nothing fits, a rule is observed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Modes {
    /// For what two sources say.
    pub certain: Option<Mode>,
    /// For what one source says, or nobody: single, inferred, known from a policy's title only.
    pub single: Option<Mode>,
    /// By the class of the transaction.
    pub classes: Vec<(Class, Mode)>,
}

impl Modes {
    /// The same for every rule.
    pub fn always(mode: Mode) -> Modes {
        Modes { certain: Some(mode), single: Some(mode), classes: Vec::new() }
    }

    /// The mode of a rule with this mark (`C …` is certain) on a transaction of this class.
    pub fn of(&self, mark: &str, class: Class) -> Mode {
        let by_mark = if mark.starts_with('C') { self.certain } else { self.single };
        let by_class = self.classes.iter().find(|(of, _)| *of == class).map(|(_, mode)| *mode);
        by_mark.into_iter().chain(by_class).min().unwrap_or(Mode::Observe)
    }
}

/// Transactions that take something back: a field that is wrong there must never keep a charge from being undone
/// (`money.md` §8). Their rules are counted and nothing else, whatever a pack says.
pub const UNDOING: [&str; 8] = ["2103", "2205", "2208", "2302", "2305", "2601", "3507", "3507A"];

/// True for a transaction whose rules only observe.
pub fn is_undo(infno: &str, class: Class) -> bool {
    class == Class::Reversal || UNDOING.contains(&infno)
}
