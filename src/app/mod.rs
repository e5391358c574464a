//! Builds every part from settings, starts it, stops it in order; the only place that knows all parts.

mod build; // From settings to policy and line.
mod certificates; // Looks after the files of certificates.
mod erasure; // A visit erased through the admin port.
mod insight; // What the admin port is told.
mod lookup; // What it may look up of single exchanges.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::console::token::{self, AdminToken, TokenError};
use crate::console::{self, Console, QUESTIONS_MAX};
use crate::domain::clock::Clock;
use crate::exchange::{Callbacks, Line, deliveries};
use crate::inbound::Door;
use crate::inbound::tls::HisTls;
use crate::journal::master::Master;
use crate::journal::{AppendError, CloseError, Journal, OpenError};
use crate::keys::{self, Sources};
use crate::outbound;
use crate::outbound::tls::files::Trouble;
use crate::views::{self, Follower};

use certificates::Certificates;
use insight::Inside;
use lookup::Books;

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
    follower: Option<Arc<Follower>>,
    certificates: Arc<Certificates>,
}

impl Gateway {
    /// Opens the journal, then followers and admin, and last the HIS's door.
    ///
    /// # Errors
    /// What could not be started, with its cause.
    pub async fn start(settings: Settings, clock: Arc<dyn Clock>) -> Result<Gateway, StartError> {
        let data = settings.gateway.data.clone();
        // What is wrong with the settings is said before anything is made.
        let profile = build::load_profile(&settings)?;
        let master = keys::master::read(&settings.journal.master_key, &Sources::of_process())?;
        let tls = HisTls::open(&settings.inbound, &clock)?;
        private_folder(&data).map_err(|source| StartError::Data { path: data.display().to_string(), source })?;
        // Bound before the journal opens, so that a port in use leaves the journal untouched.
        let his = bind("inbound.listen", &settings.inbound.listen).await?;
        let platforms = match settings.callback.listen.as_str() {
            "" => None,
            listen => Some(bind("callback.listen", listen).await?),
        };
        let admin = bind("admin.listen", &settings.admin.listen).await?;
        let token = AdminToken::open(&data, token::FILE_NAME)?;
        let clear_token = AdminToken::open(&data, token::CLEAR_FILE_NAME)?;
        let journal = open_journal(&settings, &master, &clock).await?;
        let (line, reported, sets) = build::line(&settings, profile, journal, Arc::clone(&clock)).await?;
        let follower = follower(&settings, &line)?;

        let (stop_doors, stop_admin) = (CancellationToken::new(), CancellationToken::new());
        let deliveries = tokio::spawn(deliveries::write(line.journal.clone(), reported));
        let certificates = Arc::new(Certificates::new(tls.as_ref(), sets.into_iter(), Arc::clone(&clock)));
        tokio::spawn(Arc::clone(&certificates).watch(stop_doors.clone()));
        let callback = platforms.as_ref().map(TcpListener::local_addr).transpose()?;
        let callbacks = platforms.map(|listener| platform_door(listener, &line, &settings, &stop_doors));
        let door = Door::new(Arc::new(Arc::clone(&line)), settings.inbound, tls, stop_doors.clone());
        let inside = Inside::new(Arc::clone(&line), Arc::clone(&door), follower.clone(), Arc::clone(&certificates));
        let books = Books::new(&line, follower.clone(), &data, settings.retention.key_live_days);
        let console = Console {
            insight: Arc::new(inside),
            lookup: Arc::new(books),
            metrics: Arc::clone(&line.metrics),
            token: Arc::new(token),
            clear_token: Arc::new(clear_token),
            turns: Arc::new(Semaphore::new(QUESTIONS_MAX)),
        };
        let (listen, admin_at) = (his.local_addr()?, admin.local_addr()?);
        std::fs::write(data.join(ADMIN_FILE), format!("{admin_at}\n"))?;
        let admin_task = tokio::spawn(console::serve(admin, console, stop_admin.clone()));
        tracing::info!(%listen, admin = %admin_at, data = %data.display(), "medgate takes calls");
        Ok(Gateway {
            listen,
            admin: admin_at,
            callback,
            line,
            drain_within: Duration::from_secs(settings.gateway.drain_seconds),
            stop_doors,
            stop_admin,
            inbound: tokio::spawn(door.serve(his)),
            callbacks,
            admin_task,
            deliveries,
            follower,
            certificates,
        })
    }

    /// Reads all certificates again and takes those that hold; calls under way are not touched.
    pub fn reload(&self) {
        tracing::info!("told to read the certificates anew");
        self.certificates.ask();
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
        drop(self.line);
        // The line held the last reporter; its receipts may linger in a connection that does not close.
        let _in_time = tokio::time::timeout(SETTLE_WITHIN, self.deliveries).await;
        let closed = journal.close().await;
        if let Some(follower) = self.follower {
            // What it does not take up now it takes up at the next start.
            let _in_time =
                tokio::time::timeout(SETTLE_WITHIN, tokio::task::spawn_blocking(move || follower.stop())).await;
        }
        closed?;
        tracing::info!("stopped");
        Ok(())
    }
}

fn follower(settings: &Settings, line: &Line) -> io::Result<Option<Arc<Follower>>> {
    if !settings.views.follow {
        return Ok(None);
    }
    let dir = settings.gateway.data.join(views::FOLDER);
    let clock = Arc::clone(&line.clock);
    Follower::start(line.journal.clone(), dir, settings.views.clone(), clock).map(|follower| Some(Arc::new(follower)))
}

/// What is made here, nobody else on the machine may read; a folder that is there keeps its rights.
fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The door of the platform's own calls; plain HTTP, within the bounds of the HIS's door.
fn platform_door(
    listener: TcpListener,
    line: &Arc<Line>,
    settings: &Settings,
    stop: &CancellationToken,
) -> JoinHandle<()> {
    let line = Arc::new(Callbacks(Arc::clone(line)));
    tokio::spawn(Door::new(line, settings.inbound.clone(), None, stop.clone()).serve(listener))
}

async fn bind(setting: &'static str, address: &str) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| StartError::Bind { setting, address: address.to_owned(), source })
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

/// What keeps a gateway from starting or stopping.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error("could not make the data folder {path}")]
    Data {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A port.
    #[error("could not listen on {address} (`{setting}`); `ss -ltnp` tells which program has a port")]
    Bind {
        /// The setting.
        setting: &'static str,
        /// As set.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The admin token.
    #[error("could not open the admin token")]
    Token(#[from] TokenError),
    /// The master key of the journal's keys.
    #[error("the master key cannot be read (`journal.master_key`): {0}")]
    Master(#[from] keys::Trouble),
    /// The journal does not open; its message names the cure.
    #[error("could not open the journal")]
    Journal(#[from] OpenError),
    /// The journal could not be sealed.
    #[error("could not close the journal")]
    Close(#[from] CloseError),
    /// The profile in force could not be journaled.
    #[error("could not write to the journal")]
    Append(#[from] AppendError),
    /// The profile.
    #[error("the profile {name} does not load: {complaints}")]
    Profile {
        /// Its name.
        name: String,
        /// Every complaint.
        complaints: String,
    },
    /// Identities.
    #[error("{troubles}")]
    Identity {
        /// Every trouble with its file and cure.
        troubles: String,
    },
    /// An upstream.
    #[error("upstream {name} is not usable")]
    Upstream {
        /// Its section.
        name: String,
        /// Why.
        #[source]
        source: outbound::SettingsError,
    },
    /// A file of certificates of the HIS's door.
    #[error("TLS of the HIS's door cannot be set up")]
    Tls(#[from] Trouble),
    /// Our own code.
    #[error("a part panicked while starting")]
    Panicked,
    /// A socket.
    #[error("a socket failed")]
    Socket(#[from] io::Error),
}
