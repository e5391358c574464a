//! One life of the gateway after the other: the journal opened over the disk that breaks, the line built over it as `app` does,
//! and the moment at which all of it is gone.

use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

use super::office::Office;
use super::plan::{Kill, LifePlan};
use super::standin::Wire;
use super::{Canary, Invariant, World};
use crate::config::{self, Settings, Told};
use crate::domain::causes::with_causes;
use crate::domain::clock::Clock;
use crate::domain::exchange::Seq;
use crate::domain::terms::Verify;
use crate::exchange::check::InForce;
use crate::exchange::deliveries::{self, Deliveries};
use crate::exchange::policy::{Policy, Signing, Upstream};
use crate::exchange::refusals::Refusals;
use crate::exchange::settings::{Client, Route};
use crate::exchange::{Ids, Line, Nonces};
use crate::journal::entropy::SeededEntropy;
use crate::journal::master::Master;
use crate::journal::open::Fresh;
use crate::journal::settings::Bounds;
use crate::journal::{Journal, Opening};
use crate::profile::{Profile, Texts};
use crate::sandbox::disk::{Faults, SimDisk};
use crate::telemetry::metrics::Metrics;

/// Where one gateway is in the world: its end, and who decides about it.
pub(super) struct Fate {
    kill: Kill,
    over: CancellationToken,
    disk: SimDisk,
    reached: [AtomicU64; 4],
    /// From now on nobody is killed.
    peace: Arc<AtomicBool>,
}

/// A moment at which a kill may strike.
#[derive(Debug, Clone, Copy)]
pub(super) enum Point {
    BeforeSend,
    AfterReply,
    BeforeAnswer,
    AfterAnswer,
}

impl Fate {
    /// True once it is gone. Nothing that it does from then on reaches anybody.
    pub(super) fn is_over(&self) -> bool {
        if self.disk.is_off() {
            self.over.cancel();
        }
        self.over.is_cancelled()
    }

    /// From now on nothing goes wrong with its disk.
    pub(super) fn calm_disk(&self) {
        self.disk.misbehave(Faults::default());
    }

    /// Waits for its end.
    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }

    /// Comes to a point; true when it ends here, or has ended.
    pub(super) fn ends_at(&self, point: Point) -> bool {
        let nth = self.reached[point as usize].fetch_add(1, Ordering::Relaxed) + 1;
        let strikes = match (self.kill, point) {
            (Kill::BeforeSend(at), Point::BeforeSend) => at == nth,
            (Kill::AfterReply(at), Point::AfterReply) => at == nth,
            (Kill::BeforeAnswer(at), Point::BeforeAnswer) => at == nth,
            (Kill::AfterAnswer(at), Point::AfterAnswer) => at == nth,
            _ => false,
        };
        if strikes && !self.peace.load(Ordering::Relaxed) {
            self.over.cancel();
        }
        self.is_over()
    }
}

/// A gateway that runs.
pub(super) struct Life {
    pub(super) line: Arc<Line>,
    pub(super) fate: Arc<Fate>,
}

impl Life {
    pub(super) fn is_over(&self) -> bool {
        self.fate.is_over()
    }
}

/// Starts the gateway, kills it as planned, and starts it again, until it is left alone.
pub(super) async fn live(world: Arc<World>, folder: PathBuf) {
    let lies = world.has(Canary::DiskLies);
    let calm = Faults { every_sync_lies: lies, ..Faults::default() };
    let disk = SimDisk::new(world.draw(7).bits(), calm);
    let mut openings = 0;
    for (number, plan) in world.plan.lives.clone().into_iter().enumerate() {
        let is_peace = world.peace.load(Ordering::Relaxed);
        disk.misbehave(if is_peace { calm } else { faults(&disk, plan, calm) });
        let mut fails = plan.sync_fails.is_some();
        let began = loop {
            openings += 1;
            match Life::open(&world, &disk, &folder, plan.kill, openings) {
                Ok(began) => break began,
                Err(why) if disk.is_off() || std::mem::take(&mut fails) => {
                    world.tell(format!("the gateway does not open: {why}"));
                    world.witness().kills += 1;
                    disk.power_cycle(calm);
                    tokio::time::sleep(Duration::from_millis(plan.down_ms)).await;
                }
                Err(why) => return world.find(Invariant::OpensAgain, why),
            }
        };
        let (life, mut writing) = began;
        world.open_gate(Some(Arc::clone(&life)));
        let office = tokio::spawn(Office::new(&world, &life, folder.join(BOOK)).keep());
        let after = if let Kill::After(ms) = plan.kill { Duration::from_millis(ms) } else { Duration::MAX };
        tokio::select! {
            biased;
            () = life.fate.over() => {}
            _ = &mut writing => {}
            () = world.killed_after(after) => {}
        }
        life.fate.over.cancel();
        world.open_gate(None);
        writing.abort();
        office.abort();
        world.witness().kills += 1;
        let how = if plan.power_cut { "loses its power" } else { "is killed" };
        world.tell(format!("the gateway {how} ({:?}, life {})", plan.kill, number + 1));
        // After a sync that failed only a power cut shows what the disk really holds.
        if plan.power_cut || plan.sync_fails.is_some() || disk.is_off() {
            disk.power_cycle(calm);
        } else {
            disk.kill(calm);
        }
        tokio::time::sleep(Duration::from_millis(plan.down_ms)).await;
    }
}

impl World {
    async fn killed_after(&self, after: Duration) {
        tokio::time::sleep(after).await;
        if self.peace.load(Ordering::Relaxed) {
            std::future::pending().await
        }
    }
}

fn faults(disk: &SimDisk, plan: LifePlan, calm: Faults) -> Faults {
    let power_cut_at = if let Kill::AtDisk(after) = plan.kill { Some(disk.operations() + after) } else { None };
    let sync_fails_at = plan.sync_fails.map(|after| disk.syncs() + after);
    Faults { power_cut_at, sync_fails_at, short_writes: plan.short_writes, ..calm }
}

impl Life {
    fn open(
        world: &Arc<World>,
        disk: &SimDisk,
        folder: &Path,
        kill: Kill,
        opening_no: u64,
    ) -> Result<(Arc<Life>, JoinHandle<bool>), String> {
        let mut draw = world.draw(1_000 + opening_no);
        let entropy = Arc::new(SeededEntropy::new(draw.bits()));
        let mut journal_id = [0; 16];
        journal_id[..8].copy_from_slice(&draw.bits().to_le_bytes());
        let fresh = Fresh { journal_id, open_salt: draw.bits() as u32 };
        let clock: Arc<dyn Clock> = Arc::clone(&world.clock) as _;
        let master = Master::Key(Zeroizing::new([7; 16]));
        let settings = (&SETTINGS.journal, BOUNDS);
        let opened = Journal::open_here(Arc::new(disk.clone()), settings, folder, &master, fresh, clock, entropy);
        let (journal, opening, here) = opened.map_err(|error| with_causes(&error))?;
        let fate = Arc::new(Fate {
            kill,
            over: CancellationToken::new(),
            disk: disk.clone(),
            reached: Default::default(),
            peace: Arc::clone(&world.peace),
        });
        let watched = Arc::clone(&fate);
        let writing = tokio::spawn(here.run(move || watched.is_over()));
        let line = line(world, journal, &fate, draw.bits());
        world.tell(opened_in_words(&opening));
        Ok((Arc::new(Life { line, fate }), writing))
    }
}

fn opened_in_words(opening: &Opening) -> String {
    match (opening.first_start, opening.orphans.len()) {
        (true, _) => "the gateway starts for the first time".to_owned(),
        (false, orphans) => format!(
            "the gateway starts behind record {}; {orphans} calls were under way, {} torn ends are cut",
            opening.last_seq.0,
            opening.cuts.len()
        ),
    }
}

/// The line as `app` builds it, without what looks on from outside; the profile's text is not journaled, nobody here reads it.
fn line(world: &Arc<World>, journal: Journal, fate: &Arc<Fate>, ids_from: u64) -> Arc<Line> {
    let (deliveries, reported) = Deliveries::new();
    tokio::spawn(deliveries::write(journal.clone(), reported));
    let mut settings = SETTINGS.line.clone();
    if world.has(Canary::FenceDown) {
        settings.fence_days = 0;
    }
    let ids = Mutex::new(crate::sandbox::draw::Draw::from_seed(ids_from));
    let nonces = AtomicU64::new(0);
    Arc::new(Line {
        refusals: Refusals::new(journal.clone(), settings.refusals_per_second_max),
        journal,
        policy: ArcSwap::from_pointee(policy(world, fate)),
        settings,
        clock: Arc::clone(&world.clock) as _,
        ids: Ids(Box::new(move || {
            let mut draw = ids.lock().expect("no holder of this lock panics");
            let mut id = [0; 10];
            id[..8].copy_from_slice(&draw.bits().to_le_bytes());
            id[8..].copy_from_slice(&draw.bits().to_le_bytes()[..2]);
            id
        })),
        nonces: Nonces(Box::new(move || format!("{:032x}", nonces.fetch_add(1, Ordering::Relaxed)))),
        seen: Mutex::default(),
        held: Arc::default(),
        deliveries,
        metrics: Arc::clone(&METRICS),
        tasks: TaskTracker::new(),
        cut: CancellationToken::new(),
    })
}

fn policy(world: &Arc<World>, fate: &Arc<Fate>) -> Policy {
    let plan = &world.plan;
    let upstream = Upstream {
        name: "world".to_owned(),
        base_path: String::new(),
        platform: Arc::new(Wire { world: Arc::clone(world), fate: Arc::clone(fate) }),
        answer_within: Duration::from_millis(plan.answer_ms),
        listen_within: Duration::from_millis(plan.listen_ms),
        metrics: METRICS.upstream("world"),
        signing: Signing::default(),
    };
    let client = Client {
        peers: vec![ipnet::IpNet::V4(ipnet::Ipv4Net::default())],
        certificates: Vec::new(),
        institutions: Vec::new(),
        unknown: plan.unknown,
        patience_ms: 0,
        verify: Verify::Off,
        identity: None,
    };
    Policy {
        profile: profile(world.canary).clone(),
        profile_seq: Seq::NONE,
        rules: InForce::default(),
        clients: vec![Arc::new(client)],
        routes: vec![Route { prefix: "/".to_owned(), infno: vec!["*".to_owned()], upstream: "world".to_owned() }],
        upstreams: vec![Arc::new(upstream)],
        callback: None,
    }
}

/// The profile of a world, and what a canary makes of it.
pub(super) fn profile(canary: Option<Canary>) -> &'static Profile {
    static PLAIN: LazyLock<Profile> = LazyLock::new(|| load("baseline", ""));
    static KEYLESS: LazyLock<Profile> = LazyLock::new(|| {
        load("keyless", "title = \"k\"\ninherits = \"baseline\"\n[key.outpatient]\non_repeat = \"forward\"\n")
    });
    static DEAF: LazyLock<Profile> = LazyLock::new(|| {
        load("deaf", "title = \"d\"\ninherits = \"baseline\"\n[err.downstream_silence]\nclass = \"refused\"\n")
    });
    match canary {
        Some(Canary::ForgetsKeys) => &KEYLESS,
        Some(Canary::ForgetsSilence) => &DEAF,
        _ => &PLAIN,
    }
}

fn load(name: &str, text: &str) -> Profile {
    let own = if text.is_empty() { Vec::new() } else { vec![(format!("{name}.toml"), text.to_owned())] };
    Profile::load(name, &Texts::with(own)).unwrap_or_else(|complaints| panic!("{name}: {complaints:?}"))
}

pub(super) static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    config::look_at_all(&Told::default())
        .unwrap_or_else(|complaints| panic!("the defaults do not hold: {complaints:?}"))
});

static METRICS: LazyLock<Arc<Metrics>> = LazyLock::new(|| {
    let known: Vec<&str> = profile(None).transactions().map(|transaction| transaction.infno.as_str()).collect();
    Arc::new(Metrics::new("baseline", known))
});

/// Folder of the book of cases that is kept while the world plays.
pub(super) const BOOK: &str = "cases-kept";

/// Small segments, so that a world sees several.
const BOUNDS: Bounds = Bounds {
    segment_bytes: 192 << 10,
    outcome_room_bytes: 16 << 10,
    frame_bytes: 16 << 10,
    batch_bytes: 64 << 10,
    batch_records: 32,
    memory_bytes: 4 << 20,
};
