//! Builds every part from settings, starts it, stops it in order; the only place that knows all parts.

mod acts; // What is changed in a running gateway, for the journal.
mod build; // From settings to policy and line.
mod certificates; // Looks after the files of certificates.
mod disk; // How full the journal's disk is.
mod doors; // Ports, and TLS of the doors.
mod erasure; // A visit erased through the admin port.
mod finishing; // The book of cases and the finisher.
mod his_view; // The HIS's ledger out of its own database.
mod insight; // What the admin port is told.
mod ledgers; // Who keeps the ledgers.
mod lookup; // What it may look up of single exchanges.
mod refused; // What rules refused a call for.
mod reload; // Settings, keys and profile, read anew.
pub mod retention; // Archives and trims.
mod start_error; // What keeps a gateway from starting.
mod statements; // When the platform's own lists are asked for.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::settings::PersonSettings;
use crate::config::{Loaded, Settings, Told};
use crate::console::persons::Persons;
use crate::console::token::{self, AdminToken};
use crate::console::{self, Console, QUESTIONS_MAX};
use crate::domain::clock::Clock;
use crate::evidence::anchor::Address;
use crate::evidence::notary::NotaryError;
use crate::evidence::{self, Nightly, Notary};
use crate::exchange::{Line, deliveries};
use crate::inbound::Door;
use crate::journal::Journal;
use crate::journal::master::Master;
use crate::keys::{self, Sources};
use crate::signing::sm2::Verifier;
use crate::views::store::Folder;
use crate::views::{self, Follower};

use build::{Built, Platforms};
use certificates::Certificates;
use disk::DiskWatch;
use doors::{DoorsTls, Ports, platform_door};
use finishing::Finishing;
use insight::Inside;
use ledgers::LedgerDesk;
use lookup::Books;
use reload::Reload;
use retention::Retention;

pub use start_error::StartError;

/// Where a running gateway leaves the address of its admin port, inside its data folder, for the commands.
pub const ADMIN_FILE: &str = "admin.address";
/// How long the last lines may take to settle after they were cut.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// A gateway that runs.
pub struct Gateway {
    /// Where the HIS calls.
    pub listen: SocketAddr,
    /// Where the admin port answers.
    pub admin: SocketAddr,
    /// Where the platform calls the hospital, when that door is open.
    pub callback: Option<SocketAddr>,
    line: Arc<Line>,
    drain_within: Duration,
    stop_doors: CancellationToken,
    stop_admin: CancellationToken,
    inbound: JoinHandle<()>,
    callbacks: Option<JoinHandle<()>>,
    admin_task: JoinHandle<io::Result<()>>,
    deliveries: JoinHandle<()>,
    followers: Vec<Arc<Follower>>,
    reload: Arc<Reload>,
    notary: Arc<Notary>,
    sealing: JoinHandle<()>,
}

impl Gateway {
    /// As [`Gateway::start_told`], with settings that were made by hand.
    ///
    /// # Errors
    /// What could not be started, with its cause.
    pub async fn start(settings: Settings, clock: Arc<dyn Clock>) -> Result<Gateway, StartError> {
        Gateway::start_told(Loaded::by_hand(settings), None, clock).await
    }

    /// Opens the journal, then followers and admin, and last the HIS's door. `told` is where [`Gateway::reload`] looks again.
    ///
    /// # Errors
    /// What could not be started, with its cause.
    pub async fn start_told(loaded: Loaded, told: Option<Told>, clock: Arc<dyn Clock>) -> Result<Gateway, StartError> {
        let settings = loaded.settings.clone();
        let data = settings.gateway.data.clone();
        // What is wrong with the settings is said before anything is made.
        let profile = build::load_profile(&settings)?;
        let master = keys::master::read(&settings.journal.master_key, &Sources::of_process())?;
        let tls = DoorsTls::open(&settings, &clock)?;
        let metrics = build::metrics(&settings, &profile);
        let built = Built::of(&settings, profile, &Platforms::new(), &clock, &metrics)?;
        private_folder(&data).map_err(|source| StartError::Data { path: data.display().to_string(), source })?;
        // Bound before the journal opens, so that a port in use leaves the journal untouched.
        let ports = Ports::bind(&settings).await?;
        let tokens = (AdminToken::open(&data, token::FILE_NAME)?, AdminToken::open(&data, token::CLEAR_FILE_NAME)?);
        let journal = open_journal(&settings, &master, &clock).await?;
        let (sets, parts) = (built.sets(), (built.identities, built.platforms));
        let (line, reported) =
            build::line(&settings, built.policy, Arc::clone(&metrics), journal, Arc::clone(&clock)).await?;
        let (stop_doors, stop_admin) = (CancellationToken::new(), CancellationToken::new());
        let (follower, finishing) = (follower(&settings, &line)?, Finishing::start(&settings, &line, &stop_doors)?);
        let (keeper, desk) = LedgerDesk::start(&settings, &line, &finishing.ourselves, &stop_doors)?;
        let notary = notary(&settings.seal, &data, &line).await?;
        let deliveries = tokio::spawn(deliveries::write(line.journal.clone(), reported));
        let certificates = Arc::new(Certificates::new(tls.named(), sets, line.journal.clone(), Arc::clone(&clock)));
        tokio::spawn(Arc::clone(&certificates).watch(stop_doors.clone()));
        let reload = Arc::new(Reload::new(Arc::clone(&line), Arc::clone(&certificates), (loaded, told), parts));
        tokio::spawn(Arc::clone(&reload).watch(stop_doors.clone()));
        let sealing = tokio::spawn(Arc::clone(&notary).keep(stop_doors.clone()));
        let nightly = nightly(&settings.seal, &data, &line, &notary)?;
        let retention = Retention::of(&settings, &line, (&notary, &nightly), (follower.clone(), &keeper))?;
        tokio::spawn(Arc::clone(&nightly).keep(retention.nightly(), stop_doors.clone()));
        let (listen, admin, callback) = ports.addresses()?;
        let callbacks = ports.platforms.map(|port| platform_door(port, &line, &settings, tls.callback, &stop_doors));
        let door = Door::new(Arc::new(Arc::clone(&line)), settings.inbound, tls.inbound, stop_doors.clone());
        let inside = Inside {
            started_mono_ns: clock.mono_ns(),
            line: Arc::clone(&line),
            door: Arc::clone(&door),
            follower: follower.clone(),
            finishing: Arc::clone(&finishing),
            desk: Arc::clone(&desk),
            certificates,
            notary: Arc::clone(&notary),
            nightly,
            reload: Arc::clone(&reload),
            disk: DiskWatch::start(&data, &line, &settings.retention, &stop_doors),
        };
        let kept = (settings.retention.key_live_days, retention);
        let books = Books::new(&line, follower.clone(), &data, kept, finishing.clone());
        let console = console((inside, books, desk), tokens, &settings.person);
        std::fs::write(data.join(ADMIN_FILE), format!("{admin}\n"))?;
        let admin_task = tokio::spawn(console::serve(ports.admin, console, stop_admin.clone()));
        tracing::info!(%listen, %admin, data = %data.display(), "medgate takes calls");
        let inbound = tokio::spawn(door.serve(ports.his));
        #[rustfmt::skip]
        let gateway = Gateway {
            listen, admin, callback, line, drain_within: Duration::from_secs(settings.gateway.drain_seconds), stop_doors, stop_admin, inbound, callbacks, admin_task, deliveries,
            followers: follower.into_iter().chain([Arc::clone(&finishing.follower), keeper]).collect(), reload, notary, sealing,
        };
        Ok(gateway)
    }

    /// Reads settings, keys, profile and certificates again and takes what holds; calls under way are not touched.
    pub fn reload(&self) {
        tracing::info!("told to read settings, keys, profile and certificates anew");
        self.reload.ask();
    }

    /// Stops in order: listeners, lines within the grace (the rest settles Unknown), deliveries, journal.
    ///
    /// # Errors
    /// When the journal could not be closed cleanly; the next opening recovers it.
    pub async fn stop(self) -> Result<(), StartError> {
        tracing::info!(within_s = self.drain_within.as_secs(), "stopping: no new calls, running ones end");
        self.stop_doors.cancel();
        self.line.tasks.close();
        if tokio::time::timeout(self.drain_within, self.line.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.line.tasks.len(), "the grace is over: what is under way settles unknown");
        }
        self.line.cut.cancel();
        let _in_time = tokio::time::timeout(SETTLE_WITHIN, self.line.tasks.wait()).await;
        for mut door in std::iter::once(self.inbound).chain(self.callbacks) {
            if tokio::time::timeout(SETTLE_WITHIN, &mut door).await.is_err() {
                tracing::warn!("some clients did not take their answers: their connections are closed");
                door.abort();
            }
        }
        self.stop_admin.cancel();
        let _in_time = tokio::time::timeout(SETTLE_WITHIN, self.admin_task).await;
        let journal = self.line.journal.clone();
        drop((self.line, self.reload));
        // The line held the last reporter; its receipts may linger in a connection that does not close.
        let _in_time = tokio::time::timeout(SETTLE_WITHIN, self.deliveries).await;
        let _in_time = tokio::time::timeout(SETTLE_WITHIN, self.sealing).await;
        let closed = journal.close().await;
        let _in_time = tokio::time::timeout(SETTLE_WITHIN, self.notary.seal_closed()).await;
        for follower in self.followers {
            // What it does not take up now it takes up at the next start.
            let _in_time =
                tokio::time::timeout(SETTLE_WITHIN, tokio::task::spawn_blocking(move || follower.stop())).await;
        }
        closed?;
        tracing::info!("stopped");
        Ok(())
    }
}

fn console(
    (inside, books, desk): (Inside, Books, Arc<LedgerDesk>),
    (token, clear_token): (AdminToken, AdminToken),
    persons: &BTreeMap<String, PersonSettings>,
) -> Console {
    let written = persons.iter().map(|(name, person)| (name.as_str(), person.token_sm3.as_str()));
    Console {
        metrics: Arc::clone(&inside.line.metrics),
        insight: Arc::new(inside),
        lookup: Arc::new(books),
        desk,
        token: Arc::new(token),
        clear_token: Arc::new(clear_token),
        persons: Arc::new(Persons::of(written)),
        turns: Arc::new(Semaphore::new(QUESTIONS_MAX)),
    }
}

async fn notary(seal: &evidence::Settings, data: &Path, line: &Line) -> Result<Arc<Notary>, StartError> {
    let upstreams = &line.policy.load().upstreams;
    let named = upstreams.iter().find(|upstream| upstream.name == seal.anchor_upstream);
    let address = named.map(|upstream| {
        let target = if upstream.base_path.is_empty() { "/" } else { &upstream.base_path };
        Address { platform: upstream.platform.clone(), target: target.to_owned() }
    });
    let (journal, clock) = (line.journal.clone(), Arc::clone(&line.clock));
    let (seal, data) = (seal.clone(), data.to_owned());
    let opened = tokio::task::spawn_blocking(move || Notary::open(journal, &data, &seal, address, clock)).await;
    Ok(Arc::new(opened.map_err(|_| StartError::Panicked)??))
}

fn nightly(seal: &evidence::Settings, data: &Path, line: &Line, notary: &Notary) -> Result<Arc<Nightly>, StartError> {
    let key = Verifier::of(&notary.public()).map_err(|source| NotaryError::Key(source.into()))?;
    Ok(Arc::new(Nightly::new(&line.journal, data, key, seal, Arc::clone(&line.clock))))
}

fn follower(settings: &Settings, line: &Line) -> io::Result<Option<Arc<Follower>>> {
    if !settings.views.follow {
        return Ok(None);
    }
    let dir = settings.gateway.data.join(views::FOLDER);
    let clock = Arc::clone(&line.clock);
    Follower::start(Folder(dir), line.journal.clone(), settings.views.clone(), clock)
        .map(|follower| Some(Arc::new(follower)))
}

/// What is made here, nobody else on the machine may read; a folder that is there keeps its rights.
fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

async fn open_journal(settings: &Settings, master: &Master, clock: &Arc<dyn Clock>) -> Result<Journal, StartError> {
    let (journal_settings, data, clock) = (settings.journal.clone(), settings.gateway.data.clone(), Arc::clone(clock));
    let given = master.clone();
    let opened = tokio::task::spawn_blocking(move || Journal::open(&journal_settings, &data, &given, clock)).await;
    let (journal, opening) = opened.map_err(|_| StartError::Panicked)??;
    if let Master::Beside = master {
        tracing::warn!(cure = keys::master::BESIDE_CURE, "{}", keys::master::BESIDE_REMARK);
    }
    for cut in &opening.cuts {
        tracing::error!(?cut, "a torn tail was cut; its bytes stand in quarantine/");
    }
    let orphans = opening.orphans.len();
    tracing::info!(first_start = opening.first_start, last_seq = opening.last_seq.0, orphans, "journal open");
    Ok(journal)
}
