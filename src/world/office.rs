//! The finisher beside the line, and the persons who decide with it: rounds over the open cases while the gateway lives, and at
//! the day's end the office, which agrees to what is proposed, books what is to be adopted, and closes the rest with the
//! platform's statement in its hands.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::World;
use super::bill::Booked;
use super::gateway::{BOOK, Life, SETTINGS};
use super::his::Hospital;
use crate::domain::exchange::ExchangeId;
use crate::exchange::decision::Evidence;
use crate::reconcile::cases::{CaseShown, Wanted};
use crate::reconcile::deciding::Decide;
use crate::reconcile::finisher::Round;
use crate::reconcile::ourselves::Ourselves;
use crate::reconcile::progress::End;
use crate::reconcile::{Cases, Finisher};
use crate::sandbox::ledger::{Settlement, Standing};

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(60);
/// Rounds after everybody has gone home; more are not needed by any case.
const ROUNDS_MAX: usize = 60;
/// So many rounds without a step mean that nothing is left that the finisher can do.
const IDLE_ROUNDS: usize = 12;
/// Two persons, where two must agree.
const PERSONS: [&str; 2] = ["office-a", "office-b"];

/// The finisher of one life of the gateway.
pub(super) struct Office {
    world: Arc<World>,
    life: Arc<Life>,
    book: PathBuf,
    finisher: Finisher,
}

impl Office {
    pub(super) fn new(world: &Arc<World>, life: &Arc<Life>, book: PathBuf) -> Office {
        let mut settings = SETTINGS.finisher.clone();
        settings.retry_minutes = world.plan.retry_minutes;
        settings.ask_minutes = 2;
        settings.auto_yuan_max = world.plan.auto_yuan_max.to_owned();
        let ourselves = Arc::new(Ourselves::new(Arc::clone(&life.line), settings.clone()));
        let finisher = Finisher::new(Arc::clone(&life.line), Cases::at(&book), settings, ourselves);
        Office { world: Arc::clone(world), life: Arc::clone(life), book, finisher }
    }

    /// Goes rounds for as long as the gateway lives.
    pub(super) async fn keep(self) {
        while !self.life.is_over() {
            tokio::time::sleep(EVERY).await;
            let gone_home = self.world.rounds.lock().await;
            if *gone_home {
                return;
            }
            tokio::select! {
                biased;
                () = self.life.fate.over() => return,
                round = self.round() => if let Err(error) = round {
                    // A disk that has gone takes the journal with it; the next life goes on.
                    self.world.tell(format!("finisher: no round: {error}"));
                }
            }
        }
    }

    async fn round(&self) -> io::Result<Round> {
        self.world.catch_up(&self.life.line.journal, &self.book)?;
        let round = self.finisher.round().await.map_err(io::Error::other)?;
        if round.asked + round.proposed + round.reversed + round.failed > 0 && !self.life.is_over() {
            let Round { cases, asked, proposed, reversed, failed } = round;
            self.world.tell(format!(
                "finisher: {cases} cases, asks {asked}, proposes {proposed}, takes back {reversed}, fails {failed}"
            ));
        }
        Ok(round)
    }

    /// A round, and what persons decide after it; true when something was done.
    async fn turn(&self, hospital: &Hospital) -> io::Result<bool> {
        let round = self.round().await?;
        let decided = self.world.plan.office && self.decide(hospital).await?;
        Ok(decided || round.asked + round.proposed + round.reversed + round.failed > 0)
    }

    fn open(&self) -> io::Result<Vec<(ExchangeId, CaseShown)>> {
        self.world.catch_up(&self.life.line.journal, &self.book)?;
        let listed = Cases::at(&self.book).list(&Wanted::default()).map_err(io::Error::other)?;
        let known = |case: CaseShown| Some((ExchangeId::parse(&case.id)?, case));
        Ok(listed.into_iter().filter_map(known).filter(|(_, case)| case.infno == "2207").collect())
    }

    /// Persons agree to what is proposed, and book what is to be adopted; true when they did something.
    async fn decide(&self, hospital: &Hospital) -> io::Result<bool> {
        let mut did = false;
        for (id, case) in self.open()? {
            let Ok(Some(previewed)) = self.finisher.preview(id) else { continue };
            let proposal = previewed.proposal;
            match proposal.end {
                End::Reverse if proposal.is_approved(0) => {}
                End::Reverse => {
                    let who = PERSONS.into_iter().find(|who| !proposal.persons_for().contains(who));
                    let Some(who) = who else { continue };
                    did |= self.says(id, &Decide::Approve { proposal: proposal.seq }, who, &case).await;
                }
                End::Adopt if hospital.has_booked_another(&case.msgid, &case.setl_id) => {
                    did |= self.says(id, &Decide::Propose { end: End::Reverse }, PERSONS[0], &case).await;
                }
                End::Adopt => did |= self.adopt(hospital, id, &case).await,
            }
        }
        Ok(did)
    }

    /// Books a settlement as the platform has it, and closes its case.
    async fn adopt(&self, hospital: &Hospital, id: ExchangeId, case: &CaseShown) -> bool {
        let Some(row) = self.world.live_row(&case.msgid) else { return false };
        hospital.adopt(&case.msgid, &row);
        self.close(id, case, (Some("did"), Some("booked"))).await
    }

    /// The platform's statement is in: what is still open is closed by what both books say, after the hospital has put its own right.
    async fn close_the_day(&self, hospital: &Hospital) -> io::Result<()> {
        for (id, case) in self.open()? {
            let (live, booked) = (self.world.live_row(&case.msgid), hospital.booked(&case.msgid));
            let told = match (&live, &booked) {
                (Some(row), None) if !hospital.has_booked_another(&case.msgid, &row.setl_id) => {
                    hospital.adopt(&case.msgid, row);
                    (Some("did"), Some("booked"))
                }
                // Settled under two visits: it stays a case until it is taken back.
                (Some(_), None) => continue,
                (Some(row), Some(booked)) if booked.setl_id == row.setl_id => (Some("did"), Some("booked")),
                (Some(_), Some(_)) => continue,
                (None, Some(_)) => {
                    hospital.take_back(&case.msgid);
                    (Some(self.world.gone(&case.msgid)), Some("taken_back"))
                }
                (None, None) => (Some(self.world.gone(&case.msgid)), Some("has_not")),
            };
            self.close(id, &case, told).await;
        }
        Ok(())
    }

    async fn close(&self, id: ExchangeId, case: &CaseShown, (platform, his): (Option<&str>, Option<&str>)) -> bool {
        let Some(evidence) = Evidence::said(platform, his) else { return false };
        let proof = "the platform's statement of the day and the hospital's ledger".to_owned();
        self.says(id, &Decide::Close { evidence, proof }, PERSONS[0], case).await
    }

    async fn says(&self, id: ExchangeId, decide: &Decide, who: &str, case: &CaseShown) -> bool {
        let said = self.finisher.decide(id, decide, who, "decided in a simulated world").await;
        let what = match decide {
            Decide::Approve { .. } => "agrees to the reversal",
            Decide::Propose { .. } => "proposes a reversal",
            Decide::Close { .. } => "closes the case with proof",
            _ => "decides",
        };
        match &said {
            Ok(seq) => self.world.tell(format!("{who} {what} of 2207 {} (record {})", case.msgid, seq.0)),
            Err(why) => self.world.tell(format!("{who} may not: {what} of 2207 {}: {why}", case.msgid)),
        }
        said.is_ok()
    }
}

/// Runs the finisher until nothing is left that it can do, through whatever kills are still to come; then, in peace, persons close
/// the day where the plan says so. The gateway that runs at the end; none when none does.
pub(super) async fn to_rest(world: &Arc<World>, hospital: &Hospital, folder: &Path) -> Option<io::Result<Arc<Life>>> {
    *world.rounds.lock().await = true;
    let mut idle = 0;
    for _ in 0..ROUNDS_MAX {
        if let Some(life) = world.life().filter(|life| !life.is_over()) {
            let office = Office::new(world, &life, folder.join(BOOK));
            let turn = tokio::select! {
                biased;
                () = life.fate.over() => None,
                turn = office.turn(hospital) => Some(turn),
            };
            idle = match turn {
                Some(Ok(false)) => idle + 1,
                Some(Err(error)) if !life.is_over() => return Some(Err(error)),
                _ => 0,
            };
        }
        if IDLE_ROUNDS <= idle {
            break;
        }
        tokio::time::sleep(EVERY).await;
    }
    world.peace.store(true, Ordering::Relaxed);
    // Longer than any gateway is down.
    tokio::time::sleep(10 * EVERY).await;
    let life = world.life().filter(|life| !life.is_over())?;
    life.fate.calm_disk();
    let office = Office::new(world, &life, folder.join(BOOK));
    if world.plan.office
        && let Err(error) = office.close_the_day(hospital).await
    {
        return Some(Err(error));
    }
    Some(Ok(life))
}

impl World {
    /// What stands at the platform of a message.
    fn live_row(&self, msgid: &str) -> Option<Settlement> {
        let is_it = |row: &&Settlement| row.msgid == msgid && row.undoes.is_none() && row.standing == Standing::Live;
        self.standin.platform.with_ledger(|ledger| ledger.settlements().iter().rev().find(is_it).cloned())
    }

    /// What the statement says of a message that has nothing standing.
    fn gone(&self, msgid: &str) -> &'static str {
        let was = |row: &Settlement| row.msgid == msgid && row.undoes.is_none();
        let was_there = self.standin.platform.with_ledger(|ledger| ledger.settlements().iter().any(was));
        if was_there { "undone" } else { "did_not" }
    }
}

impl Hospital {
    fn place(&self, msgid: &str) -> Option<(usize, usize)> {
        let books = self.books();
        let has = |calls: &[(&'static str, String)]| calls.iter().any(|(infno, own)| *infno == "2207" && own == msgid);
        books.iter().enumerate().find_map(|(bill, one)| {
            let visit = one.visits.iter().position(|visit| has(&visit.calls))?;
            Some((bill, visit))
        })
    }

    /// What is booked of the visit for which this message was sent.
    fn booked(&self, msgid: &str) -> Option<Booked> {
        let (bill, visit) = self.place(msgid)?;
        self.books()[bill].booked.clone().filter(|booked| booked.visit == visit)
    }

    /// The bill of this message is booked, and as another settlement than this.
    fn has_booked_another(&self, msgid: &str, setl_id: &str) -> bool {
        let Some((bill, _)) = self.place(msgid) else { return false };
        self.books()[bill].booked.as_ref().is_some_and(|booked| booked.setl_id != setl_id)
    }

    /// Books what the platform has.
    fn adopt(&self, msgid: &str, row: &Settlement) {
        let Some((bill, visit)) = self.place(msgid) else { return };
        self.enter(
            bill,
            Booked { visit, setl_id: row.setl_id.clone(), paid: super::audit::paid(row) },
            "is adopted as",
        );
    }

    fn take_back(&self, msgid: &str) {
        if let Some((bill, _)) = self.place(msgid) {
            self.clear(bill, "is taken back in the books: the platform does not have it");
        }
    }
}
