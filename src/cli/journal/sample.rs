//! A small journal in memory: an opening, a 2207, its unknown outcome, a Mark; chained and digested like the real one.

use bytes::Bytes;

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::message::{Body, Request};
use crate::domain::outcome::{Cause, Outcome};
use crate::domain::personal::Personal;
use crate::journal::draft::Sealed;
use crate::journal::facts::{Fact, Facts};
use crate::journal::record::{self, Header, Kind, flag};

use super::source::{Page, Pages, Source};

/// A journal that stands in memory.
pub(super) struct Memory {
    pub(super) pages: Vec<Page>,
}

impl Memory {
    pub(super) fn new(pages: Vec<Page>) -> Memory {
        Memory { pages }
    }
}

impl Source for Memory {
    fn pages(&mut self, from: Seq) -> Pages<'_> {
        Box::new(self.pages.iter().filter(move |page| page.header.seq >= from).cloned().map(Ok))
    }

    fn unseal(&self, _page: &Page) -> Result<Sealed, String> {
        let (body, ..) = encoding_rs::GBK.encode("{\"psn_name\":\"张三\"}");
        let request = Request {
            method: "POST".to_owned(),
            target: Bytes::from_static(b"/fsi/api"),
            http_minor: 1,
            headers: vec![(Bytes::from_static(b"Host"), Bytes::from_static(b"h"))],
            body: Body::Buffered(Bytes::copy_from_slice(&body)),
        };
        let persons = vec![("certno".to_owned(), Personal::new("110101199003077777"))];
        Ok(Sealed { request: Some(request), persons, ..Sealed::default() })
    }
}

/// Opened, Intent of a 2207, its Outcome, a Mark.
pub(super) fn visit() -> Vec<Page> {
    let mut facts = Facts::default();
    facts.text(Fact::Infno, "2207");
    facts.text(Fact::Msgid, "H1");
    let exchange_id = ExchangeId::new(0, [7; 10]);
    let money = |kind| Header { exchange_id, class: Class::Money as u8, ..Header::new(kind) };
    let outcome = Header {
        outcome: Outcome::Unknown as u8,
        cause: Cause::TimedOut as u8,
        ref_seq: Seq(2),
        ..money(Kind::Outcome)
    };
    let intent = Header { flags: flag::SEALED, ..money(Kind::Intent) };
    chained(vec![
        (Header::new(Kind::Opened), Facts::default()),
        (intent, facts),
        (outcome, Facts::default()),
        (Header::new(Kind::Mark), Facts::default()),
    ])
}

/// Numbers, digests and chain filled in as the writer does it.
fn chained(records: Vec<(Header, Facts)>) -> Vec<Page> {
    let mut chain = [0; 32];
    let page = |(at, (mut header, facts)): (usize, (Header, Facts))| {
        let mut payload = Vec::new();
        facts.0.encode_into(&mut payload);
        header.facts_len = payload.len() as u32;
        if header.has(flag::SEALED) {
            payload.extend_from_slice(b"sealed bytes");
        }
        header.seq = Seq(at as u64 + 1);
        header.payload_len = payload.len() as u32;
        header.frame_len = record::frame_len_for(payload.len()) as u32;
        header.payload_digest = record::payload_digest(&payload);
        header.chain = record::chain_of(&chain, &header.encode());
        chain = header.chain;
        Page { header, facts, payload }
    };
    records.into_iter().enumerate().map(page).collect()
}
