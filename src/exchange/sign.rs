//! Signs a call: gives the exact bytes that will leave, and the declared edits that make them.
//!
//! `pass`: the HIS's own signature travels untouched. `sign`, and every call that the gateway makes itself: as its own identity.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::exchange::Origin;
use crate::domain::limits::SEALED_BODY_BYTES_MAX;
use crate::domain::message::{Body, BodyFile, HeaderLines};
use crate::domain::terms::{Form, Mode};
use crate::journal::bodies::BodyError;
use crate::journal::draft::{Edit, Part};
use crate::outbound::rewrite_target;
use crate::signing::apply::{self, CannotSign, Now};
use crate::signing::credentials::Credentials;
use crate::signing::{headers, members};

use super::Line;
use super::check::Checked;
use super::edits;
use super::identify::Identified;
use super::refusal::Refusal;

/// A call whose leaving bytes are fixed.
pub struct Signed {
    /// The call.
    pub checked: Checked,
    /// Path and query as they leave, under the upstream's base path.
    pub target: Bytes,
    /// Header lines as they leave, where they are not the arrived ones.
    pub headers: Option<HeaderLines>,
    /// The body as it leaves, where it is not the arrived one.
    pub body: Option<Body>,
    /// What turns the arrived bytes into the bytes sent.
    pub edits: Vec<Edit>,
}

/// What a signature and a token put on a call.
#[derive(Default)]
struct Mark {
    lines: Vec<(Cow<'static, str>, String)>,
    members: Vec<members::Change>,
}

impl From<headers::Signed> for Mark {
    fn from(signed: headers::Signed) -> Mark {
        let lines = signed.lines.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
        Mark { lines, members: Vec::new() }
    }
}

impl Line {
    /// Fixes the bytes that will leave.
    ///
    /// # Errors
    /// The call comes back when it cannot be signed; nothing was sent.
    pub(super) async fn sign(&self, checked: Checked) -> Result<Signed, (Box<Identified>, Refusal)> {
        let call = &checked.identified;
        let arrived = &call.arrival.request.target;
        let target = rewrite_target(arrived, &call.upstream.base_path);
        let mut edits = Vec::new();
        if target != *arrived {
            edits.push(Edit { part: Part::Target, at: 0, remove: arrived.len() as u64, insert: target.clone() });
        }
        let (mut headers, mut body) = (None, None);
        let Mark { lines, members } = match self.mark(call).await {
            Err(why) => return Err((checked.identified, why)),
            Ok(mark) => mark,
        };
        if !lines.is_empty() {
            let (leaving, changes) = edits::put_lines(&call.arrival.request.headers, &lines);
            edits.extend(changes);
            headers = Some(leaving);
        }
        if !members.is_empty() {
            let changes = edits::of_body(members);
            let bytes = call.arrival.request.body.buffered().map_or(&b""[..], |bytes| bytes);
            body = Some(Body::Buffered(edits::body(bytes, &changes)));
            edits.extend(changes);
        }
        Ok(Signed { checked, target, headers, body, edits })
    }

    async fn mark(&self, call: &Identified) -> Result<Mark, Refusal> {
        let Some(by) = signer(call) else { return Ok(Mark::default()) };
        let mut mark = self.signature(call, by).await.map_err(Refusal::CannotSign)?;
        // A call that cannot be signed fetches none.
        if let Some((name, value)) = Box::pin(self.bearer(call, by)).await? {
            mark.lines.push((Cow::Owned(name), value));
        }
        Ok(mark)
    }

    async fn signature(&self, call: &Identified, by: &Credentials) -> Result<Mark, CannotSign> {
        let terms = &call.upstream.signing.terms;
        let request = &call.arrival.request;
        let now = || Now { unix_ns: self.clock.unix_ns(), nonce: (self.nonces.0)() };
        match terms.form {
            Form::None => Ok(Mark::default()),
            Form::XTif | Form::Csb => {
                let fields = request.body.buffered().map(|bytes| apply::form_fields(&request.headers, bytes));
                let fields = fields.unwrap_or_default();
                let signed = apply::lines(terms, by, &call.identity.infno, &fields, &now());
                Ok(signed.map_or_else(Mark::default, Mark::from))
            }
            Form::XCa => {
                let Some(mut covering) = apply::covering(terms, by, &now()) else { return Ok(Mark::default()) };
                match &request.body {
                    Body::Buffered(bytes) => covering.covers(bytes),
                    // The signature stands before the body, so a large one is read twice: for it, and to be sent.
                    Body::Spooled(file) => {
                        let each = Box::pin(self.each_chunk(file, |chunk| covering.covers(chunk)));
                        each.await.map_err(|_| CannotSign::Unread)?;
                    }
                }
                Ok(covering.sign(&by.account).into())
            }
            Form::SealedInput | Form::Envelope => {
                // Arrived and sealed form stand in one record, which a larger body would not fit.
                let bytes = request.body.buffered().filter(|bytes| bytes.len() <= SEALED_BODY_BYTES_MAX);
                let body = members::Body { bytes: bytes.ok_or(CannotSign::TooLarge)?, view: &call.arrival.view };
                let sealed = apply::sealed(terms, by, body, &now())?;
                let members = sealed.map_or_else(Vec::new, |sealed| sealed.changes);
                Ok(Mark { members, ..Mark::default() })
            }
        }
    }

    /// Gives every chunk of a body on disk, in order.
    pub(super) async fn each_chunk(
        &self,
        file: &BodyFile,
        mut give: impl FnMut(&[u8]) + Send,
    ) -> Result<(), BodyError> {
        let mut reader = self.journal.bodies().read(file).await?;
        while let Some(chunk) = reader.next().await {
            give(&chunk?);
        }
        Ok(())
    }
}

/// Who signs this call, when the HIS does not.
pub(super) fn signer(call: &Identified) -> Option<&Arc<Credentials>> {
    let signing = &call.upstream.signing;
    let ours = match call.arrival.origin {
        Origin::His => signing.mode == Mode::Sign,
        Origin::Callback => false, // the platform's own words
        _ => true,
    };
    signing.own.as_ref().filter(|_| ours)
}
