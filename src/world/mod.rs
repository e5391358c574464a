//! Whole worlds from a seed: hospitals, a gateway and a platform in one thread and virtual time, with everything that goes
//! wrong between them; and at the end an audit of what the platform did, what the journal says and what the hospital booked.
//!
//! The line is the product's own, over a journal on `sandbox/disk.rs`; the platform is the stand-in without its sockets. The same
//! seed plays the same world to the letter. What must hold in every world is [`Invariant`]; that the audit would notice is
//! proven by [`Canary`], deliberate bugs that stand outside the product's code.

pub mod bill; // What a hospital believes of one bill.
pub mod canary; // Deliberate bugs.
pub mod invariant; // What must hold in every world.
pub mod many; // A range of seeds, or one told.
pub mod plan; // What a seed draws.
pub mod story; // What happened, in words.

mod time; // Virtual time, and a wall clock that is set.
mod witness; // Who sees the truth while it happens.

mod standin; // The platform: the stand-in's books behind bad lines.

mod door; // From the hospital to whichever gateway runs.
mod gateway; // One life of the gateway, until it is killed.

mod his; // The hospital and its habits.

mod office; // The finisher, and the persons who decide.

mod audit; // The three books beside each other.
mod cases; // The book of cases over the journal.

use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::clock::Clock;
use crate::sandbox::draw::Draw;

pub use canary::Canary;
use gateway::Life;
use his::Hospital;
pub use invariant::{Finding, Invariant};
use plan::Plan;
use standin::Standin;
use story::Story;
use time::WorldClock;
use witness::Witness;

/// After the last call: longer than anybody listens and than anything commits late.
const REST: Duration = Duration::from_secs(1_800);
/// Nothing in a world lasts so long; who waits longer waits for ever.
const LONGEST: Duration = Duration::from_secs(6 * 3_600);

/// What one world has in common.
pub(crate) struct World {
    seed: u64,
    plan: Plan,
    canary: Option<Canary>,
    clock: Arc<WorldClock>,
    story: Story,
    witness: Mutex<Witness>,
    standin: Standin,
    gate: Mutex<Option<Arc<Life>>>,
    /// One round of the finisher at a time; true once everybody has gone home.
    rounds: tokio::sync::Mutex<bool>,
    /// From now on nobody is killed.
    peace: Arc<AtomicBool>,
}

/// How a world went.
#[derive(Debug)]
pub struct Played {
    /// What happened, line by line.
    pub story: Vec<String>,
    /// What must not be; empty in a good world.
    pub findings: Vec<Finding>,
    /// Calls that came to the platform.
    pub calls: u64,
    /// Times that the gateway was killed.
    pub kills: u64,
    /// Open cases at the end.
    pub cases: u64,
}

/// Plays the world of a seed, with keys and the book of cases in `folder`, which is empty before and is the caller's to remove.
///
/// # Errors
/// When the machine gives no runtime, or the folder cannot be written.
pub fn play(seed: u64, canary: Option<Canary>, folder: &Path) -> io::Result<Played> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let played = runtime.block_on(World::play(seed, canary, folder));
    // What still listens for a gateway that is dead ends here, after the audit.
    drop(runtime);
    played
}

impl World {
    async fn play(seed: u64, canary: Option<Canary>, folder: &Path) -> io::Result<Played> {
        let plan = Plan::of(seed);
        let clock = Arc::new(WorldClock::start(plan.begins_unix_ns));
        let world = Arc::new(World {
            standin: Standin::new(&plan, Arc::clone(&clock) as Arc<dyn Clock>),
            story: Story::new(),
            witness: Mutex::default(),
            gate: Mutex::new(None),
            rounds: tokio::sync::Mutex::new(false),
            peace: Arc::default(),
            seed,
            plan,
            canary,
            clock,
        });
        world.tell(world.plan.told());
        let hospital = Arc::new(Hospital::new(&world));
        let gateway = tokio::spawn(gateway::live(Arc::clone(&world), folder.to_owned()));
        let steps = tokio::spawn(time::steps(Arc::clone(&world)));
        let patients: Vec<_> =
            (0..world.plan.patients).map(|at| tokio::spawn(his::patient(Arc::clone(&hospital), at))).collect();
        for patient in patients {
            // A hospital that waits for ever is a finding of its own below.
            if tokio::time::timeout(LONGEST, patient).await.is_err() {
                world.find(Invariant::ComesToRest, "a patient still waits after six hours".to_owned());
            }
        }
        tokio::time::sleep(REST).await;
        world.tell("everybody has gone home".to_owned());
        match tokio::time::timeout(LONGEST, office::to_rest(&world, &hospital, folder)).await {
            Err(_) => world.find(Invariant::ComesToRest, "the finisher still waits after six hours".to_owned()),
            Ok(None) => world.find(Invariant::OpensAgain, "no gateway runs at the end".to_owned()),
            Ok(Some(life)) => {
                let life = life?;
                audit::audit(&world, &life, &hospital, folder).await?;
            }
        }
        steps.abort();
        gateway.abort();
        world.open_gate(None);
        Ok(world.played())
    }

    fn played(&self) -> Played {
        let mut witness = self.witness();
        Played {
            story: self.story.lines(),
            findings: std::mem::take(&mut witness.findings),
            calls: self.standin.platform.requests(),
            kills: witness.kills,
            cases: witness.cases,
        }
    }

    /// The gateway that runs now.
    fn life(&self) -> Option<Arc<Life>> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn open_gate(&self, life: Option<Arc<Life>>) {
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = life;
    }

    fn witness(&self) -> std::sync::MutexGuard<'_, Witness> {
        self.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, what: String) {
        self.story.tell(self.clock.mono_ns(), what);
    }

    /// Something that must not be.
    fn find(&self, invariant: Invariant, what: String) {
        self.tell(format!("!! {}: {what}", invariant.name()));
        self.witness().findings.push(Finding { invariant, what });
    }

    fn has(&self, canary: Canary) -> bool {
        self.canary == Some(canary)
    }

    /// A draw of its own for each part of the world, so that one more draw here moves nothing there.
    fn draw(&self, part: u64) -> Draw {
        plan::draw_of(self.seed, part)
    }
}
