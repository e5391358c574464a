//! The plain form of the sealed part: salt, then typed entries. Bytes of messages stand in it as they came.
//!
//! Tags are stored and never reused; an unknown tag is skipped on reading.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::message::{Body, BodyFile, HeaderLines, Reply, Request};
use crate::domain::personal::Personal;

use super::draft::{Edit, Part, Sealed};
use super::tlv::{self, CutTlv};

/// The plain form begins with this many random-looking bytes, so that the commitment to it cannot be guessed at.
pub const SALT_LEN: usize = 32;

/// Entries of the plain form.
mod tag {
    pub(super) const REQUEST: u16 = 1;
    pub(super) const EDIT: u16 = 2;
    pub(super) const REPLY: u16 = 3;
    pub(super) const OWN_ANSWER: u16 = 4;
    pub(super) const PERSON: u16 = 5;
    pub(super) const OTHER: u16 = 6;
}

/// Entries of a message.
mod message {
    pub(super) const METHOD: u16 = 1;
    pub(super) const TARGET: u16 = 2;
    pub(super) const HTTP_MINOR: u16 = 3;
    pub(super) const STATUS: u16 = 4;
    pub(super) const REASON: u16 = 5;
    /// name length u32, name, value.
    pub(super) const HEADER: u16 = 6;
    pub(super) const BODY: u16 = 7;
    /// stored_len u64, raw_len u64, digest 32, frames u32, name.
    pub(super) const BODY_FILE: u16 = 8;
}

impl Sealed {
    /// The plain form, salt first.
    pub fn encode(&self, salt: &[u8; SALT_LEN]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size_hint());
        out.extend_from_slice(salt);
        if let Some(request) = &self.request {
            tlv::nest(&mut out, tag::REQUEST, |out| encode_request(request, out));
        }
        for edit in &self.edits {
            let (at, remove) = (edit.at.to_le_bytes(), edit.remove.to_le_bytes());
            tlv::put(&mut out, tag::EDIT, &[&[edit.part as u8], &at, &remove, &edit.insert]);
        }
        if let Some(reply) = &self.reply {
            tlv::nest(&mut out, tag::REPLY, |out| encode_reply(reply, out));
        }
        if let Some(answer) = &self.own_answer {
            tlv::nest(&mut out, tag::OWN_ANSWER, |out| encode_reply(answer, out));
        }
        for (name, value) in &self.persons {
            let value = value.reveal().as_bytes();
            tlv::put(&mut out, tag::PERSON, &[&len_of(name.as_bytes()), name.as_bytes(), value]);
        }
        if let Some(other) = &self.other {
            tlv::put(&mut out, tag::OTHER, &[other]);
        }
        out
    }

    /// Reads the plain form back; bodies share its memory.
    ///
    /// # Errors
    /// What does not fit the form.
    pub fn decode(plain: &Bytes) -> Result<Sealed, MalformedForm> {
        let entries = plain.get(SALT_LEN..).ok_or(MalformedForm::Cut(CutTlv))?;
        let mut sealed = Sealed::default();
        for entry in tlv::read(entries) {
            let (tag, value) = entry?;
            match tag {
                tag::REQUEST => sealed.request = Some(decode_message(plain, value)?.into_request()?),
                tag::EDIT => sealed.edits.push(decode_edit(plain, value)?),
                tag::REPLY => sealed.reply = Some(decode_message(plain, value)?.into_reply()?),
                tag::OWN_ANSWER => sealed.own_answer = Some(decode_message(plain, value)?.into_reply()?),
                tag::PERSON => sealed.persons.push(decode_person(value)?),
                tag::OTHER => sealed.other = Some(plain.slice_ref(value)),
                _ => {}
            }
        }
        Ok(sealed)
    }

    /// The bodies of it that stand in files of their own.
    pub fn spooled(&self) -> impl Iterator<Item = &BodyFile> {
        let request = self.request.as_ref().map(|request| &request.body);
        let replies = [&self.reply, &self.own_answer].into_iter().flatten().map(|reply| &reply.body);
        request.into_iter().chain(replies).filter_map(|body| match body {
            Body::Spooled(file) => Some(&**file),
            Body::Buffered(_) => None,
        })
    }

    /// About the length of the plain form: the bodies, and room for what is around them.
    fn size_hint(&self) -> usize {
        let held = |body: &Body| body.buffered().map_or(0, Bytes::len);
        let replies = [&self.reply, &self.own_answer].into_iter().flatten();
        let bodies = self.request.as_ref().map_or(0, |request| held(&request.body))
            + replies.map(|reply| held(&reply.body)).sum::<usize>()
            + self.edits.iter().map(|edit| edit.insert.len()).sum::<usize>();
        bodies + 1024
    }
}

fn encode_request(request: &Request, out: &mut Vec<u8>) {
    tlv::put(out, message::METHOD, &[request.method.as_bytes()]);
    tlv::put(out, message::TARGET, &[&request.target]);
    tlv::put(out, message::HTTP_MINOR, &[&[request.http_minor]]);
    encode_rest(&request.headers, &request.body, out);
}

fn encode_reply(reply: &Reply, out: &mut Vec<u8>) {
    tlv::put(out, message::STATUS, &[&reply.status.to_le_bytes()]);
    tlv::put(out, message::REASON, &[&reply.reason]);
    encode_rest(&reply.headers, &reply.body, out);
}

fn encode_rest(headers: &HeaderLines, body: &Body, out: &mut Vec<u8>) {
    for (name, value) in headers {
        tlv::put(out, message::HEADER, &[&len_of(name), name, value]);
    }
    match body {
        Body::Buffered(bytes) => tlv::put(out, message::BODY, &[bytes]),
        Body::Spooled(file) => {
            let (stored, raw) = (file.stored_len.to_le_bytes(), file.raw_len.to_le_bytes());
            let parts = [&stored[..], &raw, &file.digest, &file.frames.to_le_bytes(), file.name.as_bytes()];
            tlv::put(out, message::BODY_FILE, &parts);
        }
    }
}

fn len_of(bytes: &[u8]) -> [u8; 4] {
    (bytes.len() as u32).to_le_bytes()
}

/// Entries of a message before it is known which kind it must be.
#[derive(Default)]
struct Message {
    method: Option<String>,
    target: Option<Bytes>,
    http_minor: Option<u8>,
    status: Option<u16>,
    reason: Bytes,
    headers: HeaderLines,
    body: Option<Body>,
}

impl Message {
    fn into_request(self) -> Result<Request, MalformedForm> {
        Ok(Request {
            method: self.method.ok_or(MalformedForm::Missing("method"))?,
            target: self.target.ok_or(MalformedForm::Missing("target"))?,
            http_minor: self.http_minor.ok_or(MalformedForm::Missing("HTTP version"))?,
            headers: self.headers,
            body: self.body.ok_or(MalformedForm::Missing("body"))?,
        })
    }

    fn into_reply(self) -> Result<Reply, MalformedForm> {
        Ok(Reply {
            status: self.status.ok_or(MalformedForm::Missing("status"))?,
            reason: self.reason,
            headers: self.headers,
            body: self.body.ok_or(MalformedForm::Missing("body"))?,
        })
    }
}

fn decode_message(plain: &Bytes, entries: &[u8]) -> Result<Message, MalformedForm> {
    let mut read = Message::default();
    for entry in tlv::read(entries) {
        let (tag, value) = entry?;
        match tag {
            message::METHOD => read.method = Some(text(value)?),
            message::TARGET => read.target = Some(plain.slice_ref(value)),
            message::HTTP_MINOR => read.http_minor = value.first().copied(),
            message::STATUS => read.status = value.first_chunk().map(|status| u16::from_le_bytes(*status)),
            message::REASON => read.reason = plain.slice_ref(value),
            message::HEADER => {
                let (name, value) = split_named(value)?;
                read.headers.push((plain.slice_ref(name), plain.slice_ref(value)));
            }
            message::BODY => read.body = Some(Body::Buffered(plain.slice_ref(value))),
            message::BODY_FILE => read.body = Some(Body::Spooled(Arc::new(decode_body_file(value)?))),
            _ => {}
        }
    }
    Ok(read)
}

fn decode_body_file(value: &[u8]) -> Result<BodyFile, MalformedForm> {
    let (stored_len, rest) = value.split_first_chunk().ok_or(CutTlv)?;
    let (raw_len, rest) = rest.split_first_chunk().ok_or(CutTlv)?;
    let (digest, rest) = rest.split_first_chunk().ok_or(CutTlv)?;
    let (frames, name) = rest.split_first_chunk().ok_or(CutTlv)?;
    Ok(BodyFile {
        name: text(name)?,
        stored_len: u64::from_le_bytes(*stored_len),
        raw_len: u64::from_le_bytes(*raw_len),
        digest: *digest,
        frames: u32::from_le_bytes(*frames),
    })
}

fn decode_edit(plain: &Bytes, value: &[u8]) -> Result<Edit, MalformedForm> {
    let ([part], rest) = value.split_first_chunk().ok_or(CutTlv)?;
    let (at, rest) = rest.split_first_chunk().ok_or(CutTlv)?;
    let (remove, insert) = rest.split_first_chunk().ok_or(CutTlv)?;
    Ok(Edit {
        part: Part::from_code(*part).ok_or(MalformedForm::LaterPart(*part))?,
        at: u64::from_le_bytes(*at),
        remove: u64::from_le_bytes(*remove),
        insert: plain.slice_ref(insert),
    })
}

fn decode_person(value: &[u8]) -> Result<(String, Personal), MalformedForm> {
    let (name, value) = split_named(value)?;
    Ok((text(name)?, Personal::new(text(value)?)))
}

fn split_named(value: &[u8]) -> Result<(&[u8], &[u8]), MalformedForm> {
    let (len, rest) = value.split_first_chunk().ok_or(CutTlv)?;
    Ok(rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or(CutTlv)?)
}

fn text(value: &[u8]) -> Result<String, MalformedForm> {
    String::from_utf8(value.to_vec()).map_err(|_| MalformedForm::NotText)
}

/// Why a plain form cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedForm {
    /// An entry or field ends beyond its bytes.
    #[error(transparent)]
    Cut(#[from] CutTlv),
    /// A message lacks a part that every version writes.
    #[error("a message has no {0}")]
    Missing(&'static str),
    /// An edit of a part that this version does not know: the bytes sent cannot be rebuilt.
    #[error("an edit names part {0}, which is not known")]
    LaterPart(u8),
    /// Bytes that should be UTF-8 are not.
    #[error("a name or personal field is not text")]
    NotText,
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_bytes(max: usize) -> impl Strategy<Value = Bytes> {
        prop::collection::vec(any::<u8>(), 0..max).prop_map(Bytes::from)
    }

    fn a_body() -> impl Strategy<Value = Body> {
        let file = ("[a-z0-9.-]{0,40}", any::<u64>(), any::<u64>(), any::<[u8; 32]>(), any::<u32>());
        prop_oneof![
            some_bytes(300).prop_map(Body::Buffered),
            file.prop_map(|(name, stored_len, raw_len, digest, frames)| {
                Body::Spooled(Arc::new(BodyFile { name, stored_len, raw_len, digest, frames }))
            }),
        ]
    }

    fn some_headers() -> impl Strategy<Value = HeaderLines> {
        prop::collection::vec((some_bytes(20), some_bytes(30)), 0..6)
    }

    fn a_request() -> impl Strategy<Value = Request> {
        ("[A-Z]{0,8}", some_bytes(60), any::<u8>(), some_headers(), a_body()).prop_map(
            |(method, target, http_minor, headers, body)| Request { method, target, http_minor, headers, body },
        )
    }

    fn a_reply() -> impl Strategy<Value = Reply> {
        (any::<u16>(), some_bytes(20), some_headers(), a_body()).prop_map(|(status, reason, headers, body)| Reply {
            status,
            reason,
            headers,
            body,
        })
    }

    fn an_edit() -> impl Strategy<Value = Edit> {
        let part = prop_oneof![Just(Part::Target), Just(Part::Headers), Just(Part::Body)];
        (part, any::<u64>(), any::<u64>(), some_bytes(40)).prop_map(|(part, at, remove, insert)| Edit {
            part,
            at,
            remove,
            insert,
        })
    }

    pub(in crate::journal) fn a_sealed_part() -> impl Strategy<Value = Sealed> {
        let persons = prop::collection::vec((".{0,8}", ".{0,20}"), 0..4);
        (
            prop::option::of(a_request()),
            prop::collection::vec(an_edit(), 0..4),
            prop::option::of(a_reply()),
            prop::option::of(a_reply()),
            persons,
            prop::option::of(some_bytes(50)),
        )
            .prop_map(|(request, edits, reply, own_answer, persons, other)| {
                let persons = persons.into_iter().map(|(name, value)| (name, Personal::new(value))).collect();
                Sealed { request, edits, reply, own_answer, persons, other }
            })
    }

    /// Every field in order; `Debug` masks persons, so they are told apart by hand.
    pub(in crate::journal) fn shown(sealed: &Sealed) -> String {
        let persons: Vec<_> = sealed.persons.iter().map(|(name, value)| (name, value.reveal())).collect();
        format!("{sealed:?} {persons:?}")
    }

    proptest! {
        #[test]
        fn nothing_is_lost(sealed in a_sealed_part(), salt in any::<[u8; SALT_LEN]>()) {
            let plain = Bytes::from(sealed.encode(&salt));
            let read = Sealed::decode(&plain).unwrap();
            prop_assert_eq!(shown(&read), shown(&sealed));
            prop_assert_eq!(&read.encode(&salt)[..], &plain[..]);
            let mut later = plain.to_vec();
            tlv::put(&mut later, 999, &[b"of a later version"]);
            prop_assert_eq!(shown(&Sealed::decode(&later.into()).unwrap()), shown(&sealed));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in some_bytes(200)) {
            let _ = Sealed::decode(&bytes);
        }
    }

    #[test]
    fn a_gbk_header_and_repeated_names_stand_as_they_came() {
        let gbk: &'static [u8] = &[0xd2, 0xbd, 0xb1, 0xa3];
        let lines: HeaderLines =
            [(&b"X_Name"[..], gbk), (b"Set-Cookie", b"a=1"), (b"set-cookie", b" b=2 "), (b"", b"")]
                .map(|(name, value)| (Bytes::from_static(name), Bytes::from_static(value)))
                .to_vec();
        let body = Body::Buffered(Bytes::new());
        let reply = Reply { status: 200, reason: Bytes::new(), headers: lines.clone(), body };
        let plain = Sealed { reply: Some(reply), ..Sealed::default() }.encode(&[0; SALT_LEN]);
        assert_eq!(Sealed::decode(&plain.into()).unwrap().reply.unwrap().headers, lines);
    }
}
