//! A small journal on disk, written with the journal's own parts: two segments with one 2207 that stayed unknown.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::class::Class;
use crate::domain::clock::HandClock;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::message::{Body, Request};
use crate::domain::outcome::{Cause, Outcome};
use crate::domain::personal::Personal;
use crate::journal::cipher::Cipher;
use crate::journal::draft::{Draft, Sealed};
use crate::journal::entropy::SystemEntropy;
use crate::journal::facts::Fact;
use crate::journal::keys::KeyPool;
use crate::journal::master::Master;
use crate::journal::pool_key::PoolKey;
use crate::journal::private_file::private_dir;
use crate::journal::record::{Chain, Kind, Stamp, stamp};
use crate::journal::sealing::Sealer;
use crate::journal::segment::{self, SegmentHeader, digest_of};
use crate::journal::tokens::Tokens;

/// When it was written.
pub(super) const AT: i64 = 1_767_225_600_000_000_000;
/// The person whose number must stay sealed.
pub(super) const PERSON: &str = "110101199003077777";

/// The exchange of the sample.
pub(super) fn exchange() -> ExchangeId {
    ExchangeId::new(AT, [7; 10])
}

/// Records 1 to 3 (SegmentOpen, Intent, Outcome) and 4 to 5 (SegmentOpen, Opened) in two segments.
pub(super) fn journal() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let mut press = Press::new(data.path());
    press.segment(AT);
    press.record(intent());
    press.record(outcome());
    press.segment(AT + 7_200_000_000_000);
    press.record(Draft::new(Kind::Opened));
    press.end();
    data
}

/// These records behind a SegmentOpen, in one segment: the first of them is record 2.
pub(super) fn of(drafts: Vec<Draft>) -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let mut press = Press::new(data.path());
    press.segment(AT);
    drafts.into_iter().for_each(|draft| press.record(draft));
    press.end();
    data
}

fn intent() -> Draft {
    let mut draft = Draft::new(Kind::Intent);
    draft.header.exchange_id = exchange();
    draft.header.class = Class::Money as u8;
    draft.header.at_unix_ns = AT;
    draft.facts.text(Fact::Infno, "2207");
    draft.facts.text(Fact::Msgid, "H1");
    let (body, ..) = encoding_rs::GBK.encode("{\"psn_name\":\"张三\"}");
    let request = Request {
        method: "POST".to_owned(),
        target: Bytes::from_static(b"/fsi/api"),
        http_minor: 1,
        headers: vec![(Bytes::from_static(b"Host"), Bytes::from_static(b"h"))],
        body: Body::Buffered(Bytes::copy_from_slice(&body)),
    };
    let persons = vec![("certno".to_owned(), Personal::new(PERSON))];
    draft.sealed = Some(Sealed { request: Some(request), persons, ..Sealed::default() });
    draft
}

fn outcome() -> Draft {
    let mut draft = Draft::new(Kind::Outcome);
    draft.header.exchange_id = exchange();
    draft.header.class = Class::Money as u8;
    draft.header.outcome = Outcome::Unknown as u8;
    draft.header.cause = Cause::TimedOut as u8;
    draft.header.ref_seq = Seq(2);
    draft.header.at_unix_ns = AT + 60_000_000_000;
    draft.facts.text(Fact::Infno, "2207");
    draft.facts.text(Fact::Msgid, "H1");
    draft
}

/// Writes segments the way the writer does, without its threads.
struct Press<'a> {
    data: &'a Path,
    sealer: Sealer,
    header: Option<SegmentHeader>,
    bytes: Vec<u8>,
    seq: Seq,
    chain: Chain,
}

impl Press<'_> {
    fn new(data: &Path) -> Press<'_> {
        std::fs::create_dir(data.join(segment::FOLDER)).unwrap();
        let keys = data.join("keys");
        private_dir(&keys).unwrap();
        let pool_key = Arc::new(PoolKey::open(&keys, &Master::Beside, false, &SystemEntropy).unwrap());
        let tokens = Arc::new(Tokens::open(&keys, true, &pool_key, &SystemEntropy).unwrap());
        let pool = Arc::new(KeyPool::open(&keys, 4, pool_key, Arc::new(SystemEntropy)).unwrap());
        let sealer = Sealer::new(9, Cipher::Sm4Gcm, 1, pool, tokens, Arc::new(HandClock::at(AT)));
        Press { data, sealer, header: None, bytes: Vec::new(), seq: Seq::NONE, chain: [0; 32] }
    }

    fn segment(&mut self, created_at_unix_ns: i64) {
        let before = self.header.as_ref().map_or(0, |header| header.segment_no);
        let prev_valid_len = self.bytes.len() as u64;
        self.end();
        let header = SegmentHeader {
            journal_id: [1; 16],
            segment_no: before + 1,
            prev_segment_no: before,
            first_seq: Seq(self.seq.0 + 1),
            prev_valid_len,
            prev_chain: self.chain,
            created_at_unix_ns,
            segment_bytes: 1 << 24,
            compat: 0,
            incompat: 0,
        };
        let encoded = header.encode();
        self.bytes = encoded.to_vec();
        self.header = Some(header);
        let mut open = Draft::new(Kind::SegmentOpen);
        open.facts.bytes(Fact::SegmentDigest, digest_of(&encoded));
        self.record(open);
    }

    fn record(&mut self, draft: Draft) {
        let mut frame = self.sealer.frame_at_once(draft).unwrap().bytes;
        let place = Stamp {
            seq: Seq(self.seq.0 + 1),
            durable_seq: self.seq,
            segment_no: self.header.as_ref().map_or(0, |header| header.segment_no),
            prev_chain: self.chain,
        };
        self.chain = stamp(&mut frame, &place);
        self.seq = place.seq;
        self.bytes.extend_from_slice(&frame);
    }

    fn end(&mut self) {
        if let Some(header) = &self.header {
            std::fs::write(self.data.join(segment::path(header.segment_no)), &self.bytes).unwrap();
        }
    }
}
