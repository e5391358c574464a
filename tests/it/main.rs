//! Tests with real sockets and real files, in one binary.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod commands; // What users meet on the command line.

mod crash_damage; // Damage told from a torn tail.
mod crash_kill; // kill -9 under load.
mod crash_repeat; // A lost answer, repeated, also after a kill.
mod crash_room; // A disk without room.
mod evidence; // The journal as it stands on disk.
mod program; // The programs as a user starts them.

mod doors_bounds; // What the door refuses, whom it ends, how it stops.
mod doors_large; // Large, slow and cut bodies.
mod doors_once; // One send per call, whatever the connection does.
mod doors_pass; // What crosses unchanged.
mod doors_rig; // Raw peers on both sides, and a line that only relays.

mod sandbox_day; // Simulated HIS callers against the stand-in.
mod sandbox_faults; // What a client hears of each fault, and what the ledger holds.
mod sandbox_ledger; // The stand-in performs, over every URL style.
