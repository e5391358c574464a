//! The truth on disk: what was intended, and what came of it.

pub mod draft; // What a caller hands in.
pub mod facts; // The clear part of a payload.
pub mod record; // One record: header, stamp, checks.
pub mod tlv; // The inner form of both parts.
