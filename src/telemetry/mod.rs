//! The only list of log fields and metric names.

pub mod log; // Where log lines go, and the names of their fields.
pub mod metrics; // Every metric, its help and its handle.
