//! Members of a body's outermost object: where they stand, and what is put in their place. The rest keeps its bytes.

use std::ops::Range;

use crate::domain::scan::{Place, Shape, View};

/// A declared change of a body: the bytes of a range give way to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Offsets in the body as it came.
    pub at: Range<u64>,
    /// Put in.
    pub insert: Vec<u8>,
}

/// A body with what was seen of it.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// What the scanner saw.
    pub view: &'a View,
}

/// Why a member cannot be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoMember {
    /// The body is no JSON object, or breaks off.
    #[error("the body is no whole JSON object")]
    NoObject,
    /// It has none.
    #[error("the body has no member {0}")]
    Absent(&'static str),
    /// It has several, and nobody knows which one counts.
    #[error("the body has the member {0} more than once")]
    Twice(&'static str),
}

impl<'a> Body<'a> {
    /// Where the only member of this name stands; `None` where there is none.
    ///
    /// # Errors
    /// When the body is no object, or has several.
    pub fn place(self, name: &'static str) -> Result<Option<&'a Place>, NoMember> {
        if self.view.shape != Shape::Json || self.view.top_places.is_empty() {
            return Err(NoMember::NoObject);
        }
        let mut places = self.view.members(name);
        let first = places.next();
        if places.next().is_some() { Err(NoMember::Twice(name)) } else { Ok(first) }
    }

    /// The raw value of the only member of this name.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn raw(self, name: &'static str) -> Result<&'a [u8], NoMember> {
        let place = self.place(name)?.ok_or(NoMember::Absent(name))?;
        self.slice(&place.value).ok_or(NoMember::NoObject)
    }

    /// The text of the only member of this name, where it is a string.
    pub fn text(self, name: &'static str) -> Option<String> {
        serde_json::from_slice(self.raw(name).ok()?).ok()
    }

    fn slice(self, range: &Range<u64>) -> Option<&'a [u8]> {
        self.bytes.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    }

    /// Gives a member this value: in its place where it stands, else behind the member `after`. What is so already stays.
    ///
    /// # Errors
    /// When either stands there more than once, or `after` not at all.
    pub fn set(
        self,
        changes: &mut Vec<Change>,
        name: &'static str,
        json: &str,
        after: &'static str,
    ) -> Result<(), NoMember> {
        if let Some(place) = self.place(name)? {
            if self.slice(&place.value) != Some(json.as_bytes()) {
                changes.push(Change { at: place.value.clone(), insert: json.as_bytes().to_vec() });
            }
            return Ok(());
        }
        let end = self.place(after)?.ok_or(NoMember::Absent(after))?.value.end;
        let member = format!(",{}:{json}", quoted(name)).into_bytes();
        // Several newcomers stand behind the same member: one change, in their order.
        match changes.iter_mut().find(|change| change.at == (end..end)) {
            Some(change) => change.insert.extend_from_slice(&member),
            None => changes.push(Change { at: end..end, insert: member }),
        }
        Ok(())
    }
}

/// The body with its changes.
pub fn changed(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut in_order: Vec<&Change> = changes.iter().collect();
    // A newcomer stands behind what is replaced before it.
    in_order.sort_by_key(|change| (change.at.start, change.at.end));
    let added: usize = in_order.iter().map(|change| change.insert.len()).sum();
    let (mut out, mut done) = (Vec::with_capacity(bytes.len() + added), 0);
    for change in in_order {
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).clamp(done, bytes.len());
        let (from, until) = (at(change.at.start), at(change.at.end));
        out.extend_from_slice(&bytes[done..from]);
        out.extend_from_slice(&change.insert);
        done = until;
    }
    out.extend_from_slice(&bytes[done..]);
    out
}

/// A JSON string; what is not ASCII stays as it is.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::scan::{Scanner, Wanted};

    fn view(bytes: &[u8]) -> View {
        let mut scanner = Scanner::new(Arc::new(Wanted::new([])), None, None);
        scanner.feed(bytes);
        scanner.finish()
    }

    #[test]
    fn a_member_of_any_kind_is_found_where_it_stands() {
        let bytes = "\u{feff} { \"a\" : {\"input\":[1,\"}\"]} ,\"input\" :[ {\"x\":\"]\"} ], \"s\":\"\\\"\", \"n\":1.50 ,\"t\":true}\r\n\0";
        let view = view(bytes.as_bytes());
        let body = Body { bytes: bytes.as_bytes(), view: &view };
        let raw = |name| body.raw(name).map(|raw| std::str::from_utf8(raw).unwrap());
        assert_eq!(raw("a"), Ok("{\"input\":[1,\"}\"]}"));
        assert_eq!(raw("input"), Ok("[ {\"x\":\"]\"} ]"));
        assert_eq!((raw("s"), raw("n"), raw("t")), (Ok("\"\\\"\""), Ok("1.50"), Ok("true")));
        assert_eq!(raw("x"), Err(NoMember::Absent("x")));
        assert_eq!(body.text("s").as_deref(), Some("\""));
        assert_eq!(body.text("n"), None);
    }

    #[test]
    fn what_cannot_be_named_is_not_guessed() {
        for (bytes, expected) in [
            (r#"{"input":1,"input":2}"#, NoMember::Twice("input")),
            (r#"{"input":1"#, NoMember::NoObject),
            (r#"[{"input":1}]"#, NoMember::NoObject),
            ("", NoMember::NoObject),
            ("{}", NoMember::NoObject),
            (r#"{"a":{"input":1}}"#, NoMember::Absent("input")),
        ] {
            let view = view(bytes.as_bytes());
            assert_eq!(Body { bytes: bytes.as_bytes(), view: &view }.raw("input"), Err(expected), "{bytes}");
        }
    }

    #[test]
    fn members_are_set_in_their_place_or_behind_another() {
        let bytes = br#"{"cainfo": "" ,"signtype":"SM2","input":{"a":1} , "z":0}"#;
        let view = view(bytes);
        let body = Body { bytes, view: &view };
        let mut changes = Vec::new();
        for (name, json) in
            [("input", r#""X""#), ("cainfo", r#""C""#), ("signtype", r#""SM2""#), ("enc_type", r#""SM4""#)]
        {
            body.set(&mut changes, name, json, "input").unwrap();
        }
        body.set(&mut changes, "more", "1", "input").unwrap();
        assert_eq!(changes.len(), 3, "what is so already stays: {changes:?}");
        let expected = br#"{"cainfo": "C" ,"signtype":"SM2","input":"X","enc_type":"SM4","more":1 , "z":0}"#;
        assert_eq!(changed(bytes, &changes), expected);
        assert_eq!(changed(bytes, &[]), bytes);
        assert!(body.set(&mut changes, "new", "1", "absent").is_err());
    }
}
