//! Why people are not shown what a record sealed: it is erased, or it cannot be opened.

use super::body_front::FrontError;
use super::keys::KeyError;
use super::sealing::SealedError;

/// Why a sealed part or a body stays closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// Its key was destroyed by policy; the record is as whole as before.
    #[error("erased by policy, 已按规定清除 (key slot {0})")]
    Erased(u64),
    /// Anything else, in words.
    #[error("{0}")]
    Not(String),
}

impl From<SealedError> for Unopened {
    fn from(error: SealedError) -> Unopened {
        match error {
            SealedError::Erased(slot) => Unopened::Erased(slot),
            other => Unopened::Not(other.to_string()),
        }
    }
}

impl From<FrontError> for Unopened {
    fn from(error: FrontError) -> Unopened {
        match error {
            FrontError::Key(KeyError::Destroyed(slot)) => Unopened::Erased(slot),
            other => Unopened::Not(other.to_string()),
        }
    }
}
