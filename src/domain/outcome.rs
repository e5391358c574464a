//! What became of an exchange, why we think so, and what the HIS was told (`money.md` §1, §4).

/// Only evidence ends `Unknown`. The byte values are stored; 0 means "none yet".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// The platform did it, and said so with the fields that make it real.
    Confirmed = 1,
    /// The platform said no, or nothing was sent.
    Refused = 2,
    /// Sent, and no proof either way.
    Unknown = 3,
}

impl Outcome {
    /// The outcome a stored byte means; `None` for "none yet" or a later format.
    pub fn from_code(code: u8) -> Option<Outcome> {
        [Outcome::Confirmed, Outcome::Refused, Outcome::Unknown].into_iter().find(|o| *o as u8 == code)
    }

    /// The word used in metrics and listings.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Confirmed => "confirmed",
            Outcome::Refused => "refused",
            Outcome::Unknown => "unknown",
        }
    }
}

/// Why an outcome is what it is. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Cause {
    /// The platform answered, and the answer says it.
    Answered = 1,
    /// The answer says success without the fields that make it real.
    WithoutSubstance = 2,
    /// -1 with a text that the profile reads as the platform's own silence, or does not know on a cross-region call.
    MeansUnknown = 3,
    /// -1 with a text that says the thing was done before.
    AlreadyDone = 4,
    /// -1: the operator is not signed in.
    NotSignedIn = 5,
    /// A gateway in front of the platform refused (`{"code":401}` and its like).
    GatewayRejected = 6,
    /// A complete answer that cannot be read.
    Unreadable = 7,
    /// HTTP status of a box in between.
    Status = 8,
    /// No byte left this machine.
    NeverSent = 9,
    /// Sent, and the deadline passed.
    TimedOut = 10,
    /// Sent, and the connection broke before any answer.
    Broken = 11,
    /// The answer was cut short.
    Cut = 12,
    /// The gateway stopped while the call was under way.
    Stop = 13,
    /// The gateway was killed while the call was under way.
    Restart = 14,
    /// Our own code panicked after the intent.
    Panic = 15,
    /// The answer was too large or could not be stored.
    NotStored = 16,
    /// A rule, key or bound of the gateway said no.
    Gateway = 17,
    /// An answer that is not signed by the platform's key, although that key is known.
    WrongSignature = 18,
}

impl Cause {
    /// The word used in metrics, listings and logs.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Answered => "answered",
            Cause::WithoutSubstance => "without_substance",
            Cause::MeansUnknown => "means_unknown",
            Cause::AlreadyDone => "already_done",
            Cause::NotSignedIn => "not_signed_in",
            Cause::GatewayRejected => "gateway_rejected",
            Cause::Unreadable => "unreadable",
            Cause::Status => "status",
            Cause::NeverSent => "never_sent",
            Cause::TimedOut => "timed_out",
            Cause::Broken => "broken",
            Cause::Cut => "cut",
            Cause::Stop => "stop",
            Cause::Restart => "restart",
            Cause::Panic => "panic",
            Cause::NotStored => "not_stored",
            Cause::Gateway => "gateway",
            Cause::WrongSignature => "wrong_signature",
        }
    }

    /// The cause a stored byte means; `None` for "none" or a later format.
    pub fn from_code(code: u8) -> Option<Cause> {
        use Cause::*;
        let all = [
            Answered,
            WithoutSubstance,
            MeansUnknown,
            AlreadyDone,
            NotSignedIn,
            GatewayRejected,
            Unreadable,
            Status,
            NeverSent,
            TimedOut,
            Broken,
            Cut,
            Stop,
            Restart,
            Panic,
            NotStored,
            Gateway,
            WrongSignature,
        ];
        all.into_iter().find(|cause| *cause as u8 == code)
    }
}

/// What the HIS was told. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Told {
    /// It was handed a success.
    Success = 1,
    /// It was handed a refusal.
    Refused = 2,
    /// It was handed "outcome unknown".
    Unknown = 3,
    /// Nothing was handed over.
    NotTold = 4,
    /// A crash or failed write hides what it was told; never leads to an automatic reversal.
    UnknownWhatTold = 5,
}

impl Told {
    /// The value a stored byte means; `None` for a later format.
    pub fn from_code(code: u8) -> Option<Told> {
        [Told::Success, Told::Refused, Told::Unknown, Told::NotTold, Told::UnknownWhatTold]
            .into_iter()
            .find(|told| *told as u8 == code)
    }

    /// The word used in listings.
    pub fn word(self) -> &'static str {
        match self {
            Told::Success => "told_success",
            Told::Refused => "told_refused",
            Told::Unknown => "told_unknown",
            Told::NotTold => "not_told",
            Told::UnknownWhatTold => "unknown_what_told",
        }
    }
}
