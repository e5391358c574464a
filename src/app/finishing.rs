//! The book of cases and the finisher beside a running line: rounds by the clock, and at once when persons have agreed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::console::cases::{Decision, Preview};
use crate::console::lookup::Trouble;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::exchange::Line;
use crate::exchange::decision::Evidence;
use crate::reconcile::book::{Folder, Traits};
use crate::reconcile::deciding::{Decide, NotDecided};
use crate::reconcile::finisher::Round;
use crate::reconcile::ourselves::Ourselves;
use crate::reconcile::progress::End;
use crate::reconcile::{self, Cases, Finisher};
use crate::views::Follower;

/// Who keeps the book of cases, the book, and who ends what stands in it.
pub(super) struct Finishing {
    /// Writes the book.
    pub(super) follower: Arc<Follower>,
    /// The book.
    pub(super) cases: Cases,
    /// One sign-in a day for whoever asks in our name.
    pub(super) ourselves: Arc<Ourselves>,
    finisher: Finisher,
    line: Arc<Line>,
    every: Duration,
    agreed: Notify,
}

impl Finishing {
    /// Begins to keep the book, and to go rounds until `stop`. It is not a view: it is kept whatever `views.follow` says, in the
    /// same measure.
    pub(super) fn start(settings: &Settings, line: &Arc<Line>, stop: &CancellationToken) -> io::Result<Arc<Finishing>> {
        let dir = settings.gateway.data.join(reconcile::FOLDER);
        let traits = Traits::of(&line.policy.load().profile);
        let cases = Cases::at(&dir);
        let clock = Arc::clone(&line.clock);
        let follower = Follower::start(Folder { dir, traits }, line.journal.clone(), settings.views.clone(), clock)
            .map(Arc::new)?;
        let ourselves = Arc::new(Ourselves::new(Arc::clone(line), settings.finisher.clone()));
        let finisher =
            Finisher::new(Arc::clone(line), cases.clone(), settings.finisher.clone(), Arc::clone(&ourselves));
        let every = Duration::from_secs(settings.finisher.every_seconds);
        let line = Arc::clone(line);
        let finishing =
            Arc::new(Finishing { follower, cases, ourselves, finisher, line, every, agreed: Notify::new() });
        tokio::spawn(Arc::clone(&finishing).keep(stop.clone()));
        Ok(finishing)
    }

    /// Goes its rounds until `stop`; a round that is under way then ends as the line ends.
    async fn keep(self: Arc<Finishing>, stop: CancellationToken) {
        loop {
            let waited = async {
                match self.every.is_zero() {
                    true => std::future::pending().await,
                    false => tokio::time::sleep(self.every).await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.agreed.notified() => {}
                () = waited => {}
            }
            // A gateway that stops waits for what is under way on its line.
            match self.line.tasks.track_future(self.finisher.round()).await {
                Ok(round) => self.count(&round),
                Err(error) => tracing::debug!(%error, "no round over the open cases"),
            }
        }
    }

    fn count(&self, round: &Round) {
        let Round { asked, proposed, reversed, failed, .. } = *round;
        let steps = [("asked", asked), ("proposed", proposed), ("reversed", reversed), ("failed", failed)];
        steps.into_iter().for_each(|(step, times)| self.line.metrics.cases.stepped(step, times));
        if asked + proposed + reversed + failed > 0 {
            tracing::info!(?round, "a round over the open cases");
        }
    }

    /// Journals what a person decided.
    pub(super) fn decide(&self, id: ExchangeId, asked: &Decision, who: &str) -> Result<u64, Trouble> {
        let decide = read(asked)?;
        let deciding = self.finisher.decide(id, &decide, who, &asked.reason);
        let seq = tokio::runtime::Handle::current().block_on(deciding).map_err(trouble)?;
        self.agreed.notify_one();
        Ok(seq.0)
    }

    /// What is proposed, with the bytes that would leave.
    pub(super) fn preview(&self, id: ExchangeId) -> Result<Preview, Trouble> {
        let found = self.finisher.preview(id).map_err(|error| Trouble::NotNow(error.to_string()))?;
        let Some(previewed) = found else {
            return Err(Trouble::NotFound(format!("nothing is proposed for {id} today. 今日没有提案")));
        };
        let proposal = &previewed.proposal;
        Ok(Preview {
            proposal: proposal.seq.0,
            end: proposal.end.word().to_owned(),
            infno: proposal.infno.clone(),
            proposed_by: proposal.by.clone(),
            persons: proposal.persons,
            agreed: proposal.persons_for().into_iter().map(str::to_owned).collect(),
            effect: previewed.effect,
            target: previewed.target,
            body: previewed.body,
        })
    }
}

fn read(asked: &Decision) -> Result<Decide, Trouble> {
    let wrong = |place: &str, what: &str, cure: &str| Trouble::Asked {
        place: place.to_owned(),
        what: what.to_owned(),
        cure: cure.to_owned(),
    };
    let said = |text: &str| !text.trim().is_empty();
    match asked.step.as_str() {
        "assign" if said(&asked.owner) => Ok(Decide::Assign { owner: asked.owner.clone() }),
        "assign" => Err(wrong("owner", "nobody is named", "{\"step\": \"assign\", \"owner\": \"name\", ...}")),
        "note" => Ok(Decide::Note),
        "propose" => {
            let end = End::from_word(&asked.end);
            end.map(|end| Decide::Propose { end })
                .ok_or_else(|| wrong("end", "there is no such end", "reverse or adopt"))
        }
        "approve" => Ok(Decide::Approve { proposal: Seq(asked.proposal) }),
        "close" => {
            let word = |text: &'_ str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let (platform, his) = (word(&asked.platform), word(&asked.his));
            let evidence = Evidence::said(platform.as_deref(), his.as_deref()).ok_or_else(|| {
                let cure = "platform: did, did_not or undone; his: booked, taken_back or has_not; at least one of them";
                wrong("platform, his", "what the proof proves is not said", cure)
            })?;
            if !said(&asked.proof) {
                return Err(wrong(
                    "proof",
                    "nothing closes without proof",
                    "say which letter, ledger and row proves it",
                ));
            }
            Ok(Decide::Close { evidence, proof: asked.proof.clone() })
        }
        _ => Err(wrong("step", "there is no such step", "assign, note, propose, approve or close")),
    }
}

fn trouble(error: NotDecided) -> Trouble {
    match error {
        NotDecided::NoCase(_) => Trouble::NotFound(error.to_string()),
        NotDecided::Trouble(_) => Trouble::NotNow(error.to_string()),
        other => Trouble::Refused { what: other.to_string(), cure: "look at the case again (medgate case show ID)" },
    }
}
