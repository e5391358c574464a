//! Accepts connections within bounds, and ends them in order when the gateway stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::limits::{HEAD_BYTES_MAX, HEADER_LINES_MAX};
use crate::exchange::door::Exchanges;
use crate::outbound::socket::Socket;
use crate::outbound::tls::certificate::Certificate;

use super::Settings;
use super::bounds::{Bounds, Gauges, Place};
use super::link::Link;
use super::service::Caller;
use super::tls::DoorTls;
use super::wire::Wire;

/// After a failed accept (no file descriptors, mostly): other connections need time to end.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// A silent client is probed after this; a machine that was switched off says no goodbye.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
/// What hyper may hold of one connection in each direction.
const BUFFER_BYTES_MAX: usize = 2 * HEAD_BYTES_MAX;

/// The door of the gateway.
pub struct Door<E> {
    pub(super) exchanges: Arc<E>,
    pub(super) settings: Settings,
    pub(super) bounds: Bounds,
    pub(super) stop: CancellationToken,
    tls: Option<DoorTls>,
    http: http1::Builder,
}

impl<E: Exchanges> Door<E> {
    /// A door before `line`; without `tls` it speaks plain HTTP.
    pub fn new(line: Arc<E>, settings: Settings, tls: Option<DoorTls>, stop: CancellationToken) -> Arc<Door<E>> {
        let mut http = http1::Builder::new();
        http.preserve_header_case(true)
            .title_case_headers(true)
            .auto_date_header(false)
            .half_close(false)
            .header_read_timeout(None) // the socket wrapper ends slow and idle clients
            .max_headers(HEADER_LINES_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(BUFFER_BYTES_MAX);
        let bounds = Bounds::new(&settings);
        Arc::new(Door { exchanges: line, settings, bounds, stop, tls, http })
    }

    /// For metrics.
    pub fn gauges(&self) -> Gauges {
        self.bounds.gauges()
    }

    /// Serves until `stop`, then until every connection has ended its exchange. Dropping the future closes them all.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(self.settings.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
        let mut open = JoinSet::new();
        while let Some((stream, peer, place)) = self.accept(&listener, &room).await {
            open.spawn(Arc::clone(&self).converse(stream, peer, place));
            while open.try_join_next().is_some() {}
        }
        drop(listener);
        while open.join_next().await.is_some() {}
    }

    /// The next connection, as soon as there is room for one; `None` when the gateway stops.
    async fn accept(
        &self,
        listener: &TcpListener,
        room: &Arc<Semaphore>,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let next = async {
            let place = Arc::clone(room).acquire_owned().await.ok()?;
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => return Some((stream, peer, place)),
                    Err(error) => {
                        tracing::warn!(%error, "no connection could be accepted");
                        tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            accepted = next => accepted,
        }
    }

    /// One connection to its end.
    async fn converse(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, _place: OwnedSemaphorePermit) {
        let _counted = Place::join(&self.bounds.connections, usize::MAX);
        // A failure here shows at the first read; the options are a courtesy.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_AFTER));
        let Some((socket, certificate)) = self.secure(stream, peer).await else { return };
        let link = Arc::new(Link::default());
        let wire = Wire::new(socket, Arc::clone(&link), &self.settings);
        let caller = Arc::new(Caller { door: Arc::clone(&self), link: Arc::clone(&link), peer, certificate });
        let service = service_fn(move |request| {
            let caller = Arc::clone(&caller);
            async move { caller.hear(request).await }
        });
        let mut connection = std::pin::pin!(self.http.serve_connection(TokioIo::new(wire), service));
        let ended = tokio::select! {
            biased;
            ended = &mut connection => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        self.note(ended, &link, peer);
    }

    /// The stream that HTTP is spoken over, and the certificate that the client showed; `None` when there is no TLS with it.
    async fn secure(&self, stream: TcpStream, peer: SocketAddr) -> Option<(Socket, Option<Arc<Certificate>>)> {
        let Some(tls) = &self.tls else { return Some((Socket::Plain(stream), None)) };
        let within = Duration::from_secs(self.settings.head_seconds);
        let handshake = tokio::time::timeout(within, Box::pin(tls.accept(stream)));
        let shaken = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            shaken = handshake => shaken,
        };
        let why = match shaken {
            Ok(Ok(secured)) => return Some(secured),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the handshake took too long".to_owned(),
        };
        self.bounds.no_tls.fetch_add(1, Ordering::Relaxed);
        tracing::info!(%peer, why, "no TLS with a client");
        None
    }

    fn note(&self, ended: hyper::Result<()>, link: &Link, peer: SocketAddr) {
        let counter = match &ended {
            _ if link.was_slow() => &self.bounds.slow,
            Err(error) if error.is_parse_too_large() => &self.bounds.head_too_large,
            Err(error) if error.is_parse() => &self.bounds.unreadable,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let why = ended.err().map(|error| error.to_string()).unwrap_or_default();
        tracing::info!(%peer, slow = link.was_slow(), why, "a connection was ended");
    }
}
