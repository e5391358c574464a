//! How the stand-in behaves, and why it does not start with the books it was given.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use super::ledger::Habits;
use super::province::Province;
use super::shape::{SHAPES, Shape};

/// How the stand-in behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Draws the people.
    pub seed: u64,
    /// How answers are written, where no province is played.
    pub shape: &'static Shape,
    /// The province that is played: the shape of its answers, and who may come in.
    pub province: Option<Arc<Province>>,
    /// How strict the ledger is.
    pub habits: Habits,
    /// Serve institutions whose code does not say "sandbox".
    pub any_institution: bool,
    /// No ledger: every call gets a tiny canned success and is only counted. For benchmarks.
    pub fixed: bool,
    /// A connection idle longer than this is closed, milliseconds.
    pub idle_ms: u64,
    /// Draws how cruel the platform is and what it does where provinces differ; `None` is plain and kind.
    pub temper: Option<u64>,
    /// Where the books are saved on request, and taken up from at the start when it is there.
    pub state: Option<PathBuf>,
    /// They are saved after every act, too, before it is answered: a stand-in that may be killed and forgets nothing.
    pub save_each: bool,
}

/// Why saved books were not taken up, or books not saved.
#[derive(Debug, Error)]
pub enum StateError {
    /// Nobody said where.
    #[error("no state file was named; start with --state FILE")]
    Nowhere,
    /// The file cannot be read or written.
    #[error("cannot read or write {0}")]
    File(PathBuf, #[source] io::Error),
    /// The file is no saved state.
    #[error("{0} is no saved state of the stand-in")]
    Unreadable(PathBuf, #[source] serde_json::Error),
    /// The people of another seed.
    #[error("{path} was saved with seed {saved}; start with --seed {saved}")]
    OtherSeed {
        /// The file.
        path: PathBuf,
        /// Its seed.
        saved: u64,
    },
}

impl Default for Settings {
    fn default() -> Settings {
        let habits = Habits::default();
        Settings {
            seed: 1,
            shape: &SHAPES[0],
            province: None,
            habits,
            any_institution: false,
            fixed: false,
            idle_ms: 60_000,
            temper: None,
            state: None,
            save_each: false,
        }
    }
}
