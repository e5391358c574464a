//! One binary for everything that needs real sockets and real files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops here, in its rig too")]

mod doors_bounds; // What the door refuses, whom it ends, how it stops.
mod doors_large; // Large, slow and cut bodies.
mod doors_once; // One send per call, whatever the connection does.
mod doors_pass; // What crosses unchanged.
mod doors_rig; // Raw peers on both sides, and a line that only relays.
