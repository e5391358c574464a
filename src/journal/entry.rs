//! What the index knows of a record: tokens by which it is found again.

use crate::domain::token::Token;

/// One way to find a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    /// What is looked up.
    pub token: Token,
    /// What the token stands for.
    pub kind: EntryKind,
}

/// What a token of the index stands for. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EntryKind {
    /// Business key.
    Key = 1,
    /// Person within the institution.
    Fence = 2,
    /// `setl_id`.
    Settlement = 3,
    /// `msgid`, or an alias of one.
    Msgid = 4,
    /// Visit whose fee lines changed.
    Stage = 5,
    /// The exchange's own id.
    Exchange = 6,
}

impl EntryKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [EntryKind; 6] = [
        EntryKind::Key,
        EntryKind::Fence,
        EntryKind::Settlement,
        EntryKind::Msgid,
        EntryKind::Stage,
        EntryKind::Exchange,
    ];

    /// The kind a stored byte means; `None` for a byte of a later format.
    pub fn from_code(code: u8) -> Option<EntryKind> {
        EntryKind::ALL.get(usize::from(code).wrapping_sub(1)).copied()
    }
}
