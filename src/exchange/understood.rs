//! What a reply says: scanned as it comes, read once by the profile, used by judge, settle and replay.

use std::sync::Arc;

use crate::domain::message::{HeaderLines, header};
use crate::domain::scan::{Scanner, View};
use crate::journal::draft::Edit;
use crate::profile::{Profile, ReplyView};

use super::policy::Policy;

/// A reply that is being scanned.
pub(super) struct Listening {
    policy: Arc<Policy>,
    scanner: Scanner,
}

/// A reply that was scanned to its end, or as far as it came.
#[derive(Debug)]
pub struct Understood {
    /// What the scanner saw.
    pub view: View,
    /// What the profile reads out of it.
    pub said: ReplyView,
    /// The platform's key is known, and it did not sign what the reply says.
    pub forged: bool,
    /// What makes the reply a plain one, where its HIS speaks plain.
    pub edits: Vec<Edit>,
}

impl Listening {
    /// Begins with the head of a reply.
    pub(super) fn to(policy: Arc<Policy>, headers: &HeaderLines) -> Listening {
        let content_type = header(headers, "content-type").map(|value| &value[..]);
        let scanner = Scanner::of_content_type(policy.profile.reply_wanted(), content_type);
        Listening { policy, scanner }
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.scanner.feed(bytes);
    }

    /// No more bytes.
    pub(super) fn finish(self) -> Understood {
        Understood::of(&self.policy.profile, self.scanner.finish())
    }
}

impl Understood {
    /// What a scanned reply says, with its seals closed.
    pub fn of(profile: &Profile, view: View) -> Understood {
        Understood { said: profile.envelope_of_reply(&view), view, forged: false, edits: Vec::new() }
    }
}
