//! Deliberate bugs, to prove that the audit notices. Each stands outside the product's code: on the line to the platform, at the
//! door, in the disk, between the journal and who reads it, or in settings and profile.

use super::Invariant;

/// A deliberate bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canary {
    /// The line to the platform sends once more when it hears nothing.
    SendsAgain,
    /// The line to the platform makes a refusal out of silence.
    RefusesForSilence,
    /// The line to the platform makes a success out of silence.
    InventsSuccess,
    /// The line to the platform moves a cent from the fund to cash in what it brings back.
    MovesFen,
    /// The disk says that it has synced, and has not.
    DiskLies,
    /// The profile does not know that a settlement has a business key.
    ForgetsKeys,
    /// The profile takes every -1 for a refusal.
    ForgetsSilence,
    /// The fence is down.
    FenceDown,
    /// The door says "handed over" to a hospital that has gone.
    HandsOverToNobody,
    /// The door says "not handed over" of what was.
    ForgetsHandedOver,
    /// The door changes an answer that was given before.
    AltersRepeat,
    /// Who reads the journal is not shown what stayed unknown.
    HidesUnknown,
    /// Who reads the journal is not shown that the gateway was opened again.
    HidesOpening,
    /// An outcome is lost from the journal.
    LosesOutcome,
    /// The book of cases takes every delivery for a success.
    BelievesDelivered,
}

impl Canary {
    /// All of them.
    pub const ALL: [Canary; 15] = [
        Canary::SendsAgain,
        Canary::RefusesForSilence,
        Canary::InventsSuccess,
        Canary::MovesFen,
        Canary::DiskLies,
        Canary::ForgetsKeys,
        Canary::ForgetsSilence,
        Canary::FenceDown,
        Canary::HandsOverToNobody,
        Canary::ForgetsHandedOver,
        Canary::AltersRepeat,
        Canary::HidesUnknown,
        Canary::HidesOpening,
        Canary::LosesOutcome,
        Canary::BelievesDelivered,
    ];

    /// The invariants of which it must break at least one.
    pub fn breaks(self) -> &'static [Invariant] {
        match self {
            Canary::SendsAgain => &[Invariant::OneKeyOnce],
            Canary::RefusesForSilence | Canary::ForgetsSilence => &[Invariant::NoFalseRefusal],
            Canary::InventsSuccess => &[Invariant::NoInventedSuccess],
            Canary::MovesFen => &[Invariant::EveryFen],
            Canary::DiskLies => &[Invariant::IntentBeforeSend, Invariant::OpensAgain],
            Canary::ForgetsKeys => &[Invariant::OneKeyOnce],
            Canary::FenceDown => &[Invariant::OneActOnce],
            Canary::HandsOverToNobody | Canary::HidesUnknown | Canary::HidesOpening => &[Invariant::DisagreementIsCase],
            Canary::ForgetsHandedOver => &[Invariant::ReversalNeedsEvidence],
            Canary::AltersRepeat => &[Invariant::SameAnswer],
            Canary::LosesOutcome => &[Invariant::EveryIntentEnds],
            Canary::BelievesDelivered => &[Invariant::NoSilentClose],
        }
    }
}
