//! "Handed over or not", batched: one record holds what was reported while the one before it was written.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::domain::exchange::Seq;
use crate::journal::composite::Delivery;
use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::journal::{AppendError, Health, Journal};

/// Reports waiting; beyond it one is dropped, which reads as "unknown what told" and never reverses by itself.
const WAITING_MAX: usize = 65_536;
/// Reports in one record.
const BATCH_MAX: usize = 1_024;

/// Between two attempts to write reports that a failed journal did not take.
const RETRY: Duration = Duration::from_secs(1);
/// Attempts; what is not written then reads as "unknown what told" after the next opening.
const ATTEMPTS_MAX: u32 = 20;

/// Where receipts report to.
#[derive(Debug, Clone)]
pub struct Deliveries(mpsc::Sender<Delivery>);

impl Deliveries {
    /// The reporting side, and the side that [`write()`] takes.
    pub fn new() -> (Deliveries, mpsc::Receiver<Delivery>) {
        let (reports, reported) = mpsc::channel(WAITING_MAX);
        (Deliveries(reports), reported)
    }

    /// Reports; never blocks.
    pub fn note(&self, delivery: Delivery) {
        if delivery.intent != Seq::NONE && self.0.try_send(delivery).is_err() {
            tracing::error!("a delivery report was dropped");
        }
    }
}

/// Writes reports until every reporter is gone.
pub async fn write(journal: Journal, mut reported: mpsc::Receiver<Delivery>) {
    let mut batch = Vec::new();
    while reported.recv_many(&mut batch, BATCH_MAX).await != 0 {
        let mut draft = Draft::new(Kind::Deliveries);
        for delivery in batch.drain(..) {
            draft.facts.bytes(Fact::Delivery, delivery.encode());
        }
        if let Err(error) = keep(&journal, draft).await {
            tracing::error!(%error, "deliveries could not be journaled");
        }
    }
}

/// Journals reports, again after a failure of the disk: a report that is lost makes a case of what was handed over.
async fn keep(journal: &Journal, draft: Draft) -> Result<(), AppendError> {
    let mut left = ATTEMPTS_MAX;
    loop {
        // The next call's INTENT takes it along, so that it stands before whatever that call asks the journal.
        let Err(error) = journal.append_with_next(draft.clone()).await else { return Ok(()) };
        left -= 1;
        if left == 0 || journal.health() == Health::Closed {
            return Err(error);
        }
        tokio::time::sleep(RETRY).await;
    }
}
