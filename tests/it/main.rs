//! Tests with real sockets and real files, in one binary.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod sandbox_day; // Simulated HIS callers against the stand-in.
mod sandbox_faults; // What a client hears of each fault, and what the ledger holds.
mod sandbox_ledger; // The stand-in performs, over every URL style.
