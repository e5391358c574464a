//! What became of an exchange, by status × shape × class (`money.md` §1). Pure; `tests/data/judge.txt` is the golden table.

use crate::domain::class::Class;
use crate::domain::outcome::{Cause, Outcome};
use crate::domain::scan::{Shape, View};
use crate::profile::transaction::{ErrClass, ReplyStyle, Transaction};
use crate::profile::{Envelope, Profile, ReplyView};

/// What was heard of the platform.
#[derive(Debug, Clone, Copy)]
pub enum HeardFacts<'a> {
    /// No byte left this machine.
    NeverSent,
    /// Sent, and no whole answer came.
    Silence(Cause),
    /// An answer.
    Reply {
        /// HTTP status.
        status: u16,
        /// What the scanner found, with the profile's `reply_wanted` keys.
        view: &'a View,
        /// What the profile reads out of it.
        said: &'a ReplyView,
        /// False when the body broke off.
        complete: bool,
    },
}

/// What was asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The class that counts for this exchange; may be more dangerous than the transaction's own.
    pub class: Class,
    /// The transaction that counts.
    pub tx: &'a Transaction,
    /// Insured elsewhere.
    pub cross_region: bool,
    /// 发送方报文ID as sent.
    pub msgid: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// Of a call of this class and transaction that said this of itself.
    pub fn of(profile: &'a Profile, class: Class, infno: &str, said: &'a Envelope) -> Asked<'a> {
        let msgid = said.msgid.as_deref();
        Asked { class, tx: profile.transaction(infno), cross_region: said.cross_region, msgid }
    }
}

/// Judges one exchange. Silence is never taken for refusal, and only the fields that make a success real confirm it.
pub fn judge(profile: &Profile, asked: &Asked<'_>, heard: &HeardFacts<'_>) -> (Outcome, Cause) {
    let (status, view, reply) = match *heard {
        HeardFacts::NeverSent => return (Outcome::Refused, Cause::NeverSent),
        HeardFacts::Silence(cause) => return (Outcome::Unknown, cause),
        HeardFacts::Reply { complete: false, .. } => return (Outcome::Unknown, Cause::Cut),
        HeardFacts::Reply { status, view, said, .. } => (status, view, said),
    };
    match status {
        200..300 => of_body(profile, asked, view, reply),
        // The platform itself may speak behind a refusing status; a box in front of it does not know infcode.
        400..500 if view.shape == Shape::Json && reply.infcode.is_some() => of_infcode(profile, asked, view, reply),
        400..500 if profile.refuses_by_status(status) && !other_code(profile, reply) => {
            (Outcome::Refused, Cause::GatewayRejected)
        }
        _ => (Outcome::Unknown, Cause::Status),
    }
}

fn of_body(profile: &Profile, asked: &Asked<'_>, view: &View, reply: &ReplyView) -> (Outcome, Cause) {
    let readable = match view.shape {
        Shape::Json => true,
        Shape::Overflow => !asked.class.acts(),
        Shape::NotJson | Shape::Empty => false,
    };
    if !readable {
        // A downloaded file is no JSON: its bytes are the success (9102, wire.md §4.3).
        let file = asked.class == Class::File && view.shape == Shape::NotJson && view.top_keys.is_empty();
        return if file { (Outcome::Confirmed, Cause::Answered) } else { (Outcome::Unknown, Cause::Unreadable) };
    }
    if reply.infcode.is_some() {
        return of_infcode(profile, asked, view, reply);
    }
    if asked.tx.reply == ReplyStyle::Success {
        return match reply.success.as_deref() {
            Some("true") => (Outcome::Confirmed, Cause::Answered),
            Some("false") => (Outcome::Refused, Cause::Answered),
            _ => (Outcome::Unknown, Cause::Unreadable),
        };
    }
    match reply.code.as_deref() {
        None => (Outcome::Unknown, Cause::Unreadable),
        Some(code) if profile.refuses_by_code(code) => (Outcome::Refused, Cause::GatewayRejected),
        Some(code) if asked.tx.reply == ReplyStyle::Code => of_number(profile, asked, view, reply, code),
        Some(_) => (Outcome::Unknown, Cause::GatewayRejected),
    }
}

fn of_infcode(profile: &Profile, asked: &Asked<'_>, view: &View, reply: &ReplyView) -> (Outcome, Cause) {
    match reply.infcodes.as_slice() {
        [first, rest @ ..] if rest.iter().all(|one| one == first) => of_number(profile, asked, view, reply, first),
        _ => (Outcome::Unknown, Cause::Unreadable), // duplicates that disagree
    }
}

fn of_number(profile: &Profile, asked: &Asked<'_>, view: &View, reply: &ReplyView, number: &str) -> (Outcome, Cause) {
    match number {
        "0" if has_substance(asked, view) => (Outcome::Confirmed, Cause::Answered),
        "0" => (Outcome::Unknown, Cause::WithoutSubstance),
        "-1" => of_text(profile, asked, reply.err_msg.as_deref().unwrap_or("")),
        _ => (Outcome::Unknown, Cause::Unreadable), // no source says what any other means, "1" included (wire.md §2.2)
    }
}

/// The fields that make a success real are there, and the echoed msgid is ours wherever it is filled.
fn has_substance(asked: &Asked<'_>, view: &View) -> bool {
    let echo = asked.tx.echo.as_deref().and_then(|echo| view.text(echo));
    let ours = echo.is_none_or(|echo| asked.msgid.is_none_or(|sent| sent == echo));
    ours && asked.tx.success_fields.iter().all(|field| view.text(field).is_some())
}

/// -1 is not always a refusal: platforms wrap their own downstream silence into it, worst in cross-region care.
fn of_text(profile: &Profile, asked: &Asked<'_>, err_msg: &str) -> (Outcome, Cause) {
    let money = matches!(asked.class, Class::Money | Class::Reversal | Class::Unclassified);
    match profile.err_class(&asked.tx.infno, err_msg) {
        ErrClass::Refused => (Outcome::Refused, Cause::Answered),
        ErrClass::AlreadyDone => (Outcome::Refused, Cause::AlreadyDone),
        ErrClass::NotSignedIn => (Outcome::Refused, Cause::NotSignedIn),
        ErrClass::MeansUnknown => (Outcome::Unknown, Cause::MeansUnknown),
        ErrClass::Unrecognised if money && asked.cross_region => (Outcome::Unknown, Cause::MeansUnknown),
        ErrClass::Unrecognised => (Outcome::Refused, Cause::Answered),
    }
}

/// A `{code,…}` body that is not the refusing one proves nothing, whatever the status.
fn other_code(profile: &Profile, reply: &ReplyView) -> bool {
    reply.code.as_deref().is_some_and(|code| !profile.refuses_by_code(code))
}

#[cfg(test)]
mod tests;
