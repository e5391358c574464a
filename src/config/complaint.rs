//! One complaint about a setting: where it was said, what is wrong, and the cure.

use std::fmt;

/// Printed as `place: what` and the cure on its own line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// `medgate.toml:12`, `environment MEDGATE__X__Y`, `flag --listen` or `default`.
    pub place: String,
    /// What is wrong, with the key and the value.
    pub what: String,
    /// What to do about it.
    pub cure: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    cure: {}", self.place, self.what, self.cure)
    }
}

/// The known word nearest to `said`, when it is near enough to be what was meant.
pub fn nearest<'a>(said: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let said = said.to_lowercase();
    let scored = known.into_iter().map(|word| (strsim::jaro_winkler(&said, word), word));
    scored.filter(|(score, _)| *score >= 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_a_stranger_is_not() {
        let known = ["listen", "connections_max", "idle_seconds"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("connection_max", known), Some("connections_max"));
        assert_eq!(nearest("IDLE_SECONDS", known), Some("idle_seconds"));
        assert_eq!(nearest("zzz", known), None);
    }
}
