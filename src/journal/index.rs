//! Finding records by token: a map for the live segment, a sorted run for each sealed one.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::token::Token;

use super::disk::Disk;
use super::entry::{Entry, EntryKind};
use super::place::Place;
use super::record::Chain;
use super::run::{Posting, Run, RunError};

/// The index of one segment in memory: postings in the order they came, each linked to the one before of its token.
#[derive(Debug, Default)]
pub struct Postings {
    list: Vec<Posting>,
    before: Vec<u32>,
    last: HashMap<(Token, u8), u32>,
}

const NONE_BEFORE: u32 = u32::MAX;

impl Postings {
    /// Adds a record; records come in the order of their numbers.
    pub fn add(&mut self, entries: &[Entry], place: Place) {
        for entry in entries {
            let kind = entry.kind as u8;
            let before = self.last.insert((entry.token, kind), self.list.len() as u32);
            self.before.push(before.unwrap_or(NONE_BEFORE));
            self.list.push(Posting { token: entry.token, kind, seq: place.seq, offset: place.offset });
        }
    }

    /// All postings, in the order they came.
    pub fn list(&self) -> &[Posting] {
        &self.list
    }

    /// Adds the places of a token, ascending.
    pub fn lookup(&self, segment_no: u32, kind: EntryKind, token: Token, places: &mut Vec<Place>) {
        let from = places.len();
        let mut next = self.last.get(&(token, kind as u8)).copied().unwrap_or(NONE_BEFORE);
        while next != NONE_BEFORE {
            let posting = &self.list[next as usize];
            places.push(Place { segment_no, offset: posting.offset, seq: posting.seq });
            next = self.before[next as usize];
        }
        places[from..].reverse();
    }
}

/// The index of a sealed segment.
#[derive(Debug, Clone)]
pub enum Sealed {
    /// Its run is not written yet.
    InMemory {
        /// The segment.
        segment_no: u32,
        /// Chain at its end.
        chain: Chain,
        /// What the run will hold.
        postings: Arc<Postings>,
    },
    /// On disk.
    OnDisk(Arc<Run>),
}

impl Sealed {
    /// The segment.
    pub fn segment_no(&self) -> u32 {
        match self {
            Sealed::InMemory { segment_no, .. } => *segment_no,
            Sealed::OnDisk(run) => run.segment_no,
        }
    }

    /// Adds the places of a token, ascending; some may have been added when it fails.
    ///
    /// # Errors
    /// When a run is not as it was written, or cannot be opened.
    pub fn lookup<D: Disk>(
        &self,
        disk: &D,
        kind: EntryKind,
        token: Token,
        places: &mut Vec<Place>,
    ) -> Result<(), RunError> {
        match self {
            Sealed::InMemory { segment_no, postings, .. } => postings.lookup(*segment_no, kind, token, places),
            Sealed::OnDisk(run) => run.lookup(disk, kind, token, places)?,
        }
        Ok(())
    }
}
