//! One exchange in full: its timeline, and request and answer raw and decoded with the names of the specification.
//!
//! Without the right to see personal data everything that may say who a person is stands as `***`, and what cannot be
//! read field by field is not shown at all. What is shown of a large body is its front.

mod body; // One body, raw and decoded.
mod head; // Request line and header lines.
mod hide; // What must not be seen.
mod leaves; // The values of a JSON text, with their places.
mod step; // One record on the timeline.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::exchange::ExchangeId;
use crate::domain::message::{Body, BodyFile, HeaderLines, Reply, Request};
use crate::journal::draft::Sealed;
use crate::journal::facts::Fact;
use crate::journal::record::{Kind, flag};
use crate::journal::{Record, Unopened};
use crate::profile::labels::Side;

pub use body::{BodyShown, FieldShown, readable};
pub use step::Step;

use body::show;
use hide::Hidden;

/// Bytes of a body that are read and decoded.
pub const PREVIEW_BYTES: usize = 256 * 1024;
/// Records of one exchange that are shown, the first ones.
pub const STEPS_MAX: usize = 500;

/// Where sealed parts and body files are opened.
pub trait Opener {
    /// The sealed part of a record, or why it cannot be opened.
    ///
    /// # Errors
    /// The reason, for people.
    fn unseal(&self, record: &Record) -> Result<Sealed, Unopened>;
    /// The front of a body file, or why it cannot be read.
    ///
    /// # Errors
    /// The reason, for people.
    fn front(&self, body: &BodyFile) -> Result<Vec<u8>, Unopened>;
}

/// One exchange as people see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Shown {
    /// Id of the exchange.
    pub id: String,
    /// Transaction number, 交易编号.
    pub infno: String,
    /// Personal data stands in clear.
    pub revealed: bool,
    /// Its row in the views, where there is one.
    #[schema(value_type = Option<Object>)]
    pub summary: Option<serde_json::Map<String, serde_json::Value>>,
    /// Every record about it, in order.
    pub timeline: Vec<Step>,
    /// Broken rules: rule and place.
    pub findings: Vec<String>,
    /// What the HIS asked.
    pub request: Option<MessageShown>,
    /// What the gateway changed before it sent or answered, as part, place and lengths.
    pub edits: Vec<String>,
    /// What the platform answered.
    pub reply: Option<MessageShown>,
    /// What the gateway answered instead.
    pub own_answer: Option<MessageShown>,
    /// Request and answers were erased by policy, 已按规定清除; its records are as whole as before.
    pub erased: bool,
    /// Parts that could not be opened, and why.
    pub unopened: Vec<String>,
}

/// A request or an answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MessageShown {
    /// `POST /fsi/api HTTP/1.1` or `200 OK`.
    pub line: String,
    /// Header lines, name and value, as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: BodyShown,
}

/// Makes everything that is shown of an exchange from its records, in the order of their numbers.
pub fn exchange(id: ExchangeId, records: &[Record], opener: &dyn Opener, reveal: bool) -> Shown {
    let (mut unopened, mut erased) = (Vec::new(), false);
    let (mut request, mut edits, mut reply, mut own_answer) = (None, Vec::new(), None, None);
    for record in records.iter().filter(|record| record.header.has(flag::SEALED) && record.header.exchange_id == id) {
        match opener.unseal(record) {
            Ok(sealed) => {
                let of = if sealed.request.is_some() { "request" } else { "answer" };
                edits.extend(sealed.edits.iter().map(|edit| format!("{of} {}", head::edit(edit))));
                request = request.or(sealed.request);
                reply = sealed.reply.or(reply);
                // A late answer does not make unsaid what the HIS was told.
                own_answer = own_answer.or(sealed.own_answer);
            }
            Err(Unopened::Erased(_)) => erased = true,
            Err(Unopened::Not(why)) => unopened.push(format!("record {}: {why}", record.header.seq)),
        }
    }
    let infno = records.iter().find_map(|record| record.facts.text_of(Fact::Infno)).unwrap_or_default().to_owned();
    let mut bytes = |body: &Body| match body {
        Body::Buffered(bytes) => bytes[..bytes.len().min(PREVIEW_BYTES)].to_vec(),
        Body::Spooled(file) => opener.front(file).unwrap_or_else(|why| {
            unopened.push(format!("body file {}: {why}", file.name));
            Vec::new()
        }),
    };
    let bodies = [
        request.as_ref().map(|one: &Request| bytes(&one.body)),
        reply.as_ref().map(|one: &Reply| bytes(&one.body)),
        own_answer.as_ref().map(|one: &Reply| bytes(&one.body)),
    ];
    let hidden = Hidden::of(&infno, bodies.each_ref().map(Option::as_deref), reveal);
    let [asked, replied, own] = bodies;
    let message = |line: String, headers: &HeaderLines, side, body: &Body, front: Vec<u8>| MessageShown {
        line,
        headers: head::lines(headers, &hidden),
        body: show(&infno, side, front, body.len(), &hidden),
    };
    let answer = |reply: Option<Reply>, front: Option<Vec<u8>>| {
        let (reply, front) = (reply?, front?);
        let line = format!("{} {}", reply.status, hidden.text(&String::from_utf8_lossy(&reply.reason)));
        Some(message(line, &reply.headers, Side::Answer, &reply.body, front))
    };
    let request = request.zip(asked).map(|(request, front)| {
        message(head::line(&request, &hidden), &request.headers, Side::Request, &request.body, front)
    });
    Shown {
        id: id.to_string(),
        revealed: reveal,
        summary: None,
        timeline: records.iter().take(STEPS_MAX).flat_map(|record| step::of(record, id)).collect(),
        findings: findings(records),
        edits,
        reply: answer(reply, replied),
        own_answer: answer(own_answer, own),
        request,
        erased,
        unopened,
        infno,
    }
}

fn findings(records: &[Record]) -> Vec<String> {
    let intents = records.iter().filter(|record| record.header.known_kind() == Some(Kind::Intent));
    let all = intents.flat_map(|record| record.facts.all_named(Fact::Finding));
    all.map(|(rule, place)| format!("{rule} {}", String::from_utf8_lossy(place).replace('\0', " "))).collect()
}

#[cfg(test)]
mod tests;
