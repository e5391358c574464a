//! What arrived, and what became of it: one line for each request, whole counts, and the bodies for a while.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde::Serialize;
use sm3::{Digest, Sm3};

use super::ledger::Deed;

/// Lines kept; older ones go, the counts stay.
const LINES_MAX: usize = 500_000;
/// Newest lines that still show their headers.
const HEADERS_LINES_MAX: usize = 20_000;
/// Characters of a refusal that are kept.
const SAID_CHARS_MAX: usize = 200;
/// Bodies kept, in bytes; older ones go.
const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One request and its fate.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Line {
    /// Arrival number, from 1.
    pub number: u64,
    /// Arrival, nanoseconds since 1970-01-01 UTC.
    pub at_unix_ns: i64,
    /// Request target as received.
    pub target: String,
    /// Header lines as received, names in their own case, values as Latin-1 so that no byte is lost.
    pub headers: Vec<(String, String)>,
    /// Transaction.
    pub infno: String,
    /// The sender's message id.
    pub msgid: String,
    /// Institution.
    pub fixmedins_code: String,
    /// Length of the body, bytes.
    pub body_bytes: usize,
    /// SM3 of the body, hex.
    pub body_sm3: String,
    /// The fault that struck, or empty.
    pub fault: &'static str,
    /// Whether the ledger acted; `None` while that is still to come.
    pub committed: Option<bool>,
    /// The settlement that it made or undid.
    pub setl_id: Option<String>,
    /// Whether infcode 0 was (or would have been) the answer.
    pub granted: bool,
    /// The refusal, shortened.
    pub said: String,
    /// Answer bytes written to the socket, head included; `None` until the writing ended.
    pub answered_bytes: Option<u64>,
}

/// The register.
#[derive(Debug, Default)]
pub struct Register {
    arrived: u64,
    pending: u64,
    by_infno: BTreeMap<String, u64>,
    by_fault: BTreeMap<&'static str, u64>,
    lines: VecDeque<Line>,
    bodies: VecDeque<(String, Bytes)>,
    bodies_bytes: usize,
}

impl Register {
    /// Enters a request; its arrival number.
    pub fn arrive(&mut self, mut line: Line, body: &Bytes) -> u64 {
        self.arrived += 1;
        self.pending += 1;
        line.number = self.arrived;
        line.body_bytes = body.len();
        line.body_sm3 = hex::encode(Sm3::digest(body));
        *self.by_infno.entry(line.infno.clone()).or_default() += 1;
        self.keep_body(&line.body_sm3, body);
        self.lines.push_back(line);
        if self.lines.len() > LINES_MAX {
            self.lines.pop_front();
        }
        let aged = self.lines.len().checked_sub(HEADERS_LINES_MAX + 1);
        if let Some(line) = aged.and_then(|at| self.lines.get_mut(at)) {
            line.headers = Vec::new();
        }
        self.arrived
    }

    /// Notes the fault that strikes it.
    pub fn strike(&mut self, number: u64, fault: &'static str) {
        *self.by_fault.entry(fault).or_default() += 1;
        if let Some(line) = self.line(number) {
            line.fault = fault;
        }
    }

    /// Notes what the ledger did; ends the waiting for it.
    pub fn perform(&mut self, number: u64, deed: &Deed) {
        self.pending = self.pending.saturating_sub(1);
        if let Some(line) = self.line(number) {
            (line.committed, line.granted) = (Some(deed.committed), deed.result.is_ok());
            line.setl_id.clone_from(&deed.setl_id);
            if let Err(said) = &deed.result {
                line.said = said.chars().take(SAID_CHARS_MAX).collect();
            }
        }
    }

    /// Notes how much of an answer was written.
    pub fn answer(&mut self, number: u64, bytes: u64) {
        if let Some(line) = self.line(number) {
            line.answered_bytes = Some(bytes);
        }
    }

    /// Requests so far.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Requests whose act is still to come.
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// Requests by transaction.
    pub fn by_infno(&self) -> &BTreeMap<String, u64> {
        &self.by_infno
    }

    /// Requests struck, by fault.
    pub fn by_fault(&self) -> &BTreeMap<&'static str, u64> {
        &self.by_fault
    }

    /// Lines after arrival number `after`, at most `lines_max`.
    pub fn lines(&self, after: u64, lines_max: usize) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.number > after).take(lines_max)
    }

    /// The newest lines, newest first.
    pub fn newest(&self, lines_max: usize) -> impl Iterator<Item = &Line> {
        self.lines.iter().rev().take(lines_max)
    }

    /// A body by its SM3, if it is still kept.
    pub fn body(&self, sm3: &str) -> Option<Bytes> {
        self.bodies.iter().find(|(digest, _)| digest == sm3).map(|(_, body)| body.clone())
    }

    fn line(&mut self, number: u64) -> Option<&mut Line> {
        let first = self.lines.front()?.number;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        self.lines.get_mut(at)
    }

    fn keep_body(&mut self, digest: &str, body: &Bytes) {
        self.bodies_bytes += body.len();
        self.bodies.push_back((digest.to_string(), body.clone()));
        while self.bodies_bytes > BODIES_BYTES_MAX {
            let Some((_, oldest)) = self.bodies.pop_front() else { break };
            self.bodies_bytes -= oldest.len();
        }
    }
}
