//! What happened, in words, with the virtual time at which it did.

use std::sync::{Mutex, PoisonError};

/// The lines of a story, as they were told.
pub struct Story(Mutex<Vec<String>>);

impl Story {
    pub(super) fn new() -> Story {
        Story(Mutex::default())
    }

    pub(super) fn tell(&self, mono_ns: u64, what: String) {
        let millis = mono_ns / 1_000_000;
        let line = format!("{:>5}.{:03} s  {what}", millis / 1_000, millis % 1_000);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
