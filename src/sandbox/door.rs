//! The listener of the stand-in: who may be served, and one task for each connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::platform::{Act, Platform, Settings, StateError};
use super::wire::{Reply, Request, Wire};
use super::{control, echo, page};
use crate::domain::clock::Clock;

const CONNECTIONS_MAX: usize = 8192;

/// Why the stand-in does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A stand-in within reach of a hospital network could be taken for the platform.
    #[error("{0} is not a loopback address: a stand-in that a hospital can reach could be taken for the platform")]
    NotLoopback(SocketAddr),
    /// The saved state cannot be taken up.
    #[error("cannot take up the saved state")]
    State(#[from] StateError),
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A running stand-in; dropping it closes every connection.
pub struct Sandbox {
    addr: SocketAddr,
    platform: Arc<Platform>,
    accepting: JoinHandle<()>,
}

impl Sandbox {
    /// Starts on a loopback address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is not loopback or cannot be listened on.
    pub async fn start(listen: SocketAddr, settings: Settings, clock: Arc<dyn Clock>) -> Result<Sandbox, StartError> {
        if !listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(listen));
        }
        Sandbox::start_anywhere(listen, settings, clock).await
    }

    /// Starts on any address: for those who know what they do.
    ///
    /// # Errors
    /// When the address cannot be listened on or the state not be taken up.
    pub async fn start_anywhere(
        listen: SocketAddr,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Sandbox, StartError> {
        let failed = |source| StartError::Listen { addr: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let platform = Arc::new(Platform::new(settings, clock)?);
        let accepting = tokio::spawn(accept(listener, platform.clone()));
        Ok(Sandbox { addr, platform, accepting })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The books behind it.
    pub fn platform(&self) -> &Arc<Platform> {
        &self.platform
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, platform: Arc<Platform>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, platform.clone()));
                }
                // Out of file descriptors, most likely: wait for some to come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection to its end. An I/O error is the client's going.
async fn serve(stream: TcpStream, platform: Arc<Platform>) {
    let mut wire = Wire::new(stream);
    let idle = Duration::from_millis(platform.settings().idle_ms);
    while let Ok(Ok(Some(request))) = tokio::time::timeout(idle, wire.next()).await {
        let (number, reply) = match answer(&platform, &request).await {
            Act::Answer { number, reply } => (number, reply),
            Act::Close { reset, due } => {
                wire.close(reset).await;
                if let Some(due) = due {
                    tokio::spawn(async move { platform.perform_due(due).await });
                }
                return;
            }
        };
        match wire.answer(&reply).await {
            Ok((bytes, stays)) => {
                note_answered(&platform, number, bytes);
                if !stays || request.close {
                    break;
                }
            }
            Err(_) => return note_answered(&platform, number, 0),
        }
    }
    wire.close(false).await;
}

/// Arrival number of what is not registered: control, fixed mode.
const UNNUMBERED: u64 = 0;

async fn answer(platform: &Arc<Platform>, request: &Request) -> Act {
    let unnumbered = |reply: Reply| Act::Answer { number: UNNUMBERED, reply };
    if request.method == "GET" && request.target == "/" {
        return unnumbered(page::answer(platform));
    }
    if request.target.starts_with("/_sandbox") {
        return unnumbered(control::answer(platform, request));
    }
    if let Some(reply) = platform.token(request) {
        return unnumbered(reply);
    }
    if request.target.starts_with("/_echo") {
        let number = platform.enter_echo(request);
        return Act::Answer { number, reply: echo::answer(request).await };
    }
    if platform.settings().fixed {
        return unnumbered(platform.answer_fixed(request));
    }
    platform.act(request).await
}

fn note_answered(platform: &Platform, number: u64, bytes: u64) {
    if number != UNNUMBERED {
        platform.books().register.answer(number, bytes);
    }
}
