//! The token of OAuth2: the question for it, the answer that brings it, and the header line that bears it (`wire.md` §1.7). Pure.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::domain::terms::{Grant, Terms};

use super::apply::CannotSign;
use super::credentials::{Credentials, of_grant};

/// Characters of a token; a longer one would leave no room for other header lines.
const TOKEN_CHARS_MAX: usize = 8 * 1024;
/// What stands in a form as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');
/// Reasons of RFC 6749 §5.2. No other word of an answer is repeated: it might be what was asked with.
const REASONS: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// What asks for a token; holds secret and password.
pub struct Question {
    /// Value of `Authorization`.
    pub basic: Zeroizing<String>,
    /// The form.
    pub form: Zeroizing<String>,
}

/// What an answer says, of which nothing else is kept.
#[derive(Deserialize)]
struct Answer {
    error: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Value>,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoGrant {
    /// The platform says no, for a reason of RFC 6749.
    #[error("the platform hands out no token: {0}")]
    Refused(&'static str),
    /// No token stands in it, or one that no header line can hold.
    #[error("the answer holds no token")]
    Absent,
}

/// What asks for a token as this identity.
///
/// # Errors
/// When the identity lacks something.
pub fn question(terms: &Terms, by: &Credentials) -> Result<Question, CannotSign> {
    let lacks = |name: &&str| match *name {
        "account" => by.account.is_empty(),
        "secret_file" => by.secret.is_empty(),
        "user" => by.user.is_empty(),
        _ => by.password.is_empty(),
    };
    if let Some(name) = of_grant(terms).into_iter().find(lacks) {
        return Err(CannotSign::Lacks(name));
    }
    let plain = Zeroizing::new(format!("{}:{}", by.account, *by.secret));
    let basic = Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(plain.as_bytes())));
    Ok(Question { basic, form: Zeroizing::new(form(&terms.token, &by.user, &by.password)) })
}

/// The form with this user and password.
pub fn form(grant: &Grant, user: &str, password: &str) -> String {
    let escaped = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
    let field = |(name, value): &(String, String)| {
        // A password that looks like a word of the profile stays what it is.
        let value = match value.as_str() {
            "{user}" => user.to_owned(),
            "{password}" => password.to_owned(),
            other => other.replace("{user}", user).replace("{password}", password),
        };
        format!("{}={}", escaped(name), escaped(&value))
    };
    grant.fields.iter().map(field).collect::<Vec<_>>().join("&")
}

/// The token that an answer brings, and how long it is good.
///
/// # Errors
/// Why there is none.
pub fn read(grant: &Grant, body: &[u8]) -> Result<(Zeroizing<String>, Duration), NoGrant> {
    // The scanner of the line cuts long values, and a token cut short is none.
    let answer: Answer = serde_json::from_slice(body).map_err(|_| NoGrant::Absent)?;
    if let Some(error) = answer.error {
        return Err(REASONS
            .iter()
            .find(|known| **known == error)
            .map_or(NoGrant::Absent, |known| NoGrant::Refused(known)));
    }
    let token = Zeroizing::new(answer.access_token.unwrap_or_default());
    if token.is_empty() || token.len() > TOKEN_CHARS_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(NoGrant::Absent);
    }
    let told = answer.expires_in.as_ref().and_then(|told| match told {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    let seconds = told.map_or(grant.life_seconds, |told| told.min(grant.life_seconds));
    Ok((token, Duration::from_secs(seconds)))
}

/// The header line that bears a token.
pub fn line(grant: &Grant, token: &str) -> (String, String) {
    let (name, value) = &grant.header;
    (name.clone(), value.replace("{token}", token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(user: &str, password: &str) -> Credentials {
        Credentials {
            account: "client".to_owned(),
            secret: Zeroizing::new("s:1".to_owned()),
            user: user.to_owned(),
            password: Zeroizing::new(password.to_owned()),
            ..Credentials::default()
        }
    }

    #[test]
    fn it_is_asked_for_by_basic_and_a_form() {
        let token = Grant { path: "/t".to_owned(), ..Grant::default() };
        let terms = Terms { token, ..Terms::default() };
        let asked = question(&terms, &by("医 院", "a&b={user}+%")).unwrap();
        assert_eq!(*asked.basic, "Basic Y2xpZW50OnM6MQ==");
        let form = "username=%E5%8C%BB%20%E9%99%A2&password=a%26b%3D%7Buser%7D%2B%25&grant_type=password";
        assert_eq!(*asked.form, form);
        assert_eq!(question(&terms, &by("", "p")).err(), Some(CannotSign::Lacks("user")));
        assert_eq!(question(&terms, &by("u", "")).err(), Some(CannotSign::Lacks("password_file")));
        let fields = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
        let terms = Terms { token: Grant { fields, ..terms.token }, ..Terms::default() };
        assert_eq!(*question(&terms, &by("", "")).unwrap().form, "grant_type=client_credentials");
    }

    #[test]
    fn an_answer_brings_a_token_that_a_header_line_can_hold() {
        let good = |body: &str| {
            read(&Grant::default(), body.as_bytes()).map(|(token, life)| (token.to_string(), life.as_secs()))
        };
        let long = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(TOKEN_CHARS_MAX + 1));
        let whole = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(TOKEN_CHARS_MAX));
        let rows = [
            (whole.as_str(), Ok(("x".repeat(TOKEN_CHARS_MAX), 600))),
            (r#"{"access_token":"a.b-c","token_type":"bearer"}"#, Ok(("a.b-c".to_owned(), 600))),
            (r#"{"access_token":"t","expires_in":60}"#, Ok(("t".to_owned(), 60))),
            (r#"{"access_token":"t","expires_in":"60"}"#, Ok(("t".to_owned(), 60))),
            (r#"{"access_token":"t","expires_in":43199}"#, Ok(("t".to_owned(), 600))),
            (r#"{"access_token":"t","expires_in":-1}"#, Ok(("t".to_owned(), 600))),
            (r#"{"access_token":"t\r\nX: y"}"#, Err(NoGrant::Absent)),
            (r#"{"access_token":"t"#, Err(NoGrant::Absent)),
            (r#"{"access_token":null}"#, Err(NoGrant::Absent)),
            (r#"{"data":{"access_token":"t"}}"#, Err(NoGrant::Absent)),
            ("<html>", Err(NoGrant::Absent)),
            (r#"{"error":"invalid_grant","error_description":"u p"}"#, Err(NoGrant::Refused("invalid_grant"))),
            (r#"{"error":"the password p"}"#, Err(NoGrant::Absent)),
            (&long, Err(NoGrant::Absent)),
        ];
        for (body, expected) in rows {
            assert_eq!(good(body), expected, "{body}");
        }
        assert_eq!(line(&Grant::default(), "t"), ("authorization".to_owned(), "Bearer t".to_owned()));
    }
}
