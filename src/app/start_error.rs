//! What keeps a gateway from starting or stopping.

use std::io;

use crate::console::token::TokenError;
use crate::evidence::notary::NotaryError;
use crate::journal::{AppendError, CloseError, OpenError};
use crate::keys;
use crate::outbound;
use crate::outbound::tls::files::Trouble;

/// What keeps a gateway from starting or stopping.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error("could not make the data folder {path}")]
    Data {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A port.
    #[error("could not listen on {address} (`{setting}`); `ss -ltnp` tells which program has a port")]
    Bind {
        /// The setting.
        setting: &'static str,
        /// As set.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The admin token.
    #[error("could not open the admin token")]
    Token(#[from] TokenError),
    /// The master key of the journal's keys.
    #[error("the master key cannot be read (`journal.master_key`): {0}")]
    Master(#[from] keys::Trouble),
    /// The journal does not open; its message names the cure.
    #[error("could not open the journal")]
    Journal(#[from] OpenError),
    /// What seals the journal.
    #[error("the journal cannot be sealed")]
    Notary(#[from] NotaryError),
    /// The journal could not be sealed.
    #[error("could not close the journal")]
    Close(#[from] CloseError),
    /// The profile in force could not be journaled.
    #[error("could not write to the journal")]
    Append(#[from] AppendError),
    /// The profile.
    #[error("the profile {name} does not load: {complaints}")]
    Profile {
        /// Its name.
        name: String,
        /// Every complaint.
        complaints: String,
    },
    /// Packs of rules.
    #[error("the rules do not load: {complaints}")]
    Rules {
        /// Every complaint.
        complaints: String,
    },
    /// Identities.
    #[error("{troubles}")]
    Identity {
        /// Every trouble with its file and cure.
        troubles: String,
    },
    /// An upstream.
    #[error("upstream {name} is not usable")]
    Upstream {
        /// Its section.
        name: String,
        /// Why.
        #[source]
        source: outbound::SettingsError,
    },
    /// A file of certificates of a door.
    #[error("TLS of the door [{door}] cannot be set up")]
    Tls {
        /// Its section.
        door: &'static str,
        /// Why.
        #[source]
        source: Trouble,
    },
    /// Our own code.
    #[error("a part panicked while starting")]
    Panicked,
    /// A socket.
    #[error("a socket failed")]
    Socket(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::causes::with_causes;

    #[test]
    fn an_error_is_told_with_what_lies_behind_it() {
        let error = StartError::Data { path: "d".to_owned(), source: io::Error::other("disk on fire") };
        assert_eq!(with_causes(&error), "could not make the data folder d: disk on fire");
        assert_eq!(with_causes(&StartError::Socket(io::Error::other("gone"))), "a socket failed: gone");
    }
}
