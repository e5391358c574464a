//! The journal on a disk that breaks: power cuts, full disks, failed syncs, flipped bits, each followed by an audit.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod archive; // Archives of sealed segments.
mod damage; // Flipped bits, missing and foreign segments: refused.
mod failed_sync; // A sync that fails once and lies afterwards.
mod full_disk; // No room from any write on.
mod life; // One journal living on a simulated disk, and the audit of what is left.
mod power; // Power cuts at any operation.
mod tamper; // Somebody changes a sealed journal, and the verifier finds it.
mod tamper_rig; // That journal.
mod threads; // The real disk, with threads.
mod trim; // The front taken away.
