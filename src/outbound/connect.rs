//! To reach the platform: address, TCP options, TLS, and hyper's client side of the connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use crate::domain::clock::Clock;
use crate::domain::limits::{HEAD_BYTES_MAX, HEADER_LINES_MAX};

use super::heard::Unsent;
use super::socket::Socket;
use super::tap::{Seen, Tap};
use super::tls::kept::Renews;
use super::tls::platform::PlatformTls;
use super::wired::Wired;

/// Sent bytes that stay unacknowledged this long mean that the platform's machine is gone.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);
/// First keep-alive probe; firewalls between hospital and platform forget a silent connection after some minutes.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
/// Between further probes.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);

/// Makes connections to one upstream.
pub(super) struct Dial {
    host: String,
    port: u16,
    tls: Option<PlatformTls>,
    http: http1::Builder,
    clock: Arc<dyn Clock>,
}

impl Dial {
    pub(super) fn new(host: String, port: u16, tls: Option<PlatformTls>, clock: Arc<dyn Clock>) -> Dial {
        let mut http = http1::Builder::new();
        // One bad header line must not turn a settlement Unknown.
        http.ignore_invalid_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .preserve_header_case(true)
            .title_case_headers(true)
            .max_headers(HEADER_LINES_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(2 * HEAD_BYTES_MAX);
        Dial { host, port, tls, http, clock }
    }

    /// Resolves, connects and sets up; no byte of a request leaves here. The caller holds the deadline.
    pub(super) async fn connect(&self) -> Result<Wired, Unsent> {
        let (stream, witness) = self.reach().await.map_err(Unsent::Unreachable)?;
        let socket = match &self.tls {
            None => Socket::Plain(stream),
            Some(tls) => Socket::Tls(Box::pin(tls.over(stream)).await.map_err(Unsent::NoTls)?),
        };
        let seen = Arc::new(Seen::new(Arc::clone(&self.clock)));
        let tap = Tap::new(socket, Arc::clone(&seen));
        let halves = self.http.handshake(TokioIo::new(tap)).await;
        let halves = halves.map_err(|error| Unsent::Unreachable(io::Error::other(error)))?;
        Ok(Wired::new(halves, witness, seen))
    }

    /// The connected socket, and a second name for it.
    async fn reach(&self) -> io::Result<(TcpStream, socket2::Socket)> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY))?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
        let witness = socket.try_clone()?;
        Ok((stream, witness))
    }

    /// What TLS is made of, for whoever looks after the files.
    pub(super) fn certificates(&self) -> Option<Arc<dyn Renews>> {
        self.tls.as_ref().map(PlatformTls::renews)
    }
}
