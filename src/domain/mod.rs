//! The words everybody speaks: plain values and pure functions.
//!
//! Knows nothing of ours, does no I/O, and never asks what time it is.

pub mod causes; // An error with what lies behind it, on one line.
pub mod class; // What kind of act a transaction is; decides policy.
pub mod clock; // Time is passed in.
pub mod exchange; // Ids, origins, time-stamps of one request with its answer.
pub mod html; // Text from outside in a page: it stays text.
pub mod limits; // Every bound, with its unit and its relation to its neighbours.
pub mod message; // Bytes of a request or reply as they came.
pub mod moment; // How a moment is written: China's time.
pub mod money; // Exact amounts as whole numbers.
pub mod outcome; // What became of an exchange, and what the HIS was told.
pub mod personal; // Personal data: masked wherever it could be printed.
pub mod scan; // A read-only view of a body: the incremental byte scanner.
pub mod spec; // The specification's field and code tables.
pub mod terms; // What a platform asks of a signature.
pub mod token; // Keyed tokens that stand for personal data and business keys.
pub mod zipped; // The platform's files: a zip with one text.
