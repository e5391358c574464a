//! The truth on disk: what was intended, and what came of it.

pub mod draft; // What a caller hands in.
pub mod facts; // The clear part of a payload.
pub mod record; // One record: header, stamp, checks.
pub mod tlv; // The inner form of both parts.

pub mod composite; // Facts made of several fields.
pub mod entry; // What a record leaves in the index.

pub mod entropy; // Where secrets come from.
pub mod tokens; // Keyed tokens under the index secret.

mod private_file; // Small secret files, whole or not at all.

