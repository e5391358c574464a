//! Personal data has its own type: it cannot be printed by accident.

use std::fmt;

use zeroize::Zeroizing;

/// A person's number, name or certificate. `Debug` and `Display` mask it; `reveal` names the act of looking.
#[derive(Clone, PartialEq, Eq)]
pub struct Personal(Zeroizing<String>);

impl Personal {
    /// Wraps clear text.
    pub fn new(clear: impl Into<String>) -> Personal {
        Personal(Zeroizing::new(clear.into()))
    }

    /// The clear text; for tokens and the sealed part only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_masks() {
        let person = Personal::new("110101199003077777");
        assert_eq!(format!("{person} {person:?}"), "*** ***");
    }
}
