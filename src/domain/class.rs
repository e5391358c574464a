//! The class of a transaction: what kind of act it is. Class, never the number, decides policy (`money.md` §2).

use serde::Deserialize;

/// Ordered from harmless to dangerous: when path and body disagree on the transaction, the greater class counts.
///
/// The byte values are stored in the journal and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Class {
    /// Reads only; the only class that may ever be rerun by hand.
    Query = 1,
    /// A trial calculation (2101, 2206, 2303).
    Presettle = 2,
    /// Files in and out (9101, 9102, catalogues).
    File = 3,
    /// Clearing calls (3201, 3202).
    Reconcile = 4,
    /// Fee lines added to or taken from a visit (2204, 2205, 2301, 2302).
    Stage = 5,
    /// Rows sent to a register (35xx, 4xxx).
    Upload = 6,
    /// A visit or filing changes state (2201–2203, 2401–2405, 25xx, 33xx, 34xx).
    State = 7,
    /// Unknown numbers, encrypted or unreadable bodies: journaled like money, neither replayed nor fenced.
    Unclassified = 8,
    /// A charge undone (2208, 2305, 2103, 2601).
    Reversal = 9,
    /// A charge (2207, 2304, 2102).
    Money = 10,
}

impl Class {
    /// All classes, for tables over every combination.
    pub const ALL: [Class; 10] = [
        Class::Query,
        Class::Presettle,
        Class::File,
        Class::Reconcile,
        Class::Stage,
        Class::Upload,
        Class::State,
        Class::Unclassified,
        Class::Reversal,
        Class::Money,
    ];

    /// The class a stored byte means; `None` for a byte of a later format.
    pub fn from_code(code: u8) -> Option<Class> {
        Class::ALL.into_iter().find(|class| *class as u8 == code)
    }

    /// The word used in profiles, metrics and listings.
    pub fn word(self) -> &'static str {
        match self {
            Class::Query => "query",
            Class::Presettle => "presettle",
            Class::File => "file",
            Class::Reconcile => "reconcile",
            Class::Stage => "stage",
            Class::Upload => "upload",
            Class::State => "state",
            Class::Unclassified => "unclassified",
            Class::Reversal => "reversal",
            Class::Money => "money",
        }
    }

    /// True where an exchange changes the platform's books, so that a lost answer matters.
    pub fn acts(self) -> bool {
        !matches!(self, Class::Query | Class::Presettle | Class::File)
    }

    /// True where a complete answer of any status is relayed as it came, and large answers stream tail-held (`proxy.md`).
    pub fn relays_any_status(self) -> bool {
        !self.acts()
    }

    /// True for query and file: large answers stream to the HIS while they are spooled.
    pub fn streams_large_answers(self) -> bool {
        matches!(self, Class::Query | Class::File)
    }
}
