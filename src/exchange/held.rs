//! Business keys that are under way right now: one performer per key, the others wait for what it hears.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::domain::exchange::Seq;
use crate::domain::outcome::Outcome;
use crate::domain::token::Token;

/// The keys under way in this process. What was under way in an earlier one was settled Unknown at opening.
#[derive(Debug, Default)]
pub struct Held {
    running: Mutex<HashMap<Token, Running>>,
}

#[derive(Debug)]
struct Running {
    called: Called,
    standing: watch::Sender<Standing>,
}

/// What a performer was called with, for those who come after it.
#[derive(Debug, Clone, Default)]
pub struct Called {
    /// msgid as sent.
    pub msgid: String,
    /// Compared fields of the key.
    pub fingerprint: Vec<(String, Token)>,
}

/// How far the performer of a key has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known yet.
    UnderWay,
    /// Settled: its OUTCOME is durable under this number.
    Settled(Seq, Outcome),
    /// It ended without performing anything (refused before the intent, or itself a repeat).
    Withdrawn,
}

/// What came of asking for a key.
pub enum Claimed {
    /// This exchange performs it.
    Mine(Claim),
    /// Another one does.
    Others(Waiting),
}

/// The right to perform a key; dropping it frees the key for the next one to ask the journal.
#[derive(Debug)]
pub struct Claim {
    held: Arc<Held>,
    token: Token,
}

/// A look at another exchange that performs the same key.
pub struct Waiting {
    /// What it was called with, to compare.
    pub called: Called,
    standing: watch::Receiver<Standing>,
}

impl Held {
    /// Claims a key, or tells who has it.
    pub fn claim(self: &Arc<Held>, token: Token, called: &Called) -> Claimed {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = running.get(&token) {
            return Claimed::Others(Waiting { called: other.called.clone(), standing: other.standing.subscribe() });
        }
        let standing = watch::Sender::new(Standing::UnderWay);
        running.insert(token, Running { called: called.clone(), standing });
        Claimed::Mine(Claim { held: Arc::clone(self), token })
    }
}

impl Claim {
    /// Tells the waiting ones what the journal now holds.
    pub fn settled(&self, outcome_seq: Seq, outcome: Outcome) {
        let running = self.held.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = running.get(&self.token) {
            mine.standing.send_replace(Standing::Settled(outcome_seq, outcome));
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let removed = self.held.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.token);
        if let Some(mine) = removed {
            let withdraw = |standing: &mut Standing| {
                let unsettled = *standing == Standing::UnderWay;
                if unsettled {
                    *standing = Standing::Withdrawn;
                }
                unsettled
            };
            mine.standing.send_if_modified(withdraw);
        }
    }
}

impl Waiting {
    /// Waits until the performer has ended: it listens no more for a late answer either.
    pub async fn gone(mut self) {
        while self.standing.changed().await.is_ok() {}
    }

    /// Waits until the performer has settled or withdrawn.
    pub async fn end(mut self) -> Standing {
        match self.standing.wait_for(|standing| *standing != Standing::UnderWay).await {
            Ok(standing) => *standing,
            Err(_performer_gone) => Standing::Withdrawn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_performs_and_the_others_learn_what_came_of_it() {
        let held = Arc::new(Held::default());
        let Claimed::Mine(claim) = held.claim(Token([1; 16]), &Called::default()) else {
            panic!("free key not granted")
        };
        let Claimed::Others(first) = held.claim(Token([1; 16]), &Called::default()) else {
            panic!("key granted twice")
        };
        claim.settled(Seq(7), Outcome::Confirmed);
        assert_eq!(first.end().await, Standing::Settled(Seq(7), Outcome::Confirmed));
        let Claimed::Others(second) = held.claim(Token([1; 16]), &Called::default()) else {
            panic!("key granted twice")
        };
        drop(claim);
        assert_eq!(second.end().await, Standing::Settled(Seq(7), Outcome::Confirmed));
        let Claimed::Mine(again) = held.claim(Token([1; 16]), &Called::default()) else {
            panic!("freed key not granted")
        };
        let Claimed::Others(third) = held.claim(Token([1; 16]), &Called::default()) else {
            panic!("key granted twice")
        };
        drop(again);
        assert_eq!(third.end().await, Standing::Withdrawn);
    }
}
