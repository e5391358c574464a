//! An error with what lies behind it, as a log or a terminal shows it.

use std::error::Error;

/// An error and what lies behind it, on one line.
pub fn with_causes(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(behind) = cause {
        // A transparent variant repeats its cause word for word.
        let said = behind.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = behind.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Trouble {
        #[error("the file cannot be read")]
        File(#[source] std::io::Error),
        #[error("the start failed: {0}")]
        Start(#[source] Box<Trouble>),
        #[error(transparent)]
        Through(Box<Trouble>),
    }

    #[test]
    fn each_cause_is_told_once() {
        let file = || Box::new(Trouble::File(std::io::Error::other("disk on fire")));
        let rows = [
            (*file(), "the file cannot be read: disk on fire"),
            (Trouble::Start(file()), "the start failed: the file cannot be read: disk on fire"),
            (Trouble::Through(file()), "the file cannot be read: disk on fire"),
        ];
        for (error, told) in rows {
            assert_eq!(with_causes(&error), told);
        }
    }
}
