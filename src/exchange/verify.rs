//! Whether a call is signed by its client: looked at before anything else is, so that no recorded answer goes to a stranger.

use std::sync::{Arc, PoisonError};

use crate::domain::message::Body;
use crate::domain::terms::{Form, Verify};
use crate::signing::apply::form_fields;
use crate::signing::check::{self, Wrong};
use crate::signing::credentials::Credentials;
use crate::signing::members;
use crate::signing::open::Side;

use super::Line;
use super::check::Noted;
use super::identify::Identified;
use super::refusal::Refusal;

impl Line {
    /// Looks at the signature, where the client's identity is known and its setting says so.
    ///
    /// # Errors
    /// A refusal that says what is wrong; a finding instead where the setting is to warn.
    pub(super) async fn verify(&self, call: &mut Identified) -> Result<(), Refusal> {
        let Some(of) = call.client.identity.clone().filter(|_| call.client.verify != Verify::Off) else {
            return Ok(());
        };
        let found = match self.looked_at(call, &of).await {
            Ok(()) => return Ok(()),
            Err(found) => found,
        };
        if call.client.verify == Verify::Refuse {
            return Err(found);
        }
        let place = match call.upstream.signing.terms.form {
            Form::SealedInput => "cainfo",
            Form::Envelope => "signData",
            _ => "header",
        };
        tracing::warn!(exchange = %call.arrival.id, identity = of.name, reason = %found, "a signature is not good");
        call.findings.push(Noted::own(found.code(), place));
        Ok(())
    }

    async fn looked_at(&self, call: &Identified, of: &Arc<Credentials>) -> Result<(), Refusal> {
        let terms = &call.upstream.signing.terms;
        let request = &call.arrival.request;
        let now_unix_ns = self.clock.unix_ns();
        let wrong = Refusal::Signature;
        match terms.form {
            Form::None => Ok(()),
            Form::XTif | Form::Csb => {
                let fields = request.body.buffered().map(|bytes| form_fields(&request.headers, bytes));
                let fields = fields.unwrap_or_default();
                let nonce = check::lines(terms, of, &request.headers, &fields, now_unix_ns).map_err(wrong)?;
                let Some(nonce) = nonce.filter(|_| terms.refuses_replayed_nonce) else { return Ok(()) };
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                let is_new = seen.is_new(&of.account, &nonce, now_unix_ns, terms.window_seconds);
                if is_new { Ok(()) } else { Err(wrong(Wrong::Replayed)) }
            }
            Form::XCa => {
                let Some(mut covered) = check::covered(terms, of, &request.headers).map_err(wrong)? else {
                    return Ok(());
                };
                match &request.body {
                    Body::Buffered(bytes) => covered.covers(bytes),
                    Body::Spooled(file) => {
                        let each = Box::pin(self.each_chunk(file, |chunk| covered.covers(chunk)));
                        each.await.map_err(|_| Refusal::NotStored)?;
                    }
                }
                covered.end(terms, of, now_unix_ns).map_err(wrong)
            }
            Form::SealedInput | Form::Envelope => {
                // A body too large to be opened proves nothing.
                let bytes = request.body.buffered().ok_or(wrong(Wrong::Signature))?;
                let signer = of.public.as_ref().ok_or(wrong(Wrong::Signature))?;
                let body = members::Body { bytes, view: &call.arrival.view };
                check::sealed(terms, of, signer, body, Side::Asked).map_err(wrong)
            }
        }
    }
}
