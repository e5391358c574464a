//! The text that is signed in the `appId` family (`wire.md` §3.1): members sorted, empties dropped, `&key=` and the secret behind.
//!
//! Three forms are in use; they differ on everything that is not a string. Numbers keep the digits that the sender wrote. A body that
//! passes is never rebuilt from this: what is made here is only compared, or signed by the gateway itself.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::domain::terms::Canonical;

/// Members that are never signed.
const UNSIGNED: [&str; 3] = ["signData", "encData", "extra"];
/// Nesting of a body; deeper is refused.
const DEPTH_MAX: usize = 64;

/// The exact text to sign of a body, secret included.
///
/// # Errors
/// When the body is no JSON object, nests too deep, or holds what the form leaves undefined.
pub fn signing_text(form: Canonical, body: &str, app_secret: &str) -> Result<Zeroizing<String>, CanonicalError> {
    let members: Members<'_> = serde_json::from_str(body).map_err(|_| CanonicalError::NoObject)?;
    let mut pairs = Vec::new();
    for (name, value) in members.iter().filter(|(name, _)| !UNSIGNED.contains(&name.as_str())) {
        if let Some(text) = top_level(form, value.get())? {
            pairs.push(format!("{name}={text}"));
        }
    }
    if form == Canonical::Texts {
        // The reference sorts its finished texts once more, with the `&` that follows each.
        pairs.sort_by_cached_key(|pair| format!("{pair}&").to_lowercase());
    }
    pairs.push("key=".to_owned());
    // Made in one piece, so that no copy of the secret is left behind.
    Ok(Zeroizing::new([pairs.join("&").as_str(), app_secret].concat()))
}

type Members<'a> = BTreeMap<String, &'a RawValue>;

/// A member of the outermost object: strings and scalars bare, containers as compact JSON.
fn top_level(form: Canonical, raw: &str) -> Result<Option<String>, CanonicalError> {
    match raw.as_bytes().first() {
        Some(b'"') => Ok(Some(string(raw)?).filter(|text| !text.is_empty())),
        Some(b'{' | b'[') => cleaned(form, raw, 1),
        _ => Ok(Some(raw.to_owned()).filter(|text| text != "null")),
    }
}

/// A nested value as compact JSON; `None` when the form drops it.
fn cleaned(form: Canonical, raw: &str, depth: usize) -> Result<Option<String>, CanonicalError> {
    if depth > DEPTH_MAX {
        return Err(CanonicalError::TooDeep);
    }
    match raw.as_bytes().first() {
        Some(b'{') => {
            let members: Members<'_> = serde_json::from_str(raw).map_err(|_| CanonicalError::NoObject)?;
            let mut kept = Vec::with_capacity(members.len());
            for (name, value) in members {
                if let Some(text) = cleaned(form, value.get(), depth + 1)? {
                    kept.push(format!("{}:{text}", quoted(&name)));
                }
            }
            let empty = kept.is_empty() && form != Canonical::Texts;
            Ok((!empty).then(|| format!("{{{}}}", kept.join(","))))
        }
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| CanonicalError::NoObject)?;
            let mut kept = Vec::with_capacity(values.len());
            for value in values {
                match cleaned(form, value.get(), depth + 1)? {
                    Some(text) => kept.push(text),
                    None if form == Canonical::Texts => return Err(CanonicalError::EmptyInList),
                    None => {}
                }
            }
            Ok((!kept.is_empty()).then(|| format!("[{}]", kept.join(","))))
        }
        Some(b'"') => Ok(Some(string(raw)?).filter(|text| !text.is_empty()).map(|text| quoted(&text))),
        _ if raw == "null" => Ok(None),
        _ if form == Canonical::Texts || (form == Canonical::FirstLevelTexts && depth == 2) => Ok(Some(quoted(raw))),
        _ => Ok(Some(raw.to_owned())),
    }
}

fn string(raw: &str) -> Result<String, CanonicalError> {
    serde_json::from_str(raw).map_err(|_| CanonicalError::NoObject)
}

/// A JSON string; what is not ASCII stays as it is.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Why there is no text to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// Not JSON, or no object.
    #[error("the body is no JSON object")]
    NoObject,
    /// Beyond the bound.
    #[error("the body nests deeper than {DEPTH_MAX}")]
    TooDeep,
    /// The reference program of this form falls over it.
    #[error("a list with an empty member has no text in this form")]
    EmptyInList,
}
