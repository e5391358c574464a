//! Whose token is it: each person who decides about money has one of their own, of which only the SM3 digest stands in the
//! settings.

use std::sync::Arc;

use sm3::{Digest, Sm3};

/// Longest name of a person.
const WHO_MAX: usize = 60;

/// The persons of the settings.
#[derive(Debug, Default)]
pub struct Persons(Vec<(Arc<str>, String)>);

impl Persons {
    /// Names and the digests of their tokens, in hex; one without a digest has no token.
    pub fn of<'s>(written: impl Iterator<Item = (&'s str, &'s str)>) -> Persons {
        let with_token = written.filter(|(_, digest)| !digest.is_empty());
        Persons(with_token.map(|(name, digest)| (Arc::from(name), digest.to_lowercase())).collect())
    }

    /// The person who has this token.
    pub(super) fn named(&self, token: &[u8]) -> Option<Arc<str>> {
        // Digests are compared: how long that takes tells nothing of the token.
        let digest = sm3_hex(token);
        self.0.iter().find(|(_, of)| *of == digest).map(|(name, _)| Arc::clone(name))
    }
}

/// SM3 of a token, in hex.
pub fn sm3_hex(token: &[u8]) -> String {
    hex::encode(Sm3::digest(token))
}

/// A name that may stand in the journal and on a terminal.
pub fn is_plain_name(who: &str) -> bool {
    let simple = who.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@".contains(c));
    simple && !who.is_empty() && who.len() <= WHO_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_person_and_no_other() {
        let digest = sm3_hex(b"secret of zhang");
        let persons = Persons::of([("zhang", digest.to_uppercase().as_str()), ("li", "")].into_iter());
        assert_eq!(persons.named(b"secret of zhang").as_deref(), Some("zhang"));
        for other in [&b""[..], b"secret of li", digest.as_bytes()] {
            assert_eq!(persons.named(other), None);
        }
    }
}
