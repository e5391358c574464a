//! What a record is, and the bits that say more about it. Numbers are stored and never reused.

/// What a record is. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// First record of a segment; its payload names the digest of the segment header.
    SegmentOpen = 1,
    /// What the next segment must know of the ones before: open exchanges, snapshots in force, tree frontier.
    Carry = 2,
    /// The gateway opened the journal, and why and with what loss.
    Opened = 3,
    /// Profile or rules text in force, resolved, without secrets.
    Snapshot = 4,
    /// An exchange is about to be sent.
    Intent = 5,
    /// What became of it.
    Outcome = 6,
    /// A batch of "handed over or not".
    Deliveries = 7,
    /// A batch of refusals that sent nothing.
    Refusals = 8,
    /// A repeat answered from the record (alias), a late answer, an acknowledgement.
    Note = 9,
    /// A step of a case: reversing, approval.
    Decision = 10,
    /// What a person did.
    OperatorAct = 11,
    /// Key slots were destroyed.
    Erasure = 12,
    /// A block of key slots was made.
    KeySlots = 13,
    /// A signed tree head.
    Checkpoint = 14,
    /// Nothing new: a witness that the batch before it is durable.
    Mark = 15,
    /// A compression dictionary.
    Dictionary = 16,
    /// A pass-through window began or ended.
    Window = 17,
    /// Last record of a sealed segment.
    SegmentClose = 18,
    /// A ledger of the HIS, as it was imported: the file is its sealed part.
    Ledger = 19,
    /// The platform's own list of a day, as it was asked for: the list is its sealed part.
    Statement = 20,
    /// How the ledgers of a day differ about one settlement, or that they agree again.
    Difference = 21,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Kind; 21] = [
        Kind::SegmentOpen,
        Kind::Carry,
        Kind::Opened,
        Kind::Snapshot,
        Kind::Intent,
        Kind::Outcome,
        Kind::Deliveries,
        Kind::Refusals,
        Kind::Note,
        Kind::Decision,
        Kind::OperatorAct,
        Kind::Erasure,
        Kind::KeySlots,
        Kind::Checkpoint,
        Kind::Mark,
        Kind::Dictionary,
        Kind::Window,
        Kind::SegmentClose,
        Kind::Ledger,
        Kind::Statement,
        Kind::Difference,
    ];

    /// The kind a stored byte means; `None` for a later format.
    pub fn from_code(code: u8) -> Option<Kind> {
        Kind::ALL.get(usize::from(code).wrapping_sub(1)).copied()
    }
}

/// Bits of the `flags` field.
pub mod flag {
    /// The payload ends in a sealed part.
    pub const SEALED: u32 = 1 << 0;
    /// A body stands in a file of its own.
    pub const SPOOLED: u32 = 1 << 1;
    /// The answer streamed to the HIS with its tail held.
    pub const TAIL_HELD: u32 = 1 << 2;
    /// The bytes sent differ from the bytes that arrived, by the edits in the sealed part.
    pub const EDITED: u32 = 1 << 3;
    /// The exchange belongs to a visit, so its key slot may be destroyed by policy.
    pub const ERASABLE: u32 = 1 << 4;
    /// The answer came after the HIS was told "unknown".
    pub const LATE: u32 = 1 << 5;
    /// Written while opening, not by the line.
    pub const BY_RECOVERY: u32 = 1 << 6;
    /// Sent while an operator had declared pass-through.
    pub const PASSTHROUGH: u32 = 1 << 7;
    /// A reader that does not know the kind must stop.
    pub const CRITICAL: u32 = 1 << 8;
}
