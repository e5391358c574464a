//! The truth on disk: what was intended, and what came of it.

pub mod draft; // What a caller hands in.
pub mod facts; // The clear part of a payload.
pub mod record; // One record: header, stamp, checks.
pub mod tlv; // The inner form of both parts.

pub mod composite; // Facts made of several fields.
pub mod entry; // What a record leaves in the index.
pub mod frame; // A finished record, less the writer's stamp.
pub mod sealed_form; // The plain form of the sealed part.

pub mod cipher; // Encryption under a key of the pool.
pub mod entropy; // Where secrets come from.
pub mod keys; // The key pool.
pub mod tokens; // Keyed tokens under the index secret.

pub mod pack; // Compression.
pub mod sealing; // A draft becomes a frame, and a sealed part is opened again.

pub mod bodies; // Large bodies in files of their own.
pub mod body_file; // The form of such a file.

mod key_block; // The form of a file of keys.
mod private_file; // Small secret files, whole or not at all.

#[cfg(test)]
mod golden; // Every kind of record as it is stored.
