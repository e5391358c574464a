//! What names one exchange: its id, its place in the journal, where it came from.

use std::fmt;

use uuid::Uuid;

/// One request with its answer; a UUIDv7 made at arrival.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ExchangeId(pub [u8; 16]);

impl ExchangeId {
    /// None: the exchange has no parent.
    pub const NONE: ExchangeId = ExchangeId([0; 16]);

    /// Makes a UUIDv7 of the arrival time and ten random bytes.
    pub fn new(unix_ns: i64, random: [u8; 10]) -> ExchangeId {
        let millis = u64::try_from(unix_ns / 1_000_000).unwrap_or(0);
        ExchangeId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().into_bytes())
    }

    /// Reads the hyphenated or plain hexadecimal form.
    pub fn parse(text: &str) -> Option<ExchangeId> {
        Uuid::try_parse(text).ok().map(|id| ExchangeId(id.into_bytes()))
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The number of a record in the journal, counted from 1 and never reused. 0 means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// No record.
    pub const NONE: Seq = Seq(0);
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who began an exchange. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Origin {
    /// The HIS called us.
    #[default]
    His = 1,
    /// The platform called the hospital (6204, 6302, 7108, 7109).
    Callback = 2,
    /// A piece of a call that was split.
    Split = 3,
    /// The finisher asked or reversed.
    Reconcile = 4,
    /// An outcome went to a subscriber.
    Fanout = 5,
    /// A person did it.
    Operator = 6,
}
