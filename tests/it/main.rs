//! Tests with real sockets and real files, in one binary.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod doors_bounds; // What the door refuses, whom it ends, how it stops.
mod doors_large; // Large, slow and cut bodies.
mod doors_once; // One send per call, whatever the connection does.
mod doors_pass; // What crosses unchanged.
mod doors_rig; // Raw peers on both sides, and a line that only relays.

mod his; // A cashier's envelopes.
mod rig; // A whole gateway in this process.

mod generations; // What frees a key.
mod once; // One key is performed once.
mod rows; // The key table, row by row.
mod settled_before; // Old successes are asked for first.
mod silence; // What is not said is not known.

mod sandbox_day; // Simulated HIS callers against the stand-in.
mod sandbox_faults; // What a client hears of each fault, and what the ledger holds.
mod sandbox_ledger; // The stand-in performs, over every URL style.
