//! What is wrong with a profile's text, where, and how to cure it.

use std::fmt;

/// One complaint about a profile file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The file, as the profile names it (`baseline.toml`).
    pub file: String,
    /// Line from 1; 0 where the complaint is about the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub text: String,
    /// What to do; may be empty.
    pub cure: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "profiles/{}:{}: {}", self.file, self.line, self.text)?;
        if self.cure.is_empty() { Ok(()) } else { write!(f, "; {}", self.cure) }
    }
}

/// The known word nearest to `word`, as a cure; empty when none is near.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let scored = known.into_iter().map(|one| (strsim::jaro_winkler(word, one), one));
    let best = scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(String::new(), |(_, one)| format!("did you mean `{one}`?"))
}
