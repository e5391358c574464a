//! What must hold in every world, by name.

use std::fmt;

/// One of the things that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Whatever came to the platform stands in the journal as an INTENT.
    IntentBeforeSend,
    /// Of one business key the platform never holds two settlements at once.
    OneKeyOnce,
    /// Of one bill of the hospital neither, whatever visits it was registered under.
    OneActOnce,
    /// A success that the hospital is handed is one that the platform holds.
    NoInventedSuccess,
    /// Whoever hears of one settlement twice hears the same.
    SameAnswer,
    /// What the journal calls refused the platform has not done.
    NoFalseRefusal,
    /// Every INTENT has an OUTCOME, or is listed as open.
    EveryIntentEnds,
    /// Where hospital and platform disagree there is an open case, and its cause is the right one.
    DisagreementIsCase,
    /// No case is closed while they disagree.
    NoSilentClose,
    /// Every fen of difference between the two books is explained.
    EveryFen,
    /// The gateway takes nothing back that the hospital has booked.
    ReversalNeedsEvidence,
    /// After the day's end no case of money is open but where a bill is settled twice.
    DayCloses,
    /// The book of cases comes out the same when it is built anew.
    CasesRebuilt,
    /// After a kill at any moment the gateway opens again.
    OpensAgain,
    /// Nobody waits for ever.
    ComesToRest,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Invariant; 15] = [
        Invariant::IntentBeforeSend,
        Invariant::OneKeyOnce,
        Invariant::OneActOnce,
        Invariant::NoInventedSuccess,
        Invariant::SameAnswer,
        Invariant::NoFalseRefusal,
        Invariant::EveryIntentEnds,
        Invariant::DisagreementIsCase,
        Invariant::NoSilentClose,
        Invariant::EveryFen,
        Invariant::ReversalNeedsEvidence,
        Invariant::DayCloses,
        Invariant::CasesRebuilt,
        Invariant::OpensAgain,
        Invariant::ComesToRest,
    ];

    /// Its name, as `ARCHITECTURE.md` lists it.
    pub fn name(self) -> &'static str {
        match self {
            Invariant::IntentBeforeSend => "nothing_is_sent_before_its_intent_is_durable",
            Invariant::OneKeyOnce => "one_key_is_performed_once",
            Invariant::OneActOnce => "nothing_is_performed_twice_for_one_bill",
            Invariant::NoInventedSuccess => "no_success_is_handed_over_that_the_platform_does_not_hold",
            Invariant::SameAnswer => "the_same_key_gets_the_same_answer",
            Invariant::NoFalseRefusal => "silence_is_never_taken_for_refusal",
            Invariant::EveryIntentEnds => "every_intent_is_settled_or_listed_open",
            Invariant::DisagreementIsCase => "every_disagreement_is_an_open_case_with_the_right_cause",
            Invariant::NoSilentClose => "no_case_is_closed_while_the_books_disagree",
            Invariant::EveryFen => "every_fen_is_explained",
            Invariant::ReversalNeedsEvidence => "a_reversal_needs_its_evidence",
            Invariant::DayCloses => "every_case_can_be_closed_with_proof",
            Invariant::CasesRebuilt => "the_book_of_cases_can_be_rebuilt",
            Invariant::OpensAgain => "the_gateway_opens_again",
            Invariant::ComesToRest => "everything_comes_to_rest",
        }
    }
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What should.
    pub invariant: Invariant,
    /// What was seen instead.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant.name(), self.what)
    }
}
