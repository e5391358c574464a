//! The line: one exchange from arrival to answer.
//!
//! Each stage value is made only by its step and consumed by the next. Above `Intended` a refusal costs nothing; below
//! it every path settles. One exchange, one send. When the HIS hangs up the line goes on to its end.

pub mod answer; // What the HIS hears.
pub mod bearer; // The token that calls bear.
mod carrying; // Drives one exchange, whoever listens.
pub mod check; // What is noticed or refused before anything is sent.
pub mod decision; // What was decided about an exchange.
pub mod deliveries; // Handed over or not.
pub mod door; // What the line and a door say to each other.
mod edits; // Declared changes of bytes.
pub mod fence; // Holds back what looks like a settlement that the HIS does not know of.
mod flow; // Bodies as flows.
pub mod forward; // Sends once.
pub mod held; // Keys under way.
pub mod history; // What the journal says of a key.
pub mod identify; // What a call is.
pub mod inquire; // Asks whether an old settlement still stands.
pub mod intake; // Takes the body.
pub mod intend; // Makes the intent durable.
pub mod judge; // What became of it.
pub mod knew; // What an automatic step knew.
mod late; // Goes on listening after the HIS was told "unknown".
mod opening; // A copy of what is sealed, to read.
pub mod own; // Calls of the gateway's own.
pub mod policy; // The judgement in force.
pub mod reading; // What a call says and is known by.
pub mod refusal; // Our no.
pub mod refusals; // Journaled refusals.
pub mod rejudge; // The same decisions again, over a journal.
pub mod repeat; // First or repeat, as a table.
mod replay; // The recorded answer again.
pub mod settings; // What a site may set.
pub mod settle; // Makes the outcome durable.
pub mod side; // One exchange as platform and HIS hold it.
pub mod sign; // The exact bytes that leave.
pub mod stand; // Whether platform and HIS agree, as a table.
mod stream; // Large answers with their tail held.
mod understood; // What a reply says.
mod verify; // Whether a call is signed by its client.
pub mod weigh; // Both sides of one exchange, from the index.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::clock::Clock;
use crate::domain::exchange::{ExchangeId, Origin};
use crate::domain::message::Body;
use crate::domain::outcome::{Cause, Told};
use crate::journal::{Health, Journal};
use crate::signing::nonces::Nonces as Seen;
use crate::telemetry::metrics::Metrics;

use answer::{Hears, Saying, saying};
use carrying::Hearer;
use deliveries::Deliveries;
use door::{Answer, Bound, Exchanges, RequestHead};
use forward::Report;
use held::Held;
use identify::{Identified, Known, patience};
use intake::{Arrival, Arriving};
use intend::Intended;
use policy::Policy;
use refusal::Refusal;
use refusals::Refusals;
use settings::Settings;
use settle::{Evidence, Verdict};

/// Everything an exchange needs on its way; built by `app`.
pub struct Line {
    /// The truth.
    pub journal: Journal,
    /// The judgement in force; swapped on reload.
    pub policy: ArcSwap<Policy>,
    /// Settings of the line.
    pub settings: Settings,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where exchange ids come from.
    pub ids: Ids,
    /// Where nonces of our own signatures come from.
    pub nonces: Nonces,
    /// Nonces of the HIS clients' signatures, seen of late.
    pub seen: Mutex<Seen>,
    /// Keys under way.
    pub held: Arc<Held>,
    /// Where receipts report.
    pub deliveries: Deliveries,
    /// Where refusals are noted.
    pub refusals: Refusals,
    /// Counts and durations.
    pub metrics: Arc<Metrics>,
    /// Every exchange under way.
    pub tasks: TaskTracker,
    /// Cancelled when the grace of a stop is over: what is under way settles Unknown(stop).
    pub cut: CancellationToken,
}

/// Makes exchange ids.
pub struct Ids(pub Box<dyn Fn() -> [u8; 10] + Send + Sync>);

impl Ids {
    fn next(&self, unix_ns: i64) -> ExchangeId {
        ExchangeId::new(unix_ns, (self.0)())
    }
}

/// Makes nonces: letters and digits that come once.
pub struct Nonces(pub Box<dyn Fn() -> String + Send + Sync>);

/// An exchange below its intent. Dropped unsettled (a panic), it still settles: Unknown(panic).
struct Performing {
    line: Arc<Line>,
    intended: Intended,
}

impl Line {
    /// Carries one exchange from arrival to answer.
    pub(crate) async fn carry(self: Arc<Self>, arrival: Arrival, hearer: Hearer) {
        let body = arrival.request.body.clone();
        let mut performing = match self.prepare(arrival).await {
            Ok(intended) => Performing { line: Arc::clone(&self), intended },
            Err(hears) => {
                self.forget(&body).await;
                return hearer.hear(hears);
            }
        };

        // From here on every path settles: there is no `?` below this line. Rare ways stand in boxes: this future is moved.
        let call = performing.intended.call();
        let patience = patience(&call.client, &call.upstream);
        let mut hearing = std::pin::pin!(self.send(&performing.intended));
        let report = tokio::select! {
            biased;
            report = &mut hearing => report,
            () = tokio::time::sleep(patience) => Report::silent(Cause::TimedOut),
            () = self.cut.cancelled() => Report::silent(Cause::Stop),
        };
        if let Report::Streaming(replied) = report {
            return Box::pin(self.stream(performing, *replied, hearer)).await;
        }
        let verdict = self.judge(performing.intended.call(), &report);
        let hears = self.finish(&mut performing.intended, verdict, report).await;
        hearer.hear(hears);
        if verdict.cause == Cause::TimedOut {
            Box::pin(self.listen_on(performing, hearing)).await;
        }
    }

    /// A body file that no record names would only fill the disk. After a failed write the INTENT may stand there all the
    /// same, so its body stays.
    async fn forget(&self, body: &Body) {
        if let (Body::Spooled(file), Health::Open | Health::NoRoom) = (body, self.journal.health())
            && let Err(error) = self.journal.bodies().remove(file).await
        {
            tracing::warn!(%error, "the body of a call that was not sent could not be removed");
        }
    }

    /// The steps above the intent; `Err` is what the HIS hears instead.
    async fn prepare(self: &Arc<Self>, arrival: Arrival) -> Result<Intended, Hears> {
        let refused = |(call, refusal): (Box<Identified>, Refusal)| Some(self.refuse(&call.arrival, &refusal));
        let identified = match self.identify(arrival).await {
            Ok(Known::First(identified)) => identified,
            Ok(Known::Repeat(hears)) => return Err(hears),
            Err((arrival, refusal)) => return Err(Some(self.refuse(&arrival, &refusal))),
        };
        let checked = self.check(identified).await.map_err(refused)?;
        let signed = self.sign(checked).await.map_err(refused)?;
        self.intend(signed).await.map_err(refused)
    }

    /// Settles, then makes the answer: the HIS never has what the journal has not.
    async fn finish(self: &Arc<Self>, intended: &mut Intended, verdict: Verdict, report: Report) -> Hears {
        match saying(intended.call().identity.class, verdict, report) {
            Saying::Relay(heeded, told) => {
                self.settle(intended, verdict, Evidence::relayed(&heeded, told)).await;
                Some(self.relay(intended, *heeded, told))
            }
            Saying::NotSent(why) => {
                let own = self.not_sent_words(intended.call(), why);
                self.settle(intended, verdict, Evidence::own_words(None, &own, Told::Refused)).await;
                Some(self.say(intended, &own, Told::Refused))
            }
            Saying::Unknown(seen) => {
                let own = self.unknown_words(intended.call(), verdict.cause);
                let told = intended.call().client.unknown.told();
                self.settle(intended, verdict, Evidence::own_words(seen.as_deref(), &own, told)).await;
                self.say_unknown(intended.call(), intended.seq, intended.header.exchange_id, &own).await
            }
        }
    }
}

impl Drop for Performing {
    fn drop(&mut self) {
        let Some(room) = self.intended.room.take() else { return };
        // Only a panic or an aborted runtime comes here with the room untaken.
        let draft = self.line.outcome_of(&self.intended, Verdict::unknown(Cause::Panic), &Evidence::none());
        let journal = self.line.journal.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { journal.settle(draft, room).await });
        }
    }
}

impl Exchanges for Arc<Line> {
    type Intake = Arriving;

    fn intake(&self, head: RequestHead) -> Arriving {
        Arriving::new(Arc::clone(self), head, Origin::His)
    }

    fn refuse_unheard(&self, head: &RequestHead, why: Bound) -> Answer {
        self.refuse_head(head, Origin::His, &Refusal::Bound(why))
    }
}

/// The line as the door of the platform's own calls sees it (6204, 6302, 7108, 7109): the HIS is who is asked.
pub struct Callbacks(pub Arc<Line>);

impl Exchanges for Callbacks {
    type Intake = Arriving;

    fn intake(&self, head: RequestHead) -> Arriving {
        Arriving::new(Arc::clone(&self.0), head, Origin::Callback)
    }

    fn refuse_unheard(&self, head: &RequestHead, why: Bound) -> Answer {
        self.0.refuse_head(head, Origin::Callback, &Refusal::Bound(why))
    }
}
