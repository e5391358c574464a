//! Keyed tokens: 16 bytes that stand for a value outside the sealed part (`journal.md`, Tokens).

use std::fmt;

/// HMAC-SM3 of a value under the index secret, cut to 16 bytes. All zero means none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Token(pub [u8; 16]);

impl Token {
    /// No token.
    pub const NONE: Token = Token([0; 16]);

    /// True when there is none.
    pub fn is_none(self) -> bool {
        self == Token::NONE
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
