//! What is wrong with a text of a profile or of a rule pack, where, and how to cure it.

use std::fmt;

/// One complaint about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The file, relative to `profiles/` or `rules/` (`baseline.toml`).
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
        write!(f, "{}:{}: {}", self.file, self.line, self.text)?;
        if self.cure.is_empty() { Ok(()) } else { write!(f, "; {}", self.cure) }
    }
}
