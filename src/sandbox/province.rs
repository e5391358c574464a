//! The province that the stand-in plays: how it answers, and who may come in.

use std::sync::Arc;

use super::guard::Guard;
use super::shape::{SHAPES, Shape};
use super::tokens;
use super::wire::{Reply, Request};
use crate::domain::terms::Terms;
use crate::profile::{Profile, Texts};
use crate::signing::credentials::Credentials;
use crate::signing::sm2::Signer;

/// One province, played.
#[derive(Debug)]
pub struct Province {
    /// How it writes its answers.
    pub shape: &'static Shape,
    /// What it asks of a signature.
    pub terms: Terms,
    /// Who may come in; `None` = signatures are not looked at.
    pub guard: Option<Guard>,
}

/// Why a province cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPlayed {
    /// No such profile, or one with complaints.
    #[error("the profile {0} cannot be used: {1}")]
    Profile(String, String),
    /// Nobody wrote down how it answers.
    #[error("nobody wrote down how the profile {0} answers; there are shapes for {1}")]
    Shape(String, String),
    /// The account cannot be verified.
    #[error("the signature {0} needs {1}")]
    Lacks(&'static str, &'static str),
}

impl Province {
    /// The province of a built-in profile; it does not look at signatures.
    ///
    /// # Errors
    /// When there is no such profile, or no shape of its name.
    pub fn named(name: &str) -> Result<Province, NotPlayed> {
        let profile = Profile::load(name, &Texts::embedded()).map_err(|complaints| {
            let complaints: Vec<String> = complaints.iter().map(ToString::to_string).collect();
            NotPlayed::Profile(name.to_owned(), complaints.join("; "))
        })?;
        let shape = Shape::named(name).ok_or_else(|| {
            let names: Vec<&str> = SHAPES.iter().map(|shape| shape.name).collect();
            NotPlayed::Shape(name.to_owned(), names.join(", "))
        })?;
        Ok(Province { shape, terms: profile.signing("").cloned().unwrap_or_default(), guard: None })
    }

    /// The same, with eyes for signatures: those of `hospital` are good, answers bear the platform's own where they bear one.
    ///
    /// # Errors
    /// When the hospital's account lacks what the signature needs.
    pub fn guarded(self, hospital: Credentials, own: Option<Arc<dyn Signer>>) -> Result<Province, NotPlayed> {
        let guard = Guard::new(self.terms.clone(), hospital, own);
        let guard = guard.map_err(|lack| NotPlayed::Lacks(self.terms.word(), lack))?;
        Ok(Province { guard: Some(guard), ..self })
    }

    /// The answer to a request for a token, where the province hands one out; to anybody where signatures are not looked at.
    pub(super) fn token(&self, request: &Request, now_unix_ns: i64) -> Option<Reply> {
        let asked = self.terms.grant().filter(|asked| tokens::asks(asked, request))?;
        Some(match &self.guard {
            Some(guard) => guard.token(request, now_unix_ns),
            None => tokens::answer(asked, None, request, || "anybody".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_can_be_played() {
        for name in Texts::embedded().names() {
            assert_eq!(Province::named(name).map(|province| province.shape.name).as_deref(), Ok(name));
        }
        let NotPlayed::Profile(..) = Province::named("atlantis").unwrap_err() else { panic!("no such profile") };
    }

    #[test]
    fn an_account_that_cannot_be_verified_is_no_account() {
        let played = |name: &str, account: &str| {
            let hospital = Credentials { account: account.to_owned(), ..Credentials::default() };
            Province::named(name).unwrap().guarded(hospital, None).map(|_| ())
        };
        assert_eq!(played("baseline", ""), Ok(()));
        assert_eq!(played("hunan", "ak"), Err(NotPlayed::Lacks("csb", "secret_file")));
        assert_eq!(played("jilin", "0123456789ABCDEF"), Err(NotPlayed::Lacks("sealed-input", "public_key_file")));
    }
}
