//! What is sealed, opened: a copy to read, and the change that makes a sealed answer a plain one. The bytes themselves stay.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use crate::domain::terms::{Form, Terms};

use super::members::{Body, Change};
use super::mobile;
use super::sm4::{self, Key};

/// Where a sealed text stands, by what the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A request.
    Asked,
    /// An answer.
    Answered,
}

impl Side {
    /// The member that may be sealed, and its name when it is plain.
    pub fn member(self, form: Form) -> (&'static str, &'static str) {
        match (form, self) {
            (Form::Envelope, _) => ("encData", "data"),
            (_, Side::Asked) => ("input", "input"),
            (_, Side::Answered) => ("output", "output"),
        }
    }
}

/// The plain text of the sealed member; `None` where nothing is sealed, or not under this key.
///
/// One answer for every trouble: ECB and CBC are not authenticated, and what exactly was wrong would tell a forger something.
pub fn side(terms: &Terms, key: &Key, body: Body<'_>, side: Side) -> Option<Zeroizing<Vec<u8>>> {
    match terms.form {
        Form::SealedInput if terms.seals(side.member(terms.form).0) => {
            member(terms, key, body, side.member(terms.form).0)
        }
        Form::Envelope => mobile::decrypt(terms, key, &body.text("encData")?).ok().map(Zeroizing::new),
        _ => None,
    }
}

/// The plain text of a member that holds Base64 of SM4.
pub fn member(terms: &Terms, key: &Key, body: Body<'_>, name: &'static str) -> Option<Zeroizing<Vec<u8>>> {
    // Some encoders break their lines.
    let text: String = body.text(name)?.split_ascii_whitespace().collect();
    let stored = BASE64_STANDARD.decode(text).ok().filter(|stored| !stored.is_empty())?;
    sm4::decrypt(terms.cipher, key, &terms.iv, &stored).ok().map(Zeroizing::new)
}

/// The change that puts the plain text in the place of the sealed one.
pub fn change(terms: &Terms, body: Body<'_>, side: Side, plain: &[u8]) -> Option<Change> {
    let (sealed, open) = side.member(terms.form);
    let place = body.place(sealed).ok()??;
    if sealed == open {
        return Some(Change { at: place.value.clone(), insert: plain.to_vec() });
    }
    let insert = [format!("\"{open}\":").as_bytes(), plain].concat();
    Some(Change { at: place.from..place.value.end, insert })
}
