//! The only list of log fields and metric names.

pub mod books; // Gauges of cases and ledgers.
pub mod log; // Where log lines go, and the names of their fields.
pub mod metrics; // Handles that cost next to nothing per exchange.
pub mod names; // Every metric: name, help, labels.
pub mod sampled; // Totals that a part counts by itself.
