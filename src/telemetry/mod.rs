//! The only list of log fields and metric names.
