//! Records of some exchanges with their way up to the newest checkpoint, found in the journal's folder.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::folder::Folder;
use crate::cli::exchange::records::is_about;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::evidence::checkpoint::Note;
use crate::evidence::log;
use crate::evidence::pack::Proof;
use crate::evidence::prove::Paths;
use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::journal::record::{Chain, Kind};
use crate::journal::tree::Frontier;

/// Bounds a pack: a longer stay is packed by its settlements.
const RECORDS_MAX: usize = 50_000;

/// What belongs together.
pub(super) enum Wanted<'a> {
    /// One exchange.
    Exchange(ExchangeId),
    /// All that names this 就诊ID or this 结算ID.
    Named(Fact, &'a str),
}

/// Records, and what proves them.
pub(super) struct Gathered {
    pub(super) exchanges: BTreeSet<ExchangeId>,
    pub(super) records: Vec<Record>,
    pub(super) checkpoint: String,
    pub(super) proofs: Vec<Proof>,
}

/// Walks the journal twice: once for what belongs together, once for the tree above it.
pub(super) fn gather(folder: &Folder, wanted: &Wanted<'_>) -> Result<Gathered, String> {
    let exchanges = exchanges(folder, wanted)?;
    let from = exchanges.iter().map(|exchange| folder.start_of(*exchange)).min().unwrap_or(Seq::NONE);
    let (mut records, mut too_many) = (Vec::new(), false);
    folder.each(from, Seq(u64::MAX), &mut |record| {
        if exchanges.iter().any(|exchange| is_about(&record, *exchange)) {
            too_many = records.len() == RECORDS_MAX;
            records.push(record);
        }
        if too_many { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if too_many {
        return Err(format!("more than {RECORDS_MAX} records belong to it; pack its settlements one by one (--setl)"));
    }
    let (checkpoint, size) = newest(folder)?;
    // What was journaled since (a look at this very exchange, mostly) is proven by the checkpoints to come.
    records.retain(|record| record.header.seq.0 <= size);
    if records.is_empty() {
        return Err(
            "no checkpoint covers these records yet; the gateway seals once a minute, ask again then".to_owned()
        );
    }
    let proofs = proofs(folder, &records, size)?;
    Ok(Gathered { exchanges, records, checkpoint, proofs })
}

fn exchanges(folder: &Folder, wanted: &Wanted<'_>) -> Result<BTreeSet<ExchangeId>, String> {
    let (fact, name) = match wanted {
        Wanted::Exchange(exchange) => return Ok(BTreeSet::from([*exchange])),
        Wanted::Named(fact, name) => (*fact, *name),
    };
    let mut found = BTreeSet::new();
    folder.each(Seq::NONE, Seq(u64::MAX), &mut |record| {
        let header = &record.header;
        let of_exchange = matches!(header.known_kind(), Some(Kind::Intent | Kind::Outcome | Kind::Note));
        if of_exchange && record.facts.all(fact).any(|value| value == name.as_bytes()) {
            found.insert(header.exchange_id);
        }
        ControlFlow::Continue(())
    })?;
    if found.is_empty() { Err(format!("no exchange names {name}")) } else { Ok(found) }
}

/// The newest checkpoint of the log, and how many records it covers.
fn newest(folder: &Folder) -> Result<(String, u64), String> {
    let path = folder.data().join(log::FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let notes = log::split(&text).0.into_iter();
    let newest = notes.filter_map(|(_, note)| Some((note, Note::parse(note).ok()?.unproven().size)));
    let newest = newest.max_by_key(|(_, size)| *size);
    newest.map(|(note, size)| (note.to_owned(), size)).ok_or_else(|| "there is no checkpoint yet".to_owned())
}

fn proofs(folder: &Folder, records: &[Record], size: u64) -> Result<Vec<Proof>, String> {
    let mut paths = Paths::new(records.iter().map(|record| record.header.seq.0), size);
    let (mut before, mut chains): (Chain, Vec<Chain>) = ([0; 32], Vec::with_capacity(records.len()));
    let mut wanted = records.iter().map(|record| record.header.seq).peekable();
    folder.each(Seq::NONE, Seq(size + 1), &mut |record| {
        let header = &record.header;
        let edge = record.facts.all(Fact::Frontier).next().and_then(|peaks| Frontier::decode(header.seq.0 - 1, peaks));
        // Only a journal whose front was trimmed begins with an edge.
        if let Some(edge) = edge.filter(|edge| paths.is_behind(edge.size())) {
            paths.begin_at(edge);
        }
        if wanted.next_if_eq(&header.seq).is_some() {
            chains.push(before);
        }
        before = header.chain;
        paths.push(&header.chain);
        ControlFlow::Continue(())
    })?;
    let proof = |(record, before): (&Record, &Chain)| {
        let seq = record.header.seq.0;
        paths.of(seq).map(|path| Proof::new(seq, before, &path)).ok_or_else(|| format!("record {seq} has no path"))
    };
    records.iter().zip(&chains).map(proof).collect()
}
